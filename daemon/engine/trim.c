/* SPDX-License-Identifier: MPL-2.0 */
/* Trimming the journal, slice by slice between the commits. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <syslog.h>

#include "daemon/engine/state.h"

/* Between two slices; and how much later one goes before a commit that waits. So few returns meet
 * one that the slowest in a hundred are as slow as before. */
#define TRIM_PAUSE_US INT64_C(10000)
#define TRIM_PATIENCE_US INT64_C(90000)

int engine_trim(struct engine *engine, struct rentbus_text actor, uint64_t through, int64_t now,
                struct rentbus_fault *fault)
{
    struct chain_origin origin = {.actor = actor};
    struct ledger_event *event = &engine->decision.events[0];
    struct rentbus_trimmed_data *data = &event->data.trimmed_data;
    int status = engine_refuse_when_failing(engine, fault);
    if (status)
        return status;
    *event = (struct ledger_event){.type = RENTBUS_JOURNAL_TRIMMED_EVENT};
    RENTBUS_SET(data, trimmed_data, events, through - engine->base.seq);
    RENTBUS_SET(data, trimmed_data, first_seq, through + 1);
    status = engine_append(engine, &origin, event, 1, now);
    if (status == 0)
        engine->trim = (struct trim){
            .active = true,
            .through = through,
            .recorded = engine->chain.head.seq,
            .next_at = now,
        };
    return status;
}

static bool may_slice(const struct engine *engine)
{
    const struct trim *trim = &engine->trim;
    return trim->active && !trim->slicing && !engine->recovering &&
           engine->durable.seq >= trim->recorded;
}

bool engine_trim_slice(struct engine *engine)
{
    struct trim *trim = &engine->trim;
    if (!may_slice(engine))
        return false;
    /* The clock may have been set back. */
    if (trim->next_at > engine->now + TRIM_PAUSE_US)
        trim->next_at = engine->now;
    int64_t from = trim->next_at + (engine->filling->count > 0 ? TRIM_PATIENCE_US : 0);
    if (engine->now < from)
        return false;
    trim->slicing = true;
    committer_trim(engine->committer, trim->through);
    return true;
}

static void finish(struct engine *engine, int status)
{
    struct trim *trim = &engine->trim;
    char pairs[160];
    trim->active = false;
    trim->slicing = false;
    trim->done = true;
    trim->status = status;
    if (status) {
        engine_log_failure(engine, "trim_failed", status);
        return;
    }
    engine->trims++;
    snprintf(pairs, sizeof pairs,
             "event=journal_trimmed first_seq=%" PRIu64 " events=%" PRIu64 " bytes=%" PRIu64,
             engine->base.seq + 1, trim->trimmed.events, trim->trimmed.bytes);
    engine->hooks.log(engine->hooks.context, LOG_NOTICE, pairs);
}

void engine_trim_sliced(struct engine *engine, int status)
{
    struct trim *trim = &engine->trim;
    struct journal_trimmed slice = committer_trimmed(engine->committer);
    trim->slicing = false;
    if (status == 0) {
        engine->base = *committer_base(engine->committer);
        trim->trimmed.events += slice.events;
        trim->trimmed.bytes += slice.bytes;
        trim->next_at = engine->now + TRIM_PAUSE_US;
    }
    if (status || slice.events == 0)
        finish(engine, status);
}

void engine_trim_fall_back(struct engine *engine)
{
    if (engine->trim.active && engine->trim.recorded > engine->durable.seq)
        finish(engine, -EIO);
}

int64_t engine_trim_timer(const struct engine *engine)
{
    return may_slice(engine) && committer_idle(engine->committer) ? engine->trim.next_at
                                                                  : INT64_MAX;
}

bool engine_trim_poll(struct engine *engine, int *status, struct journal_trimmed *trimmed)
{
    struct trim *trim = &engine->trim;
    if (!trim->done)
        return false;
    trim->done = false;
    *status = trim->status;
    *trimmed = trim->trimmed;
    return true;
}
