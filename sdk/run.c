/* SPDX-License-Identifier: MPL-2.0 */
/* Workers in threads of their own, that call a handler. */
#include "sdk/clock.h"
#include "sdk/protocol/text.h"
#include "sdk/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 256

/* ---- stopping ---- */

/* What rentbus_worker_stop() touches, which may run in a signal handler: nothing else is shared. */
static atomic_bool stop_wanted;
static atomic_int stop_bell = -1; /* readable while a stop is wanted; once open, open for ever */
static pthread_mutex_t runs_mutex = PTHREAD_MUTEX_INITIALIZER;
static int runs;

static void bell_ring(int bell)
{
    int saved = errno;
    if (bell >= 0)
        (void)!eventfd_write(bell, 1);
    errno = saved;
}

void rentbus_worker_stop(void)
{
    atomic_store(&stop_wanted, true);
    bell_ring(atomic_load(&stop_bell));
}

/* One more run. What was wanted before there was a bell is rung now. */
static int runs_enter(void)
{
    int error = 0;
    pthread_mutex_lock(&runs_mutex);
    if (atomic_load(&stop_bell) < 0) {
        int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        error = bell < 0 ? -errno : 0;
        atomic_store(&stop_bell, bell);
    }
    runs += error == 0;
    pthread_mutex_unlock(&runs_mutex);
    if (!error && atomic_load(&stop_wanted))
        bell_ring(atomic_load(&stop_bell));
    return error;
}

/* A stop is for the runs that there are: the last of them takes it away, if it ended by that. */
static void runs_leave(bool stopped)
{
    eventfd_t rings;
    pthread_mutex_lock(&runs_mutex);
    if (--runs == 0 && stopped) {
        atomic_store(&stop_wanted, false);
        (void)!eventfd_read(atomic_load(&stop_bell), &rings);
    }
    pthread_mutex_unlock(&runs_mutex);
}

/* ---- one thread ---- */

struct run {
    rentbus_handler *handler;
    void *context;
    atomic_bool failed; /* the others end, too */
    int bell;           /* rung then */
};

struct run_thread {
    struct run *run;
    pthread_t thread;
    struct rentbus_worker *worker;
    int status;
    struct rentbus_fault fault;
};

static int handling_end(struct rentbus_worker *worker, const struct rentbus_handling *handling,
                        enum rentbus_handled handled)
{
    const struct rentbus_delivery *delivery = handling->delivery;
    if (handled == RENTBUS_HANDLED && handling->event_count == 0)
        return rentbus_worker_ack(worker, delivery);
    if (handled == RENTBUS_HANDLED) {
        int error =
            rentbus_worker_ack_publish(worker, delivery, handling->events, handling->event_count);
        if (error != -EINVAL && error <= 0)
            return error;
        const char *why =
            error > 0 ? rentbus_worker_fault(worker)->message : "publishes too many events";
        return rentbus_worker_nack(worker, delivery, why, RENTBUS_DELAY_DEFAULT, false);
    }
    bool fatal = handled == RENTBUS_FAILED && handling->fatal;
    return rentbus_worker_nack(worker, delivery, handling->error, handling->delay_ms, fatal);
}

static int handle(const struct run *run, struct rentbus_worker *worker,
                  const struct rentbus_delivery *delivery)
{
    struct rentbus_handling handling = {
        .event = &delivery->event,
        .attempt = delivery->attempt,
        .delivery = delivery,
        .worker = worker,
        .delay_ms = RENTBUS_DELAY_DEFAULT,
    };
    enum rentbus_handled handled = run->handler(run->context, &handling);
    int error = handling_end(worker, &handling, handled);
    /* Its lease was lost on the way. */
    return error == -ENOENT ? 0 : error;
}

static void *thread_run(void *context)
{
    struct run_thread *thread = context;
    struct run *run = thread->run;
    struct rentbus_delivery delivery;
    int got;
    do {
        got = rentbus_worker_next(thread->worker, -1, &delivery);
        int error = got == 1 ? handle(run, thread->worker, &delivery) : 0;
        if (error)
            got = error;
    } while (got == 1 || got == -EINTR);
    thread->status = got == -ECANCELED ? 0 : got;
    thread->fault = *rentbus_worker_fault(thread->worker);
    if (thread->status) {
        atomic_store(&run->failed, true);
        bell_ring(run->bell);
    }
    rentbus_worker_close(&thread->worker);
    return NULL;
}

/* ---- all of them ---- */

static int thread_open(struct run_thread *thread, const struct rentbus_worker_options *options,
                       const char *name)
{
    struct rentbus_worker_options own = *options;
    own.worker = name;
    int error = rentbus_worker_open(&own, &thread->worker);
    if (error)
        return error;
    thread->worker->stop_wanted = &stop_wanted;
    thread->worker->run_failed = &thread->run->failed;
    error = wake_watch(&thread->worker->wake, atomic_load(&stop_bell));
    return error ? error : wake_watch(&thread->worker->wake, thread->run->bell);
}

static int threads_open(struct run_thread *threads, uint32_t count, struct run *run,
                        const struct rentbus_worker_options *options)
{
    char base[RENTBUS_ID_MAX + 1];
    char name[sizeof(base) + 16];
    int error = 0;
    if (!worker_name(options->worker, base))
        return -EINVAL;
    for (uint32_t i = 0; i < count && !error; i++) {
        threads[i].run = run;
        snprintf(name, sizeof(name), "%s-%u", base, i + 1);
        error = thread_open(&threads[i], options, name);
    }
    return error;
}

/* The number that run. They leave signals to the threads of the program. */
static uint32_t threads_start(struct run_thread *threads, uint32_t count, int *error)
{
    sigset_t all;
    sigset_t before;
    uint32_t started = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < count && *error == 0) {
        *error = -pthread_create(&threads[started].thread, NULL, thread_run, &threads[started]);
        started += *error == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static int run_threads(struct run *run, struct run_thread *threads, uint32_t count,
                       const struct rentbus_worker_options *options)
{
    int error = threads_open(threads, count, run, options);
    uint32_t started = error ? 0 : threads_start(threads, count, &error);
    if (error) {
        atomic_store(&run->failed, true);
        bell_ring(run->bell);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i < started)
            pthread_join(threads[i].thread, NULL);
        else
            rentbus_worker_close(&threads[i].worker);
        if (error == 0 && threads[i].status != 0) {
            error = threads[i].status;
            if (options->fault)
                *options->fault = threads[i].fault;
        }
    }
    return error;
}

int rentbus_worker_run(const struct rentbus_worker_options *options, rentbus_handler *handler,
                       void *context)
{
    if (!options || !handler || options->threads > THREADS_MAX)
        return -EINVAL;
    uint32_t count = options->threads > 0 ? options->threads : 1;
    struct run run = {.handler = handler, .context = context};
    struct run_thread *threads = calloc(count, sizeof(*threads));
    if (!threads)
        return -ENOMEM;
    run.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error = run.bell < 0 ? -errno : runs_enter();
    if (!error) {
        error = run_threads(&run, threads, count, options);
        runs_leave(error == 0);
    }
    if (run.bell >= 0)
        close(run.bell);
    free(threads);
    return error;
}
