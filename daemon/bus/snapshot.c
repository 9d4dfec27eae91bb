/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The bus in a snapshot: an array of consumers in the order in which they were created, each an
 * array of its definition (bytes), created, generation, whether it is paused, whether it was
 * updated, the seq up to which it has seen everything, and three arrays of numbers: what it has
 * seen and not done (seq, attempts, asked), what is done beyond (seq), and what is parked (seq,
 * parked_seq).
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

#define CONSUMER_FIELDS 9
#define DEPTH 3

/* ---- writing ---- */

static void write_trace(struct rentbus_buffer *out, const struct consumer_trace *trace)
{
    rentbus_cbor_write_uint(out, trace->seq);
    rentbus_cbor_write_uint(out, trace->attempts);
    rentbus_cbor_write_bool(out, trace->asked);
}

static void visit_trace(void *context, uint64_t seq, uint32_t attempts, bool asked)
{
    write_trace(context, &(struct consumer_trace){seq, attempts, asked});
}

static void write_traces(struct rentbus_buffer *out, const struct consumer *consumer)
{
    size_t again = consumer->again_count - consumer->again_first;

    rentbus_cbor_write_array(out, 3 * (queue_counts(consumer->queue).pending + again));
    queue_visit(consumer->queue, visit_trace, out);
    for (size_t i = consumer->again_first; i < consumer->again_count; i++)
        write_trace(out, &consumer->again[i]);
}

static void write_done(struct rentbus_buffer *out, const struct map *done)
{
    rentbus_cbor_write_array(out, done->count);
    for (size_t i = 0; i < done->capacity; i++)
        if (done->entries[i].value != MAP_NONE)
            rentbus_cbor_write_uint(out, done->entries[i].key);
}

static void write_consumer(struct rentbus_buffer *out, const struct consumer *consumer)
{
    rentbus_cbor_write_array(out, CONSUMER_FIELDS);
    rentbus_cbor_write_bytes(out, consumer->definition.data, consumer->definition.length);
    rentbus_cbor_write_uint(out, consumer->created);
    rentbus_cbor_write_uint(out, consumer->generation);
    rentbus_cbor_write_bool(out, consumer->paused);
    rentbus_cbor_write_bool(out, consumer->updated);
    rentbus_cbor_write_uint(out, queue_seen(consumer->queue));
    write_traces(out, consumer);
    write_done(out, &consumer->done);
    rentbus_cbor_write_array(out, 2 * consumer->parked_count);
    for (size_t i = 0; i < consumer->parked_count; i++) {
        rentbus_cbor_write_uint(out, consumer->parked[i].seq);
        rentbus_cbor_write_uint(out, consumer->parked[i].parked_seq);
    }
}

uint64_t bus_head(const struct bus *bus)
{
    return bus->head;
}

