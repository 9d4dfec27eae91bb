/* SPDX-License-Identifier: MPL-2.0 */
/* Structs of schema.h to text and bytes and back, for programs that have no buffers of ours. */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/json.h"

#include <errno.h>
#include <rentbus/rentbus.h>
#include <stdlib.h>

/* Bytes; most structs need no more. */
#define JSON_START 512

const char *rentbus_version(void)
{
    return RENTBUS_VERSION;
}

void rentbus_free(void *memory)
{
    free(memory);
}

char *rentbus_to_json(const struct rentbus_schema *schema, const void *value)
{
    struct rentbus_buffer out = {0};
    (void)rentbus_buffer_reserve(&out, JSON_START);
    rentbus_json_encode(schema, value, &out);
    rentbus_buffer_append(&out, "", 1);
    if (out.failed) {
        rentbus_buffer_release(&out);
        return NULL;
    }
    return (char *)out.data;
}

/* Hands the memory to the caller when `error` is 0. */
static int storage_give(struct rentbus_buffer *scratch, int error, void **storage)
{
    if (error)
        rentbus_buffer_release(scratch);
    else
        *storage = scratch->data;
    return error;
}

int rentbus_from_json(const struct rentbus_schema *schema, const char *json, size_t length,
                      void *value, void **storage, struct rentbus_fault *fault)
{
    struct rentbus_buffer scratch = {0};
    int error = rentbus_json_decode(schema, (struct rentbus_text){json, length}, RENTBUS_STRICT,
                                    &scratch, value, fault);
    return storage_give(&scratch, error, storage);
}

int rentbus_to_cbor(const struct rentbus_schema *schema, const void *value, uint8_t **bytes,
                    size_t *length)
{
    struct rentbus_buffer out = {0};
    rentbus_encode(schema, value, &out);
    if (out.failed) {
        rentbus_buffer_release(&out);
        return -ENOMEM;
    }
    *bytes = out.data;
    *length = out.length;
    return 0;
}

/* From a copy of the bytes, so that the value does not hang on those of the caller. */
int rentbus_from_cbor(const struct rentbus_schema *schema, const uint8_t *bytes, size_t length,
                      void *value, void **storage, struct rentbus_fault *fault)
{
    struct rentbus_bytes given = {bytes, length};
    struct rentbus_buffer copy = {0};
    enum rentbus_cbor_check check = rentbus_cbor_check(given, &rentbus_reply_limits);
    if (check == RENTBUS_CBOR_INDEFINITE) {
        int error = rentbus_cbor_normalize(given, &copy);
        if (error)
            return storage_give(&copy, error, storage);
    } else if (check == RENTBUS_CBOR_OK) {
        rentbus_buffer_append(&copy, bytes, length);
    } else {
        return rentbus_fault_set(fault, RENTBUS_ERROR_MALFORMED, NULL, "%s",
                                 rentbus_cbor_check_text(check));
    }
    if (copy.failed)
        return storage_give(&copy, -ENOMEM, storage);
    struct rentbus_bytes checked = {copy.data, copy.length};
    int error = rentbus_decode(schema, checked, RENTBUS_STRICT, value, fault);
    return storage_give(&copy, error, storage);
}

int rentbus_event_data(const struct rentbus_event *event, const struct rentbus_schema *schema,
                       void *data)
{
    struct rentbus_fault unused;
    enum rentbus_cbor_check check = rentbus_cbor_check(event->data, &rentbus_reply_limits);
    if (check != RENTBUS_CBOR_OK)
        return -EBADMSG;
    return rentbus_decode(schema, event->data, RENTBUS_LENIENT, data, &unused) ? -EBADMSG : 0;
}
