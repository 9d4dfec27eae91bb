/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/archive/archive.h"
#include "daemon/archive/archive_reader.h"
#include "daemon/journal/meta.h"

const char *const archive_query_sql[ARCHIVE_QUERIES] = {
    [ARCHIVE_QUERY_SEQ] = "SELECT value FROM meta WHERE key = 'seq'",
    [ARCHIVE_QUERY_RENTAL] = "SELECT body FROM rental WHERE id = ?1 AND closed_seq <= ?2",
    [ARCHIVE_QUERY_COMMAND] = "SELECT first_seq, last_seq FROM command WHERE id = ?1",
    [ARCHIVE_QUERY_COMMANDS] =
        "SELECT first_seq, last_seq, id FROM command WHERE id >= ?1 ORDER BY id",
    [ARCHIVE_QUERY_LAST_COMMAND] = "SELECT id FROM command ORDER BY id DESC LIMIT 1",
    [ARCHIVE_QUERY_MENTIONS] = "SELECT seq FROM mention WHERE segment = ?1 AND hash = ?2 "
                               "AND seq >= ?3 ORDER BY seq LIMIT ?4",
    [ARCHIVE_QUERY_SEGMENTS] = "SELECT segment, hash, seq FROM mention "
                               "WHERE segment >= ?1 AND segment <= ?2 ORDER BY segment, hash, seq",
    [ARCHIVE_QUERY_TALLY] = "SELECT day, kind, name, count FROM tally "
                            "WHERE day >= ?1 AND day < ?2 ORDER BY day",
    [ARCHIVE_QUERY_COUNT] = "SELECT (SELECT count(*) FROM rental), (SELECT count(*) FROM command), "
                            "(SELECT count(*) FROM mention), (SELECT count(*) FROM tally)",
};

static void archive_reader_disconnect(struct archive_reader *reader)
{
    for (size_t i = 0; i < ARCHIVE_QUERIES; i++)
        sqlite_finalize(&reader->queries[i]);
    for (size_t i = 0; i < ARCHIVE_LISTS; i++)
        sqlite_finalize(&reader->lists[i]);
    sqlite_close(&reader->db);
    reader->walking = false;
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
    sqlite3_reset(reader->queries[ARCHIVE_QUERY_COMMANDS]);
    sqlite_rollback(reader->db);
    reader->walking = false;
    reader->held = false;
}

/* Whether the next row is that of the command: 1, 0, -errno. */
static int archive_command_next(struct archive_reader *reader, const struct rentbus_uuid *command)
{
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_COMMANDS];
    int r = sqlite_step(statement);

    reader->walking = r == 1;
    if (r != 1)
        return archive_query_end(statement, r);
    struct rentbus_bytes id = sqlite_column_bytes(statement, 2);
    return id.length == sizeof(command->bytes) && memcmp(id.data, command->bytes, id.length) == 0;
}

/* Who looks up many does so mostly in the order of ids: the next row is tried before a search. */
static int archive_command_walk(struct archive_reader *reader, const struct rentbus_uuid *command,
                                uint64_t *first_seq, uint64_t *last_seq)
{
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_COMMANDS];
    int r = reader->walking ? archive_command_next(reader, command) : 0;

    if (r == 0) {
        sqlite3_reset(statement);
        reader->walk = *command;
        r = sqlite_bind_bytes(
            statement, 1, (struct rentbus_bytes){reader->walk.bytes, sizeof(reader->walk.bytes)});
        if (r == 0)
            r = archive_command_next(reader, command);
    }
    if (r == 1) {
        *first_seq = (uint64_t)sqlite3_column_int64(statement, 0);
        *last_seq = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    return r;
}

int archive_command_find(struct archive_reader *reader, struct rentbus_uuid command,
                         uint64_t *first_seq, uint64_t *last_seq)
{
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    if (reader->held)
        return archive_command_walk(reader, &command, first_seq, last_seq);
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

/* Visits what one segment has, and takes that from *limit. */
static int archive_mentions_in(struct archive_reader *reader, uint64_t segment, uint32_t key,
                               uint64_t from, size_t *limit, archive_mention_visitor *visit,
                               void *context)
{
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_MENTIONS];
    int row = 0;
    int r = archive_bind_mention(statement, 1, segment, key, from);

    if (r == 0)
        r = sqlite_bind_uint(statement, 4, archive_clamp(*limit));
    while (r == 0 && (row = sqlite_step(statement)) == 1) {
        --*limit;
        r = visit(context, (uint64_t)sqlite3_column_int64(statement, 0));
    }
    return archive_query_end(statement, r ? r : row);
}

