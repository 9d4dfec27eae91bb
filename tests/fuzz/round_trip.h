/* SPDX-License-Identifier: MPL-2.0 */
/* What holds for every struct that was decoded from anything. Each function aborts where it does
 * not, which is how a fuzzer reports it. */
#ifndef RENTBUS_ROUND_TRIP_H
#define RENTBUS_ROUND_TRIP_H

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"

#include <jansson.h>
#include <stdlib.h>

/* Room for any struct of the table. */
#define ROUND_TRIP_MEMBER(S, ROWS) struct rentbus_##S S;
union round_trip_struct {
    RENTBUS_SCHEMAS(ROUND_TRIP_MEMBER)
};

#define ROUND_TRIP_POINTER(S, ROWS) &rentbus_##S##_schema,

/* One of the table, by any number. */
static inline const struct rentbus_schema *round_trip_schema(size_t number)
{
    static const struct rentbus_schema *const schemas[] = { RENTBUS_SCHEMAS(ROUND_TRIP_POINTER) };
    return schemas[number % (sizeof(schemas) / sizeof(schemas[0]))];
}

static inline bool round_trip_same(const struct rentbus_buffer *a, const struct rentbus_buffer *b)
{
    return !a->failed && !b->failed && a->length == b->length &&
           (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* A refusal has a code, and text that can go into a reply. */
static inline void round_trip_fault(int result, const struct rentbus_fault *fault)
{
    if (result != (int)fault->code || fault->message[0] == '\0' ||
        !rentbus_utf8_valid(fault->message, strlen(fault->message)) ||
        !rentbus_utf8_valid(fault->field, strlen(fault->field)))
        abort();
}

/* The struct encodes to bytes that pass the check, decode, and encode to the same bytes. */
static inline void round_trip_cbor(const struct rentbus_schema *schema, const void *value)
{
    struct rentbus_buffer once = {0};
    struct rentbus_buffer twice = {0};
    union round_trip_struct again;
    struct rentbus_fault fault = {0};
    rentbus_encode(schema, value, &once);
    struct rentbus_bytes bytes = {once.data, once.length};
    if (once.failed || rentbus_cbor_check(bytes, &rentbus_reply_limits) != RENTBUS_CBOR_OK ||
        rentbus_decode(schema, bytes, RENTBUS_STRICT, &again, &fault))
        abort();
    rentbus_encode(schema, &again, &twice);
    if (!round_trip_same(&once, &twice))
        abort();
    rentbus_buffer_release(&once);
    rentbus_buffer_release(&twice);
}

/* The struct has a JSON form. Where that can be read back, it reads back to the same form: bytes
 * that no schema describes cannot, for base64 stands for them. */
static inline void round_trip_json(const struct rentbus_schema *schema, const void *value)
{
    struct rentbus_buffer scratch = {0};
    union round_trip_struct again;
    struct rentbus_fault fault = {0};
    json_t *once = rentbus_json_from(schema, value);
    if (!once)
        abort();
    if (rentbus_json_decode_object(schema, once, RENTBUS_LENIENT, &scratch, &again, &fault) == 0) {
        json_t *twice = rentbus_json_from(schema, &again);
        if (!twice || !json_equal(once, twice))
            abort();
        json_decref(twice);
    }
    json_decref(once);
    rentbus_buffer_release(&scratch);
}

static inline void round_trip(const struct rentbus_schema *schema, const void *value)
{
    round_trip_cbor(schema, value);
    round_trip_json(schema, value);
}

/* Decodes checked bytes, and where they fit, does the above. */
static inline void round_trip_bytes(const struct rentbus_schema *schema, struct rentbus_bytes bytes)
{
    union round_trip_struct value;
    struct rentbus_fault fault = {0};
    int result = rentbus_decode(schema, bytes, RENTBUS_STRICT, &value, &fault);
    if (result)
        round_trip_fault(result, &fault);
    else
        round_trip(schema, &value);
}

#endif
