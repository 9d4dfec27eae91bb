/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/echo.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/bench/load.h"

#define REQUEST_MAX 65536
#define HWM 100000
#define SYNC_COUNT 500
#define SYNC_SIZE 4096

/* False when there is no request. */
static bool serve(const struct echo *echo, void *socket, int flags)
{
    static char reply[ECHO_REPLY_MAX];
    static char request[REQUEST_MAX];
    char route[256];
    int length = zmq_recv(socket, route, sizeof route, flags);
    if (length < 0 || zmq_recv(socket, request, sizeof request, 0) < 0)
        return false;
    zmq_send(socket, route, (size_t)length, ZMQ_SNDMORE);
    zmq_send(socket, reply, echo->reply_size, 0);
    return true;
}

static bool poll_and_serve(const struct echo *echo, void *socket)
{
    zmq_pollitem_t items[] = {
        {.socket = socket, .events = ZMQ_POLLIN},
        {.fd = echo->event_fd, .events = ZMQ_POLLIN},
    };
    if (zmq_poll(items, 2, -1) < 0)
        return false;
    while (serve(echo, socket, ZMQ_DONTWAIT))
        continue;
    return true;
}

static void *run(void *argument)
{
    const struct echo *echo = argument;
    int hwm = HWM;
    void *socket = zmq_socket(echo->context, ZMQ_ROUTER);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (zmq_bind(socket, echo->endpoint))
        load_fail("cannot bind %s", echo->endpoint);
    while (echo->polls ? poll_and_serve(echo, socket) : serve(echo, socket, 0))
        continue;
    zmq_close(socket);
    return NULL;
}

void echo_start(struct echo *echo, const char *endpoint)
{
    echo->endpoint = endpoint;
    echo->context = zmq_ctx_new();
    echo->event_fd = eventfd(0, EFD_CLOEXEC);
    if (!echo->context || echo->event_fd < 0 || pthread_create(&echo->thread, NULL, run, echo))
        load_fail("cannot start the echo");
}

void echo_stop(struct echo *echo)
{
    zmq_ctx_shutdown(echo->context);
    pthread_join(echo->thread, NULL);
    zmq_ctx_term(echo->context);
    close(echo->event_fd);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double echo_sync_us(const char *directory)
{
    static char page[SYNC_SIZE];
    double times[SYNC_COUNT];
    char path[128];
    snprintf(path, sizeof path, "%s/sync", directory);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; i < SYNC_COUNT; i++) {
        double start = load_clock();
        if (fd < 0 || write(fd, page, sizeof page) != sizeof page || fdatasync(fd))
            load_fail("cannot write %s", path);
        times[i] = load_clock() - start;
    }
    close(fd);
    unlink(path);
    qsort(times, SYNC_COUNT, sizeof *times, compare);
    return times[SYNC_COUNT / 2] * 1e6;
}
