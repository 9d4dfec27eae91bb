/* SPDX-License-Identifier: MPL-2.0 */
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
#include "sdk/protocol/text.h"
#include "tests/unit/journal_fixture.h"

static struct archive *open_archive(struct journal_fixture *fixture)
{
    struct archive *archive = NULL;

    assert_int_equal(
        archive_open(fixture->archive_path, JOURNAL_FIXTURE_LEDGER, fixture->reader, &archive), 0);
    return archive;
}

static struct archive_reader *open_reader(struct journal_fixture *fixture)
{
    struct archive_reader *reader = NULL;

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    return reader;
}

static void append(struct journal_fixture *fixture, size_t count)
{
    assert_int_equal(journal_fixture_append(fixture->journal, count), 0);
}

/* Follows to the end in transactions of `count` events, or one more where that is in the midst of a
 * command. */
static void follow(struct journal_fixture *fixture, struct archive *archive, size_t count)
{
    size_t taken = 1;

    while (taken > 0) {
        uint64_t before = archive_seq(archive);
        assert_int_equal(archive_follow(archive, fixture->reader, count, &taken), 0);
        assert_in_range(taken, 0, count + 1);
        assert_int_equal(archive_seq(archive), before + taken);
    }
    assert_int_equal(archive_seq(archive), journal_head(fixture->journal)->seq);
}

static void check_rental(struct archive_reader *reader, uint64_t seq)
{
    struct rentbus_rental rental;
    struct rentbus_buffer expected = {0};
    struct rentbus_buffer found = {0};

    assert_true(journal_fixture_closed(seq, &rental, &expected));
    assert_int_equal(archive_rental_get(reader, rental.id, &found), 1);
    assert_int_equal(found.length, expected.length);
    assert_memory_equal(found.data, expected.data, found.length);
    rentbus_buffer_release(&expected);
    rentbus_buffer_release(&found);
}

static void check_command(struct archive_reader *reader, uint64_t seq)
{
    struct rentbus_uuid command;
    uint64_t first = 0, last = 0;

    if (!journal_fixture_command(seq, &command))
        return;
    assert_int_equal(archive_command_find(reader, command, &first, &last), 1);
    assert_int_equal(first, seq - (seq - 1) % 2);
    assert_int_equal(last, first + 1);
}

/* That the archive is what the events from 1 to `head` (an even number) make of it. */
static void check_archive(struct journal_fixture *fixture, uint64_t head)
{
    struct archive_reader *reader = open_reader(fixture);
    struct archive_counts expected = {0}, counts;
    struct rentbus_rental rental;
    struct rentbus_uuid command, last;
    uint64_t seq = 0;

    for (uint64_t at = 1; at <= head; at++) {
        if (journal_fixture_closed(at, &rental, NULL)) {
            check_rental(reader, at);
            expected.rentals++;
        }
        check_command(reader, at);
        if (at % 2 == 0 && journal_fixture_command(at, &command)) {
            expected.commands++;
            last = command;
        }
    }
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(counts.rentals, expected.rentals);
    assert_int_equal(counts.commands, expected.commands);
    assert_int_equal(archive_command_last(reader, &command), 1);
    assert_memory_equal(&command, &last, sizeof(last));
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, head);
    archive_reader_close(&reader);
}

static void test_new_archive_is_empty(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;
    struct archive_counts counts;
    struct rentbus_uuid command = {{0}};
    struct rentbus_buffer out = {0};
    uint64_t first, last, seq;
    size_t taken = 1;

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), -ENOENT);
    struct archive *archive = open_archive(fixture);
    assert_int_equal(archive_follow(archive, fixture->reader, 10, &taken), 0);
    assert_int_equal(taken, 0);
    reader = open_reader(fixture);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, 0);
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(counts.rentals + counts.commands + counts.mentions + counts.tally_rows, 0);
    assert_int_equal(archive_command_last(reader, &command), 0);
    assert_int_equal(archive_command_find(reader, command, &first, &last), 0);
    assert_int_equal(archive_rental_get(reader, rentbus_text("nothing"), &out), 0);
    archive_reader_close(&reader);
    archive_close(&archive);
}

/* Odd counts end in the midst of commands. */
static void test_follows_in_transactions_of_any_size(void **state)
{
    struct journal_fixture *fixture = *state;
    static const size_t counts[] = {1, 3, 7, 100, 129, 20000};
    struct archive *archive = open_archive(fixture);

    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        append(fixture, 2 * (50 + journal_fixture_random(fixture, 200)));
        follow(fixture, archive, counts[i]);
    }
    archive_close(&archive);
    check_archive(fixture, journal_head(fixture->journal)->seq);
}

static void test_reopened_archive_goes_on(void **state)
{
    struct journal_fixture *fixture = *state;

    for (int i = 0; i < 4; i++) {
        uint64_t before = journal_head(fixture->journal)->seq;
        struct archive *archive = open_archive(fixture);
        assert_int_equal(archive_seq(archive), before);
        append(fixture, 200);
        follow(fixture, archive, 64);
        archive_close(&archive);
    }
    check_archive(fixture, 800);
}

