/* SPDX-License-Identifier: MPL-2.0 */
/* The SQL that the archive's writer and readers share, and that a test explains. */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_SQL_H
#define RENTBUS_ARCHIVE_ARCHIVE_SQL_H

#include "daemon/archive/leaf.h"
#include "daemon/journal/sqlite.h"

#define ARCHIVE_FORMAT 5
#define ARCHIVE_KIND "archive"

/* RENTBUS_STATUS_FORGIVEN, the rarer way to be over. */
#define ARCHIVE_FORGIVEN "status = 3"
/* An id that is not stored as a UUID: those have a leaf table, which costs less. */
#define ARCHIVE_TEXT_ID "typeof(id) = 'text'"

/* `body` is what packed.h makes of the rental. Most rentals are COMPLETED and listed by the table
 * itself.
 * rental_id, rental_key, command and mention are leaf tables (archive_entry.h). `seq` and `hash` in
 * meta are those of the last event taken; a tally's `name` is its bucket where it has no name. */
#define ARCHIVE_TABLES                                                                             \
    "CREATE TABLE rental(created_seq INTEGER PRIMARY KEY, id NOT NULL, "                           \
    "status INTEGER NOT NULL, closed_seq INTEGER NOT NULL, body BLOB NOT NULL);"                   \
    "CREATE UNIQUE INDEX rental_text ON rental(id) WHERE " ARCHIVE_TEXT_ID ";"                     \
    "CREATE INDEX rental_forgiven ON rental(status) WHERE " ARCHIVE_FORGIVEN                       \
    ";" LEAF_TABLE("rental_id") LEAF_TABLE("rental_key") LEAF_TABLE("command") LEAF_TABLE(         \
        "mention") "CREATE TABLE tally(day INTEGER, kind INTEGER, name, count INTEGER NOT NULL, "  \
                   "PRIMARY KEY(day, kind, name)) WITHOUT ROWID;"                                  \
                   "INSERT INTO meta VALUES('seq', 0), ('hash', zeroblob(32));"

/* The lists of rentals, in the order of created_seq, as of the event ?2 (what is over by then was
 * there by then: the bound on created_seq ends the scan). */
enum archive_list {
    ARCHIVE_LIST_ALL,      /* after the seq ?1 */
    ARCHIVE_LIST_STATUS,   /* those of the status ?3 */
    ARCHIVE_LIST_FORGIVEN, /* the same for that status */
    ARCHIVE_LIST_ONE,      /* the one created at ?1 */
    ARCHIVE_LISTS,
};
extern const char *const archive_list_sql[ARCHIVE_LISTS];

/* The other queries. */
enum archive_query {
    ARCHIVE_QUERY_SEQ,
    ARCHIVE_QUERY_RENTAL_OF_TEXT,
    ARCHIVE_QUERY_RENTAL_OF_UUID,
    ARCHIVE_QUERY_RENTAL_ID,
    ARCHIVE_QUERY_COMMAND,
    ARCHIVE_QUERY_LAST_COMMAND,
    ARCHIVE_QUERY_MENTIONS,
    ARCHIVE_QUERY_RENTAL_KEYS,
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

/* Whether the id of a rental is a UUID in lower case, as ours are: it is stored as that. */
bool archive_rental_uuid(struct rentbus_text id, struct rentbus_uuid *uuid);
/* The id in a column, written to `text` where it is stored as a UUID, else borrowed. */
struct rentbus_text archive_column_rental_id(sqlite3_stmt *statement, int column,
                                             char text[RENTBUS_UUID_TEXT_SIZE + 1]);

#endif
