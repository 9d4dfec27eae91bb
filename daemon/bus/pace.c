/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/pace.h"

/* Forgets what is over a minute ago. */
static void advance(struct pace *pace, int64_t now)
{
    int64_t slice = now / PACE_SLICE;

    if (slice < pace->slice || slice - pace->slice >= PACE_SLICES)
        *pace = (struct pace){.slice = slice};
    while (pace->slice < slice)
        pace->counts[++pace->slice % PACE_SLICES] = 0;
}

void pace_add(struct pace *pace, int64_t now, uint64_t count)
{
    advance(pace, now);
    pace->counts[pace->slice % PACE_SLICES] += count;
}

uint64_t pace_sum(const struct pace *pace, int64_t now)
{
    struct pace present = *pace;
    uint64_t sum = 0;

    advance(&present, now);
    for (int i = 0; i < PACE_SLICES; i++)
        sum += present.counts[i];
    return sum;
}
