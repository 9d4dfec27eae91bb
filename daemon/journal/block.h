/* SPDX-License-Identifier: MPL-2.0 */
/* One row of the journal: a run of events behind each other, with a checksum, so that what is read
 * is known to be what was written. Shared by the writer and the readers. */
#ifndef RENTBUS_JOURNAL_BLOCK_H
#define RENTBUS_JOURNAL_BLOCK_H

#include "daemon/journal/journal.h"
#include "daemon/journal/meta.h"

#define BLOCK_KIND "journal"
/* 1: the checksums are SipHash. 2: they are XXH3, or SipHash in blocks from before the journal was
 * opened by a version that writes format 2. */
#define BLOCK_FORMAT_SIPHASH 1
#define BLOCK_FORMAT 2

/* Twice the usual: half as many writes for a large commit, and no more time for a small one. */
#define BLOCK_PAGE_SIZE 8192
/* What a page takes in the log. */
#define BLOCK_FRAME_SIZE (BLOCK_PAGE_SIZE + 24)
/* A log of this many frames (16 MiB) is worth a checkpoint. */
#define BLOCK_LOG_FRAMES 2048

/* A writer's: a commit is on stable storage, and somebody else moves the log into the file, which
 * then keeps 64 MiB at most. */
#define BLOCK_SETTINGS                                                                             \
    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; "                                   \
    "PRAGMA journal_size_limit = 67108864"

#define BLOCK_TABLE                                                                                \
    "CREATE TABLE block(first_seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, "                   \
    "time INTEGER NOT NULL, sum INTEGER NOT NULL, events BLOB NOT NULL)"
/* The columns that block_read() takes, in its order. */
#define BLOCK_COLUMNS "first_seq, count, time, sum, events"

struct block {
    uint64_t first_seq;
    size_t count;
    int64_t time; /* of the last event */
    struct rentbus_bytes events;
};

/* The checksum that a new block gets: of its events, keyed by its place and time. It detects
 * damage; against who would change events there is their chain. */
int64_t block_sum(const struct block *block);

/* The block in the current row of a statement that selects BLOCK_COLUMNS, borrowed until its next
 * step or reset. 0, or -EBADMSG when it is damaged. */
int block_read(sqlite3_stmt *row, struct block *block) __attribute__((warn_unused_result));

/* Takes the next event from the front of `events`; -EBADMSG at the end or when there is none. */
int block_next(struct rentbus_bytes *events, struct rentbus_bytes *event)
    __attribute__((warn_unused_result));

/* The place, time and hash of an encoded event. 0, or -EBADMSG. */
int block_event_head(struct rentbus_bytes bytes, struct journal_head *head)
    __attribute__((warn_unused_result));

/* Its last event. 0, or -EBADMSG. */
int block_last_event(const struct block *block, struct journal_head *head)
    __attribute__((warn_unused_result));

/* The head, by a statement prepared from BLOCK_LAST; it is reset. */
#define BLOCK_LAST "SELECT " BLOCK_COLUMNS " FROM block ORDER BY first_seq DESC LIMIT 1"
int block_head(sqlite3_stmt *last, struct journal_head *head) __attribute__((warn_unused_result));

#endif
