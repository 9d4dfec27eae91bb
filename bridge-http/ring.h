/* SPDX-License-Identifier: MPL-2.0 */
/* The recent events as the text of Server-Sent Events: rendered once each, shared by all streams.
 * Single-threaded. */
#ifndef RENTBUS_HTTP_RING_H
#define RENTBUS_HTTP_RING_H

#include <rentbus/rentbus.h>

#include "bridge-http/buffer.h"

/* What the ring holds at most: events (a power of two), and bytes of their text. */
#define HTTP_RING_EVENTS 1024
#define HTTP_RING_BYTES ((size_t)4 << 20)
/* Bytes of text that are put together for many streams; an event may be longer by itself. */
#define HTTP_RING_JOIN_BYTES ((size_t)16 << 10)

/* Text to be sent, counted by its holders. */
struct http_chunk {
    size_t holders;
    size_t length;
    struct rentbus_text type; /* of the event, inside `data`; absent in a page of many */
    char data[];
};

/* The text of one event:
 *   id: 42\nevent: RENTAL_CREATED_EVENT\ndata: {"specversion":"1.0",…}\n\n
 * Held once, by the caller; NULL when out of memory. */
struct http_chunk *http_chunk_event(const struct rentbus_event *event);
/* Any bytes as a chunk, in the same way. */
struct http_chunk *http_chunk_bytes(const void *data, size_t length);
struct http_chunk *http_chunk_hold(struct http_chunk *chunk);
/* Lets go; the last holder frees. NULL-safe; *chunk becomes NULL. */
void http_chunk_drop(struct http_chunk **chunk);

/* Appends the text of one event to a buffer. 0, -ENOMEM or -EFBIG. */
int http_sse_append(struct http_buffer *buffer, const struct rentbus_event *event, size_t limit)
    __attribute__((warn_unused_result));

/* Holds the seqs [first, next). Zeroed and then http_ring_start()ed. */
struct http_ring {
    uint64_t first;
    uint64_t next;
    size_t bytes;
    struct http_chunk *chunks[HTTP_RING_EVENTS];
    /* The text of the events [joined_first, joined_next), until the next one comes, or NULL: what
     * one stream takes is mostly what the one behind it is to have. */
    struct http_chunk *joined;
    uint64_t joined_first;
    uint64_t joined_next;
};

/* Empties it; the next event is to be `next`. */
void http_ring_start(struct http_ring *ring, uint64_t next);
/* Adds the event `seq`, taking over `chunk`; the oldest make room. An event that is not the next
 * one starts the ring anew from there: streams read what lies between from history. */
void http_ring_push(struct http_ring *ring, uint64_t seq, struct http_chunk *chunk);
/* The chunk of an event, borrowed until the next push, or NULL when the ring has it not. */
struct http_chunk *http_ring_get(const struct http_ring *ring, uint64_t seq);
/* The text of the events from *seq on, as many as fit into HTTP_RING_JOIN_BYTES and one at least;
 * *seq becomes the one behind them. Held for the caller; NULL when the ring does not have the
 * first. */
struct http_chunk *http_ring_take(struct http_ring *ring, uint64_t *seq);
void http_ring_release(struct http_ring *ring);

#endif
