/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/archive/archive.h"
#include "daemon/archive/archive_reader.h"
#include "daemon/journal/meta.h"

#define ARCHIVE_KEYS(table)                                                                        \
    "SELECT entries FROM " table                                                                   \
    " WHERE segment = ?1 AND first >= coalesce((SELECT first FROM " table                          \
    " WHERE segment = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), x'') ORDER BY first"

const char *const archive_query_sql[ARCHIVE_QUERIES] = {
    [ARCHIVE_QUERY_SEQ] = "SELECT value FROM meta WHERE key = 'seq'",
    [ARCHIVE_QUERY_RENTAL_OF_TEXT] =
        "SELECT body FROM rental WHERE id = ?1 AND " ARCHIVE_TEXT_ID " AND closed_seq <= ?2",
    [ARCHIVE_QUERY_RENTAL_OF_UUID] =
        "SELECT body FROM rental WHERE created_seq = ?3 AND id = ?1 AND closed_seq <= ?2",
    [ARCHIVE_QUERY_RENTAL_ID] = "SELECT entries FROM rental_id WHERE segment = 0 AND first <= ?1 "
                                "ORDER BY first DESC LIMIT 1",
    [ARCHIVE_QUERY_COMMAND] = "SELECT entries FROM command WHERE segment = 0 AND first <= ?1 "
                              "ORDER BY first DESC LIMIT 1",
    [ARCHIVE_QUERY_LAST_COMMAND] =
        "SELECT entries FROM command WHERE segment = 0 ORDER BY first DESC LIMIT 1",
    [ARCHIVE_QUERY_MENTIONS] = ARCHIVE_KEYS("mention"),
    [ARCHIVE_QUERY_RENTAL_KEYS] = ARCHIVE_KEYS("rental_key"),
    [ARCHIVE_QUERY_SEGMENTS] = "SELECT segment, entries FROM mention "
                               "WHERE segment >= ?1 AND segment <= ?2 ORDER BY segment, first",
    [ARCHIVE_QUERY_TALLY] = "SELECT day, kind, name, count FROM tally "
                            "WHERE day >= ?1 AND day < ?2 ORDER BY day",
    [ARCHIVE_QUERY_COUNT] = "SELECT (SELECT count(*) FROM rental), "
                            "(SELECT sum(length(entries)) FROM command), "
                            "(SELECT sum(length(entries)) FROM mention), "
                            "(SELECT count(*) FROM tally)",
};

static void archive_reader_disconnect(struct archive_reader *reader)
{
    for (size_t i = 0; i < ARCHIVE_QUERIES; i++)
        sqlite_finalize(&reader->queries[i]);
    for (size_t i = 0; i < ARCHIVE_LISTS; i++)
        sqlite_finalize(&reader->lists[i]);
    sqlite_close(&reader->db);
    rentbus_buffer_clear(&reader->commands);
    reader->held = false;
}

static int archive_reader_connect(struct archive_reader *reader)
{
    struct meta_identity identity = {ARCHIVE_KIND, ARCHIVE_FORMAT, NULL};
    enum meta_verdict verdict = META_OURS;
    int r = sqlite_open(reader->path, false, &reader->db);

    if (r == 0)
        r = meta_judge(reader->db, &identity, &verdict);
    /* Whoever follows the journal is about to put an archive there. */
    if (r == 0 && verdict != META_OURS)
        r = -ENOENT;
    if (r == 0)
        r = sqlite_execute(reader->db, "PRAGMA query_only = 1");
    for (size_t i = 0; r == 0 && i < ARCHIVE_QUERIES; i++)
        r = sqlite_prepare(reader->db, archive_query_sql[i], &reader->queries[i]);
    for (size_t i = 0; r == 0 && i < ARCHIVE_LISTS; i++)
        r = sqlite_prepare(reader->db, archive_list_sql[i], &reader->lists[i]);
    if (r)
        archive_reader_disconnect(reader);
    return r;
}

