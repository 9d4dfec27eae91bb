/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/archive.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/archive/archive_sql.h"
#include "daemon/archive/archive_state.h"
#include "daemon/archive/skim.h"
#include "daemon/journal/meta.h"

/* As the file is made: some leaves to a page, and few pages to a transaction. Files of versions
 * before have smaller pages, and their log is moved the earlier. */
#define ARCHIVE_PAGE_SIZE 8192

#define ARCHIVE_INTO_RENTAL "INTO rental(created_seq, id, status, closed_seq, body) VALUES"
#define ARCHIVE_RENTAL_ROW "(?, ?, ?, ?, ?)"
#define ARCHIVE_RENTAL_4_ROWS                                                                      \
    ARCHIVE_RENTAL_ROW "," ARCHIVE_RENTAL_ROW "," ARCHIVE_RENTAL_ROW "," ARCHIVE_RENTAL_ROW
#define ARCHIVE_RENTAL_16_ROWS                                                                     \
    ARCHIVE_RENTAL_4_ROWS "," ARCHIVE_RENTAL_4_ROWS "," ARCHIVE_RENTAL_4_ROWS                      \
                          "," ARCHIVE_RENTAL_4_ROWS
static_assert(ARCHIVE_RENTALS_AT_ONCE == 16, "there are as many rows in the statement");

static const char *const archive_change_sql[ARCHIVE_CHANGES] = {
    [ARCHIVE_BEGIN] = "BEGIN IMMEDIATE",
    [ARCHIVE_COMMIT] = "COMMIT",
    [ARCHIVE_PUT_RENTALS] = "INSERT OR FAIL " ARCHIVE_INTO_RENTAL ARCHIVE_RENTAL_16_ROWS,
    [ARCHIVE_PUT_RENTAL] = "INSERT " ARCHIVE_INTO_RENTAL ARCHIVE_RENTAL_ROW,
    [ARCHIVE_REPLACE_RENTAL] = "INSERT OR REPLACE " ARCHIVE_INTO_RENTAL ARCHIVE_RENTAL_ROW,
    [ARCHIVE_DROP_RENTAL] = "DELETE FROM rental WHERE created_seq = ?1",
    [ARCHIVE_ADD_TALLY] = ("INSERT INTO tally VALUES(?1, ?2, ?3, ?4) ON CONFLICT(day, kind, name) "
                           "DO UPDATE SET count = count + excluded.count"),
    [ARCHIVE_PUT_SEQ] = "UPDATE meta SET value = ?1 WHERE key = 'seq'",
    [ARCHIVE_PUT_HASH] = "UPDATE meta SET value = ?1 WHERE key = 'hash'",
};

static const char *const archive_id_sql[LEAF_CHANGES] = LEAF_CHANGE_SQL("rental_id");
static const char *const archive_key_sql[LEAF_CHANGES] = LEAF_CHANGE_SQL("rental_key");
static const char *const archive_command_sql[LEAF_CHANGES] = LEAF_CHANGE_SQL("command");
static const char *const archive_mention_sql[LEAF_CHANGES] = LEAF_CHANGE_SQL("mention");

/* The events of a command that came in pieces. */
static void archive_combine_commands(uint8_t *entry, const uint8_t *other)
{
    struct archive_command_row row = archive_command_of(entry);
    struct archive_command_row more = archive_command_of(other);

    if (more.first_seq < row.first_seq)
        row.first_seq = more.first_seq;
    if (more.last_seq > row.last_seq)
        row.last_seq = more.last_seq;
    archive_put_command_entry(entry, &row);
}

static const struct leaf_shape archive_id_shape = {ARCHIVE_ID_ENTRY, RENTBUS_UUID_SIZE, NULL};
static const struct leaf_shape archive_command_shape = {ARCHIVE_COMMAND_ENTRY, ARCHIVE_COMMAND_KEY,
                                                        archive_combine_commands};
static const struct leaf_shape archive_mention_shape = {ARCHIVE_MENTION_ENTRY,
                                                        ARCHIVE_MENTION_ENTRY, NULL};

static void archive_disconnect(struct archive *archive)
{
    for (size_t i = 0; i < ARCHIVE_CHANGES; i++)
        sqlite_finalize(&archive->changes[i]);
    leaf_writer_release(&archive->ids);
    leaf_writer_release(&archive->keys);
    leaf_writer_release(&archive->commands);
    leaf_writer_release(&archive->mentions);
    sqlite_close(&archive->db);
}

void archive_close(struct archive **archive)
{
    if (!*archive)
        return;
    archive_disconnect(*archive);
    archive_rows_release(&(*archive)->rows);
    rentbus_buffer_release(&(*archive)->entries);
    free((*archive)->path);
    free((*archive)->ledger);
    free(*archive);
    *archive = NULL;
}

uint64_t archive_seq(const struct archive *archive)
{
    return archive->position.seq;
}

static int archive_create(sqlite3 *db, const struct meta_identity *identity)
{
    char settings[48];

    sqlite3_snprintf(sizeof(settings), settings, "PRAGMA page_size = %d", ARCHIVE_PAGE_SIZE);
    int r = sqlite_execute(db, settings);
    if (r == 0)
        r = sqlite_use_wal(db);
    if (r == 0)
        r = sqlite_execute(db, "BEGIN IMMEDIATE");
    if (r == 0)
        r = meta_create(db, identity);
    if (r == 0)
        r = sqlite_execute(db, ARCHIVE_TABLES "COMMIT");
    return r;
}

