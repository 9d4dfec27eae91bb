/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/bare_ledger.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/journal/block.h"
#include "daemon/journal/sqlite.h"
#include "sdk/protocol/buffer.h"
#include "tests/bench/load.h"

#define ROW_REQUESTS (JOURNAL_BLOCK_EVENTS / BARE_LEDGER_RECORDS)
#define REQUEST_MAX 65536
#define REPLY_MAX 4096
#define HWM 100000

/* What is committed together, and who waits for it. */
struct lot {
    size_t count; /* of requests */
    zmq_msg_t clients[BARE_LEDGER_IN_FLIGHT_MAX];
    struct rentbus_buffer bytes;
};

/* A thread that works when it is told to. */
struct worker {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool told;
    bool working;
    bool stopping;
};

struct bare_ledger {
    struct bare_ledger_settings settings;
    void *context;
    pthread_t server;
    int event_fd;
    uint8_t hash[BARE_LEDGER_HASH_SIZE];
    struct lot lots[2];
    struct lot *filling;
    struct lot *committing;
    bool busy; /* committing */

    struct worker committer;
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *insert;
    sqlite3_stmt *commit;
    uint64_t records; /* that were inserted */

    struct worker follower;
    atomic_bool following;
    sqlite3 *reader;
    sqlite3_stmt *rows;
    uint64_t read;                  /* records */
    size_t unmoved;                 /* bytes read since the log was moved */
    struct journal_reader *journal; /* to move it */
};

static void check(int status, const char *what)
{
    if (status < 0)
        load_fail("bare ledger: cannot %s: %s", what, strerror(-status));
}

/* ---- threads ---- */

static void worker_start(struct worker *worker, void *(*run)(void *), void *argument)
{
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->changed, NULL);
    check(-pthread_create(&worker->thread, NULL, run, argument), "start a thread");
}

static void worker_tell(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->told = true;
    pthread_mutex_unlock(&worker->mutex);
    pthread_cond_broadcast(&worker->changed);
}

/* False when it is to end. */
static bool worker_wait(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->working = false;
    pthread_cond_broadcast(&worker->changed);
    while (!worker->told && !worker->stopping)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    worker->working = worker->told;
    worker->told = false;
    bool working = worker->working;
    pthread_mutex_unlock(&worker->mutex);
    return working;
}

/* Until it has done what it was told. */
static void worker_rest(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    while (worker->told || worker->working)
        pthread_cond_wait(&worker->changed, &worker->mutex);
    pthread_mutex_unlock(&worker->mutex);
}

static void worker_stop(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_mutex_unlock(&worker->mutex);
    pthread_cond_broadcast(&worker->changed);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
}

/* ---- the file ---- */

static void make_file(const char *path)
{
    struct journal *journal = NULL;
    struct rentbus_fault fault;
    if (journal_open(path, "bare", &journal, &fault))
        load_fail("bare ledger: cannot make %s", path);
    journal_close(&journal);
}

static void connect_file(const char *path, sqlite3 **db)
{
    check(sqlite_open(path, false, db), "open its file");
    check(sqlite_execute(*db, BLOCK_SETTINGS), "set its log");
}

static void open_file(struct bare_ledger *ledger)
{
    const char *path = ledger->settings.path;
    make_file(path);
    connect_file(path, &ledger->db);
    check(sqlite_prepare(ledger->db, "BEGIN IMMEDIATE", &ledger->begin), "begin");
    check(sqlite_prepare(ledger->db, "INSERT INTO block VALUES(?1, ?2, 0, 0, ?3)", &ledger->insert),
          "insert");
    check(sqlite_prepare(ledger->db, "COMMIT", &ledger->commit), "commit");
    connect_file(path, &ledger->reader);
    check(sqlite_prepare(ledger->reader,
                         "SELECT count, events FROM block WHERE first_seq > ?1 ORDER BY first_seq",
                         &ledger->rows),
          "select");
    check(journal_reader_open(path, &ledger->journal), "open its log");
}

