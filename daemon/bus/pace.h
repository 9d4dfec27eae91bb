/* SPDX-License-Identifier: MPL-2.0 */
/* How often something happened in the last minute, to a slice of it. Pure; times are microseconds
 * since 1970 and are given. Not thread-safe. */
#ifndef RENTBUS_BUS_PACE_H
#define RENTBUS_BUS_PACE_H

#include <stdint.h>

#define PACE_SLICES 12
#define PACE_SLICE INT64_C(5000000)

/* Zeroed at first. */
struct pace {
    int64_t slice; /* the last one that was counted in, since 1970 */
    uint64_t counts[PACE_SLICES];
};

/* A clock that was set back begins anew. */
void pace_add(struct pace *pace, int64_t now, uint64_t count);
uint64_t pace_sum(const struct pace *pace, int64_t now);

#endif
