/* SPDX-License-Identifier: MPL-2.0 */
/* Structs of schema.h to deterministic CBOR and back, driven by their descriptors. Pure: decoded
 * text points into the bytes given. */
#ifndef RENTBUS_CODEC_H
#define RENTBUS_CODEC_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/fault.h"
#include "sdk/protocol/schema.h"

/* Fills *fault; `field` may be NULL. Words that do not fit are cut at a character. Returns the
 * code, which is positive: an answer to the caller, not a failure of ours. */
int rentbus_fault_set(struct rentbus_fault *fault, enum rentbus_error_code code, const char *field,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

enum rentbus_strictness {
    RENTBUS_STRICT,  /* an unknown field is refused: for what the daemon is sent */
    RENTBUS_LENIENT, /* an unknown field is passed over: for what a newer daemon may say */
};

/* Decodes one map from checked, definite bytes (rentbus_cbor_check). Keys may stand in any order; a
 * null value counts as absent. Zeroes *value first. Returns 0, or INVALID_ARGUMENT with *fault. */
int rentbus_decode(const struct rentbus_schema *schema, struct rentbus_bytes checked,
                   enum rentbus_strictness strictness, void *value, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* The same of the item that a reader of checked, definite bytes stands at: on success it stands
 * behind it. */
struct rentbus_cbor_reader;
int rentbus_decode_next(const struct rentbus_schema *schema, struct rentbus_cbor_reader *checked,
                        enum rentbus_strictness strictness, void *value,
                        struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* Checks and decodes a whole message from outside. `scratch` takes the normalized form of a message
 * with indefinite lengths, and must live as long as *value. Returns 0, an error code with *fault
 * (MALFORMED, TOO_LARGE, INVALID_ARGUMENT), or -ENOMEM. */
struct rentbus_cbor_limits;
int rentbus_decode_message(const struct rentbus_schema *schema, struct rentbus_bytes bytes,
                           const struct rentbus_cbor_limits *limits,
                           enum rentbus_strictness strictness, struct rentbus_buffer *scratch,
                           void *value, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Appends the struct as one map. A required field must be present; out of memory shows in
 * out->failed. */
void rentbus_encode(const struct rentbus_schema *schema, const void *value,
                    struct rentbus_buffer *out);

/* Where something stands in a buffer, encoded; `length` is 0 where it does not. */
struct rentbus_encoded {
    size_t start;
    size_t length;
};

/* The same, with a note of where the value of the field at the index `noted` stands; an index
 * behind the last is that of no field. */
struct rentbus_encoded rentbus_encode_noting(const struct rentbus_schema *schema, const void *value,
                                             size_t noted, struct rentbus_buffer *out);

/* Appends the fields [first, last) as pairs, without a map head: for those who put a map together
 * themselves. Returns how many were present. */
size_t rentbus_encode_fields(const struct rentbus_schema *schema, const void *value, size_t first,
                             size_t last, struct rentbus_buffer *out);

#endif
