/* SPDX-License-Identifier: MPL-2.0 */
/* The archive behind a journal that was trimmed: it goes on, and when it is lost nobody makes half
 * of one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/archive/archive.h"
#include "tests/unit/archive_fixture.h"

#define EVENTS 1000
/* Where the journal ends up beginning: behind a block. */
#define BASE 896

static void trim(struct journal_fixture *fixture, uint64_t through)
{
    struct journal_trimmed slice;

    do
        assert_int_equal(journal_trim(fixture->journal, through, &slice), 0);
    while (slice.events > 0);
}

/* An archive of the first `archived` events, and a journal of all that lets go of what it can. */
static void begin(struct journal_fixture *fixture, size_t archived)
{
    assert_int_equal(journal_fixture_append(fixture->journal, archived), 0);
    struct archive *archive = archive_fixture_open(fixture);
    archive_fixture_follow(fixture, archive, 300);
    archive_close(&archive);
    if (archived < EVENTS)
        assert_int_equal(journal_fixture_append(fixture->journal, EVENTS - archived), 0);
    trim(fixture, BASE);
    assert_int_equal(journal_base(fixture->journal)->seq, BASE);
}

static int open_again(struct journal_fixture *fixture)
{
    struct archive *archive = NULL;
    int r = archive_open(fixture->archive_path, JOURNAL_FIXTURE_LEDGER, fixture->reader, &archive);

    if (r == 0) {
        archive_fixture_follow(fixture, archive, 300);
        assert_int_equal(archive_seq(archive), journal_head(fixture->journal)->seq);
    }
    archive_close(&archive);
    return r;
}

/* What was archived before is still there. */
static void check_first_command(struct journal_fixture *fixture)
{
    struct archive_reader *reader = archive_fixture_read(fixture);
    struct rentbus_uuid command;
    uint64_t first = 0;
    uint64_t last = 0;

    assert_true(journal_fixture_command(3, &command));
    assert_int_equal(archive_command_find(reader, command, &first, &last), 1);
    assert_in_range(first, 1, 3);
    archive_reader_close(&reader);
}

static void test_it_goes_on(void **state)
{
    struct journal_fixture *fixture = *state;

    begin(fixture, EVENTS);
    assert_int_equal(open_again(fixture), 0);
    assert_int_equal(journal_fixture_append(fixture->journal, 200), 0);
    assert_int_equal(open_again(fixture), 0);
    check_first_command(fixture);
}

/* Its last event is the last that the journal has let go of. */
static void test_it_goes_on_where_the_journal_begins(void **state)
{
    struct journal_fixture *fixture = *state;

    begin(fixture, BASE);
    assert_int_equal(open_again(fixture), 0);
    check_first_command(fixture);
}

static void test_it_lacks_what_is_gone(void **state)
{
    struct journal_fixture *fixture = *state;

    begin(fixture, BASE - 128);
    assert_int_equal(open_again(fixture), JOURNAL_TRIMMED);
    assert_int_equal(open_again(fixture), JOURNAL_TRIMMED);
    check_first_command(fixture);
}

static void test_it_is_lost(void **state)
{
    struct journal_fixture *fixture = *state;

    begin(fixture, EVENTS);
    assert_int_equal(unlink(fixture->archive_path), 0);
    assert_int_equal(open_again(fixture), JOURNAL_TRIMMED);
    assert_int_equal(access(fixture->archive_path, F_OK), -1);
}

/* Whatever makes an archive of no use: it is left as it is. */
static void test_it_is_of_no_use(void **state)
{
    static const char *const changes[] = {
        "UPDATE meta SET value = 999 WHERE key = 'format'",
        "UPDATE meta SET value = 'other' WHERE key = 'ledger'",
        "UPDATE meta SET value = zeroblob(32) WHERE key = 'hash'",
        "UPDATE meta SET value = 2000 WHERE key = 'seq'",
        "UPDATE meta SET value = 0 WHERE key = 'seq'",
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        assert_int_equal(journal_fixture_teardown(state), 0);
        assert_int_equal(journal_fixture_setup(state), 0);
        struct journal_fixture *fixture = *state;
        begin(fixture, EVENTS);
        journal_fixture_sql(fixture->archive_path, changes[i]);
        uint64_t size = journal_fixture_file_size(fixture->archive_path, "");
        assert_int_equal(open_again(fixture), JOURNAL_TRIMMED);
        assert_true(journal_fixture_file_size(fixture->archive_path, "") >= size);
    }
}

static void test_it_is_no_database(void **state)
{
    struct journal_fixture *fixture = *state;

    begin(fixture, EVENTS);
    FILE *file = fopen(fixture->archive_path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fputs("no database at all\n", file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_again(fixture), JOURNAL_TRIMMED);
    assert_true(journal_fixture_file_size(fixture->archive_path, "") > 10000);
}

/* Under the feet of the one that follows. */
static void test_it_is_lost_meanwhile(void **state)
{
    struct journal_fixture *fixture = *state;
    size_t taken = 0;

    assert_int_equal(journal_fixture_append(fixture->journal, EVENTS), 0);
    struct archive *archive = archive_fixture_open(fixture);
    archive_fixture_follow(fixture, archive, 300);
    trim(fixture, BASE);
    assert_int_equal(unlink(fixture->archive_path), 0);
    assert_int_equal(archive_follow(archive, fixture->reader, 10, &taken), -ESTALE);
    archive_close(&archive);
    assert_int_equal(open_again(fixture), JOURNAL_TRIMMED);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_goes_on),
        TEST(test_it_goes_on_where_the_journal_begins),
        TEST(test_it_lacks_what_is_gone),
        TEST(test_it_is_lost),
        TEST(test_it_is_of_no_use),
        TEST(test_it_is_no_database),
        TEST(test_it_is_lost_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
