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

/* The JSON form of the struct, read and written again; NULL when it cannot be read. Frees `json`.
 */
static inline json_t *round_trip_again(const struct rentbus_schema *schema, json_t *json)
{
    struct rentbus_buffer scratch = {0};
    union round_trip_struct value;
    struct rentbus_fault fault = {0};
    json_t *again = NULL;
    int result =
        rentbus_json_decode_object(schema, json, RENTBUS_LENIENT, &scratch, &value, &fault);
    if (result > 0)
        round_trip_fault(result, &fault);
    else if (!(again = rentbus_json_from(schema, &value)))
        abort();
    json_decref(json);
    rentbus_buffer_release(&scratch);
    return again;
}

/* Whether JSON has all that CBOR says in a struct: where a schema describes everything. */
static inline bool round_trip_exact(const struct rentbus_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        if (field->kind == RENTBUS_KIND_ANY || field->kind == RENTBUS_KIND_MAPS)
            return false;
    }
    return true;
}

/* The struct has a JSON form, which reads back to itself. What no schema describes may lose tags,
 * and has text for bytes, at the first reading; not at the next. */
static inline void round_trip_json(const struct rentbus_schema *schema, const void *value)
{
    json_t *json = rentbus_json_from(schema, value);
    if (!json)
        abort();
    if (!round_trip_exact(schema) && !(json = round_trip_again(schema, json)))
        return;
    json_t *again = round_trip_again(schema, json_incref(json));
    if (!again || !json_equal(json, again))
        abort();
    json_decref(json);
    json_decref(again);
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
