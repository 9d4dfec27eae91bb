/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal/base.h"
#include "daemon/journal/block.h"
#include "daemon/journal/journal_state.h"

/* When the log has this many frames (64 MiB) although a follower should have emptied it, the writer
 * does it itself, and again after each BLOCK_LOG_FRAMES more. */
#define JOURNAL_LOG_FRAMES_MAX (4 * BLOCK_LOG_FRAMES)
#define JOURNAL_BOUND_BUSY_MS 100
/* A log of this many bytes is lengthened ahead, by what some hundred small commits take. */
#define JOURNAL_LOG_AHEAD_FROM (256 << 10)
#define JOURNAL_LOG_AHEAD (1 << 20)

static void journal_disconnect(struct journal_connection *connection)
{
    sqlite_finalize(&connection->begin);
    sqlite_finalize(&connection->insert);
    sqlite_finalize(&connection->commit);
    sqlite_close(&connection->db);
}

void journal_close(struct journal **journal)
{
    if (!*journal)
        return;
    journal_disconnect(&(*journal)->connection);
    free((*journal)->path);
    free((*journal)->ledger);
    free(*journal);
    *journal = NULL;
}

static int journal_refuse(enum meta_verdict verdict, const struct journal *journal,
                          struct rentbus_fault *fault)
{
    static const char *const reasons[] = {
        [META_EMPTY] = "not a journal but an empty database",
        [META_NOT_DATABASE] = "not a database",
        [META_OTHER_KIND] = "a database, but not a rentbus journal",
        [META_OTHER_FORMAT] = "a journal of a format that this version does not know",
        [META_OTHER_LEDGER] = "the journal of another ledger",
    };

    return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL, "%s: %s (ledger %s)",
                             reasons[verdict], journal->path, journal->ledger);
}

static int journal_create(sqlite3 *db, const struct meta_identity *identity)
{
    char settings[64];
    sqlite3_snprintf(sizeof(settings), settings, "PRAGMA page_size = %d", BLOCK_PAGE_SIZE);

    int r = sqlite_execute(db, settings);
    if (r == 0)
        r = sqlite_use_wal(db);
    if (r == 0)
        r = sqlite_execute(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE; " BLOCK_TABLE);
    if (r == 0)
        r = meta_create(db, identity);
    if (r == 0)
        r = sqlite_execute(db, "INSERT INTO meta VALUES('opened', 0); COMMIT");
    return r;
}

/* Says that blocks may have the new checksum from now on. An earlier version refuses it then. */
static int journal_upgrade(sqlite3 *db)
{
    char sql[64];

    sqlite3_snprintf(sizeof(sql), sql, "UPDATE meta SET value = %d WHERE key = 'format'",
                     BLOCK_FORMAT);
    return sqlite_execute(db, sql);
}

/* Sees that the file is this ledger's journal, and makes it when it is new and may be made. */
static int journal_identify(const struct journal *journal, sqlite3 *db, bool create,
                            struct rentbus_fault *fault)
{
    struct meta_identity identity = {BLOCK_KIND, BLOCK_FORMAT, journal->ledger};
    struct meta_identity old = {BLOCK_KIND, BLOCK_FORMAT_SIPHASH, journal->ledger};
    enum meta_verdict verdict;
    int r = meta_judge(db, &identity, &verdict);

    if (r == 0 && verdict == META_OTHER_FORMAT) {
        r = meta_judge(db, &old, &verdict);
        if (r == 0 && verdict == META_OURS)
            return journal_upgrade(db);
    }
    if (r || verdict == META_OURS)
        return r;
    if (verdict == META_EMPTY && create)
        return journal_create(db, &identity);
    return journal_refuse(verdict, journal, fault);
}

/* A synced write. It makes durable what an earlier process left in the system's cache only, and
 * overwrites what a failed append left in the log; so that what is read from here on stays. */
static int journal_prove(sqlite3 *db)
{
    return sqlite_execute(db, "UPDATE meta SET value = value + 1 WHERE key = 'opened'");
}

static int journal_prepare(struct journal_connection *connection)
{
    sqlite3 *db = connection->db;
    int r = sqlite_prepare(db, "BEGIN IMMEDIATE", &connection->begin);

    if (r == 0)
        r = sqlite_prepare(db, "INSERT INTO block(" BLOCK_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5)",
                           &connection->insert);
    if (r == 0)
        r = sqlite_prepare(db, "COMMIT", &connection->commit);
    return r;
}

