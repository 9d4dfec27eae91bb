/* SPDX-License-Identifier: MPL-2.0 */
/* The load of `rentbus bench`: clients in threads of their own, each with calls in flight. */
#ifndef CLI_BENCH_LOAD_H
#define CLI_BENCH_LOAD_H

#include "cli/bench_data.h"
#include "cli/histogram.h"

#include <stdatomic.h>

#define BENCH_CLIENTS_MAX 256
#define BENCH_IN_FLIGHT_MAX 65536

enum bench_op { BENCH_GET, BENCH_LIST, BENCH_RETURN, BENCH_CHECKOUT, BENCH_OPS };
extern const char *const bench_op_names[BENCH_OPS];

struct bench_plan {
    uint64_t shares[BENCH_OPS]; /* of all requests; at least one is above 0 */
    uint64_t in_flight;         /* of each client */
    uint64_t clients;
    uint64_t count;      /* requests in all; 0: until the time is up */
    int64_t duration_ns; /* 0: until the count is reached */
    double rate;         /* requests a second, of all clients; 0: as fast as answers come */
};

/* Errors by code; what is no code of the protocol stands behind those. */
enum { BENCH_ERROR_TIMEOUT = 32, BENCH_ERROR_OTHER, BENCH_ERRORS };

struct bench_outcome {
    struct cli_histogram latency[BENCH_OPS]; /* nanoseconds, of requests that were answered */
    uint64_t rejected;                       /* that a rule said no to; answered, too */
    uint64_t errors[BENCH_ERRORS];
    double seconds;
};

/* Runs until it is done or SIGINT or SIGTERM comes, then waits for what is in flight. `data` is
 * brought up to date. Progress on standard error, when that is a terminal. */
enum cli_exit bench_load_run(struct cli *cli, const struct bench_plan *plan,
                             struct bench_data *data, struct bench_outcome *outcome)
    __attribute__((warn_unused_result));

#endif
