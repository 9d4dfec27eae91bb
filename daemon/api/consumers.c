/* SPDX-License-Identifier: MPL-2.0 */
/* Consumers and what is published. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/call.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

static struct bus *bus_of(const struct api_call *call)
{
    return engine_bus(call->api->engine);
}

/* ---- publish ---- */

int api_prepare_publish(struct api_call *call, struct ledger_command *command)
{
    command->args.publish = call->args.publish;
    return engine_publish_read(&call->args.publish.events, "events", &call->api->publication,
                               &call->fault);
}

int api_publish(struct api_call *call, struct chain_origin *origin, bool dry_run)
{
    const struct rentbus_publish_args *args = &call->args.publish;
    struct rentbus_command_result *result = &call->result.publish;
    const struct engine_publication *publication = &call->api->publication;
    struct engine *engine = call->api->engine;
    int status = 0;
    if (RENTBUS_HAS(args, publish_args, cause)) {
        status = bus_hops(bus_of(call), args->cause, &origin->hops, &call->fault);
        if (status == 0 && ++origin->hops > RENTBUS_HOPS_MAX)
            status = api_refuse(call, CONFLICT, "cause", "comes from itself, %d hops away",
                                RENTBUS_HOPS_MAX);
        origin->cause = args->cause;
    }
    if (status)
        return status;
    if (dry_run)
        return engine_publish_preview(engine, publication, result);
    return engine_publish(engine, origin, publication, call->now, result, &call->fault);
}

/* ---- commands ---- */

#define PREPARE_AS_IT_IS(name)                                                                     \
    int api_prepare_##name(struct api_call *call, struct ledger_command *command)                  \
    {                                                                                              \
        command->args.name = call->args.name;                                                      \
        return 0;                                                                                  \
    }
PREPARE_AS_IT_IS(consumer_put)
PREPARE_AS_IT_IS(consumer_delete)
PREPARE_AS_IT_IS(consumer_pause)
PREPARE_AS_IT_IS(consumer_resume)
PREPARE_AS_IT_IS(consumer_reset)
PREPARE_AS_IT_IS(consumer_skip)
PREPARE_AS_IT_IS(consumer_replay)
PREPARE_AS_IT_IS(consumer_drop)

/* ---- what is to be seen ---- */

int api_answer_consumer_get(struct api_call *call)
{
    struct rentbus_consumer_result *result = &call->result.consumer_get;
    if (!bus_status(bus_of(call), call->args.consumer_get.id, &result->consumer))
        return api_refuse(call, NOT_FOUND, "id", "there is no such consumer");
    result->has = RENTBUS_BIT(consumer_result, consumer);
    return 0;
}

static bool add_status(void *context, uint64_t created,
                       const struct rentbus_consumer_status *status)
{
    struct api_page *page = context;
    if (!api_page_add(page, &rentbus_consumer_status_schema, status))
        return false;
    page->position = created;
    return true;
}

int api_answer_consumer_list(struct api_call *call)
{
    const struct rentbus_page_args *args = &call->args.consumer_list;
    struct rentbus_consumer_page *result = &call->result.consumer_list;
    struct api_page *page = &call->page;
    int status = api_open_list(call, 'c', API_GIVEN(args, page_args, limit),
                               API_GIVEN(args, page_args, cursor), page);
    if (status)
        return status;
    bus_list(bus_of(call), page->position, add_status, page);
    result->has = 0;
    RENTBUS_SET(result, consumer_page, consumers, api_page_list(page));
    if (page->more)
        RENTBUS_SET(result, consumer_page, cursor, api_page_cursor(page, 'c'));
    return page->items->failed ? -ENOMEM : 0;
}

/* ---- parked events ---- */

struct parked_page {
    struct api_call *call;
    uint64_t seqs[API_PAGE_MAX + 1];
    uint64_t parked_seqs[API_PAGE_MAX + 1];
    size_t count;
};