int archive_reader_open(const char *path, struct archive_reader **reader)
{
    struct archive_reader *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;

    opened->path = strdup(path);
    int r = opened->path ? archive_reader_connect(opened) : -ENOMEM;
    if (r) {
        archive_reader_close(&opened);
        return r;
    }
    *reader = opened;
    return 0;
}

void archive_reader_close(struct archive_reader **reader)
{
    if (!*reader)
        return;
    archive_reader_disconnect(*reader);
    rentbus_buffer_release(&(*reader)->listed);
    rentbus_buffer_release(&(*reader)->commands);
    free((*reader)->path);
    free(*reader);
    *reader = NULL;
}

int archive_reader_refresh(struct archive_reader *reader)
{
    if (reader->held || (reader->db && !sqlite_moved(reader->db)))
        return 0;
    archive_reader_disconnect(reader);
    return archive_reader_connect(reader);
}

int archive_query_end(sqlite3_stmt *statement, int r)
{
    sqlite3_reset(statement);
    return r;
}

int archive_snapshot(struct archive_reader *reader, uint64_t *seq)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_SEQ];
    r = sqlite_step(statement);
    if (r == 1) {
        *seq = (uint64_t)sqlite3_column_int64(statement, 0);
        return 0;
    }
    return archive_query_end(statement, r < 0 ? r : -EBADMSG);
}

int archive_snapshot_end(struct archive_reader *reader, int r)
{
    return archive_query_end(reader->queries[ARCHIVE_QUERY_SEQ], r);
}

int archive_reader_seq(struct archive_reader *reader, uint64_t *seq)
{
    int r = archive_snapshot(reader, seq);

    return r ? r : archive_snapshot_end(reader, 0);
}

int archive_hold(struct archive_reader *reader, uint64_t *seq)
{
    int r = archive_reader_refresh(reader);

    if (r == 0)
        r = sqlite_execute(reader->db, "BEGIN");
    if (r)
        return r;
    reader->held = true;
    r = archive_reader_seq(reader, seq);
    if (r)
        archive_release(reader);
    return r;
}

void archive_release(struct archive_reader *reader)
{
    if (!reader->held)
        return;
    sqlite_rollback(reader->db);
    rentbus_buffer_clear(&reader->commands);
    reader->held = false;
}

/* Looks for the command among the entries of a leaf: 1, 0. */
static int archive_command_among(struct rentbus_bytes entries, const struct rentbus_uuid *command,
                                 uint64_t *first_seq, uint64_t *last_seq)
{
    static const struct leaf_shape shape = {ARCHIVE_COMMAND_ENTRY, ARCHIVE_COMMAND_KEY, NULL};
    size_t before = leaf_count_before(&shape, entries, command->bytes, sizeof(command->bytes));
    const uint8_t *entry = entries.data + before * ARCHIVE_COMMAND_ENTRY;

    if (before * ARCHIVE_COMMAND_ENTRY >= entries.length ||
        memcmp(entry, command->bytes, sizeof(command->bytes)) != 0)
        return 0;
    struct archive_command_row row = archive_command_of(entry);
    *first_seq = row.first_seq;
    *last_seq = row.last_seq;
    return 1;
}

/* Who looks up many does so mostly in the order of ids: what was read for the last one is asked
 * first. Whether the command can be there alone. */
static bool archive_command_near(const struct archive_reader *reader,
                                 const struct rentbus_uuid *command)
{
    const struct rentbus_buffer *near = &reader->commands;
    const size_t size = sizeof(command->bytes);

    if (near->length == 0 || memcmp(near->data, command->bytes, size) > 0)
        return false;
    return memcmp(near->data + near->length - ARCHIVE_COMMAND_ENTRY, command->bytes, size) >= 0;
}

/* The entries of the leaf that a query has found, borrowed; -EBADMSG for what is none. */
static int archive_command_leaf(sqlite3_stmt *statement, struct rentbus_bytes *entries)
{
    *entries = sqlite_column_bytes(statement, 0);
    return entries->length == 0 || entries->length % ARCHIVE_COMMAND_ENTRY ? -EBADMSG : 0;
}

