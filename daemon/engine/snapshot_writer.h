/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The thread that writes a snapshot: from the newest good one, or from the first event, it replays
 * the journal into a ledger of its own, proving the chain. For the thread that owns the writer.
 */
#ifndef RENTBUS_ENGINE_SNAPSHOT_WRITER_H
#define RENTBUS_ENGINE_SNAPSHOT_WRITER_H

#include "daemon/archive/follower.h"
#include "daemon/engine/snapshot_file.h"

struct snapshot_writer;

struct snapshot_task {
    const char *directory; /* borrowed while it runs, as is all that follows */
    const char *journal_path;
    const char *ledger;
    struct archive_follower *follower;
    int notify_fd; /* an eventfd, written to at the end */
};

/* NULL when out of memory. */
struct snapshot_writer *snapshot_writer_create(const struct snapshot_task *task);
/* Gives up what is running. NULL-safe. */
void snapshot_writer_destroy(struct snapshot_writer **writer);

/* What the writing of one came to. */
struct snapshot_outcome {
    int status;     /* 0, or -errno */
    uint64_t bytes; /* of the file, when it is 0 */
    uint64_t from;  /* the one that it went on from, which is kept beside it; 0: none */
    /* Those that could not be read, and why: static text. */
    size_t bad_count;
    uint64_t bad[SNAPSHOTS_KEPT];
    const char *why[SNAPSHOTS_KEPT];
};

/* Starts to write one behind `head`, going on from the first that is good of those of the seqs
 * `from` (0: there is none), or from the first event, with the bus as it stands at the head, whose
 * bytes it takes over, also when it fails. Only when nothing is running. 0, or -errno. */
int snapshot_writer_start(struct snapshot_writer *writer, const uint64_t from[SNAPSHOTS_KEPT],
                          const struct journal_head *head, struct rentbus_buffer *bus)
    __attribute__((warn_unused_result));
bool snapshot_writer_running(const struct snapshot_writer *writer);
/* Whether it has ended since it was started or taken last, and then its outcome. */
bool snapshot_writer_take(struct snapshot_writer *writer, struct snapshot_outcome *outcome);

#endif
