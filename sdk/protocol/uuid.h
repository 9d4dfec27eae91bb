/* SPDX-License-Identifier: MPL-2.0 */
/* UUIDs (RFC 9562). */
#ifndef RENTBUS_UUID_H
#define RENTBUS_UUID_H

#include "sdk/protocol/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes version 7 ids that only grow: 48 bits of milliseconds, a 12-bit and a 62-bit part from
 * getrandom(), the last counted up within a millisecond and when the clock steps back. One per
 * thread; zero it before the first use. */
struct rentbus_uuid_source {
    uint64_t milliseconds;
    uint64_t high; /* 12 bits */
    uint64_t low;  /* 62 bits */
};

/* `now` in microseconds since 1970. 0, or -errno of getrandom(). */
RENTBUS_EXPORT int rentbus_uuid_next(struct rentbus_uuid_source *source, int64_t now,
                                     struct rentbus_uuid *out) __attribute__((warn_unused_result));
/* Writes 36 characters, lower case, and a NUL. */
RENTBUS_EXPORT void rentbus_uuid_format(struct rentbus_uuid uuid,
                                        char text[RENTBUS_UUID_TEXT_SIZE + 1]);
RENTBUS_EXPORT bool rentbus_uuid_parse(struct rentbus_text text, struct rentbus_uuid *out);

#ifdef __cplusplus
}
#endif

#endif
