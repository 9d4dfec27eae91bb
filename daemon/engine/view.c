/* SPDX-License-Identifier: MPL-2.0 */
/* What others may see of the engine. */
#include "daemon/engine/state.h"

int engine_fd(const struct engine *engine)
{
    return engine->event_fd;
}

const struct ledger *engine_ledger(const struct engine *engine)
{
    return engine->ledger;
}

struct journal_reader *engine_journal(struct engine *engine)
{
    return engine->journal;
}

struct archive_reader *engine_archive(struct engine *engine)
{
    uint64_t seq;
    if (!engine->archive_held)
        engine->archive_held = archive_hold(engine->archive, &seq) == 0;
    return engine->archive;
}

void engine_release_archive(struct engine *engine)
{
    archive_release(engine->archive);
    engine->archive_held = false;
}

uint64_t engine_first(const struct engine *engine)
{
    return engine->base.seq + 1;
}

uint64_t engine_durable(const struct engine *engine)
{
    return engine->durable.seq;
}

int64_t engine_pending_time(const struct engine *engine)
{
    const struct batch *first = engine->committing->count ? engine->committing : engine->filling;
    return first->count ? first->entries[0].time : INT64_MAX;
}

uint64_t engine_archived(const struct engine *engine)
{
    return engine->archived;
}

uint64_t engine_evicted(const struct engine *engine)
{
    return engine->evicted;
}

uint64_t engine_commits(const struct engine *engine)
{
    return engine->commits;
}

uint64_t engine_snapshots(const struct engine *engine)
{
    return engine->snapshots;
}

uint64_t engine_trims(const struct engine *engine)
{
    return engine->trims;
}

const char *engine_ledger_name(const struct engine *engine)
{
    return engine->chain.ledger;
}

const char *engine_directory(const struct engine *engine)
{
    return engine->directory;
}

const char *engine_journal_path(const struct engine *engine)
{
    return engine->journal_path;
}

const char *engine_archive_path(const struct engine *engine)
{
    return engine->archive_path;
}

struct bus *engine_bus(struct engine *engine)
{
    return engine->bus;
}
