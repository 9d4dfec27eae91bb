/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The thread that writes the journal: one batch at a time, so that deciding goes on while events
 * are hashed and the disk syncs. Its functions are for the one thread that started it.
 */
#ifndef RENTBUS_ENGINE_COMMITTER_H
#define RENTBUS_ENGINE_COMMITTER_H

#include "daemon/engine/batch.h"

struct committer;

/* Takes over the journal, also when it fails. `notify_fd` is an eventfd, written to when a job
 * ends. */
int committer_start(struct journal *journal, int notify_fd, struct committer **committer)
    __attribute__((warn_unused_result));
/* Waits for the job under way (an append; a recovery is given up), ends the thread, closes the
 * journal. NULL-safe. */
void committer_stop(struct committer **committer);

/* Starts to seal what is not sealed of the batch, and to append its events: they must be left alone
 * until the job has ended. Only when idle. */
void committer_append(struct committer *committer, struct batch *batch);
/* The batch that is appended has been sealed: what follows it can be. */
bool committer_sealed(struct committer *committer);
/* Starts to recover the journal: tries until it succeeds, at first after 100 ms, then less often.
 */
void committer_recover(struct committer *committer);
/* Starts one journal_trim(). Only when idle. */
void committer_trim(struct committer *committer, uint64_t through);
/* What the last one let go of. Only when idle; so is the next. */
struct journal_trimmed committer_trimmed(const struct committer *committer);
const struct journal_head *committer_base(const struct committer *committer);
/* A job is under way. */
bool committer_working(struct committer *committer);
/* None is, and none has ended that committer_poll() was not asked for. */
bool committer_idle(struct committer *committer);
/* Whether a job has ended since the last call; *status is what it came to. */
bool committer_poll(struct committer *committer, int *status);
/* Only when idle. */
const struct journal_head *committer_head(const struct committer *committer);

#endif
