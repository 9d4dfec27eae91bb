/* SPDX-License-Identifier: MPL-2.0 */
/* Many event streams over HTTP while requests go on: events are published at a steady rate, every
 * stream gets each, and the time from when an event was to be published until a stream has it is
 * measured at each of them. */
#ifndef RENTBUS_BENCH_STREAMS_H
#define RENTBUS_BENCH_STREAMS_H

#include <stdbool.h>
#include <stddef.h>

struct streams_load {
    size_t streams;
    size_t per_second; /* events */
    size_t seconds;    /* behind a first one that does not count */
};

/* Milliseconds; an event that came twice, or not in its place, ends the program. */
struct streams_figures {
    double p50;
    double p99;
    double request_p99; /* of one request after the other meanwhile */
};
struct streams_figures streams_measure(const char *daemon, const char *bridge,
                                       const struct streams_load *asked);

/* Whether the system allows so many files as that takes, here and in the bridge. */
bool streams_allowed(size_t streams);

#endif
