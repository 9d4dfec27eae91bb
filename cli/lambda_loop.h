/* SPDX-License-Identifier: MPL-2.0 */
/* The one loop of a lambda: descriptors, ends of processes, and the signals that ask us to end. One
 * of it in a process. */
#ifndef CLI_LAMBDA_LOOP_H
#define CLI_LAMBDA_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What happens when a descriptor is ready: `events` as epoll has them. A source stays where it is
 * as long as it is watched. */
struct lambda_source {
    void (*ready)(void *owner, uint32_t events);
    void *owner;
};

struct lambda_loop {
    int epoll;
    int signals;
    unsigned stops; /* how often SIGTERM or SIGINT came */
    struct lambda_source source;
    void (*ended)(void *owner, pid_t pid, int status); /* a child has */
    void *owner;
};

/* Blocks SIGCHLD, SIGTERM and SIGINT, which come by the loop from then on, and ignores SIGPIPE. 0,
 * or a negative errno. */
int lambda_loop_open(struct lambda_loop *loop, void (*ended)(void *owner, pid_t pid, int status),
                     void *owner) __attribute__((warn_unused_result));
void lambda_loop_close(struct lambda_loop *loop);

int lambda_loop_add(struct lambda_loop *loop, int fd, uint32_t events, struct lambda_source *source)
    __attribute__((warn_unused_result));
void lambda_loop_change(struct lambda_loop *loop, int fd, uint32_t events,
                        struct lambda_source *source);
/* -1 is nothing. */
void lambda_loop_remove(struct lambda_loop *loop, int fd);

/* Waits until something is ready or the time `until` (of lambda_loop_now()) has come, and calls
 * those whom it concerns. 0, or a negative errno. */
int lambda_loop_wait(struct lambda_loop *loop, int64_t until) __attribute__((warn_unused_result));

/* Milliseconds of a clock that only goes forward. */
int64_t lambda_loop_now(void);

#endif
