/* SPDX-License-Identifier: MPL-2.0 */
/* How consumers stand. */
#include <string.h>

#include "daemon/bus/bus_state.h"

/* Events of the journal that one request looks at, to find the oldest that a consumer has to do,
 * where no worker has asked for it yet. */
#define REPORT_PATIENCE 4096

/* The oldest event that is not done; 0 when there is none, or none is found so soon. */
static uint64_t find_oldest(struct bus *bus, struct consumer *consumer, size_t *patience)
{
    if (consumer_oldest(consumer) == 0 && bus_behind(bus, consumer) && *patience > 0)
        bus_note(bus, consumer, bus_feed(bus, consumer, 1, patience));
    return consumer_oldest(consumer);
}

static void describe(struct bus *bus, struct consumer *consumer, size_t *patience,
                     struct rentbus_consumer_status *status)
{
    uint64_t oldest = find_oldest(bus, consumer, patience);
    struct queue_counts counts = queue_counts(consumer->queue);
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
    RENTBUS_SET(status, consumer_status, acked_last_minute,
                pace_sum(&consumer->acked_pace, bus->now));
    RENTBUS_SET(status, consumer_status, failed_last_minute,
                pace_sum(&consumer->failed_pace, bus->now));
    if (oldest && bus_read(bus, oldest, &event) == 0 && selector_read(event, &keys) == 0)
        RENTBUS_SET(status, consumer_status, oldest_at, keys.time);
}

bool bus_status(struct bus *bus, struct rentbus_text id, struct rentbus_consumer_status *status)
{
    struct consumer *consumer = bus_find(bus, id);
    size_t patience = REPORT_PATIENCE;

    if (consumer)
        describe(bus, consumer, &patience, status);
    return consumer != NULL;
}

void bus_list(struct bus *bus, uint64_t after, bus_visitor *visit, void *context)
{
    struct rentbus_consumer_status status;
    size_t patience = REPORT_PATIENCE;

    for (struct consumer *at = bus->first; at; at = at->next) {
        if (at->created <= after)
            continue;
        describe(bus, at, &patience, &status);
        if (!visit(context, at->created, &status))
            return;
    }
}

/* The consumers that are furthest behind, so far. */
struct ranking {
    size_t count;
    struct {
        struct consumer *consumer;
        uint64_t cursor;
    } ranks[BUS_BEHIND_MAX];
};

/* Behind those that are as far: they were created before. */
static void rank(struct ranking *ranking, struct consumer *consumer)
{
    uint64_t cursor = consumer_cursor(consumer);
    size_t place = ranking->count;

    while (place > 0 && ranking->ranks[place - 1].cursor > cursor)
        place--;
    if (place == BUS_BEHIND_MAX)
        return;
    ranking->count += ranking->count < BUS_BEHIND_MAX;
    memmove(&ranking->ranks[place + 1], &ranking->ranks[place],
            (ranking->count - place - 1) * sizeof(*ranking->ranks));
    ranking->ranks[place].consumer = consumer;
    ranking->ranks[place].cursor = cursor;
}

void bus_list_behind(struct bus *bus, bus_visitor *visit, void *context)
{
    struct ranking ranking = {.count = 0};
    struct rentbus_consumer_status status;
    size_t patience = REPORT_PATIENCE;

    for (struct consumer *at = bus->first; at; at = at->next) {
        (void)find_oldest(bus, at, &patience);
        rank(&ranking, at);
    }
    patience = REPORT_PATIENCE;
    for (size_t i = 0; i < ranking.count; i++) {
        struct consumer *consumer = ranking.ranks[i].consumer;
        describe(bus, consumer, &patience, &status);
        if (!visit(context, consumer->created, &status))
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
