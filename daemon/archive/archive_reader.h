/* SPDX-License-Identifier: MPL-2.0 */
/* A reader of the archive, for the files that read it: archive_reader.c opens it, archive_list.c
 * reads rentals, archive_history.c mentions. */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_READER_H
#define RENTBUS_ARCHIVE_ARCHIVE_READER_H

#include "daemon/archive/archive.h"
#include "daemon/archive/archive_entry.h"
#include "daemon/archive/archive_sql.h"

struct archive_reader {
    char *path;
    sqlite3 *db;
    bool held;
    struct rentbus_buffer commands; /* while it is held: the leaf of the command looked up last */
    sqlite3_stmt *queries[ARCHIVE_QUERIES];
    sqlite3_stmt *lists[ARCHIVE_LISTS];
    struct rentbus_buffer listed; /* the rental that is visited */
};

/* An archive may be removed and built anew while it is read: goes over to the new one. */
int archive_reader_refresh(struct archive_reader *reader) __attribute__((warn_unused_result));
/* Ends a query that gave `r`: 1 for a row that was read. */
int archive_query_end(sqlite3_stmt *statement, int r);
/* Reads the seq, and leaves the query open: as long as it is, all others see the same state. */
int archive_snapshot(struct archive_reader *reader, uint64_t *seq)
    __attribute__((warn_unused_result));
int archive_snapshot_end(struct archive_reader *reader, int r);

/* A walk through the seqs under a key in a table of mentions or of keys of rentals. */
struct archive_visiting {
    struct archive_reader *reader;
    enum archive_query query;
    unsigned bits; /* of a segment */
    uint32_t key;
    uint64_t from;
    size_t limit; /* how many may still be visited */
    archive_mention_visitor *visit;
    void *context;
};
/* Visits the segments up to that of `last` while a snapshot is held: 0, what the visitor ended
 * with, or -errno. */
int archive_visit_keys(struct archive_visiting *visiting, uint64_t last)
    __attribute__((warn_unused_result));

/* A seq as SQLite can have it. */
static inline uint64_t archive_clamp(uint64_t seq)
{
    return seq < INT64_MAX ? seq : INT64_MAX;
}

#endif
