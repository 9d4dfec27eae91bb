/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>

#include "daemon/engine/snapshot_writer.h"
#include "daemon/engine/state.h"

/* After a failure the next attempt waits for a part of the events between two snapshots. */
#define RETRY_PART 8
/* When nothing has happened for so long, a part of them is enough: the next start may be near. */
#define REST_PART 20
#define REST_US (10 * INT64_C(1000000))

const struct engine_snapshot *engine_snapshot(const struct engine *engine)
{
    return &engine->snapshot;
}

uint64_t engine_snapshot_before(const struct engine *engine)
{
    return engine->snapshot_before.seq;
}

uint64_t engine_first_state(const struct engine *engine)
{
    uint64_t base = engine->base.seq;
    if (base == 0)
        return 0;
    uint64_t before = engine->snapshot_before.seq;
    return before >= base ? before : engine->snapshot.seq;
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

static void set_snapshot(struct engine *engine, const struct journal_head *head, uint64_t bytes)
{
    engine->snapshot = (struct engine_snapshot){head->seq, head->time, {0}, bytes};
    memcpy(engine->snapshot.hash, head->hash, sizeof engine->snapshot.hash);
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
    set_snapshot(engine, head, contents->bytes);
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

/* Names of files, as many as a message has room for. */
struct names {
    char text[96];
};

static void note_name(struct names *names, uint64_t seq)
{
    char name[SNAPSHOT_FILE_NAME_SIZE];
    size_t length = strlen(names->text);
    snapshot_file_name(seq, name);
    if (length + strlen(name) + 2 < sizeof names->text)
        snprintf(names->text + length, sizeof names->text - length, "%s%s", length ? ", " : "",
                 name);
}

/* Without a snapshot the journal has to have its first event. */
static int begin_from_nothing(struct engine *engine, const struct names *bad,
                              struct rentbus_fault *fault)
{
    int first = journal_read(engine->journal, 1, 1, ignore, NULL);
    if (first == -EBADMSG || first == JOURNAL_TRIMMED)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL,
                                 "%s%s, and the journal does not begin with seq 1: restore one "
                                 "from a backup",
                                 bad->text[0] ? "no snapshot is good: " : "there is no snapshot",
                                 bad->text);
    return engine_open_bus(engine);
}

static int begin_behind(struct engine *engine, uint64_t seq)
{
    uint64_t before = 0;
    int status = snapshot_file_newest(engine->directory, seq - 1, &before);
    log_snapshot(engine, engine->snapshot_lost ? LOG_WARNING : LOG_INFO, "snapshot_loaded", seq,
                 NULL);
    if (status == 0)
        snapshot_file_clean(engine->directory, seq, before);
    engine->snapshot_before.seq = before;
    return status;
}

int engine_begin(struct engine *engine, struct rentbus_fault *fault)
{
    struct names bad = {0};
    uint64_t seq = 0;
    int status = snapshot_file_newest(engine->directory, UINT64_MAX, &seq);
    while (status == 0 && seq) {
        const char *why = NULL;
        status = load(engine, seq, &why);
        if (status == 0)
            return begin_behind(engine, seq);
        if (status == -ENOMEM)
            return status;
        log_snapshot(engine, LOG_WARNING, "snapshot_passed_over", seq, why);
        note_name(&bad, seq);
        engine->snapshot_lost = true;
        status = begin_anew(engine);
        if (status == 0)
            status = snapshot_file_newest(engine->directory, seq - 1, &seq);
    }
    if (status)
        return status;
    snapshot_file_clean(engine->directory, 0, 0);
    return begin_from_nothing(engine, &bad, fault);
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
    const uint64_t from[] = {engine->snapshot.seq, engine->snapshot_before.seq};
    int status = bus_snapshot(engine->bus, &bus);
    if (status == 0)
        status = snapshot_writer_start(engine->snapshot_writer, from, &engine->durable, &bus);
    rentbus_buffer_release(&bus);
    return status;
}

void engine_snapshot_distrust(struct engine *engine, uint64_t seq, const char *why)
{
    if (!seq || (seq != engine->snapshot.seq && seq != engine->snapshot_before.seq))
        return;
    log_snapshot(engine, LOG_WARNING, "snapshot_passed_over", seq, why);
    if (seq == engine->snapshot.seq) {
        engine->snapshot = engine->snapshot_before;
        engine->snapshot_head.seq = engine->snapshot.seq;
    }
    engine->snapshot_before = (struct engine_snapshot){0};
    engine->snapshot_lost = true;
    eventfd_write(engine->event_fd, 1);
}

static void fail(struct engine *engine, int status)
{
    engine->snapshot_status = status;
    engine_log_failure(engine, "snapshot_failed", status);
}

static void finish(struct engine *engine, const struct snapshot_outcome *outcome)
{
    const struct journal_head head = engine->snapshot_head;
    for (size_t i = 0; i < outcome->bad_count; i++)
        engine_snapshot_distrust(engine, outcome->bad[i], outcome->why[i]);
    engine->snapshot_head = head;
    if (outcome->status) {
        fail(engine, outcome->status);
        return;
    }
    engine->snapshot_status = 0;
    engine->snapshots++;
    /* What it went on from is the newest that is good. */
    engine->snapshot_before = engine->snapshot;
    engine->snapshot_lost = engine->snapshot_lost && outcome->from == 0;
    set_snapshot(engine, &head, outcome->bytes);
    log_snapshot(engine, LOG_INFO, "snapshot_written", head.seq, NULL);
}

/* At least so many events behind the last one, and some behind the last attempt. */
static bool due(const struct engine *engine, uint64_t least)
{
    uint64_t every = engine->snapshot_every;
    uint64_t seq = engine->durable.seq;
    uint64_t behind = seq - engine->snapshot.seq;
    return every && behind > 0 && (behind >= least || engine->snapshot_lost) &&
           (engine->snapshot_head.seq == engine->snapshot.seq ||
            seq - engine->snapshot_head.seq > every / RETRY_PART);
}

static void begin_snapshot(struct engine *engine)
{
    int status = engine_snapshot_begin(engine);
    if (status && status != -EAGAIN)
        fail(engine, status);
}

void engine_process_snapshot(struct engine *engine)
{
    struct snapshot_outcome outcome;
    if (snapshot_writer_take(engine->snapshot_writer, &outcome))
        finish(engine, &outcome);
    if (due(engine, engine->snapshot_every) && !engine_snapshot_running(engine))
        begin_snapshot(engine);
}

int64_t engine_snapshot_timer(const struct engine *engine)
{
    bool can = engine_idle(engine) && !engine_snapshot_running(engine) &&
               bus_head(engine->bus) == engine->durable.seq;
    return can && due(engine, engine->snapshot_every / REST_PART) ? engine->durable.time + REST_US
                                                                  : INT64_MAX;
}

void engine_snapshot_rest(struct engine *engine, int64_t now)
{
    if (engine_snapshot_timer(engine) <= now)
        begin_snapshot(engine);
}
