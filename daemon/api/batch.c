/* SPDX-License-Identifier: MPL-2.0 */
/* Many commands in one request: each is taken as if it had come alone, all stand in one commit, and
 * one reply tells of all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/call.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* Blames a command of the batch: the field by its path, the command by its number. */
static int refuse_command(struct api_call *call, size_t index)
{
    const struct rentbus_fault fault = call->fault;
    char field[sizeof "commands." + RENTBUS_FIELD_PATH_SIZE];
    snprintf(field, sizeof field, "commands.%s", fault.field);
    return rentbus_fault_set(&call->fault, fault.code, field, "command %zu: %s", index + 1,
                             fault.message);
}

static int read_commands(struct api_call *call, const struct rentbus_list *list)
{
    struct api_batch *batch = &call->api->batch;
    struct rentbus_cbor_reader reader =
        rentbus_cbor_reader((struct rentbus_bytes){list->data, list->length});
    if (list->count > RENTBUS_BATCH_MAX)
        return api_refuse(call, TOO_LARGE, "commands", "has more than %d commands",
                          RENTBUS_BATCH_MAX);
    for (batch->count = 0; batch->count < list->count; batch->count++) {
        struct rentbus_batch_command *command = &batch->commands[batch->count];
        struct rentbus_bytes item = rentbus_cbor_skip(&reader);
        int status = rentbus_decode(&rentbus_batch_command_schema, item, RENTBUS_STRICT, command,
                                    &call->fault);
        if (status == 0 && api_is_nil(&command->id))
            status = api_refuse(call, INVALID_ARGUMENT, "id", "is all zero");
        if (status)
            return refuse_command(call, batch->count);
        batch->sorted[batch->count] = command->id;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct rentbus_uuid));
}

static int refuse_repeated(struct api_call *call)
{
    struct api_batch *batch = &call->api->batch;
    qsort(batch->sorted, batch->count, sizeof *batch->sorted, compare_ids);
    for (size_t i = 1; i < batch->count; i++)
        if (compare_ids(&batch->sorted[i - 1], &batch->sorted[i]) == 0)
            return api_refuse(call, INVALID_ARGUMENT, "commands", "has the same id twice");
    return 0;
}

/* A batch that repeats a command whose first outcome is not durable yet waits as a whole. */
static int wait_for_outcomes(struct api_call *call)
{
    const struct api_batch *batch = &call->api->batch;
    for (size_t i = 0; i < batch->count; i++) {
        int seen = engine_command_find(call->api->engine, batch->commands[i].id,
                                       &call->result.rental_return);
        if (seen < 0 && seen != JOURNAL_TRIMMED)
            return seen;
        if (seen == ENGINE_PENDING)
            return api_wait(call);
    }
    return 0;
}

static int take_command(struct api_call *call, const struct rentbus_batch_command *command)
{
    call->id = command->id;
    call->op = rentbus_op_find(command->op);
    if (call->op == RENTBUS_OP_COUNT)
        return api_refuse(call, UNKNOWN_OP, "op", "there is no operation \"%.*s\"",
                          RENTBUS_TEXT_ARGS(command->op));
    if (rentbus_op_rows[call->op].mode != RENTBUS_MODE_COMMAND)
        return api_refuse(call, INVALID_ARGUMENT, "op", "is not a command");
    if (!api_is_map(command->args))
        return api_refuse(call, INVALID_ARGUMENT, "args", "is not a map");
    return api_take(call, command->args);
}

/* At once: what a result borrows is only good until the next command. */
static void add_reply(struct api_call *call, int status)
{
    struct rentbus_batch_reply *reply = &call->api->batch.reply;
    reply->has = 0;
    RENTBUS_SET(reply, batch_reply, id, call->id);
    RENTBUS_SET(reply, batch_reply, ok, status == 0);
    if (status == 0)
        RENTBUS_SET(reply, batch_reply, result, call->result.rental_return);
    else
        RENTBUS_SET(reply, batch_reply, error, api_error(&call->fault));
    rentbus_encode(&rentbus_batch_reply_schema, reply, &call->api->page);
}

/* What a command is about is not durable yet: BUS_AGAIN, and the whole batch waits, unless it is
 * the batch itself that it would wait for. */
static int refuse_second(struct api_call *call, const struct engine_savepoint *before)
{
    if (bus_awaited(engine_bus(call->api->engine)) <= before->head.seq)
        return BUS_AGAIN;
    return api_refuse(call, CONFLICT, "id", "another command of this batch is about the consumer");
}

/* It is not the command: those behind it could not be taken now, either. */
static bool has_to_wait(int status)
{
    return status == BUS_AGAIN || status == RENTBUS_ERROR_BUSY ||
           status == RENTBUS_ERROR_UNAVAILABLE;
}

/* 0 with *refused, whether one was refused or rejected; or what kept them from being served. */
static int take_commands(struct api_call *call, const struct engine_savepoint *before,
                         bool *refused)
{
    const struct api_batch *batch = &call->api->batch;
    *refused = false;
    rentbus_buffer_clear(&call->api->page);
    for (size_t i = 0; i < batch->count; i++) {
        int status = take_command(call, &batch->commands[i]);
        if (status == BUS_AGAIN)
            status = refuse_second(call, before);
        if (status < 0 || has_to_wait(status))
            return status;
        if (status || call->result.rental_return.outcome == RENTBUS_OUTCOME_REJECTED)
            *refused = true;
        add_reply(call, status);
    }
    return call->api->page.failed ? -ENOMEM : 0;
}

int api_answer_batch(struct api_call *call)
{
    const struct rentbus_batch_args *args = &call->args.batch;
    const struct api_batch *batch = &call->api->batch;
    const struct rentbus_uuid id = call->id;
    bool atomic = RENTBUS_HAS(args, batch_args, atomic) && args->atomic;
    bool refused;
    int status = read_commands(call, &args->commands);
    if (status == 0)
        status = refuse_repeated(call);
    if (status == 0)
        status = wait_for_outcomes(call);
    if (status)
        return status;
    struct engine_savepoint before = engine_savepoint(call->api->engine);
    status = take_commands(call, &before, &refused);
    call->id = id;
    call->op = RENTBUS_OP_batch;
    if (status == BUS_AGAIN || (atomic && (status || refused)))
        engine_rollback(call->api->engine, &before);
    if (status == BUS_AGAIN)
        return api_wait(call);
    if (status)
        return status;
    struct rentbus_batch_result *result = &call->result.batch;
    const struct rentbus_buffer *replies = &call->api->page;
    result->has = 0;
    RENTBUS_SET(result, batch_result, applied, !(atomic && refused));
    RENTBUS_SET(result, batch_result, replies,
                ((struct rentbus_list){replies->data, replies->length, batch->count}));
    return 0;
}
