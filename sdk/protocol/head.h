/* SPDX-License-Identifier: MPL-2.0 */
/* The head of a CBOR item (RFC 8949, section 3). Internal to sdk/protocol. */
#ifndef RENTBUS_HEAD_H
#define RENTBUS_HEAD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/cbor.h"

enum rentbus_cbor_major {
    RENTBUS_CBOR_MAJOR_UINT,
    RENTBUS_CBOR_MAJOR_NEGATIVE,
    RENTBUS_CBOR_MAJOR_BYTES,
    RENTBUS_CBOR_MAJOR_TEXT,
    RENTBUS_CBOR_MAJOR_ARRAY,
    RENTBUS_CBOR_MAJOR_MAP,
    RENTBUS_CBOR_MAJOR_TAG,
    RENTBUS_CBOR_MAJOR_SIMPLE,
    RENTBUS_CBOR_MAJOR_COUNT,
};

/* Values of the lower five bits of the first byte. */
#define RENTBUS_CBOR_INFO_FALSE 20
#define RENTBUS_CBOR_INFO_TRUE 21
#define RENTBUS_CBOR_INFO_NULL 22
#define RENTBUS_CBOR_INFO_ONE_BYTE 24
#define RENTBUS_CBOR_INFO_EIGHT_BYTES 27
#define RENTBUS_CBOR_INFO_INDEFINITE 31
/* Ends an item of indefinite length. */
#define RENTBUS_CBOR_BREAK 0xff

#define RENTBUS_CBOR_HEAD_SIZE_MAX 9

struct rentbus_cbor_head {
    uint64_t number; /* the argument; 0 when indefinite */
    uint8_t major;
    uint8_t info;
};

/* Reads the head at `at`, with `left` bytes behind it. Returns its size, 1 to 9, or 0 when it is
 * truncated or reserved. */
static inline size_t rentbus_cbor_head_read(const uint8_t *at, size_t left,
                                            struct rentbus_cbor_head *head)
{
    if (left == 0)
        return 0;
    uint8_t info = at[0] & 0x1f;
    head->major = at[0] >> 5;
    head->info = info;
    head->number = info;
    if (info < RENTBUS_CBOR_INFO_ONE_BYTE)
        return 1;
    if (info == RENTBUS_CBOR_INFO_ONE_BYTE && left > 1) {
        head->number = at[1];
        return 2;
    }
    head->number = 0;
    if (info == RENTBUS_CBOR_INFO_INDEFINITE)
        return 1;
    if (info > RENTBUS_CBOR_INFO_EIGHT_BYTES)
        return 0;
    size_t size = (size_t)1 << (info - RENTBUS_CBOR_INFO_ONE_BYTE);
    if (size > left - 1)
        return 0;
    for (size_t i = 1; i <= size; i++)
        head->number = head->number << 8 | at[i];
    return 1 + size;
}

/* Takes the head of an item of that major type and of definite length. Its number; false, and the
 * reader where it was, when another one stands there. */
static inline bool rentbus_cbor_head_take(struct rentbus_cbor_reader *reader, uint8_t major,
                                          uint64_t *number)
{
    struct rentbus_cbor_head head;
    size_t size = rentbus_cbor_head_read(reader->at, (size_t)(reader->end - reader->at), &head);
    if (size == 0 || head.major != major || head.info == RENTBUS_CBOR_INFO_INDEFINITE)
        return false;
    reader->at += size;
    *number = head.number;
    return true;
}

/* Writes the shortest head of a major type and its number. Returns its size. */
static inline size_t rentbus_cbor_head_write(uint8_t major, uint64_t number,
                                             uint8_t at[RENTBUS_CBOR_HEAD_SIZE_MAX])
{
    if (number < RENTBUS_CBOR_INFO_ONE_BYTE) {
        at[0] = (uint8_t)(major << 5 | number);
        return 1;
    }
    unsigned power = number > UINT32_MAX ? 3 : number > UINT16_MAX ? 2 : number > UINT8_MAX;
    size_t size = (size_t)1 << power;
    at[0] = (uint8_t)(major << 5 | (RENTBUS_CBOR_INFO_ONE_BYTE + power));
    for (size_t i = size; i > 0; i--) {
        at[i] = (uint8_t)number;
        number >>= 8;
    }
    return 1 + size;
}

/* Strings as short as most are; their head is one byte. */
#define RENTBUS_CBOR_SHORT_MAX (RENTBUS_CBOR_INFO_ONE_BYTE - 1)

/* Copies up to RENTBUS_CBOR_SHORT_MAX bytes without a call; where two copies overlap they say the
 * same. */
static inline void rentbus_cbor_copy_short(uint8_t *to, const uint8_t *from, size_t length)
{
    if (length >= 8) {
        memcpy(to, from, 8);
        if (length > 16)
            memcpy(to + 8, from + 8, 8);
        memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
    } else {
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
    }
}

/* Whether two runs of bytes are the same, without a call; the last words reach back to where they
 * have all their bytes. */
static inline bool rentbus_cbor_same(const void *a, const void *b, size_t length)
{
    const char *left = a;
    const char *right = b;
    if (length >= 8) {
        for (size_t at = 0; at < length - 8; at += 8)
            if (memcmp(left + at, right + at, 8) != 0)
                return false;
        return memcmp(left + length - 8, right + length - 8, 8) == 0;
    }
    if (length >= 4)
        return memcmp(left, right, 4) == 0 && memcmp(left + length - 4, right + length - 4, 4) == 0;
    return length == 0 || (left[0] == right[0] && left[length / 2] == right[length / 2] &&
                           left[length - 1] == right[length - 1]);
}

/* Writes a string of at most RENTBUS_CBOR_SHORT_MAX bytes. Returns its size with its head. */
static inline size_t rentbus_cbor_put_short(uint8_t major, const void *data, size_t length,
                                            uint8_t at[1 + RENTBUS_CBOR_SHORT_MAX])
{
    at[0] = (uint8_t)(major << 5 | length);
    rentbus_cbor_copy_short(at + 1, data, length);
    return 1 + length;
}

/* Appends a string of any length. */
void rentbus_cbor_write_any_string(struct rentbus_buffer *out, uint8_t major, const void *data,
                                   size_t length);

/* The same, as most strings are: short. */
static inline void rentbus_cbor_write_string(struct rentbus_buffer *out, uint8_t major,
                                             const void *data, size_t length)
{
    if (length > RENTBUS_CBOR_SHORT_MAX || !rentbus_buffer_fits(out, 1 + RENTBUS_CBOR_SHORT_MAX)) {
        rentbus_cbor_write_any_string(out, major, data, length);
        return;
    }
    out->length += rentbus_cbor_put_short(major, data, length, out->data + out->length);
}

#endif
