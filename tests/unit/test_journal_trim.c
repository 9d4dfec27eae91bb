/* SPDX-License-Identifier: MPL-2.0 */
/* What a journal lets go of, and what it says to who asks for it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/journal_fixture.h"

#define ROUNDS 8

static void append(struct journal_fixture *fixture, size_t count)
{
    assert_int_equal(journal_fixture_append(fixture->journal, count), 0);
}

static uint64_t base(const struct journal_fixture *fixture)
{
    return journal_base(fixture->journal)->seq;
}

/* All slices; what went. */
static struct journal_trimmed trim(struct journal_fixture *fixture, uint64_t through)
{
    struct journal_trimmed sum = {0};
    struct journal_trimmed slice;

    do {
        assert_int_equal(journal_trim(fixture->journal, through, &slice), 0);
        sum.events += slice.events;
        sum.bytes += slice.bytes;
    } while (slice.events > 0);
    return sum;
}

static int ignore_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    (void)context;
    (void)seq;
    (void)event;
    return 0;
}

/* The journal begins behind `seq`, and says so, also to readers and when it is opened anew. */
static void check_base(struct journal_fixture *fixture, uint64_t seq)
{
    uint8_t hash[RENTBUS_HASH_SIZE];
    struct journal_head read = {0};

    journal_fixture_hash(seq, hash);
    for (int i = 0; i < 2; i++) {
        uint64_t head = journal_head(fixture->journal)->seq;
        assert_int_equal(base(fixture), seq);
        assert_int_equal(journal_reader_base(fixture->reader, &read), 0);
        assert_int_equal(read.seq, seq);
        assert_int_equal(read.time, seq ? journal_fixture_time(seq) : 0);
        if (seq)
            assert_memory_equal(read.hash, hash, sizeof(hash));
        journal_fixture_check(fixture->reader, seq + 1, head);
        if (seq)
            assert_int_equal(journal_read(fixture->reader, seq, head, ignore_event, NULL),
                             JOURNAL_TRIMMED);
        if (seq)
            assert_int_equal(journal_read(fixture->reader, 1, 1, ignore_event, NULL),
                             JOURNAL_TRIMMED);
        journal_fixture_reopen(fixture);
    }
}

static void test_whole_blocks_go(void **state)
{
    struct journal_fixture *fixture = *state;

    append(fixture, 300);
    append(fixture, 5);
    check_base(fixture, 0);
    assert_int_equal(trim(fixture, 127).events, 0);
    check_base(fixture, 0);
    assert_int_equal(trim(fixture, 128).events, 128);
    check_base(fixture, 128);
    assert_int_equal(trim(fixture, 255).events, 0);
    assert_int_equal(trim(fixture, 304).events, 300 - 128);
    check_base(fixture, 300);
    append(fixture, 200);
    check_base(fixture, 300);
    assert_int_equal(trim(fixture, UINT64_MAX).events, 5 + 128);
    check_base(fixture, 433);
    assert_int_equal(trim(fixture, 0).events, 0);
    check_base(fixture, 433);
}

static void test_the_last_block_stays(void **state)
{
    struct journal_fixture *fixture = *state;

    assert_int_equal(trim(fixture, UINT64_MAX).events, 0);
    append(fixture, 100);
    assert_int_equal(trim(fixture, UINT64_MAX).events, 0);
    assert_int_equal(trim(fixture, 100).events, 0);
    append(fixture, 1);
    assert_int_equal(trim(fixture, UINT64_MAX).events, 100);
    check_base(fixture, 100);
    assert_int_equal(journal_head(fixture->journal)->seq, 101);
}

