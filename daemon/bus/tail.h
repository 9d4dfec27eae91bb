/* SPDX-License-Identifier: MPL-2.0 */
/* The last durable events in memory, for consumers that keep up: a ring. Not thread-safe. */
#ifndef RENTBUS_BUS_TAIL_H
#define RENTBUS_BUS_TAIL_H

#include "daemon/bus/selector.h"

/* How many events, and bytes of them, it holds at most. */
#define TAIL_EVENTS 8192
#define TAIL_BYTES ((size_t)8 << 20)

struct tail_event {
    size_t offset;
    size_t length;
    bool read; /* `keys` are */
    struct selector_keys keys;
};

/* Zeroed at first: takes its memory with the first event. */
struct tail {
    struct tail_event *events; /* that of seq at seq % TAIL_EVENTS */
    uint8_t *bytes;
    uint64_t first; /* the seqs that it holds: first to last */
    uint64_t last;
    size_t end; /* where the next event's bytes go */
};

/* Adds the event behind the last; any other begins anew. What does not fit, or finds no memory,
 * leaves the tail empty. */
void tail_push(struct tail *tail, uint64_t seq, struct rentbus_bytes event);
/* Whether it holds the event; its bytes. */
bool tail_get(const struct tail *tail, uint64_t seq, struct rentbus_bytes *event);
/* What it holds is about: NULL when it does not hold it. */
struct selector_keys *tail_keys(struct tail *tail, uint64_t seq);
void tail_release(struct tail *tail);

#endif
