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

int engine_publish_read(const struct rentbus_list *events, const char *field,
                        struct engine_publication *publication, struct rentbus_fault *fault)
{
    struct rentbus_new_event *event = publication->events;
    size_t position = 0;
    int status = 0;
    int next;
    if (events->count == 0 || events->count > RENTBUS_PUBLISH_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field,
                                 "has not 1 to %d events", RENTBUS_PUBLISH_MAX);
    while (status == 0 && (next = items_next(events, &rentbus_new_event_schema, &position, event,
                                             field, fault)) != 0)
        status = next == 1 ? check_event(event++, fault) : next;
    publication->count = events->count;
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
                   const struct engine_publication *publication, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
{
    struct engine_savepoint before = engine_savepoint(engine);
    int status = engine_refuse_when_failing(engine, fault);
    for (size_t i = 0; i < publication->count && status == 0; i++)
        status = engine_append(engine, origin, event_of(engine, &publication->events[i]), 1, now);
    if (status < 0)
        engine_rollback(engine, &before);
    if (status)
        return status;
    ledger_outcome(engine->decision.events, 1, engine->chain.head.seq, result);
    return 0;
}

int engine_publish_preview(struct engine *engine, const struct engine_publication *publication,
                           struct rentbus_command_result *result)
{
    struct rentbus_buffer *out = &engine->previews;
    rentbus_buffer_clear(out);
    for (size_t i = 0; i < publication->count; i++)
        engine_encode_preview(event_of(engine, &publication->events[i]), out);
    if (out->failed)
        return -ENOMEM;
    ledger_outcome(engine->decision.events, 1, engine->chain.head.seq, result);
    RENTBUS_SET(result, command_result, dry_run, true);
    RENTBUS_SET(result, command_result, events,
                ((struct rentbus_list){out->data, out->length, publication->count}));
    return 0;
}

void engine_published(struct engine *engine, const struct batch *batch, size_t index)
{
    struct rentbus_bytes event = batch_event(batch, index);
    bool broken = bus_broken(engine->bus) != 0;
    int status = bus_apply(engine->bus, batch->first_seq + index, batch->notes[index].type, event);
    if (status && !broken)
        engine_log_failure(engine, "bus_broken", status);
    engine->hooks.publish(engine->hooks.context, batch_type_text(batch, index), event);
}