/* What journal_trim_end() and journal_trim_measure() foretell is what goes. */
static void test_foretold(void **state)
{
    struct journal_fixture *fixture = *state;
    uint64_t head = 0;

    for (int round = 0; round < 60; round++) {
        struct journal_trimmed foretold = {0};
        uint64_t end = 0;
        size_t count = 1 + journal_fixture_random(fixture, 400);
        append(fixture, count);
        head += count;
        uint64_t before = base(fixture);
        uint64_t through = before + journal_fixture_random(fixture, head - before + 20);
        assert_int_equal(journal_trim_end(fixture->reader, through, &end), 0);
        assert_int_equal(journal_trim_measure(fixture->reader, through, &foretold), 0);
        assert_in_range(end, before, through > before ? through : before);
        struct journal_trimmed gone = trim(fixture, through);
        assert_int_equal(base(fixture), end);
        assert_int_equal(gone.events, end - before);
        assert_int_equal(gone.events, foretold.events);
        assert_int_equal(gone.bytes, foretold.bytes);
        assert_true((gone.bytes > 0) == (gone.events > 0));
    }
    check_base(fixture, base(fixture));
}

/* However much is to go, a transaction takes little of it. */
static void test_slices_are_small(void **state)
{
    struct journal_fixture *fixture = *state;
    struct journal_trimmed slice;
    uint64_t before = 0;
    unsigned slices = 0;

    append(fixture, 20000);
    for (int i = 0; i < 300; i++)
        append(fixture, 1);
    while (journal_trim(fixture->journal, 20200, &slice) == 0 && slice.events > 0) {
        assert_in_range(slice.bytes, 1, 512 << 10);
        assert_in_range(slice.events, 1, 128 * 256);
        assert_int_equal(base(fixture), before + slice.events);
        before = base(fixture);
        slices++;
    }
    assert_int_equal(before, 20200);
    assert_in_range(slices, 12, 200);
    check_base(fixture, 20200);
}

static void test_seek_in_what_is_left(void **state)
{
    struct journal_fixture *fixture = *state;
    uint64_t seq = 0;

    append(fixture, 1000);
    assert_int_equal(trim(fixture, 400).events, 384);
    assert_int_equal(journal_seek(fixture->reader, 0, &seq), JOURNAL_TRIMMED);
    assert_int_equal(journal_seek(fixture->reader, journal_fixture_time(384), &seq),
                     JOURNAL_TRIMMED);
    for (uint64_t wanted = 387; wanted <= 1000; wanted += 3) {
        assert_int_equal(journal_seek(fixture->reader, journal_fixture_time(wanted), &seq), 0);
        assert_int_equal(seq, wanted);
    }
    assert_int_equal(journal_seek(fixture->reader, journal_fixture_time(2000), &seq), 0);
    assert_int_equal(seq, 1001);
}

struct trimming_reader {
    struct journal_fixture *fixture;
    uint64_t seen;
};

static int trim_meanwhile(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct trimming_reader *reading = context;

    (void)event;
    reading->seen = seq;
    if (seq == 1)
        trim(reading->fixture, 3000);
    return 0;
}

/* A reader under whose feet events go is told so: it never sees a gap. */
static void test_readers_are_told(void **state)
{
    struct journal_fixture *fixture = *state;
    struct trimming_reader reading = {.fixture = fixture};

    append(fixture, 4000);
    int r = journal_read(fixture->reader, 1, 4000, trim_meanwhile, &reading);
    assert_int_equal(r, JOURNAL_TRIMMED);
    assert_in_range(reading.seen, 1, 2999);
    check_base(fixture, 23 * 128);
}

/* A gap that nobody made on purpose is still damage. */
static void test_a_gap_is_damage(void **state)
{
    struct journal_fixture *fixture = *state;

    append(fixture, 1000);
    trim(fixture, 256);
    journal_fixture_sql(fixture->journal_path, "DELETE FROM block WHERE first_seq = 513");
    assert_int_equal(journal_read(fixture->reader, 257, 1000, ignore_event, NULL), -EBADMSG);
    assert_int_equal(journal_read(fixture->reader, 520, 530, ignore_event, NULL), -EBADMSG);
}

