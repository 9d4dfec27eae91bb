/* SPDX-License-Identifier: MPL-2.0 */
/* Command ids that follow from content, so that a command repeated is known. Pure. */
#ifndef CLI_CONTENT_ID_H
#define CLI_CONTENT_ID_H

#include <rentbus/rentbus.h>

/* A UUID of version 8: the first 16 bytes of the BLAKE2b of both parts, one behind the other. */
struct rentbus_uuid cli_content_id(struct rentbus_bytes first, struct rentbus_bytes second);

#endif
