/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/histogram.h"

#define LINEAR (UINT64_C(1) << CLI_HISTOGRAM_BITS)
#define VALUE_MAX ((UINT64_C(1) << CLI_HISTOGRAM_MAX_BITS) - 1)

/* How many low bits the buckets of such a value leave out. */
static unsigned left_out(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return bits > CLI_HISTOGRAM_BITS + 1 ? bits - CLI_HISTOGRAM_BITS - 1 : 0;
}

/* Below 2 * LINEAR the buckets are the values; each further power of two takes LINEAR more. */
static size_t bucket_of(uint64_t value)
{
    unsigned shift = left_out(value);
    return (size_t)(shift * LINEAR + (value >> shift));
}

/* The middle of the bucket. */
static uint64_t value_of(size_t bucket)
{
    if (bucket < 2 * LINEAR)
        return bucket;
    unsigned shift = (unsigned)(bucket / LINEAR) - 1;
    uint64_t least = (bucket - shift * LINEAR) << shift;
    return least + ((UINT64_C(1) << shift) >> 1);
}

void cli_histogram_add(struct cli_histogram *histogram, uint64_t value)
{
    histogram->count++;
    if (value > histogram->maximum)
        histogram->maximum = value;
    histogram->buckets[bucket_of(value < VALUE_MAX ? value : VALUE_MAX)]++;
}

void cli_histogram_merge(struct cli_histogram *histogram, const struct cli_histogram *from)
{
    histogram->count += from->count;
    if (from->maximum > histogram->maximum)
        histogram->maximum = from->maximum;
    for (size_t i = 0; i < CLI_HISTOGRAM_BUCKETS; i++)
        histogram->buckets[i] += from->buckets[i];
}

uint64_t cli_histogram_at(const struct cli_histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;
    for (size_t i = 0; i < CLI_HISTOGRAM_BUCKETS && share < 1; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t value = value_of(i);
            return value < histogram->maximum ? value : histogram->maximum;
        }
    }
    return histogram->maximum;
}
