/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The archive: rentals that are over (COMPLETED or FORGIVEN), command ids, who is mentioned where,
 * and counts of returns in SQLite, a projection of the journal that follows it in large
 * transactions and can be deleted at any time.
 * The file knows how far it has come (seq and hash of the last event taken); what does not agree
 * with the journal is thrown away and rebuilt, also under the feet of readers: they go over to the
 * new file (and give -ENOENT in between).
 *
 * Threads: an archive or a reader belongs to one thread at a time; readers see what was committed.
 */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_H
#define RENTBUS_ARCHIVE_ARCHIVE_H

#include "daemon/archive/mention.h"
#include "daemon/archive/tally.h"
#include "daemon/journal/journal.h"
#include "sdk/protocol/codec.h"

struct archive;
struct archive_reader;

/* Opens or creates the file at `path`. A file that is not an archive of this journal (of another
 * ledger or format, damaged, ahead of the journal, or with another hash at its seq) is removed and
 * begun anew; but where the journal was trimmed it is left as it is, as one that is missing, for it
 * cannot be rebuilt: JOURNAL_TRIMMED. 0, or -errno. */
int archive_open(const char *path, const char *ledger, struct journal_reader *journal,
                 struct archive **archive) __attribute__((warn_unused_result));
void archive_close(struct archive **archive);

/* The seq of the last event in the last commit. */
uint64_t archive_seq(const struct archive *archive);

/* Takes the next events of the journal in one transaction: `count`, and those behind them of the
 * same command, so that an archive never ends within one. *taken is how many; less than `count` at
 * the end of the journal. After a failure nothing of it was taken. -ESTALE when the file was
 * removed meanwhile; a damaged archive that can be rebuilt is removed, and the failure is -EBADMSG:
 * in both cases close it and open it anew. */
int archive_follow(struct archive *archive, struct journal_reader *journal, size_t count,
                   size_t *taken) __attribute__((warn_unused_result));

/* Moves what the log has into the file, when it has ARCHIVE_LOG_BYTES or more and as far as readers
 * let it: a step of its own, for when what was taken last has been told. A failure takes nothing
 * back. */
int archive_checkpoint(struct archive *archive) __attribute__((warn_unused_result));
#define ARCHIVE_LOG_BYTES ((size_t)16 << 20)

/* Fails with -ENOENT as long as there is no archive at `path`. */
int archive_reader_open(const char *path, struct archive_reader **reader)
    __attribute__((warn_unused_result));
void archive_reader_close(struct archive_reader **reader);

int archive_reader_seq(struct archive_reader *reader, uint64_t *seq)
    __attribute__((warn_unused_result));

/* From here to archive_release() the reader sees the archive as it is now, up to the event *seq,
 * and single look-ups cost a fraction: for many in a row. Meanwhile the archive's log only grows:
 * not for longer than a fraction of a second. Not while the reader is held already. */
int archive_hold(struct archive_reader *reader, uint64_t *seq) __attribute__((warn_unused_result));
/* Harmless when nothing is held. */
void archive_release(struct archive_reader *reader);

/* The closed rental as encoded CBOR (rentbus_rental_schema) appended to `out`: 1; 0 when there is
 * none; -errno. */
int archive_rental_get(struct archive_reader *reader, struct rentbus_text id,
                       struct rentbus_buffer *out) __attribute__((warn_unused_result));
/* The same as of the event `as_of`: only when the rental was over by then (its last event has a seq
 * of at most `as_of`; 0 finds nothing). */
int archive_rental_get_as_of(struct archive_reader *reader, struct rentbus_text id, uint64_t as_of,
                             struct rentbus_buffer *out) __attribute__((warn_unused_result));

