/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the bus share. */
#ifndef RENTBUS_BUS_BUS_STATE_H
#define RENTBUS_BUS_BUS_STATE_H

#include "daemon/bus/bus.h"
#include "daemon/bus/consumer.h"
#include "daemon/bus/cursors.h"
#include "daemon/bus/tail.h"

#define MILLISECOND INT64_C(1000)

/* A row of the file of cursors, until its consumer has come out of the journal. */
struct bus_saved {
    struct bus_saved *next; /* in its bucket */
    uint64_t generation;
    uint64_t at;
    uint64_t seen;
    size_t count;
    struct consumer_trace *traces;
    bool claimed; /* by its consumer */
    size_t id_length;
    char id[RENTBUS_ID_MAX];
};

/* Of consumers, by the hash of their ids; and of rows, by that of their generations. */
#define BUS_BUCKETS 4096

struct bus {
    struct bus_settings settings;
    struct cursors *cursors;
    struct bus_saved *saved[BUS_BUCKETS];
    struct consumer *first; /* in the order in which they were created */
    struct consumer *last;
    struct consumer *buckets[BUS_BUCKETS];
    size_t count;
    uint64_t head; /* the last durable event */
    struct tail tail;
    int broken; /* as of bus_broken() */
    bool started;
    bool woken;        /* there may be something for those who wait */
    uint64_t creating; /* the last CONSUMER_CREATED_EVENT, which may not be durable yet */
    uint64_t awaited;  /* what the last BUS_AGAIN waits for */
    int64_t now;       /* the last that was given */
    int64_t next;      /* when something is due; INT64_MIN: has to be worked out */
    size_t patience;   /* events of the journal that may be looked at in this round */
    size_t turn;       /* the consumer that begins the next round */
    bool changed;      /* a consumer has: it is saved at save_at, or later */
    bool moved;        /* the same, at move_at */
    bool saving;
    bool save_failing;
    int64_t save_at;
    int64_t move_at;
    struct queue_delivery taken[BUS_CREDIT_MAX];
    struct rentbus_buffer deliveries;
    struct rentbus_buffer list;     /* what a decision borrows */
    struct rentbus_buffer event;    /* a copy of one */
    struct rentbus_consumer wanted; /* of a decision */
    struct ledger_event recording;  /* what the bus records */
};

struct consumer *bus_find(const struct bus *bus, struct rentbus_text id);
/* Behind the others; takes it over. */
void bus_add(struct bus *bus, struct consumer *consumer);
/* Destroys it. */
void bus_remove(struct bus *bus, struct consumer *consumer);
/* NOT_FOUND when there is no such consumer. */
int bus_require(const struct bus *bus, struct rentbus_text id, struct consumer **consumer,
                struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* A copy of a durable event, good until the next call. -ENOENT when there is none. */
int bus_read(struct bus *bus, uint64_t seq, struct rentbus_bytes *event)
    __attribute__((warn_unused_result));
void bus_changed(struct bus *bus, struct consumer *consumer);
/* INVALID_ARGUMENT with *fault for what no consumer can be like. */
int bus_check_definition(const struct rentbus_consumer *wants, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* ---- the file of cursors ---- */

/* Keeps what the file says until its consumers come out of the journal. */
int bus_load(struct bus *bus) __attribute__((warn_unused_result));
/* The row of the consumer as it is now; NULL when there is none. */
struct bus_saved *bus_claim(struct bus *bus, const struct consumer *consumer);
/* Removes the rows of consumers that are gone, with the next saving. 0, or -ENOMEM. */
int bus_remove_unclaimed(struct bus *bus) __attribute__((warn_unused_result));
void bus_forget_saved(struct bus *bus);
/* Saves what is due. */
void bus_save(struct bus *bus, int64_t now);
/* When it is due next; INT64_MAX when nothing is. */
int64_t bus_save_timer(const struct bus *bus);
/* Saves all, and waits for it. */
void bus_save_all(struct bus *bus);

/* ---- from the journal to the workers ---- */

/* Offers the queue what the consumer wants, until `wanted` events are ready, the head is reached,
 * or it has looked at `patience` events of the journal, which is less afterwards. 0, or a negative
 * errno. */
int bus_feed(struct bus *bus, struct consumer *consumer, size_t wanted, size_t *patience)
    __attribute__((warn_unused_result));
/* The attempt has failed: tries again later, or parks. False when it is being parked. */
bool bus_fail(struct bus *bus, struct consumer *consumer, const struct queue_delivery *delivery,
              struct rentbus_text error, int64_t retry_at, bool fatal, int64_t now);
/* Whether bus_feed() has more to look at. */
bool bus_behind(const struct bus *bus, const struct consumer *consumer);
/* Tells when the events of a consumer cannot be read, or can again. */
void bus_note(struct bus *bus, struct consumer *consumer, int status);
/* Makes ready what has waited until `now`; what was in hands for too long has failed. */
void bus_end_leases(struct bus *bus, struct consumer *consumer, int64_t now);
/* Hands out to those of the consumer who wait. */
void bus_serve(struct bus *bus, struct consumer *consumer, int64_t now);
/* Ends a fetch that waits: with nothing, or with `fault`. */
void bus_dismiss(struct bus *bus, struct consumer *consumer, struct consumer_worker *worker,
                 const struct rentbus_fault *fault);
/* Adds a map with a seq to a list of them. */
void bus_write_seq(struct rentbus_buffer *out, uint64_t seq);

#endif