static int archive_command_search(struct archive_reader *reader, const struct rentbus_uuid *command,
                                  uint64_t *first_seq, uint64_t *last_seq)
{
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_COMMAND];
    struct rentbus_bytes entries;
    int r = sqlite_bind_bytes(statement, 1,
                              (struct rentbus_bytes){command->bytes, sizeof(command->bytes)});

    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1)
        r = archive_command_leaf(statement, &entries) ? -EBADMSG : 1;
    if (r == 1 && reader->held) {
        rentbus_buffer_clear(&reader->commands);
        rentbus_buffer_append(&reader->commands, entries.data, entries.length);
        if (reader->commands.failed)
            rentbus_buffer_clear(&reader->commands);
    }
    if (r == 1)
        r = archive_command_among(entries, command, first_seq, last_seq);
    return archive_query_end(statement, r);
}

int archive_command_find(struct archive_reader *reader, struct rentbus_uuid command,
                         uint64_t *first_seq, uint64_t *last_seq)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    if (archive_command_near(reader, &command))
        return archive_command_among(
            (struct rentbus_bytes){reader->commands.data, reader->commands.length}, &command,
            first_seq, last_seq);
    return archive_command_search(reader, &command, first_seq, last_seq);
}

int archive_command_last(struct archive_reader *reader, struct rentbus_uuid *command)
{
    struct rentbus_bytes entries;
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_LAST_COMMAND];
    r = sqlite_step(statement);
    if (r == 1)
        r = archive_command_leaf(statement, &entries) ? -EBADMSG : 1;
    if (r == 1)
        memcpy(command->bytes, entries.data + entries.length - ARCHIVE_COMMAND_ENTRY,
               sizeof(command->bytes));
    return archive_query_end(statement, r);
}

static int archive_visit_tally(sqlite3_stmt *statement, tally_visitor *visit, void *context)
{
    struct tally_row row = {
        .day = sqlite3_column_int64(statement, 0),
        .kind = (enum tally_kind)sqlite3_column_int(statement, 1),
        .count = (uint64_t)sqlite3_column_int64(statement, 3),
    };

    if (sqlite3_column_type(statement, 2) == SQLITE_TEXT) {
        struct rentbus_bytes name = sqlite_column_bytes(statement, 2);
        row.name = (struct rentbus_text){(const char *)name.data, name.length};
    } else {
        row.bucket = (uint64_t)sqlite3_column_int64(statement, 2);
    }
    return visit(context, &row);
}

int archive_tally(struct archive_reader *reader, int64_t from, int64_t until, uint64_t *seq,
                  tally_visitor *visit, void *context)
{
    sqlite3_stmt *statement;
    uint64_t last = 0;
    int row = 0;
    int r = archive_snapshot(reader, &last);
    if (r)
        return r;

    *seq = last;
    statement = reader->queries[ARCHIVE_QUERY_TALLY];
    r = archive_bind_int(statement, 1, from);
    if (r == 0)
        r = archive_bind_int(statement, 2, until);
    while (r == 0 && (row = sqlite_step(statement)) == 1)
        r = archive_visit_tally(statement, visit, context);
    return archive_snapshot_end(reader, archive_query_end(statement, r ? r : row));
}

int archive_count(struct archive_reader *reader, struct archive_counts *counts)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_COUNT];
    r = sqlite_step(statement);
    if (r == 1) {
        counts->rentals = (uint64_t)sqlite3_column_int64(statement, 0);
        counts->commands = (uint64_t)sqlite3_column_int64(statement, 1) / ARCHIVE_COMMAND_ENTRY;
        counts->mentions = (uint64_t)sqlite3_column_int64(statement, 2) / ARCHIVE_MENTION_ENTRY;
        counts->tally_rows = (uint64_t)sqlite3_column_int64(statement, 3);
    }
    r = archive_query_end(statement, r);
    return r < 0 ? r : 0;
}