static int archive_identify(const struct archive *archive, bool create)
{
    struct meta_identity identity = {ARCHIVE_KIND, ARCHIVE_FORMAT, archive->ledger};
    enum meta_verdict verdict;
    int r = meta_judge(archive->db, &identity, &verdict);

    if (r || verdict == META_OURS)
        return r;
    return verdict == META_EMPTY && create ? archive_create(archive->db, &identity) : -EBADMSG;
}

static int archive_load_position(sqlite3 *db, struct archive_position *position)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(db,
                           "SELECT s.value, h.value FROM meta AS s, meta AS h "
                           "WHERE s.key = 'seq' AND h.key = 'hash'",
                           &statement);
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 0)
        r = -EBADMSG;
    if (r == 1) {
        struct rentbus_bytes hash = sqlite_column_bytes(statement, 1);
        position->seq = (uint64_t)sqlite3_column_int64(statement, 0);
        r = hash.length == sizeof(position->hash) ? 0 : -EBADMSG;
        if (r == 0)
            memcpy(position->hash, hash.data, hash.length);
    }
    sqlite_finalize(&statement);
    return r;
}

/* Ends the reading with 1 when the event has the hash of the position, else with 2. */
static int archive_compare(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    const struct archive_position *position = context;
    struct mention_finding finding;
    struct rentbus_event event;
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    int r = skim_event(&reader, &event, &finding);

    (void)seq;
    if (r)
        return r;
    return memcmp(event.hash.data, position->hash, sizeof(position->hash)) == 0 ? 1 : 2;
}

/* Whether the journal has the archive's last event, or begins behind it: 1, 0, or -errno of the
 * journal. */
static int archive_agrees(struct archive *archive, struct journal_reader *journal,
                          const struct journal_head *base)
{
    struct archive_position *position = &archive->position;

    if (position->seq <= base->seq)
        return position->seq == base->seq &&
               memcmp(position->hash, base->hash, sizeof(base->hash)) == 0;
    int r = journal_read(journal, position->seq, position->seq, archive_compare, position);
    return r < 0 ? r : r == 1;
}

static int archive_prepare(struct archive *archive)
{
    sqlite3 *db = archive->db;
    int r = leaf_writer_prepare(&archive->ids, db, archive_id_sql, archive_id_shape);

    if (r == 0)
        r = leaf_writer_prepare(&archive->keys, db, archive_key_sql, archive_mention_shape);
    if (r == 0)
        r = leaf_writer_prepare(&archive->commands, db, archive_command_sql, archive_command_shape);
    if (r == 0)
        r = leaf_writer_prepare(&archive->mentions, db, archive_mention_sql, archive_mention_shape);
    for (size_t i = 0; r == 0 && i < ARCHIVE_CHANGES; i++)
        r = sqlite_prepare(db, archive_change_sql[i], &archive->changes[i]);
    return r;
}

static int archive_committed(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct archive *)context)->log_frames = frames;
    return SQLITE_OK;
}

int archive_checkpoint(struct archive *archive)
{
    if ((size_t)archive->log_frames < ARCHIVE_LOG_BYTES / ARCHIVE_PAGE_SIZE)
        return 0;
    archive->log_frames = 0;
    int result =
        sqlite3_wal_checkpoint_v2(archive->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    /* Busy: as much as could be done was done. */
    return (result & 0xff) == SQLITE_BUSY ? 0 : sqlite_errno(archive->db, result);
}

/* Opens the file, new or not. -EBADMSG when it is no archive of the ledger; -ENOENT when there is
 * none, and it is not to be made. */
static int archive_connect(struct archive *archive, bool create)
{
    int r = sqlite_open(archive->path, create, &archive->db);

    if (r == 0)
        r = archive_identify(archive, create);
    if (r == 0)
        r = sqlite_use_wal(archive->db);
    if (r == 0)
        r = sqlite_execute(archive->db,
                           "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; "
                           "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384");
    if (r == 0)
        r = archive_load_position(archive->db, &archive->position);
    if (r == 0)
        r = archive_prepare(archive);
    if (r)
        archive_disconnect(archive);
    else
        sqlite3_wal_hook(archive->db, archive_committed, archive);
    return r;
}

static int archive_begin_anew(struct archive *archive)
{
    archive_disconnect(archive);
    int r = sqlite_remove(archive->path);
    return r ? r : archive_connect(archive, true);
}

/* Opens what there is. What does not agree with the journal is begun anew where the journal has all
 * its events; else it is left as it is: it may be all that knows of the others. */
static int archive_find(struct archive *archive, struct journal_reader *journal)
{
    struct journal_head base = {0};
    int r = journal_reader_base(journal, &base);
    if (r)
        return r;
    r = archive_connect(archive, base.seq == 0);
    int agrees = r == 0 ? archive_agrees(archive, journal, &base) : 1;
    bool wrong = r == -EBADMSG || r == -ENOENT || agrees == 0;
    if (wrong && base.seq > 0)
        return JOURNAL_TRIMMED;
    if (wrong)
        return archive_begin_anew(archive);
    return agrees < 0 ? agrees : r;
}

int archive_open(const char *path, const char *ledger, struct journal_reader *journal,
                 struct archive **archive)
{
    struct archive *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;

    opened->path = strdup(path);
    opened->ledger = strdup(ledger);
    int r = archive_rows_init(&opened->rows);
    if (!opened->path || !opened->ledger)
        r = -ENOMEM;
    if (r == 0)
        r = archive_find(opened, journal);
    if (r) {
        archive_close(&opened);
        return r;
    }
    *archive = opened;
    return 0;
}
