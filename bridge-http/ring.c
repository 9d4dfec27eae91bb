/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_chunk *chunk_new(size_t length)
{
    struct http_chunk *chunk = malloc(sizeof(*chunk) + length);
    if (chunk)
        *chunk = (struct http_chunk){.holders = 1, .length = length};
    return chunk;
}

struct http_chunk *http_chunk_bytes(const void *data, size_t length)
{
    struct http_chunk *chunk = chunk_new(length);
    if (chunk)
        memcpy(chunk->data, data, length);
    return chunk;
}

struct http_chunk *http_chunk_hold(struct http_chunk *chunk)
{
    chunk->holders++;
    return chunk;
}

void http_chunk_drop(struct http_chunk **chunk)
{
    if (*chunk && --(*chunk)->holders == 0)
        free(*chunk);
    *chunk = NULL;
}

/* A type ends its line: one with a line break in it would forge fields. */
static bool type_fits(struct rentbus_text type)
{
    return !memchr(type.data, '\n', type.length) && !memchr(type.data, '\r', type.length);
}

/* Lines before the data, and where in them the type begins. */
static int head_format(const struct rentbus_event *event, char *head, size_t size, size_t *type_at)
{
    int length = snprintf(head, size, "id: %" PRIu64 "\n", event->seq);
    *type_at = 0;
    if (event->type.length > 0 && type_fits(event->type)) {
        *type_at = (size_t)length + strlen("event: ");
        length += snprintf(head + length, size - (size_t)length, "event: %.*s\n",
                           RENTBUS_TEXT_ARGS(event->type));
    }
    return length;
}

#define HEAD_SIZE (RENTBUS_TEXT_MAX + 64)

int http_sse_append(struct http_buffer *buffer, const struct rentbus_event *event, size_t limit)
{
    char head[HEAD_SIZE];
    size_t type_at;
    char *json = rentbus_to_json(&rentbus_event_schema, event);
    if (!json)
        return -ENOMEM;
    int length = head_format(event, head, sizeof(head), &type_at);
    http_buffer_append(buffer, head, (size_t)length, limit);
    http_buffer_append(buffer, "data: ", 6, limit);
    http_buffer_append(buffer, json, strlen(json), limit);
    rentbus_free(json);
    return http_buffer_append(buffer, "\n\n", 2, limit);
}

struct http_chunk *http_chunk_event(const struct rentbus_event *event)
{
    char head[HEAD_SIZE];
    size_t type_at;
    struct http_buffer text = {0};
    struct http_chunk *chunk = NULL;
    if (http_sse_append(&text, event, SIZE_MAX) == 0)
        chunk = http_chunk_bytes(text.data, text.length);
    http_buffer_release(&text);
    if (!chunk)
        return NULL;
    head_format(event, head, sizeof(head), &type_at);
    if (type_at > 0)
        chunk->type = (struct rentbus_text){chunk->data + type_at, event->type.length};
    return chunk;
}

static void ring_drop_first(struct http_ring *ring)
{
    struct http_chunk **slot = &ring->chunks[ring->first++ % HTTP_RING_EVENTS];
    ring->bytes -= (*slot)->length;
    http_chunk_drop(slot);
}

void http_ring_start(struct http_ring *ring, uint64_t next)
{
    http_chunk_drop(&ring->joined);
    while (ring->first < ring->next)
        ring_drop_first(ring);
    ring->first = ring->next = next;
}

void http_ring_push(struct http_ring *ring, uint64_t seq, struct http_chunk *chunk)
{
    if (seq != ring->next)
        http_ring_start(ring, seq);
    while (ring->first < ring->next && (ring->next - ring->first == HTTP_RING_EVENTS ||
                                        ring->bytes + chunk->length > HTTP_RING_BYTES))
        ring_drop_first(ring);
    http_chunk_drop(&ring->joined);
    ring->chunks[seq % HTTP_RING_EVENTS] = chunk;
    ring->bytes += chunk->length;
    ring->next++;
}

struct http_chunk *http_ring_get(const struct http_ring *ring, uint64_t seq)
{
    if (seq < ring->first || seq >= ring->next)
        return NULL;
    return ring->chunks[seq % HTTP_RING_EVENTS];
}

/* Behind the events from `first` on that are put together; *length is that of their text. */
static uint64_t join_end(const struct http_ring *ring, uint64_t first, size_t *length)
{
    const struct http_chunk *chunk;
    uint64_t next = first;
    for (*length = 0; (chunk = http_ring_get(ring, next)) != NULL; next++) {
        if (next > first && *length + chunk->length > HTTP_RING_JOIN_BYTES)
            break;
        *length += chunk->length;
    }
    return next;
}

static void ring_join(struct http_ring *ring, uint64_t first)
{
    size_t length;
    http_chunk_drop(&ring->joined);
    ring->joined_first = first;
    ring->joined_next = join_end(ring, first, &length);
    ring->joined = chunk_new(length);
    char *end = ring->joined ? ring->joined->data : NULL;
    for (uint64_t seq = first; end && seq < ring->joined_next; seq++) {
        const struct http_chunk *chunk = http_ring_get(ring, seq);
        memcpy(end, chunk->data, chunk->length);
        end += chunk->length;
    }
}

struct http_chunk *http_ring_take(struct http_ring *ring, uint64_t *seq)
{
    struct http_chunk *first = http_ring_get(ring, *seq);
    if (!first)
        return NULL;
    if (!ring->joined || ring->joined_first != *seq)
        ring_join(ring, *seq);
    *seq = ring->joined ? ring->joined_next : *seq + 1;
    return http_chunk_hold(ring->joined ? ring->joined : first);
}

void http_ring_release(struct http_ring *ring)
{
    http_ring_start(ring, 0);
}
