/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/head.h"

#include <cbor.h>
#include <string.h>

/* ---- reader: libcbor calls one of these for each item ---- */

static void on_number(void *context, enum rentbus_cbor_type type, uint64_t number)
{
    struct rentbus_cbor_item *item = context;
    item->type = type;
    item->number = number;
}

static void on_uint8(void *context, uint8_t value)
{
    on_number(context, RENTBUS_CBOR_UINT, value);
}

static void on_uint16(void *context, uint16_t value)
{
    on_number(context, RENTBUS_CBOR_UINT, value);
}

static void on_uint32(void *context, uint32_t value)
{
    on_number(context, RENTBUS_CBOR_UINT, value);
}

static void on_uint64(void *context, uint64_t value)
{
    on_number(context, RENTBUS_CBOR_UINT, value);
}

static void on_negative8(void *context, uint8_t value)
{
    on_number(context, RENTBUS_CBOR_NEGATIVE, value);
}

static void on_negative16(void *context, uint16_t value)
{
    on_number(context, RENTBUS_CBOR_NEGATIVE, value);
}

static void on_negative32(void *context, uint32_t value)
{
    on_number(context, RENTBUS_CBOR_NEGATIVE, value);
}

static void on_negative64(void *context, uint64_t value)
{
    on_number(context, RENTBUS_CBOR_NEGATIVE, value);
}

static void on_bytes(void *context, cbor_data data, size_t length)
{
    struct rentbus_cbor_item *item = context;
    item->type = RENTBUS_CBOR_BYTES;
    item->bytes = (struct rentbus_bytes){data, length};
}

static void on_text(void *context, cbor_data data, size_t length)
{
    on_bytes(context, data, length);
    ((struct rentbus_cbor_item *)context)->type = RENTBUS_CBOR_TEXT;
}

static void on_array(void *context, size_t count)
{
    on_number(context, RENTBUS_CBOR_ARRAY, count);
}

static void on_map(void *context, size_t pairs)
{
    on_number(context, RENTBUS_CBOR_MAP, pairs);
}

static void on_double(void *context, double value)
{
    struct rentbus_cbor_item *item = context;
    item->type = RENTBUS_CBOR_FLOAT;
    item->real = value;
}

static void on_float(void *context, float value)
{
    on_double(context, value);
}

static void on_null(void *context)
{
    on_number(context, RENTBUS_CBOR_NULL, 0);
}

static void on_bool(void *context, bool value)
{
    on_number(context, RENTBUS_CBOR_BOOL, value);
}

/* What checked, definite bytes cannot hold: the item stays an END. */
static void on_indefinite(void *context)
{
    (void)context;
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = on_negative64,
    .byte_string = on_bytes,
    .byte_string_start = on_indefinite,
    .string = on_text,
    .string_start = on_indefinite,
    .array_start = on_array,
    .indef_array_start = on_indefinite,
    .map_start = on_map,
    .indef_map_start = on_indefinite,
    .tag = cbor_null_tag_callback,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .null = on_null,
    .undefined = on_null,
    .boolean = on_bool,
    .indef_break = on_indefinite,
};

struct rentbus_cbor_reader rentbus_cbor_reader(struct rentbus_bytes checked)
{
    return (struct rentbus_cbor_reader){checked.data, checked.data + checked.length};
}

/* What libcbor takes for an error: tags without a name, and simple values without one. Whether the
 * item is one of them. */
static bool read_unnamed(struct rentbus_cbor_reader *reader, struct rentbus_cbor_item *item)
{
    struct rentbus_cbor_head head;
    size_t size = rentbus_cbor_head_read(reader->at, (size_t)(reader->end - reader->at), &head);
    if (size == 0 || head.info == RENTBUS_CBOR_INFO_INDEFINITE)
        return false;
    bool tag = head.major == RENTBUS_CBOR_MAJOR_TAG;
    bool simple = head.major == RENTBUS_CBOR_MAJOR_SIMPLE &&
                  (head.info < 20 || head.info == RENTBUS_CBOR_INFO_ONE_BYTE);
    if (!tag && !simple)
        return false;
    reader->at += size;
    item->type = tag ? RENTBUS_CBOR_TAG : RENTBUS_CBOR_SIMPLE;
    item->number = head.number;
    return true;
}

