/* SPDX-License-Identifier: MPL-2.0 */
/* The typed calls. */
#include <rentbus/rentbus.h>

#define DEFINE_CALL(name, wire, args_struct, result_struct, mode)                                  \
    int rentbus_##name(struct rentbus_client *client, const struct rentbus_uuid *command_id,       \
                       const struct rentbus_##args_struct *args,                                   \
                       struct rentbus_##result_struct *result)                                     \
    {                                                                                              \
        return rentbus_call(client, RENTBUS_OP_##name, command_id, args, result);                  \
    }
RENTBUS_OPS(DEFINE_CALL)
