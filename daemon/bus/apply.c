/* SPDX-License-Identifier: MPL-2.0 */
/* What durable events mean for consumers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/bus_state.h"
#include "daemon/ledger/codec.h"
#include "sdk/protocol/text.h"

/* An event that concerns a consumer. */
struct applying {
    struct bus *bus;
    struct consumer *consumer; /* NULL: there is none, or none any more */
    const struct ledger_event *event;
    uint64_t seq;
};

/* Whether the file of cursors knew of the event already. */
static bool known(const struct applying *applying)
{
    return applying->seq <= applying->consumer->known;
}

/* The event counts as done, whether the queue has it or has yet to come to it: what the file of
 * cursors knew of that is in it for the former alone. */
static int finish(struct applying *applying, uint64_t seq)
{
    struct consumer *consumer = applying->consumer;

    bus_changed(applying->bus, consumer);
    applying->bus->woken = true;
    if (seq > queue_seen(consumer->queue))
        return consumer_finish_ahead(consumer, seq);
    if (!known(applying))
        consumer_finish(consumer, seq);
    return 0;
}

/* The event is to be done, though it may lie before the cursor. */
static int again(struct applying *applying, uint64_t seq)
{
    struct consumer *consumer = applying->consumer;

    bus_changed(applying->bus, consumer);
    applying->bus->woken = true;
    if (known(applying) && seq <= queue_seen(consumer->queue))
        return 0;
    return consumer_again(consumer, seq);
}

/* ---- consumers ---- */

static int begin(struct applying *applying)
{
    struct bus *bus = applying->bus;
    struct consumer *consumer = applying->consumer;
    const struct bus_saved *saved = bus_claim(bus, consumer);

    bus_changed(bus, consumer);
    bus->woken = true;
    if (!saved)
        return 0;
    consumer->known = saved->at;
    return consumer_reset(consumer, saved->generation, saved->seen, saved->traces, saved->count);
}

static int apply_created(struct applying *applying)
{
    const struct rentbus_consumer_data *data = &applying->event->data.consumer_data;

    if (applying->consumer)
        return -EBADMSG;
    applying->consumer = consumer_create(&data->consumer, applying->seq, data->cursor);
    if (!applying->consumer)
        return -ENOMEM;
    bus_add(applying->bus, applying->consumer);
    return begin(applying);
}

/* What is in the queue was chosen by the older definition: bus_feed() looks at it once more. What
 * workers have in their hands stays there. */
static int apply_updated(struct applying *applying)
{
    struct consumer *consumer = applying->consumer;
    int r = consumer_define(consumer, &applying->event->data.consumer_data.consumer);

    consumer->rematch_next = 0;
    consumer->rematch_last = queue_seen(consumer->queue);
    consumer->updated = true;
    bus_changed(applying->bus, consumer);
    applying->bus->woken = true;
    return r;
}

static int apply_deleted(struct applying *applying)
{
    struct bus *bus = applying->bus;
    struct rentbus_fault fault;

    rentbus_fault_set(&fault, RENTBUS_ERROR_NOT_FOUND, "id", "the consumer was deleted");
    for (size_t i = 0; i < applying->consumer->worker_count; i++)
        if (applying->consumer->workers[i].waiting)
            bus_dismiss(bus, applying->consumer, &applying->consumer->workers[i], &fault);
    bus->changed = true;
    bus->next = INT64_MIN;
    bus_remove(bus, applying->consumer);
    return 0;
}

static int apply_paused(struct applying *applying)
{
    applying->consumer->paused = true;
    applying->bus->next = INT64_MIN;
    return 0;
}

static int apply_resumed(struct applying *applying)
{
    applying->consumer->paused = false;
    applying->bus->woken = true;
    applying->bus->next = INT64_MIN;
    return 0;
}

static int apply_reset(struct applying *applying)
{
    const struct rentbus_reset_data *data = &applying->event->data.reset_data;
    int r = consumer_reset(applying->consumer, applying->seq, data->cursor, NULL, 0);

    return r ? r : begin(applying);
}

static int apply_skipped(struct applying *applying)
{
    return finish(applying, applying->event->data.skipped_data.seq);
}

/* ---- parked events ---- */

static int apply_parked(struct applying *applying)
{
    uint64_t seq = applying->event->data.parked_data.seq;
    int r = consumer_park(applying->consumer, seq, applying->seq);

    return r ? r : finish(applying, seq);
}

