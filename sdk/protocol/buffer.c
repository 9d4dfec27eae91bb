/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/buffer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_CAPACITY_MIN 256

uint8_t *rentbus_buffer_grow(struct rentbus_buffer *buffer, size_t size)
{
    if (buffer->failed || size > SIZE_MAX / 2 - buffer->length) {
        buffer->failed = true;
        return NULL;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_CAPACITY_MIN;
    while (capacity < buffer->length + size)
        capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return buffer->data + buffer->length;
}

void rentbus_buffer_append(struct rentbus_buffer *buffer, const void *data, size_t length)
{
    if (length == 0)
        return;
    uint8_t *room = rentbus_buffer_reserve(buffer, length);
    if (!room)
        return;
    memcpy(room, data, length);
    buffer->length += length;
}

void rentbus_buffer_clear(struct rentbus_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

void rentbus_buffer_release(struct rentbus_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct rentbus_buffer){0};
}
