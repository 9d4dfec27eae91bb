/* SPDX-License-Identifier: MPL-2.0 */
/* A thread that keeps the archive up with the journal, and checkpoints the journal's log, off the
 * path of commits: it stands back behind whoever wants the processors as long as it is not far
 * behind. */
#ifndef RENTBUS_ARCHIVE_FOLLOWER_H
#define RENTBUS_ARCHIVE_FOLLOWER_H

#include "daemon/archive/archive.h"

/* So many events behind the journal, or bytes of them, it no longer stands back. What is closed or
 * was seen in them is held in memory until then, and the journal's log holds them. */
#define ARCHIVE_FOLLOWER_HURRY 65536
#define ARCHIVE_FOLLOWER_HURRY_BYTES (UINT64_C(48) << 20)

struct archive_follower;

/* Opens the archive and starts the thread. `notify_fd` is an eventfd of the caller's: written to
 * after each commit and after a failure. 0, or -errno. */
int archive_follower_start(const char *journal_path, const char *archive_path, const char *ledger,
                           int notify_fd, struct archive_follower **follower)
    __attribute__((warn_unused_result));
/* The journal has grown up to the event `head`, by events of `bytes` in all: wakes the thread.
 * Cheap.
 */
void archive_follower_wake(struct archive_follower *follower, uint64_t head, size_t bytes);
/* How far the archive is committed. From any thread. */
uint64_t archive_follower_seq(struct archive_follower *follower);
/* The last failure (negative errno), 0 when the last round went well. From any thread. The follower
 * tries again by itself, less often while it fails. */
int archive_follower_error(struct archive_follower *follower);
/* Ends the thread behind its current transaction and waits for it; does not catch up first. */
void archive_follower_stop(struct archive_follower **follower);

#endif
