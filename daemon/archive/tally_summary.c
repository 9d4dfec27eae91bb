/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/archive/tally.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/time.h"

struct tally_folding {
    int64_t from;
    int64_t until;
    struct tally *sum;
    struct tally_summary *summary;
};

/* Adds up locations, types and periods over the days. */
static int tally_fold(void *context, const struct tally_row *row)
{
    const struct tally_folding *folding = context;
    struct tally_row folded = *row;

    if (row->day < folding->from || row->day >= folding->until)
        return 0;
    if (row->kind == TALLY_MISSED) {
        folding->summary->missed_scans += row->count;
        return 0;
    }
    if (row->kind == TALLY_RETURN)
        folding->summary->returns += row->count;
    else
        folded.day = 0;
    return tally_add(folding->sum, &folded);
}

struct tally_picking {
    enum tally_kind kind;
    size_t count;
    struct tally_row *rows;
};

static int tally_pick(void *context, const struct tally_row *row)
{
    struct tally_picking *picking = context;

    if (row->kind == picking->kind)
        picking->rows[picking->count++] = *row;
    return 0;
}

static int tally_compare_days(const void *left, const void *right)
{
    const struct tally_row *a = left;
    const struct tally_row *b = right;

    return (a->day > b->day) - (a->day < b->day);
}

static int tally_compare_buckets(const void *left, const void *right)
{
    const struct tally_row *a = left;
    const struct tally_row *b = right;

    return (a->bucket > b->bucket) - (a->bucket < b->bucket);
}

/* The most first; of the same count by name. */
static int tally_compare_counts(const void *left, const void *right)
{
    const struct tally_row *a = left;
    const struct tally_row *b = right;

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    size_t shorter = a->name.length < b->name.length ? a->name.length : b->name.length;
    int difference = memcmp(a->name.data, b->name.data, shorter);
    return difference ? difference : (a->name.length > b->name.length) ? 1 : -1;
}

typedef int tally_comparison(const void *left, const void *right);

/* The rows of a kind in the order of a comparison, in `rows`. Returns how many. */
static size_t tally_sorted(const struct tally *sum, enum tally_kind kind, tally_comparison *compare,
                           struct tally_row *rows)
{
    struct tally_picking picking = {kind, 0, rows};

    if (tally_visit(sum, tally_pick, &picking) == 0 && picking.count > 1)
        qsort(rows, picking.count, sizeof(*rows), compare);
    return picking.count;
}

static void tally_encode_day(const struct tally_row *row, struct rentbus_buffer *out)
{
    char text[RENTBUS_TIME_TEXT_SIZE];
    struct rentbus_day_returns day = {0};

    rentbus_time_format(row->day * RENTBUS_DAY, text);
    RENTBUS_SET(&day, day_returns, day, ((struct rentbus_text){text, strlen("2025-02-10")}));
    RENTBUS_SET(&day, day_returns, returns, row->count);
    rentbus_encode(&rentbus_day_returns_schema, &day, out);
}

static void tally_encode_location(const struct tally_row *row, struct rentbus_buffer *out)
{
    struct rentbus_location_returns location = {0};

    RENTBUS_SET(&location, location_returns, location_id, row->name);
    RENTBUS_SET(&location, location_returns, returns, row->count);
    rentbus_encode(&rentbus_location_returns_schema, &location, out);
}

static void tally_encode_type(const struct tally_row *row, struct rentbus_buffer *out)
{
    struct rentbus_asset_type_returns type = {0};

    RENTBUS_SET(&type, asset_type_returns, asset_type, row->name);
    RENTBUS_SET(&type, asset_type_returns, returns, row->count);
    rentbus_encode(&rentbus_asset_type_returns_schema, &type, out);
}

/* The bucket of the loan at `index` of all in order. */
static uint64_t tally_bucket_at(const struct tally_row *rows, uint64_t index)
{
    while (index >= rows->count)
        index -= rows++->count;
    return rows->bucket;
}

static void tally_median(const struct tally *sum, struct tally_row *rows,
                         struct tally_summary *summary)
{
    size_t count = tally_sorted(sum, TALLY_PERIOD, tally_compare_buckets, rows);
    uint64_t loans = 0;

    for (size_t i = 0; i < count; i++)
        loans += rows[i].count;
    if (loans == 0)
        return;
    int64_t lower = tally_bucket_middle(tally_bucket_at(rows, (loans - 1) / 2));
    int64_t upper = tally_bucket_middle(tally_bucket_at(rows, loans / 2));
    summary->has_median = true;
    summary->median = lower + (upper - lower) / 2;
}

/* How one list comes about. */
struct tally_listing {
    enum tally_kind kind;
    size_t limit;
    tally_comparison *compare;
    void (*encode)(const struct tally_row *row, struct rentbus_buffer *out);
    size_t list; /* offset in struct tally_summary */
};

static const struct tally_listing tally_listings[] = {
    {TALLY_RETURN, SIZE_MAX, tally_compare_days, tally_encode_day,
     offsetof(struct tally_summary, days)},
    {TALLY_LOCATION, TALLY_LIST_MAX, tally_compare_counts, tally_encode_location,
     offsetof(struct tally_summary, locations)},
    {TALLY_TYPE, TALLY_LIST_MAX, tally_compare_counts, tally_encode_type,
     offsetof(struct tally_summary, types)},
};
#define TALLY_LISTINGS (sizeof(tally_listings) / sizeof(*tally_listings))

static int tally_list(const struct tally *sum, struct tally_row *rows,
                      struct tally_summary *summary)
{
    struct rentbus_list *lists[TALLY_LISTINGS];
    const uint8_t *at;

    for (size_t i = 0; i < TALLY_LISTINGS; i++) {
        const struct tally_listing *listing = &tally_listings[i];
        size_t before = summary->bytes.length;
        size_t count = tally_sorted(sum, listing->kind, listing->compare, rows);
        lists[i] = (struct rentbus_list *)((char *)summary + listing->list);
        lists[i]->count = count < listing->limit ? count : listing->limit;
        for (size_t row = 0; row < lists[i]->count; row++)
            listing->encode(&rows[row], &summary->bytes);
        lists[i]->length = summary->bytes.length - before;
    }
    at = summary->bytes.data;
    for (size_t i = 0; i < TALLY_LISTINGS; i++) {
        lists[i]->data = at;
        at += lists[i]->length;
    }
    return summary->bytes.failed ? -ENOMEM : 0;
}

/* Fills a summary that is empty. */
static int tally_fill(const struct tally *tally, int64_t from, int64_t until, struct tally *sum,
                      struct tally_summary *summary)
{
    struct tally_folding folding = {from, until, sum, summary};
    int r = tally_visit(tally, tally_fold, &folding);
    if (r)
        return r;
    struct tally_row *rows = calloc(tally_rows(sum) + 1, sizeof(*rows));
    if (!rows)
        return -ENOMEM;

    tally_median(sum, rows, summary);
    r = tally_list(sum, rows, summary);
    free(rows);
    return r;
}

int tally_summarize(const struct tally *tally, int64_t from, int64_t until,
                    struct tally_summary *summary)
{
    struct tally_summary filled = {0};
    struct tally *sum = tally_create();
    if (!sum)
        return -ENOMEM;

    int r = tally_fill(tally, from, until, sum, &filled);
    tally_destroy(&sum);
    if (r) {
        tally_summary_release(&filled);
        return r;
    }
    tally_summary_release(summary);
    *summary = filled;
    return 0;
}

void tally_summary_release(struct tally_summary *summary)
{
    rentbus_buffer_release(&summary->bytes);
    *summary = (struct tally_summary){0};
}
