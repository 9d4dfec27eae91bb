/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/head.h"

#include <cbor.h>
#include <string.h>

#define SHORT_TEXT (RENTBUS_CBOR_MAJOR_TEXT << 5)

/* ---- floats: what libcbor is for ---- */

static void on_double(void *context, double value)
{
    *(double *)context = value;
}

static void on_float(void *context, float value)
{
    on_double(context, value);
}

/* It is given floats alone. */
static const struct cbor_callbacks float_callbacks = {
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
};

static double read_float(const uint8_t *at, size_t size)
{
    double value = 0;
    cbor_stream_decode(at, size, &float_callbacks, &value);
    return value;
}

/* ---- reader ---- */

struct rentbus_cbor_reader rentbus_cbor_reader(struct rentbus_bytes checked)
{
    return (struct rentbus_cbor_reader){checked.data, checked.data + checked.length};
}

/* How many bytes and items follow the head, by its major type. */
static size_t head_content(const struct rentbus_cbor_head *head)
{
    bool string = head->major == RENTBUS_CBOR_MAJOR_BYTES || head->major == RENTBUS_CBOR_MAJOR_TEXT;
    return string ? head->number : 0;
}

static uint64_t head_items(const struct rentbus_cbor_head *head)
{
    static const uint8_t per_number[RENTBUS_CBOR_MAJOR_COUNT] = {
        [RENTBUS_CBOR_MAJOR_ARRAY] = 1,
        [RENTBUS_CBOR_MAJOR_MAP] = 2,
    };
    return head->major == RENTBUS_CBOR_MAJOR_TAG ? 1 : per_number[head->major] * head->number;
}

/* Of simple values and floats, by the lower bits of the head; the rest are SIMPLE. */
static const uint8_t simple_types[32] = {
    [20] = RENTBUS_CBOR_BOOL,  [21] = RENTBUS_CBOR_BOOL,  [22] = RENTBUS_CBOR_NULL,
    [23] = RENTBUS_CBOR_NULL,  [25] = RENTBUS_CBOR_FLOAT, [26] = RENTBUS_CBOR_FLOAT,
    [27] = RENTBUS_CBOR_FLOAT,
};

static void read_simple(const uint8_t *at, size_t size, const struct rentbus_cbor_head *head,
                        struct rentbus_cbor_item *item)
{
    if (simple_types[head->info])
        item->type = simple_types[head->info];
    if (item->type == RENTBUS_CBOR_SIMPLE)
        item->number = head->number;
    else if (item->type == RENTBUS_CBOR_BOOL)
        item->number = head->info == RENTBUS_CBOR_INFO_TRUE;
    else if (item->type == RENTBUS_CBOR_FLOAT)
        item->real = read_float(at, size);
}

struct rentbus_cbor_item rentbus_cbor_read(struct rentbus_cbor_reader *reader)
{
    static const uint8_t types[RENTBUS_CBOR_MAJOR_COUNT] = {
        [RENTBUS_CBOR_MAJOR_UINT] = RENTBUS_CBOR_UINT,
        [RENTBUS_CBOR_MAJOR_NEGATIVE] = RENTBUS_CBOR_NEGATIVE,
        [RENTBUS_CBOR_MAJOR_BYTES] = RENTBUS_CBOR_BYTES,
        [RENTBUS_CBOR_MAJOR_TEXT] = RENTBUS_CBOR_TEXT,
        [RENTBUS_CBOR_MAJOR_ARRAY] = RENTBUS_CBOR_ARRAY,
        [RENTBUS_CBOR_MAJOR_MAP] = RENTBUS_CBOR_MAP,
        [RENTBUS_CBOR_MAJOR_TAG] = RENTBUS_CBOR_TAG,
        [RENTBUS_CBOR_MAJOR_SIMPLE] = RENTBUS_CBOR_SIMPLE,
    };
    struct rentbus_cbor_item item = {.type = RENTBUS_CBOR_END};
    struct rentbus_cbor_head head;
    const uint8_t *at = reader->at;
    size_t left = (size_t)(reader->end - at);
    size_t size = rentbus_cbor_head_read(at, left, &head);
    size_t content = size > 0 ? head_content(&head) : 0;
    if (size == 0 || head.info == RENTBUS_CBOR_INFO_INDEFINITE || content > left - size) {
        reader->at = reader->end;
        return item;
    }
    reader->at = at + size + content;
    item.type = types[head.major];
    if (head.major == RENTBUS_CBOR_MAJOR_BYTES || head.major == RENTBUS_CBOR_MAJOR_TEXT)
        item.bytes = (struct rentbus_bytes){at + size, content};
    else if (head.major == RENTBUS_CBOR_MAJOR_SIMPLE)
        read_simple(at, size, &head, &item);
    else
        item.number = head.number;
    return item;
}

