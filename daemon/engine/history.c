/* SPDX-License-Identifier: MPL-2.0 */
/* The engine's dealings with what is durable: replay, and outcomes of the past. */
#include <errno.h>
#include <string.h>

#include "daemon/engine/state.h"
#include "daemon/ledger/codec.h"

/* How often a replay lets go of what the archive holds. */
#define REPLAY_EVICTION_EVENTS 8192

struct replay {
    struct engine *engine;
    bool publish;
};

static int decode_event(struct rentbus_bytes bytes, struct rentbus_event *wire,
                        struct ledger_event *event)
{
    struct rentbus_fault fault;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, wire, &fault))
        return -EBADMSG;
    return ledger_event_decode(wire, event);
}

static int replay_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct replay *replay = context;
    struct engine *engine = replay->engine;
    struct rentbus_event wire;
    struct ledger_event *event = &engine->decision.events[0];
    int status = decode_event(bytes, &wire, event);
    if (status == 0)
        status = ledger_apply(engine->ledger, event, seq);
    if (status)
        return status;
    ledger_durable(engine->ledger, seq);
    if (RENTBUS_HAS(&wire, event, command) && seq > engine->evicted) {
        uint64_t first = seq;
        uint64_t last;
        recent_find(engine->recent, wire.command, &first, &last);
        status = recent_add(engine->recent, wire.command, first, seq);
    }
    if (status == 0 && seq % REPLAY_EVICTION_EVENTS == 0) {
        status = engine_take_archived(engine);
        ledger_archived(engine->ledger, engine->evicted);
    }
    if (status == 0)
        status = bus_apply(engine->bus, seq, event->type, bytes);
    if (status == 0 && replay->publish)
        engine->hooks.publish(engine->hooks.context, wire.type, bytes);
    return status;
}

int engine_catch_up(struct engine *engine, bool publish)
{
    struct replay replay = {engine, publish};
    int status = journal_read(engine->journal, ledger_head(engine->ledger) + 1, UINT64_MAX,
                              replay_event, &replay);
    ledger_archived(engine->ledger, engine->evicted);
    return status;
}

int engine_take_archived(struct engine *engine)
{
    uint64_t archived = archive_follower_seq(engine->follower);
    int error = archive_follower_error(engine->follower);
    if ((error != 0) != engine->archive_failing) {
        engine->archive_failing = error != 0;
        engine->hooks.log(engine->hooks.context, error ? 3 : 5,
                          error ? "event=archive_failed" : "event=archive_recovered");
    }
    engine->archived = archived;
    if (archived <= engine->evicted)
        return 0;
    struct rentbus_uuid last;
    uint64_t seq = 0;
    int found = archive_command_last(engine->archive, &last);
    int status = found < 0 ? found : archive_reader_seq(engine->archive, &seq);
    /* It was removed meanwhile: the follower says when there is another one. */
    if (status == -ENOENT || (status == 0 && seq < archived))
        return 0;
    if (status)
        return status;
    if (found &&
        (engine->archive_empty || memcmp(&last, &engine->archived_command, sizeof last) > 0))
        engine->archived_command = last;
    engine->archive_empty = engine->archive_empty && !found;
    engine->evicted = archived;
    ledger_archived(engine->ledger, archived);
    recent_forget(engine->recent, archived);
    return 0;
}

int engine_archive_found(struct engine *engine, int found)
{
    uint64_t seq;
    if (found != 0)
        return found;
    int status = archive_reader_seq(engine->archive, &seq);
    if (status)
        return status;
    return seq < engine->evicted ? -EBUSY : 0;
}

struct past {
    struct engine *engine;
    size_t count;
    size_t ends[LEDGER_DECISION_MAX];
};

static int copy_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct past *past = context;
    (void)seq;
    if (past->count == LEDGER_DECISION_MAX)
        return -EBADMSG;
    rentbus_buffer_append(&past->engine->scratch, bytes.data, bytes.length);
    past->ends[past->count++] = past->engine->scratch.length;
    return 0;
}

static int read_outcome(struct engine *engine, uint64_t first, uint64_t last,
                        struct rentbus_command_result *result)
{
    struct past past = {.engine = engine};
    /* Only publications have more events, which are all alike. */
    uint64_t end = last - first < LEDGER_DECISION_MAX ? last : first + LEDGER_DECISION_MAX - 1;
    rentbus_buffer_clear(&engine->scratch);
    int status = journal_read(engine->journal, first, end, copy_event, &past);
    if (status)
        return status;
    if (engine->scratch.failed)
        return -ENOMEM;
    size_t start = 0;
    for (size_t i = 0; i < past.count; i++) {
        struct rentbus_event wire;
        struct rentbus_bytes bytes = {engine->scratch.data + start, past.ends[i] - start};
        status = decode_event(bytes, &wire, &engine->decision.events[i]);
        if (status)
            return status;
        start = past.ends[i];
    }
    ledger_outcome(engine->decision.events, past.count, last, result);
    return 0;
}

int engine_command_range(struct engine *engine, struct rentbus_uuid command, uint64_t *first,
                         uint64_t *last)
{
    if (recent_find(engine->recent, command, first, last))
        return *last > engine->durable.seq ? ENGINE_PENDING : ENGINE_DURABLE;
    if (engine->archive_empty ||
        memcmp(command.bytes, engine->archived_command.bytes, sizeof command.bytes) > 0)
        return ENGINE_NEW;
    int found = engine_archive_found(
        engine, archive_command_find(engine_archive(engine), command, first, last));
    if (found < 0)
        return found;
    return found ? ENGINE_DURABLE : ENGINE_NEW;
}

int engine_command_find(struct engine *engine, struct rentbus_uuid command,
                        struct rentbus_command_result *result)
{
    uint64_t first;
    uint64_t last;
    int seen = engine_command_range(engine, command, &first, &last);
    if (seen != ENGINE_DURABLE)
        return seen;
    int status = read_outcome(engine, first, last, result);
    return status ? status : ENGINE_DURABLE;
}
