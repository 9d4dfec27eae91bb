/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/echo.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/bench/load.h"

#define REQUEST_MAX 65536
#define HWM 100000
#define SYNC_COUNT 500
#define SYNC_SIZE 4096

static void *run(void *argument)
{
    struct echo *echo = argument;
    static char reply[ECHO_REPLY_MAX];
    static char request[REQUEST_MAX];
    char route[256];
    int hwm = HWM;
    void *socket = zmq_socket(echo->context, ZMQ_ROUTER);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (zmq_bind(socket, echo->endpoint))
        load_fail("cannot bind %s", echo->endpoint);
    for (int length; (length = zmq_recv(socket, route, sizeof route, 0)) >= 0;) {
        if (zmq_recv(socket, request, sizeof request, 0) < 0)
            break;
        zmq_send(socket, route, (size_t)length, ZMQ_SNDMORE);
        zmq_send(socket, reply, echo->reply_size, 0);
    }
    zmq_close(socket);
    return NULL;
}

void echo_start(struct echo *echo, const char *endpoint)
{
    echo->endpoint = endpoint;
    echo->context = zmq_ctx_new();
    if (!echo->context || pthread_create(&echo->thread, NULL, run, echo))
        load_fail("cannot start the echo");
}

void echo_stop(struct echo *echo)
{
    zmq_ctx_shutdown(echo->context);
    pthread_join(echo->thread, NULL);
    zmq_ctx_term(echo->context);
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
