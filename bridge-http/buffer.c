/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_START 512

static int buffer_grow(struct http_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_START;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (!data)
        return -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int http_buffer_append(struct http_buffer *buffer, const void *data, size_t length, size_t limit)
{
    if (buffer->error)
        return buffer->error;
    if (length > limit || buffer->length > limit - length) {
        buffer->error = -EFBIG;
        return buffer->error;
    }
    if (buffer->length + length > buffer->capacity)
        buffer->error = buffer_grow(buffer, buffer->length + length);
    if (!buffer->error && length > 0) {
        memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
    }
    return buffer->error;
}

void http_buffer_release(struct http_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct http_buffer){0};
}
