/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "daemon/engine/snapshot_writer.h"
#include "daemon/engine/state.h"

/* After a failure the next attempt waits for a part of the events between two snapshots. */
#define RETRY_PART 8

const struct engine_snapshot *engine_snapshot(const struct engine *engine)
{
    return &engine->snapshot;
}

bool engine_snapshot_running(const struct engine *engine)
{
    return snapshot_writer_running(engine->snapshot_writer);
}

int engine_snapshot_status(const struct engine *engine)
{
    return engine->snapshot_status;
}

/* ---- starting from one ---- */

static void log_snapshot(struct engine *engine, int priority, const char *event, uint64_t seq,
                         const char *why)
{
    char pairs[192];
    snprintf(pairs, sizeof pairs, "event=%s seq=%" PRIu64 "%s%s%s", event, seq,
             why ? " reason=\"" : "", why ? why : "", why ? "\"" : "");
    engine->hooks.log(engine->hooks.context, priority, pairs);
}

struct next_event {
    const uint8_t *before; /* the hash */
    bool follows;
};

static int check_next(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct next_event *next = context;
    struct rentbus_event wire;
    struct rentbus_fault fault;
    uint8_t hash[RENTBUS_HASH_SIZE];
    (void)seq;
    next->follows =
        rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &wire, &fault) == 0 &&
        chain_hash(next->before, bytes, hash) == 0 &&
        memcmp(hash, wire.hash.data, sizeof hash) == 0;
    return 0;
}

/* Whether the journal goes on where the snapshot ends: NULL, or what is in the way. */
static const char *misfit(struct engine *engine, const struct journal_head *head)
{
    struct next_event next = {.before = head->hash};
    if (head->seq > engine->durable.seq)
        return "the journal ends before it";
    if (head->seq > engine->evicted)
        return "the archive ends before it";
    if (head->seq == engine->durable.seq)
        next.follows = memcmp(head->hash, engine->durable.hash, RENTBUS_HASH_SIZE) == 0;
    else if (journal_read(engine->journal, head->seq + 1, head->seq + 1, check_next, &next))
        return "the event behind it cannot be read";
    return next.follows ? NULL : "it is of another journal";
}

static void take(struct engine *engine, struct snapshot_contents *contents)
{
    const struct journal_head *head = &contents->header.head;
    engine->snapshot = (struct engine_snapshot){.seq = head->seq, .time = head->time};
    memcpy(engine->snapshot.hash, head->hash, sizeof engine->snapshot.hash);
    engine->snapshot.bytes = contents->bytes;
    engine->snapshot_head = *head;
    ledger_destroy(&engine->ledger);
    engine->ledger = contents->ledger;
    contents->ledger = NULL;
    ledger_archived(engine->ledger, engine->evicted);
}

/* 0, and then the bus is open; -EBADMSG with *why; -errno. */
static int load(struct engine *engine, uint64_t seq, const char **why)
{
    struct snapshot_contents contents = {0};
    int status =
        snapshot_file_load(engine->directory, seq, engine->chain.ledger, false, &contents, why);
    if (status)
        return status;
    *why = misfit(engine, &contents.header.head);
    if (*why)
        status = -EBADMSG;
    if (status == 0) {
        take(engine, &contents);
        status = engine_open_bus(engine);
    }
    if (status == 0) {
        *why = "the consumers in it are damaged";
        status = bus_restore(engine->bus, seq,
                             (struct rentbus_bytes){contents.bus.data, contents.bus.length});
    }
    snapshot_contents_release(&contents);
    return status;
}

static int begin_anew(struct engine *engine)
{
    bus_close(&engine->bus);
    ledger_destroy(&engine->ledger);
    engine->snapshot = (struct engine_snapshot){0};
    engine->snapshot_head = (struct journal_head){0};
    engine->ledger = ledger_create();
    return engine->ledger ? 0 : -ENOMEM;
}

static int ignore(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    (void)context;
    (void)seq;
    (void)bytes;
    return 0;
}

/* Without a snapshot the journal has to have its first event. */
static int begin_from_nothing(struct engine *engine, struct rentbus_fault *fault)
{
    int first = journal_read(engine->journal, 1, 1, ignore, NULL);
    if (first == -EBADMSG || first == JOURNAL_TRIMMED)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL,
                                 "there is no good snapshot, and the journal does not begin with "
                                 "the first event: restore both from a backup");
    return engine_open_bus(engine);
}

int engine_begin(struct engine *engine, struct rentbus_fault *fault)
{
    const char *why = NULL;
    uint64_t seq = UINT64_MAX;
    int status = snapshot_file_newest(engine->directory, seq, &seq);
    while (status == 0 && seq) {
        status = load(engine, seq, &why);
        if (status == 0) {
            log_snapshot(engine, LOG_INFO, "snapshot_loaded", seq, NULL);
            snapshot_file_clean(engine->directory, seq);
        }
        if (status == 0 || status == -ENOMEM)
            return status;
        log_snapshot(engine, LOG_WARNING, "snapshot_passed_over", seq, why);
        status = begin_anew(engine);
        if (status == 0)
            status = snapshot_file_newest(engine->directory, seq - 1, &seq);
    }
    if (status)
        return status;
    snapshot_file_clean(engine->directory, 0);
    return begin_from_nothing(engine, fault);
}

/* ---- writing one ---- */

int engine_snapshot_begin(struct engine *engine)
{
    struct rentbus_buffer bus = {0};
    if (engine_snapshot_running(engine))
        return -EBUSY;
    if (engine->recovering || bus_head(engine->bus) != engine->durable.seq)
        return -EAGAIN;
    if (engine->durable.seq == engine->snapshot.seq)
        return -EALREADY;
    engine->snapshot_head = engine->durable;
    int status = bus_snapshot(engine->bus, &bus);
    if (status == 0)
        status = snapshot_writer_start(engine->snapshot_writer, engine->snapshot.seq,
                                       &engine->durable, &bus);
    rentbus_buffer_release(&bus);
    return status;
}

static void finish(struct engine *engine, int status, uint64_t bytes)
{
    const struct journal_head *head = &engine->snapshot_head;
    engine->snapshot_status = status;
    if (status) {
        engine_log_failure(engine, "snapshot_failed", status);
        return;
    }
    engine->snapshot = (struct engine_snapshot){.seq = head->seq, .time = head->time};
    memcpy(engine->snapshot.hash, head->hash, sizeof engine->snapshot.hash);
    engine->snapshot.bytes = bytes;
    log_snapshot(engine, LOG_INFO, "snapshot_written", head->seq, NULL);
}

/* Behind the last one, and behind the last attempt. */
static bool due(const struct engine *engine)
{
    uint64_t every = engine->snapshot_every;
    uint64_t seq = engine->durable.seq;
    return every && seq - engine->snapshot.seq >= every &&
           (engine->snapshot_head.seq == engine->snapshot.seq ||
            seq - engine->snapshot_head.seq > every / RETRY_PART);
}

void engine_process_snapshot(struct engine *engine)
{
    uint64_t bytes;
    int status;
    if (snapshot_writer_take(engine->snapshot_writer, &status, &bytes))
        finish(engine, status, bytes);
    if (!due(engine) || engine_snapshot_running(engine))
        return;
    status = engine_snapshot_begin(engine);
    if (status && status != -EAGAIN)
        finish(engine, status, 0);
}
