/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MAX 64

int64_t lambda_loop_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Signals of one kind that come close together are one: so every child is asked after. */
static void children_collect(struct lambda_loop *loop)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        loop->ended(loop->owner, pid, status);
}

static void signals_ready(void *owner, uint32_t events)
{
    struct lambda_loop *loop = owner;
    struct signalfd_siginfo about;
    (void)events;
    while (read(loop->signals, &about, sizeof(about)) == (ssize_t)sizeof(about)) {
        if (about.ssi_signo == SIGCHLD)
            children_collect(loop);
        else
            loop->stops++;
    }
}

int lambda_loop_open(struct lambda_loop *loop, void (*ended)(void *owner, pid_t pid, int status),
                     void *owner)
{
    sigset_t wanted;
    *loop = (struct lambda_loop){.epoll = -1, .signals = -1, .ended = ended, .owner = owner};
    loop->source = (struct lambda_source){signals_ready, loop};
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    signal(SIGPIPE, SIG_IGN);
    loop->signals = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    loop->epoll = loop->signals == -1 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    int error = loop->epoll == -1 ? -errno : 0;
    if (error == 0)
        error = lambda_loop_add(loop, loop->signals, EPOLLIN, &loop->source);
    if (error)
        lambda_loop_close(loop);
    return error;
}

void lambda_loop_close(struct lambda_loop *loop)
{
    if (loop->epoll != -1)
        close(loop->epoll);
    if (loop->signals != -1)
        close(loop->signals);
    loop->epoll = -1;
    loop->signals = -1;
}

int lambda_loop_add(struct lambda_loop *loop, int fd, uint32_t events, struct lambda_source *source)
{
    struct epoll_event wanted = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &wanted) == 0 ? 0 : -errno;
}

void lambda_loop_change(struct lambda_loop *loop, int fd, uint32_t events,
                        struct lambda_source *source)
{
    struct epoll_event wanted = {.events = events, .data.ptr = source};
    epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &wanted);
}

void lambda_loop_remove(struct lambda_loop *loop, int fd)
{
    if (fd != -1)
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int lambda_loop_wait(struct lambda_loop *loop, int64_t until)
{
    struct epoll_event ready[READY_MAX];
    int64_t wait = until - lambda_loop_now();
    if (wait < 0)
        wait = 0;
    int count = epoll_wait(loop->epoll, ready, READY_MAX, wait > INT_MAX ? INT_MAX : (int)wait);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    /* The ends of processes last: then what they said last has been read. */
    bool signalled = false;
    for (int i = 0; i < count; i++) {
        struct lambda_source *source = ready[i].data.ptr;
        if (source == &loop->source)
            signalled = true;
        else
            source->ready(source->owner, ready[i].events);
    }
    if (signalled)
        loop->source.ready(loop->source.owner, EPOLLIN);
    return 0;
}