struct rentbus_text rentbus_cbor_read_text(struct rentbus_cbor_reader *reader)
{
    const uint8_t *at = reader->at;
    size_t left = (size_t)(reader->end - at);
    size_t length = left > 0 ? (size_t)at[0] - SHORT_TEXT : SIZE_MAX;
    if (length <= RENTBUS_CBOR_SHORT_MAX && length < left) {
        reader->at = at + 1 + length;
        return (struct rentbus_text){(const char *)at + 1, length};
    }
    struct rentbus_cbor_item item = rentbus_cbor_read(reader);
    if (item.type != RENTBUS_CBOR_TEXT)
        return (struct rentbus_text){NULL, 0};
    return (struct rentbus_text){(const char *)item.bytes.data, item.bytes.length};
}

/* What an item takes whose head is one byte: bytes, and items that follow. Of other heads, and of
 * tags, none. */
struct extent {
    uint8_t bytes;
    uint8_t items;
};

/* By the number in the head: of each one so many bytes and items. */
#define EXTENT(number, bytes, items)                                                               \
    {                                                                                              \
        1 + (number) * (bytes), (number) * (items)                                                 \
    }
#define EXTENTS_OF_4(number, bytes, items)                                                         \
    EXTENT(number, bytes, items), EXTENT((number) + 1, bytes, items),                              \
        EXTENT((number) + 2, bytes, items), EXTENT((number) + 3, bytes, items)
#define EXTENTS(bytes, items)                                                                      \
    EXTENTS_OF_4(0, bytes, items), EXTENTS_OF_4(4, bytes, items), EXTENTS_OF_4(8, bytes, items),   \
        EXTENTS_OF_4(12, bytes, items), EXTENTS_OF_4(16, bytes, items),                            \
        EXTENTS_OF_4(20, bytes, items)
/* By the head. */
static const struct extent extents[RENTBUS_CBOR_MAJOR_COUNT << 5] = {
    [RENTBUS_CBOR_MAJOR_UINT << 5] = EXTENTS(0, 0),
    [RENTBUS_CBOR_MAJOR_NEGATIVE << 5] = EXTENTS(0, 0),
    [RENTBUS_CBOR_MAJOR_BYTES << 5] = EXTENTS(1, 0),
    [RENTBUS_CBOR_MAJOR_TEXT << 5] = EXTENTS(1, 0),
    [RENTBUS_CBOR_MAJOR_ARRAY << 5] = EXTENTS(0, 1),
    [RENTBUS_CBOR_MAJOR_MAP << 5] = EXTENTS(0, 2),
    [RENTBUS_CBOR_MAJOR_SIMPLE << 5] = EXTENTS(0, 0),
};

struct rentbus_bytes rentbus_cbor_skip(struct rentbus_cbor_reader *reader)
{
    const uint8_t *start = reader->at;
    size_t length = (size_t)(reader->end - start);
    size_t at = 0;
    for (uint64_t items = 1; items > 0 && at < length; items--) {
        struct extent extent = extents[start[at]];
        if (extent.bytes > 0) {
            at += extent.bytes;
            items += extent.items;
            continue;
        }
        struct rentbus_cbor_head head;
        size_t size = rentbus_cbor_head_read(start + at, length - at, &head);
        size_t content = size > 0 ? head_content(&head) : 0;
        bool whole = size > 0 && content <= length - at - size;
        at = whole ? at + size + content : length;
        items += whole ? head_items(&head) : 0;
    }
    if (at > length)
        at = length;
    reader->at = start + at;
    return (struct rentbus_bytes){start, at};
}

/* ---- writers ---- */

static inline void write_head(struct rentbus_buffer *out, uint8_t major, uint64_t number)
{
    if (number < RENTBUS_CBOR_INFO_ONE_BYTE && rentbus_buffer_fits(out, 1)) {
        out->data[out->length++] = (uint8_t)(major << 5 | number);
        return;
    }
    uint8_t *room = rentbus_buffer_reserve(out, RENTBUS_CBOR_HEAD_SIZE_MAX);
    if (room)
        out->length += rentbus_cbor_head_write(major, number, room);
}

