/* SPDX-License-Identifier: MPL-2.0 */
/* Commands on their way into a batch, encoded one behind the other. */
#include "sdk/client.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rentbus_batch_builder {
    struct rentbus_client *client;
    struct rentbus_buffer commands;
    size_t count;
};

int rentbus_batch_open(struct rentbus_client *client, struct rentbus_batch_builder **builder)
{
    if (!client)
        return -EINVAL;
    struct rentbus_batch_builder *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    fresh->client = client;
    *builder = fresh;
    return 0;
}

void rentbus_batch_close(struct rentbus_batch_builder **builder)
{
    if (!builder || !*builder)
        return;
    rentbus_buffer_release(&(*builder)->commands);
    free(*builder);
    *builder = NULL;
}

void rentbus_batch_clear(struct rentbus_batch_builder *builder)
{
    rentbus_buffer_clear(&builder->commands);
    builder->count = 0;
}

struct rentbus_list rentbus_batch_commands(const struct rentbus_batch_builder *builder)
{
    return (struct rentbus_list){builder->commands.data, builder->commands.length, builder->count};
}

static int command_encode(struct rentbus_batch_builder *builder, enum rentbus_op op,
                          const struct rentbus_uuid *command_id, const void *args)
{
    const struct rentbus_op_row *row = &rentbus_op_rows[op];
    struct rentbus_buffer *out = &builder->commands;
    struct rentbus_client *client = builder->client;
    struct rentbus_batch_command command = {0};
    RENTBUS_SET(&command, batch_command, id, *command_id);
    RENTBUS_SET(&command, batch_command, op, ((struct rentbus_text){row->wire, row->wire_length}));
    rentbus_cbor_write_map(out, 3);
    rentbus_encode_fields(&rentbus_batch_command_schema, &command, RENTBUS_FIELD_batch_command_id,
                          RENTBUS_FIELD_batch_command_args, out);
    rentbus_cbor_write_text(out, "args", strlen("args"));
    return request_args_encode(op, args, client->args, out, &client->fault);
}

int rentbus_batch_add(struct rentbus_batch_builder *builder, enum rentbus_op op,
                      const struct rentbus_uuid *command_id, const void *args)
{
    if (!builder || (unsigned)op >= RENTBUS_OP_COUNT ||
        rentbus_op_rows[op].mode != RENTBUS_MODE_COMMAND)
        return -EINVAL;
    if (builder->count == RENTBUS_BATCH_MAX)
        return rentbus_fault_set(&builder->client->fault, RENTBUS_ERROR_TOO_LARGE, "commands",
                                 "are as many as a batch takes");
    struct rentbus_uuid fresh;
    int error = command_id ? 0 : rentbus_client_command_id(builder->client, &fresh);
    if (error)
        return error;
    size_t start = builder->commands.length;
    error = command_encode(builder, op, command_id ? command_id : &fresh, args);
    if (error) {
        builder->commands.length = start;
        builder->commands.failed = false;
        return error;
    }
    builder->count++;
    return 0;
}