/* Absent texts and NONE match everything; `as_of` as for archive_rental_get_as_of(). */
struct archive_rental_filter {
    struct rentbus_text user_id;
    struct rentbus_text asset_id;
    enum rentbus_status status;
    bool has_as_of;
    uint64_t as_of;
};
/* Sees one closed rental, encoded. 0 to go on; anything else ends the list and is returned. */
typedef int archive_rental_visitor(void *context, uint64_t created_seq,
                                   struct rentbus_bytes rental);
/* Visits at most `limit` matching rentals with created_seq > after, in that order, by index. Rows
 * are read as they are visited: with SIZE_MAX and a visitor that ends the list, a scan costs what
 * it has seen. */
int archive_rental_list(struct archive_reader *reader, const struct archive_rental_filter *filter,
                        uint64_t after, size_t limit, archive_rental_visitor *visit, void *context)
    __attribute__((warn_unused_result));

/* The seqs of the first and last event of a command: 1; 0 when it is not known; -errno. */
int archive_command_find(struct archive_reader *reader, struct rentbus_uuid command,
                         uint64_t *first_seq, uint64_t *last_seq)
    __attribute__((warn_unused_result));
/* The greatest command id held, so that newer ones need no look-up: 1, 0 when empty, -errno. */
int archive_command_last(struct archive_reader *reader, struct rentbus_uuid *command)
    __attribute__((warn_unused_result));

/* Sees the seq of the first event of a command that mentions a thing, or of an event without one.
 * 0 to go on; anything else ends the visit, and is returned. It must not use the same reader. */
typedef int archive_mention_visitor(void *context, uint64_t seq);
/* Visits at most `limit` seqs >= from under the key of a thing (mention_key()), in that order. Keys
 * collide: ask mention_in() of the events. A command that begins before `from` may go on behind it:
 * who reads from the midst of a command asks from LEDGER_DECISION_MAX - 1 before. *seq is the last
 * event that the archive knew of, and set before the first visit: later ones are in the journal
 * alone, and begin with a command of their own. */
int archive_mentions(struct archive_reader *reader, uint32_t key, uint64_t from, size_t limit,
                     uint64_t *seq, archive_mention_visitor *visit, void *context)
    __attribute__((warn_unused_result));

/* A row that is not where it should be: `extra` when the archive alone has it. `seq` is the row's.
 */
struct archive_mention_difference {
    bool extra;
    uint64_t seq;
};
/* Compares what the archive has of the segments from `from` to `to` (INT64_MIN, INT64_MAX: all that
 * there are) with `rows`, which are sorted and of these segments, in one pass over both. What the
 * archive has rightly of events up to `base`, and of those behind `head`, is left out. 0: the same;
 * 1: *difference is the one with the lowest seq; -errno. */
int archive_compare_mentions(struct archive_reader *reader, int64_t from, int64_t to,
                             const struct mention_rows *rows, uint64_t base, uint64_t head,
                             struct archive_mention_difference *difference)
    __attribute__((warn_unused_result));

/* Visits the counts of returns of the days from `from` to before `until` (INT64_MIN, INT64_MAX:
 * all), in the order of days: tally_add() them. *seq as for archive_mentions(): to have later ones
 * counted too, tally_take() the journal's events behind it. The visitor must not use the same
 * reader. */
int archive_tally(struct archive_reader *reader, int64_t from, int64_t until, uint64_t *seq,
                  tally_visitor *visit, void *context) __attribute__((warn_unused_result));

/* What a replay of the journal up to archive_reader_seq() finds too: `mentions` is the sum, over
 * commands and over events without one, of their mention_rows, which archive_compare_mentions()
 * compares; `tally_rows` is tally_rows() of a tally that took every event, and its
 * counts are those that archive_tally() visits (tally_find()). */
struct archive_counts {
    uint64_t rentals;
    uint64_t commands;
    uint64_t mentions;
    uint64_t tally_rows;
};
/* Counts rows; takes time in proportion to them. */
int archive_count(struct archive_reader *reader, struct archive_counts *counts)
    __attribute__((warn_unused_result));

#endif
