/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/tail.h"

#include <stdlib.h>
#include <string.h>

static void clear(struct tail *tail)
{
    tail->first = 1;
    tail->last = 0;
    tail->end = 0;
}

static bool allocate(struct tail *tail)
{
    if (!tail->events)
        tail->events = malloc(TAIL_EVENTS * sizeof(*tail->events));
    if (!tail->bytes)
        tail->bytes = malloc(TAIL_BYTES);
    return tail->events && tail->bytes;
}

static struct tail_event *at(const struct tail *tail, uint64_t seq)
{
    return &tail->events[seq % TAIL_EVENTS];
}

/* Drops the oldest until nothing lies in the room from `end` on, which begins anew at the front of
 * the bytes where the rest is too short. What is dropped comes in the order of the ring. */
static void make_room(struct tail *tail, size_t length)
{
    if (tail->end + length > TAIL_BYTES) {
        while (tail->first <= tail->last && at(tail, tail->first)->offset >= tail->end)
            tail->first++;
        tail->end = 0;
    }
    while (tail->first <= tail->last && at(tail, tail->first)->offset >= tail->end &&
           at(tail, tail->first)->offset < tail->end + length)
        tail->first++;
    if (tail->first + TAIL_EVENTS <= tail->last + 1)
        tail->first++;
}

void tail_push(struct tail *tail, uint64_t seq, struct rentbus_bytes event)
{
    if (seq != tail->last + 1 || !tail->events)
        clear(tail);
    if (event.length > TAIL_BYTES || !allocate(tail)) {
        clear(tail);
        return;
    }
    if (tail->first > tail->last) {
        tail->first = seq;
        tail->end = 0;
    }
    tail->last = seq - 1;
    make_room(tail, event.length);
    *at(tail, seq) = (struct tail_event){.offset = tail->end, .length = event.length};
    memcpy(tail->bytes + tail->end, event.data, event.length);
    tail->end += event.length;
    tail->last = seq;
}

bool tail_get(const struct tail *tail, uint64_t seq, struct rentbus_bytes *event)
{
    if (!tail->events || seq < tail->first || seq > tail->last)
        return false;
    *event = (struct rentbus_bytes){tail->bytes + at(tail, seq)->offset, at(tail, seq)->length};
    return true;
}

struct selector_keys *tail_keys(struct tail *tail, uint64_t seq)
{
    struct rentbus_bytes event;

    if (!tail_get(tail, seq, &event))
        return NULL;
    if (!at(tail, seq)->read && selector_read(event, &at(tail, seq)->keys))
        return NULL;
    at(tail, seq)->read = true;
    /* They may point into the ledger, which has moved on. */
    at(tail, seq)->keys.has_details = false;
    return &at(tail, seq)->keys;
}

void tail_release(struct tail *tail)
{
    free(tail->events);
    free(tail->bytes);
    *tail = (struct tail){0};
}
