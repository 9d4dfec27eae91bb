/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/journal_fixture.h"

static uint64_t seek(struct journal_fixture *fixture, int64_t time)
{
    uint64_t seq = 0;

    assert_int_equal(journal_seek(fixture->reader, time, &seq), 0);
    return seq;
}

static void test_empty_journal_gives_the_first_seq(void **state)
{
    assert_int_equal(seek(*state, 0), 1);
    assert_int_equal(seek(*state, INT64_MAX), 1);
}

static void test_finds_the_first_event_at_or_after_a_time(void **state)
{
    struct journal_fixture *fixture = *state;
    uint64_t total = 0;

    for (int i = 0; i < 60; i++) {
        size_t count = 1 + journal_fixture_random(fixture, 300);
        assert_int_equal(journal_fixture_append(fixture->journal, count), 0);
        total += count;
    }
    assert_int_equal(seek(fixture, INT64_MIN), 1);
    assert_int_equal(seek(fixture, journal_fixture_time(1)), 1);
    assert_int_equal(seek(fixture, journal_fixture_time(total)), total - total % 3);
    assert_int_equal(seek(fixture, journal_fixture_time(total) + 1), total + 1);
    assert_int_equal(seek(fixture, INT64_MAX), total + 1);
    for (int i = 0; i < 300; i++) {
        uint64_t seq = 3 + journal_fixture_random(fixture, total - 6);
        uint64_t first = seq - seq % 3;
        assert_int_equal(seek(fixture, journal_fixture_time(seq)), first);
        assert_int_equal(seek(fixture, journal_fixture_time(seq) - 1), first);
        assert_int_equal(seek(fixture, journal_fixture_time(seq) + 1), first + 3);
    }
}

/* Equal times over many blocks: the first of them, in whatever block it is. */
static void test_equal_times_over_blocks(void **state)
{
    struct journal_fixture *fixture = *state;

    assert_int_equal(journal_fixture_append(fixture->journal, 50), 0);
    for (uint64_t seq = 51; seq <= 53; seq++)
        assert_int_equal(journal_fixture_append(fixture->journal, 1), 0);
    assert_int_equal(journal_fixture_time(51), journal_fixture_time(53));
    assert_int_equal(seek(fixture, journal_fixture_time(51)), 51);
    assert_int_equal(seek(fixture, journal_fixture_time(51) + 1), 54);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JOURNAL(test_empty_journal_gives_the_first_seq),
        WITH_JOURNAL(test_finds_the_first_event_at_or_after_a_time),
        WITH_JOURNAL(test_equal_times_over_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
