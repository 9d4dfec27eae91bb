/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* Between two savings: what a crash of the process may lose at most, and hand out again. */
#define SAVE_PAUSE (20 * MILLISECOND)

struct consumer *bus_find(const struct bus *bus, struct rentbus_text id)
{
    struct consumer *consumer = bus->first;

    while (consumer && !rentbus_text_equal(consumer->wants.id, id))
        consumer = consumer->next;
    return consumer;
}

int bus_require(const struct bus *bus, struct rentbus_text id, struct consumer **consumer,
                struct rentbus_fault *fault)
{
    *consumer = bus_find(bus, id);
    if (*consumer)
        return 0;
    return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "id", "there is no such consumer");
}

void bus_changed(struct bus *bus, struct consumer *consumer)
{
    consumer->changed = true;
    bus->changed = true;
    bus->next = INT64_MIN;
}

/* ---- the file of cursors ---- */

static void forget_saved(struct bus *bus)
{
    while (bus->saved) {
        struct bus_saved *next = bus->saved->next;
        free(bus->saved->traces);
        free(bus->saved);
        bus->saved = next;
    }
}

static int load_row(void *context, const struct cursors_row *row)
{
    struct bus *bus = context;
    struct bus_saved *saved = calloc(1, sizeof(*saved));
    size_t size = row->count * sizeof(*row->traces);
    struct consumer_trace *traces = size ? malloc(size) : NULL;

    if (!saved || (size && !traces)) {
        free(saved);
        free(traces);
        return -ENOMEM;
    }
    if (size)
        memcpy(traces, row->traces, size);
    *saved = (struct bus_saved){
        .next = bus->saved,
        .generation = row->generation,
        .at = row->at,
        .cursor = row->cursor,
        .count = row->count,
        .traces = traces,
        .id_length = row->id.length,
    };
    memcpy(saved->id, row->id.data, row->id.length);
    bus->saved = saved;
    return 0;
}

int bus_open(const struct bus_settings *settings, struct bus **bus)
{
    struct bus *opened = calloc(1, sizeof(*opened));
    int r = opened ? 0 : -ENOMEM;

    if (r)
        return r;
    opened->settings = *settings;
    opened->next = INT64_MIN;
    if (opened->settings.stall_after == 0)
        opened->settings.stall_after = BUS_STALL_AFTER;
    r = cursors_open(settings->path, settings->name, &opened->cursors);
    if (r == 0)
        r = cursors_load(opened->cursors, load_row, opened);
    if (r)
        bus_close(&opened);
    else
        *bus = opened;
    return r;
}

struct tracing {
    struct consumer_trace *traces;
    size_t count;
    size_t capacity;
    bool failed;
};

static void trace(void *context, uint64_t seq, bool done, uint32_t attempts)
{
    struct tracing *tracing = context;
    size_t capacity = tracing->capacity ? 2 * tracing->capacity : 64;

    if (tracing->count == tracing->capacity) {
        struct consumer_trace *grown =
            realloc(tracing->traces, capacity * sizeof(*tracing->traces));
        tracing->failed |= !grown;
        if (!grown)
            return;
        tracing->traces = grown;
        tracing->capacity = capacity;
    }
    tracing->traces[tracing->count++] = (struct consumer_trace){seq, done ? 0 : attempts};
}

/* What is known of events at and behind the cursor: of those in the queue, and of those before they
 * get there. */
static int trace_consumer(const struct consumer *consumer, struct tracing *tracing)
{
    const struct map *prior = &consumer->prior;

    queue_visit(consumer->queue, trace, tracing);
    for (size_t i = 0; i < prior->capacity; i++)
        if (prior->entries[i].value != MAP_NONE)
            trace(tracing, prior->entries[i].key, false, prior->entries[i].value);
    return tracing->failed ? -ENOMEM : 0;
}

int bus_requeue(struct consumer *consumer)
{
    struct tracing tracing = {0};
    int r = trace_consumer(consumer, &tracing);

    if (r == 0)
        r = consumer_reset(consumer, consumer->generation, queue_cursor(consumer->queue),
                           tracing.traces, tracing.count);
    free(tracing.traces);
    return r;
}

static int put_row(struct bus *bus, struct consumer *consumer)
{
    struct tracing tracing = {0};
    int r = trace_consumer(consumer, &tracing);
    struct cursors_row row = {consumer->wants.id, consumer->generation,
                              bus->head,          queue_cursor(consumer->queue),
                              tracing.traces,     tracing.count};

    if (r == 0)
        r = cursors_put(bus->cursors, &row);
    if (r == 0)
        consumer->changed = false;
    free(tracing.traces);
    return r;
}

static void save(struct bus *bus)
{
    int r = 0;

    for (struct consumer *consumer = bus->first; consumer && r == 0; consumer = consumer->next)
        if (consumer->changed)
            r = put_row(bus, consumer);
    bus->changed = r != 0;
    cursors_save(bus->cursors);
    r = cursors_error(bus->cursors);
    if ((r != 0) != bus->save_failing) {
        bus->save_failing = r != 0;
        bus->settings.log(bus->settings.context, r ? LOG_ERR : LOG_NOTICE,
                          r ? "event=cursors_failed" : "event=cursors_recovered");
    }
}

