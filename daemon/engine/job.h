/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A piece of work in a thread of its own. What it works on belongs to the thread from job_start()
 * to the job_take() that says true, or to the end of job_stop(); no lock is needed, and nobody
 * waits for one. The functions are for the one thread that starts jobs, job_cancelled() for the
 * work.
 */
#ifndef RENTBUS_ENGINE_JOB_H
#define RENTBUS_ENGINE_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Zeroed at first. */
struct job {
    pthread_t thread;
    bool running; /* started, and not taken */
    atomic_bool done;
    atomic_bool cancelled;
    int notify_fd;
    void (*work)(void *context);
    void *context;
};

/* Starts the work; only when none is running. `notify_fd` is an eventfd, written to at its end. 0,
 * or -errno, and then nothing runs. */
int job_start(struct job *job, int notify_fd, void (*work)(void *context), void *context)
    __attribute__((warn_unused_result));
/* Whether the work has ended since it was started or taken last. */
bool job_take(struct job *job);
/* Cancels what is running, and waits for it. */
void job_stop(struct job *job);
/* To be asked by the work often enough that nobody who stops it waits for long. */
bool job_cancelled(struct job *job);

#endif
