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

/* `state` are 8-byte little-endian numbers: a checksum of the rest and of the id, generation, at,
 * seen, and for each trace its seq and its attempts, with a bit if somebody asked for it. */
#define CURSORS_TABLES                                                                             \
    "CREATE TABLE consumer(id TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"

#define HEAD_SIZE 32
#define TRACE_SIZE 16
#define TRACE_ASKED (UINT64_C(1) << 32)

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
    [STATEMENT_PUT] = "INSERT OR REPLACE INTO consumer(id, state) VALUES(?1, ?2)",
    [STATEMENT_REMOVE] = "DELETE FROM consumer WHERE id = ?1",
};

/* A row to save stands in the buffer as this, its id and its state, which is empty when the row is
 * to be removed. */
struct entry {
    size_t id_length;
    size_t state_length;
};

struct cursors {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    struct rentbus_buffer entries; /* of the thread while it saves */
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

/* FNV-1a, of the id and of what stands behind the checksum itself. */
static uint64_t checksum(struct rentbus_text id, const uint8_t *state, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < id.length; i++)
        hash = (hash ^ (uint8_t)id.data[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 8; i < length; i++)
        hash = (hash ^ state[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* A row that is not sound is passed over: its consumer begins where it was created or reset last.
 */
static int visit_row(sqlite3_stmt *select, cursors_visitor *visit, void *context)
{
    struct rentbus_bytes bytes = sqlite_column_bytes(select, 0);
    struct rentbus_bytes state = sqlite_column_bytes(select, 1);
    struct rentbus_text id = {(const char *)bytes.data, bytes.length};
    bool sound = id.length >= 1 && id.length <= RENTBUS_ID_MAX && state.length >= HEAD_SIZE &&
                 (state.length - HEAD_SIZE) % TRACE_SIZE == 0 &&
                 get_number(state.data) == checksum(id, state.data, state.length);
    size_t count = sound ? (state.length - HEAD_SIZE) / TRACE_SIZE : 0;
    struct consumer_trace *traces = calloc(count + 1, sizeof(*traces));

    if (!traces)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *trace = state.data + HEAD_SIZE + i * TRACE_SIZE;
        uint64_t attempts = get_number(trace + 8);
        traces[i] =
            (struct consumer_trace){get_number(trace), (uint32_t)attempts, attempts & TRACE_ASKED};
    }
    int r = 0;
    if (sound) {
        struct cursors_row row = {id,
                                  get_number(state.data + 8),
                                  get_number(state.data + 16),
                                  get_number(state.data + 24),
                                  traces,
                                  count};
        r = visit(context, &row);
    }
    free(traces);
    return r;
}

static int load(struct cursors *cursors, cursors_visitor *visit, void *context)
{
    sqlite3_stmt *select = NULL;
    int r = sqlite_prepare(cursors->db, "SELECT id, state FROM consumer", &select);

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

/* ---- saving ---- */

static int save_entry(struct cursors *cursors, const struct entry *entry, const uint8_t *id)
{
    struct rentbus_bytes state = {id + entry->id_length, entry->state_length};
    struct rentbus_text text = {(const char *)id, entry->id_length};
    sqlite3_stmt *statement = cursors->statements[state.length ? STATEMENT_PUT : STATEMENT_REMOVE];
    int r = sqlite_bind_text(statement, 1, text);

    if (r == 0 && state.length)
        r = sqlite_bind_bytes(statement, 2, state);
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
        at += entry.id_length + entry.state_length;
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
        rentbus_buffer_clear(&cursors->entries);
        pthread_mutex_lock(&cursors->mutex);
        cursors->error = r;
        cursors->saving = false;
        pthread_cond_broadcast(&cursors->condition);
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

int cursors_open(const char *path, const char *ledger, cursors_visitor *visit, void *context,
                 struct cursors **cursors)
{
    struct cursors *opened = calloc(1, sizeof(*opened));

    if (!opened)
        return -ENOMEM;
    pthread_mutex_init(&opened->mutex, NULL);
    pthread_cond_init(&opened->condition, NULL);
    int r = connect_file(opened, path, ledger);
    if (r == 0)
        r = load(opened, visit, context);
    if (r == -EBADMSG) {
        disconnect(opened);
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
        pthread_cond_broadcast(&old->condition);
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

void cursors_save(struct cursors *cursors)
{
    pthread_mutex_lock(&cursors->mutex);
    cursors->error = 0;
    cursors->saving = cursors->entries.length > 0;
    pthread_cond_broadcast(&cursors->condition);
    pthread_mutex_unlock(&cursors->mutex);
}

int cursors_finish(struct cursors *cursors)
{
    pthread_mutex_lock(&cursors->mutex);
    while (cursors->saving)
        pthread_cond_wait(&cursors->condition, &cursors->mutex);
    int error = cursors->error;
    pthread_mutex_unlock(&cursors->mutex);
    return error;
}

/* ---- what is to be saved ---- */

static void write_state(uint8_t *state, size_t length, const struct cursors_row *row)
{
    uint8_t *traces = state + HEAD_SIZE;

    put_number(state + 8, row->generation);
    put_number(state + 16, row->at);
    put_number(state + 24, row->seen);
    for (size_t i = 0; i < row->count; i++) {
        const struct consumer_trace *trace = &row->traces[i];
        put_number(traces + i * TRACE_SIZE, trace->seq);
        put_number(traces + i * TRACE_SIZE + 8, trace->attempts | (trace->asked ? TRACE_ASKED : 0));
    }
    put_number(state, checksum(row->id, state, length));
}

/* `row` NULL: the row goes. */
static int put_entry(struct cursors *cursors, struct rentbus_text id, const struct cursors_row *row)
{
    struct entry entry = {id.length, row ? HEAD_SIZE + row->count * TRACE_SIZE : 0};
    struct rentbus_buffer *out = &cursors->entries;
    size_t before = out->length;

    rentbus_buffer_append(out, &entry, sizeof(entry));
    rentbus_buffer_append(out, id.data, id.length);
    uint8_t *state = rentbus_buffer_reserve(out, entry.state_length + 1);
    if (!state) {
        out->length = before;
        out->failed = false;
        return -ENOMEM;
    }
    if (row)
        write_state(state, entry.state_length, row);
    out->length += entry.state_length;
    return 0;
}

int cursors_put(struct cursors *cursors, const struct cursors_row *row)
{
    return put_entry(cursors, row->id, row);
}

int cursors_remove(struct cursors *cursors, struct rentbus_text id)
{
    return put_entry(cursors, id, NULL);
}
