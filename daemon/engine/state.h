/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the engine share. */
#ifndef RENTBUS_ENGINE_STATE_H
#define RENTBUS_ENGINE_STATE_H

#include <limits.h>

#include "daemon/archive/follower.h"
#include "daemon/engine/committer.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/recent.h"
#include "daemon/engine/snapshot.h"
#include "daemon/engine/snapshot_writer.h"
#include "sdk/protocol/uuid.h"

/* A trim of the journal, from engine_trim() to engine_trim_poll(). */
struct trim {
    bool active;
    bool slicing;      /* the committer is at it */
    bool done;         /* to be polled */
    int status;        /* what it came to */
    uint64_t through;  /* the last event that goes */
    uint64_t recorded; /* the event that tells of it, which has to be durable first */
    int64_t next_at;   /* when the next slice may begin */
    struct journal_trimmed trimmed;
};

struct engine {
    struct engine_hooks hooks;
    char version[32];
    char directory[PATH_MAX];
    char journal_path[PATH_MAX];
    char archive_path[PATH_MAX];
    char cursors_path[PATH_MAX];
    int64_t stall_after;
    int event_fd;
    struct ledger *ledger;
    struct recent *recent;
    struct bus *bus;
    struct committer *committer;
    struct archive_follower *follower;
    struct journal_reader *journal;
    struct archive_reader *archive;
    struct chain chain;          /* with what is not durable yet */
    struct journal_head durable; /* the last durable event */
    struct journal_head base;    /* the last one that the journal has let go of */
    struct trim trim;
    uint64_t archived; /* how far the archive is; back to 0 when it is rebuilt */
    uint64_t unarchived_max;
    uint64_t evicted; /* memory no longer holds what only the archive has to: up to here */
    struct rentbus_uuid archived_command; /* the greatest up to there */
    bool archive_held;                    /* for the look-ups of this round of requests */
    bool archive_empty;
    bool archive_failing;
    bool recovering; /* the journal failed: commands are refused */
    uint64_t commits;
    uint64_t snapshots; /* written */
    uint64_t trims;
    struct batch batches[3];
    struct batch *filling;
    struct batch *committing; /* empty: nothing is */
    struct batch *committed;  /* whose replies are given; empty but for then */
    struct rentbus_uuid_source rental_ids;
    char rental_id[RENTBUS_UUID_TEXT_SIZE + 1]; /* the last one made; decisions borrow it */
    struct ledger_decision decision;
    struct rentbus_encoded rental;  /* of its outcome, in the batch that is filled */
    struct rentbus_rental named;    /* the archived rental that the decision is about */
    struct rentbus_buffer scratch;  /* what a result of the past borrows from */
    struct rentbus_buffer previews; /* what the result of a dry run borrows from */
    int64_t timers_from;            /* timers rest until then, since memory ran out */
    uint64_t snapshot_every;        /* events between two snapshots; 0: on request alone */
    struct snapshot_writer *snapshot_writer;
    struct engine_snapshot snapshot;
    struct engine_snapshot snapshot_before;
    bool snapshot_lost; /* one was no good: another is due, however few events came since */
    struct journal_head snapshot_head; /* of the last attempt */
    int snapshot_status;
    int64_t now; /* as engine_timers() was told last */
};

/* What time it is for a decision: the journal's times never decrease. */
int64_t engine_now(const struct engine *engine, int64_t now);
/* Appends and applies the events, as one: all of them or, with a negative errno, none. `count` is
 * at most LEDGER_DECISION_MAX. */
int engine_append(struct engine *engine, const struct chain_origin *origin,
                  const struct ledger_event *events, size_t count, int64_t now)
    __attribute__((warn_unused_result));
/* Hands an event of the batch, which is durable, to the bus and to the hook. */
void engine_published(struct engine *engine, const struct batch *batch, size_t index);
/* Appends what a dry run tells of an event. */
void engine_encode_preview(const struct ledger_event *event, struct rentbus_buffer *out);
/* UNAVAILABLE with *fault as long as the journal fails, BUSY as long as the archive is too far
 * behind. */
int engine_refuse_when_failing(const struct engine *engine, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
void engine_log_failure(struct engine *engine, const char *event, int status);
/* Processes until the committer has nothing in flight or the journal has failed. */
void engine_wait_for_commits(struct engine *engine);

/* Applies the durable events behind the ledger's head, and notes their commands. `publish`: also
 * hands them to the hook, since nobody has seen them. 0, or a negative errno. */
int engine_catch_up(struct engine *engine, bool publish) __attribute__((warn_unused_result));
/* Opens the bus over the ledger that there is. */
int engine_open_bus(struct engine *engine) __attribute__((warn_unused_result));
/* Makes ledger and bus what the newest good snapshot says, or empty: engine_catch_up() goes on from
 * there. 0; INVALID_ARGUMENT with *fault when there is nothing to begin with; -errno. */
int engine_begin(struct engine *engine, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* Takes a snapshot that was written, and begins the next when it is due. */
void engine_process_snapshot(struct engine *engine);
/* Begins one when there is something for it and nothing has happened for a while. */
void engine_snapshot_rest(struct engine *engine, int64_t now);
/* As engine_timer(), of that. */
int64_t engine_snapshot_timer(const struct engine *engine);
/* Starts the next slice of a trim when its time has come: true when the committer has got it. Only
 * when it is idle. */
bool engine_trim_slice(struct engine *engine);
/* The slice has ended. */
void engine_trim_sliced(struct engine *engine, int status);
/* What is not durable was taken back. */
void engine_trim_fall_back(struct engine *engine);
/* As engine_timer(), of a trim. */
int64_t engine_trim_timer(const struct engine *engine);
/* Ends what engine_archive() began. */
void engine_release_archive(struct engine *engine);
/* Takes what the archive has come to hold out of memory. */
int engine_take_archived(struct engine *engine) __attribute__((warn_unused_result));

#endif
