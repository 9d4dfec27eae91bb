/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/journal/base.h"

#include <errno.h>
#include <string.h>

int base_read(sqlite3 *db, struct journal_head *base)
{
    sqlite3_stmt *statement = NULL;
    struct journal_head read = {0};
    int r = sqlite_prepare(db,
                           "SELECT s.value, t.value, h.value FROM meta AS s, meta AS t, meta AS h "
                           "WHERE s.key = 'base_seq' AND t.key = 'base_time' AND "
                           "h.key = 'base_hash'",
                           &statement);

    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1) {
        struct rentbus_bytes hash = sqlite_column_bytes(statement, 2);
        read.seq = (uint64_t)sqlite3_column_int64(statement, 0);
        read.time = sqlite3_column_int64(statement, 1);
        r = hash.length == sizeof(read.hash) && read.seq > 0 ? 0 : -EBADMSG;
        if (r == 0)
            memcpy(read.hash, hash.data, hash.length);
    }
    sqlite_finalize(&statement);
    if (r == 0)
        *base = read;
    return r;
}

int base_write(sqlite3 *db, const struct journal_head *base)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(db,
                           "INSERT OR REPLACE INTO meta VALUES('base_seq', ?1), "
                           "('base_time', ?2), ('base_hash', ?3)",
                           &statement);

    if (r == 0)
        r = sqlite_bind_uint(statement, 1, base->seq);
    if (r == 0)
        r = sqlite_errno(db, sqlite3_bind_int64(statement, 2, base->time));
    if (r == 0)
        r = sqlite_bind_bytes(statement, 3, (struct rentbus_bytes){base->hash, sizeof(base->hash)});
    if (r == 0)
        r = sqlite_run(statement);
    sqlite_finalize(&statement);
    return r;
}
