/* SPDX-License-Identifier: MPL-2.0 */
/* What bench_rentbus measures of the bus, each beside its yardstick. */
#ifndef RENTBUS_BENCH_BUS_H
#define RENTBUS_BENCH_BUS_H

#include <stddef.h>

#include "tests/bench/rig.h"

/* The type of the events that are published, and of those that say that all is in place. */
#define BUS_TYPE "bench.tick"
#define BUS_TYPE_READY "bench.ready"
#define BUS_SUBSCRIBERS 8
#define BUS_WORKERS 4
#define BUS_CONSUMERS 1000

/* Called before the events from number `next` on are published. */
typedef void bus_pace(void *context, size_t next);
/* Publishes at least so many events, as many at once as a request may have; the same number again
 * and again of the 4,096 subjects that there are. */
void bus_publish(const struct rig *rig, const char *type, size_t count, bus_pace *pace,
                 void *context);

/* Events a second, until every subscriber has them: of the daemon, which is asked for them, checks,
 * chains, records and archives them; of a bare XPUB that sends the same bytes, and nothing else;
 * and of a relay of bare sockets that is asked for them, too, and appends the same bytes to a file
 * and syncs it before it sends them. */
struct fanout_figures {
    double daemon;
    double bare;
    double relay;
    double cpu_us; /* of the daemon, for each event */
};
struct fanout_figures fanout_measure(const struct rig *rig, size_t count);

/* Events a second through the hands of all workers of one consumer: with nothing but fetch and ack;
 * with the worker of the SDK; and as bytes over a bare ROUTER. There are `count` events of BUS_TYPE
 * in the ledger. */
struct workers_figures {
    double raw;
    double run;
    double bare;
};
struct workers_figures workers_measure(const struct rig *rig, size_t count);

/* Events a second of a handler that lives long: behind `rentbus lambda run --stream`, whose program
 * this is, and behind bare pipes. Once for each ledger, which has `count` events of BUS_TYPE. */
struct stream_figures {
    double lambda;
    double bare;
};
struct stream_figures stream_measure(const struct rig *rig, const char *program, size_t count);
/* The handler itself, what `bench_rentbus --handler` is: its exit status. */
int stream_handle(void);

/* What consumers that have nothing to do cost a daemon, with a long poll each: shares of a core,
 * and bytes. `passing`: while a hundred events a second come by that none of them wants, which
 * costs `alone` when there are no consumers. */
struct idle_figures {
    double cpu;
    double passing;
    double alone;
    double memory;
};
struct idle_figures idle_measure(const char *program, double seconds);

#endif
