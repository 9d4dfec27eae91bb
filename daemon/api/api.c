/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/api/api.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/call.h"
#include "daemon/api/explain.h"
#include "daemon/api/past.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* Either `prepare` (a command), with where its arguments say `dry_run`; or `answer` (a query, or a
 * batch, which takes its commands itself), and of a READ where its arguments say of when. */
struct operation {
    int (*prepare)(struct api_call *call, struct ledger_command *command);
    size_t dry_run;
    uint64_t dry_run_bit;
    int (*answer)(struct api_call *call);
    size_t at;
    uint64_t at_bit;
    size_t at_seq;
    uint64_t at_seq_bit;
};

#define OPERATION_COMMAND(name, args)                                                              \
    .prepare = api_prepare_##name, .dry_run = offsetof(struct rentbus_##args, dry_run),            \
    .dry_run_bit = RENTBUS_BIT(args, dry_run)
#define OPERATION_QUERY(name, args) .answer = api_answer_##name
#define OPERATION_READ(name, args)                                                                 \
    .answer = api_answer_##name, .at = offsetof(struct rentbus_##args, at),                        \
    .at_bit = RENTBUS_BIT(args, at), .at_seq = offsetof(struct rentbus_##args, at_seq),            \
    .at_seq_bit = RENTBUS_BIT(args, at_seq)
#define OPERATION_BATCH(name, args) .answer = api_answer_##name
#define OPERATION_DELIVERY(name, args) .answer = api_answer_##name
#define OPERATION(name, wire, args, result, mode)                                                  \
    [RENTBUS_OP_##name] = {OPERATION_##mode(name, args)},
static const struct operation operations[RENTBUS_OP_COUNT] = {RENTBUS_OPS(OPERATION)};

/* What of a broken envelope can still be read: its id, for the reply, and its version. */
static void peek(struct api_call *call, struct rentbus_bytes body, uint64_t *version)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(body);
    struct rentbus_cbor_item head = rentbus_cbor_read(&reader);
    for (uint64_t i = 0; head.type == RENTBUS_CBOR_MAP && i < head.number; i++) {
        struct rentbus_bytes key = rentbus_cbor_skip(&reader);
        struct rentbus_bytes value = rentbus_cbor_skip(&reader);
        struct rentbus_cbor_reader inner = rentbus_cbor_reader(value);
        struct rentbus_cbor_item item = rentbus_cbor_read(&inner);
        if (key.length == 3 && memcmp(key.data, "\x62id", 3) == 0 &&
            item.type == RENTBUS_CBOR_BYTES && item.bytes.length == sizeof call->id.bytes) {
            memcpy(call->id.bytes, item.bytes.data, sizeof call->id.bytes);
        }
        if (key.length == 2 && memcmp(key.data, "\x61v", 2) == 0 && item.type == RENTBUS_CBOR_UINT)
            *version = item.number;
    }
}

/* Checks the bytes, and makes their lengths definite where they are not. */
static int check_body(struct api_call *call, struct rentbus_bytes *body)
{
    struct rentbus_buffer *normalized = &call->api->normalized;
    enum rentbus_cbor_check check = rentbus_cbor_check(*body, &rentbus_request_limits);
    if (check == RENTBUS_CBOR_INDEFINITE) {
        rentbus_buffer_clear(normalized);
        int status = rentbus_cbor_normalize(*body, normalized);
        *body = (struct rentbus_bytes){normalized->data, normalized->length};
        return status;
    }
    if (check == RENTBUS_CBOR_TOO_LARGE)
        return api_refuse(call, TOO_LARGE, NULL, "%s", rentbus_cbor_check_text(check));
    if (check != RENTBUS_CBOR_OK)
        return api_refuse(call, MALFORMED, NULL, "%s", rentbus_cbor_check_text(check));
    return 0;
}

bool api_is_nil(const struct rentbus_uuid *id)
{
    static const struct rentbus_uuid nil;
    return memcmp(id, &nil, sizeof nil) == 0;
}

bool api_is_map(struct rentbus_bytes item)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(item);
    return rentbus_cbor_read(&reader).type == RENTBUS_CBOR_MAP;
}

