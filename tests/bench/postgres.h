/* SPDX-License-Identifier: MPL-2.0 */
/* The same return in PostgreSQL as it comes: a function that checks, closes and counts, called by
 * pgbench. */
#ifndef RENTBUS_BENCH_POSTGRES_H
#define RENTBUS_BENCH_POSTGRES_H

#include <stddef.h>
#include <sys/types.h>

/* More returns a second than it makes. */
#define POSTGRES_RATE_MAX 30000

struct postgres {
    pid_t pid;
    char directory[32];
};

/* False when PostgreSQL is not installed; else with `rentals` that are out. */
_Bool postgres_open(struct postgres *postgres, size_t rentals);
void postgres_close(struct postgres *postgres);
/* Durable returns a second, of many clients at once. */
double postgres_measure(struct postgres *postgres, unsigned seconds);

#endif
