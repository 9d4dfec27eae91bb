/* SPDX-License-Identifier: MPL-2.0 */
/* A daemon with rentals that are out, to be read and given back, beside a bare echo. */
#ifndef RENTBUS_BENCH_DESK_H
#define RENTBUS_BENCH_DESK_H

#include "sdk/protocol/types.h"
#include "tests/bench/echo.h"
#include "tests/bench/rig.h"

struct desk {
    const char *program;
    struct rig rig;
    struct echo echo;
    void *zmq;
    void *daemon;
    void *bare;
    size_t rentals;          /* that were checked out, one of which stays out */
    size_t next;             /* thing to be given back */
    double bytes_per_rental; /* that is open, of resident memory */
};

/* Starts the daemon and checks `rentals` things out. */
void desk_open(struct desk *desk, const char *program, size_t rentals);
void desk_close(struct desk *desk);

/* Requests a second, and latencies in microseconds. An echo gets the same requests, and answers
 * with as many bytes. */
struct desk_figures {
    double echo_bulk;
    double return_bulk;
    double return_bulk_p50;
    double return_bulk_p999;
    double echo_get;
    double get;
    double echo_p50;   /* at 1 in flight */
    double return_p50; /* at 1 in flight */
    double sync_p50;
};
/* Takes `count` of the rentals, at least DESK_ROUND_MIN. */
#define DESK_ROUND_MIN 4000
struct desk_figures desk_measure(struct desk *desk, size_t count);

/* The id of a rental that is out. */
void desk_find_rental(struct desk *desk, char id[RENTBUS_UUID_TEXT_SIZE + 1]);
/* Seconds from the start of the daemon until its first reply, when it starts again. */
double desk_restart(struct desk *desk);

#endif
