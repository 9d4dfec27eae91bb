/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/committer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/archive/deadline.h"

#define RECOVERY_DELAY_MIN_MS 100
#define RECOVERY_DELAY_MAX_MS 2000

enum job { JOB_NONE, JOB_APPEND, JOB_RECOVER, JOB_TRIM };

struct committer {
    struct journal *journal;
    int notify_fd;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake;
    enum job job;
    bool sealed; /* the batch is */
    bool done;
    bool stopping;
    int status;
    struct batch *batch;
    uint64_t through;
    struct journal_trimmed trimmed;
};

static void notify(const struct committer *committer)
{
    uint64_t one = 1;
    ssize_t written = write(committer->notify_fd, &one, sizeof one);
    (void)written; /* only a full counter can refuse it, and then the reader is awake already */
}

/* Waits until `milliseconds` have passed or the committer is told to stop. Called with the mutex.
 */
static void pause_for(struct committer *committer, long milliseconds)
{
    struct timespec until = deadline_in(milliseconds);
    while (!committer->stopping &&
           pthread_cond_timedwait(&committer->wake, &committer->mutex, &until) == 0)
        continue;
}

/* Called with the mutex; lets go of it while the disk works. */
static int recover(struct committer *committer)
{
    long delay = RECOVERY_DELAY_MIN_MS;
    int status = -ECANCELED;
    while (!committer->stopping) {
        pause_for(committer, delay);
        if (committer->stopping)
            break;
        pthread_mutex_unlock(&committer->mutex);
        status = journal_recover(committer->journal);
        pthread_mutex_lock(&committer->mutex);
        if (status == 0)
            break;
        delay = 2 * delay < RECOVERY_DELAY_MAX_MS ? 2 * delay : RECOVERY_DELAY_MAX_MS;
    }
    return status;
}

static int append(struct committer *committer)
{
    pthread_mutex_unlock(&committer->mutex);
    struct batch *batch = committer->batch;
    struct journal_batch job = {batch->first_seq, batch->count, batch->entries, batch->events.data};
    batch_seal(batch, journal_head(committer->journal)->hash, batch->count);
    pthread_mutex_lock(&committer->mutex);
    committer->sealed = true;
    pthread_mutex_unlock(&committer->mutex);
    int status = journal_append(committer->journal, &job);
    pthread_mutex_lock(&committer->mutex);
    return status;
}

static int trim(struct committer *committer)
{
    pthread_mutex_unlock(&committer->mutex);
    int status = journal_trim(committer->journal, committer->through, &committer->trimmed);
    pthread_mutex_lock(&committer->mutex);
    return status;
}

static int (*const works[])(struct committer *) = {
    [JOB_APPEND] = append,
    [JOB_RECOVER] = recover,
    [JOB_TRIM] = trim,
};

static void *run(void *argument)
{
    struct committer *committer = argument;
    pthread_mutex_lock(&committer->mutex);
    for (;;) {
        while (committer->job == JOB_NONE && !committer->stopping)
            pthread_cond_wait(&committer->wake, &committer->mutex);
        if (committer->job == JOB_NONE)
            break;
        committer->status = works[committer->job](committer);
        committer->job = JOB_NONE;
        committer->done = true;
        /* Whoever wakes up finds the mutex free. */
        pthread_mutex_unlock(&committer->mutex);
        notify(committer);
        pthread_mutex_lock(&committer->mutex);
    }
    pthread_mutex_unlock(&committer->mutex);
    return NULL;
}

int committer_start(struct journal *journal, int notify_fd, struct committer **committer)
{
    struct committer *new = calloc(1, sizeof *new);
    if (!new) {
        journal_close(&journal);
        return -ENOMEM;
    }
    pthread_mutex_init(&new->mutex, NULL);
    deadline_condition_init(&new->wake);
    new->journal = journal;
    new->notify_fd = notify_fd;
    int status = -pthread_create(&new->thread, NULL, run, new);
    if (status) {
        journal_close(&new->journal);
        free(new);
        return status;
    }
    *committer = new;
    return 0;
}

void committer_stop(struct committer **committer)
{
    struct committer *old = *committer;
    if (!old)
        return;
    pthread_mutex_lock(&old->mutex);
    old->stopping = true;
    pthread_cond_signal(&old->wake);
    pthread_mutex_unlock(&old->mutex);
    pthread_join(old->thread, NULL);
    journal_close(&old->journal);
    pthread_cond_destroy(&old->wake);
    pthread_mutex_destroy(&old->mutex);
    free(old);
    *committer = NULL;
}

static void start_job(struct committer *committer, enum job job)
{
    pthread_mutex_lock(&committer->mutex);
    committer->job = job;
    committer->sealed = false;
    pthread_mutex_unlock(&committer->mutex);
    pthread_cond_signal(&committer->wake);
}

void committer_append(struct committer *committer, struct batch *batch)
{
    committer->batch = batch;
    start_job(committer, JOB_APPEND);
}

bool committer_sealed(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    bool sealed = committer->sealed;
    pthread_mutex_unlock(&committer->mutex);
    return sealed;
}

void committer_recover(struct committer *committer)
{
    start_job(committer, JOB_RECOVER);
}

void committer_trim(struct committer *committer, uint64_t through)
{
    committer->through = through;
    committer->trimmed = (struct journal_trimmed){0};
    start_job(committer, JOB_TRIM);
}

struct journal_trimmed committer_trimmed(const struct committer *committer)
{
    return committer->trimmed;
}

const struct journal_head *committer_base(const struct committer *committer)
{
    return journal_base(committer->journal);
}

bool committer_working(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    bool working = committer->job != JOB_NONE;
    pthread_mutex_unlock(&committer->mutex);
    return working;
}

bool committer_idle(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    bool idle = committer->job == JOB_NONE && !committer->done;
    pthread_mutex_unlock(&committer->mutex);
    return idle;
}

bool committer_poll(struct committer *committer, int *status)
{
    pthread_mutex_lock(&committer->mutex);
    bool done = committer->done;
    committer->done = false;
    if (done)
        *status = committer->status;
    pthread_mutex_unlock(&committer->mutex);
    return done;
}

const struct journal_head *committer_head(const struct committer *committer)
{
    return journal_head(committer->journal);
}
