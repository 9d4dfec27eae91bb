/* SPDX-License-Identifier: MPL-2.0 */
/* From the journal into the queues. */
#include <errno.h>

#include "daemon/bus/bus_state.h"

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

static int refuse_cause(struct bus *bus, uint64_t seq, struct rentbus_fault *fault)
{
    struct journal_head base = {0};
    int r = journal_reader_base(bus->settings.journal, &base);

    return r ? r
             : rentbus_fault_set(fault, RENTBUS_ERROR_TRIMMED, "cause",
                                 "the event %llu is no longer kept: the journal begins with seq "
                                 "%llu",
                                 (unsigned long long)seq, (unsigned long long)base.seq + 1);
}

int bus_hops(struct bus *bus, uint64_t seq, uint64_t *hops, struct rentbus_fault *fault)
{
    struct rentbus_bytes event;
    struct selector_keys keys;
    int r = bus_read(bus, seq, &event);

    if (r == -ENOENT)
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "cause", "there is no such event");
    if (r == JOURNAL_TRIMMED)
        return refuse_cause(bus, seq, fault);
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
    size_t *patience;
};

/* Ends a reading that has found enough. */
#define FEED_ENOUGH 1

static bool has_enough(const struct feeding *feeding)
{
    const struct queue *queue = feeding->consumer->queue;

    return queue_full(queue) || queue_ready(queue) >= feeding->wanted;
}

static int consider(struct feeding *feeding, uint64_t seq, struct selector_keys *keys)
{
    struct consumer *consumer = feeding->consumer;
    struct queue *queue = consumer->queue;
    bool done = map_get(&consumer->done, seq) != MAP_NONE;
    int r = 0;

    if (!done && selector_matches(&consumer->wants, feeding->bus->settings.ledger, keys))
        r = queue_offer(queue, seq, keys->subject);
    if (r)
        return r;
    queue_pass(queue, seq);
    map_remove(&consumer->done, seq);
    return has_enough(feeding) ? FEED_ENOUGH : 0;
}

static int consider_journal(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct feeding *feeding = context;
    struct selector_keys keys;
    int r = selector_read(event, &keys);

    if (r == 0)
        r = consider(feeding, seq, &keys);
    return --*feeding->patience == 0 && r == 0 ? FEED_ENOUGH : r;
}

static int feed_step(struct feeding *feeding)
{
    struct bus *bus = feeding->bus;
    uint64_t next = queue_seen(feeding->consumer->queue) + 1;
    struct selector_keys *keys = tail_keys(&bus->tail, next);

    if (keys)
        return consider(feeding, next, keys);
    if (*feeding->patience == 0)
        return FEED_ENOUGH;
    int r = journal_read(bus->settings.journal, next, bus->head, consider_journal, feeding);
    return r == 0 && queue_seen(feeding->consumer->queue) < next ? -EBADMSG : r;
}

static int read_keys(struct feeding *feeding, uint64_t seq, struct selector_keys *keys)
{
    struct rentbus_bytes event;
    int r = bus_read(feeding->bus, seq, &event);

    --*feeding->patience;
    return r ? r : selector_read(event, keys);
}

/* Events that were seen, and are to be done all the same: before anything that is newer. */
static int feed_again(struct feeding *feeding)
{
    struct consumer *consumer = feeding->consumer;

    while (consumer->again_first < consumer->again_count) {
        const struct consumer_trace *trace = &consumer->again[consumer->again_first];
        struct selector_keys keys;
        if (*feeding->patience == 0 || queue_full(consumer->queue))
            return FEED_ENOUGH;
        int r = read_keys(feeding, trace->seq, &keys);
        if (r == 0)
            r = queue_again(consumer->queue, trace->seq, keys.subject, trace->attempts,
                            trace->asked);
        if (r)
            return r;
        consumer->again_first++;
    }
    consumer->again_first = 0;
    consumer->again_count = 0;
    return 0;
}

/* What an older definition has chosen, and nobody has in hand: does it fit the present one? */
static int feed_rematched(struct feeding *feeding)
{
    struct consumer *consumer = feeding->consumer;
    struct queue *queue = consumer->queue;
    uint64_t seq = queue_oldest(queue);

    while (seq && seq <= consumer->rematch_last) {
        uint64_t newer = queue_newer(queue, seq);
        struct selector_keys keys;
        if (*feeding->patience == 0)
            return FEED_ENOUGH;
        if (seq >= consumer->rematch_next && queue_idle(queue, seq)) {
            int r = read_keys(feeding, seq, &keys);
            if (r)
                return r;
            if (!selector_matches(&consumer->wants, feeding->bus->settings.ledger, &keys))
                queue_finish(queue, seq);
            bus_changed(feeding->bus, consumer);
        }
        consumer->rematch_next = seq + 1;
        seq = newer;
    }
    consumer->rematch_last = 0;
    return 0;
}

bool bus_behind(const struct bus *bus, const struct consumer *consumer)
{
    return consumer->again_count > 0 || consumer->rematch_last > 0 ||
           queue_seen(consumer->queue) < bus->head;
}

int bus_feed(struct bus *bus, struct consumer *consumer, size_t wanted, size_t *patience)
{
    struct feeding feeding = {bus, consumer, wanted, patience};
    struct queue *queue = consumer->queue;
    uint64_t before = queue_seen(queue);
    int r = feed_again(&feeding);

    if (r == 0 && consumer->rematch_last > 0)
        r = feed_rematched(&feeding);
    while (r == 0 && queue_seen(queue) < bus->head && !has_enough(&feeding))
        r = feed_step(&feeding);
    if (queue_seen(queue) != before) {
        consumer->moved = true;
        bus->moved = true;
    }
    bus->woken |= *patience == 0 && queue_ready(queue) == 0 && bus_behind(bus, consumer);
    return r == FEED_ENOUGH ? 0 : r;
}
