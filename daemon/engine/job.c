/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/job.h"

#include <stdint.h>
#include <unistd.h>

static void *run(void *argument)
{
    struct job *job = argument;
    uint64_t one = 1;
    job->work(job->context);
    atomic_store(&job->done, true);
    ssize_t written = write(job->notify_fd, &one, sizeof one);
    (void)written; /* only a full counter can refuse it, and then the reader is awake already */
    return NULL;
}

int job_start(struct job *job, int notify_fd, void (*work)(void *context), void *context)
{
    atomic_store(&job->done, false);
    atomic_store(&job->cancelled, false);
    job->notify_fd = notify_fd;
    job->work = work;
    job->context = context;
    int error = pthread_create(&job->thread, NULL, run, job);
    job->running = error == 0;
    return -error;
}

bool job_take(struct job *job)
{
    if (!job->running || !atomic_load(&job->done))
        return false;
    pthread_join(job->thread, NULL);
    job->running = false;
    return true;
}

void job_stop(struct job *job)
{
    if (!job->running)
        return;
    atomic_store(&job->cancelled, true);
    pthread_join(job->thread, NULL);
    job->running = false;
}

bool job_cancelled(struct job *job)
{
    return atomic_load_explicit(&job->cancelled, memory_order_relaxed);
}
