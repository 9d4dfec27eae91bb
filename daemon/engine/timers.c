/* SPDX-License-Identifier: MPL-2.0 */
/* What happens without a command, when its time has come. */
#include "daemon/engine/state.h"
#include "sdk/protocol/text.h"

/* How long timers rest when they could not be recorded. */
#define TIMERS_REST_US (ENGINE_UNAVAILABLE_RETRY_MS * INT64_C(1000))

static bool may_run(const struct engine *engine)
{
    return !engine->recovering && engine->filling->count < ENGINE_TIMERS_PENDING_MAX;
}

static int64_t next_timer(const struct engine *engine)
{
    if (!may_run(engine))
        return INT64_MAX;
    int64_t next = ledger_timer_next(engine->ledger);
    return next > engine->timers_from ? next : engine->timers_from;
}

int64_t engine_timer(const struct engine *engine)
{
    int64_t timer = next_timer(engine);
    int64_t trim = engine_trim_timer(engine);
    int64_t snapshot = engine_snapshot_timer(engine);
    int64_t next = trim < timer ? trim : timer;
    return snapshot < next ? snapshot : next;
}

/* Records the next few that are due. False when there are none, or when they could not be. */
static bool record(struct engine *engine, int64_t now)
{
    const struct chain_origin origin = {.actor = rentbus_text("rentbusd")};
    const struct ledger_context context = {
        .now = engine_now(engine, now),
        .next_seq = engine->chain.head.seq + 1,
    };
    struct ledger_decision *decision = &engine->decision;
    ledger_decide_timers(engine->ledger, &context, decision);
    if (decision->count == 0)
        return false;
    if (engine_append(engine, &origin, decision->events, decision->count, now) == 0)
        return true;
    engine->timers_from = now + TIMERS_REST_US;
    return false;
}

void engine_timers(struct engine *engine, int64_t now)
{
    uint64_t end = engine->chain.head.seq + ENGINE_TIMERS_ROUND;
    engine->now = now;
    while (engine->chain.head.seq < end && next_timer(engine) <= now && record(engine, now))
        continue;
    engine_snapshot_rest(engine, now);
}
