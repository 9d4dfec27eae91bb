/* SPDX-License-Identifier: MPL-2.0 */
/*
 * SQLite with errors as negative errno, for the journal and the archive. A connection belongs to
 * one thread at a time.
 */
#ifndef RENTBUS_JOURNAL_SQLITE_H
#define RENTBUS_JOURNAL_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "sdk/protocol/types.h"

/* How long a statement waits for a lock before it fails with -EBUSY: much longer than any of ours
 * is held. */
#define SQLITE_BUSY_MS 5000

/* The negative errno that a result code of `db` stands for: SQLITE_FULL -ENOSPC, SQLITE_IOERR -EIO,
 * SQLITE_NOMEM -ENOMEM, SQLITE_CORRUPT, SQLITE_NOTADB and SQLITE_ERROR (a table that is not there)
 * -EBADMSG, SQLITE_BUSY -EBUSY, SQLITE_CONSTRAINT -EEXIST, SQLITE_READONLY -EROFS, SQLITE_CANTOPEN
 * what the system said. `db` may be NULL. */
int sqlite_errno(sqlite3 *db, int result);

/* Opens for reading and writing, the file made when `create` and there is none. */
int sqlite_open(const char *path, bool create, sqlite3 **db) __attribute__((warn_unused_result));
void sqlite_close(sqlite3 **db);

/* Runs SQL that gives no rows of interest. */
int sqlite_execute(sqlite3 *db, const char *sql) __attribute__((warn_unused_result));
/* Ends an open transaction without its changes, if there is one. */
void sqlite_rollback(sqlite3 *db);
/* Switches to a write-ahead log; -ENOTSUP when the file system cannot have one. */
int sqlite_use_wal(sqlite3 *db) __attribute__((warn_unused_result));
/* Writes `length` zeros behind a write-ahead log that is shorter than `size`, when that can be
 * done; for the thread that writes the log, between transactions. Returns how long the log is, or
 * 0. */
int64_t sqlite_extend_wal(sqlite3 *db, int64_t size, int64_t length);
/* Whether the open file is no longer the one at its path. */
bool sqlite_moved(sqlite3 *db);

/* What the file and its log take, in bytes; 0 for what cannot be looked at. */
uint64_t sqlite_bytes(const char *path);

/* Removes the file and what SQLite keeps beside it; 0 also when there is none. */
int sqlite_remove(const char *path);

int sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement)
    __attribute__((warn_unused_result));
void sqlite_finalize(sqlite3_stmt **statement);
/* The next row: 1; 0 behind the last; -errno. Reset the statement after the last call. */
int sqlite_step(sqlite3_stmt *statement) __attribute__((warn_unused_result));
/* Runs to the end and resets. */
int sqlite_run(sqlite3_stmt *statement) __attribute__((warn_unused_result));

/* Bind parameter `index` (from 1). Text and bytes are borrowed until the statement is reset. */
int sqlite_bind_uint(sqlite3_stmt *statement, int index, uint64_t value)
    __attribute__((warn_unused_result));
int sqlite_bind_text(sqlite3_stmt *statement, int index, struct rentbus_text text)
    __attribute__((warn_unused_result));
int sqlite_bind_bytes(sqlite3_stmt *statement, int index, struct rentbus_bytes bytes)
    __attribute__((warn_unused_result));
/* A column of the current row, borrowed until the next step or reset. */
struct rentbus_bytes sqlite_column_bytes(sqlite3_stmt *statement, int column);

#endif
