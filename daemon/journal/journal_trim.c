/* SPDX-License-Identifier: MPL-2.0 */
/* Letting go of the oldest blocks. */
#include <errno.h>

#include "daemon/journal/base.h"
#include "daemon/journal/block.h"
#include "daemon/journal/journal_state.h"

/* What goes at once: so much that a transaction is worth its sync, and so little that an append
 * behind it waits for no longer than for another append. */
#define JOURNAL_TRIM_BLOCKS 256
#define JOURNAL_TRIM_BYTES ((uint64_t)256 << 10)

/* Adds up the blocks that go, and notes where the last of them begins: 0 for none. */
static int journal_choose(const struct journal *journal, uint64_t through,
                          struct journal_trimmed *trimmed, uint64_t *last)
{
    uint64_t before_head = journal->head.seq > 0 ? journal->head.seq - 1 : 0;
    sqlite3_stmt *statement = NULL;
    int row = 0;
    int r = sqlite_prepare(journal->connection.db,
                           "SELECT first_seq, count, length(events) FROM block WHERE "
                           "first_seq <= ?1 AND first_seq + count - 1 <= ?1 "
                           "ORDER BY first_seq LIMIT ?2",
                           &statement);

    if (r == 0)
        r = sqlite_bind_uint(statement, 1, through < before_head ? through : before_head);
    if (r == 0)
        r = sqlite_bind_uint(statement, 2, JOURNAL_TRIM_BLOCKS);
    while (r == 0 && trimmed->bytes < JOURNAL_TRIM_BYTES && (row = sqlite_step(statement)) == 1) {
        *last = (uint64_t)sqlite3_column_int64(statement, 0);
        trimmed->events += (uint64_t)sqlite3_column_int64(statement, 1);
        trimmed->bytes += (uint64_t)sqlite3_column_int64(statement, 2);
    }
    sqlite_finalize(&statement);
    return r ? r : row < 0 ? row : 0;
}

/* The last event of the block that begins there. */
static int journal_read_base(sqlite3 *db, uint64_t first_seq, struct journal_head *base)
{
    sqlite3_stmt *statement = NULL;
    struct block block;
    int r =
        sqlite_prepare(db, "SELECT " BLOCK_COLUMNS " FROM block WHERE first_seq = ?1", &statement);

    if (r == 0)
        r = sqlite_bind_uint(statement, 1, first_seq);
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 0)
        r = -EBADMSG;
    if (r == 1)
        r = block_read(statement, &block);
    if (r == 0)
        r = block_last_event(&block, base);
    sqlite_finalize(&statement);
    return r;
}

static int journal_delete(sqlite3 *db, uint64_t last)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(db, "DELETE FROM block WHERE first_seq <= ?1", &statement);

    if (r == 0)
        r = sqlite_bind_uint(statement, 1, last);
    if (r == 0)
        r = sqlite_run(statement);
    sqlite_finalize(&statement);
    return r;
}

static int journal_let_go(struct journal_connection *connection, uint64_t last,
                          const struct journal_head *base)
{
    int r = sqlite_run(connection->begin);

    if (r == 0)
        r = journal_delete(connection->db, last);
    if (r == 0)
        r = base_write(connection->db, base);
    return r ? r : sqlite_run(connection->commit);
}

int journal_trim(struct journal *journal, uint64_t through, struct journal_trimmed *trimmed)
{
    struct journal_trimmed chosen = {0};
    struct journal_head base = {0};
    uint64_t last = 0;

    if (journal->failed)
        return -EIO;
    int r = journal_choose(journal, through, &chosen, &last);
    if (r == 0 && last > 0)
        r = journal_read_base(journal->connection.db, last, &base);
    if (r)
        return r;
    if (last > 0) {
        r = journal_let_go(&journal->connection, last, &base);
        if (r) {
            sqlite_rollback(journal->connection.db);
            journal->failed = true;
            return r;
        }
        journal->base = base;
        journal_bound_log(journal);
    }
    *trimmed = chosen;
    return 0;
}
