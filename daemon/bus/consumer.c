/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/consumer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"

#define PARKED_MIN 16
#define MILLISECOND INT64_C(1000)

int consumer_define(struct consumer *consumer, const struct rentbus_consumer *wants)
{
    struct rentbus_buffer definition = {0};
    struct rentbus_fault fault;

    rentbus_encode(&rentbus_consumer_schema, wants, &definition);
    struct rentbus_bytes bytes = {definition.data, definition.length};
    if (definition.failed ||
        rentbus_decode(&rentbus_consumer_schema, bytes, RENTBUS_STRICT, &consumer->wants, &fault)) {
        rentbus_buffer_release(&definition);
        return -ENOMEM;
    }
    rentbus_buffer_release(&consumer->definition);
    consumer->definition = definition;
    return 0;
}

struct consumer *consumer_create(const struct rentbus_consumer *wants, uint64_t generation,
                                 uint64_t cursor)
{
    struct consumer *consumer = calloc(1, sizeof(*consumer));

    if (!consumer)
        return NULL;
    if (consumer_define(consumer, wants) || consumer_reset(consumer, generation, cursor, NULL, 0))
        consumer_destroy(&consumer);
    return consumer;
}

int consumer_reset(struct consumer *consumer, uint64_t generation, uint64_t cursor,
                   const struct consumer_trace *traces, size_t count)
{
    struct map prior = {0};
    struct queue *queue = queue_create(cursor);

    if (!queue || map_reserve(&prior, count)) {
        queue_destroy(&queue);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        map_put(&prior, traces[i].seq, traces[i].attempts);
    consumer->again = false;
    for (size_t i = 0; i < count; i++)
        consumer->again |= traces[i].seq <= cursor;
    queue_destroy(&consumer->queue);
    map_release(&consumer->prior);
    consumer->queue = queue;
    consumer->prior = prior;
    consumer->generation = generation;
    consumer->changed = true;
    return 0;
}

void consumer_destroy(struct consumer **consumer)
{
    struct consumer *old = *consumer;

    if (!old)
        return;
    for (size_t i = 0; i < old->worker_count; i++)
        rentbus_buffer_release(&old->workers[i].route);
    rentbus_buffer_release(&old->definition);
    queue_destroy(&old->queue);
    map_release(&old->prior);
    free(old->parked);
    free(old->workers);
    free(old);
    *consumer = NULL;
}

/* ---- workers ---- */

static struct consumer_worker *find_worker(struct consumer *consumer, struct rentbus_text id)
{
    for (size_t i = 0; i < consumer->worker_count; i++)
        if (rentbus_text_equal(consumer_worker_id(&consumer->workers[i]), id))
            return &consumer->workers[i];
    return NULL;
}

/* A place for a worker that was not known: a new one, or that of the one away longest. */
static struct consumer_worker *new_worker(struct consumer *consumer)
{
    struct consumer_worker *longest = NULL;
    size_t count = consumer->worker_count;

    if (count < CONSUMER_WORKERS_MAX) {
        struct consumer_worker *grown = realloc(consumer->workers, (count + 1) * sizeof(*grown));
        if (!grown)
            return NULL;
        consumer->workers = grown;
        consumer->workers[count] = (struct consumer_worker){0};
        consumer->worker_count++;
        return &consumer->workers[count];
    }
    for (size_t i = 0; i < count; i++) {
        struct consumer_worker *worker = &consumer->workers[i];
        if (!worker->waiting && (!longest || worker->seen_at < longest->seen_at))
            longest = worker;
    }
    return longest;
}

struct consumer_worker *consumer_worker(struct consumer *consumer, struct rentbus_text id,
                                        struct rentbus_uuid incarnation, int64_t now)
{
    struct consumer_worker *worker = find_worker(consumer, id);
    int newer = worker ? memcmp(&incarnation, &worker->incarnation, sizeof(incarnation)) : 1;

    if (newer < 0)
        return NULL;
    if (!worker)
        worker = new_worker(consumer);
    if (!worker)
        return NULL;
    if (newer > 0) {
        queue_release(consumer->queue, worker->number);
        memcpy(worker->id, id.data, id.length);
        worker->id_length = (uint16_t)id.length;
        worker->incarnation = incarnation;
        worker->number = ++consumer->worker_numbers;
    }
    worker->seen_at = now;
    return worker;
}

/* ---- parked events ---- */

/* The first that is not before `seq`. */
static size_t parked_place(const struct consumer *consumer, uint64_t seq)
{
    size_t low = 0;
    size_t high = consumer->parked_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (consumer->parked[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t consumer_parked_find(const struct consumer *consumer, uint64_t seq)
{
    size_t place = parked_place(consumer, seq);
    bool found = place < consumer->parked_count && consumer->parked[place].seq == seq;

    return found ? place : consumer->parked_count;
}

int consumer_park(struct consumer *consumer, uint64_t seq, uint64_t parked_seq)
{
    size_t place = parked_place(consumer, seq);
    size_t capacity = consumer->parked_capacity ? 2 * consumer->parked_capacity : PARKED_MIN;
    struct consumer_parked *parked = consumer->parked;

    if (consumer_parked_find(consumer, seq) < consumer->parked_count) {
        parked[place].parked_seq = parked_seq;
        return 0;
    }
    if (consumer->parked_count == consumer->parked_capacity) {
        parked = realloc(parked, capacity * sizeof(*parked));
        if (!parked)
            return -ENOMEM;
        consumer->parked = parked;
        consumer->parked_capacity = capacity;
    }
    memmove(&parked[place + 1], &parked[place], (consumer->parked_count - place) * sizeof(*parked));
    parked[place] = (struct consumer_parked){seq, parked_seq};
    consumer->parked_count++;
    return 0;
}

void consumer_unpark(struct consumer *consumer, uint64_t seq)
{
    size_t place = consumer_parked_find(consumer, seq);

    if (place == consumer->parked_count)
        return;
    consumer->parked_count--;
    memmove(&consumer->parked[place], &consumer->parked[place + 1],
            (consumer->parked_count - place) * sizeof(*consumer->parked));
}

/* ---- backoff ---- */

int64_t consumer_retry_at(const struct consumer *consumer, uint64_t seq, uint32_t attempt,
                          int64_t now)
{
    uint64_t delay = consumer->wants.backoff_ms;
    uint64_t most = consumer->wants.backoff_max_ms;
    uint64_t spread = (seq * 31 + attempt) * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (uint32_t i = 1; i < attempt && delay < most; i++)
        delay *= 2;
    if (delay > most)
        delay = most;
    delay -= spread % (delay / 2 + 1);
    return now + (int64_t)delay * MILLISECOND;
}