static int decode_envelope(struct api_call *call, struct rentbus_bytes *args)
{
    struct rentbus_request request;
    struct rentbus_bytes body = call->message->body;
    int status = check_body(call, &body);
    if (status)
        return status;
    status = rentbus_decode(&rentbus_request_schema, body, RENTBUS_STRICT, &request, &call->fault);
    if (status) {
        uint64_t version = RENTBUS_PROTOCOL_VERSION;
        peek(call, body, &version);
        request.v = version;
        if (version == RENTBUS_PROTOCOL_VERSION)
            return status;
    }
    if (status == 0)
        call->id = request.id;
    if (request.v != RENTBUS_PROTOCOL_VERSION)
        return api_refuse(call, UNSUPPORTED_VERSION, "v", "this daemon speaks version %d",
                          RENTBUS_PROTOCOL_VERSION);
    call->traceparent = RENTBUS_HAS(&request, request, traceparent) ? request.traceparent
                                                                    : (struct rentbus_text){0};
    if (call->traceparent.length > API_TRACEPARENT_MAX)
        return api_refuse(call, INVALID_ARGUMENT, "traceparent", "is longer than %d bytes",
                          API_TRACEPARENT_MAX);
    if (api_is_nil(&call->id))
        return api_refuse(call, INVALID_ARGUMENT, "id", "is all zero");
    call->op = rentbus_op_find(request.op);
    if (call->op == RENTBUS_OP_COUNT)
        return api_refuse(call, UNKNOWN_OP, "op", "there is no operation \"%.*s\"",
                          RENTBUS_TEXT_ARGS(request.op));
    if (!api_is_map(request.args))
        return api_refuse(call, INVALID_ARGUMENT, "args", "is not a map");
    *args = request.args;
    return 0;
}

/* Takes `dry_run` out of the arguments: what is decided is the same. */
static bool take_dry_run(struct api_call *call)
{
    const struct operation *operation = &operations[call->op];
    uint64_t *has = (uint64_t *)&call->args;
    const bool *dry_run = (const bool *)((const char *)&call->args + operation->dry_run);
    bool given = (*has & operation->dry_run_bit) && *dry_run;
    *has &= ~operation->dry_run_bit;
    return given;
}

struct chain_origin api_origin(const struct api_call *call)
{
    const struct rentbus_bytes *actor = &call->message->actor;
    return (struct chain_origin){
        .has_command = true,
        .command = call->id,
        .actor = {(const char *)actor->data, actor->length},
        .traceparent = call->traceparent,
    };
}

static int execute(struct api_call *call)
{
    struct ledger_command command = {.op = call->op};
    struct rentbus_command_result *result = &call->result.rental_return;
    struct chain_origin origin = api_origin(call);
    int seen = engine_command_find(call->api->engine, call->id, result);
    if (seen == ENGINE_DURABLE)
        return 0;
    if (seen == ENGINE_PENDING)
        return api_wait(call);
    /* It was done: what became of it cannot be told, and it must not be done again. */
    if (seen == JOURNAL_TRIMMED)
        return api_refuse_trimmed(call, "id");
    if (seen < 0)
        return seen;
    bool dry_run = take_dry_run(call);
    int status = operations[call->op].prepare(call, &command);
    if (status)
        return status;
    if (call->op == RENTBUS_OP_publish)
        return api_publish(call, &origin, dry_run);
    if (dry_run)
        return engine_preview(call->api->engine, &command, call->now, result, &call->fault);
    status = engine_execute(call->api->engine, &origin, &command, call->now, result, &call->fault);
    if (status == 0 && RENTBUS_HAS(result, command_result, rental))
        call->rental = engine_recorded_rental(call->api->engine);
    return status;
}

