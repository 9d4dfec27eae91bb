/* SPDX-License-Identifier: MPL-2.0 */
/* How consumers stand. */
#include "daemon/bus/bus_state.h"

static void describe(struct bus *bus, const struct consumer *consumer,
                     struct rentbus_consumer_status *status)
{
    struct queue_counts counts = queue_counts(consumer->queue);
    uint64_t oldest = consumer_oldest(consumer);
    int64_t away = bus->now - (int64_t)consumer->wants.lease_ms * MILLISECOND;
    struct rentbus_bytes event;
    struct selector_keys keys;
    uint64_t workers = 0;

    for (size_t i = 0; i < consumer->worker_count; i++)
        workers += consumer->workers[i].waiting || consumer->workers[i].seen_at > away;
    status->has = RENTBUS_BIT(consumer_status, consumer);
    status->consumer = consumer->wants;
    RENTBUS_SET(status, consumer_status, paused, consumer->paused);
    RENTBUS_SET(status, consumer_status, cursor, consumer_cursor(consumer));
    RENTBUS_SET(status, consumer_status, lag,
                bus->head > status->cursor ? bus->head - status->cursor : 0);
    RENTBUS_SET(status, consumer_status, in_flight, counts.leased);
    RENTBUS_SET(status, consumer_status, delayed, counts.delayed);
    RENTBUS_SET(status, consumer_status, parked, consumer->parked_count);
    RENTBUS_SET(status, consumer_status, workers, workers);
    RENTBUS_SET(status, consumer_status, stalled, consumer->stalled);
    RENTBUS_SET(status, consumer_status, acked, consumer->acked);
    RENTBUS_SET(status, consumer_status, failed, consumer->failed);
    if (oldest && bus_read(bus, oldest, &event) == 0 && selector_read(event, &keys) == 0)
        RENTBUS_SET(status, consumer_status, oldest_at, keys.time);
}

bool bus_status(struct bus *bus, struct rentbus_text id, struct rentbus_consumer_status *status)
{
    const struct consumer *consumer = bus_find(bus, id);

    if (consumer)
        describe(bus, consumer, status);
    return consumer != NULL;
}

void bus_list(struct bus *bus, uint64_t after, bus_visitor *visit, void *context)
{
    struct rentbus_consumer_status status;

    for (const struct consumer *at = bus->first; at; at = at->next) {
        if (at->created <= after)
            continue;
        describe(bus, at, &status);
        if (!visit(context, at->created, &status))
            return;
    }
}

struct bus_counts bus_counts(const struct bus *bus)
{
    struct bus_counts counts = {.consumers = bus->count};

    for (const struct consumer *at = bus->first; at; at = at->next) {
        counts.stalled += at->stalled;
        counts.parked += at->parked_count;
    }
    return counts;
}

bool bus_parked(const struct bus *bus, struct rentbus_text id, uint64_t after,
                bus_parked_visitor *visit, void *context)
{
    const struct consumer *consumer = bus_find(bus, id);

    for (size_t i = 0; consumer && i < consumer->parked_count; i++)
        if (consumer->parked[i].seq > after &&
            !visit(context, consumer->parked[i].seq, consumer->parked[i].parked_seq))
            break;
    return consumer != NULL;
}
