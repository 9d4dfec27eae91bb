/* SPDX-License-Identifier: MPL-2.0 */
/* The physical limits beside which the daemon is measured: a bare ROUTER, and a bare disk. */
#ifndef RENTBUS_BENCH_ECHO_H
#define RENTBUS_BENCH_ECHO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define ECHO_REPLY_MAX 65536

/* A thread that answers each request with so many bytes. */
struct echo {
    void *context;
    const char *endpoint;
    pthread_t thread;
    int event_fd; /* the other thing that it waits for, which never comes */
    /* The following may be set at any time. */
    atomic_size_t reply_size; /* at most ECHO_REPLY_MAX */
    /* Waits for two things, as whoever has more to do than to answer has to, and not only for
     * requests. */
    atomic_bool polls;
};

/* `endpoint` is borrowed. */
void echo_start(struct echo *echo, const char *endpoint);
void echo_stop(struct echo *echo);

/* The median of appending 4 KiB to a file in the folder, with fdatasync(), in microseconds. */
double echo_sync_us(const char *directory);

#endif
