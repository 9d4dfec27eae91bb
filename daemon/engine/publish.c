/* SPDX-License-Identifier: MPL-2.0 */
/* Events that are not of rentbus itself, and what becomes of all events once they are durable. */
#include <errno.h>

#include "daemon/bus/items.h"
#include "daemon/engine/state.h"
#include "daemon/ledger/codec.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

static int check_event(const struct rentbus_new_event *event, struct rentbus_fault *fault)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(event->data);
    if (!rentbus_type_valid(event->type))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "type",
                                 "is not 1 to %d letters, digits, _, - and .", RENTBUS_TYPE_MAX);
    if (bus_type_reserved(event->type))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "type",
                                 "is for rentbus itself");
    if (rentbus_cbor_read(&reader).type != RENTBUS_CBOR_MAP)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "data", "is not a map");
    if (event->data.length > RENTBUS_EVENT_DATA_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_TOO_LARGE, "data", "has more than %d bytes",
                                 RENTBUS_EVENT_DATA_MAX);
    return 0;
}

int engine_publish_check(const struct rentbus_list *events, const char *field,
                         struct rentbus_fault *fault)
{
    struct rentbus_new_event event;
    size_t position = 0;
    int status = 0;
    int next;
    if (events->count == 0 || events->count > RENTBUS_PUBLISH_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field,
                                 "has not 1 to %d events", RENTBUS_PUBLISH_MAX);
    while (status == 0 && (next = items_next(events, &rentbus_new_event_schema, &position, &event,
                                             field, fault)) != 0)
        status = next == 1 ? check_event(&event, fault) : next;
    return status;
}

static const struct ledger_event *event_of(struct engine *engine,
                                           const struct rentbus_new_event *new)
{
    struct ledger_event *event = &engine->decision.events[0];
    event->type = RENTBUS_EVENT_NONE;
    event->subject = RENTBUS_HAS(new, new_event, subject) ? new->subject : (struct rentbus_text){0};
    event->data.published = (struct ledger_published){new->type, new->data};
    return event;
}

int engine_publish(struct engine *engine, const struct chain_origin *origin,
                   const struct rentbus_list *events, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
{
    struct engine_savepoint before = engine_savepoint(engine);
    struct rentbus_new_event new;
    size_t position = 0;
    int status = engine_refuse_when_failing(engine, fault);
    int next = 1;
    while (status == 0 &&
           (next = rentbus_list_next(events, &rentbus_new_event_schema, &position, &new)) == 1)
        status = engine_append(engine, origin, event_of(engine, &new), 1, now);
    if (status == 0 && next < 0)
        status = next;
    if (status < 0)
        engine_rollback(engine, &before);
    if (status)
        return status;
    ledger_outcome(engine->decision.events, 1, engine->chain.head.seq, result);
    return 0;
}

int engine_publish_preview(struct engine *engine, const struct rentbus_list *events,
                           struct rentbus_command_result *result)
{
    struct rentbus_buffer *out = &engine->previews;
    struct rentbus_new_event new;
    size_t position = 0;
    int next;
    rentbus_buffer_clear(out);
    while ((next = rentbus_list_next(events, &rentbus_new_event_schema, &position, &new)) == 1)
        engine_encode_preview(event_of(engine, &new), out);
    if (next < 0)
        return next;
    if (out->failed)
        return -ENOMEM;
    ledger_outcome(engine->decision.events, 1, engine->chain.head.seq, result);
    RENTBUS_SET(result, command_result, dry_run, true);
    RENTBUS_SET(result, command_result, events,
                ((struct rentbus_list){out->data, out->length, events->count}));
    return 0;
}

void engine_published(struct engine *engine, const struct batch *batch, size_t index)
{
    struct rentbus_bytes event = batch_event(batch, index);
    bool broken = bus_broken(engine->bus) != 0;
    int status = bus_apply(engine->bus, batch->first_seq + index, batch->types[index].type, event);
    if (status && !broken)
        engine_log_failure(engine, "bus_broken", status);
    engine->hooks.publish(engine->hooks.context, batch_type_text(batch, index), event);
}
