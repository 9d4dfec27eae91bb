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

/* Events of the journal that the consumers of one round look at together: who wants rare ones must
 * not keep the others waiting. */
#define ROUND_PATIENCE 8192

/* ---- consumers ---- */

/* FNV-1a. */
static size_t bucket_of(struct rentbus_text id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < id.length; i++)
        hash = (hash ^ (uint8_t)id.data[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash >> 32) % BUS_BUCKETS;
}

struct consumer *bus_find(const struct bus *bus, struct rentbus_text id)
{
    struct consumer *consumer = bus->buckets[bucket_of(id)];

    while (consumer && !rentbus_text_equal(consumer->wants.id, id))
        consumer = consumer->same_bucket;
    return consumer;
}

void bus_add(struct bus *bus, struct consumer *consumer)
{
    struct consumer **bucket = &bus->buckets[bucket_of(consumer->wants.id)];

    consumer->same_bucket = *bucket;
    *bucket = consumer;
    consumer->next = NULL;
    consumer->previous = bus->last;
    *(bus->last ? &bus->last->next : &bus->first) = consumer;
    bus->last = consumer;
    bus->count++;
}

void bus_remove(struct bus *bus, struct consumer *consumer)
{
    struct consumer **bucket = &bus->buckets[bucket_of(consumer->wants.id)];

    while (*bucket != consumer)
        bucket = &(*bucket)->same_bucket;
    *bucket = consumer->same_bucket;
    *(consumer->previous ? &consumer->previous->next : &bus->first) = consumer->next;
    *(consumer->next ? &consumer->next->previous : &bus->last) = consumer->previous;
    bus->count--;
    consumer_destroy(&consumer);
}

int bus_require(const struct bus *bus, struct rentbus_text id, struct consumer **consumer,
                struct rentbus_fault *fault)
{
    *consumer = bus->broken ? NULL : bus_find(bus, id);
    if (*consumer || bus->broken)
        return bus->broken;
    return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "id", "there is no such consumer");
}

void bus_changed(struct bus *bus, struct consumer *consumer)
{
    consumer->changed = true;
    bus->changed = true;
    bus->next = INT64_MIN;
}

void bus_note(struct bus *bus, struct consumer *consumer, int status)
{
    char pairs[RENTBUS_ID_MAX + 96];

    if ((status != 0) == consumer->failing)
        return;
    consumer->failing = status != 0;
    snprintf(pairs, sizeof(pairs), "event=%s consumer=\"%.*s\" error=\"%s\"",
             status ? "consumer_failed" : "consumer_recovered",
             RENTBUS_TEXT_ARGS(consumer->wants.id), status ? strerror(-status) : "");
    bus->settings.log(bus->settings.context, status ? LOG_ERR : LOG_NOTICE, pairs);
}

int bus_open(const struct bus_settings *settings, struct bus **bus)
{
    struct bus *opened = calloc(1, sizeof(*opened));

    if (!opened)
        return -ENOMEM;
    opened->settings = *settings;
    opened->next = INT64_MIN;
    if (opened->settings.stall_after == 0)
        opened->settings.stall_after = BUS_STALL_AFTER;
    int r = bus_load(opened);
    if (r)
        bus_close(&opened);
    else
        *bus = opened;
    return r;
}

void bus_close(struct bus **bus)
{
    struct bus *old = *bus;

    if (!old)
        return;
    if (old->started && old->broken == 0)
        bus_save_all(old);
    cursors_close(&old->cursors);
    bus_forget_saved(old);
    while (old->first)
        bus_remove(old, old->first);
    tail_release(&old->tail);
    rentbus_buffer_release(&old->deliveries);
    rentbus_buffer_release(&old->list);
    rentbus_buffer_release(&old->event);
    free(old);
    *bus = NULL;
}

/* What was loaded is of a journal that has lost its end, such as one out of a backup: what comes
 * from now on has seqs that the consumer has seen, and is new to it all the same. */
static int take_back(struct bus *bus, struct consumer *consumer)
{
    size_t count = 0;

    if (consumer->known <= bus->head)
        return 0;
    consumer->known = bus->head;
    for (size_t i = 0; i < consumer->again_count; i++)
        if (consumer->again[i].seq <= bus->head)
            consumer->again[count++] = consumer->again[i];
    if (queue_seen(consumer->queue) <= bus->head) {
        consumer->again_count = count;
        return 0;
    }
    return consumer_reset(consumer, consumer->generation, bus->head, consumer->again, count);
}