static void close_file(struct bare_ledger *ledger)
{
    sqlite_finalize(&ledger->begin);
    sqlite_finalize(&ledger->insert);
    sqlite_finalize(&ledger->commit);
    sqlite_finalize(&ledger->rows);
    journal_reader_close(&ledger->journal);
    sqlite_close(&ledger->db);
    sqlite_close(&ledger->reader);
}

static void insert(struct bare_ledger *ledger, struct rentbus_bytes row, size_t requests)
{
    size_t count = requests * BARE_LEDGER_RECORDS;
    check(sqlite_bind_uint(ledger->insert, 1, ledger->records + 1), "bind");
    check(sqlite_bind_uint(ledger->insert, 2, count), "bind");
    check(sqlite_bind_bytes(ledger->insert, 3, row), "bind");
    check(sqlite_run(ledger->insert), "insert");
    ledger->records += count;
}

/* As the journal does it: a single row is a transaction by itself. */
static void write_lot(struct bare_ledger *ledger, const struct lot *lot)
{
    size_t size = lot->bytes.length / lot->count;
    bool single = lot->count <= ROW_REQUESTS;
    if (!single)
        check(sqlite_run(ledger->begin), "begin");
    for (size_t from = 0; from < lot->count; from += ROW_REQUESTS) {
        size_t left = lot->count - from;
        size_t requests = left < ROW_REQUESTS ? left : ROW_REQUESTS;
        insert(ledger, (struct rentbus_bytes){lot->bytes.data + from * size, requests * size},
               requests);
    }
    if (!single)
        check(sqlite_run(ledger->commit), "commit");
}

static void *commit_run(void *argument)
{
    struct bare_ledger *ledger = argument;
    while (worker_wait(&ledger->committer)) {
        uint64_t one = 1;
        write_lot(ledger, ledger->committing);
        if (write(ledger->event_fd, &one, sizeof one) != sizeof one)
            load_fail("bare ledger: cannot tell of a commit");
        if (ledger->following)
            worker_tell(&ledger->follower);
    }
    return NULL;
}

static void move_log(struct bare_ledger *ledger)
{
    check(journal_checkpoint(ledger->journal), "move its log");
    ledger->unmoved = 0;
}

static void *follow_run(void *argument)
{
    struct bare_ledger *ledger = argument;
    while (worker_wait(&ledger->follower)) {
        int status;
        check(sqlite_bind_uint(ledger->rows, 1, ledger->read), "bind");
        while ((status = sqlite_step(ledger->rows)) > 0) {
            struct rentbus_bytes row = sqlite_column_bytes(ledger->rows, 1);
            ledger->read += (uint64_t)sqlite3_column_int64(ledger->rows, 0);
            ledger->unmoved += row.length;
        }
        sqlite3_reset(ledger->rows);
        check(status, "read its rows");
        if (ledger->unmoved >= JOURNAL_BACKLOG_DUE)
            move_log(ledger);
    }
    return NULL;
}

/* ---- requests ---- */

static void append_record(struct bare_ledger *ledger, size_t size)
{
    size_t body = size - BARE_LEDGER_HASH_SIZE;
    crypto_generichash_state state;
    uint8_t *record = rentbus_buffer_reserve(&ledger->filling->bytes, size);
    if (!record)
        load_fail("out of memory");
    memset(record, 'x', body);
    crypto_generichash_init(&state, NULL, 0, BARE_LEDGER_HASH_SIZE);
    crypto_generichash_update(&state, ledger->hash, BARE_LEDGER_HASH_SIZE);
    crypto_generichash_update(&state, record, body);
    crypto_generichash_final(&state, ledger->hash, BARE_LEDGER_HASH_SIZE);
    memcpy(record + body, ledger->hash, BARE_LEDGER_HASH_SIZE);
    ledger->filling->bytes.length += size;
}

