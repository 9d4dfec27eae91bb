/* SPDX-License-Identifier: MPL-2.0 */
/*
 * CBOR: a checker for bytes from outside, a reader of one item at a time and a writer of
 * deterministic items. Heads are read and written here, since all messages consist of little else;
 * floats by libcbor, which sees nothing but the head of a float and is never asked to allocate.
 * cbor.c is the only file that includes <cbor.h>.
 */
#ifndef RENTBUS_CBOR_H
#define RENTBUS_CBOR_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/types.h"

/* Levels of arrays, maps and tags: of a request; and of a reply, in which the events that a command
 * of a batch would record lie deepest, at ten. */
#define RENTBUS_CBOR_DEPTH_MAX 8
#define RENTBUS_CBOR_REPLY_DEPTH_MAX 12
/* Entries of one map: more than any message has, few enough to compare all keys with each other. */
#define RENTBUS_CBOR_MAP_MAX 64

struct rentbus_cbor_limits {
    size_t bytes;
    size_t items;
    size_t depth; /* at most RENTBUS_CBOR_REPLY_DEPTH_MAX */
};
/* For requests, of which a batch of a thousand of the longest commands is the largest; and for
 * replies, which may carry a page of a thousand rentals. */
extern const struct rentbus_cbor_limits rentbus_request_limits; /* 6 MiB, 65,536 items */
extern const struct rentbus_cbor_limits rentbus_reply_limits;   /* 64 MiB, 4,194,304 items */

enum rentbus_cbor_check {
    RENTBUS_CBOR_OK,
    RENTBUS_CBOR_INDEFINITE, /* well-formed, with indefinite lengths: rentbus_cbor_normalize() first
                              */
    RENTBUS_CBOR_MALFORMED,  /* not one well-formed item: truncated, reserved, bad UTF-8 */
    RENTBUS_CBOR_TRAILING,   /* bytes behind the item */
    RENTBUS_CBOR_KEY_TYPE,   /* a key that is not text, or has a NUL */
    RENTBUS_CBOR_DUPLICATE_KEY,
    RENTBUS_CBOR_TOO_DEEP,
    RENTBUS_CBOR_TOO_LARGE, /* over `limits`, or a map over RENTBUS_CBOR_MAP_MAX */
};

/* Checks that `bytes` is exactly one well-formed item within the limits. Does not allocate; its
 * time is linear in the length but for keys of unsorted maps. */
enum rentbus_cbor_check rentbus_cbor_check(struct rentbus_bytes bytes,
                                           const struct rentbus_cbor_limits *limits);
/* What a check result means, for an error message. */
const char *rentbus_cbor_check_text(enum rentbus_cbor_check check);

/* Appends to `out` the checked item with definite lengths and shortest heads; maps keep the order
 * of their keys. 0, or -ENOMEM. */
int rentbus_cbor_normalize(struct rentbus_bytes checked, struct rentbus_buffer *out)
    __attribute__((warn_unused_result));

enum rentbus_cbor_type {
    RENTBUS_CBOR_END, /* no more bytes */
    RENTBUS_CBOR_UINT,
    RENTBUS_CBOR_NEGATIVE,
    RENTBUS_CBOR_BYTES,
    RENTBUS_CBOR_TEXT,
    RENTBUS_CBOR_ARRAY,
    RENTBUS_CBOR_MAP,
    RENTBUS_CBOR_TAG,
    RENTBUS_CBOR_BOOL,
    RENTBUS_CBOR_NULL, /* and undefined */
    RENTBUS_CBOR_FLOAT,
    RENTBUS_CBOR_SIMPLE,
};

/* The head of an item. Of NEGATIVE, `number` is n in -1 - n; of ARRAY and MAP, the count of items
 * and of pairs; of a tag, its number; of a BOOL, 0 or 1. `bytes` are those of BYTES and TEXT. */
struct rentbus_cbor_item {
    enum rentbus_cbor_type type;
    uint64_t number;
    double real; /* of a FLOAT */
    struct rentbus_bytes bytes;
};

/* Reads checked, definite bytes front to back. */
struct rentbus_cbor_reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct rentbus_cbor_reader rentbus_cbor_reader(struct rentbus_bytes checked);
struct rentbus_cbor_item rentbus_cbor_read(struct rentbus_cbor_reader *reader);
/* The same where text is wanted: its `data` is NULL when the item is none. */
struct rentbus_text rentbus_cbor_read_text(struct rentbus_cbor_reader *reader);
/* Passes one whole item, nested ones too, and returns its bytes. */
struct rentbus_bytes rentbus_cbor_skip(struct rentbus_cbor_reader *reader);

/* Writers append one deterministic head, with its content where there is one. */
void rentbus_cbor_write_uint(struct rentbus_buffer *out, uint64_t value);
/* The number -1 - `number`. */
void rentbus_cbor_write_negative(struct rentbus_buffer *out, uint64_t number);
void rentbus_cbor_write_bool(struct rentbus_buffer *out, bool value);
void rentbus_cbor_write_null(struct rentbus_buffer *out);
void rentbus_cbor_write_text(struct rentbus_buffer *out, const char *data, size_t length);
void rentbus_cbor_write_bytes(struct rentbus_buffer *out, const void *data, size_t length);
void rentbus_cbor_write_array(struct rentbus_buffer *out, size_t count);
void rentbus_cbor_write_map(struct rentbus_buffer *out, size_t pairs);
/* In the shortest form that keeps the value. */
void rentbus_cbor_write_double(struct rentbus_buffer *out, double value);

#endif
