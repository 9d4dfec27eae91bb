/* SPDX-License-Identifier: MPL-2.0 */
/* A growing run of bytes with a limit. A failed growth is remembered, so that a writer checks once,
 * at the end. Not thread-safe. */
#ifndef RENTBUS_HTTP_BUFFER_H
#define RENTBUS_HTTP_BUFFER_H

#include <stddef.h>

struct http_buffer {
    char *data; /* freed with free(); not NUL-terminated */
    size_t length;
    size_t capacity;
    int error; /* 0; -ENOMEM; -EFBIG when `limit` would be passed: what came since is lost */
};

/* Appends unless that makes it longer than `limit` bytes. Returns buffer->error. */
int http_buffer_append(struct http_buffer *buffer, const void *data, size_t length, size_t limit);
/* Frees what it owns and zeroes the struct, which is the caller's. */
void http_buffer_release(struct http_buffer *buffer);

#endif
