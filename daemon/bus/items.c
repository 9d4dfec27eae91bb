/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/items.h"

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/fault.h"

int items_next(const struct rentbus_list *list, const struct rentbus_schema *schema,
               size_t *position, void *value, const char *field, struct rentbus_fault *fault)
{
    struct rentbus_bytes rest = {list->data + *position, list->length - *position};
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(rest);
    struct rentbus_fault wrong;

    if (*position >= list->length)
        return 0;
    if (rentbus_decode_next(schema, &reader, RENTBUS_STRICT, value, &wrong) == 0) {
        *position = (size_t)(reader.at - list->data);
        return 1;
    }
    return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field,
                             "has an item whose %s %s", wrong.field, wrong.message);
}
