/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counts of rentals that came back, by the day in UTC of their returned_at: in all, by location, by
 * asset type and by how long the loan was. Pure, in memory, for one thread at a time. The archive
 * keeps such counts in a table; a ledger that is replayed keeps them here.
 *
 * Counted: RENTAL_RETURN_COMPLETE_EVENT with closed_by return_scan or late_checkout, and
 * RENTAL_IMPORTED_EVENT of status COMPLETED with one of these or none, as returns; with closed_by
 * missed_scan, as missed scans. What has no returned_at is not counted.
 */
#ifndef RENTBUS_ARCHIVE_TALLY_H
#define RENTBUS_ARCHIVE_TALLY_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/schema.h"

/* Locations, and asset types, in a summary. */
#define TALLY_LIST_MAX 1000
/* A loan of whole seconds falls into the bucket of its number: up to TALLY_BUCKET_EXACT each second
 * has its own, from there on TALLY_BUCKET_EXACT / 2 of them share each doubling, so that the middle
 * of one is within 0.8 % of all in it. */
#define TALLY_BUCKET_EXACT 128

enum tally_kind {
    TALLY_RETURN = 1, /* returns of the day */
    TALLY_MISSED,     /* missed scans of the day */
    TALLY_LOCATION,   /* returns at the location `name` */
    TALLY_TYPE,       /* returns of things of the asset type `name` */
    TALLY_PERIOD,     /* returns after a loan in the bucket `bucket` */
};

struct tally_row {
    int64_t day; /* days since 1970-01-01, negative before */
    enum tally_kind kind;
    struct rentbus_text name; /* absent but for TALLY_LOCATION and TALLY_TYPE */
    uint64_t bucket;          /* 0 but for TALLY_PERIOD */
    uint64_t count;
};

struct tally;

/* NULL: out of memory. */
struct tally *tally_create(void);
void tally_destroy(struct tally **tally);
/* Forgets all counts. */
void tally_clear(struct tally *tally);

/* Counts what the event says, when it is one that counts. `data` is the decoded struct of its type
 * (rentbus_event_rows, ledger_event_data()). 0, or -ENOMEM: then it is counted in part. */
int tally_take(struct tally *tally, enum rentbus_event_type type, const void *data)
    __attribute__((warn_unused_result));
/* The same for who has the rental alone; `asset_type` may be absent. */
int tally_take_rental(struct tally *tally, enum rentbus_event_type type,
                      const struct rentbus_rental *rental, struct rentbus_text asset_type)
    __attribute__((warn_unused_result));
/* Adds a row of another tally: `count` to the row with the same day, kind and name or bucket.
 * -EBADMSG for what is no row of a tally. */
int tally_add(struct tally *tally, const struct tally_row *row) __attribute__((warn_unused_result));

/* How many rows there are, and the count of the row with the day, kind and name or bucket of `row`
 * (0: there is none). */
size_t tally_rows(const struct tally *tally);
uint64_t tally_find(const struct tally *tally, const struct tally_row *row);
/* Sees one row, its name borrowed for the call. 0 to go on; anything else ends the visit, and is
 * returned. */
typedef int tally_visitor(void *context, const struct tally_row *row);
/* In no order. The visitor must not change the tally. */
int tally_visit(const struct tally *tally, tally_visitor *visit, void *context)
    __attribute__((warn_unused_result));

/* The day that a time (microseconds since 1970) lies in. */
int64_t tally_day(int64_t time);

/* The loan in the middle of a bucket, in seconds. */
int64_t tally_bucket_middle(uint64_t bucket);

/* What stats_result has of a range of days. The lists are encoded, as the result takes them: days
 * (day_returns) ascending, those without a return left out; locations (location_returns) and types
 * (asset_type_returns) by returns descending, then by id, at most TALLY_LIST_MAX. All zero when
 * empty; the lists are valid until the next tally_summarize() or the release. */
struct tally_summary {
    uint64_t returns;
    uint64_t missed_scans;
    bool has_median;
    int64_t median; /* of the loan periods: seconds; of two in the middle their mean */
    struct rentbus_list days;
    struct rentbus_list locations;
    struct rentbus_list types;
    struct rentbus_buffer bytes;
};
/* Of the days from `from` to before `until`. 0, or -ENOMEM. */
int tally_summarize(const struct tally *tally, int64_t from, int64_t until,
                    struct tally_summary *summary) __attribute__((warn_unused_result));
/* Frees what it owns; the struct itself is the caller's. */
void tally_summary_release(struct tally_summary *summary);

#endif
