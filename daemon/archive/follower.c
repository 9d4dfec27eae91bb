/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/follower.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/archive/deadline.h"

/* Events in one transaction: as many as there are, up to what takes some tens of megabytes. The
 * more there are the less each of them costs. */
#define FOLLOWER_EVENTS_MAX 65536
/* Between transactions, as long as it is not far behind, until nothing has come for
 * FOLLOWER_REST_MS but not for longer than FOLLOWER_PATIENCE_MS: whoever gives many commands has
 * the processors for himself meanwhile, and what is taken at once costs less. */
#define FOLLOWER_REST_MS 50
#define FOLLOWER_PATIENCE_MS 1000
/* After so long without an event what is left in the log is moved into the journal. */
#define FOLLOWER_IDLE_MS 5000
#define FOLLOWER_RETRY_MIN_MS 100
#define FOLLOWER_RETRY_MAX_MS 5000

struct archive_follower {
    char *journal_path;
    char *archive_path;
    char *ledger;
    int notify_fd;
    struct journal_reader *journal;
    struct archive *archive;

    pthread_t thread;
    pthread_mutex_t mutex; /* of the condition, and of changes to `stopping` and `woken` to true */
    pthread_cond_t condition;
    atomic_bool stopping;
    atomic_bool woken;
    atomic_uint_fast64_t seq;
    atomic_uint_fast64_t head;  /* of the journal, as told */
    atomic_uint_fast64_t bytes; /* told of and not taken yet */
    atomic_int error;
};

static void follower_release(struct archive_follower *follower)
{
    archive_close(&follower->archive);
    journal_reader_close(&follower->journal);
    pthread_cond_destroy(&follower->condition);
    pthread_mutex_destroy(&follower->mutex);
    free(follower->journal_path);
    free(follower->archive_path);
    free(follower->ledger);
    free(follower);
}

static void follower_notify(const struct archive_follower *follower)
{
    uint64_t one = 1;
    ssize_t written = write(follower->notify_fd, &one, sizeof(one));

    /* A full eventfd is readable, which is all that is wanted. */
    (void)written;
}

/* Opens what is not open. */
static int follower_connect(struct archive_follower *follower)
{
    int r = 0;

    if (!follower->journal)
        r = journal_reader_open(follower->journal_path, &follower->journal);
    if (r == 0 && !follower->archive) {
        r = archive_open(follower->archive_path, follower->ledger, follower->journal,
                         &follower->archive);
        if (r == 0)
            atomic_store(&follower->seq, archive_seq(follower->archive));
    }
    return r;
}

static void follower_disconnect(struct archive_follower *follower)
{
    archive_close(&follower->archive);
    journal_reader_close(&follower->journal);
}

/* Waits until stopped, for `milliseconds` at most, or until woken when that counts. Returns whether
 * the time ran out. */
static bool follower_wait(struct archive_follower *follower, long milliseconds, bool until_woken)
{
    struct timespec until = deadline_in(milliseconds);
    bool timed_out = false;

    pthread_mutex_lock(&follower->mutex);
    while (!timed_out && !atomic_load(&follower->stopping) &&
           !(until_woken && atomic_load(&follower->woken)))
        timed_out = pthread_cond_timedwait(&follower->condition, &follower->mutex, &until) != 0;
    pthread_mutex_unlock(&follower->mutex);
    return timed_out;
}

static bool follower_is_far_behind(struct archive_follower *follower)
{
    uint64_t head = atomic_load(&follower->head);
    uint64_t seq = atomic_load(&follower->seq);

    return (head > seq && head - seq > ARCHIVE_FOLLOWER_HURRY) ||
           atomic_load(&follower->bytes) > ARCHIVE_FOLLOWER_HURRY_BYTES;
}

/* One transaction. */
static int follower_take(struct archive_follower *follower, size_t *taken)
{
    uint64_t bytes = atomic_load(&follower->bytes);
    int r = archive_follow(follower->archive, follower->journal, FOLLOWER_EVENTS_MAX, taken);

    if (r)
        return r;
    atomic_store(&follower->error, 0);
    atomic_fetch_sub(&follower->bytes, bytes);
    if (*taken > 0) {
        atomic_store(&follower->seq, archive_seq(follower->archive));
        follower_notify(follower);
    }
    if (journal_reader_backlog(follower->journal) >= JOURNAL_BACKLOG_DUE)
        r = journal_checkpoint(follower->journal);
    return r ? r : archive_checkpoint(follower->archive);
}

