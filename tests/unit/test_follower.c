/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/archive/follower.h"
#include "daemon/journal/block.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/journal_fixture.h"

#define DEADLINE_S 90
/* About what an event of the fixture takes. */
#define EVENT_BYTES 500

struct following {
    struct journal_fixture *fixture;
    struct archive_follower *follower;
    int notify_fd;
    time_t deadline;
};

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static struct following start(struct journal_fixture *fixture)
{
    struct following following = {
        .fixture = fixture,
        .notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .deadline = now() + DEADLINE_S,
    };

    assert_true(following.notify_fd >= 0);
    assert_int_equal(archive_follower_start(fixture->journal_path, fixture->archive_path,
                                            JOURNAL_FIXTURE_LEDGER, following.notify_fd,
                                            &following.follower),
                     0);
    return following;
}

static void stop(struct following *following)
{
    archive_follower_stop(&following->follower);
    assert_null(following->follower);
    close(following->notify_fd);
}

static void append(struct following *following, size_t count)
{
    struct journal *journal = following->fixture->journal;

    assert_int_equal(journal_fixture_append(journal, count), 0);
    archive_follower_wake(following->follower, journal_head(journal)->seq, count * EVENT_BYTES);
}

/* Waits for the follower to say something. */
static void wait_for_word(struct following *following)
{
    struct pollfd fd = {.fd = following->notify_fd, .events = POLLIN};
    uint64_t words;

    if (now() >= following->deadline || poll(&fd, 1, DEADLINE_S * 1000) != 1)
        fail_msg("the follower stands at %u, error %d",
                 (unsigned)archive_follower_seq(following->follower),
                 archive_follower_error(following->follower));
    assert_int_equal(read(following->notify_fd, &words, sizeof(words)), sizeof(words));
}

static void wait_for_seq(struct following *following, uint64_t seq)
{
    while (archive_follower_seq(following->follower) < seq)
        wait_for_word(following);
    assert_int_equal(archive_follower_seq(following->follower), seq);
}

static void wait_for_error(struct following *following, int error)
{
    while (archive_follower_error(following->follower) != error)
        wait_for_word(following);
}

static void check_count(struct journal_fixture *fixture)
{
    struct archive_reader *reader = NULL;
    struct archive_counts counts;
    struct rentbus_rental rental;
    uint64_t rentals = 0, seq = 0;

    for (uint64_t at = 1; at <= journal_head(fixture->journal)->seq; at++)
        rentals += journal_fixture_closed(at, &rental, NULL);
    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, journal_head(fixture->journal)->seq);
    assert_int_equal(counts.rentals, rentals);
    archive_reader_close(&reader);
}

static void test_takes_what_was_there_and_what_comes(void **state)
{
    struct journal_fixture *fixture = *state;

    assert_int_equal(journal_fixture_append(fixture->journal, 1000), 0);
    struct following following = start(fixture);
    wait_for_seq(&following, 1000);
    for (uint64_t i = 1; i <= 20; i++) {
        append(&following, 50);
        wait_for_seq(&following, 1000 + i * 50);
    }
    assert_int_equal(archive_follower_error(following.follower), 0);
    stop(&following);
    check_count(fixture);
}

/* More than fits in one transaction, and wakes that fall together. */
static void test_catches_up_with_many(void **state)
{
    struct following following = start(*state);

    for (int i = 0; i < 10; i++) {
        append(&following, 4999);
        archive_follower_wake(following.follower, journal_head(following.fixture->journal)->seq, 0);
    }
    wait_for_seq(&following, 49990);
    stop(&following);
    check_count(*state);
}

/* It stands back, but not for ever, from a ledger that is told to move all the time. */
static void test_takes_what_does_not_stop_coming(void **state)
{
    struct following following = start(*state);
    struct pollfd fd = {.fd = following.notify_fd, .events = POLLIN};

    for (uint64_t seq = 2; seq <= 4; seq += 2) {
        append(&following, 1);
        wait_for_seq(&following, seq - 1);
        assert_int_equal(journal_fixture_append(following.fixture->journal, 1), 0);
        for (uint64_t i = 0; archive_follower_seq(following.follower) < seq; i++) {
            assert_true(now() < following.deadline);
            archive_follower_wake(following.follower, seq + i % (ARCHIVE_FOLLOWER_HURRY / 2), 0);
            poll(&fd, 1, 1);
        }
    }
    stop(&following);
}