/* Of those who may ask for it: the one place where that is looked at. */
static int decode_args(struct api_call *call, struct rentbus_bytes args)
{
    const struct access *access = call->api->settings.access;
    const struct rentbus_bytes *actor = &call->message->actor;
    struct rentbus_text principal = {(const char *)actor->data, actor->length};
    int status = access_check(access, principal, call->op, &call->fault);
    if (status == 0)
        status = rentbus_decode(rentbus_op_rows[call->op].args, args, RENTBUS_STRICT, &call->args,
                                &call->fault);
    if (status == 0)
        status = access_check_args(access, principal, call->op, &call->args, &call->fault);
    return status;
}

int api_take(struct api_call *call, struct rentbus_bytes args)
{
    int status = decode_args(call, args);
    return status ? status : execute(call);
}

int api_answer(struct api_call *call)
{
    return operations[call->op].answer(call);
}

/* A READ says of when in its arguments; without that, and for any other query, of now. */
static int answer(struct api_call *call)
{
    const struct operation *operation = &operations[call->op];
    const char *args = (const char *)&call->args;
    uint64_t has = *(const uint64_t *)&call->args;
    struct api_when when = {NULL, NULL};
    if (has & operation->at_bit)
        when.at = (const int64_t *)(args + operation->at);
    if (has & operation->at_seq_bit)
        when.at_seq = (const uint64_t *)(args + operation->at_seq);
    return when.at || when.at_seq ? past_serve(call, &when) : api_answer(call);
}

static int serve(struct api_call *call)
{
    struct rentbus_bytes args;
    if (call->message->body.length > API_REQUEST_MAX)
        return api_refuse(call, TOO_LARGE, NULL, "a request has at most %d bytes", API_REQUEST_MAX);
    int status = decode_envelope(call, &args);
    if (status)
        return status;
    if (engine_full(call->api->engine)) {
        api_refuse(call, BUSY, NULL, "too much waits for the disk");
        call->fault.retry_after_ms = API_BUSY_RETRY_MS;
        return RENTBUS_ERROR_BUSY;
    }
    if (operations[call->op].prepare) {
        status = api_take(call, args);
        return status == BUS_AGAIN ? api_wait(call) : status;
    }
    status = decode_args(call, args);
    return status ? status : answer(call);
}

void api_handle(struct api *api, const struct api_message *message)
{
    struct api_call *call = &api->call;
    call->api = api;
    call->message = message;
    call->ledger = engine_ledger(api->engine);
    call->now = api->settings.now(api->settings.context);
    call->as_of = UINT64_MAX;
    call->at_once = false;
    call->tally = NULL;
    call->id = (struct rentbus_uuid){0};
    call->rental = (struct rentbus_bytes){0};
    call->fault.retry_after_ms = 0;
    api->requests++;
    api_reply(call, serve(call));
}

static void engine_wants_reply(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct api *api = context;
    api->settings.send(api->settings.context, route, body);
}

static void engine_has_replied(void *context)
{
    struct api *api = context;
    if (api->settings.flush)
        api->settings.flush(api->settings.context);
}

static void engine_wants_request(void *context, const struct waiting *waiting)
{
    struct api_message message = {waiting->route, waiting->actor, waiting->body};
    api_handle(context, &message);
}

static void engine_wants_unavailable(void *context, struct rentbus_bytes route,
                                     struct rentbus_uuid id)
{
    struct api *api = context;
    struct rentbus_fault fault;
    rentbus_fault_set(&fault, RENTBUS_ERROR_UNAVAILABLE, NULL, "the journal could not be written");
    fault.retry_after_ms = ENGINE_UNAVAILABLE_RETRY_MS;
    api->errors++;
    rentbus_buffer_clear(&api->reply);
    api_encode_error(&id, &fault, &api->reply);
    if (!api->reply.failed)
        api->settings.send(api->settings.context, route,
                           (struct rentbus_bytes){api->reply.data, api->reply.length});
}