/* Of what is damaged nothing can be chained to: it stays, for somebody to look at. */
static void test_damage_does_not_go(void **state)
{
    struct journal_fixture *fixture = *state;
    struct journal_trimmed slice = {0};

    append(fixture, 1000);
    journal_fixture_sql(fixture->journal_path,
                        "UPDATE block SET events = zeroblob(length(events)) WHERE first_seq = 129");
    assert_int_equal(journal_trim(fixture->journal, 256, &slice), -EBADMSG);
    assert_int_equal(base(fixture), 0);
    assert_int_equal(slice.events, 0);
    append(fixture, 1);
    assert_int_equal(trim(fixture, 128).events, 128);
}

/* What went makes room for what comes. */
static void test_room_is_used_again(void **state)
{
    struct journal_fixture *fixture = *state;

    append(fixture, 20000);
    assert_int_equal(journal_checkpoint(fixture->reader), 0);
    uint64_t size = journal_fixture_file_size(fixture->journal_path, "");
    for (int round = 0; round < 4; round++) {
        trim(fixture, journal_head(fixture->journal)->seq - 200);
        append(fixture, 15000);
        assert_int_equal(journal_checkpoint(fixture->reader), 0);
    }
    assert_in_range(journal_fixture_file_size(fixture->journal_path, ""), size / 2, size);
}

/* Appends and trims for ever, and writes base and head to `fd` after each step. */
static _Noreturn void work_for_ever(const char *path, int fd, uint64_t random)
{
    struct journal_fixture fixture = {.random = random};
    struct journal_trimmed slice;
    struct rentbus_fault fault;

    if (journal_open(path, JOURNAL_FIXTURE_LEDGER, &fixture.journal, &fault))
        _exit(1);
    for (;;) {
        if (journal_fixture_append(fixture.journal, 1 + journal_fixture_random(&fixture, 400)))
            _exit(2);
        uint64_t ends[2] = {base(&fixture), journal_head(fixture.journal)->seq};
        if (write(fd, ends, sizeof(ends)) != sizeof(ends))
            _exit(3);
        if (journal_trim(fixture.journal, ends[1] > 300 ? ends[1] - 300 : 0, &slice))
            _exit(4);
        ends[0] = base(&fixture);
        if (write(fd, ends, sizeof(ends)) != sizeof(ends))
            _exit(3);
    }
}

static void kill_after(pid_t child, int fd, uint64_t count, uint64_t acknowledged[2])
{
    const size_t size = 2 * sizeof(uint64_t);
    int status = 0;

    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(read(fd, acknowledged, size), size);
    kill(child, SIGKILL);
    while (read(fd, acknowledged, size) == (ssize_t)size)
        continue;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void test_a_kill_leaves_a_journal(void **state)
{
    struct journal_fixture *fixture = *state;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t acknowledged[2] = {0};
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        journal_reader_close(&fixture->reader);
        journal_close(&fixture->journal);
        uint64_t random = fixture->random;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            work_for_ever(fixture->journal_path, pipes[1], random);
        }
        close(pipes[1]);
        kill_after(child, pipes[0], 2 + journal_fixture_random(fixture, 40), acknowledged);
        close(pipes[0]);
        journal_fixture_reopen(fixture);
        uint64_t head = journal_head(fixture->journal)->seq;
        assert_in_range(head, acknowledged[1], acknowledged[1] + 400);
        assert_in_range(base(fixture), acknowledged[0], head - 1);
        check_base(fixture, base(fixture));
    }
    assert_true(base(fixture) > 0);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole_blocks_go),
        TEST(test_the_last_block_stays),
        TEST(test_foretold),
        TEST(test_slices_are_small),
        TEST(test_seek_in_what_is_left),
        TEST(test_readers_are_told),
        TEST(test_a_gap_is_damage),
        TEST(test_damage_does_not_go),
        TEST(test_room_is_used_again),
        TEST(test_a_kill_leaves_a_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
