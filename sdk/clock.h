/* SPDX-License-Identifier: MPL-2.0 */
/* The two clocks of the library, in microseconds, and the one place that reads them. */
#ifndef RENTBUS_CLOCK_H
#define RENTBUS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Behind every moment that comes: "never". */
#define CLOCK_NEVER INT64_MAX

static inline int64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* For deadlines. */
static inline int64_t clock_monotonic(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* Since 1970, for command ids. */
static inline int64_t clock_wall(void)
{
    return clock_read(CLOCK_REALTIME);
}

/* Milliseconds from `now` to `at`, for poll(): rounded up, so that at its end the moment has come;
 * -1 for CLOCK_NEVER. */
int clock_poll_timeout(int64_t at, int64_t now);

#endif