/* An open rental that was archived before: it is no longer closed. The fixture's events cannot say
 * so, and the row is put there by hand. */
static void test_open_rental_leaves_the_archive(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive *archive = open_archive(fixture);
    struct archive_counts counts;

    /* Seq 11 swaps the asset of the rental created at seq 10. */
    append(fixture, 10);
    follow(fixture, archive, 100);
    journal_fixture_sql(fixture->archive_path, "INSERT INTO rental VALUES(10, 'x', 2, 10, x'00')");
    append(fixture, 1);
    follow(fixture, archive, 100);
    archive_close(&archive);
    struct archive_reader *reader = open_reader(fixture);
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(counts.rentals, 1);
    archive_reader_close(&reader);
}

static void archive_all(struct journal_fixture *fixture)
{
    struct archive *archive = open_archive(fixture);

    follow(fixture, archive, 1000);
    archive_close(&archive);
}

static void test_deleted_archive_is_rebuilt_equal(void **state)
{
    struct journal_fixture *fixture = *state;
    struct rentbus_buffer copy = {0};

    append(fixture, 500);
    archive_all(fixture);
    check_archive(fixture, 500);
    assert_int_equal(unlink(fixture->archive_path), 0);
    archive_all(fixture);
    check_archive(fixture, 500);
    rentbus_buffer_release(&copy);
}

static void damage_nothing(const char *path)
{
    (void)path;
}

static void damage_ledger(const char *path)
{
    journal_fixture_sql(path, "UPDATE meta SET value = 'other' WHERE key = 'ledger'");
}

static void damage_format(const char *path)
{
    journal_fixture_sql(path, "UPDATE meta SET value = 99 WHERE key = 'format'");
}

/* What the last version but one wrote. */
static void damage_old_format(const char *path)
{
    journal_fixture_sql(path, "DROP TABLE mention; DROP TABLE tally; "
                              "UPDATE meta SET value = 2 WHERE key = 'format'");
}

static void damage_kind(const char *path)
{
    journal_fixture_sql(path, "UPDATE meta SET value = 'journal' WHERE key = 'kind'");
}

static void damage_hash(const char *path)
{
    journal_fixture_sql(path, "UPDATE meta SET value = zeroblob(32) WHERE key = 'hash'");
}

static void damage_no_hash(const char *path)
{
    journal_fixture_sql(path, "DELETE FROM meta WHERE key = 'hash'");
}

static void damage_ahead(const char *path)
{
    journal_fixture_sql(path, "UPDATE meta SET value = 501 WHERE key = 'seq'");
}

static void damage_tables(const char *path)
{
    journal_fixture_sql(path, "DROP TABLE command");
}

static void write_over(const char *path, long offset, size_t length)
{
    FILE *file = fopen(path, "r+");

    assert_non_null(file);
    fseek(file, offset, SEEK_SET);
    for (size_t i = 0; i < length; i++)
        fputc(0x5a, file);
    fclose(file);
}

static void damage_header(const char *path)
{
    write_over(path, 0, 200);
}

static void damage_first_page(const char *path)
{
    write_over(path, 100, 3000);
}

static void damage_size(const char *path)
{
    assert_int_equal(truncate(path, 5000), 0);
}

/* Each of these makes archive_open() begin anew; the first does not, for the test of the test. */
static void test_what_does_not_agree_is_rebuilt(void **state)
{
    static void (*const damages[])(const char *) = {
        damage_nothing, damage_ledger,     damage_format, damage_kind,
        damage_hash,    damage_no_hash,    damage_ahead,  damage_tables,
        damage_header,  damage_first_page, damage_size,   damage_old_format,
    };
    struct journal_fixture *fixture = *state;

    append(fixture, 500);
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        archive_all(fixture);
        damages[i](fixture->archive_path);
        struct archive *archive = open_archive(fixture);
        if (archive_seq(archive) != (i == 0 ? 500 : 0))
            fail_msg("damage %zu: seq %u", i, (unsigned)archive_seq(archive));
        follow(fixture, archive, 100);
        archive_close(&archive);
        check_archive(fixture, 500);
    }
}

/* As the header of the file has it. */
static long page_size(const char *path)
{
    uint8_t bytes[18];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_int_equal(fread(bytes, sizeof(bytes), 1, file), 1);
    fclose(file);
    return bytes[16] << 8 | bytes[17];
}

/* Damage that shows only when the page is used: the file is thrown away then. */
static void test_damage_met_on_the_way_is_rebuilt(void **state)
{
    struct journal_fixture *fixture = *state;
    size_t taken;

    append(fixture, 4000);
    archive_all(fixture);
    uint64_t size = journal_fixture_file_size(fixture->archive_path, "");
    /* Behind those of the schema and of meta. */
    long intact = 2 * page_size(fixture->archive_path);
    write_over(fixture->archive_path, intact, size - (size_t)intact);
    append(fixture, 1000);
    struct archive *archive = open_archive(fixture);
    assert_int_equal(archive_seq(archive), 4000);
    assert_int_equal(archive_follow(archive, fixture->reader, 1000, &taken), -EBADMSG);
    assert_int_equal(archive_seq(archive), 4000);
    assert_int_equal(archive_follow(archive, fixture->reader, 1000, &taken), -ESTALE);
    archive_close(&archive);
    archive_all(fixture);
    check_archive(fixture, 5000);
}