static void engine_wants_publish(void *context, struct rentbus_text type,
                                 struct rentbus_bytes event)
{
    struct api *api = context;
    api->settings.publish(api->settings.context, type, event);
}

static bool engine_wants_deliver(void *context, struct rentbus_bytes route,
                                 struct rentbus_uuid request, const struct rentbus_list *deliveries,
                                 const struct rentbus_fault *fault)
{
    struct api *api = context;
    return api_deliver(api, route, request, deliveries, fault);
}

static void engine_wants_log(void *context, int priority, const char *pairs)
{
    struct api *api = context;
    api->settings.log(api->settings.context, priority, pairs);
}

int api_open(const struct api_settings *settings, struct api **api, struct rentbus_fault *fault)
{
    struct api *new = calloc(1, sizeof *new);
    if (!new)
        return -ENOMEM;
    new->settings = *settings;
    new->started_at = settings->now(settings->context);
    snprintf(new->version, sizeof new->version, "%s", settings->engine.version);
    struct engine_hooks hooks = {
        .context = new,
        .reply = engine_wants_reply,
        .replied = engine_has_replied,
        .request = engine_wants_request,
        .unavailable = engine_wants_unavailable,
        .publish = engine_wants_publish,
        .deliver = engine_wants_deliver,
        .log = engine_wants_log,
    };
    new->past = past_create(new);
    int status = new->past ? 0 : -ENOMEM;
    if (status == 0)
        status = engine_open(&settings->engine, &hooks, &new->engine, fault);
    if (status == 0)
        status = engine_hello(new->engine, new->started_at);
    if (status)
        api_close(&new);
    else
        *api = new;
    return status;
}

void api_close(struct api **api)
{
    struct api *old = *api;
    if (!old)
        return;
    verification_stop(old);
    snapshot_stop(old);
    trimming_stop(old);
    if (old->past)
        past_stop(old->past);
    engine_close(&old->engine);
    past_destroy(&old->past);
    explain_release(&old->explanation);
    rentbus_buffer_release(&old->normalized);
    rentbus_buffer_release(&old->reply);
    rentbus_buffer_release(&old->page);
    rentbus_buffer_release(&old->holes);
    rentbus_buffer_release(&old->hot.bytes);
    rentbus_buffer_release(&old->cold.bytes);
    rentbus_buffer_release(&old->archived);
    tally_destroy(&old->tally);
    tally_summary_release(&old->summary);
    free(old);
    *api = NULL;
}

int api_fd(const struct api *api)
{
    return engine_fd(api->engine);
}

int64_t api_timer(const struct api *api)
{
    int64_t engine = engine_timer(api->engine);
    int64_t past = past_timer(api->past);
    int64_t bus = bus_timer(engine_bus(api->engine));
    int64_t next = engine < past ? engine : past;
    return bus < next ? bus : next;
}

bool api_broken(const struct api *api)
{
    return bus_broken(engine_bus(api->engine)) != 0;
}

void api_process(struct api *api)
{
    verification_process(api);
    trimming_process(api);
    int64_t now = api->settings.now(api->settings.context);
    engine_timers(api->engine, now);
    engine_process(api->engine);
    bus_process(engine_bus(api->engine), now);
    /* What the bus has recorded is to be committed too. */
    engine_commit(api->engine);
    snapshot_process(api);
    trimming_process(api);
    past_process(api->past);
}

bool api_ready(const struct api *api)
{
    return engine_ready(api->engine);
}

bool api_work_ahead(struct api *api)
{
    return engine_seal_ahead(api->engine);
}

bool api_idle(const struct api *api)
{
    return engine_idle(api->engine) && past_idle(api->past);
}

uint64_t api_durable(const struct api *api)
{
    return engine_durable(api->engine);
}
