/* SPDX-License-Identifier: MPL-2.0 */
/* What a program, its environment and the defaults say, in this order. */
#ifndef RENTBUS_OPTIONS_H
#define RENTBUS_OPTIONS_H

#include <rentbus/rentbus.h>

struct options {
    const char *api; /* borrowed from the program or from its environment */
    const char *events;
    uint32_t timeout_ms;
    uint32_t retry_ms;
    uint32_t in_flight_max;
    bool gather;
};

/* Nothing of it but `gather` is 0 or NULL. `options` may be NULL. */
struct options options_choose(const struct rentbus_options *options);

#endif
