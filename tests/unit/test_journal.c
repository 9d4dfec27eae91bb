/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/journal_fixture.h"

static void append(struct journal_fixture *fixture, size_t count)
{
    assert_int_equal(journal_fixture_append(fixture->journal, count), 0);
}

static int count_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    (void)seq;
    (void)event;
    ++*(size_t *)context;
    return 0;
}

static void test_new_journal_is_empty(void **state)
{
    struct journal_fixture *fixture = *state;
    static const struct journal_head none;
    struct journal_head head = {.seq = 1};
    size_t count = 0;

    assert_memory_equal(journal_head(fixture->journal), &none, sizeof(none));
    assert_int_equal(journal_reader_head(fixture->reader, &head), 0);
    assert_memory_equal(&head, &none, sizeof(none));
    assert_int_equal(journal_read(fixture->reader, 0, UINT64_MAX, count_event, &count), 0);
    assert_int_equal(count, 0);
}

static void check_head(const struct journal_head *head, uint64_t seq)
{
    uint8_t hash[RENTBUS_HASH_SIZE];

    journal_fixture_hash(seq, hash);
    assert_int_equal(head->seq, seq);
    assert_int_equal(head->time, journal_fixture_time(seq));
    assert_memory_equal(head->hash, hash, sizeof(hash));
}