void rentbus_cbor_write_any_string(struct rentbus_buffer *out, uint8_t major, const void *data,
                                   size_t length)
{
    uint8_t *room = length > SIZE_MAX - RENTBUS_CBOR_HEAD_SIZE_MAX
                        ? NULL
                        : rentbus_buffer_reserve(out, RENTBUS_CBOR_HEAD_SIZE_MAX + length);
    if (!room) {
        out->failed = true;
        return;
    }
    size_t size = rentbus_cbor_head_write(major, length, room);
    if (length > 0)
        memcpy(room + size, data, length);
    out->length += size + length;
}

void rentbus_cbor_write_uint(struct rentbus_buffer *out, uint64_t value)
{
    write_head(out, RENTBUS_CBOR_MAJOR_UINT, value);
}

void rentbus_cbor_write_negative(struct rentbus_buffer *out, uint64_t number)
{
    write_head(out, RENTBUS_CBOR_MAJOR_NEGATIVE, number);
}

void rentbus_cbor_write_bool(struct rentbus_buffer *out, bool value)
{
    write_head(out, RENTBUS_CBOR_MAJOR_SIMPLE,
               value ? RENTBUS_CBOR_INFO_TRUE : RENTBUS_CBOR_INFO_FALSE);
}

void rentbus_cbor_write_null(struct rentbus_buffer *out)
{
    write_head(out, RENTBUS_CBOR_MAJOR_SIMPLE, RENTBUS_CBOR_INFO_NULL);
}

void rentbus_cbor_write_text(struct rentbus_buffer *out, const char *data, size_t length)
{
    rentbus_cbor_write_string(out, RENTBUS_CBOR_MAJOR_TEXT, data, length);
}

void rentbus_cbor_write_bytes(struct rentbus_buffer *out, const void *data, size_t length)
{
    rentbus_cbor_write_string(out, RENTBUS_CBOR_MAJOR_BYTES, data, length);
}

void rentbus_cbor_write_array(struct rentbus_buffer *out, size_t count)
{
    write_head(out, RENTBUS_CBOR_MAJOR_ARRAY, count);
}

void rentbus_cbor_write_map(struct rentbus_buffer *out, size_t pairs)
{
    write_head(out, RENTBUS_CBOR_MAJOR_MAP, pairs);
}

/* The half-precision form of a number, when that form is exact. */
static bool half_from_float(float value, uint16_t *half)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    int exponent = (int)(bits >> 23 & 0xff) - 127;
    uint32_t mantissa = bits & 0x7fffff;
    bool zero = exponent == -127 && mantissa == 0;
    bool infinite = exponent == 128 && mantissa == 0;
    if (zero || infinite) {
        *half = (uint16_t)(sign | (infinite ? 0x7c00 : 0));
        return true;
    }
    if (exponent < -24 || exponent > 15)
        return false;
    /* Below 2^-14 the leading one is written, and the rest moves right. */
    bool subnormal = exponent < -14;
    int shift = subnormal ? -1 - exponent : 13;
    uint32_t digits = subnormal ? mantissa | 0x800000 : mantissa;
    if (digits & ((UINT32_C(1) << shift) - 1))
        return false;
    uint16_t biased = subnormal ? 0 : (uint16_t)((exponent + 15) << 10);
    *half = (uint16_t)(sign | biased | (digits >> shift));
    return true;
}

void rentbus_cbor_write_double(struct rentbus_buffer *out, double value)
{
    uint8_t *room = rentbus_buffer_reserve(out, RENTBUS_CBOR_HEAD_SIZE_MAX);
    if (!room)
        return;
    bool number = value == value;
    float narrow = (float)value;
    uint16_t half = 0x7e00; /* not a number */
    if (!number || ((double)narrow == value && half_from_float(narrow, &half))) {
        room[0] = 0xf9;
        room[1] = (uint8_t)(half >> 8);
        room[2] = (uint8_t)half;
        out->length += 3;
    } else if ((double)narrow == value) {
        out->length += cbor_encode_single(narrow, room, RENTBUS_CBOR_HEAD_SIZE_MAX);
    } else {
        out->length += cbor_encode_double(value, room, RENTBUS_CBOR_HEAD_SIZE_MAX);
    }
}
