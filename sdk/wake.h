/* SPDX-License-Identifier: MPL-2.0 */
/* The one file descriptor that another event loop watches: readable while there is something to do.
 * An epoll of the sockets' descriptors, a timer, and a bell for work that is left over, which a
 * socket's edge-triggered descriptor would not tell again. One thread. */
#ifndef RENTBUS_WAKE_H
#define RENTBUS_WAKE_H

#include <stdbool.h>
#include <stdint.h>

struct wake {
    int epoll_fd;
    int timer_fd;
    int bell_fd;
    bool ringing;
    int64_t timer_at; /* monotonic; CLOCK_NEVER when it is not set */
};

int wake_open(struct wake *wake) __attribute__((warn_unused_result));
/* A wake that wake_open() did not fill must have its descriptors at -1. */
void wake_close(struct wake *wake);

int wake_watch(struct wake *wake, int fd) __attribute__((warn_unused_result));
void wake_unwatch(struct wake *wake, int fd);
/* Readable until it is told otherwise. */
void wake_ring(struct wake *wake, bool ringing);
/* Readable at that time at the latest. It may be earlier: to be asked again costs less than to set
 * the timer for each call. */
void wake_at(struct wake *wake, int64_t at);
/* Ends what the timer said, if its time has come. */
void wake_clear(struct wake *wake, int64_t now);

#endif
