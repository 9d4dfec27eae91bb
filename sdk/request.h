/* SPDX-License-Identifier: MPL-2.0 */
/* Requests out and replies in: bytes on one side, structs of schema.h on the other. Pure. */
#ifndef RENTBUS_REQUEST_H
#define RENTBUS_REQUEST_H

#include "sdk/protocol/buffer.h"
#include <rentbus/rentbus.h>

/* Room for the args and for the result of any operation. */
size_t request_value_size(void);

/* Appends the args alone and checks them as the daemon will; otherwise as request_encode(). What
 * was appended is of no use unless it returns 0. */
int request_args_encode(enum rentbus_op op, const void *args, void *scratch,
                        struct rentbus_buffer *out, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Appends the request and checks its args as the daemon will. `args` may be NULL: nothing is
 * present. `scratch` has request_value_size() bytes. 0, a positive code with *fault, -ENOMEM,
 * or -EINVAL when args->has names fields that there are none of. */
int request_encode(enum rentbus_op op, const struct rentbus_uuid *id, const void *args,
                   void *scratch, struct rentbus_buffer *out, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Reads a reply, which is hostile until it is read. True when it says what it answers: then
 * reply->id is present, and the rest is there if reply->has says so; a reply that says no more than
 * its id does not fit the protocol. `scratch` must live as long as *reply. */
bool reply_decode(struct rentbus_bytes bytes, struct rentbus_buffer *scratch,
                  struct rentbus_reply *reply);
/* What a reply that reply_decode() has read says of its call: 0 and the result in *value, a
 * positive code with *fault, or -EBADMSG. */
int reply_status(const struct rentbus_reply *reply, const struct rentbus_schema *result,
                 void *value, struct rentbus_fault *fault) __attribute__((warn_unused_result));

#endif
