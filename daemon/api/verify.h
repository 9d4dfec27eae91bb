/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the verification share. */
#ifndef RENTBUS_API_VERIFY_H
#define RENTBUS_API_VERIFY_H

#include "daemon/api/call.h"
#include "daemon/engine/job.h"
#include "daemon/engine/snapshot_file.h"

#define VERIFY_ROUTE_MAX 2048

struct verification {
    struct job job;
    /* Who asked. */
    struct rentbus_uuid id;
    size_t route_length;
    uint8_t route[VERIFY_ROUTE_MAX];
    /* What to compare with: the ledger's digest behind the event `head`. */
    uint64_t head;
    uint64_t digest;
    uint64_t snapshots[SNAPSHOTS_KEPT]; /* the newest; 0: none */
    const char *directory;
    const char *name; /* of the ledger */
    const char *journal_path;
    const char *archive_path;
    /* The work. */
    struct journal_head base; /* what a trimmed journal begins behind */
    struct ledger *ledger;
    struct journal_reader *journal;
    struct archive_reader *archive;
    uint64_t archived;
    uint64_t held_events;
    struct rentbus_buffer ours;
    struct rentbus_buffer theirs;
    struct ledger_event event;
    uint8_t hash[RENTBUS_HASH_SIZE];
    struct rentbus_uuid command;
    uint64_t command_first;
    uint64_t command_last; /* 0: no command yet */
    uint64_t commands;
    /* What is mentioned in the segment, by each command and each event without one; and the one
     * that goes on. */
    struct mention_rows rows;
    uint64_t segment;
    uint64_t rows_first;
    bool rows_have_command;
    struct rentbus_uuid rows_command;
    uint64_t mentions;
    struct tally *tally;
    int status;
    char problem[RENTBUS_MESSAGE_SIZE];
    size_t bad_count; /* snapshots, and why they are no good */
    uint64_t bad[SNAPSHOTS_KEPT];
    const char *why[SNAPSHOTS_KEPT];
};

/* The answer where something differs; what it is stands in `problem`. */
#define VERIFY_DIFFERS 1
/* Notes the difference, and is VERIFY_DIFFERS. */
int verify_differs(struct verification *work, const char *what, uint64_t seq);

/* The functions below return 0, VERIFY_DIFFERS, or -errno. */

/* A journal_visitor: what an event has to agree with of which the ledger is not asked: the hash
 * chain and the archive. */
int verify_old_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
    __attribute__((warn_unused_result));
/* Notes which snapshots there are. */
int verify_find_snapshots(struct verification *work) __attribute__((warn_unused_result));
/* Makes the ledger that of the oldest good snapshot, proving the trimmed journal's chain up to
 * there: what can be replayed begins behind it. */
int verify_begin_with_snapshot(struct verification *work) __attribute__((warn_unused_result));
/* Compares the snapshot of that seq, if there is one, with what the events up to there have come
 * to. Takes as much memory again for a moment. */
int verify_snapshot(struct verification *work, uint64_t seq) __attribute__((warn_unused_result));
/* Whether all that were looked at are good. */
int verify_snapshots_are_good(struct verification *work) __attribute__((warn_unused_result));

#endif
