/* SPDX-License-Identifier: MPL-2.0 */
/* A growing run of bytes. A failed growth is remembered in `failed`, so that a writer checks once,
 * at the end. Not thread-safe. */
#ifndef RENTBUS_BUFFER_H
#define RENTBUS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rentbus_buffer {
    uint8_t *data;
    size_t length;
    size_t capacity;
    bool failed; /* out of memory: what was appended since is lost */
};

/* Whether there is room for `size` more bytes behind the end. */
static inline bool rentbus_buffer_fits(const struct rentbus_buffer *buffer, size_t size)
{
    return buffer->data && !buffer->failed && size <= buffer->capacity - buffer->length;
}

/* Makes room for `size` more bytes behind the end. Their address, or NULL and `failed`. */
uint8_t *rentbus_buffer_grow(struct rentbus_buffer *buffer, size_t size);

/* Room for `size` more bytes behind the end: its address, or NULL and `failed`. Does not move the
 * end: add to `length` what was used. */
static inline uint8_t *rentbus_buffer_reserve(struct rentbus_buffer *buffer, size_t size)
{
    return rentbus_buffer_fits(buffer, size) ? buffer->data + buffer->length
                                             : rentbus_buffer_grow(buffer, size);
}

void rentbus_buffer_append(struct rentbus_buffer *buffer, const void *data, size_t length);
/* Empties it and keeps its memory. */
void rentbus_buffer_clear(struct rentbus_buffer *buffer);
/* Frees what it owns; the struct itself is the caller's. */
void rentbus_buffer_release(struct rentbus_buffer *buffer);

#endif
