/* SPDX-License-Identifier: MPL-2.0 */
/* A journal of the format before: it opens, it is read, checked and appended to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/journal_fixture.h"

#define OLD_EVENTS 700

static void append(struct journal_fixture *fixture, size_t count)
{
    assert_int_equal(journal_fixture_append(fixture->journal, count), 0);
}

static uint64_t head(const struct journal_fixture *fixture)
{
    return journal_head(fixture->journal)->seq;
}

/* A journal of OLD_EVENTS in the old format, closed. */
static int setup(void **state)
{
    int r = journal_fixture_setup(state);
    struct journal_fixture *fixture = *state;

    if (r)
        return r;
    append(fixture, OLD_EVENTS);
    journal_reader_close(&fixture->reader);
    journal_close(&fixture->journal);
    journal_fixture_make_old(fixture);
    return 0;
}

static void test_it_goes_on(void **state)
{
    struct journal_fixture *fixture = *state;

    journal_fixture_reopen(fixture);
    assert_int_equal(head(fixture), OLD_EVENTS);
    journal_fixture_check(fixture->reader, 1, OLD_EVENTS);
    append(fixture, 300);
    journal_fixture_check(fixture->reader, 1, OLD_EVENTS + 300);
    assert_int_equal(journal_checkpoint(fixture->reader), 0);
    journal_fixture_reopen(fixture);
    assert_int_equal(head(fixture), OLD_EVENTS + 300);
    append(fixture, 1);
    journal_fixture_check(fixture->reader, 1, OLD_EVENTS + 301);
    assert_int_equal(journal_recover(fixture->journal), 0);
    assert_int_equal(head(fixture), OLD_EVENTS + 301);
}

static void test_it_says_that_it_is_no_longer_old(void **state)
{
    struct journal_fixture *fixture = *state;

    assert_int_equal(journal_fixture_format(fixture), 1);
    assert_int_equal(journal_reader_open(fixture->journal_path, &fixture->reader), -EBADMSG);
    journal_fixture_reopen(fixture);
    assert_int_equal(journal_fixture_format(fixture), 2);
}

static void test_it_lets_go_of_old_events(void **state)
{
    struct journal_fixture *fixture = *state;
    struct journal_trimmed trimmed = {0};

    journal_fixture_reopen(fixture);
    append(fixture, 300);
    assert_int_equal(journal_trim(fixture->journal, 500, &trimmed), 0);
    assert_int_equal(trimmed.events, 384);
    journal_fixture_check(fixture->reader, 385, OLD_EVENTS + 300);
    journal_fixture_reopen(fixture);
    assert_int_equal(journal_base(fixture->journal)->seq, 384);
}

static int pass_over(void *context, uint64_t seq, struct rentbus_bytes event)
{
    (void)context;
    (void)seq;
    (void)event;
    return 0;
}

static void test_its_damage_is_found(void **state)
{
    struct journal_fixture *fixture = *state;

    journal_fixture_reopen(fixture);
    append(fixture, 300);
    journal_fixture_sql(fixture->journal_path,
                        "UPDATE block SET events = CAST(substr(events, 1, 500) || x'00' || "
                        "substr(events, 502) AS BLOB) WHERE first_seq = 129");
    assert_int_equal(journal_read(fixture->reader, 1, UINT64_MAX, pass_over, NULL), -EBADMSG);
    journal_fixture_check(fixture->reader, 257, OLD_EVENTS + 300);
}

/* The head is in a block of the old format. */
static void test_its_damaged_head_is_found(void **state)
{
    struct journal_fixture *fixture = *state;
    struct rentbus_fault fault;

    journal_fixture_sql(fixture->journal_path,
                        "UPDATE block SET time = time + 1 WHERE first_seq = 641");
    assert_int_equal(
        journal_open(fixture->journal_path, JOURNAL_FIXTURE_LEDGER, &fixture->journal, &fault),
        -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_goes_on, setup, journal_fixture_teardown),
        cmocka_unit_test_setup_teardown(test_it_says_that_it_is_no_longer_old, setup,
                                        journal_fixture_teardown),
        cmocka_unit_test_setup_teardown(test_it_lets_go_of_old_events, setup,
                                        journal_fixture_teardown),
        cmocka_unit_test_setup_teardown(test_its_damage_is_found, setup, journal_fixture_teardown),
        cmocka_unit_test_setup_teardown(test_its_damaged_head_is_found, setup,
                                        journal_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
