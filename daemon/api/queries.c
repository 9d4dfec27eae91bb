/* SPDX-License-Identifier: MPL-2.0 */
/* Reading one thing: one function an operation of mode QUERY. Lists are in lists.c. */
#include "daemon/api/call.h"
#include "sdk/protocol/text.h"

int api_answer_hello(struct api_call *call)
{
    struct rentbus_hello_result *result = &call->result.hello;
    const struct rentbus_bytes *actor = &call->message->actor;
    struct rentbus_text principal = {(const char *)actor->data, actor->length};
    struct engine *engine = call->api->engine;
    result->has = 0;
    RENTBUS_SET(result, hello_result, head, engine_durable(engine));
    RENTBUS_SET(result, hello_result, role, access_role(call->api->settings.access, principal));
    RENTBUS_SET(result, hello_result, time, call->now);
    RENTBUS_SET(result, hello_result, actor, principal);
    RENTBUS_SET(result, hello_result, ledger, rentbus_text(engine_ledger_name(engine)));
    RENTBUS_SET(result, hello_result, version, rentbus_text(call->api->version));
    RENTBUS_SET(result, hello_result, protocol, RENTBUS_PROTOCOL_VERSION);
    return 0;
}

/* From the archive, into call->result: 1, 0 when it is not there, or a negative errno. */
static int find_archived(struct api_call *call, struct rentbus_text id,
                         struct rentbus_rental *rental)
{
    struct rentbus_buffer *out = &call->api->archived;
    rentbus_buffer_clear(out);
    struct engine *engine = call->api->engine;
    struct archive_reader *archive = engine_archive(engine);
    int found = call->as_of == UINT64_MAX ? archive_rental_get(archive, id, out)
                                          : archive_rental_get_as_of(archive, id, call->as_of, out);
    found = engine_archive_found(engine, found);
    if (found <= 0)
        return found;
    struct rentbus_bytes bytes = {out->data, out->length};
    int status =
        rentbus_decode(&rentbus_rental_schema, bytes, RENTBUS_LENIENT, rental, &call->fault);
    return status ? status : 1;
}

int api_answer_rental_get(struct api_call *call)
{
    struct rentbus_rental_result *result = &call->result.rental_get;
    struct rentbus_text id = call->args.rental_get.rental_id;
    int found = ledger_rental_get(call->ledger, id, &result->rental);
    if (!found)
        found = find_archived(call, id, &result->rental);
    if (found < 0)
        return found;
    if (!found)
        return api_refuse(call, NOT_FOUND, "rental_id", "there is no such rental");
    result->has = RENTBUS_BIT(rental_result, rental);
    return 0;
}

/* A thing of the ledger that has an id. */
#define ANSWER_GET(noun, text)                                                                     \
    int api_answer_##noun##_get(struct api_call *call)                                             \
    {                                                                                              \
        struct rentbus_##noun##_result *result = &call->result.noun##_get;                         \
        if (!ledger_##noun##_get(call->ledger, call->args.noun##_get.id, &result->noun))           \
            return api_refuse(call, NOT_FOUND, "id", "there is no such " text);                    \
        result->has = RENTBUS_BIT(noun##_result, noun);                                            \
        return 0;                                                                                  \
    }
ANSWER_GET(user, "user")
ANSWER_GET(asset, "asset")
ANSWER_GET(asset_type, "asset type")
ANSWER_GET(location, "location")

int api_answer_policy_get(struct api_call *call)
{
    struct rentbus_policy_result *result = &call->result.policy_get;
    ledger_policy_get(call->ledger, &result->policy);
    result->has = RENTBUS_BIT(policy_result, policy);
    return 0;
}

int api_answer_command_get(struct api_call *call)
{
    int seen = engine_command_find(call->api->engine, call->args.command_get.command_id,
                                   &call->result.command_get);
    if (seen == JOURNAL_TRIMMED)
        return api_refuse_trimmed(call, "command_id");
    if (seen < 0)
        return seen;
    if (seen == ENGINE_DURABLE)
        return 0;
    if (seen == ENGINE_PENDING)
        return api_wait(call);
    return api_refuse(call, NOT_FOUND, "command_id", "there is no such command");
}
