/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/link.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bridge-http/buffer.h"
#include "bridge-http/uri.h"

/* The longest of the names below, each byte percent-encoded. */
#define NAME_MAX_ENCODED (3 * sizeof("from_seq"))

static bool is_place(const char *name, size_t length)
{
    char decoded[NAME_MAX_ENCODED];
    long known = length > sizeof(decoded) ? -1 : http_uri_decode(name, length, true, decoded);
    struct rentbus_text text = {decoded, known < 0 ? 0 : (size_t)known};
    return rentbus_text_equal(text, rentbus_text("from_seq")) ||
           rentbus_text_equal(text, rentbus_text("since"));
}

/* Clients send bytes that no URI has; the header must end where we end it. */
static void append(struct http_buffer *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char escape[4];
        unsigned char byte = (unsigned char)text[i];
        if (byte > ' ' && byte < 0x7f && !strchr("<>\"", byte)) {
            http_buffer_append(out, &text[i], 1, HTTP_LINK_MAX);
        } else {
            snprintf(escape, sizeof(escape), "%%%02X", byte);
            http_buffer_append(out, escape, 3, HTTP_LINK_MAX);
        }
    }
}

char *http_link_next(const char *path, const char *query, uint64_t next_seq)
{
    struct http_buffer link = {0};
    char place[64];
    http_buffer_append(&link, "<", 1, HTTP_LINK_MAX);
    append(&link, path, strlen(path));
    http_buffer_append(&link, "?", 1, HTTP_LINK_MAX);
    for (const char *next = query; next && *next; next += *next == '&') {
        size_t length = strcspn(next, "&");
        if (length > 0 && !is_place(next, strcspn(next, "&="))) {
            append(&link, next, length);
            http_buffer_append(&link, "&", 1, HTTP_LINK_MAX);
        }
        next += length;
    }
    int length = snprintf(place, sizeof(place), "from_seq=%" PRIu64 ">; rel=\"next\"", next_seq);
    /* With the NUL. */
    http_buffer_append(&link, place, (size_t)length + 1, HTTP_LINK_MAX);
    if (link.error)
        http_buffer_release(&link);
    return link.data;
}
