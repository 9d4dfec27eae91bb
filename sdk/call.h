/* SPDX-License-Identifier: MPL-2.0 */
/* The calls of a client that are in flight, found by their command id. Calls that ended are kept
 * with their memory for the next ones. One thread. */
#ifndef RENTBUS_CALL_H
#define RENTBUS_CALL_H

#include "sdk/protocol/buffer.h"
#include <rentbus/rentbus.h>

#include <sys/queue.h>

enum call_state {
    CALL_QUEUED, /* waits for room in the socket */
    CALL_SENT,   /* waits for its answer */
    CALL_PAUSED, /* was told to come again later: `fault` says what it was told */
};

struct call {
    TAILQ_ENTRY(call) in_flight; /* in the order of their start */
    TAILQ_ENTRY(call) queued;
    struct call *chain; /* of the hash bucket, or of the spare calls */
    enum call_state state;
    enum rentbus_op op;
    struct rentbus_uuid id;
    struct rentbus_buffer request; /* as it goes over the wire, and goes again */
    int64_t due;                   /* of the next thing to do about it; monotonic */
    int64_t deadline;
    int64_t wait; /* the daemon may take so long about it: microseconds */
    uint32_t resends;
    uint32_t pauses;
    rentbus_completed *done;
    void *context;
    struct rentbus_fault fault;
};

TAILQ_HEAD(call_list, call);

struct call_table {
    struct call **buckets;
    size_t bucket_count; /* a power of two */
    struct call_list in_flight;
    struct call_list queued;
    size_t count;
    struct call *spare;
};

/* For up to about `capacity` calls. 0, or -ENOMEM. */
int call_table_open(struct call_table *table, size_t capacity) __attribute__((warn_unused_result));
/* Frees every call; none must be in flight. */
void call_table_close(struct call_table *table);

/* A call that is not in the table yet, its request empty; NULL when out of memory. Ends in
 * call_release(). */
struct call *call_acquire(struct call_table *table);
void call_release(struct call_table *table, struct call *call);

/* Puts a call into flight, queued. */
void call_insert(struct call_table *table, struct call *call);
/* Takes it out again; it must be in. */
void call_remove(struct call_table *table, struct call *call);
struct call *call_find(const struct call_table *table, const struct rentbus_uuid *id);
/* Changes the state of a call in flight, and whether it stands in the queue. */
void call_set_state(struct call_table *table, struct call *call, enum call_state state);

#endif
