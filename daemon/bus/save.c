/* SPDX-License-Identifier: MPL-2.0 */
/* How consumers stand, to the file of cursors and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/text.h"

/* Between two savings: what a crash of the process may lose, and hand out again. The longer the
 * more there was to save: so many bytes a microsecond. */
#define SAVE_PAUSE (20 * MILLISECOND)
#define SAVE_SPEED 8
/* How long a cursor that only passed what nobody wants is not saved. */
#define MOVE_PAUSE (5000 * MILLISECOND)
#define FAILURE_PAUSE (1000 * MILLISECOND)

/* ---- loading ---- */

/* Generations are seqs, which may stand apart by the same everywhere: the multiplier (2^64 over the
 * golden ratio) spreads them. */
static struct bus_saved **bucket_of(struct bus *bus, uint64_t generation)
{
    return &bus->saved[(generation * UINT64_C(0x9e3779b97f4a7c15) >> 32) % BUS_BUCKETS];
}

static int load_row(void *context, const struct cursors_row *row)
{
    struct bus *bus = context;
    struct bus_saved **bucket = bucket_of(bus, row->generation);
    struct bus_saved *saved = calloc(1, sizeof(*saved));
    struct consumer_trace *traces = calloc(row->count + 1, sizeof(*traces));

    if (!saved || !traces) {
        free(saved);
        free(traces);
        return -ENOMEM;
    }
    for (size_t i = 0; i < row->count; i++)
        traces[i] = row->traces[i];
    *saved = (struct bus_saved){
        .next = *bucket,
        .generation = row->generation,
        .at = row->at,
        .seen = row->seen,
        .count = row->count,
        .traces = traces,
        .id_length = row->id.length,
    };
    memcpy(saved->id, row->id.data, row->id.length);
    *bucket = saved;
    return 0;
}

int bus_load(struct bus *bus)
{
    return cursors_open(bus->settings.path, bus->settings.name, load_row, bus, &bus->cursors);
}

struct bus_saved *bus_claim(struct bus *bus, const struct consumer *consumer)
{
    struct bus_saved *saved = *bucket_of(bus, consumer->generation);

    while (saved && (saved->generation != consumer->generation ||
                     !rentbus_text_equal((struct rentbus_text){saved->id, saved->id_length},
                                         consumer->wants.id)))
        saved = saved->next;
    if (saved)
        saved->claimed = true;
    return saved;
}

int bus_remove_unclaimed(struct bus *bus)
{
    int r = 0;

    for (size_t i = 0; i < BUS_BUCKETS; i++)
        for (const struct bus_saved *saved = bus->saved[i]; saved && r == 0; saved = saved->next) {
            struct rentbus_text id = {saved->id, saved->id_length};
            if (!saved->claimed && !bus_find(bus, id))
                r = cursors_remove(bus->cursors, id);
        }
    return r;
}

void bus_forget_saved(struct bus *bus)
{
    for (size_t i = 0; i < BUS_BUCKETS; i++)
        while (bus->saved[i]) {
            struct bus_saved *next = bus->saved[i]->next;
            free(bus->saved[i]->traces);
            free(bus->saved[i]);
            bus->saved[i] = next;
        }
}

/* ---- saving ---- */

struct tracing {
    struct consumer_trace *traces;
    size_t count;
};

static void trace(void *context, uint64_t seq, uint32_t attempts, bool asked)
{
    struct tracing *tracing = context;

    tracing->traces[tracing->count++] = (struct consumer_trace){seq, attempts, asked};
}

/* 0 with how many bytes are to be saved in *size, which is added to. */
static int put_row(struct bus *bus, struct consumer *consumer, size_t *size)
{
    size_t most = queue_counts(consumer->queue).pending + consumer->again_count;
    struct tracing tracing = {calloc(most + 1, sizeof(*tracing.traces)), 0};

    if (!tracing.traces)
        return -ENOMEM;
    queue_visit(consumer->queue, trace, &tracing);
    for (size_t i = consumer->again_first; i < consumer->again_count; i++)
        tracing.traces[tracing.count++] = consumer->again[i];
    struct cursors_row row = {consumer->wants.id,          consumer->generation, bus->head,
                              queue_seen(consumer->queue), tracing.traces,       tracing.count};
    int r = cursors_put(bus->cursors, &row);
    if (r == 0) {
        consumer->changed = false;
        consumer->moved = false;
        *size += tracing.count * sizeof(*tracing.traces);
    }
    free(tracing.traces);
    return r;
}

static void tell(struct bus *bus, int status)
{
    bool failed = status != 0;

    if (failed == bus->save_failing)
        return;
    bus->save_failing = failed;
    bus->settings.log(bus->settings.context, failed ? LOG_ERR : LOG_NOTICE,
                      failed ? "event=cursors_failed" : "event=cursors_recovered");
}

/* What became of the last saving. When it failed, all is to be saved again. */
static void end_saving(struct bus *bus, int64_t now)
{
    int r = cursors_finish(bus->cursors);

    tell(bus, r);
    bus->saving = false;
    if (r == 0)
        return;
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        consumer->changed = true;
    bus->changed = bus->count > 0;
    bus->save_at = now + FAILURE_PAUSE;
}

/* Begins to save what has changed, and what has `moved` too. */
static void begin_saving(struct bus *bus, bool moved, int64_t now)
{
    size_t size = 0;
    int r = 0;

    for (struct consumer *consumer = bus->first; consumer && r == 0; consumer = consumer->next)
        if (consumer->changed || (moved && consumer->moved))
            r = put_row(bus, consumer, &size);
    bus->changed = r != 0;
    bus->moved = bus->moved && (r || !moved);
    bus->saving = true;
    bus->save_at = now + SAVE_PAUSE + (int64_t)(size / SAVE_SPEED);
    if (moved)
        bus->move_at = now + MOVE_PAUSE;
    cursors_save(bus->cursors);
}

void bus_save(struct bus *bus, int64_t now)
{
    if (bus->save_at > now)
        return;
    if (bus->saving && !cursors_idle(bus->cursors)) {
        bus->save_at = now + SAVE_PAUSE / 10;
        return;
    }
    if (bus->saving)
        end_saving(bus, now);
    bool moved = bus->moved && bus->move_at <= now;
    if (bus->save_at <= now && (bus->changed || moved))
        begin_saving(bus, moved, now);
}

int64_t bus_save_timer(const struct bus *bus)
{
    if (bus->changed || bus->saving)
        return bus->save_at;
    if (!bus->moved)
        return INT64_MAX;
    return bus->move_at > bus->save_at ? bus->move_at : bus->save_at;
}

void bus_save_all(struct bus *bus)
{
    if (bus->saving)
        end_saving(bus, bus->now);
    begin_saving(bus, true, bus->now);
    tell(bus, cursors_finish(bus->cursors));
}
