/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One consumer: what it wants, its queue, its workers, who waits for events, and what is parked.
 * For the files of this folder. Not thread-safe.
 */
#ifndef RENTBUS_BUS_CONSUMER_H
#define RENTBUS_BUS_CONSUMER_H

#include "daemon/bus/map.h"
#include "daemon/bus/queue.h"
#include "sdk/protocol/buffer.h"
#include "sdk/protocol/schema.h"

/* Workers that a consumer knows, dead ones too: the one that was away longest makes room. */
#define CONSUMER_WORKERS_MAX 256

struct consumer_worker {
    uint32_t number; /* in the queue; 0: free */
    uint16_t id_length;
    bool waiting; /* the members below hold */
    char id[RENTBUS_ID_MAX];
    struct rentbus_uuid incarnation;
    int64_t seen_at;
    /* Its fetch that waits. */
    struct rentbus_uuid request;
    uint64_t credit;
    int64_t until;
    struct rentbus_buffer route;
};

struct consumer_parked {
    uint64_t seq;
    uint64_t parked_seq; /* of its CONSUMER_PARKED_EVENT */
};

/* What a file remembers of a queue: see queue_visit(). */
struct consumer_trace {
    uint64_t seq;
    uint32_t attempts; /* 0: done, or to be done again from before the cursor */
};

struct consumer {
    struct consumer *next;
    struct rentbus_buffer definition; /* encoded; `wants` points into it */
    struct rentbus_consumer wants;
    uint64_t generation; /* the event that set its cursor last */
    uint64_t known;      /* events up to here were in what was loaded */
    uint64_t pending;    /* an event about it that may not be durable yet */
    struct queue *queue;
    struct map prior; /* of events that were not offered yet: their attempts, 0 when done */
    bool again;       /* some of `prior` lie before the cursor: to be done again */
    struct consumer_parked *parked; /* by seq */
    size_t parked_count;
    size_t parked_capacity;
    struct consumer_worker *workers;
    size_t worker_count; /* places ever used */
    size_t waiting_count;
    uint32_t worker_numbers;
    int64_t fetched_at; /* when somebody asked last */
    uint64_t acked;
    uint64_t failed;
    bool paused;
    bool stalled;
    bool changed; /* since it was saved */
};

/* Takes over a copy of the definition. NULL when out of memory. */
struct consumer *consumer_create(const struct rentbus_consumer *wants, uint64_t generation,
                                 uint64_t cursor);
/* 0, or -ENOMEM with nothing changed. */
int consumer_define(struct consumer *consumer, const struct rentbus_consumer *wants)
    __attribute__((warn_unused_result));
/* Begins anew behind `cursor`, with what is known of events from there on. */
int consumer_reset(struct consumer *consumer, uint64_t generation, uint64_t cursor,
                   const struct consumer_trace *traces, size_t count)
    __attribute__((warn_unused_result));
void consumer_destroy(struct consumer **consumer);

/* The worker, newly known when it is not; NULL when the incarnation is older than the one that is
 * known. A newer one takes over: what the older had in hand goes back. */
struct consumer_worker *consumer_worker(struct consumer *consumer, struct rentbus_text id,
                                        struct rentbus_uuid incarnation, int64_t now);

/* Where the parked event is in `parked`, or `parked_count`. */
size_t consumer_parked_find(const struct consumer *consumer, uint64_t seq);
int consumer_park(struct consumer *consumer, uint64_t seq, uint64_t parked_seq)
    __attribute__((warn_unused_result));
void consumer_unpark(struct consumer *consumer, uint64_t seq);

/* When the next attempt is due behind the `attempt`-th, microseconds since 1970: the backoff, of
 * which up to a half is left out, so that what failed together does not come back together. */
int64_t consumer_retry_at(const struct consumer *consumer, uint64_t seq, uint32_t attempt,
                          int64_t now);

static inline struct rentbus_text consumer_worker_id(const struct consumer_worker *worker)
{
    return (struct rentbus_text){worker->id, worker->id_length};
}

#endif