static int journal_read_head(sqlite3 *db, struct journal_head *head)
{
    sqlite3_stmt *last = NULL;
    int r = sqlite_prepare(db, BLOCK_LAST, &last);

    if (r == 0)
        r = block_head(last, head);
    sqlite_finalize(&last);
    return r;
}

static int journal_read_ends(sqlite3 *db, struct journal_head *base, struct journal_head *head)
{
    struct journal_head read = {0};
    int r = base_read(db, &read);

    if (r == 0)
        r = journal_read_head(db, head);
    if (r == 0 && head->seq < read.seq)
        r = -EBADMSG;
    if (r == 0)
        *base = read;
    return r;
}

static int journal_committed(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct journal *)context)->log_frames = frames;
    return SQLITE_OK;
}

/* On success *connection, *base and *head are those of the file as it is on the disk now. */
static int journal_connect(struct journal *journal, bool create,
                           struct journal_connection *connection, struct journal_head *base,
                           struct journal_head *head, struct rentbus_fault *fault)
{
    struct journal_connection opened = {0};
    int r = sqlite_open(journal->path, create, &opened.db);

    if (r == 0)
        r = journal_identify(journal, opened.db, create, fault);
    if (r == 0)
        r = sqlite_use_wal(opened.db);
    if (r == 0)
        r = sqlite_execute(opened.db, BLOCK_SETTINGS);
    if (r == 0)
        r = journal_prove(opened.db);
    if (r == 0)
        r = journal_prepare(&opened);
    if (r == 0)
        r = journal_read_ends(opened.db, base, head);
    if (r) {
        journal_disconnect(&opened);
        return r;
    }
    sqlite3_wal_hook(opened.db, journal_committed, journal);
    *connection = opened;
    return 0;
}

int journal_open(const char *path, const char *ledger, struct journal **journal,
                 struct rentbus_fault *fault)
{
    struct journal *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;
    opened->path = strdup(path);
    opened->ledger = strdup(ledger);
    opened->log_due = JOURNAL_LOG_FRAMES_MAX;
    int r = opened->path && opened->ledger ? 0 : -ENOMEM;
    if (r == 0)
        r = journal_connect(opened, true, &opened->connection, &opened->base, &opened->head, fault);
    if (r) {
        journal_close(&opened);
        return r;
    }
    *journal = opened;
    return 0;
}

const struct journal_head *journal_base(const struct journal *journal)
{
    return &journal->base;
}

const struct journal_head *journal_head(const struct journal *journal)
{
    return &journal->head;
}

/* The old connection stays until the new one works: as long as one is open, a transaction whose
 * sync failed stays undone, although its bytes may stand in the log. */
int journal_recover(struct journal *journal)
{
    struct journal_connection connection;
    struct journal_head base = {0};
    struct journal_head head = {0};
    struct rentbus_fault fault;
    int r = journal_connect(journal, false, &connection, &base, &head, &fault);

    if (r)
        return r > 0 ? -EBADMSG : r;
    bool held = head.seq > journal->head.seq ||
                memcmp(head.hash, journal->head.hash, sizeof(head.hash)) == 0;
    if (head.seq < journal->head.seq || base.seq < journal->base.seq || !held) {
        journal_disconnect(&connection);
        return -EBADMSG;
    }
    journal_disconnect(&journal->connection);
    journal->connection = connection;
    journal->log_size = 0;
    journal->base = base;
    journal->head = head;
    journal->failed = false;
    return 0;
}

static struct rentbus_bytes journal_batch_slice(const struct journal_batch *batch, size_t from,
                                                size_t to)
{
    size_t start = from > 0 ? batch->entries[from - 1].end : 0;

    return (struct rentbus_bytes){batch->bytes + start, batch->entries[to - 1].end - start};
}

/* The head that the batch leads to; -EINVAL when it does not follow from `head`. */
static int journal_batch_check(const struct journal_batch *batch, const struct journal_head *head,
                               struct journal_head *next)
{
    size_t end = 0;
    int64_t time = head->seq > 0 ? head->time : INT64_MIN;

