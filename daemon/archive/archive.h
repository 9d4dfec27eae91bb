/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The archive: rentals that are over (COMPLETED or FORGIVEN) and command ids in SQLite, a
 * projection of the journal that follows it in large transactions and can be deleted at any time.
 * The file knows how far it has come (seq and hash of the last event taken); what does not agree
 * with the journal is thrown away and rebuilt, also under the feet of readers: they go over to the
 * new file (and give -ENOENT in between).
 *
 * Threads: an archive or a reader belongs to one thread at a time; readers see what was committed.
 */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_H
#define RENTBUS_ARCHIVE_ARCHIVE_H

#include "daemon/journal/journal.h"
#include "sdk/protocol/codec.h"

struct archive;
struct archive_reader;

/* Opens or creates the file at `path`. A file that is not an archive of this journal (of another
 * ledger or format, damaged, ahead of the journal, or with another hash at its seq) is removed and
 * begun anew. 0, or -errno. */
int archive_open(const char *path, const char *ledger, struct journal_reader *journal,
                 struct archive **archive) __attribute__((warn_unused_result));
void archive_close(struct archive **archive);

/* The seq of the last event in the last commit. */
uint64_t archive_seq(const struct archive *archive);

/* Takes the next events of the journal, at most `count`, in one transaction. *taken is how many; 0
 * when the archive is up with the journal. After a failure nothing of it was taken. -ESTALE when
 * the file was removed meanwhile; a damaged archive is removed, and the failure is -EBADMSG: in
 * both cases close it and open it anew. */
int archive_follow(struct archive *archive, struct journal_reader *journal, size_t count,
                   size_t *taken) __attribute__((warn_unused_result));

/* Fails with -ENOENT as long as there is no archive at `path`. */
int archive_reader_open(const char *path, struct archive_reader **reader)
    __attribute__((warn_unused_result));
void archive_reader_close(struct archive_reader **reader);

int archive_reader_seq(struct archive_reader *reader, uint64_t *seq)
    __attribute__((warn_unused_result));

/* The closed rental as encoded CBOR (rentbus_rental_schema) appended to `out`: 1; 0 when there is
 * none; -errno. */
int archive_rental_get(struct archive_reader *reader, struct rentbus_text id,
                       struct rentbus_buffer *out) __attribute__((warn_unused_result));

/* Absent texts and NONE match everything. */
struct archive_rental_filter {
    struct rentbus_text user_id;
    struct rentbus_text asset_id;
    enum rentbus_status status;
};
/* Sees one closed rental, encoded. 0 to go on; anything else ends the list and is returned. */
typedef int archive_rental_visitor(void *context, uint64_t created_seq,
                                   struct rentbus_bytes rental);
/* Visits at most `limit` matching rentals with created_seq > after, in that order, by index. */
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

struct archive_counts {
    uint64_t rentals;
    uint64_t commands;
};
/* Counts rows; takes time in proportion to them. */
int archive_count(struct archive_reader *reader, struct archive_counts *counts)
    __attribute__((warn_unused_result));

#endif