void bus_close(struct bus **bus)
{
    struct bus *old = *bus;

    if (!old)
        return;
    if (old->started && old->changed)
        save(old);
    cursors_close(&old->cursors);
    forget_saved(old);
    while (old->first) {
        struct consumer *consumer = old->first;
        old->first = consumer->next;
        consumer_destroy(&consumer);
    }
    tail_release(&old->tail);
    rentbus_buffer_release(&old->deliveries);
    rentbus_buffer_release(&old->list);
    rentbus_buffer_release(&old->event);
    free(old);
    *bus = NULL;
}

/* Rows of consumers that are gone. */
static int remove_unclaimed(struct bus *bus)
{
    int r = 0;

    for (const struct bus_saved *saved = bus->saved; saved && r == 0; saved = saved->next) {
        struct rentbus_text id = {saved->id, saved->id_length};
        if (!saved->claimed && !bus_find(bus, id))
            r = cursors_remove(bus->cursors, id);
    }
    return r;
}

int bus_start(struct bus *bus, int64_t now)
{
    int r = remove_unclaimed(bus);

    forget_saved(bus);
    bus->started = true;
    bus->woken = true;
    bus->next = INT64_MIN;
    bus->save_at = now;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next) {
        consumer->fetched_at = now;
        bus->changed |= consumer->changed;
    }
    return r;
}

/* ---- time ---- */

static void end_leases(struct bus *bus, struct consumer *consumer, int64_t now)
{
    struct queue_delivery delivery;

    while (queue_expire(consumer->queue, now, &delivery)) {
        int64_t at = consumer_retry_at(consumer, delivery.seq, delivery.attempt, now);
        bus_fail(bus, consumer, &delivery, rentbus_text("the lease ended"), at, false, now);
    }
}

static void end_waiting(struct bus *bus, struct consumer *consumer, int64_t now)
{
    for (size_t i = 0; i < consumer->worker_count && consumer->waiting_count > 0; i++)
        if (consumer->workers[i].waiting && consumer->workers[i].until <= now)
            bus_dismiss(bus, consumer, &consumer->workers[i], NULL);
}

static bool may_stall(const struct consumer *consumer)
{
    return !consumer->stalled && !consumer->paused && consumer->waiting_count == 0;
}

static int64_t stall_at(const struct bus *bus, const struct consumer *consumer)
{
    return consumer->fetched_at + bus->settings.stall_after;
}

/* Looks whether there is work that nobody asks for; looks again later when there is none. */
static void check_stall(struct bus *bus, struct consumer *consumer, int64_t now)
{
    struct ledger_event *event = &bus->recording;
    struct rentbus_stalled_data *data = &event->data.stalled_data;

    if (!may_stall(consumer) || stall_at(bus, consumer) > now)
        return;
    consumer->fetched_at = now;
    if (bus_feed(bus, consumer, 1) || queue_counts(consumer->queue).pending == 0)
        return;
    *event = (struct ledger_event){.type = RENTBUS_CONSUMER_STALLED_EVENT,
                                   .subject = consumer->wants.id};
    RENTBUS_SET(data, stalled_data, consumer_id, consumer->wants.id);
    RENTBUS_SET(data, stalled_data, cursor, queue_cursor(consumer->queue));
    RENTBUS_SET(data, stalled_data, lag, bus->head - data->cursor);
    consumer->stalled = bus->settings.record(bus->settings.context, event, 0, now) == 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_of(const struct bus *bus, const struct consumer *consumer)
{
    int64_t next = queue_timer(consumer->queue);

    for (size_t i = 0; i < consumer->worker_count && consumer->waiting_count > 0; i++)
        if (consumer->workers[i].waiting)
            next = earlier(next, consumer->workers[i].until);
    return may_stall(consumer) ? earlier(next, stall_at(bus, consumer)) : next;
}

static void work_out_next(struct bus *bus)
{
    bus->next = bus->changed ? bus->save_at : INT64_MAX;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        bus->next = earlier(bus->next, next_of(bus, consumer));
}

int64_t bus_timer(const struct bus *bus)
{
    return bus->woken ? INT64_MIN : bus->next;
}

void bus_process(struct bus *bus, int64_t now)
{
    bool due = bus->next <= now;
    bool woken = bus->woken;

    if (!due && !woken)
        return;
    bus->woken = false;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next) {
        if (due) {
            end_leases(bus, consumer, now);
            check_stall(bus, consumer, now);
        }
        if (consumer->waiting_count > 0)
            bus_serve(bus, consumer, now);
        if (due)
            end_waiting(bus, consumer, now);
    }
    if (bus->changed && bus->save_at <= now && cursors_idle(bus->cursors)) {
        save(bus);
        bus->save_at = now + SAVE_PAUSE;
    } else if (bus->changed && bus->save_at <= now) {
        bus->save_at = now + SAVE_PAUSE / 10;
    }
    work_out_next(bus);
}
