/* SPDX-License-Identifier: MPL-2.0 */
/* The maps of a list that a client has sent. */
#ifndef RENTBUS_BUS_ITEMS_H
#define RENTBUS_BUS_ITEMS_H

#include "sdk/protocol/codec.h"

/* As rentbus_list_next(), and as strict as with the rest of a request: 1 with the next one in
 * *value, 0 behind the last; or INVALID_ARGUMENT with *fault, which names `field` and tells of the
 * field in it that is wrong. */
int items_next(const struct rentbus_list *list, const struct rentbus_schema *schema,
               size_t *position, void *value, const char *field, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
