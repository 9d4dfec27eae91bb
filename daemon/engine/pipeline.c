/* SPDX-License-Identifier: MPL-2.0 */
/*
 * From a decision to its reply: while one batch is written, the next one is filled, and what was
 * written is told.
 */
#include <poll.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/engine/state.h"

/* Events sealed at once, a microsecond each, while requests may come. */
#define SEALED_AHEAD 16

int engine_reply(struct engine *engine, const struct waiting *waiting)
{
    if (ledger_head(engine->ledger) > engine->durable.seq) {
        struct batch *batch = engine->filling->count ? engine->filling : engine->committing;
        return batch_wait(batch, waiting);
    }
    if (waiting->kind == WAITING_REPLY)
        engine->hooks.reply(engine->hooks.context, waiting->route, waiting->body);
    else
        engine->hooks.request(engine->hooks.context, waiting);
    return 0;
}

void engine_commit(struct engine *engine)
{
    bool work = engine->filling->count > 0 || engine->trim.active;
    if (engine->recovering || !work || !committer_idle(engine->committer) ||
        engine_trim_slice(engine) || engine->filling->count == 0)
        return;
    struct batch *batch = engine->filling;
    engine->filling = engine->committing;
    engine->committing = batch;
    committer_append(engine->committer, batch);
}

/* Gives from *position on what was waited for: the replies in front of the first request, or all.
 */
static void satisfy(struct engine *engine, const struct batch *batch, size_t *position, bool all)
{
    struct waiting waiting;
    size_t next = *position;
    while (batch_next_waiting(batch, &next, &waiting) && (all || waiting.kind == WAITING_REPLY)) {
        if (waiting.kind == WAITING_REPLY)
            engine->hooks.reply(engine->hooks.context, waiting.route, waiting.body);
        else
            engine->hooks.request(engine->hooks.context, &waiting);
        *position = next;
    }
}

static void publish(struct engine *engine, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        engine_published(engine, batch, i);
}

static void disappoint(struct engine *engine, struct batch *batch)
{
    struct waiting waiting;
    size_t position = 0;
    while (batch_next_waiting(batch, &position, &waiting))
        engine->hooks.unavailable(engine->hooks.context, waiting.route, waiting.id);
    batch_clear(batch);
}

/* Back to what is durable. The committer must not be at work on a batch. */
static void fall_back(struct engine *engine)
{
    ledger_rollback(engine->ledger);
    recent_rollback(engine->recent, engine->durable.seq);
    bus_fall_back(engine->bus);
    engine->chain.head = chain_head_of(&engine->durable);
    engine_trim_fall_back(engine);
    disappoint(engine, engine->committing);
    disappoint(engine, engine->filling);
}

static void finish_commit(struct engine *engine, int status)
{
    if (status) {
        engine_log_failure(engine, "journal_failed", status);
        fall_back(engine);
        engine->recovering = true;
        committer_recover(engine->committer);
        return;
    }
    struct batch *batch = engine->committing;
    engine->committing = engine->committed;
    engine->committed = batch;
    engine->durable = *committer_head(engine->committer);
    engine->commits++;
    ledger_durable(engine->ledger, engine->durable.seq);
    /* The disk is not to wait for replies. */
    engine_commit(engine);
    size_t position = 0;
    satisfy(engine, batch, &position, false);
    if (engine->hooks.replied)
        engine->hooks.replied(engine->hooks.context);
    /* A request may ask for what only the publications bring about. */
    publish(engine, batch);
    satisfy(engine, batch, &position, true);
    archive_follower_wake(engine->follower, engine->durable.seq, batch->events.length);
    batch_clear(batch);
}

/* The journal is back. It may hold a batch whose commit seemed to fail: then that is what happened.
 */
static void finish_recovery(struct engine *engine, int status)
{
    if (status == 0)
        status = engine_catch_up(engine, true);
    if (status) {
        engine_log_failure(engine, "journal_recovery_failed", status);
        committer_recover(engine->committer);
        return;
    }
    engine->durable = *committer_head(engine->committer);
    engine->base = *committer_base(engine->committer);
    engine->chain.head = chain_head_of(&engine->durable);
    engine->recovering = false;
    engine->hooks.log(engine->hooks.context, LOG_NOTICE, "event=journal_recovered");
}

static void take_commit(struct engine *engine)
{
    int status;
    if (!committer_poll(engine->committer, &status))
        return;
    if (engine->recovering)
        finish_recovery(engine, status);
    else if (engine->trim.slicing)
        engine_trim_sliced(engine, status);
    else
        finish_commit(engine, status);
}

void engine_process(struct engine *engine)
{
    uint64_t count;
    engine_release_archive(engine);
    ssize_t got = read(engine->event_fd, &count, sizeof count);
    if (got == sizeof count) {
        take_commit(engine);
        int status = engine_take_archived(engine);
        if (status)
            engine_log_failure(engine, "archive_failed", status);
        engine_process_snapshot(engine);
    }
    engine_commit(engine);
}

bool engine_idle(const struct engine *engine)
{
    return engine->filling->count == 0 && engine->committing->count == 0 && !engine->recovering;
}

bool engine_seal_ahead(struct engine *engine)
{
    struct batch *batch = engine->filling;
    const struct batch *before = engine->committing;
    if (batch->sealed == batch->count || engine->recovering ||
        (before->count > 0 && !committer_sealed(engine->committer)))
        return false;
    batch_seal(batch, before->count > 0 ? before->hash : engine->durable.hash, SEALED_AHEAD);
    return true;
}

bool engine_ready(const struct engine *engine)
{
    return !engine_idle(engine) && !committer_working(engine->committer);
}

void engine_wait_for_commits(struct engine *engine)
{
    struct pollfd event = {.fd = engine->event_fd, .events = POLLIN};
    while (!engine_idle(engine) && !engine->recovering) {
        engine_process(engine);
        if (!engine_idle(engine) && !engine->recovering)
            poll(&event, 1, 1000);
    }
}
