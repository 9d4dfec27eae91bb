/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/cursors.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal/meta.h"

#define CURSORS_KIND "cursors"
#define CURSORS_FORMAT 1

/* `traces` are pairs of 8-byte little-endian numbers: seq and attempts. */
#define CURSORS_TABLES                                                                             \
    "CREATE TABLE consumer(id TEXT PRIMARY KEY, generation INTEGER NOT NULL, "                     \
    "at INTEGER NOT NULL, cursor INTEGER NOT NULL, traces BLOB NOT NULL) WITHOUT ROWID;"

#define TRACE_SIZE 16

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_PUT,
    STATEMENT_REMOVE,
    STATEMENTS,
};

static const char *const statement_sql[STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_PUT] = "INSERT OR REPLACE INTO consumer(id, generation, at, cursor, traces) "
                      "VALUES(?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_REMOVE] = "DELETE FROM consumer WHERE id = ?1",
};

/* A row to save stands in the buffer as this, its id and its traces. */
struct entry {
    bool removes;
    uint32_t id_length;
    uint64_t generation;
    uint64_t at;
    uint64_t cursor;
    uint64_t traces_length;
};

struct cursors {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    struct rentbus_buffer entries; /* of the thread while it saves; kept when that fails */
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t condition;
    bool started;
    bool saving;
    bool stopping;
    int error;
};

/* ---- the file ---- */

static int create(sqlite3 *db, const struct meta_identity *identity)
{
    int r = sqlite_use_wal(db);

    if (r == 0)
        r = sqlite_execute(db, "BEGIN IMMEDIATE");
    if (r == 0)
        r = meta_create(db, identity);
    if (r == 0)
        r = sqlite_execute(db, CURSORS_TABLES "COMMIT");
    return r;
}

static void disconnect(struct cursors *cursors)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite_finalize(&cursors->statements[i]);
    sqlite_close(&cursors->db);
}

/* -EBADMSG when the file is none of ours. A commit does not wait for the disk: see the header. */
static int connect_file(struct cursors *cursors, const char *path, const char *ledger)
{
    struct meta_identity identity = {CURSORS_KIND, CURSORS_FORMAT, ledger};
    enum meta_verdict verdict;
    int r = sqlite_open(path, true, &cursors->db);

    if (r == 0)
        r = meta_judge(cursors->db, &identity, &verdict);
    if (r == 0 && verdict == META_EMPTY)
        r = create(cursors->db, &identity);
    else if (r == 0 && verdict != META_OURS)
        r = -EBADMSG;
    if (r == 0)
        r = sqlite_use_wal(cursors->db);
    if (r == 0)
        r = sqlite_execute(cursors->db, "PRAGMA synchronous = NORMAL");
    for (size_t i = 0; r == 0 && i < STATEMENTS; i++)
        r = sqlite_prepare(cursors->db, statement_sql[i], &cursors->statements[i]);
    if (r)
        disconnect(cursors);
    return r;
}

/* ---- saving ---- */

static int save_entry(struct cursors *cursors, const struct entry *entry, const uint8_t *id)
{
    sqlite3_stmt *statement =
        cursors->statements[entry->removes ? STATEMENT_REMOVE : STATEMENT_PUT];
    struct rentbus_bytes traces = {id + entry->id_length, entry->traces_length};
    int r =
        sqlite_bind_text(statement, 1, (struct rentbus_text){(const char *)id, entry->id_length});

    if (r == 0 && !entry->removes)
        r = sqlite_bind_uint(statement, 2, entry->generation);
    if (r == 0 && !entry->removes)
        r = sqlite_bind_uint(statement, 3, entry->at);
    if (r == 0 && !entry->removes)
        r = sqlite_bind_uint(statement, 4, entry->cursor);
    if (r == 0 && !entry->removes)
        r = sqlite_bind_bytes(statement, 5, traces);
    return r ? r : sqlite_run(statement);
}

static int save_entries(struct cursors *cursors)
{
    const uint8_t *at = cursors->entries.data;
    const uint8_t *end = at + cursors->entries.length;
    int r = sqlite_run(cursors->statements[STATEMENT_BEGIN]);

    while (r == 0 && at < end) {
        struct entry entry;
        memcpy(&entry, at, sizeof(entry));
        at += sizeof(entry);
        r = save_entry(cursors, &entry, at);
        at += entry.id_length + entry.traces_length;
    }
    if (r == 0)
        r = sqlite_run(cursors->statements[STATEMENT_COMMIT]);
    if (r)
        sqlite_rollback(cursors->db);
    return r;
}

static void *run(void *argument)
{
    struct cursors *cursors = argument;

    pthread_mutex_lock(&cursors->mutex);
    while (!cursors->stopping || cursors->saving) {
        if (!cursors->saving) {
            pthread_cond_wait(&cursors->condition, &cursors->mutex);
            continue;
        }
        pthread_mutex_unlock(&cursors->mutex);
        int r = save_entries(cursors);
        if (r == 0)
            rentbus_buffer_clear(&cursors->entries);
        pthread_mutex_lock(&cursors->mutex);
        cursors->error = r;
        cursors->saving = false;
    }
    pthread_mutex_unlock(&cursors->mutex);
    return NULL;
}

