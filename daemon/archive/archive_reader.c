/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/archive/archive.h"
#include "daemon/archive/archive_sql.h"
#include "daemon/journal/meta.h"

#define ARCHIVE_LIST(condition)                                                                    \
    "SELECT created_seq, body FROM rental WHERE created_seq > ?1" condition                        \
    " ORDER BY created_seq LIMIT ?2"

const char *const archive_list_sql[ARCHIVE_LISTS] = {
    [0] = ARCHIVE_LIST(""),
    [ARCHIVE_LIST_BY_USER] = ARCHIVE_LIST(" AND user_id = ?3"),
    [ARCHIVE_LIST_BY_ASSET] = ARCHIVE_LIST(" AND asset_id = ?4"),
    [ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_ASSET] =
        ARCHIVE_LIST(" AND +user_id = ?3 AND asset_id = ?4"),
    [ARCHIVE_LIST_BY_STATUS] = ARCHIVE_LIST(" AND status = ?5"),
    [ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_STATUS] =
        ARCHIVE_LIST(" AND user_id = ?3 AND +status = ?5"),
    [ARCHIVE_LIST_BY_ASSET | ARCHIVE_LIST_BY_STATUS] =
        ARCHIVE_LIST(" AND asset_id = ?4 AND +status = ?5"),
    [ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_ASSET | ARCHIVE_LIST_BY_STATUS] =
        ARCHIVE_LIST(" AND +user_id = ?3 AND asset_id = ?4 AND +status = ?5"),
};

enum archive_query {
    ARCHIVE_QUERY_SEQ,
    ARCHIVE_QUERY_RENTAL,
    ARCHIVE_QUERY_COMMAND,
    ARCHIVE_QUERY_LAST_COMMAND,
    ARCHIVE_QUERY_COUNT,
    ARCHIVE_QUERIES,
};

static const char *const archive_query_sql[ARCHIVE_QUERIES] = {
    [ARCHIVE_QUERY_SEQ] = "SELECT value FROM meta WHERE key = 'seq'",
    [ARCHIVE_QUERY_RENTAL] = "SELECT body FROM rental WHERE id = ?1",
    [ARCHIVE_QUERY_COMMAND] = "SELECT first_seq, last_seq FROM command WHERE id = ?1",
    [ARCHIVE_QUERY_LAST_COMMAND] = "SELECT id FROM command ORDER BY id DESC LIMIT 1",
    [ARCHIVE_QUERY_COUNT] = "SELECT (SELECT count(*) FROM rental), (SELECT count(*) FROM command)",
};

struct archive_reader {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *queries[ARCHIVE_QUERIES];
    sqlite3_stmt *lists[ARCHIVE_LISTS];
};

static void archive_reader_disconnect(struct archive_reader *reader)
{
    for (size_t i = 0; i < ARCHIVE_QUERIES; i++)
        sqlite_finalize(&reader->queries[i]);
    for (size_t i = 0; i < ARCHIVE_LISTS; i++)
        sqlite_finalize(&reader->lists[i]);
    sqlite_close(&reader->db);
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
    free((*reader)->path);
    free(*reader);
    *reader = NULL;
}

/* An archive may be removed and built anew while it is read: goes over to the new one. */
static int archive_reader_refresh(struct archive_reader *reader)
{
    if (reader->db && !sqlite_moved(reader->db))
        return 0;
    archive_reader_disconnect(reader);
    return archive_reader_connect(reader);
}

/* Ends a query that gave `r`: 1 for a row that was read. */
static int archive_query_end(sqlite3_stmt *statement, int r)
{
    sqlite3_reset(statement);
    return r;
}

int archive_reader_seq(struct archive_reader *reader, uint64_t *seq)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_SEQ];
    r = sqlite_step(statement);
    if (r == 1)
        *seq = (uint64_t)sqlite3_column_int64(statement, 0);
    r = archive_query_end(statement, r);
    if (r < 0)
        return r;
    return r == 1 ? 0 : -EBADMSG;
}

int archive_rental_get(struct archive_reader *reader, struct rentbus_text id,
                       struct rentbus_buffer *out)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_RENTAL];
    r = sqlite_bind_text(statement, 1, id);
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1) {
        struct rentbus_bytes body = sqlite_column_bytes(statement, 0);
        rentbus_buffer_append(out, body.data, body.length);
        r = out->failed ? -ENOMEM : 1;
    }
    return archive_query_end(statement, r);
}

static int archive_list_bind(sqlite3_stmt *list, const struct archive_rental_filter *filter,
                             uint64_t after, size_t limit)
{
    int r = sqlite_bind_uint(list, 1, after);
    if (r == 0)
        r = sqlite_bind_uint(list, 2, limit);
    if (r == 0 && filter->user_id.data)
        r = sqlite_bind_text(list, 3, filter->user_id);
    if (r == 0 && filter->asset_id.data)
        r = sqlite_bind_text(list, 4, filter->asset_id);
    if (r == 0 && filter->status != RENTBUS_STATUS_NONE)
        r = sqlite_bind_uint(list, 5, filter->status);
    return r;
}

int archive_rental_list(struct archive_reader *reader, const struct archive_rental_filter *filter,
                        uint64_t after, size_t limit, archive_rental_visitor *visit, void *context)
{
    size_t by = (filter->user_id.data ? ARCHIVE_LIST_BY_USER : 0) |
                (filter->asset_id.data ? ARCHIVE_LIST_BY_ASSET : 0) |
                (filter->status != RENTBUS_STATUS_NONE ? ARCHIVE_LIST_BY_STATUS : 0);
    int row = 0;
    int r = archive_reader_refresh(reader);
    if (r || after > INT64_MAX)
        return r;
    sqlite3_stmt *list = reader->lists[by];

    r = archive_list_bind(list, filter, after, limit < INT64_MAX ? limit : INT64_MAX);
    while (r == 0 && (row = sqlite_step(list)) == 1)
        r = visit(context, (uint64_t)sqlite3_column_int64(list, 0), sqlite_column_bytes(list, 1));
    sqlite3_reset(list);
    return r ? r : row;
}

int archive_command_find(struct archive_reader *reader, struct rentbus_uuid command,
                         uint64_t *first_seq, uint64_t *last_seq)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_COMMAND];
    r = sqlite_bind_bytes(statement, 1,
                          (struct rentbus_bytes){command.bytes, sizeof(command.bytes)});
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1) {
        *first_seq = (uint64_t)sqlite3_column_int64(statement, 0);
        *last_seq = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    return archive_query_end(statement, r);
}

int archive_command_last(struct archive_reader *reader, struct rentbus_uuid *command)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_LAST_COMMAND];
    r = sqlite_step(statement);
    if (r == 1) {
        struct rentbus_bytes id = sqlite_column_bytes(statement, 0);
        if (id.length == sizeof(command->bytes))
            memcpy(command->bytes, id.data, sizeof(command->bytes));
        else
            r = -EBADMSG;
    }
    return archive_query_end(statement, r);
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
        counts->commands = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    r = archive_query_end(statement, r);
    return r < 0 ? r : 0;
}
