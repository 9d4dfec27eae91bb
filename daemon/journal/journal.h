/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The journal: an append-only log of events with gapless seqs from 1. It takes events as they read
 * on the wire and gives the same bytes back until it is told to let go of the oldest. This is the
 * interface; journal_sqlite.c and journal_reader.c are the engine behind it: one SQLite file in WAL
 * mode with synchronous=FULL, a row for a block of events (`block(first_seq INTEGER PRIMARY KEY,
 * count, time, sum, events)`, events a CBOR sequence as in RFC 8742, sum its checksum, time that of
 * the last event), automatic checkpoints off.
 *
 * Threads: a journal or a reader belongs to one thread at a time; a journal and any number of
 * readers of one file may be used at once from different threads.
 */
#ifndef RENTBUS_JOURNAL_JOURNAL_H
#define RENTBUS_JOURNAL_JOURNAL_H

#include <errno.h>

#include "sdk/protocol/codec.h"

/* Events in one block: few enough that reading one event costs little, many enough that a row costs
 * little for each. */
#define JOURNAL_BLOCK_EVENTS 128

struct journal;
struct journal_reader;

/* The last event: its seq, time (microseconds since 1970) and hash. All zero for an empty journal.
 */
struct journal_head {
    uint64_t seq;
    int64_t time;
    uint8_t hash[RENTBUS_HASH_SIZE];
};

struct journal_entry {
    int64_t time;
    size_t end; /* offset in `bytes` of the end of this event */
};

/* Events first_seq, first_seq + 1, … one behind the other in `bytes`. */
struct journal_batch {
    uint64_t first_seq;
    size_t count;
    const struct journal_entry *entries;
    const uint8_t *bytes;
};

/* Opens or creates the file at `path` for the ledger named `ledger`. An earlier format becomes that
 * of today, with all events as they are; earlier versions refuse the file from then on. Returns 0;
 * INVALID_ARGUMENT with *fault when the file belongs to another ledger, has an unknown format, or
 * is no journal; -errno (-EIO, -ENOSPC, -ENOMEM, …) otherwise. */
int journal_open(const char *path, const char *ledger, struct journal **journal,
                 struct rentbus_fault *fault) __attribute__((warn_unused_result));
void journal_close(struct journal **journal);

/* The last event that was let go of, all zero when none was: the journal begins behind it. As of
 * the last open, recovery or trim that succeeded. */
const struct journal_head *journal_base(const struct journal *journal);
/* As of the last open or append that succeeded. */
const struct journal_head *journal_head(const struct journal *journal);

/* Appends the batch in one transaction; on 0 it is on stable storage. -EINVAL, with nothing done,
 * when first_seq is not the head's seq + 1, when times decrease or lie before the head's, or when
 * the last event does not say its seq, time and hash. After any other failure the caller must
 * journal_recover() before the next append (-EIO until then): whether the batch was taken is known
 * only then. */
int journal_append(struct journal *journal, const struct journal_batch *batch)
    __attribute__((warn_unused_result));
/* Opens the file anew, proves by a synced write that the disk takes writes again, and reads the
 * head. Fails as long as the disk does; -EBADMSG when the file lacks what was acknowledged. */
int journal_recover(struct journal *journal) __attribute__((warn_unused_result));

/* What went, or would go: events, and the bytes that they took. */
struct journal_trimmed {
    uint64_t events;
    uint64_t bytes;
};
/* Lets go of the oldest events, in whole blocks that end at `through` or before, of a few of them
 * in one transaction that takes about as long as an append: call it until nothing goes any more.
 * The last block stays. The pages are used again; the file does not shrink. A failure is like that
 * of journal_append(); -EBADMSG, with nothing done, when what is to go is damaged. */
int journal_trim(struct journal *journal, uint64_t through, struct journal_trimmed *trimmed)
    __attribute__((warn_unused_result));

/* Opens a file that journal_open() has opened before. -EBADMSG when it is no journal of today's
 * format; -errno. */
int journal_reader_open(const char *path, struct journal_reader **reader)
    __attribute__((warn_unused_result));
void journal_reader_close(struct journal_reader **reader);

/* Sees one event, its bytes borrowed for the call. 0 to go on; anything else ends the reading, and
 * is returned by journal_read(). */
typedef int journal_visitor(void *context, uint64_t seq, struct rentbus_bytes event);
/* The answer to who asks for events that the journal has let go of. */
#define JOURNAL_TRIMMED (-ENODATA)
/* Visits the durable events from `from` to `to`, both included (UINT64_MAX: to what is the end at
 * the time of the call). 0 at the end; JOURNAL_TRIMMED, perhaps after some visits; -EBADMSG for a
 * damaged file (a gap, a block that does not
 * parse or has another checksum); -errno. The visitor must not use the same reader. */
int journal_read(struct journal_reader *reader, uint64_t from, uint64_t to, journal_visitor *visit,
                 void *context) __attribute__((warn_unused_result));
/* Sees the events of a block as a CBOR sequence, which it passes over itself: `count` of them, the
 * first of them `first_seq`. 0 to go on; anything else ends the reading, and is returned. */
typedef int journal_block_visitor(void *context, uint64_t first_seq, size_t count,
                                  struct rentbus_bytes events);
/* As journal_read() for whole blocks, the first of which is the one that holds `from`, the last one
 * that which holds `to`. */
int journal_read_blocks(struct journal_reader *reader, uint64_t from, uint64_t to,
                        journal_block_visitor *visit, void *context)
    __attribute__((warn_unused_result));
/* The seq of the first event with time >= `time`; the head's seq + 1 when there is none;
 * JOURNAL_TRIMMED when it was let go of. Times in a journal never decrease. Costs a binary search.
 */
int journal_seek(struct journal_reader *reader, int64_t time, uint64_t *seq)
    __attribute__((warn_unused_result));
/* As journal_base(), of what is durable. */
int journal_reader_base(struct journal_reader *reader, struct journal_head *base)
    __attribute__((warn_unused_result));
/* Where journal_trim() ends when it is to go to `through`: the seq of the last event that goes. */
int journal_trim_end(struct journal_reader *reader, uint64_t through, uint64_t *seq)
    __attribute__((warn_unused_result));
/* What it lets go of then. Reads what it costs to look at every block: for a thread that nobody
 * waits for. */
int journal_trim_measure(struct journal_reader *reader, uint64_t through,
                         struct journal_trimmed *trimmed) __attribute__((warn_unused_result));
/* The last durable event, as in struct journal_head. */
int journal_reader_head(struct journal_reader *reader, struct journal_head *head)
    __attribute__((warn_unused_result));
/* How many bytes of log the reader has read blocks for since its last checkpoint, roughly: above
 * JOURNAL_BACKLOG_DUE one is due. */
size_t journal_reader_backlog(const struct journal_reader *reader);
#define JOURNAL_BACKLOG_DUE ((size_t)16 << 20)
/* Moves what the log has into the file, so that the log is written from its front again. For a
 * thread that nobody waits for: it may take hundreds of milliseconds. It asks a busy writer for its
 * lock for some 100 ms, and then gives up; 0 then too. A writer waits while the last rest is moved.
 */
int journal_checkpoint(struct journal_reader *reader) __attribute__((warn_unused_result));

#endif
