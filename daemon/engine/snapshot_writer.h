/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The thread that writes a snapshot: from the newest one, or from the first event, it replays the
 * journal into a ledger of its own, proving the chain. For the thread that owns the writer.
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

/* Starts to write one behind `head`, going on from that of the seq `from` (0: from the first
 * event), with the bus as it stands at the head, whose bytes it takes over, also when it fails.
 * Only when nothing is running. 0, or -errno. */
int snapshot_writer_start(struct snapshot_writer *writer, uint64_t from,
                          const struct journal_head *head, struct rentbus_buffer *bus)
    __attribute__((warn_unused_result));
bool snapshot_writer_running(const struct snapshot_writer *writer);
/* Whether it has ended since it was started or taken last: *status is what it came to, and *bytes
 * the size of the file when that is 0. */
bool snapshot_writer_take(struct snapshot_writer *writer, int *status, uint64_t *bytes);

#endif
