/* SPDX-License-Identifier: MPL-2.0 */
/* Structs of schema.h to JSON and back, driven by their descriptors, with jansson. Forms as in
 * types.h; an ANY item maps by its CBOR type (a byte string becomes base64). */
#ifndef RENTBUS_JSON_H
#define RENTBUS_JSON_H

#include "sdk/protocol/codec.h"

/* Opaque here, so that users of the protocol need no jansson header. */
struct json_t;

/* The struct as a new JSON object, owned by the caller; NULL when out of memory. */
struct json_t *rentbus_json_from(const struct rentbus_schema *schema, const void *value);
/* Any checked, definite item as JSON, in the same way. */
struct json_t *rentbus_json_from_cbor(struct rentbus_bytes item);
/* The struct as compact JSON text appended to `out` (no NUL). */
void rentbus_json_encode(const struct rentbus_schema *schema, const void *value,
                         struct rentbus_buffer *out);

/* Decodes JSON text, duplicate keys refused, by way of CBOR, so that the rules are those of
 * rentbus_decode(). `scratch` takes the CBOR and must live as long as *value. Returns 0, an error
 * code with *fault (MALFORMED with the line and column, INVALID_ARGUMENT), or -ENOMEM. */
int rentbus_json_decode(const struct rentbus_schema *schema, struct rentbus_text json,
                        enum rentbus_strictness strictness, struct rentbus_buffer *scratch,
                        void *value, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* The same from a parsed object, which is borrowed. */
int rentbus_json_decode_object(const struct rentbus_schema *schema, const struct json_t *object,
                               enum rentbus_strictness strictness, struct rentbus_buffer *scratch,
                               void *value, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
