/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The pipeline: a command is decided, its events are chained, applied and put into the batch that
 * the next commit takes; replies and publications wait until it is durable. Commands that arrive
 * while a commit is in flight join the next one (group commit), which begins before the replies to
 * the one before it are given.
 *
 * When the journal fails, whoever waits gets UNAVAILABLE, the ledger falls back to what is durable,
 * reads go on, and commands are taken again as soon as the journal has recovered.
 *
 * One thread owns an engine. Hooks run in that thread, inside engine_process(), engine_hello() and
 * engine_close(), and must not call these three.
 */
#ifndef RENTBUS_ENGINE_ENGINE_H
#define RENTBUS_ENGINE_ENGINE_H

#include "daemon/archive/archive.h"
#include "daemon/bus/bus.h"
#include "daemon/engine/batch.h"
#include "daemon/engine/chain.h"
#include "daemon/journal/journal.h"
#include "daemon/ledger/decide.h"
#include "daemon/ledger/ledger.h"

/* Bounds of what waits for the disk: beyond them the engine is full. */
#define ENGINE_PENDING_EVENTS_MAX 65536
#define ENGINE_PENDING_BYTES_MAX (64 << 20)
#define ENGINE_UNAVAILABLE_RETRY_MS 500
/* Events that the archive may be behind: what closed and was seen in them is held in memory, some
 * 150 MB at most. Beyond them commands are refused with BUSY, and reads go on. */
#define ENGINE_UNARCHIVED_MAX (UINT64_C(1) << 19)
#define ENGINE_UNARCHIVED_RETRY_MS 200
/* Events of timers that one call records, and that may wait for the disk: when a million rentals
 * expire at once, commands still find room. */
#define ENGINE_TIMERS_ROUND 512
#define ENGINE_TIMERS_PENDING_MAX 4096

struct engine;

struct engine_hooks {
    void *context;
    /* The reply to a request is due. */
    void (*reply)(void *context, struct rentbus_bytes route, struct rentbus_bytes body);
    /* The replies should not wait for what else there is to do. May be NULL. */
    void (*replied)(void *context);
    /* The request has to be served anew: what it waited for is durable. */
    void (*request)(void *context, const struct waiting *request);
    /* What the request wanted was taken back: answer UNAVAILABLE. */
    void (*unavailable)(void *context, struct rentbus_bytes route, struct rentbus_uuid id);
    /* The event is durable. */
    void (*publish)(void *context, struct rentbus_text type, struct rentbus_bytes event);
    /* The answer to a fetch that waited: deliveries, or `fault`. As in struct bus_settings. */
    bool (*deliver)(void *context, struct rentbus_bytes route, struct rentbus_uuid request,
                    const struct rentbus_list *deliveries, const struct rentbus_fault *fault);
    /* Something that an operator should know: priority as in syslog, NUL-terminated logfmt pairs.
     */
    void (*log)(void *context, int priority, const char *pairs);
};

struct engine_settings {
    const char *directory; /* exists, and is ours alone */
    const char *ledger;
    const char *version;     /* for HELLO_EVENT */
    int64_t stall_after;     /* as in struct bus_settings */
    uint64_t snapshot_every; /* events between two snapshots (snapshot.h); 0: on request alone */
    uint64_t unarchived_max; /* 0: ENGINE_UNARCHIVED_MAX */
};

/* Opens journal and archive in the directory and rebuilds the ledger, from a snapshot where there
 * is a good one. 0; INVALID_ARGUMENT with *fault when the files belong to another ledger or format,
 * or the archive has lost its journal, or the journal its first event and every good snapshot;
 * -errno.
 */
