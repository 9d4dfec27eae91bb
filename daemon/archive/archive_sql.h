/* SPDX-License-Identifier: MPL-2.0 */
/* The SQL that the archive's writer and readers share, and that a test explains. */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_SQL_H
#define RENTBUS_ARCHIVE_ARCHIVE_SQL_H

#define ARCHIVE_FORMAT 2
#define ARCHIVE_KIND "archive"

/* An index ends in the row's created_seq, so that each serves its filter in the order of lists.
 * `seq` and `hash` in meta are those of the last event taken. */
#define ARCHIVE_TABLES                                                                             \
    "CREATE TABLE rental(created_seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "               \
    "user_id TEXT NOT NULL, asset_id TEXT NOT NULL, status INTEGER NOT NULL, "                     \
    "closed_seq INTEGER NOT NULL, body BLOB NOT NULL);"                                            \
    "CREATE INDEX rental_user ON rental(user_id);"                                                 \
    "CREATE INDEX rental_asset ON rental(asset_id);"                                               \
    "CREATE INDEX rental_status ON rental(status);"                                                \
    "CREATE TABLE command(id BLOB PRIMARY KEY, first_seq INTEGER NOT NULL, "                       \
    "last_seq INTEGER NOT NULL) WITHOUT ROWID;"                                                    \
    "INSERT INTO meta VALUES('seq', 0), ('hash', zeroblob(32));"

/* What a list filters by, as bits. */
enum archive_list_by {
    ARCHIVE_LIST_BY_USER = 1,
    ARCHIVE_LIST_BY_ASSET = 2,
    ARCHIVE_LIST_BY_STATUS = 4,
    ARCHIVE_LISTS = 8,
};

/* By bits of enum archive_list_by. ?1 is the seq to list after, ?2 the limit, ?3 the user, ?4 the
 * asset, ?5 the status. A plus sign keeps SQLite from the index of that column: there is one that
 * leaves fewer rows. */
extern const char *const archive_list_sql[ARCHIVE_LISTS];

#endif