int archive_mentions(struct archive_reader *reader, uint32_t key, uint64_t from, size_t limit,
                     uint64_t *seq, archive_mention_visitor *visit, void *context)
{
    uint64_t last = 0;
    int r = archive_snapshot(reader, &last);
    if (r)
        return r;

    *seq = last;
    for (uint64_t segment = from >> MENTION_SEGMENT_BITS;
         r == 0 && limit > 0 && segment <= last >> MENTION_SEGMENT_BITS; segment++)
        r = archive_mentions_in(reader, segment, key, from, &limit, visit, context);
    return archive_snapshot_end(reader, r);
}

/* A row as the table has it, which may be any. */
struct archive_mention {
    int64_t segment;
    int64_t key;
    int64_t seq;
};

static int archive_order(const struct archive_mention *mention, const struct mention_row *row)
{
    int64_t segment = (int64_t)(row->seq >> MENTION_SEGMENT_BITS);
    int64_t key = (int32_t)row->key;
    int64_t seq = (int64_t)row->seq;

    if (mention->segment != segment)
        return mention->segment < segment ? -1 : 1;
    if (mention->key != key)
        return mention->key < key ? -1 : 1;
    return (mention->seq > seq) - (mention->seq < seq);
}

/* One archive_compare_mentions(); rows before `next` are compared. */
struct archive_comparing {
    const struct mention_rows *rows;
    size_t next;
    bool differs;
    struct archive_mention_difference difference;
};

static void archive_note(struct archive_comparing *comparing, bool extra, uint64_t seq)
{
    if (!comparing->differs || seq < comparing->difference.seq)
        comparing->difference = (struct archive_mention_difference){extra, seq};
    comparing->differs = true;
}

/* Passes the rows that come before the mention (NULL: all), and the one that is like it. */
static void archive_compare_mention(struct archive_comparing *comparing,
                                    const struct archive_mention *mention)
{
    const struct mention_rows *rows = comparing->rows;
    int order = 1;

    while (comparing->next < rows->count) {
        const struct mention_row *row = &rows->items[comparing->next];
        order = mention ? archive_order(mention, row) : 1;
        if (order < 0)
            break;
        comparing->next++;
        if (order == 0)
            return;
        archive_note(comparing, false, row->seq);
    }
    if (mention)
        archive_note(comparing, true, (uint64_t)mention->seq);
}

int archive_compare_mentions(struct archive_reader *reader, int64_t from, int64_t to,
                             const struct mention_rows *rows, uint64_t head,
                             struct archive_mention_difference *difference)
{
    struct archive_comparing comparing = {.rows = rows};
    int row = 0;
    int r = archive_reader_refresh(reader);
    if (r)
        return r;

    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_SEGMENTS];
    r = archive_bind_int(statement, 1, from);
    if (r == 0)
        r = archive_bind_int(statement, 2, to);
    while (r == 0 && (row = sqlite_step(statement)) == 1) {
        struct archive_mention mention = {sqlite3_column_int64(statement, 0),
                                          sqlite3_column_int64(statement, 1),
                                          sqlite3_column_int64(statement, 2)};
        bool later = mention.seq > (int64_t)archive_clamp(head) &&
                     mention.seq >> MENTION_SEGMENT_BITS == mention.segment;
        if (!later)
            archive_compare_mention(&comparing, &mention);
    }
    r = archive_query_end(statement, r ? r : row);
    if (r)
        return r;
    archive_compare_mention(&comparing, NULL);
    if (comparing.differs)
        *difference = comparing.difference;
    return comparing.differs;
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
        counts->commands = (uint64_t)sqlite3_column_int64(statement, 1);
        counts->mentions = (uint64_t)sqlite3_column_int64(statement, 2);
        counts->tally_rows = (uint64_t)sqlite3_column_int64(statement, 3);
    }
    r = archive_query_end(statement, r);
    return r < 0 ? r : 0;
}