static int for_each_seq(struct applying *applying,
                        int (*take)(struct applying *applying, uint64_t seq))
{
    const struct rentbus_list *seqs = &applying->event->data.seqs_data.seqs;
    struct rentbus_seq_ref ref;
    size_t position = 0;
    int r = rentbus_list_next(seqs, &rentbus_seq_ref_schema, &position, &ref);

    while (r == 1) {
        consumer_unpark(applying->consumer, ref.seq);
        r = take ? take(applying, ref.seq) : 0;
        if (r == 0)
            r = rentbus_list_next(seqs, &rentbus_seq_ref_schema, &position, &ref);
    }
    return r;
}

static int apply_replayed(struct applying *applying)
{
    return for_each_seq(applying, again);
}

static int apply_dropped(struct applying *applying)
{
    return for_each_seq(applying, NULL);
}

/* Unless somebody has asked meanwhile, or it is long ago. */
static int apply_stalled(struct applying *applying)
{
    applying->consumer->stalled = applying->consumer->stalling;
    applying->consumer->stalling = false;
    return 0;
}

static int (*const appliers[])(struct applying *) = {
    [RENTBUS_CONSUMER_CREATED_EVENT] = apply_created,
    [RENTBUS_CONSUMER_UPDATED_EVENT] = apply_updated,
    [RENTBUS_CONSUMER_DELETED_EVENT] = apply_deleted,
    [RENTBUS_CONSUMER_PAUSED_EVENT] = apply_paused,
    [RENTBUS_CONSUMER_RESUMED_EVENT] = apply_resumed,
    [RENTBUS_CONSUMER_RESET_EVENT] = apply_reset,
    [RENTBUS_CONSUMER_SKIPPED_EVENT] = apply_skipped,
    [RENTBUS_CONSUMER_PARKED_EVENT] = apply_parked,
    [RENTBUS_CONSUMER_REPLAYED_EVENT] = apply_replayed,
    [RENTBUS_CONSUMER_DROPPED_EVENT] = apply_dropped,
    [RENTBUS_CONSUMER_STALLED_EVENT] = apply_stalled,
};

static bool concerns_consumer(enum rentbus_event_type type)
{
    return (size_t)type < sizeof(appliers) / sizeof(*appliers) && appliers[type];
}

static int apply_consumer_event(struct bus *bus, const struct rentbus_event *wire)
{
    struct ledger_event event;
    struct applying applying = {.bus = bus, .event = &event, .seq = wire->seq};
    int r = ledger_event_decode(wire, &event);

    if (r)
        return r;
    applying.consumer = bus_find(bus, event.subject);
    if (!applying.consumer && event.type != RENTBUS_CONSUMER_CREATED_EVENT)
        return event.type == RENTBUS_CONSUMER_DELETED_EVENT ? -EBADMSG : 0;
    return appliers[event.type](&applying);
}

/* Whether a handler published it; what others publish concerns nobody, and there is much of it. */
static bool acknowledges(struct rentbus_bytes event)
{
    return selector_find(event, rentbus_text("cause")).length > 0 &&
           selector_find(event, rentbus_text("consumer")).length > 0;
}

/* What a handler published: it acknowledges what it handled. */
static int apply_published(struct bus *bus, const struct rentbus_event *wire)
{
    struct applying applying = {.bus = bus, .seq = wire->seq};

    applying.consumer = bus_find(bus, wire->consumer);
    if (!applying.consumer)
        return 0;
    bool handled = queue_has(applying.consumer->queue, wire->cause);
    applying.consumer->acked += handled;
    pace_add(&applying.consumer->acked_pace, bus->now, handled);
    return finish(&applying, wire->cause);
}

static int apply(struct bus *bus, uint64_t seq, enum rentbus_event_type type,
                 struct rentbus_bytes bytes)
{
    struct rentbus_event wire;
    struct rentbus_fault fault;
    int r = 0;

    bus->head = seq;
    if (bus->started && bus->count > 0) {
        tail_push(&bus->tail, seq, bytes);
        bus->woken = true;
    }
    if (type == RENTBUS_EVENT_NONE ? bus->count == 0 || !acknowledges(bytes)
                                   : !concerns_consumer(type))
        return 0;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &wire, &fault))
        return -EBADMSG;
    if (type == RENTBUS_EVENT_NONE)
        r = apply_published(bus, &wire);
    else
        r = apply_consumer_event(bus, &wire);
    return r;
}

int bus_apply(struct bus *bus, uint64_t seq, enum rentbus_event_type type,
              struct rentbus_bytes bytes)
{
    if (bus->broken == 0)
        bus->broken = apply(bus, seq, type, bytes);
    return bus->broken;
}

int bus_broken(const struct bus *bus)
{
    return bus->broken;
}