/* Versions before made them smaller: such a file is followed as it is. */
static void test_archive_of_small_pages_goes_on(void **state)
{
    struct journal_fixture *fixture = *state;

    append(fixture, 2000);
    archive_all(fixture);
    assert_int_not_equal(page_size(fixture->archive_path), 4096);
    journal_fixture_sql(fixture->archive_path, "PRAGMA journal_mode = DELETE; "
                                               "PRAGMA page_size = 4096; VACUUM; "
                                               "PRAGMA journal_mode = WAL");
    append(fixture, 2000);
    struct archive *archive = open_archive(fixture);
    assert_int_equal(archive_seq(archive), 2000);
    follow(fixture, archive, 1000);
    archive_close(&archive);
    check_archive(fixture, 4000);
    assert_int_equal(page_size(fixture->archive_path), 4096);
}

/* A damaged journal is no reason to throw the archive away. */
static void test_damaged_journal_leaves_the_archive(void **state)
{
    struct journal_fixture *fixture = *state;
    size_t taken;

    append(fixture, 500);
    archive_all(fixture);
    append(fixture, 500);
    journal_fixture_sql(fixture->journal_path,
                        "UPDATE block SET events = x'a0' WHERE first_seq > 500");
    struct archive *archive = open_archive(fixture);
    assert_int_equal(archive_follow(archive, fixture->reader, 1000, &taken), -EBADMSG);
    assert_int_equal(archive_follow(archive, fixture->reader, 1000, &taken), -EBADMSG);
    archive_close(&archive);
    check_archive(fixture, 500);
}

/* Nobody reads what an older version wrote; it is rebuilt by whoever follows. */
static void test_old_archive_is_nothing_to_a_reader(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;

    append(fixture, 500);
    archive_all(fixture);
    damage_old_format(fixture->archive_path);
    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), -ENOENT);
    archive_all(fixture);
    check_archive(fixture, 500);
}

static void test_readers_go_over_to_the_new_file(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_counts counts;
    uint64_t seq = 0;
    size_t taken;

    append(fixture, 500);
    struct archive *archive = open_archive(fixture);
    follow(fixture, archive, 1000);
    struct archive_reader *reader = open_reader(fixture);
    assert_int_equal(unlink(fixture->archive_path), 0);
    assert_int_equal(archive_reader_seq(reader, &seq), -ENOENT);
    assert_int_equal(archive_count(reader, &counts), -ENOENT);
    assert_int_equal(archive_follow(archive, fixture->reader, 10, &taken), -ESTALE);
    archive_close(&archive);
    archive_all(fixture);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, 500);
    check_rental(reader, 4);
    archive_reader_close(&reader);
}

static void test_held_reader_sees_one_moment(void **state)
{
    struct journal_fixture *fixture = *state;
    struct rentbus_uuid unknown = {{1}};
    uint64_t seq = 0, first, last;

    append(fixture, 500);
    archive_all(fixture);
    struct archive_reader *reader = open_reader(fixture);
    assert_int_equal(archive_hold(reader, &seq), 0);
    assert_int_equal(seq, 500);
    append(fixture, 500);
    archive_all(fixture);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, 500);
    for (uint64_t i = 0; i < 2000; i++)
        check_command(reader, 1 + journal_fixture_random(fixture, 500));
    for (uint64_t at = 1; at <= 1000; at++) {
        struct rentbus_uuid command;
        if (!journal_fixture_command(at, &command))
            continue;
        assert_int_equal(archive_command_find(reader, command, &first, &last), at <= 500);
        assert_int_equal(archive_command_find(reader, unknown, &first, &last), 0);
    }
    archive_release(reader);
    archive_release(reader);
    assert_int_equal(archive_hold(reader, &seq), 0);
    assert_int_equal(seq, 1000);
    for (uint64_t at = 1000; at > 0; at--)
        check_command(reader, at);
    for (uint64_t at = 1; at <= 1000; at++)
        check_command(reader, at);
    archive_reader_close(&reader);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JOURNAL(test_new_archive_is_empty),
        WITH_JOURNAL(test_held_reader_sees_one_moment),
        WITH_JOURNAL(test_follows_in_transactions_of_any_size),
        WITH_JOURNAL(test_reopened_archive_goes_on),
        WITH_JOURNAL(test_open_rental_leaves_the_archive),
        WITH_JOURNAL(test_deleted_archive_is_rebuilt_equal),
        WITH_JOURNAL(test_what_does_not_agree_is_rebuilt),
        WITH_JOURNAL(test_damage_met_on_the_way_is_rebuilt),
        WITH_JOURNAL(test_archive_of_small_pages_goes_on),
        WITH_JOURNAL(test_damaged_journal_leaves_the_archive),
        WITH_JOURNAL(test_old_archive_is_nothing_to_a_reader),
        WITH_JOURNAL(test_readers_go_over_to_the_new_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
