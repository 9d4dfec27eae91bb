/* SPDX-License-Identifier: MPL-2.0 */
/* The same return in Redis 7 that syncs each write: a function that checks, closes and counts. */
#ifndef RENTBUS_BENCH_REDIS_H
#define RENTBUS_BENCH_REDIS_H

#include <stddef.h>
#include <sys/types.h>

struct redis {
    pid_t pid;
    int fd;
    size_t next; /* rental to be given back */
    char directory[32];
};

/* False when Redis is not installed; else with `rentals` that are out. */
_Bool redis_open(struct redis *redis, size_t rentals);
void redis_close(struct redis *redis);
/* Durable returns a second with the pipeline that is fastest; each takes `count` rentals. */
#define REDIS_PIPELINES 3
double redis_measure(struct redis *redis, size_t count);

#endif