struct rentbus_cbor_item rentbus_cbor_read(struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_item item = {.type = RENTBUS_CBOR_END};
    if (reader->at == reader->end)
        return item;
    if (*reader->at >> 5 >= RENTBUS_CBOR_MAJOR_TAG && read_unnamed(reader, &item))
        return item;
    struct cbor_decoder_result result =
        cbor_stream_decode(reader->at, (size_t)(reader->end - reader->at), &callbacks, &item);
    if (result.status == CBOR_DECODER_FINISHED && item.type != RENTBUS_CBOR_END)
        reader->at += result.read;
    else
        reader->at = reader->end;
    return item;
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

struct rentbus_bytes rentbus_cbor_skip(struct rentbus_cbor_reader *reader)
{
    const uint8_t *start = reader->at;
    for (uint64_t items = 1; items > 0; items--) {
        struct rentbus_cbor_head head;
        size_t left = (size_t)(reader->end - reader->at);
        size_t size = rentbus_cbor_head_read(reader->at, left, &head);
        if (size == 0 || head_content(&head) > left - size) {
            reader->at = reader->end;
            break;
        }
        reader->at += size + head_content(&head);
        items += head_items(&head);
    }
    return (struct rentbus_bytes){start, (size_t)(reader->at - start)};
}

/* ---- writers ---- */

typedef size_t encode_function(uint64_t number, unsigned char *at, size_t size);

static void write_head(struct rentbus_buffer *out, encode_function *encode, uint64_t number)
{
    uint8_t *room = rentbus_buffer_reserve(out, RENTBUS_CBOR_HEAD_SIZE_MAX);
    if (room)
        out->length += encode(number, room, RENTBUS_CBOR_HEAD_SIZE_MAX);
}

static void write_string(struct rentbus_buffer *out, encode_function *encode, const void *data,
                         size_t length)
{
    uint8_t *room = length > SIZE_MAX - RENTBUS_CBOR_HEAD_SIZE_MAX
                        ? NULL
                        : rentbus_buffer_reserve(out, RENTBUS_CBOR_HEAD_SIZE_MAX + length);
    if (!room) {
        out->failed = true;
        return;
    }
    size_t size = encode(length, room, RENTBUS_CBOR_HEAD_SIZE_MAX);
    if (length > 0)
        memcpy(room + size, data, length);
    out->length += size + length;
}

void rentbus_cbor_write_uint(struct rentbus_buffer *out, uint64_t value)
{
    write_head(out, cbor_encode_uint, value);
}

void rentbus_cbor_write_negative(struct rentbus_buffer *out, uint64_t number)
{
    write_head(out, cbor_encode_negint, number);
}

void rentbus_cbor_write_bool(struct rentbus_buffer *out, bool value)
{
    uint8_t *room = rentbus_buffer_reserve(out, 1);
    if (room)
        out->length += cbor_encode_bool(value, room, 1);
}

void rentbus_cbor_write_null(struct rentbus_buffer *out)
{
    uint8_t *room = rentbus_buffer_reserve(out, 1);
    if (room)
        out->length += cbor_encode_null(room, 1);
}

void rentbus_cbor_write_text(struct rentbus_buffer *out, const char *data, size_t length)
{
    write_string(out, cbor_encode_string_start, data, length);
}

void rentbus_cbor_write_bytes(struct rentbus_buffer *out, const void *data, size_t length)
{
    write_string(out, cbor_encode_bytestring_start, data, length);
}

void rentbus_cbor_write_array(struct rentbus_buffer *out, size_t count)
{
    write_head(out, cbor_encode_array_start, count);
}

void rentbus_cbor_write_map(struct rentbus_buffer *out, size_t pairs)
{
    write_head(out, cbor_encode_map_start, pairs);
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
