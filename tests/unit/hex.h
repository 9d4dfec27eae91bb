/* SPDX-License-Identifier: MPL-2.0 */
/* Bytes as hex digits, for tests that spell out messages. */
#ifndef RENTBUS_TEST_HEX_H
#define RENTBUS_TEST_HEX_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/types.h"

/* Reads hex digits, blanks between them ignored, into malloc()ed memory of exactly their length, so
 * that a sanitizer sees a read beyond it. Free `data` with hex_release(). */
struct rentbus_bytes hex_read(const char *hex);
void hex_release(struct rentbus_bytes *bytes);
/* Whether the buffer holds these bytes; prints both when it does not. */
bool hex_equal(const struct rentbus_buffer *buffer, const char *hex);

#endif
