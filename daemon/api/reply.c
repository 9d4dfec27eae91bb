/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/api/call.h"
#include "daemon/engine/snapshot.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* Everything but the last pair, which is `error` or `result`. */
static void encode_envelope(const struct rentbus_uuid *id, bool ok, struct rentbus_buffer *out)
{
    struct rentbus_reply reply = {0};
    RENTBUS_SET(&reply, reply, v, RENTBUS_PROTOCOL_VERSION);
    RENTBUS_SET(&reply, reply, id, *id);
    RENTBUS_SET(&reply, reply, ok, ok);
    rentbus_cbor_write_map(out, 4);
    rentbus_encode_fields(&rentbus_reply_schema, &reply, 0, RENTBUS_FIELD_reply_error, out);
}

void api_encode_result(const struct rentbus_uuid *id, enum rentbus_op op, const void *result,
                       struct rentbus_buffer *out)
{
    encode_envelope(id, true, out);
    rentbus_cbor_write_text(out, "result", 6);
    rentbus_encode(rentbus_op_rows[op].result, result, out);
}

/* The same where the rental stands encoded in an event already. */
static void encode_recorded(const struct api_call *call, struct rentbus_buffer *out)
{
    const struct rentbus_schema *schema = &rentbus_command_result_schema;
    const struct rentbus_command_result *result = &call->result.rental_return;
    encode_envelope(&call->id, true, out);
    rentbus_cbor_write_text(out, "result", 6);
    rentbus_cbor_write_map(out, (size_t)__builtin_popcountll(result->has));
    rentbus_encode_fields(schema, result, 0, RENTBUS_FIELD_command_result_rental, out);
    rentbus_cbor_write_text(out, "rental", 6);
    rentbus_buffer_append(out, call->rental.data, call->rental.length);
    rentbus_encode_fields(schema, result, RENTBUS_FIELD_command_result_rental + 1, schema->count,
                          out);
}

struct rentbus_error api_error(const struct rentbus_fault *fault)
{
    struct rentbus_error error = {0};
    RENTBUS_SET(&error, error, code, fault->code);
    RENTBUS_SET(&error, error, message, rentbus_text(fault->message));
    if (fault->field[0])
        RENTBUS_SET(&error, error, field, rentbus_text(fault->field));
    if (fault->retry_after_ms)
        RENTBUS_SET(&error, error, retry_after_ms, fault->retry_after_ms);
    return error;
}

void api_encode_error(const struct rentbus_uuid *id, const struct rentbus_fault *fault,
                      struct rentbus_buffer *out)
{
    struct rentbus_error error = api_error(fault);
    encode_envelope(id, false, out);
    rentbus_cbor_write_text(out, "error", 5);
    rentbus_encode(&rentbus_error_schema, &error, out);
}

int api_refuse_trimmed(struct api_call *call, const char *field)
{
    return api_refuse(call, TRIMMED, field,
                      "needs events that are no longer kept: the journal begins with seq %" PRIu64,
                      engine_first(call->api->engine));
}

int api_refuse_forgotten(const struct api *api, const char *field, struct rentbus_fault *fault)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_TRIMMED, field,
                             "needs what is no longer kept: the ledger can be read as it was from "
                             "seq %" PRIu64 " on, and the journal begins with seq %" PRIu64,
                             engine_first_state(api->engine), engine_first(api->engine));
}

static void fault_of_errno(int status, struct rentbus_fault *fault)
{
    if (status == JOURNAL_TRIMMED) {
        rentbus_fault_set(fault, RENTBUS_ERROR_TRIMMED, NULL,
                          "needs events that are no longer kept");
        return;
    }
    /* Without an archive until its follower has begun a new one. */
    bool rebuilding = status == -ENOENT || status == -EBUSY;
    if (rebuilding || status == -ENOMEM || status == -ENOSPC || status == -EIO) {
        rentbus_fault_set(fault, RENTBUS_ERROR_UNAVAILABLE, NULL, "not possible now: %s",
                          strerror(-status));
        fault->retry_after_ms = ENGINE_UNAVAILABLE_RETRY_MS;
    } else {
        rentbus_fault_set(fault, RENTBUS_ERROR_INTERNAL, NULL, "the daemon failed: %s",
                          strerror(-status));
    }
}

void api_encode_failure(const struct rentbus_uuid *id, int status, struct rentbus_buffer *out)
{
    struct rentbus_fault fault;
    fault_of_errno(status, &fault);
    api_encode_error(id, &fault, out);
}

void api_reply(struct api_call *call, int status)
{
    struct api *api = call->api;
    if (status == API_LATER)
        return;
    rentbus_buffer_clear(&api->reply);
    if (status == JOURNAL_TRIMMED)
        status = api_refuse_trimmed(call, NULL);
    if (status < 0)
        fault_of_errno(status, &call->fault);
    if (status == 0 && call->rental.length > 0 &&
        rentbus_op_rows[call->op].mode == RENTBUS_MODE_COMMAND) {
        encode_recorded(call, &api->reply);
    } else if (status == 0) {
        api_encode_result(&call->id, call->op, &call->result, &api->reply);
    } else {
        api->errors++;
        api_encode_error(&call->id, &call->fault, &api->reply);
    }
    if (api->reply.failed)
        return;
    struct waiting waiting = {
        .kind = WAITING_REPLY,
        .id = call->id,
        .route = call->message->route,
        .body = {api->reply.data, api->reply.length},
    };
    bool past = call->as_of != UINT64_MAX; /* which is durable, whatever waits now */
    bool at_once = status > 0 && (call->fault.code == RENTBUS_ERROR_BUSY ||
                                  call->fault.code == RENTBUS_ERROR_UNAVAILABLE);
    if (past || at_once || call->at_once || engine_reply(api->engine, &waiting))
        api->settings.send(api->settings.context, waiting.route, waiting.body);
}

int api_wait(struct api_call *call)
{
    struct waiting waiting = {
        .kind = WAITING_REQUEST,
        .id = call->id,
        .route = call->message->route,
        .actor = call->message->actor,
        .body = call->message->body,
    };
    int status = engine_reply(call->api->engine, &waiting);
    return status ? status : API_LATER;
}
