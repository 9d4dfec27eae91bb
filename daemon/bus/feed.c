/* SPDX-License-Identifier: MPL-2.0 */
/* From the journal into the queues. */
#include <errno.h>

#include "daemon/bus/bus_state.h"

/* Events that one bus_feed() looks at: who wants rare ones must not keep the others waiting. */
#define FEED_MAX 20000
/* ---- reading ---- */

static int copy_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct rentbus_buffer *copy = context;

    (void)seq;
    rentbus_buffer_append(copy, event.data, event.length);
    return 0;
}

int bus_read(struct bus *bus, uint64_t seq, struct rentbus_bytes *event)
{
    if (seq == 0 || seq > bus->head)
        return -ENOENT;
    if (tail_get(&bus->tail, seq, event))
        return 0;
    rentbus_buffer_clear(&bus->event);
    int r = journal_read(bus->settings.journal, seq, seq, copy_event, &bus->event);
    if (r == 0 && bus->event.failed)
        r = -ENOMEM;
    *event = (struct rentbus_bytes){bus->event.data, bus->event.length};
    return r == 0 && event->length == 0 ? -ENOENT : r;
}

int bus_hops(struct bus *bus, uint64_t seq, uint64_t *hops, struct rentbus_fault *fault)
{
    struct rentbus_bytes event;
    struct selector_keys keys;
    int r = bus_read(bus, seq, &event);

    if (r == -ENOENT)
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "cause", "there is no such event");
    if (r == 0)
        r = selector_read(event, &keys);
    if (r == 0)
        *hops = keys.hops;
    return r;
}

/* ---- from the journal into the queue ---- */

struct feeding {
    struct bus *bus;
    struct consumer *consumer;
    size_t wanted;
    size_t looked_at;
};

/* Ends a reading that has found enough. */
#define FEED_ENOUGH 1

static int consider(struct feeding *feeding, uint64_t seq, struct selector_keys *keys)
{
    struct consumer *consumer = feeding->consumer;
    struct queue *queue = consumer->queue;
    uint32_t attempts = map_get(&consumer->prior, seq);
    bool done = attempts == 0;

    if (!done && selector_matches(&consumer->wants, feeding->bus->settings.ledger, keys)) {
        int r = queue_offer(queue, seq, keys->subject, attempts == MAP_NONE ? 0 : attempts);
        if (r)
            return r;
    }
    queue_pass(queue, seq);
    map_remove(&consumer->prior, seq);
    bool enough = queue_full(queue) || queue_ready(queue) >= feeding->wanted ||
                  ++feeding->looked_at >= FEED_MAX;
    return enough ? FEED_ENOUGH : 0;
}

static int consider_journal(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct selector_keys keys;
    int r = selector_read(event, &keys);

    return r ? r : consider(context, seq, &keys);
}

static int feed_step(struct feeding *feeding)
{
    struct bus *bus = feeding->bus;
    uint64_t next = queue_seen(feeding->consumer->queue) + 1;
    struct selector_keys *keys = tail_keys(&bus->tail, next);

    if (keys)
        return consider(feeding, next, keys);
    return journal_read(bus->settings.journal, next, bus->head, consider_journal, feeding);
}

/* Events from before the cursor that are to be done again. */
static int feed_again(struct bus *bus, struct consumer *consumer)
{
    struct map *prior = &consumer->prior;

    for (size_t i = 0; i < prior->capacity; i++) {
        struct map_entry entry = prior->entries[i];
        struct rentbus_bytes event;
        struct selector_keys keys;
        if (entry.value == MAP_NONE || entry.key > queue_seen(consumer->queue))
            continue;
        int r = bus_read(bus, entry.key, &event);
        if (r == 0)
            r = selector_read(event, &keys);
        if (r == 0)
            r = queue_again(consumer->queue, entry.key, keys.subject);
        if (r)
            return r;
        /* What closes the gap may come from further on, or from the front: look from the start. */
        map_remove(prior, entry.key);
        i = SIZE_MAX;
    }
    consumer->again = false;
    return 0;
}

int bus_feed(struct bus *bus, struct consumer *consumer, size_t wanted)
{
    struct feeding feeding = {bus, consumer, wanted, 0};
    struct queue *queue = consumer->queue;
    uint64_t before = queue_seen(queue);
    int r = consumer->again ? feed_again(bus, consumer) : 0;

    while (r == 0 && queue_seen(queue) < bus->head && !queue_full(queue) &&
           queue_ready(queue) < wanted)
        r = feed_step(&feeding);
    if (queue_seen(queue) != before)
        bus_changed(bus, consumer);
    if (feeding.looked_at >= FEED_MAX && queue_ready(queue) == 0)
        bus->woken = true;
    return r == FEED_ENOUGH ? 0 : r;
}