static bool note_parked(void *context, uint64_t seq, uint64_t parked_seq)
{
    struct parked_page *parked = context;
    parked->seqs[parked->count] = seq;
    parked->parked_seqs[parked->count++] = parked_seq;
    return parked->count <= parked->call->page.limit;
}

static int copy_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    (void)seq;
    rentbus_buffer_append(context, event.data, event.length);
    return 0;
}

/* A map of the event as it is, and of what its CONSUMER_PARKED_EVENT says of it. */
static int add_parked(struct api_call *call, uint64_t seq, uint64_t parked_seq)
{
    struct journal_reader *journal = engine_journal(call->api->engine);
    struct rentbus_buffer *scratch = &call->api->archived;
    struct rentbus_buffer *out = call->page.items;
    const struct rentbus_schema *schema = &rentbus_parked_schema;
    struct rentbus_parked parked = {0};
    struct rentbus_parked_data data;
    struct rentbus_event event;
    struct rentbus_fault fault;
    rentbus_buffer_clear(scratch);
    int status = journal_read(journal, seq, seq, copy_event, scratch);
    size_t length = scratch->length;
    if (status == 0)
        status = journal_read(journal, parked_seq, parked_seq, copy_event, scratch);
    if (status || scratch->failed)
        return status ? status : -ENOMEM;
    struct rentbus_bytes told = {scratch->data + length, scratch->length - length};
    if (rentbus_decode(&rentbus_event_schema, told, RENTBUS_LENIENT, &event, &fault) ||
        rentbus_decode(&rentbus_parked_data_schema, event.data, RENTBUS_LENIENT, &data, &fault))
        return -EBADMSG;
    RENTBUS_SET(&parked, parked, attempts, data.attempts);
    RENTBUS_SET(&parked, parked, failures, data.failures);
    RENTBUS_SET(&parked, parked, parked_at, event.time);
    rentbus_cbor_write_map(out, schema->count);
    rentbus_cbor_write_text(out, "event", 5);
    rentbus_buffer_append(out, scratch->data, length);
    rentbus_encode_fields(schema, &parked, RENTBUS_FIELD_parked_event + 1, schema->count, out);
    call->page.count++;
    call->page.position = seq;
    return 0;
}

int api_answer_consumer_parked(struct api_call *call)
{
    const struct rentbus_parked_args *args = &call->args.consumer_parked;
    struct rentbus_parked_page *result = &call->result.consumer_parked;
    struct api_page *page = &call->page;
    struct parked_page parked = {.call = call};
    int status = api_open_list(call, 'p', API_GIVEN(args, parked_args, limit),
                               API_GIVEN(args, parked_args, cursor), page);
    if (status)
        return status;
    if (!bus_parked(bus_of(call), args->id, page->position, note_parked, &parked))
        return api_refuse(call, NOT_FOUND, "id", "there is no such consumer");
    for (size_t i = 0; i < parked.count && status == 0 && !page->more; i++) {
        page->more =
            page->count == page->limit || (page->count && page->items->length > API_PAGE_BYTES_MAX);
        if (!page->more)
            status = add_parked(call, parked.seqs[i], parked.parked_seqs[i]);
        if (status == JOURNAL_TRIMMED)
            return api_refuse(call, TRIMMED, "id",
                              "the parked event %" PRIu64
                              " is no longer kept, the journal begins with seq %" PRIu64
                              ": drop it",
                              parked.seqs[i], engine_first(call->api->engine));
    }
    if (status)
        return status;
    result->has = 0;
    RENTBUS_SET(result, parked_page, parked, api_page_list(page));
    if (page->more)
        RENTBUS_SET(result, parked_page, cursor, api_page_cursor(page, 'p'));
    return page->items->failed ? -ENOMEM : 0;
}

/* ---- deliveries ---- */