int engine_open(const struct engine_settings *settings, const struct engine_hooks *hooks,
                struct engine **engine, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* Records HELLO_EVENT and waits until it is durable. `now` in microseconds since 1970. */
int engine_hello(struct engine *engine, int64_t now) __attribute__((warn_unused_result));
/* Waits for the commit in flight, commits what is pending, closes. NULL-safe. */
void engine_close(struct engine **engine);

/* Polls readable when engine_process() has something to do. */
int engine_fd(const struct engine *engine);
/* Takes the results of commit and archive, starts the next commit if there is something to commit,
 * replies and publishes. Call it after each round of requests, and when the fd polls readable. */
void engine_process(struct engine *engine);
/* Within a round: commands wait for the disk, which has nothing to do until engine_process(). */
bool engine_ready(const struct engine *engine);
/* Seals a few of the events that wait for the next commit, for a thread that has nothing else to
 * do. False: there are none. */
bool engine_seal_ahead(struct engine *engine);
/* Starts the next commit alone, if it can begin and there is something for it. */
void engine_commit(struct engine *engine);
/* So much waits for the disk that requests are to be refused with BUSY. */
bool engine_full(const struct engine *engine);
/* Nothing waits for the disk. */
bool engine_idle(const struct engine *engine);

/* Executes a command that was not seen before. 0 with *result, which borrows from the engine until
 * its next call; or an error code with *fault. Reply with engine_reply(). */
int engine_execute(struct engine *engine, const struct chain_origin *origin,
                   const struct ledger_command *command, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* The rental of that result as its event holds it, encoded; no bytes where there is none. Until the
 * engine's next call. */
struct rentbus_bytes engine_recorded_rental(const struct engine *engine);

/* Events that a client publishes. They borrow from its request. */
struct engine_publication {
    size_t count;
    struct rentbus_new_event events[RENTBUS_PUBLISH_MAX];
};
/* Reads them: 0 when they could be published, or INVALID_ARGUMENT or TOO_LARGE with *fault, that
 * names `field` and what is in it. */
int engine_publish_read(const struct rentbus_list *events, const char *field,
                        struct engine_publication *publication, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* Records what a client publishes, all of it or nothing; as engine_execute(), also when an id is
 * seen again. With `hops`, `cause` and `consumer` in the origin. */
int engine_publish(struct engine *engine, const struct chain_origin *origin,
                   const struct engine_publication *publication, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* The same as a dry run: nothing is recorded, and *result is as of engine_preview(). 0, or a
 * negative errno. */
int engine_publish_preview(struct engine *engine, const struct engine_publication *publication,
                           struct rentbus_command_result *result)
    __attribute__((warn_unused_result));

/* Decides a command and takes nothing of it: as engine_execute(), but nothing is recorded, and
 * *result has `dry_run` and the events that there would be. Also while the journal recovers. */
int engine_preview(struct engine *engine, const struct ledger_command *command, int64_t now,
                   struct rentbus_command_result *result, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Where the engine stands between two commands. */
struct engine_savepoint {
    struct chain_head head;
    size_t count; /* of pending events */
};
struct engine_savepoint engine_savepoint(const struct engine *engine);
/* Takes back every command since; their ids were never seen. Not once engine_process() has been
 * called, nor engine_reply() for any of them. Cannot fail. */
void engine_rollback(struct engine *engine, const struct engine_savepoint *savepoint);

/* Records what the passing of time brings: events without a command. A round of them at most: there
 * is more as long as engine_timer() is not behind `now`. Also begins the snapshot of a time of
 * rest. Cheap when nothing is due. */
void engine_timers(struct engine *engine, int64_t now);
/* When engine_timers() should be called next, in microseconds since 1970; INT64_MAX when there is
 * no such time, or when engine_process() has to make room first. */
int64_t engine_timer(const struct engine *engine);

enum engine_seen {
    ENGINE_NEW,     /* never seen */
    ENGINE_PENDING, /* seen, and not durable yet: wait with WAITING_REQUEST */
    ENGINE_DURABLE, /* seen: *result is the first outcome */
};
/* Looks a command id up: the seqs of its first and last event. A value of enum engine_seen, or a
 * negative errno. */
int engine_command_range(struct engine *engine, struct rentbus_uuid command, uint64_t *first,
                         uint64_t *last) __attribute__((warn_unused_result));
/* The same, with its outcome once it is durable. *result borrows from the engine until its next
 * call. */
int engine_command_find(struct engine *engine, struct rentbus_uuid command,
                        struct rentbus_command_result *result) __attribute__((warn_unused_result));

/* Hands over what the client is owed for all that the ledger shows now: at once if that is durable,
 * else when it is. 0, or -ENOMEM. */
int engine_reply(struct engine *engine, const struct waiting *waiting)
    __attribute__((warn_unused_result));

/* Lets the journal go of its events up to `through`, the end of a block (journal_trim_end()) that
 * the archive and two snapshots have behind them, a little at a time while commits go on: records
 * JOURNAL_TRIMMED_EVENT, and when that is durable the events go. Only when no other trim is under
 * way. 0, an error code with *fault, or a negative errno. */
int engine_trim(struct engine *engine, struct rentbus_text actor, uint64_t through, int64_t now,
                struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* Whether a trim has ended since the last call: *status is 0 or a negative errno, and *trimmed what
 * went, also then. */
bool engine_trim_poll(struct engine *engine, int *status, struct journal_trimmed *trimmed);

struct bus *engine_bus(struct engine *engine);
/* For reading. The journal's and archive's readers show what is durable. */
const struct ledger *engine_ledger(const struct engine *engine);
struct journal_reader *engine_journal(struct engine *engine);
/* Until the next engine_process() it sees the archive as it was when it was asked for first: many
 * look-ups in a row cost one look at the file. */
struct archive_reader *engine_archive(struct engine *engine);
/* The seq of the first event that is kept: 1, until the journal is trimmed. */
uint64_t engine_first(const struct engine *engine);
/* The seq of the last durable event. */
uint64_t engine_durable(const struct engine *engine);
/* The time of the first event that is not durable yet, in microseconds since 1970; INT64_MAX when
 * all are. Later events have no earlier one. */
int64_t engine_pending_time(const struct engine *engine);
/* How far the archive is; less than it was while it is rebuilt. */
uint64_t engine_archived(const struct engine *engine);
/* How far it has been at most: what closed up to there is left to it, also while it is rebuilt. */
uint64_t engine_evicted(const struct engine *engine);
/* What a look-up in the archive means that has just given `found`: the same, but -EBUSY instead of
 * 0 (it is not there) as long as the archive is being rebuilt and nobody can know. */
int engine_archive_found(struct engine *engine, int found) __attribute__((warn_unused_result));
/* Since it was opened: commits, snapshots that were written, trims of the journal. */
uint64_t engine_commits(const struct engine *engine);
uint64_t engine_snapshots(const struct engine *engine);
uint64_t engine_trims(const struct engine *engine);
const char *engine_ledger_name(const struct engine *engine);
/* Where the files are. */
const char *engine_directory(const struct engine *engine);
/* Paths of the two files, for those who open readers of their own. */
const char *engine_journal_path(const struct engine *engine);
const char *engine_archive_path(const struct engine *engine);

#endif
