/* SPDX-License-Identifier: MPL-2.0 */
/* Conditions of threads that wait with a deadline, on the clock that nobody sets. */
#ifndef RENTBUS_ARCHIVE_DEADLINE_H
#define RENTBUS_ARCHIVE_DEADLINE_H

#include <pthread.h>
#include <time.h>

/* A condition whose pthread_cond_timedwait() takes what deadline_in() gives. */
void deadline_condition_init(pthread_cond_t *condition);
/* The time that is so many milliseconds from now. */
struct timespec deadline_in(long milliseconds);

#endif
