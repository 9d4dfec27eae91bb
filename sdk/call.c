/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/call.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A request larger than this gives its memory back when its call has ended. */
#define SPARE_REQUEST_MAX 16384

int call_table_open(struct call_table *table, size_t capacity)
{
    size_t bucket_count = 16;
    while (bucket_count < capacity)
        bucket_count *= 2;
    *table = (struct call_table){
        .buckets = calloc(bucket_count, sizeof(*table->buckets)),
        .bucket_count = bucket_count,
    };
    TAILQ_INIT(&table->in_flight);
    TAILQ_INIT(&table->queued);
    return table->buckets ? 0 : -ENOMEM;
}

void call_table_close(struct call_table *table)
{
    while (table->spare) {
        struct call *call = table->spare;
        table->spare = call->chain;
        rentbus_buffer_release(&call->request);
        free(call);
    }
    free(table->buckets);
    *table = (struct call_table){0};
}

struct call *call_acquire(struct call_table *table)
{
    struct call *call = table->spare;
    if (!call)
        return calloc(1, sizeof(*call));
    table->spare = call->chain;
    struct rentbus_buffer request = call->request;
    memset(call, 0, offsetof(struct call, fault));
    call->request = request;
    rentbus_buffer_clear(&call->request);
    return call;
}

void call_release(struct call_table *table, struct call *call)
{
    if (call->request.capacity > SPARE_REQUEST_MAX)
        rentbus_buffer_release(&call->request);
    call->chain = table->spare;
    table->spare = call;
}

/* The ids that a client makes differ in their last eight bytes, and those of one millisecond in the
 * very last: as a number they must be in its low bits, since a product hands on upwards only. */
static struct call **call_bucket(const struct call_table *table, const struct rentbus_uuid *id)
{
    uint64_t low;
    memcpy(&low, id->bytes + 8, sizeof(low));
    low = be64toh(low) * UINT64_C(0x9e3779b97f4a7c15);
    return &table->buckets[(low >> 32) & (table->bucket_count - 1)];
}

void call_insert(struct call_table *table, struct call *call)
{
    struct call **bucket = call_bucket(table, &call->id);
    call->chain = *bucket;
    *bucket = call;
    TAILQ_INSERT_TAIL(&table->in_flight, call, in_flight);
    TAILQ_INSERT_TAIL(&table->queued, call, queued);
    call->state = CALL_QUEUED;
    table->count++;
}

void call_remove(struct call_table *table, struct call *call)
{
    struct call **link = call_bucket(table, &call->id);
    while (*link != call)
        link = &(*link)->chain;
    *link = call->chain;
    if (call->state == CALL_QUEUED)
        TAILQ_REMOVE(&table->queued, call, queued);
    TAILQ_REMOVE(&table->in_flight, call, in_flight);
    table->count--;
}

struct call *call_find(const struct call_table *table, const struct rentbus_uuid *id)
{
    struct call *call = *call_bucket(table, id);
    while (call && memcmp(&call->id, id, sizeof(*id)) != 0)
        call = call->chain;
    return call;
}

void call_set_state(struct call_table *table, struct call *call, enum call_state state)
{
    if (call->state == CALL_QUEUED && state != CALL_QUEUED)
        TAILQ_REMOVE(&table->queued, call, queued);
    if (call->state != CALL_QUEUED && state == CALL_QUEUED)
        TAILQ_INSERT_TAIL(&table->queued, call, queued);
    call->state = state;
}