int bus_start(struct bus *bus)
{
    int r = bus_remove_unclaimed(bus);

    bus_forget_saved(bus);
    for (struct consumer *consumer = bus->first; consumer && r == 0; consumer = consumer->next) {
        r = take_back(bus, consumer);
        bus->changed |= consumer->changed;
    }
    bus->started = true;
    bus->woken = true;
    bus->next = INT64_MIN;
    return r;
}

/* ---- time ---- */

void bus_end_leases(struct bus *bus, struct consumer *consumer, int64_t now)
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
    return !consumer->stalling && !consumer->stalled && !consumer->paused &&
           consumer->waiting_count == 0;
}

static int64_t stall_at(const struct bus *bus, const struct consumer *consumer)
{
    return consumer->fetched_at ? consumer->fetched_at + bus->settings.stall_after : INT64_MIN;
}

static void report_stall(struct bus *bus, struct consumer *consumer, int64_t now)
{
    struct ledger_event *event = &bus->recording;
    struct rentbus_stalled_data *data = &event->data.stalled_data;
    struct rentbus_bytes oldest;
    struct selector_keys keys;

    *event = (struct ledger_event){.type = RENTBUS_CONSUMER_STALLED_EVENT,
                                   .subject = consumer->wants.id};
    RENTBUS_SET(data, stalled_data, consumer_id, consumer->wants.id);
    RENTBUS_SET(data, stalled_data, cursor, consumer_cursor(consumer));
    RENTBUS_SET(data, stalled_data, lag, bus->head - data->cursor);
    if (bus_read(bus, consumer_oldest(consumer), &oldest) == 0 && selector_read(oldest, &keys) == 0)
        RENTBUS_SET(data, stalled_data, oldest_at, keys.time);
    consumer->stalling = bus->settings.record(bus->settings.context, event, 0, now) == 0;
}

/* Looks whether there is work that nobody asks for; looks again later when there is none. */
static void check_stall(struct bus *bus, struct consumer *consumer, int64_t now)
{
    if (consumer->fetched_at == 0)
        consumer->fetched_at = now;
    if (!may_stall(consumer) || stall_at(bus, consumer) > now)
        return;
    int r = bus_feed(bus, consumer, 1, &bus->patience);
    bus_note(bus, consumer, r);
    bool works = consumer_oldest(consumer) > 0;
    if (r == 0 && !works && bus_behind(bus, consumer))
        return;
    consumer->fetched_at = now;
    if (r == 0 && works)
        report_stall(bus, consumer, now);
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
    bus->next = bus_save_timer(bus);
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        bus->next = earlier(bus->next, next_of(bus, consumer));
}

int64_t bus_timer(const struct bus *bus)
{
    if (bus->broken)
        return INT64_MAX;
    return bus->woken ? INT64_MIN : bus->next;
}

static void process_one(struct bus *bus, struct consumer *consumer, bool due, int64_t now)
{
    if (due) {
        bus_end_leases(bus, consumer, now);
        check_stall(bus, consumer, now);
    }
    if (consumer->waiting_count > 0)
        bus_serve(bus, consumer, now);
    if (due)
        end_waiting(bus, consumer, now);
}

/* Those from the `from`-th to before the `to`-th. The first whose turn comes when patience is at
 * its end begins the next round. */
static void process_some(struct bus *bus, size_t from, size_t to, bool due, int64_t now)
{
    size_t at = 0;

    for (struct consumer *consumer = bus->first; consumer && at < to; consumer = consumer->next) {
        bool patient = bus->patience > 0;
        if (at++ < from)
            continue;
        process_one(bus, consumer, due, now);
        if (patient && bus->patience == 0)
            bus->turn = at;
    }
}

void bus_process(struct bus *bus, int64_t now)
{
    bool due = bus->next <= now;
    size_t turn = bus->turn < bus->count ? bus->turn : 0;

    bus->now = now;
    if (bus->broken || (!due && !bus->woken))
        return;
    bus->woken = false;
    bus->patience = ROUND_PATIENCE;
    process_some(bus, turn, bus->count, due, now);
    process_some(bus, 0, turn, due, now);
    bus_save(bus, now);
    work_out_next(bus);
}
