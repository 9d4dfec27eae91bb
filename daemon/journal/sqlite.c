/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/journal/sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sqlite_meaning {
    int result;
    int error;
};

static const struct sqlite_meaning sqlite_meanings[] = {
    {SQLITE_FULL, ENOSPC},    {SQLITE_NOMEM, ENOMEM},   {SQLITE_CORRUPT, EBADMSG},
    {SQLITE_NOTADB, EBADMSG}, {SQLITE_ERROR, EBADMSG},  {SQLITE_BUSY, EBUSY},
    {SQLITE_LOCKED, EBUSY},   {SQLITE_PROTOCOL, EBUSY}, {SQLITE_READONLY, EROFS},
    {SQLITE_PERM, EACCES},    {SQLITE_AUTH, EACCES},    {SQLITE_TOOBIG, EMSGSIZE},
    {SQLITE_MISUSE, EINVAL},  {SQLITE_RANGE, EINVAL},   {SQLITE_CONSTRAINT, EEXIST},
};

/* What the operating system said behind a failure to open, or a full disk met elsewhere than in a
 * write. */
static int sqlite_system_errno(sqlite3 *db, int primary)
{
    int system = db ? sqlite3_system_errno(db) : 0;
    if (primary == SQLITE_CANTOPEN)
        return system ? system : EACCES;
    return system == ENOSPC || system == EDQUOT ? ENOSPC : EIO;
}

int sqlite_errno(sqlite3 *db, int result)
{
    int primary = result & 0xff;

    if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE)
        return 0;
    if (result == SQLITE_IOERR_NOMEM)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof(sqlite_meanings) / sizeof(*sqlite_meanings); i++) {
        if (sqlite_meanings[i].result == primary)
            return -sqlite_meanings[i].error;
    }
    return -sqlite_system_errno(db, primary);
}

/* What it would take to undo a statement of ours fits into this, and is not written to a file in
 * the directory for temporary ones, which may be full. */
#define SQLITE_STATEMENT_BYTES (2 << 20)

/* Without counts of the memory in use, which nobody reads, SQLite allocates without a lock. Where
 * it works already it keeps them. */
static void sqlite_configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, SQLITE_STATEMENT_BYTES);
}

int sqlite_open(const char *path, bool create, sqlite3 **db)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sqlite3 *opened = NULL;

    pthread_once(&once, sqlite_configure);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    int result = sqlite3_open_v2(path, &opened, flags, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_extended_result_codes(opened, 1);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(opened, SQLITE_BUSY_MS);
    /* Without write access SQLite falls back to reading. */
    if (result == SQLITE_OK && sqlite3_db_readonly(opened, "main") == 1)
        result = SQLITE_READONLY;
    if (result != SQLITE_OK) {
        int error = opened ? sqlite_errno(opened, result) : -ENOMEM;
        sqlite_close(&opened);
        return error;
    }
    *db = opened;
    return 0;
}

void sqlite_close(sqlite3 **db)
{
    sqlite3_close_v2(*db);
    *db = NULL;
}

int sqlite_execute(sqlite3 *db, const char *sql)
{
    return sqlite_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

void sqlite_rollback(sqlite3 *db)
{
    if (db && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

int sqlite_use_wal(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(db, "PRAGMA journal_mode = WAL", &statement);

    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        r = mode && strcmp(mode, "wal") == 0 ? 0 : -ENOTSUP;
    }
    sqlite_finalize(&statement);
    return r;
}

int64_t sqlite_extend_wal(sqlite3 *db, int64_t size, int64_t length)
{
    static const uint8_t zeros[32768];
    sqlite3_file *log = NULL;
    sqlite3_int64 end = 0;
    int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

    if (result != SQLITE_OK || !log->pMethods || log->pMethods->xFileSize(log, &end))
        return 0;
    for (int64_t goal = end < size ? end + length : end; end < goal;) {
        int part = goal - end < (int64_t)sizeof(zeros) ? (int)(goal - end) : (int)sizeof(zeros);
        if (log->pMethods->xWrite(log, zeros, part, end))
            return end;
        end += part;
    }
    return end;
}

bool sqlite_moved(sqlite3 *db)
{
    int moved = 0;
    int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);

    return result == SQLITE_OK && moved;
}

uint64_t sqlite_bytes(const char *path)
{
    static const char *const suffixes[] = {"", "-wal"};
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        struct stat status;
        char *name;
        if (asprintf(&name, "%s%s", path, suffixes[i]) < 0)
            return bytes;
        if (stat(name, &status) == 0)
            bytes += (uint64_t)status.st_size;
        free(name);
    }
    return bytes;
}

int sqlite_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        char *name;
        if (asprintf(&name, "%s%s", path, suffixes[i]) < 0)
            return -ENOMEM;
        int error = unlink(name) ? errno : 0;
        free(name);
        if (error && error != ENOENT)
            return -error;
    }
    return 0;
}

int sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement)
{
    return sqlite_errno(
        db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

void sqlite_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

int sqlite_step(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    if (result == SQLITE_ROW)
        return 1;
    return sqlite_errno(sqlite3_db_handle(statement), result);
}

int sqlite_run(sqlite3_stmt *statement)
{
    int r = sqlite_step(statement);

    sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int sqlite_bind_uint(sqlite3_stmt *statement, int index, uint64_t value)
{
    if (value > INT64_MAX)
        return -ERANGE;
    return sqlite_errno(sqlite3_db_handle(statement),
                        sqlite3_bind_int64(statement, index, (sqlite3_int64)value));
}

int sqlite_bind_text(sqlite3_stmt *statement, int index, struct rentbus_text text)
{
    return sqlite_errno(
        sqlite3_db_handle(statement),
        sqlite3_bind_text64(statement, index, text.data, text.length, SQLITE_STATIC, SQLITE_UTF8));
}

int sqlite_bind_bytes(sqlite3_stmt *statement, int index, struct rentbus_bytes bytes)
{
    return sqlite_errno(
        sqlite3_db_handle(statement),
        sqlite3_bind_blob64(statement, index, bytes.data, bytes.length, SQLITE_STATIC));
}

struct rentbus_bytes sqlite_column_bytes(sqlite3_stmt *statement, int column)
{
    const uint8_t *data = sqlite3_column_blob(statement, column);

    return (struct rentbus_bytes){data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}