static void receive(struct bare_ledger *ledger, void *socket)
{
    static char request[REQUEST_MAX];
    struct lot *lot = ledger->filling;
    while (lot->count < BARE_LEDGER_IN_FLIGHT_MAX) {
        zmq_msg_t *client = &lot->clients[lot->count];
        zmq_msg_init(client);
        if (zmq_msg_recv(client, socket, ZMQ_DONTWAIT) < 0)
            return;
        zmq_recv(socket, request, sizeof request, 0);
        for (size_t i = 0; i < BARE_LEDGER_RECORDS; i++)
            append_record(ledger, ledger->settings.records[i]);
        lot->count++;
    }
}

static void answer(struct bare_ledger *ledger, void *socket)
{
    static char reply[REPLY_MAX];
    struct lot *lot = ledger->committing;
    uint64_t commits;
    if (read(ledger->event_fd, &commits, sizeof commits) != sizeof commits)
        load_fail("bare ledger: cannot hear of a commit");
    for (size_t i = 0; i < lot->count; i++) {
        zmq_msg_send(&lot->clients[i], socket, ZMQ_SNDMORE);
        zmq_send(socket, reply, ledger->settings.reply_size, 0);
    }
    lot->count = 0;
    rentbus_buffer_clear(&lot->bytes);
    ledger->busy = false;
}

/* All that came while the last lot was committed. */
static void commit(struct bare_ledger *ledger)
{
    if (ledger->busy || ledger->filling->count == 0)
        return;
    struct lot *lot = ledger->filling;
    ledger->filling = ledger->committing;
    ledger->committing = lot;
    ledger->busy = true;
    worker_tell(&ledger->committer);
}

static void *serve(void *argument)
{
    struct bare_ledger *ledger = argument;
    int hwm = HWM;
    void *socket = zmq_socket(ledger->context, ZMQ_ROUTER);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (zmq_bind(socket, ledger->settings.endpoint))
        load_fail("cannot bind %s", ledger->settings.endpoint);
    zmq_pollitem_t items[] = {
        {.socket = socket, .events = ZMQ_POLLIN},
        {.fd = ledger->event_fd, .events = ZMQ_POLLIN},
    };
    while (zmq_poll(items, 2, -1) >= 0) {
        if (items[0].revents)
            receive(ledger, socket);
        if (items[1].revents)
            answer(ledger, socket);
        commit(ledger);
    }
    zmq_close(socket);
    return NULL;
}

/* ---- all of it ---- */

struct bare_ledger *bare_ledger_start(const struct bare_ledger_settings *settings)
{
    struct bare_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger || settings->reply_size > REPLY_MAX || sodium_init() < 0)
        load_fail("bare ledger: cannot begin");
    for (size_t i = 0; i < BARE_LEDGER_RECORDS; i++)
        if (settings->records[i] <= BARE_LEDGER_HASH_SIZE || settings->records[i] > REPLY_MAX)
            load_fail("bare ledger: a record of %zu bytes", settings->records[i]);
    ledger->settings = *settings;
    ledger->filling = &ledger->lots[0];
    ledger->committing = &ledger->lots[1];
    ledger->context = zmq_ctx_new();
    ledger->event_fd = eventfd(0, EFD_CLOEXEC);
    open_file(ledger);
    worker_start(&ledger->committer, commit_run, ledger);
    worker_start(&ledger->follower, follow_run, ledger);
    check(-pthread_create(&ledger->server, NULL, serve, ledger), "start a thread");
    return ledger;
}

void bare_ledger_stop(struct bare_ledger *ledger)
{
    zmq_ctx_shutdown(ledger->context);
    pthread_join(ledger->server, NULL);
    zmq_ctx_term(ledger->context);
    worker_stop(&ledger->committer);
    worker_stop(&ledger->follower);
    close_file(ledger);
    close(ledger->event_fd);
    for (size_t i = 0; i < 2; i++)
        rentbus_buffer_release(&ledger->lots[i].bytes);
    free(ledger);
}

void bare_ledger_follow(struct bare_ledger *ledger, bool follow)
{
    worker_rest(&ledger->committer);
    ledger->read = ledger->records;
    ledger->following = follow;
}

void bare_ledger_settle(struct bare_ledger *ledger)
{
    worker_rest(&ledger->committer);
    worker_rest(&ledger->follower);
    move_log(ledger);
}
