/* SPDX-License-Identifier: MPL-2.0 */
/* The head of a CBOR item (RFC 8949, section 3). Internal to sdk/protocol. */
#ifndef RENTBUS_HEAD_H
#define RENTBUS_HEAD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sdk/protocol/buffer.h"

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
    uint8_t *room = out->data + out->length;
    room[0] = (uint8_t)(major << 5 | length);
    rentbus_cbor_copy_short(room + 1, data, length);
    out->length += 1 + length;
}

#endif
