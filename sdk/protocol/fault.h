/* SPDX-License-Identifier: MPL-2.0 */
/* Why something was refused: the code, the field and the rule. */
#ifndef RENTBUS_FAULT_H
#define RENTBUS_FAULT_H

#include "sdk/protocol/schema.h"

/* Longest dotted path to a field, such as "rental.eligible_asset_types", and its NUL. */
#define RENTBUS_FIELD_PATH_SIZE 80
#define RENTBUS_MESSAGE_SIZE 200

/* Whoever fills it copies the words, so it outlives the message that it is about. `field` and
 * `message` are NUL-terminated UTF-8. */
struct rentbus_fault {
    enum rentbus_error_code code;
    uint32_t retry_after_ms;             /* 0: not said */
    char field[RENTBUS_FIELD_PATH_SIZE]; /* "" when no field is to blame */
    char message[RENTBUS_MESSAGE_SIZE];
};

#endif
