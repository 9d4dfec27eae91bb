/* SPDX-License-Identifier: MPL-2.0 */
/* A daemon with rentals that are out, to be read and given back, beside a bare echo and a bare
 * ledger. */
#ifndef RENTBUS_BENCH_DESK_H
#define RENTBUS_BENCH_DESK_H

#include "sdk/protocol/types.h"
#include "tests/bench/bare_ledger.h"
#include "tests/bench/echo.h"
#include "tests/bench/rig.h"

struct desk {
    const char *program;
    struct rig rig;
    struct echo echo;
    struct bare_ledger *ledger;
    void *zmq;
    void *daemon;
    void *bare;
    void *recorder;          /* the bare ledger's */
    size_t rentals;          /* that were checked out, one of which stays out */
    size_t next;             /* thing to be given back */
    double bytes_per_rental; /* that is open, of resident memory */
};

/* Starts the daemon and checks `rentals` things out, one of which is given back at once. */
void desk_open(struct desk *desk, const char *program, size_t rentals);
void desk_close(struct desk *desk);

/* Requests a second, and latencies in microseconds. An echo gets the same requests, and answers
 * with as many bytes; so does a bare ledger, which writes as many bytes too. */
struct desk_figures {
    double echo_bulk;
    double ledger_bulk;
    double ledger_read_bulk; /* when what it writes is read again */
    double return_bulk;
    double return_archived; /* from the first request until the archive has followed */
    double return_bulk_p50;
    double return_bulk_p999;
    double echo_get;
    double get;
    double polled_get; /* of an echo that waits for two things */
    double echo_hello;
    double hello;
    double echo_p50;   /* at 1 in flight */
    double ledger_p50; /* at 1 in flight */
    double return_p50; /* at 1 in flight */
    double sync_p50;
};
/* Takes `count` of the rentals, at least DESK_ROUND_MIN. */
#define DESK_ROUND_MIN 4000
struct desk_figures desk_measure(struct desk *desk, size_t count);

/* The id of a rental that is out. */
void desk_find_rental(struct desk *desk, char id[RENTBUS_UUID_TEXT_SIZE + 1]);
/* How many bytes the request for one has, and lets the echo answer with as many as its reply. */
size_t desk_echo_gets(struct desk *desk);
/* Seconds from the start of the daemon until its first reply, when it starts again. */
double desk_restart(struct desk *desk);

#endif