/* Signals are for the thread that waits for them. */
static int start(struct cursors *cursors)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int r = pthread_create(&cursors->thread, NULL, run, cursors);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    cursors->started = r == 0;
    return -r;
}

int cursors_open(const char *path, const char *ledger, struct cursors **cursors)
{
    struct cursors *opened = calloc(1, sizeof(*opened));

    if (!opened)
        return -ENOMEM;
    pthread_mutex_init(&opened->mutex, NULL);
    pthread_cond_init(&opened->condition, NULL);
    int r = connect_file(opened, path, ledger);
    if (r == -EBADMSG) {
        r = sqlite_remove(path);
        if (r == 0)
            r = connect_file(opened, path, ledger);
    }
    if (r == 0)
        r = start(opened);
    if (r)
        cursors_close(&opened);
    else
        *cursors = opened;
    return r;
}

void cursors_close(struct cursors **cursors)
{
    struct cursors *old = *cursors;

    if (!old)
        return;
    if (old->started) {
        pthread_mutex_lock(&old->mutex);
        old->stopping = true;
        pthread_cond_signal(&old->condition);
        pthread_mutex_unlock(&old->mutex);
        pthread_join(old->thread, NULL);
    }
    disconnect(old);
    pthread_cond_destroy(&old->condition);
    pthread_mutex_destroy(&old->mutex);
    rentbus_buffer_release(&old->entries);
    free(old);
    *cursors = NULL;
}

bool cursors_idle(struct cursors *cursors)
{
    pthread_mutex_lock(&cursors->mutex);
    bool idle = !cursors->saving;
    pthread_mutex_unlock(&cursors->mutex);
    return idle;
}

int cursors_error(struct cursors *cursors)
{
    pthread_mutex_lock(&cursors->mutex);
    int error = cursors->error;
    pthread_mutex_unlock(&cursors->mutex);
    return error;
}

void cursors_save(struct cursors *cursors)
{
    pthread_mutex_lock(&cursors->mutex);
    cursors->saving = cursors->entries.length > 0;
    pthread_cond_signal(&cursors->condition);
    pthread_mutex_unlock(&cursors->mutex);
}

/* ---- rows ---- */

static void put_number(uint8_t *out, uint64_t number)
{
    for (size_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> 8 * i);
}

static uint64_t get_number(const uint8_t *in)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 8; i++)
        number |= (uint64_t)in[i] << 8 * i;
    return number;
}

static int put_entry(struct cursors *cursors, const struct entry *entry,
                     const struct cursors_row *row)
{
    struct rentbus_buffer *out = &cursors->entries;
    size_t before = out->length;

    rentbus_buffer_append(out, entry, sizeof(*entry));
    rentbus_buffer_append(out, row->id.data, row->id.length);
    uint8_t *traces = rentbus_buffer_reserve(out, entry->traces_length + 1);
    if (!traces) {
        out->length = before;
        out->failed = false;
        return -ENOMEM;
    }
    for (size_t i = 0; i < row->count; i++) {
        put_number(traces + i * TRACE_SIZE, row->traces[i].seq);
        put_number(traces + i * TRACE_SIZE + 8, row->traces[i].attempts);
    }
    out->length += entry->traces_length;
    return 0;
}

int cursors_put(struct cursors *cursors, const struct cursors_row *row)
{
    struct entry entry = {
        .id_length = (uint32_t)row->id.length,
        .generation = row->generation,
        .at = row->at,
        .cursor = row->cursor,
        .traces_length = row->count * TRACE_SIZE,
    };

    return put_entry(cursors, &entry, row);
}

int cursors_remove(struct cursors *cursors, struct rentbus_text id)
{
    struct entry entry = {.removes = true, .id_length = (uint32_t)id.length};
    struct cursors_row row = {.id = id};

    return put_entry(cursors, &entry, &row);
}

static int visit_row(sqlite3_stmt *select, cursors_visitor *visit, void *context)
{
    struct rentbus_bytes id = sqlite_column_bytes(select, 0);
    struct rentbus_bytes bytes = sqlite_column_bytes(select, 4);
    size_t count = bytes.length / TRACE_SIZE;
    struct consumer_trace *traces = calloc(count + 1, sizeof(*traces));

    if (!traces)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        traces[i].seq = get_number(bytes.data + i * TRACE_SIZE);
        traces[i].attempts = (uint32_t)get_number(bytes.data + i * TRACE_SIZE + 8);
    }
    struct cursors_row row = {
        .id = {(const char *)id.data, id.length},
        .generation = (uint64_t)sqlite3_column_int64(select, 1),
        .at = (uint64_t)sqlite3_column_int64(select, 2),
        .cursor = (uint64_t)sqlite3_column_int64(select, 3),
        .traces = traces,
        .count = count,
    };
    bool good = id.length >= 1 && id.length <= RENTBUS_ID_MAX;
    int r = good ? visit(context, &row) : -EBADMSG;
    free(traces);
    return r;
}

int cursors_load(struct cursors *cursors, cursors_visitor *visit, void *context)
{
    sqlite3_stmt *select = NULL;
    int r = sqlite_prepare(cursors->db, "SELECT id, generation, at, cursor, traces FROM consumer",
                           &select);

    if (r)
        return r;
    while ((r = sqlite_step(select)) == 1) {
        r = visit_row(select, visit, context);
        if (r)
            break;
    }
    sqlite_finalize(&select);
    return r;
}
