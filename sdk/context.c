/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/context.h"

#include <pthread.h>
#include <stddef.h>
#include <zmq.h>

/* Clients, subscribers and workers of one process, at three sockets each at most. */
#define CONTEXT_SOCKETS_MAX 16384

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static size_t users;

static void *context_new(void)
{
    void *fresh = zmq_ctx_new();
    if (fresh)
        zmq_ctx_set(fresh, ZMQ_MAX_SOCKETS, CONTEXT_SOCKETS_MAX);
    return fresh;
}

void *context_acquire(void)
{
    pthread_mutex_lock(&mutex);
    if (!context)
        context = context_new();
    void *acquired = context;
    if (acquired)
        users++;
    pthread_mutex_unlock(&mutex);
    return acquired;
}

void context_release(void)
{
    pthread_mutex_lock(&mutex);
    void *ended = NULL;
    if (--users == 0) {
        ended = context;
        context = NULL;
    }
    pthread_mutex_unlock(&mutex);
    if (ended)
        zmq_ctx_term(ended);
}
