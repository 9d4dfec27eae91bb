/* SPDX-License-Identifier: MPL-2.0 */
/* Text: UTF-8, base64, comparisons. Pure. */
#ifndef RENTBUS_TEXT_H
#define RENTBUS_TEXT_H

#include <string.h>

#include "sdk/protocol/types.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline struct rentbus_text rentbus_text(const char *string)
{
    struct rentbus_text text = {string, string ? strlen(string) : 0};
    return text;
}

static inline bool rentbus_text_equal(struct rentbus_text a, struct rentbus_text b)
{
    return a.length == b.length &&
           (a.length == 0 || (a.data && b.data && memcmp(a.data, b.data, a.length) == 0));
}

static inline bool rentbus_text_begins(struct rentbus_text text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

static inline bool rentbus_text_ends(struct rentbus_text text, const char *ending)
{
    size_t length = strlen(ending);
    return text.length >= length && memcmp(text.data + text.length - length, ending, length) == 0;
}

/* The bytes of the UTF-8 character that `data` begins with, and *code, its code point; 0 when it
 * begins with none (RFC 3629: no surrogates, no overlong forms) or `length` is 0. */
size_t rentbus_utf8_next(const char *data, size_t length, uint32_t *code);
/* Whether the bytes are UTF-8. */
RENTBUS_EXPORT bool rentbus_utf8_valid(const char *data, size_t length);
/* Whether the text is an id: 1 to RENTBUS_ID_MAX bytes of UTF-8 without control characters. */
RENTBUS_EXPORT bool rentbus_id_valid(struct rentbus_text text);
/* Whether the text can be the type of an event: 1 to RENTBUS_TYPE_MAX letters, digits, `_`, `-` and
 * `.`. */
RENTBUS_EXPORT bool rentbus_type_valid(struct rentbus_text text);

/* Decodes base64 (RFC 4648, section 4) with or without padding; stray bits behind the last byte are
 * refused. `out` has room for `capacity` bytes. Returns the length, or -1. */
RENTBUS_EXPORT int rentbus_base64_decode(struct rentbus_text text, uint8_t *out, size_t capacity);
/* Writes base64 with padding and a NUL. `out` has room for 4 * ((length + 2) / 3) + 1 bytes.
 * Returns the length without the NUL. */
RENTBUS_EXPORT size_t rentbus_base64_encode(const uint8_t *data, size_t length, char *out);

#ifdef __cplusplus
}
#endif

#endif