static void fetched(struct rentbus_fetch_result *result, const struct rentbus_list *deliveries)
{
    result->has = 0;
    RENTBUS_SET(result, fetch_result, deliveries, *deliveries);
}

int api_answer_consumer_fetch(struct api_call *call)
{
    struct bus_request request = {call->message->route, call->id, call->now};
    struct rentbus_list deliveries;
    call->at_once = true;
    int status =
        bus_fetch(bus_of(call), &call->args.consumer_fetch, &request, &deliveries, &call->fault);
    if (status == BUS_LATER)
        return API_LATER;
    if (status == 0)
        fetched(&call->result.consumer_fetch, &deliveries);
    return status;
}

bool api_deliver(struct api *api, struct rentbus_bytes route, struct rentbus_uuid request,
                 const struct rentbus_list *deliveries, const struct rentbus_fault *fault)
{
    struct rentbus_fetch_result result;
    rentbus_buffer_clear(&api->reply);
    if (deliveries) {
        fetched(&result, deliveries);
        api_encode_result(&request, RENTBUS_OP_consumer_fetch, &result, &api->reply);
    } else {
        api_encode_error(&request, fault, &api->reply);
    }
    struct rentbus_bytes body = {api->reply.data, api->reply.length};
    return !api->reply.failed && api->settings.send_now(api->settings.context, route, body);
}

/* The events are recorded under the request's id, and the acknowledgement with them. */
static int ack_and_publish(struct api_call *call)
{
    const struct rentbus_ack_args *args = &call->args.consumer_ack;
    struct rentbus_ack_result *result = &call->result.consumer_ack;
    struct engine *engine = call->api->engine;
    struct engine_publication *publication = &call->api->publication;
    struct rentbus_command_result published;
    struct chain_origin origin = api_origin(call);
    int seen = engine_command_find(engine, call->id, &published);
    int status = seen < 0 ? seen : 0;
    if (seen == ENGINE_PENDING)
        return api_wait(call);
    if (seen == ENGINE_NEW) {
        status = engine_publish_read(&args->publish, "publish", publication, &call->fault);
        if (status == 0)
            status = bus_ack_publish(bus_of(call), args, call->now, &origin.hops, &origin.cause,
                                     &call->fault);
        if (status == BUS_AGAIN)
            return api_wait(call);
        if (status)
            return status;
        origin.consumer = args->id;
        status = engine_publish(engine, &origin, publication, call->now, &published, &call->fault);
        if (status == 0)
            bus_ack_recorded(bus_of(call), args->id, origin.cause);
    }
    if (status)
        return status;
    result->has = 0;
    RENTBUS_SET(result, ack_result, acked, 1);
    RENTBUS_SET(result, ack_result, seq, published.seq);
    return 0;
}

int api_answer_consumer_ack(struct api_call *call)
{
    const struct rentbus_ack_args *args = &call->args.consumer_ack;
    struct rentbus_ack_result *result = &call->result.consumer_ack;
    if (RENTBUS_HAS(args, ack_args, publish))
        return ack_and_publish(call);
    call->at_once = true;
    uint64_t acked = 0;
    int status = bus_ack(bus_of(call), args, call->now, &acked, &call->fault);
    result->has = 0;
    RENTBUS_SET(result, ack_result, acked, acked);
    return status;
}

int api_answer_consumer_nack(struct api_call *call)
{
    struct rentbus_nack_result *result = &call->result.consumer_nack;
    int status = bus_nack(bus_of(call), &call->args.consumer_nack, call->now, result, &call->fault);
    call->at_once = status || !result->parked;
    return status;
}

int api_answer_consumer_extend(struct api_call *call)
{
    struct rentbus_extend_result *result = &call->result.consumer_extend;
    int64_t until = 0;
    call->at_once = true;
    int status =
        bus_extend(bus_of(call), &call->args.consumer_extend, call->now, &until, &call->fault);
    result->has = 0;
    RENTBUS_SET(result, extend_result, until, until);
    return status;
}
