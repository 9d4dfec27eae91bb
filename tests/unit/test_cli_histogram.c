/* SPDX-License-Identifier: MPL-2.0 */
/* Quantiles of latencies, within 1 % of those of all values in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/histogram.h"

#define COUNT 20000

static struct cli_histogram histogram;

static int setup(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    return 0;
}

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1;
    return *random >> 33;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void must_be_near(uint64_t value, uint64_t expected)
{
    uint64_t slack = expected / 100;
    assert_in_range(value, expected - slack, expected + slack);
}

static void nothing_has_no_quantiles(void **state)
{
    (void)state;
    assert_int_equal(cli_histogram_at(&histogram, 0.5), 0);
    assert_int_equal(histogram.count, 0);
}

static void every_value_is_kept_within_a_hundredth(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 41; value += value / 50 + 1) {
        setup(state);
        cli_histogram_add(&histogram, value);
        cli_histogram_add(&histogram, UINT64_C(1) << 42);
        must_be_near(cli_histogram_at(&histogram, 0.5), value);
    }
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 256; value++)
        cli_histogram_add(&histogram, value);
    assert_int_equal(cli_histogram_at(&histogram, 0), 0);
    assert_int_equal(cli_histogram_at(&histogram, 0.5), 127);
    assert_int_equal(cli_histogram_at(&histogram, 1), 255);
}

static void quantiles_are_those_of_the_values_in_order(void **state)
{
    static const double shares[] = {0.01, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    static uint64_t values[COUNT];
    uint64_t random = 7;
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t shift = next_random(&random) % 24;
        values[i] = 1000 + (next_random(&random) >> shift);
        cli_histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        size_t place = (size_t)(shares[i] * COUNT + 0.999999) - 1;
        must_be_near(cli_histogram_at(&histogram, shares[i]), values[place]);
    }
    assert_int_equal(histogram.maximum, values[COUNT - 1]);
    assert_int_equal(cli_histogram_at(&histogram, 1), values[COUNT - 1]);
}

static void what_is_too_long_counts_as_the_longest(void **state)
{
    (void)state;
    cli_histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram.maximum, UINT64_MAX);
    must_be_near(cli_histogram_at(&histogram, 0.5), UINT64_C(1) << 42);
}

static void two_make_the_same_as_one(void **state)
{
    static struct cli_histogram parts[2];
    static struct cli_histogram whole;
    (void)state;
    for (uint64_t i = 0; i < 5000; i++) {
        cli_histogram_add(&parts[i % 2], i * i);
        cli_histogram_add(&whole, i * i);
    }
    cli_histogram_merge(&histogram, &parts[0]);
    cli_histogram_merge(&histogram, &parts[1]);
    assert_memory_equal(&histogram, &whole, sizeof whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_has_no_quantiles, setup),
        cmocka_unit_test_setup(every_value_is_kept_within_a_hundredth, setup),
        cmocka_unit_test_setup(small_values_are_exact, setup),
        cmocka_unit_test_setup(quantiles_are_those_of_the_values_in_order, setup),
        cmocka_unit_test_setup(what_is_too_long_counts_as_the_longest, setup),
        cmocka_unit_test_setup(two_make_the_same_as_one, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