int bus_snapshot(const struct bus *bus, struct rentbus_buffer *out)
{
    if (bus->broken)
        return bus->broken;
    rentbus_cbor_write_array(out, bus->count);
    for (const struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        write_consumer(out, consumer);
    return out->failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

/* Bytes that were checked: what is not of the type asked for is remembered. */
struct restoring {
    struct rentbus_cbor_reader reader;
    uint64_t head;
    bool wrong;
};

static uint64_t get(struct restoring *restoring, enum rentbus_cbor_type type)
{
    struct rentbus_cbor_item item = rentbus_cbor_read(&restoring->reader);

    restoring->wrong |= item.type != type;
    return restoring->wrong ? 0 : item.number;
}

/* Nothing in a snapshot is behind its head. */
static uint64_t get_seq(struct restoring *restoring)
{
    uint64_t seq = get(restoring, RENTBUS_CBOR_UINT);

    restoring->wrong |= seq > restoring->head;
    return seq;
}

/* How often there are `each` items in the array. */
static uint64_t get_array(struct restoring *restoring, uint64_t each)
{
    uint64_t count = get(restoring, RENTBUS_CBOR_ARRAY);

    restoring->wrong |= count % each != 0;
    return restoring->wrong ? 0 : count / each;
}

static int create(struct restoring *restoring, const struct bus *bus, struct consumer **consumer)
{
    struct rentbus_cbor_item item = rentbus_cbor_read(&restoring->reader);
    struct rentbus_consumer wants;
    struct rentbus_fault fault;

    if (item.type != RENTBUS_CBOR_BYTES ||
        rentbus_decode(&rentbus_consumer_schema, item.bytes, RENTBUS_STRICT, &wants, &fault) ||
        bus_check_definition(&wants, &fault) || bus_find(bus, wants.id))
        return -EBADMSG;
    uint64_t created = get_seq(restoring);
    *consumer = consumer_create(&wants, get_seq(restoring), 0);
    if (!*consumer)
        return -ENOMEM;
    (*consumer)->created = created;
    (*consumer)->paused = get(restoring, RENTBUS_CBOR_BOOL);
    (*consumer)->updated = get(restoring, RENTBUS_CBOR_BOOL);
    return 0;
}

/* Of an event that was seen, and can be asked for again. */
static struct consumer_trace get_trace(struct restoring *restoring, uint64_t seen)
{
    uint64_t seq = get(restoring, RENTBUS_CBOR_UINT);
    uint64_t attempts = get(restoring, RENTBUS_CBOR_UINT);
    bool asked = get(restoring, RENTBUS_CBOR_BOOL);

    restoring->wrong |= seq == 0 || seq > seen || attempts > UINT32_MAX;
    return (struct consumer_trace){seq, (uint32_t)attempts, asked};
}

/* The file of cursors may know of later than the snapshot; else the snapshot knows best. */
static int restore_queue(struct restoring *restoring, struct bus *bus, struct consumer *consumer)
{
    const struct bus_saved *saved = bus_claim(bus, consumer);
    uint64_t seen = get_seq(restoring);
    uint64_t count = get_array(restoring, 3);
    struct consumer_trace *traces = calloc(count + 1, sizeof(*traces));
    int r;

    if (!traces)
        return -ENOMEM;
    for (uint64_t i = 0; i < count; i++)
        traces[i] = get_trace(restoring, seen);
    if (saved && saved->at >= restoring->head) {
        consumer->known = saved->at;
        r = consumer_reset(consumer, saved->generation, saved->seen, saved->traces, saved->count);
    } else {
        consumer->known = restoring->head;
        r = consumer_reset(consumer, consumer->generation, seen, traces, count);
    }
    free(traces);
    if (consumer->updated)
        consumer->rematch_last = queue_seen(consumer->queue);
    return r;
}

static int restore_done(struct restoring *restoring, struct consumer *consumer)
{
    uint64_t count = get_array(restoring, 1);
    int r = 0;

    for (uint64_t i = 0; i < count && r == 0; i++) {
        uint64_t seq = get(restoring, RENTBUS_CBOR_UINT);
        if (!restoring->wrong && seq > queue_seen(consumer->queue))
            r = consumer_finish_ahead(consumer, seq);
    }
    return r;
}

static int restore_parked(struct restoring *restoring, struct consumer *consumer)
{
    uint64_t count = get_array(restoring, 2);
    int r = 0;

    for (uint64_t i = 0; i < count && r == 0; i++) {
        uint64_t seq = get_seq(restoring);
        uint64_t parked_seq = get_seq(restoring);
        if (!restoring->wrong)
            r = consumer_park(consumer, seq, parked_seq);
    }
    return r;
}

static int restore_consumer(struct restoring *restoring, struct bus *bus)
{
    struct consumer *consumer = NULL;
    int r =
        get_array(restoring, CONSUMER_FIELDS) == 1 ? create(restoring, bus, &consumer) : -EBADMSG;

    if (r)
        return r;
    bus_add(bus, consumer);
    r = restore_queue(restoring, bus, consumer);
    if (r == 0)
        r = restore_done(restoring, consumer);
    if (r == 0)
        r = restore_parked(restoring, consumer);
    return r == 0 && restoring->wrong ? -EBADMSG : r;
}

int bus_restore(struct bus *bus, uint64_t seq, struct rentbus_bytes bytes)
{
    const struct rentbus_cbor_limits limits = {SIZE_MAX, SIZE_MAX, DEPTH};
    int r = 0;

    if (rentbus_cbor_check(bytes, &limits) != RENTBUS_CBOR_OK)
        return -EBADMSG;
    struct restoring restoring = {.reader = rentbus_cbor_reader(bytes), .head = seq};
    uint64_t count = get_array(&restoring, 1);
    for (uint64_t i = 0; i < count && r == 0; i++)
        r = restore_consumer(&restoring, bus);
    bus->head = seq;
    return r == 0 && restoring.wrong ? -EBADMSG : r;
}
