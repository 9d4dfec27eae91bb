/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/wake.h"
#include "sdk/clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int wake_watch(struct wake *wake, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(wake->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void wake_unwatch(struct wake *wake, int fd)
{
    epoll_ctl(wake->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int wake_open(struct wake *wake)
{
    struct wake fresh = {
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
        .bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
        .timer_at = CLOCK_NEVER,
    };
    bool opened = fresh.epoll_fd >= 0 && fresh.timer_fd >= 0 && fresh.bell_fd >= 0;
    int error = opened ? wake_watch(&fresh, fresh.timer_fd) : -errno;
    if (!error)
        error = wake_watch(&fresh, fresh.bell_fd);
    if (error) {
        wake_close(&fresh);
        return error;
    }
    *wake = fresh;
    return 0;
}

static void descriptor_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void wake_close(struct wake *wake)
{
    descriptor_close(&wake->epoll_fd);
    descriptor_close(&wake->timer_fd);
    descriptor_close(&wake->bell_fd);
}

void wake_ring(struct wake *wake, bool ringing)
{
    if (wake->ringing == ringing)
        return;
    eventfd_t count = 1;
    int error = ringing ? eventfd_write(wake->bell_fd, count) : eventfd_read(wake->bell_fd, &count);
    if (!error || errno == EAGAIN)
        wake->ringing = ringing;
}

void wake_at(struct wake *wake, int64_t at)
{
    if (at >= wake->timer_at)
        return;
    /* All zeros would stop the timer. */
    int64_t moment = at > 0 ? at : 1;
    struct itimerspec timer = {
        .it_value = {.tv_sec = moment / 1000000, .tv_nsec = moment % 1000000 * 1000},
    };
    if (timerfd_settime(wake->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL) == 0)
        wake->timer_at = at;
}

void wake_clear(struct wake *wake, int64_t now)
{
    if (now < wake->timer_at)
        return;
    uint64_t expirations;
    ssize_t got = read(wake->timer_fd, &expirations, sizeof(expirations));
    /* Not yet readable although its time has come: it will be in a moment. */
    if (got == (ssize_t)sizeof(expirations))
        wake->timer_at = CLOCK_NEVER;
}
