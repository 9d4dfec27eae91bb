/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/head.h"

#include <errno.h>

/* The bytes are checked: every read finds what it asks for, and recursion goes no deeper than
 * RENTBUS_CBOR_REPLY_DEPTH_MAX. */
static struct rentbus_cbor_head take_head(struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_head head = {0};
    reader->at += rentbus_cbor_head_read(reader->at, (size_t)(reader->end - reader->at), &head);
    return head;
}

static bool take_break(struct rentbus_cbor_reader *reader)
{
    if (*reader->at != RENTBUS_CBOR_BREAK)
        return false;
    reader->at++;
    return true;
}

static bool is_string(struct rentbus_cbor_head head)
{
    return head.major == RENTBUS_CBOR_MAJOR_BYTES || head.major == RENTBUS_CBOR_MAJOR_TEXT;
}

/* How many items belong to a head of definite length. */
static uint64_t item_count(struct rentbus_cbor_head head)
{
    switch (head.major) {
    case RENTBUS_CBOR_MAJOR_ARRAY:
        return head.number;
    case RENTBUS_CBOR_MAJOR_MAP:
        return head.number * 2;
    case RENTBUS_CBOR_MAJOR_TAG:
        return 1;
    default:
        return 0;
    }
}

/* Passes an item of any length. */
static void pass(struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_head head = take_head(reader);
    if (head.info == RENTBUS_CBOR_INFO_INDEFINITE) {
        while (!take_break(reader))
            pass(reader);
        return;
    }
    if (is_string(head))
        reader->at += head.number;
    for (uint64_t left = item_count(head); left > 0; left--)
        pass(reader);
}

/* The bytes of a string in chunks, or the items of a container, up to the break. */
static uint64_t indefinite_length(struct rentbus_cbor_reader ahead, bool string)
{
    uint64_t length = 0;
    while (!take_break(&ahead)) {
        struct rentbus_cbor_reader chunk = ahead;
        length += string ? take_head(&chunk).number : 1;
        pass(&ahead);
    }
    return length;
}

static void write_head(struct rentbus_buffer *out, uint8_t major, uint64_t number)
{
    uint8_t head[RENTBUS_CBOR_HEAD_SIZE_MAX];
    rentbus_buffer_append(out, head, rentbus_cbor_head_write(major, number, head));
}

static void normalize(struct rentbus_cbor_reader *reader, struct rentbus_buffer *out);

static void normalize_chunks(struct rentbus_cbor_reader *reader, struct rentbus_buffer *out)
{
    while (!take_break(reader)) {
        struct rentbus_cbor_head chunk = take_head(reader);
        rentbus_buffer_append(out, reader->at, chunk.number);
        reader->at += chunk.number;
    }
}

static void normalize_indefinite(struct rentbus_cbor_reader *reader, struct rentbus_cbor_head head,
                                 struct rentbus_buffer *out)
{
    uint64_t length = indefinite_length(*reader, is_string(head));
    write_head(out, head.major, head.major == RENTBUS_CBOR_MAJOR_MAP ? length / 2 : length);
    if (is_string(head)) {
        normalize_chunks(reader, out);
        return;
    }
    while (!take_break(reader))
        normalize(reader, out);
}

static void normalize(struct rentbus_cbor_reader *reader, struct rentbus_buffer *out)
{
    const uint8_t *start = reader->at;
    struct rentbus_cbor_head head = take_head(reader);
    if (head.major == RENTBUS_CBOR_MAJOR_SIMPLE) {
        rentbus_buffer_append(out, start, (size_t)(reader->at - start));
        return;
    }
    if (head.info == RENTBUS_CBOR_INFO_INDEFINITE) {
        normalize_indefinite(reader, head, out);
        return;
    }
    write_head(out, head.major, head.number);
    if (is_string(head)) {
        rentbus_buffer_append(out, reader->at, head.number);
        reader->at += head.number;
    }
    for (uint64_t left = item_count(head); left > 0; left--)
        normalize(reader, out);
}

int rentbus_cbor_normalize(struct rentbus_bytes checked, struct rentbus_buffer *out)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(checked);
    normalize(&reader, out);
    return out->failed ? -ENOMEM : 0;
}
