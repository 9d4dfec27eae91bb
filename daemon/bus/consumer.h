/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One consumer: what it wants, its queue, its workers, who waits for events, and what is parked.
 * For the files of this folder. Not thread-safe.
 */
#ifndef RENTBUS_BUS_CONSUMER_H
#define RENTBUS_BUS_CONSUMER_H

#include "daemon/bus/map.h"
#include "daemon/bus/pace.h"
#include "daemon/bus/queue.h"
#include "sdk/protocol/buffer.h"
#include "sdk/protocol/schema.h"

/* Workers that a consumer knows, dead ones too: the one that was away longest makes room. */
#define CONSUMER_WORKERS_MAX 256
/* Events that are done before the consumer comes to them, which it remembers: what is beyond them
 * is handed out all the same. */
#define CONSUMER_AHEAD_MAX 65536

struct consumer_worker {
    uint32_t number; /* in the queue; 0: free */
    uint16_t id_length;
    bool waiting; /* the last members hold */
    char id[RENTBUS_ID_MAX];
    struct rentbus_uuid incarnation;
    int64_t seen_at;
    /* Its last fetch that got something, and which leases those are: it may ask again. */
    bool answered;
    struct rentbus_uuid answered_request;
    uint32_t first_lease;
    uint32_t last_lease;
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

/* An event that was seen and is not done, as the file of cursors remembers it. */
struct consumer_trace {
    uint64_t seq;
    uint32_t attempts;
    bool asked; /* somebody asked for it: it was parked */
};

struct consumer {
    struct consumer *next;
    struct consumer *previous;
    struct consumer *same_bucket;     /* of the bus */
    struct rentbus_buffer definition; /* encoded; `wants` points into it */
    struct rentbus_consumer wants;
    uint64_t created;    /* its CONSUMER_CREATED_EVENT */
    uint64_t generation; /* the event that set its cursor last */
    uint64_t known;      /* events up to here were in what was loaded */
    uint64_t pending;    /* an event about it that may not be durable yet */
    struct queue *queue;
    struct map done; /* events that the queue has yet to come to, and that are done already */
    struct consumer_trace *again; /* events that the queue is to be told of again */
    size_t again_first;           /* those before it have been */
    size_t again_count;
    size_t again_capacity;
    uint64_t rematch_next; /* chosen by an older definition: from here, up to there */
    uint64_t rematch_last;
    struct consumer_parked *parked; /* by seq */
    size_t parked_count;
    size_t parked_capacity;
    struct consumer_worker *workers;
    size_t worker_count; /* places ever used */
    size_t waiting_count;
    uint32_t worker_numbers;
    int64_t fetched_at; /* when a worker was heard of last; 0: not yet */
    uint64_t acked;
    uint64_t failed;
    struct pace acked_pace;
    struct pace failed_pace;
    bool paused;
    bool updated;  /* ever: what the file of cursors knows may be chosen by an older definition */
    bool stalling; /* that it is stalled has been recorded, and is not durable yet */
    bool stalled;
    bool failing; /* its events cannot be read */
    bool changed; /* since it was saved */
    bool moved;   /* only its cursor has, past what it does not want */
};

/* Takes over a copy of the definition. NULL when out of memory. */
struct consumer *consumer_create(const struct rentbus_consumer *wants, uint64_t generation,
                                 uint64_t cursor);
/* 0, or -ENOMEM with nothing changed. */
int consumer_define(struct consumer *consumer, const struct rentbus_consumer *wants)
    __attribute__((warn_unused_result));
/* Begins anew behind `seen`, but for the events of `traces`. 0, or -ENOMEM with nothing changed. */
int consumer_reset(struct consumer *consumer, uint64_t generation, uint64_t seen,
                   const struct consumer_trace *traces, size_t count)
    __attribute__((warn_unused_result));
void consumer_destroy(struct consumer **consumer);

/* NULL when it is not known. */
struct consumer_worker *consumer_find_worker(const struct consumer *consumer,
                                             struct rentbus_text id);
/* The worker, newly known when it is not. A newer incarnation takes over: what the older had in
 * hand goes back. 0; -ESTALE when the incarnation is older than the one that is known; -EUSERS when
 * there are too many, who all wait; -ENOMEM. */
int consumer_join(struct consumer *consumer, struct rentbus_text id,
                  struct rentbus_uuid incarnation, int64_t now, struct consumer_worker **worker)
    __attribute__((warn_unused_result));

/* Everything up to here is done. */
uint64_t consumer_cursor(const struct consumer *consumer);
/* The oldest event that was seen and is not done; 0 when there is none. */
uint64_t consumer_oldest(const struct consumer *consumer);
/* The event is to be done again, or, when the queue has not come to it, at all. 0, or -ENOMEM. */
int consumer_again(struct consumer *consumer, uint64_t seq) __attribute__((warn_unused_result));
/* The event is done, whether the queue has come to it or not. */
void consumer_finish(struct consumer *consumer, uint64_t seq);
/* The event, which the queue has not come to, is done. 0, or -ENOMEM. */
int consumer_finish_ahead(struct consumer *consumer, uint64_t seq)
    __attribute__((warn_unused_result));

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