/* More is appended than the log may hold before its writer empties it: four times what makes a
 * checkpoint due, and looked at after each such piece more. What the archive takes of it is more
 * than makes its own checkpoint due, by half. */
static void test_keeps_the_logs_small(void **state)
{
    const uint64_t piece = (uint64_t)BLOCK_LOG_FRAMES * BLOCK_FRAME_SIZE;
    struct journal_fixture *fixture = *state;
    struct following following = start(fixture);
    uint64_t seq = 0;
    uint64_t archive_log = 0;

    while (journal_fixture_file_size(fixture->journal_path, "") < 6 * piece) {
        append(&following, 20000);
        seq += 20000;
        wait_for_seq(&following, seq);
        archive_log = journal_fixture_file_size(fixture->archive_path, "-wal");
    }
    stop(&following);
    assert_true(journal_fixture_file_size(fixture->journal_path, "-wal") <= 5 * piece + piece / 2);
    assert_true(archive_log < ARCHIVE_LOG_BYTES + ARCHIVE_LOG_BYTES / 2);
}

static void test_stops_quickly_without_catching_up(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;
    uint64_t seq = 0;

    for (int i = 0; i < 10; i++)
        assert_int_equal(journal_fixture_append(fixture->journal, 20000), 0);
    struct following following = start(fixture);
    stop(&following);
    archive_follower_stop(&following.follower);
    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_in_range(seq, 0, 199999);
    archive_reader_close(&reader);
}

static void test_says_why_it_cannot_start(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_follower *follower = NULL;

    assert_int_equal(
        archive_follower_start("/nowhere/journal.db", fixture->archive_path, "test", -1, &follower),
        -ENOENT);
    assert_int_equal(
        archive_follower_start(fixture->journal_path, "/nowhere/archive.db", "test", -1, &follower),
        -ENOENT);
    assert_null(follower);
}

static void test_leaves_signals_to_others(void **state)
{
    struct following following = start(*state);
    sigset_t usr1, before, pending;

    append(&following, 10);
    wait_for_seq(&following, 10);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    signal(SIGUSR1, SIG_IGN);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    signal(SIGUSR1, SIG_DFL);
    stop(&following);
}

static void test_rebuilds_a_deleted_archive(void **state)
{
    struct journal_fixture *fixture = *state;
    struct following following = start(fixture);

    append(&following, 500);
    wait_for_seq(&following, 500);
    assert_int_equal(unlink(fixture->archive_path), 0);
    append(&following, 100);
    wait_for_seq(&following, 600);
    stop(&following);
    check_count(fixture);
}

/* The archive's disk is full, and then is not; the journal goes on all the time. */
static void test_goes_on_when_the_disk_does(void **state)
{
    struct journal_fixture *fixture = *state;
    static const struct fault_plan plans[] = {
        {.path = "archive", .has_room = true},
        {.path = "archive", .write = 1, .lasting = true},
    };
    static const int errors[] = {-ENOSPC, -EIO};
    struct following following = start(fixture);

    append(&following, 1000);
    wait_for_seq(&following, 1000);
    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
        uint64_t before = journal_head(fixture->journal)->seq;
        fault_vfs_plan(plans[i]);
        append(&following, 20000);
        wait_for_error(&following, errors[i]);
        assert_in_range(archive_follower_seq(following.follower), before, before + 19999);
        fault_vfs_plan((struct fault_plan){0});
        wait_for_seq(&following, before + 20000);
        assert_int_equal(archive_follower_error(following.follower), 0);
    }
    stop(&following);
    check_count(fixture);
}

static int setup(void **state)
{
    fault_vfs_install();
    return journal_fixture_setup(state);
}

static int teardown(void **state)
{
    int r = journal_fixture_teardown(state);

    fault_vfs_uninstall();
    return r;
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_JOURNAL(test_takes_what_was_there_and_what_comes),
        WITH_JOURNAL(test_catches_up_with_many),
        WITH_JOURNAL(test_takes_what_does_not_stop_coming),
        WITH_JOURNAL(test_keeps_the_logs_small),
        WITH_JOURNAL(test_stops_quickly_without_catching_up),
        WITH_JOURNAL(test_says_why_it_cannot_start),
        WITH_JOURNAL(test_leaves_signals_to_others),
        WITH_JOURNAL(test_rebuilds_a_deleted_archive),
        cmocka_unit_test_setup_teardown(test_goes_on_when_the_disk_does, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
