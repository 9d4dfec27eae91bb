/* SPDX-License-Identifier: MPL-2.0 */
/* Two ledgers alike but for their size, made by `rentbus bench --prepare` and asked the same in
 * turns: one of SCALE_SMALL closed rentals, and one of many more. With as many things known as
 * there are closed rentals, and a tenth as many users and open rentals. */
#ifndef RENTBUS_BENCH_SCALE_H
#define RENTBUS_BENCH_SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/rig.h"

#define SCALE_SMALL 10000
#define SCALE_LARGE_MIN 100000
#define SCALE_MAX 10000000

struct scale_side {
    struct rig rig;
    void *socket;
    size_t closed;
    size_t next; /* thing to be given back, of those that were checked out here */
    uint64_t random;
};

struct scale {
    const char *daemon;
    const char *client;
    void *zmq;
    struct scale_side small;
    struct scale_side large;
};

/* Of the large one, behind a snapshot and a new start. */
struct scale_start {
    double seconds;            /* to the first reply */
    double memory;             /* bytes */
    double archive_per_rental; /* bytes of its file for each closed rental */
};
/* Whether there is room for the large one, and nothing is begun else. */
bool scale_open(struct scale *scale, const char *daemon, const char *client, size_t closed);
struct scale_start scale_start(struct scale *scale);
void scale_close(struct scale *scale);

/* Median microseconds at 1 in flight, small and large. To be measured before any return. */
struct scale_reads {
    double get[2];
    double get_closed[2];
    double list[2];    /* rentals of a user */
    double history[2]; /* events of a user */
};
struct scale_reads scale_measure_reads(struct scale *scale, size_t count);

/* Median microseconds of a page of a list of closed rentals, at its beginning and deep in it. */
struct scale_pages {
    double first;
    double deep;
};
struct scale_pages scale_measure_pages(struct scale *scale);

/* What was checked out for it is given back; at most SCALE_SMALL / 2 at a time. */
struct scale_returns {
    double p50[2];        /* microseconds at 1 in flight */
    double per_second[2]; /* at 1024 in flight */
};
struct scale_returns scale_measure_returns(struct scale *scale, size_t count);

/* Gives as many things back over a stop of the large one, and says by how many bytes its journal
 * has grown for each. */
double scale_journal_per_return(struct scale *scale, size_t count);

#endif