    if (batch->first_seq != head->seq + 1 || batch->count > INT64_MAX - head->seq)
        return -EINVAL;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->entries[i].end <= end || batch->entries[i].time < time)
            return -EINVAL;
        end = batch->entries[i].end;
        time = batch->entries[i].time;
    }
    if (block_event_head(journal_batch_slice(batch, batch->count - 1, batch->count), next))
        return -EINVAL;
    return next->seq == head->seq + batch->count && next->time == time ? 0 : -EINVAL;
}

static int journal_insert(sqlite3_stmt *insert, const struct block *block)
{
    int r = sqlite_bind_uint(insert, 1, block->first_seq);

    if (r == 0)
        r = sqlite_bind_uint(insert, 2, block->count);
    if (r == 0)
        r = sqlite_errno(NULL, sqlite3_bind_int64(insert, 3, block->time));
    if (r == 0)
        r = sqlite_errno(NULL, sqlite3_bind_int64(insert, 4, block_sum(block)));
    if (r == 0)
        r = sqlite_bind_bytes(insert, 5, block->events);
    return r ? r : sqlite_run(insert);
}

/* A single block is a transaction by itself. */
static int journal_write(struct journal_connection *connection, const struct journal_batch *batch)
{
    bool single = batch->count <= JOURNAL_BLOCK_EVENTS;
    int r = single ? 0 : sqlite_run(connection->begin);

    for (size_t from = 0; r == 0 && from < batch->count; from += JOURNAL_BLOCK_EVENTS) {
        size_t left = batch->count - from;
        size_t count = left < JOURNAL_BLOCK_EVENTS ? left : JOURNAL_BLOCK_EVENTS;
        struct block block = {
            .first_seq = batch->first_seq + from,
            .count = count,
            .time = batch->entries[from + count - 1].time,
            .events = journal_batch_slice(batch, from, from + count),
        };
        r = journal_insert(connection->insert, &block);
    }
    return r || single ? r : sqlite_run(connection->commit);
}

/* Waits for readers to leave the log, which takes them one slice at most. A failure changes nothing
 * about what was committed, and the next append meets it again. */
void journal_bound_log(struct journal *journal)
{
    sqlite3 *db = journal->connection.db;

    if (journal->log_frames < JOURNAL_LOG_FRAMES_MAX)
        journal->log_due = JOURNAL_LOG_FRAMES_MAX;
    if (journal->log_frames < journal->log_due)
        return;
    sqlite3_busy_timeout(db, JOURNAL_BOUND_BUSY_MS);
    (void)sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_busy_timeout(db, SQLITE_BUSY_MS);
    journal->log_due = journal->log_frames + BLOCK_LOG_FRAMES;
}

/* Lengthens the log by zeros, to whoever reads it its end. A commit that overwrites them is synced
 * in half the time of one that makes the file longer, since the file system has nothing to note.
 * When it fails, commits just take longer. */
static void journal_extend_log(struct journal *journal)
{
    int64_t used = (int64_t)journal->log_frames * BLOCK_FRAME_SIZE;
    int64_t wanted = used + JOURNAL_LOG_AHEAD / 8;

    if (used >= JOURNAL_LOG_AHEAD_FROM && journal->log_size < wanted)
        journal->log_size = sqlite_extend_wal(journal->connection.db, wanted, JOURNAL_LOG_AHEAD);
}

int journal_append(struct journal *journal, const struct journal_batch *batch)
{
    struct journal_head next;

    if (journal->failed)
        return -EIO;
    if (batch->count == 0)
        return batch->first_seq == journal->head.seq + 1 ? 0 : -EINVAL;
    int r = journal_batch_check(batch, &journal->head, &next);
    if (r)
        return r;
    r = journal_write(&journal->connection, batch);
    if (r) {
        sqlite_rollback(journal->connection.db);
        journal->failed = true;
        return r;
    }
    journal->head = next;
    journal_bound_log(journal);
    /* What many wait for together is not worth it. */
    if (batch->count <= JOURNAL_BLOCK_EVENTS)
        journal_extend_log(journal);
    return 0;
}