static void follower_stand_back(struct archive_follower *follower)
{
    long left = FOLLOWER_PATIENCE_MS;
    uint64_t before;

    do {
        before = atomic_load(&follower->head);
        follower_wait(follower, FOLLOWER_REST_MS, false);
        left -= FOLLOWER_REST_MS;
    } while (left > 0 && atomic_load(&follower->head) != before &&
             !follower_is_far_behind(follower));
}

/* One time around: takes what there is, and waits for more. */
static int follower_round(struct archive_follower *follower)
{
    size_t taken = 0;
    int r = follower_connect(follower);

    atomic_store(&follower->woken, false);
    if (r == 0)
        r = follower_take(follower, &taken);
    bool more = taken >= FOLLOWER_EVENTS_MAX || follower_is_far_behind(follower);
    if (r || (taken > 0 && more))
        return r;
    if (taken > 0)
        follower_stand_back(follower);
    bool idle = follower_wait(follower, FOLLOWER_IDLE_MS, true);
    if (idle && journal_reader_backlog(follower->journal) > 0)
        r = journal_checkpoint(follower->journal);
    return r;
}

static void *follower_run(void *context)
{
    struct archive_follower *follower = context;
    long retry = FOLLOWER_RETRY_MIN_MS;

    while (!atomic_load(&follower->stopping)) {
        int r = follower_round(follower);
        if (r == 0) {
            retry = FOLLOWER_RETRY_MIN_MS;
            continue;
        }
        follower_disconnect(follower);
        atomic_store(&follower->error, r);
        follower_notify(follower);
        follower_wait(follower, retry, false);
        retry = retry * 2 < FOLLOWER_RETRY_MAX_MS ? retry * 2 : FOLLOWER_RETRY_MAX_MS;
    }
    return NULL;
}

static int follower_init(struct archive_follower *follower)
{
    bool copied = follower->journal_path && follower->archive_path && follower->ledger;

    pthread_mutex_init(&follower->mutex, NULL);
    deadline_condition_init(&follower->condition);
    return copied ? follower_connect(follower) : -ENOMEM;
}

/* Signals are for the thread of the server. */
static int follower_spawn(struct archive_follower *follower)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&follower->thread, NULL, follower_run, follower);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

int archive_follower_start(const char *journal_path, const char *archive_path, const char *ledger,
                           int notify_fd, struct archive_follower **follower)
{
    struct archive_follower *started = calloc(1, sizeof(*started));
    if (!started)
        return -ENOMEM;

    started->journal_path = strdup(journal_path);
    started->archive_path = strdup(archive_path);
    started->ledger = strdup(ledger);
    started->notify_fd = notify_fd;
    int r = follower_init(started);
    if (r == 0)
        r = follower_spawn(started);
    if (r) {
        follower_release(started);
        return r;
    }
    *follower = started;
    return 0;
}

static void follower_signal(struct archive_follower *follower, atomic_bool *flag)
{
    pthread_mutex_lock(&follower->mutex);
    atomic_store(flag, true);
    pthread_cond_signal(&follower->condition);
    pthread_mutex_unlock(&follower->mutex);
}

void archive_follower_wake(struct archive_follower *follower, uint64_t head, size_t bytes)
{
    atomic_store(&follower->head, head);
    atomic_fetch_add(&follower->bytes, bytes);
    /* Already woken and not yet looking: it will see what has come. */
    if (!atomic_load(&follower->woken))
        follower_signal(follower, &follower->woken);
}

uint64_t archive_follower_seq(struct archive_follower *follower)
{
    return atomic_load(&follower->seq);
}

int archive_follower_error(struct archive_follower *follower)
{
    return atomic_load(&follower->error);
}

void archive_follower_stop(struct archive_follower **follower)
{
    if (!*follower)
        return;
    follower_signal(*follower, &(*follower)->stopping);
    pthread_join((*follower)->thread, NULL);
    follower_release(*follower);
    *follower = NULL;
}