/* Batches of one event, of a few blocks, and of just a block and one more. */
static void test_reads_back_what_was_appended(void **state)
{
    struct journal_fixture *fixture = *state;
    static const size_t sizes[] = {1, 2, 127, 128, 129, 256, 700};
    uint64_t total = 0;

    for (size_t i = 0; i < 40; i++) {
        size_t size = sizes[journal_fixture_random(fixture, sizeof(sizes) / sizeof(*sizes))];
        append(fixture, size);
        total += size;
        check_head(journal_head(fixture->journal), total);
    }
    struct journal_head head;
    assert_int_equal(journal_reader_head(fixture->reader, &head), 0);
    check_head(&head, total);
    journal_fixture_check(fixture->reader, 1, total);
    for (size_t i = 0; i < 100; i++) {
        uint64_t from = 1 + journal_fixture_random(fixture, total);
        uint64_t to = from + journal_fixture_random(fixture, total - from + 1);
        journal_fixture_check(fixture->reader, from, to);
    }
    size_t count = 0;
    assert_int_equal(journal_read(fixture->reader, total + 1, UINT64_MAX, count_event, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(journal_read(fixture->reader, 0, UINT64_MAX, count_event, &count), 0);
    assert_int_equal(count, total);
}

static int stop_at(void *context, uint64_t seq, struct rentbus_bytes event)
{
    (void)event;
    return seq == *(uint64_t *)context ? 42 : 0;
}

static void test_visitor_ends_the_reading(void **state)
{
    struct journal_fixture *fixture = *state;
    uint64_t last = 150;

    append(fixture, 300);
    assert_int_equal(journal_read(fixture->reader, 1, UINT64_MAX, stop_at, &last), 42);
    journal_fixture_check(fixture->reader, 1, 300);
}

static void test_reopened_journal_goes_on(void **state)
{
    struct journal_fixture *fixture = *state;

    for (uint64_t round = 1; round <= 5; round++) {
        append(fixture, 130);
        journal_fixture_reopen(fixture);
        check_head(journal_head(fixture->journal), round * 130);
        journal_fixture_check(fixture->reader, 1, round * 130);
    }
}

static int append_event(struct journal *journal, uint64_t first_seq, uint64_t seq, int64_t time)
{
    struct rentbus_buffer bytes = {0};

    journal_fixture_event(seq, &bytes);
    struct journal_entry entry = {time, bytes.length};
    int r = journal_append(journal, &(struct journal_batch){first_seq, 1, &entry, bytes.data});
    rentbus_buffer_release(&bytes);
    return r;
}

/* Two events, of which the first has the time given. */
static int append_pair(struct journal *journal, uint64_t first_seq, int64_t time)
{
    struct rentbus_buffer bytes = {0};
    struct journal_entry entries[2];

    for (uint64_t i = 0; i < 2; i++) {
        journal_fixture_event(first_seq + i, &bytes);
        entries[i] = (struct journal_entry){journal_fixture_time(first_seq + i), bytes.length};
    }
    entries[0].time = time;
    int r = journal_append(journal, &(struct journal_batch){first_seq, 2, entries, bytes.data});
    rentbus_buffer_release(&bytes);
    return r;
}

static void test_refuses_what_does_not_follow(void **state)
{
    struct journal_fixture *fixture = *state;
    struct journal *journal = fixture->journal;

    append(fixture, 10);
    assert_int_equal(append_event(journal, 10, 10, journal_fixture_time(10)), -EINVAL);
    assert_int_equal(append_event(journal, 12, 12, journal_fixture_time(12)), -EINVAL);
    assert_int_equal(append_event(journal, 11, 12, journal_fixture_time(12)), -EINVAL);
    assert_int_equal(append_event(journal, 11, 11, journal_fixture_time(11) - 1), -EINVAL);
    assert_int_equal(append_event(journal, 11, 11, journal_fixture_time(5)), -EINVAL);
    assert_int_equal(append_pair(journal, 11, journal_fixture_time(10) - 1), -EINVAL);
    assert_int_equal(append_pair(journal, 11, journal_fixture_time(12) + 1), -EINVAL);
    struct journal_entry entry = {journal_fixture_time(11), 1};
    const uint8_t no_event[] = {0xa0};
    assert_int_equal(journal_append(journal, &(struct journal_batch){11, 1, &entry, no_event}),
                     -EINVAL);
    check_head(journal_head(journal), 10);
    append(fixture, 10);
    journal_fixture_check(fixture->reader, 1, 20);
}

static void expect_refusal(struct journal_fixture *fixture, const char *path, const char *ledger,
                           const char *reason)
{
    struct rentbus_fault fault = {0};
    struct journal *journal = NULL;

    assert_int_equal(journal_open(path, ledger, &journal, &fault), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_null(journal);
    assert_int_equal(fault.code, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(fault.message, reason));
    assert_non_null(strstr(fault.message, path));
    (void)fixture;
}

static void test_says_whose_file_it_is(void **state)
{
    struct journal_fixture *fixture = *state;

    journal_close(&fixture->journal);
    journal_reader_close(&fixture->reader);
    expect_refusal(fixture, fixture->journal_path, "other", "another ledger");
    journal_fixture_sql(fixture->journal_path, "UPDATE meta SET value = 3 WHERE key = 'format'");
    expect_refusal(fixture, fixture->journal_path, JOURNAL_FIXTURE_LEDGER, "format");
    assert_int_equal(journal_reader_open(fixture->journal_path, &fixture->reader), -EBADMSG);
    journal_fixture_sql(fixture->journal_path,
                        "UPDATE meta SET value = 'archive' WHERE key = 'kind'");
    expect_refusal(fixture, fixture->journal_path, JOURNAL_FIXTURE_LEDGER, "not a rentbus journal");
    journal_fixture_sql(fixture->archive_path, "CREATE TABLE users(id, name)");
    expect_refusal(fixture, fixture->archive_path, JOURNAL_FIXTURE_LEDGER, "not a rentbus journal");
    FILE *file = fopen(fixture->archive_path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("once upon a time ", file);
    fclose(file);
    expect_refusal(fixture, fixture->archive_path, JOURNAL_FIXTURE_LEDGER, "not a database");
}

static void test_foreign_database_stays_as_it_is(void **state)
{
    struct journal_fixture *fixture = *state;

    journal_fixture_sql(fixture->archive_path, "CREATE TABLE users(id, name)");
    uint64_t size = journal_fixture_file_size(fixture->archive_path, "");
    expect_refusal(fixture, fixture->archive_path, "test", "not a rentbus journal");
    assert_int_equal(journal_fixture_file_size(fixture->archive_path, ""), size);
    journal_fixture_sql(fixture->archive_path, "INSERT INTO users VALUES(1, 2)");
    assert_int_equal(journal_fixture_file_size(fixture->archive_path, "-wal"), 0);
}

static void test_says_where_it_cannot_open(void **state)
{
    struct journal_fixture *fixture = *state;
    struct rentbus_fault fault;
    struct journal *journal = NULL;
    struct journal_reader *reader = NULL;
    char path[2 * JOURNAL_FIXTURE_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/none/journal.db", fixture->directory);
    assert_int_equal(journal_open(path, "test", &journal, &fault), -ENOENT);
    assert_int_equal(journal_reader_open(fixture->archive_path, &reader), -ENOENT);
    assert_int_equal(journal_fixture_file_size(fixture->archive_path, ""), 0);
}

/* Each of these is a fault that a reader must not pass over. */
static const char change_one_byte[] =
    "UPDATE block SET events = CAST(substr(events, 1, 500) || x'00' || substr(events, 502) "
    "AS BLOB) WHERE first_seq = 129";
static const char take_another_block[] =
    "UPDATE block SET (events, sum) = (SELECT events, sum FROM block WHERE first_seq = 1) "
    "WHERE first_seq = 129";

static void test_finds_damage(void **state)
{
    static const char *const damages[] = {
        "DELETE FROM block WHERE first_seq = 129",
        "DELETE FROM block WHERE first_seq = 1",
        "UPDATE block SET count = count - 1 WHERE first_seq = 129",
        "UPDATE block SET count = count + 1 WHERE first_seq = 129",
        "UPDATE block SET count = 0 WHERE first_seq = 129",
        "UPDATE block SET first_seq = 130 WHERE first_seq = 129",
        "UPDATE block SET time = time + 1 WHERE first_seq = 129",
        "UPDATE block SET events = substr(events, 1, length(events) - 1) WHERE first_seq = 129",
        change_one_byte,
        "UPDATE block SET events = x'' WHERE first_seq = 129",
        take_another_block,
    };
    struct journal_fixture *fixture = *state;
    size_t count = 0;

    append(fixture, 700);
    journal_fixture_sql(fixture->journal_path, "CREATE TABLE copy AS SELECT * FROM block");
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        journal_fixture_sql(fixture->journal_path, damages[i]);
        int r = journal_read(fixture->reader, 1, UINT64_MAX, count_event, &count);
        if (r != -EBADMSG)
            fail_msg("%s: %d", damages[i], r);
        journal_fixture_sql(fixture->journal_path,
                            "DELETE FROM block; INSERT INTO block SELECT * FROM copy");
        journal_fixture_check(fixture->reader, 1, 700);
    }
}

static void test_damaged_head_is_no_journal(void **state)
{
    struct journal_fixture *fixture = *state;
    struct rentbus_fault fault;

    append(fixture, 5);
    journal_close(&fixture->journal);
    journal_fixture_sql(fixture->journal_path, "UPDATE block SET events = x'a0'");
    assert_int_equal(journal_open(fixture->journal_path, "test", &fixture->journal, &fault),
                     -EBADMSG);
}

struct watching {
    struct journal_reader *reader;
    atomic_bool done;
    atomic_int error;
    atomic_uint_fast64_t rounds;
};

static int watch_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    uint64_t *next = context;

    (void)event;
    return seq == (*next)++ ? 0 : -EPROTO;
}

static void *watch(void *context)
{
    struct watching *watching = context;
    uint64_t seen = 0;

    while (!atomic_load(&watching->done) && !atomic_load(&watching->error)) {
        uint64_t next = 1;
        int r = journal_read(watching->reader, 1, UINT64_MAX, watch_event, &next);
        if (r == 0 && next - 1 < seen)
            r = -EPROTO;
        seen = next - 1;
        atomic_store(&watching->error, r);
        atomic_fetch_add(&watching->rounds, 1);
    }
    return NULL;
}

static void test_reads_while_it_is_written(void **state)
{
    struct journal_fixture *fixture = *state;
    struct watching watching = {.reader = fixture->reader};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, watch, &watching), 0);
    for (uint64_t i = 0; i < 100 || atomic_load(&watching.rounds) < 3; i++)
        append(fixture, 1 + journal_fixture_random(fixture, 60));
    atomic_store(&watching.done, true);
    pthread_join(thread, NULL);
    assert_int_equal(watching.error, 0);
    journal_fixture_check(fixture->reader, 1, journal_head(fixture->journal)->seq);
}

static void test_checkpoint_lets_the_log_begin_again(void **state)
{
    struct journal_fixture *fixture = *state;
    uint64_t largest = 0;
    size_t count = 0;

    for (int round = 0; round < 4; round++) {
        append(fixture, 5000);
        uint64_t from = journal_head(fixture->journal)->seq - 4999;
        assert_int_equal(journal_read(fixture->reader, from, UINT64_MAX, count_event, &count), 0);
        uint64_t size = journal_fixture_file_size(fixture->journal_path, "-wal");
        uint64_t backlog = journal_reader_backlog(fixture->reader);
        if (round == 0)
            assert_in_range(backlog, size / 2, size * 2);
        assert_int_equal(journal_checkpoint(fixture->reader), 0);
        assert_int_equal(journal_reader_backlog(fixture->reader), 0);
        if (round == 0)
            largest = size + size / 10;
        assert_true(size <= largest);
    }
}

/* Small commits seldom make the log longer: mostly they overwrite what is there. */
static void test_log_is_lengthened_ahead(void **state)
{
    struct journal_fixture *fixture = *state;
    uint64_t size = 0;
    int growths = 0;

    for (int i = 0; i < 200; i++) {
        append(fixture, 2);
        uint64_t now = journal_fixture_file_size(fixture->journal_path, "-wal");
        assert_true(now >= size);
        growths += now > size;
        size = now;
    }
    assert_in_range(growths, 2, 60);
    assert_in_range(size, 200 * 1000, 8 << 20);
    journal_fixture_reopen(fixture);
    journal_fixture_check(fixture->reader, 1, 400);
}

static void append_large(struct journal_fixture *fixture, uint8_t *bytes, size_t size)
{
    struct rentbus_buffer event = {0};
    uint64_t seq = journal_head(fixture->journal)->seq + 1;

    /* A byte string that no one looks into, and an event behind it. */
    bytes[0] = 0x5a;
    for (int i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)((size - 5) >> (24 - 8 * i));
    journal_fixture_event(seq + 1, &event);
    uint8_t *both = malloc(size + event.length);
    assert_non_null(both);
    memcpy(both, bytes, size);
    memcpy(both + size, event.data, event.length);
    struct journal_entry entries[] = {
        {journal_fixture_time(seq + 1), size},
        {journal_fixture_time(seq + 1), size + event.length},
    };
    assert_int_equal(
        journal_append(fixture->journal, &(struct journal_batch){seq, 2, entries, both}), 0);
    free(both);
    rentbus_buffer_release(&event);
}

static void test_log_is_bounded_without_a_follower(void **state)
{
    struct journal_fixture *fixture = *state;
    const size_t mebibyte = 1 << 20;
    uint8_t *bytes = calloc(1, mebibyte);

    assert_non_null(bytes);
    for (int i = 0; i < 160; i++)
        append_large(fixture, bytes, mebibyte);
    free(bytes);
    assert_true(journal_fixture_file_size(fixture->journal_path, "-wal") < 70 * mebibyte);
    assert_int_equal(journal_head(fixture->journal)->seq, 320);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JOURNAL(test_new_journal_is_empty),
        WITH_JOURNAL(test_reads_back_what_was_appended),
        WITH_JOURNAL(test_visitor_ends_the_reading),
        WITH_JOURNAL(test_reopened_journal_goes_on),
        WITH_JOURNAL(test_refuses_what_does_not_follow),
        WITH_JOURNAL(test_says_whose_file_it_is),
        WITH_JOURNAL(test_foreign_database_stays_as_it_is),
        WITH_JOURNAL(test_says_where_it_cannot_open),
        WITH_JOURNAL(test_finds_damage),
        WITH_JOURNAL(test_damaged_head_is_no_journal),
        WITH_JOURNAL(test_reads_while_it_is_written),
        WITH_JOURNAL(test_checkpoint_lets_the_log_begin_again),
        WITH_JOURNAL(test_log_is_lengthened_ahead),
        WITH_JOURNAL(test_log_is_bounded_without_a_follower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
