/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Snapshots of an open engine: the state behind one event in a file of the data directory, from
 * which a start goes on instead of from the first event. One is written by a thread of low
 * priority, into a ledger of its own (which takes as much memory again while it runs): it takes the
 * newest snapshot, replays the journal from there, proving the hash chain, waits until the archive
 * holds all of it too, writes, reads what it has written back and compares. A failure leaves
 * nothing behind and is logged.
 *
 * Two are kept: where the newest is damaged, a start goes on from the one before it, and whatever
 * is behind that one stays in the journal. Of one that is found damaged the log tells, and another
 * is written soon.
 *
 * For the thread that owns the engine.
 */
#ifndef RENTBUS_ENGINE_SNAPSHOT_H
#define RENTBUS_ENGINE_SNAPSHOT_H

#include "daemon/engine/engine.h"

struct engine_snapshot {
    uint64_t seq;                    /* of the last event in it; 0: there is none */
    int64_t time;                    /* of that event */
    uint8_t hash[RENTBUS_HASH_SIZE]; /* of that event: what follows is chained to it */
    uint64_t bytes;                  /* of the file */
};

/* The newest one that was read whole and found good: by this start, or after it was written. The
 * archive held everything up to its seq, though a power cut may take some of that back until the
 * archive was synced. Changes inside engine_process() alone. */
const struct engine_snapshot *engine_snapshot(const struct engine *engine);

/* The seq of the one before it; 0: there is none. It was good when it was written, or a start would
 * have to find out. */
uint64_t engine_snapshot_before(const struct engine *engine);
/* The first seq behind which the ledger as it was can be had again: 0 as long as the journal is
 * whole. */
uint64_t engine_first_state(const struct engine *engine);
/* Somebody has found that the file of that seq is no good, and why: it is left out of account. */
void engine_snapshot_distrust(struct engine *engine, uint64_t seq, const char *why);

/* Begins to write one of all that is durable now. 0; -EALREADY when there is one of that; -EBUSY
 * when one is being written; -EAGAIN while the journal fails; -errno. */
int engine_snapshot_begin(struct engine *engine) __attribute__((warn_unused_result));
/* One is being written: engine_fd() polls readable when it has ended, and engine_process() takes
 * it. */
bool engine_snapshot_running(const struct engine *engine);
/* What the last one that was begun came to: 0, or a negative errno. */
int engine_snapshot_status(const struct engine *engine);

#endif
