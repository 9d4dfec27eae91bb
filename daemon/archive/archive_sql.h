/* SPDX-License-Identifier: MPL-2.0 */
/* The SQL that the archive's writer and readers share, and that a test explains. */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_SQL_H
#define RENTBUS_ARCHIVE_ARCHIVE_SQL_H

#include "daemon/archive/leaf.h"
#include "daemon/journal/sqlite.h"

#define ARCHIVE_FORMAT 4
#define ARCHIVE_KIND "archive"

/* Rows and indexes of a rental lie in segments of so many seqs of its created_seq: what closes is
 * mostly young, and goes to few pages however many there are. */
#define ARCHIVE_SEGMENT_BITS 20
#define ARCHIVE_SEGMENT_OF(seq) ((seq) >> ARCHIVE_SEGMENT_BITS)
#define ARCHIVE_SEGMENT "created_seq >> 20"
/* RENTBUS_STATUS_FORGIVEN, the rarer way to be over. */
#define ARCHIVE_FORGIVEN "status = 3"

/* `user_key` and `asset_key` are their mention_key() as a signed number, which takes four bytes, of
 * which many may be the same; `body` is what packed.h makes of the rental. An index ends in the
 * row's created_seq, so that each serves its filter in the order of lists; most rentals are
 * COMPLETED and listed by the table itself.
 * Commands and mentions are entries of leaf tables (archive_entry.h). `seq` and `hash` in meta are
 * those of the last event taken; a tally's `name` is its bucket where it has no name. */
#define ARCHIVE_TABLES                                                                             \
    "CREATE TABLE rental(created_seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, "                    \
    "user_key INTEGER NOT NULL, asset_key INTEGER NOT NULL, status INTEGER NOT NULL, "             \
    "closed_seq INTEGER NOT NULL, body BLOB NOT NULL);"                                            \
    "CREATE INDEX rental_user ON rental(" ARCHIVE_SEGMENT ", user_key);"                           \
    "CREATE INDEX rental_asset ON rental(" ARCHIVE_SEGMENT ", asset_key);"                         \
    "CREATE INDEX rental_forgiven ON rental(status) WHERE " ARCHIVE_FORGIVEN                       \
    ";" LEAF_TABLE("command") LEAF_TABLE(                                                          \
        "mention") "CREATE TABLE tally(day INTEGER, kind INTEGER, name, count INTEGER NOT NULL, "  \
                   "PRIMARY KEY(day, kind, name)) WITHOUT ROWID;"                                  \
                   "INSERT INTO meta VALUES('seq', 0), ('hash', zeroblob(32));"

/* What a list filters by, as bits. */
enum archive_list_by {
    ARCHIVE_LIST_BY_USER = 1,
    ARCHIVE_LIST_BY_ASSET = 2,
    ARCHIVE_LIST_BY_STATUS = 4,
    ARCHIVE_LIST_FORGIVEN = 8, /* stands alone */
    ARCHIVE_LISTS,
};

/* By bits of enum archive_list_by. ?1 is the seq to list after, ?3 the key of the user, ?4 of the
 * asset, ?5 the status, ?6 the seq as of which, ?7 with a user or asset the segment. What is over
 * by then was there by then: the bound on created_seq ends the scan. */
extern const char *const archive_list_sql[ARCHIVE_LISTS];

/* The other queries. */
enum archive_query {
    ARCHIVE_QUERY_SEQ,
    ARCHIVE_QUERY_RENTAL,
    ARCHIVE_QUERY_COMMAND,
    ARCHIVE_QUERY_LAST_COMMAND,
    ARCHIVE_QUERY_MENTIONS,
    ARCHIVE_QUERY_SEGMENTS,
    ARCHIVE_QUERY_TALLY,
    ARCHIVE_QUERY_COUNT,
    ARCHIVE_QUERIES,
};
extern const char *const archive_query_sql[ARCHIVE_QUERIES];

/* Binds a number that may be negative. */
static inline int archive_bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    return sqlite_errno(sqlite3_db_handle(statement), sqlite3_bind_int64(statement, index, value));
}

/* Binds the id of a rental: a UUID, in lower case as ours are, as its 16 bytes, which *uuid keeps
 * until the statement is reset; another id as text. */
int archive_bind_rental_id(sqlite3_stmt *statement, int index, struct rentbus_text id,
                           struct rentbus_uuid *uuid) __attribute__((warn_unused_result));
/* The id in a column, written to `text` where it is stored as a UUID, else borrowed. */
struct rentbus_text archive_column_rental_id(sqlite3_stmt *statement, int column,
                                             char text[RENTBUS_UUID_TEXT_SIZE + 1]);

#endif
