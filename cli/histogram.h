/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How long many things took, in a fixed and small memory: log-linear buckets, each at most 1/128 of
 * what it counts wide, so that a quantile is within 1 %. Pure.
 */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Values of up to 2^7 have a bucket each; above that, each power of two has 2^7. Greater values
 * than 2^42, 73 minutes in nanoseconds, count as that. */
#define CLI_HISTOGRAM_BITS 7
#define CLI_HISTOGRAM_MAX_BITS 42
#define CLI_HISTOGRAM_BUCKETS                                                                      \
    ((size_t)(CLI_HISTOGRAM_MAX_BITS - CLI_HISTOGRAM_BITS + 1) << CLI_HISTOGRAM_BITS)

/* Zero it before use. 37 KB. */
struct cli_histogram {
    uint64_t count;
    uint64_t maximum;
    uint64_t buckets[CLI_HISTOGRAM_BUCKETS];
};

void cli_histogram_add(struct cli_histogram *histogram, uint64_t value);
/* Adds all of `from`. */
void cli_histogram_merge(struct cli_histogram *histogram, const struct cli_histogram *from);
/* The least value that `share` (0 to 1) of all do not exceed, within 1 %; 0 when there are none. It
 * is never greater than the maximum, which is exact. */
uint64_t cli_histogram_at(const struct cli_histogram *histogram, double share);

#endif
