/* SPDX-License-Identifier: MPL-2.0 */
/* Bytes that pass for the bus in a snapshot, behind two bytes of its head: whatever they are read
 * as reads the same again, and can be worked off. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/bus_state.h"

#define HEAD_SIZE 2
#define WORKER 1
#define SUBJECTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without files: nothing of it is saved. NULL when the bytes are refused. */
static struct bus *restore(uint64_t head, struct rentbus_bytes bytes)
{
    struct bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        abort();
    int status = bus_restore(bus, head, bytes);
    if (status && status != -EBADMSG)
        abort();
    if (status)
        bus_close(&bus);
    return bus;
}

static void write_bus(const struct bus *bus, struct rentbus_buffer *out)
{
    if (bus_snapshot(bus, out) || out->failed)
        abort();
}

/* What is done ahead stands in no order. */
static void compare_done(const struct map *once, const struct map *twice)
{
    if (once->count != twice->count)
        abort();
    for (size_t i = 0; i < once->capacity; i++)
        if (once->entries[i].value != MAP_NONE && map_get(twice, once->entries[i].key) == MAP_NONE)
            abort();
}

static void compare(const struct consumer *once, const struct consumer *twice)
{
    if (once->definition.length != twice->definition.length ||
        memcmp(once->definition.data, twice->definition.data, once->definition.length) != 0)
        abort();
    if (once->created != twice->created || once->generation != twice->generation ||
        once->known != twice->known || once->paused != twice->paused ||
        once->updated != twice->updated || once->rematch_last != twice->rematch_last)
        abort();
    if (queue_seen(once->queue) != queue_seen(twice->queue) ||
        consumer_cursor(once) != consumer_cursor(twice) ||
        once->again_count != twice->again_count || once->parked_count != twice->parked_count)
        abort();
    compare_done(&once->done, &twice->done);
}

/* The same bytes, but for the order of what is done ahead. */
static void compare_buses(const struct bus *once, const struct bus *twice)
{
    struct rentbus_buffer first = {0};
    struct rentbus_buffer second = {0};
    const struct consumer *other = twice->first;

    for (const struct consumer *one = once->first; one; one = one->next) {
        if (!other)
            abort();
        compare(one, other);
        other = other->next;
    }
    write_bus(once, &first);
    write_bus(twice, &second);
    if (other || first.length != second.length)
        abort();
    rentbus_buffer_release(&first);
    rentbus_buffer_release(&second);
}

/* Hands out and acknowledges, as if the journal had the events. */
static void work_off(struct consumer *consumer)
{
    struct queue *queue = consumer->queue;
    struct queue_delivery delivery;
    int64_t now = 0;

    for (size_t i = 0; i < consumer->again_count; i++) {
        const struct consumer_trace *trace = &consumer->again[i];
        if (trace->seq == 0 || trace->seq > queue_seen(queue) ||
            queue_again(queue, trace->seq, trace->seq % SUBJECTS, trace->attempts, trace->asked))
            abort();
    }
    consumer->again_count = 0;
    while (queue_take(queue, WORKER, now, &delivery)) {
        now = consumer_retry_at(consumer, delivery.seq, delivery.attempt, now);
        if (queue_ack(queue, WORKER, delivery.seq, delivery.lease) != QUEUE_DONE)
            abort();
    }
    if (now < 0 || consumer_cursor(consumer) != queue_seen(queue))
        abort();
    while (consumer->parked_count > 0)
        consumer_unpark(consumer, consumer->parked[0].seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rentbus_buffer written = {0};

    if (size < HEAD_SIZE)
        return 0;
    uint64_t head = (uint64_t)data[0] << 8 | data[1];
    struct bus *bus = restore(head, (struct rentbus_bytes){data + HEAD_SIZE, size - HEAD_SIZE});
    if (!bus)
        return 0;
    write_bus(bus, &written);
    struct bus *again = restore(head, (struct rentbus_bytes){written.data, written.length});
    if (!again || bus_head(bus) != head)
        abort();
    compare_buses(bus, again);
    for (struct consumer *consumer = bus->first; consumer; consumer = consumer->next)
        work_off(consumer);
    bus_close(&bus);
    bus_close(&again);
    rentbus_buffer_release(&written);
    return 0;
}
