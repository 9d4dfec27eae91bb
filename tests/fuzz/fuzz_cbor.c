/* SPDX-License-Identifier: MPL-2.0 */
/* Any item, head by head: what the reader makes of it is what libcbor does. */
#include "sdk/protocol/cbor.h"

#include <cbor.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_SIZE_MAX 9

typedef size_t encode_number(uint64_t number, unsigned char *out, size_t size);
typedef size_t encode_count(size_t count, unsigned char *out, size_t size);

static encode_number *const encode_numbers[] = {
    [RENTBUS_CBOR_UINT] = cbor_encode_uint,
    [RENTBUS_CBOR_NEGATIVE] = cbor_encode_negint,
    [RENTBUS_CBOR_TAG] = cbor_encode_tag,
    [RENTBUS_CBOR_SIMPLE] = NULL,
};

static encode_count *const encode_counts[] = {
    [RENTBUS_CBOR_BYTES] = cbor_encode_bytestring_start,
    [RENTBUS_CBOR_TEXT] = cbor_encode_string_start,
    [RENTBUS_CBOR_ARRAY] = cbor_encode_array_start,
    [RENTBUS_CBOR_MAP] = cbor_encode_map_start,
    [RENTBUS_CBOR_SIMPLE] = NULL,
};

/* The head that libcbor writes of the item; 0 for what it has no function for. */
static size_t encode_head(const struct rentbus_cbor_item *item, uint8_t head[HEAD_SIZE_MAX])
{
    if (item->type == RENTBUS_CBOR_BOOL)
        return cbor_encode_bool(item->number != 0, head, HEAD_SIZE_MAX);
    if (item->type > RENTBUS_CBOR_SIMPLE)
        return 0;
    if (encode_numbers[item->type])
        return encode_numbers[item->type](item->number, head, HEAD_SIZE_MAX);
    if (encode_counts[item->type])
        return encode_counts[item->type](item->number + item->bytes.length, head, HEAD_SIZE_MAX);
    return 0;
}

/* libcbor refuses tags and simple values that it has no name for. */
static void compare_size(const uint8_t *at, size_t left, size_t size)
{
    struct cbor_decoder_result result = cbor_stream_decode(at, left, &cbor_empty_callbacks, NULL);
    if (result.status == CBOR_DECODER_FINISHED ? result.read != size
                                               : result.status != CBOR_DECODER_ERROR)
        abort();
}

static void compare_head(const uint8_t *at, const struct rentbus_cbor_item *item)
{
    uint8_t head[HEAD_SIZE_MAX];
    size_t size = encode_head(item, head);
    bool string = item->type == RENTBUS_CBOR_BYTES || item->type == RENTBUS_CBOR_TEXT;
    if ((size > 0 && memcmp(at, head, size) != 0) || (string && item->bytes.data != at + size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rentbus_bytes bytes = {data, size};
    struct rentbus_buffer normal = {0};
    enum rentbus_cbor_check check = rentbus_cbor_check(bytes, &rentbus_reply_limits);
    if (check != RENTBUS_CBOR_OK && check != RENTBUS_CBOR_INDEFINITE)
        return 0;
    if (rentbus_cbor_normalize(bytes, &normal))
        abort();
    bytes = (struct rentbus_bytes){normal.data, normal.length};
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    while (reader.at < reader.end) {
        const uint8_t *at = reader.at;
        struct rentbus_cbor_item item = rentbus_cbor_read(&reader);
        if (item.type == RENTBUS_CBOR_END)
            abort();
        compare_size(at, (size_t)(reader.end - at), (size_t)(reader.at - at));
        compare_head(at, &item);
    }
    rentbus_buffer_release(&normal);
    return 0;
}
