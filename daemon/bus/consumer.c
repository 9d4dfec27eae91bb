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
    consumer->created = generation;
    if (consumer_define(consumer, wants) || consumer_reset(consumer, generation, cursor, NULL, 0))
        consumer_destroy(&consumer);
    return consumer;
}

int consumer_reset(struct consumer *consumer, uint64_t generation, uint64_t seen,
                   const struct consumer_trace *traces, size_t count)
{
    uint32_t leases = consumer->queue ? queue_leases(consumer->queue) : 0;
    struct queue *queue = queue_create(seen, leases);
    struct consumer_trace *again = calloc(count + 1, sizeof(*again));

    if (!queue || !again) {
        queue_destroy(&queue);
        free(again);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        again[i] = traces[i];
    queue_destroy(&consumer->queue);
    map_release(&consumer->done);
    free(consumer->again);
    consumer->queue = queue;
    consumer->again = again;
    consumer->again_first = 0;
    consumer->again_count = count;
    consumer->again_capacity = count + 1;
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
    map_release(&old->done);
    free(old->again);
    free(old->parked);
    free(old->workers);
    free(old);
    *consumer = NULL;
}

/* ---- workers ---- */

struct consumer_worker *consumer_find_worker(const struct consumer *consumer,
                                             struct rentbus_text id)
{
    for (size_t i = 0; i < consumer->worker_count; i++)
        if (rentbus_text_equal(consumer_worker_id(&consumer->workers[i]), id))
            return &consumer->workers[i];
    return NULL;
}

/* A place for a worker that was not known: a new one, or that of the one away longest. */
static int new_worker(struct consumer *consumer, struct consumer_worker **worker)
{
    struct consumer_worker *longest = NULL;
    size_t count = consumer->worker_count;

    if (count < CONSUMER_WORKERS_MAX) {
        struct consumer_worker *grown = realloc(consumer->workers, (count + 1) * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        consumer->workers = grown;
        *worker = &consumer->workers[count];
        **worker = (struct consumer_worker){0};
        consumer->worker_count++;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct consumer_worker *known = &consumer->workers[i];
        if (!known->waiting && (!longest || known->seen_at < longest->seen_at))
            longest = known;
    }
    *worker = longest;
    return longest ? 0 : -EUSERS;
}

int consumer_join(struct consumer *consumer, struct rentbus_text id,
                  struct rentbus_uuid incarnation, int64_t now, struct consumer_worker **worker)
{
    struct consumer_worker *known = consumer_find_worker(consumer, id);
    int newer = known ? memcmp(&incarnation, &known->incarnation, sizeof(incarnation)) : 1;
    int r = newer < 0 ? -ESTALE : 0;

    if (!known)
        r = new_worker(consumer, &known);
    if (r)
        return r;
    if (newer > 0) {
        queue_release(consumer->queue, known->number);
        memcpy(known->id, id.data, id.length);
        known->id_length = (uint16_t)id.length;
        known->incarnation = incarnation;
        known->number = ++consumer->worker_numbers;
        known->answered = false;
    }
    known->seen_at = now;
    *worker = known;
    return 0;
}

/* ---- what is done ---- */

uint64_t consumer_oldest(const struct consumer *consumer)
{
    uint64_t oldest = queue_oldest(consumer->queue);

    for (size_t i = consumer->again_first; i < consumer->again_count; i++)
        if (oldest == 0 || consumer->again[i].seq < oldest)
            oldest = consumer->again[i].seq;
    return oldest;
}

uint64_t consumer_cursor(const struct consumer *consumer)
{
    uint64_t oldest = consumer_oldest(consumer);

    return oldest ? oldest - 1 : queue_seen(consumer->queue);
}

/* Where the event is among those that the queue is to be told of, or `again_count`. */
static size_t again_find(const struct consumer *consumer, uint64_t seq)
{
    size_t at = consumer->again_first;

    while (at < consumer->again_count && consumer->again[at].seq != seq)
        at++;
    return at;
}

int consumer_again(struct consumer *consumer, uint64_t seq)
{
    if (seq > queue_seen(consumer->queue)) {
        map_remove(&consumer->done, seq);
        return 0;
    }
    if (queue_has(consumer->queue, seq) || again_find(consumer, seq) < consumer->again_count)
        return 0;
    if (consumer->again_count == consumer->again_capacity) {
        size_t capacity = 2 * consumer->again_capacity;
        struct consumer_trace *grown =
            realloc(consumer->again, capacity * sizeof(*consumer->again));
        if (!grown)
            return -ENOMEM;
        consumer->again = grown;
        consumer->again_capacity = capacity;
    }
    consumer->again[consumer->again_count++] = (struct consumer_trace){seq, 0, true};
    return 0;
}

void consumer_finish(struct consumer *consumer, uint64_t seq)
{
    size_t at = again_find(consumer, seq);

    if (queue_finish(consumer->queue, seq) || at == consumer->again_count)
        return;
    consumer->again_count--;
    memmove(&consumer->again[at], &consumer->again[at + 1],
            (consumer->again_count - at) * sizeof(*consumer->again));
}

int consumer_finish_ahead(struct consumer *consumer, uint64_t seq)
{
    struct map *done = &consumer->done;
    int r = done->count < CONSUMER_AHEAD_MAX ? map_reserve(done, done->count + 1) : 0;

    if (r == 0 && done->count < CONSUMER_AHEAD_MAX)
        map_put(done, seq, 0);
    return r;
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
