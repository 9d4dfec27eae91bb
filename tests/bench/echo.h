/* SPDX-License-Identifier: MPL-2.0 */
/* The physical limits beside which the daemon is measured: a bare ROUTER, and a bare disk. */
#ifndef RENTBUS_BENCH_ECHO_H
#define RENTBUS_BENCH_ECHO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define ECHO_REPLY_MAX 65536

/* A thread that answers each request with so many bytes. */
struct echo {
    void *context;
    const char *endpoint;
    pthread_t thread;
    atomic_size_t reply_size; /* at most ECHO_REPLY_MAX; may be set at any time */
};

/* `endpoint` is borrowed. */
void echo_start(struct echo *echo, const char *endpoint);
void echo_stop(struct echo *echo);

/* The median of appending 4 KiB to a file in the folder, with fdatasync(), in microseconds. */
double echo_sync_us(const char *directory);

#endif
