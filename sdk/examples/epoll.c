/* SPDX-License-Identifier: MPL-2.0 */
/* A worker within an epoll loop, beside the other things that a program waits for; here these are
 * signals: epoll CONSUMER, of which there has to be one, as for worker */
#include <inttypes.h>
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int watch(int loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return fd < 0 ? -1 : epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

/* Takes what is there. 0, or what went wrong. */
static int take_events(struct rentbus_worker *worker)
{
    struct rentbus_delivery delivery;
    int status = rentbus_worker_process(worker);
    if (status < 0)
        return status;
    while ((status = rentbus_worker_next(worker, 0, &delivery)) == 1) {
        printf("%" PRIu64 " %.*s\n", delivery.event.seq, RENTBUS_TEXT_ARGS(delivery.event.type));
        fflush(stdout);
        status = rentbus_worker_ack(worker, &delivery);
        if (status != 0)
            break;
    }
    return status;
}

static int run(struct rentbus_worker *worker, int loop, int signals)
{
    struct epoll_event event;
    int status = 0;
    while (status == 0 && epoll_wait(loop, &event, 1, -1) == 1) {
        if (event.data.fd == signals)
            return 0;
        status = take_events(worker);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct rentbus_worker *worker = NULL;
    sigset_t wanted;
    if (argc != 2)
        return 2;
    const struct rentbus_worker_options options = {.consumer = argv[1]};
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    int signals = signalfd(-1, &wanted, SFD_CLOEXEC);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    int status = rentbus_worker_open(&options, &worker);
    if (status == 0 && watch(loop, signals) == 0 && watch(loop, rentbus_worker_fd(worker)) == 0)
        status = run(worker, loop, signals);
    if (status > 0)
        fprintf(stderr, "%s\n", rentbus_worker_fault(worker)->message);
    rentbus_worker_close(&worker);
    close(loop);
    close(signals);
    return status == 0 ? 0 : 1;
}
