/* SPDX-License-Identifier: MPL-2.0 */
/* What consumers know behind the end of a daemon, of whatever kind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "daemon/bus/bus_state.h"
#include "sdk/protocol/text.h"
#include "tests/unit/bus_fixture.h"

static void put(struct bus_fixture *bus, const char *id, const char *type)
{
    struct ledger_command command = bus_fixture_put(id, type, 3);
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_CREATED_EVENT);
}

static void publish_some(struct bus_fixture *bus, size_t count)
{
    char subject[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(subject, sizeof subject, "s%zu", i);
        bus_fixture_record(bus, "t", subject, "u");
    }
    bus_fixture_commit(bus);
}

static void ack_at(struct bus_fixture *bus, const struct bus_fixture_answer *answer, size_t index)
{
    assert_int_equal(bus_fixture_ack(bus, "c", "w", &answer->deliveries[index]), 0);
}

static void fail_at(struct bus_fixture *bus, const struct bus_fixture_answer *answer, size_t index,
                    bool fatal)
{
    struct rentbus_nack_result result;
    assert_int_equal(
        bus_fixture_nack(bus, "c", "w", &answer->deliveries[index], UINT64_MAX, fatal, &result), 0);
}

/* Ten events: the 1st and 3rd done, the 2nd failed once, the 5th parked, the 6th answered, the 7th
 * skipped, the 8th in hand, the others not yet tried. */
static struct bus_fixture_answer make_a_mess(struct bus_fixture *bus)
{
    put(bus, "c", "t");
    publish_some(bus, 10);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 8), 8);
    struct bus_fixture_answer taken = bus->last;
    ack_at(bus, &taken, 0);
    fail_at(bus, &taken, 1, false);
    ack_at(bus, &taken, 2);
    fail_at(bus, &taken, 4, true);
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "w", &taken.deliveries[5], "made"), 0);
    struct ledger_command skip = bus_fixture_skip("c", taken.deliveries[6].seq);
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_CONSUMER_SKIPPED_EVENT);
    bus_fixture_save(bus);
    return taken;
}

static void check_the_mess(struct bus_fixture *bus, const struct bus_fixture_answer *taken)
{
    static const struct {
        size_t index;
        uint64_t attempt;
    } left[] = {{1, 2}, {3, 2}, {7, 2}};
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, taken->deliveries[0].seq);
    bus_fixture_sleep(bus, 20 * BUS_SECOND);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 5);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bus->last.deliveries[i].seq, taken->deliveries[left[i].index].seq);
        assert_int_equal(bus->last.deliveries[i].attempt, left[i].attempt);
    }
    assert_int_equal(bus->last.deliveries[3].seq, taken->deliveries[7].seq + 1);
    assert_int_equal(bus->last.deliveries[4].attempt, 1);
}

static void test_stopped(void **state)
{
    struct bus_fixture_answer taken = make_a_mess(*state);
    bus_fixture_restart(*state, BUS_FIXTURE_STOPPED);
    check_the_mess(*state, &taken);
}

static void test_stopped_before_it_was_saved(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    publish_some(bus, 10);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 8), 8);
    struct bus_fixture_answer taken = bus->last;
    for (size_t i = 0; i < 8; i++) {
        ack_at(bus, &taken, i);
        bus_fixture_sleep(bus, 21000); /* a saving may be under way all the time */
    }
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, taken.deliveries[7].seq);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 2);
}

static void test_killed_behind_a_saving(void **state)
{
    struct bus_fixture_answer taken = make_a_mess(*state);
    bus_fixture_restart(*state, BUS_FIXTURE_KILLED);
    check_the_mess(*state, &taken);
}

/* What is durable is known, what was only acknowledged comes again. */
static void test_killed_before_a_saving(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    publish_some(bus, 6);
    bus_fixture_save(bus);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 5), 5);
    struct bus_fixture_answer taken = bus->last;
    ack_at(bus, &taken, 0);
    fail_at(bus, &taken, 1, true);
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "w", &taken.deliveries[2], "made"), 0);
    bus_fixture_commit(bus);
    struct ledger_command skip = bus_fixture_skip("c", taken.deliveries[3].seq);
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_CONSUMER_SKIPPED_EVENT);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 3);
    assert_int_equal(bus->last.deliveries[0].seq, taken.deliveries[0].seq);
    assert_int_equal(bus->last.deliveries[1].seq, taken.deliveries[4].seq);
    assert_int_equal(bus->last.deliveries[2].seq, taken.deliveries[4].seq + 1);
    assert_int_equal(bus->last.deliveries[1].attempt, 1);
}

/* What could not be saved is saved when the disk is well, though nothing else has changed. */
static void test_a_saving_that_fails(void **state)
{
    struct bus_fixture *bus = *state;
    struct rlimit before;
    bool failed = false;
    put(bus, "c", "t");
    publish_some(bus, 5);
    bus_fixture_save(bus);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 5);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit none = {0, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    for (int i = 0; i < 100 && bus->logged == 0; i++) {
        bus_fixture_sleep(bus, 100000);
        failed |= cursors_finish(bus->bus->cursors) != 0;
    }
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(failed);
    assert_int_equal(bus->logged, 1);
    bus_fixture_sleep(bus, 5 * BUS_SECOND);
    bus_fixture_save(bus);
    assert_int_equal(bus->logged, 2);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
}

static void test_parking_that_was_not_durable(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    publish_some(bus, 2);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 2), 2);
    struct bus_fixture_answer taken = bus->last;
    fail_at(bus, &taken, 0, true);
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "w", &taken.deliveries[1], "made"), 0);
    bus_fixture_save(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 2);
}

static void lose_the_file(struct bus_fixture *bus, enum bus_fixture_end how)
{
    struct bus_fixture_answer taken = make_a_mess(bus);
    bus_fixture_restart(bus, how);
    /* From the start, but for what was parked, answered and skipped. */
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 7);
    assert_int_equal(bus->last.deliveries[0].seq, taken.deliveries[0].seq);
    assert_int_equal(bus->last.deliveries[4].seq, taken.deliveries[7].seq);
    assert_int_equal(bus->last.deliveries[0].attempt, 1);
    struct bus_fixture_answer again = bus->last;
    for (size_t i = 0; i < 7; i++)
        ack_at(bus, &again, i);
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
    assert_int_equal(bus_fixture_status(bus, "c").lag, 0);
}

static void test_lost(void **state)
{
    lose_the_file(*state, BUS_FIXTURE_LOST);
}

static void test_damaged(void **state)
{
    lose_the_file(*state, BUS_FIXTURE_DAMAGED);
}

static void test_of_another_ledger(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    publish_some(bus, 3);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
    bus_fixture_restart(bus, BUS_FIXTURE_CLOSED);
    bus_fixture_copy(bus->journal_path, bus->cursors_path);
    bus_fixture_open(bus);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
}

/* One row is changed behind the bus's back: that consumer begins anew, the other does not. */
static void test_a_damaged_row(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    put(bus, "d", "t");
    publish_some(bus, 3);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
    assert_int_equal(bus_fixture_work(bus, "d", "w"), 3);
    bus_fixture_restart(bus, BUS_FIXTURE_CLOSED);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(bus->cursors_path, &db), SQLITE_OK);
    static const char change[] = "UPDATE consumer SET state = substr(state, 1, 24) || x'FF' || "
                                 "substr(state, 26) WHERE id = 'c'";
    assert_int_equal(sqlite3_exec(db, change, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
    bus_fixture_open(bus);
    assert_int_equal(bus_fixture_work(bus, "d", "w"), 0);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
}

/* The journal comes out of a backup, and has lost its end; the file of cursors has not. */
static void test_a_journal_that_lost_its_end(void **state)
{
    struct bus_fixture *bus = *state;
    char kept[128];
    char command[512];
    put(bus, "c", "t");
    publish_some(bus, 3);
    snprintf(kept, sizeof kept, "%s.old", bus->journal_path);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(bus->journal_path, &db), SQLITE_OK);
    snprintf(command, sizeof command, "VACUUM INTO '%s'", kept);
    assert_int_equal(sqlite3_exec(db, command, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    publish_some(bus, 20);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 20), 20);
    struct bus_fixture_answer taken = bus->last;
    for (size_t i = 1; i < 19; i++)
        ack_at(bus, &taken, i);
    bus_fixture_restart(bus, BUS_FIXTURE_CLOSED);
    journal_reader_close(&bus->reader);
    journal_close(&bus->journal);
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "%s%s", bus->journal_path, i ? "-shm" : "-wal");
        unlink(command);
    }
    assert_int_equal(rename(kept, bus->journal_path), 0);
    struct rentbus_fault fault;
    assert_int_equal(journal_open(bus->journal_path, BUS_FIXTURE_LEDGER, &bus->journal, &fault), 0);
    assert_int_equal(journal_reader_open(bus->journal_path, &bus->reader), 0);
    bus->chain.head = chain_head_of(journal_head(bus->journal));
    bus_fixture_open(bus);
    publish_some(bus, 5);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 1 + 5);
}

static void test_reset(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    publish_some(bus, 4);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 3), 3);
    struct bus_fixture_answer taken = bus->last;
    fail_at(bus, &taken, 0, true);
    bus_fixture_commit(bus);
    struct ledger_command reset = bus_fixture_reset("c", first);
    assert_int_equal(bus_fixture_command(bus, &reset), RENTBUS_CONSUMER_RESET_EVENT);
    assert_int_equal(bus_fixture_ack(bus, "c", "w", &taken.deliveries[1]), RENTBUS_ERROR_NOT_FOUND);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    bus_fixture_restart(bus, BUS_FIXTURE_LOST);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 5);
    assert_int_equal(bus_fixture_command(bus, &reset), RENTBUS_CONSUMER_RESET_EVENT);
    /* Leases of before the reset are none of those behind it. */
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    struct bus_fixture_delivery before = bus->last.deliveries[0];
    assert_int_equal(bus_fixture_command(bus, &reset), RENTBUS_CONSUMER_RESET_EVENT);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    assert_int_equal(bus->last.deliveries[0].seq, before.seq);
    assert_int_equal(bus_fixture_ack(bus, "c", "w", &before), RENTBUS_ERROR_CONFLICT);
    bus_fixture_save(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 5);
    struct ledger_command head = bus_fixture_reset("c", bus->chain.head.seq + 1);
    assert_int_equal(bus_fixture_command(bus, &head), RENTBUS_CONSUMER_RESET_EVENT);
    publish_some(bus, 1);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 1);
}

/* A replay that was saved while it was on its way, and one that was not. */
static void test_replays(void **state)
{
    static const enum bus_fixture_end ends[] = {BUS_FIXTURE_STOPPED, BUS_FIXTURE_KILLED,
                                                BUS_FIXTURE_LOST};
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    for (size_t i = 0; i < 3; i++) {
        publish_some(bus, 3);
        while (bus_fixture_fetch(bus, "c", "w", 3) > 0) {
            struct bus_fixture_answer taken = bus->last;
            for (size_t j = 0; j < taken.count; j++)
                fail_at(bus, &taken, j, true);
            bus_fixture_commit(bus);
        }
        bus_fixture_save(bus);
        struct ledger_command replay = bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c");
        assert_int_equal(bus_fixture_command(bus, &replay), RENTBUS_CONSUMER_REPLAYED_EVENT);
        bus_fixture_restart(bus, ends[i]);
        assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
        assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 3);
        struct bus_fixture_answer taken = bus->last;
        assert_int_equal(taken.deliveries[0].attempt, 1);
        for (size_t j = 0; j < taken.count; j++)
            fail_at(bus, &taken, j, true);
        bus_fixture_commit(bus);
        struct ledger_command drop = bus_fixture_all_parked(RENTBUS_OP_consumer_drop, "c");
        assert_int_equal(bus_fixture_command(bus, &drop), RENTBUS_CONSUMER_DROPPED_EVENT);
    }
    bus_fixture_restart(bus, BUS_FIXTURE_LOST);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
}

static void test_deleted_and_made_again(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command delete = bus_fixture_about(RENTBUS_OP_consumer_delete, "c");
    put(bus, "c", "t");
    publish_some(bus, 3);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
    bus_fixture_save(bus);
    assert_int_equal(bus_fixture_ask(bus, "c", "w", 1, 1, 9000, 9), BUS_LATER);
    assert_int_equal(bus_fixture_command(bus, &delete), RENTBUS_CONSUMER_DELETED_EVENT);
    assert_int_equal(bus->answers, 1);
    assert_int_equal(bus->last.code, RENTBUS_ERROR_NOT_FOUND);
    assert_int_equal(bus_fixture_ask(bus, "c", "w", 1, 1, 0, 9), RENTBUS_ERROR_NOT_FOUND);
    put(bus, "c", "t");
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
    bus_fixture_save(bus);
    assert_int_equal(bus_fixture_command(bus, &delete), RENTBUS_CONSUMER_DELETED_EVENT);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED); /* whose row is of no use any more */
    assert_int_equal(bus_counts(bus->bus).consumers, 0);
    put(bus, "c", "t");
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
}

static void test_updated(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", NULL);
    bus_fixture_publish(bus, "t", "a");
    uint64_t second = bus_fixture_publish(bus, "u", "b");
    bus_fixture_publish(bus, "t", "c");
    uint64_t fourth = bus_fixture_publish(bus, "u", "d");
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    struct bus_fixture_answer taken = bus->last;
    struct ledger_command update = bus_fixture_put("c", "u", 5);
    assert_int_equal(bus_fixture_command(bus, &update), RENTBUS_CONSUMER_UPDATED_EVENT);
    assert_int_equal(bus_fixture_command(bus, &update), RENTBUS_COMMAND_UNCHANGED_EVENT);
    /* What is in hand stays there; of the rest, what is not wanted any more is left out. */
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 2);
    assert_int_equal(bus->last.deliveries[0].seq, second);
    assert_int_equal(bus->last.deliveries[1].seq, fourth);
    ack_at(bus, &taken, 0);
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    assert_int_equal(bus_fixture_status(bus, "c").consumer.max_attempts, 5);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 2);
}

/* The file of cursors is of before it was looked once more at what was chosen. */
static void test_updated_and_killed(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", NULL);
    bus_fixture_publish(bus, "t", "a");
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 1);
    struct ledger_command update = bus_fixture_put("c", "u", 5);
    assert_int_equal(bus_fixture_command(bus, &update), RENTBUS_CONSUMER_UPDATED_EVENT);
    bus_fixture_save(bus);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 0);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 0);
}

/* A newer definition leaves alone what somebody asked for. */
static void test_updated_with_a_replay(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    publish_some(bus, 2);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 2), 2);
    struct bus_fixture_answer taken = bus->last;
    fail_at(bus, &taken, 0, true);
    fail_at(bus, &taken, 1, false);
    bus_fixture_commit(bus);
    struct ledger_command replay = bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c");
    assert_int_equal(bus_fixture_command(bus, &replay), RENTBUS_CONSUMER_REPLAYED_EVENT);
    struct ledger_command update = bus_fixture_put("c", "u", 5);
    assert_int_equal(bus_fixture_command(bus, &update), RENTBUS_CONSUMER_UPDATED_EVENT);
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    bus_fixture_sleep(bus, 5 * BUS_SECOND);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 1);
    assert_int_equal(bus->last.deliveries[0].seq, taken.deliveries[0].seq);
}

/* Random work, random ends: in order for each subject, nothing left out. */
static void test_random(void **state)
{
    struct bus_fixture *bus = *state;
    static uint64_t handled[3000];
    unsigned seed = 7;
    memset(handled, 0, sizeof handled);
    put(bus, "c", "t");
    bus_fixture_save(bus);
    for (int step = 0; step < 400; step++) {
        char subject[4] = {'s', (char)('0' + rand_r(&seed) % 8), 0};
        bus_fixture_record(bus, "t", subject, subject);
        if (rand_r(&seed) % 3 == 0)
            bus_fixture_commit(bus);
        if (rand_r(&seed) % 10 == 0)
            bus_fixture_save(bus);
        if (rand_r(&seed) % 40 == 0) {
            bus_fixture_commit(bus);
            bus_fixture_restart(bus, rand_r(&seed) % 4 ? BUS_FIXTURE_KILLED : BUS_FIXTURE_STOPPED);
        }
        bus_fixture_fetch(bus, "c", "w", 1 + (uint64_t)rand_r(&seed) % 5);
        struct bus_fixture_answer taken = bus->last;
        for (size_t i = 0; i < taken.count; i++) {
            if (rand_r(&seed) % 4 == 0)
                continue;
            if (rand_r(&seed) % 8 == 0)
                fail_at(bus, &taken, i, false);
            else
                ack_at(bus, &taken, i);
            handled[taken.deliveries[i].seq]++;
        }
        bus_fixture_sleep(bus, rand_r(&seed) % (4 * BUS_SECOND));
    }
    bus_fixture_commit(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_KILLED);
    for (int i = 0; i < 50; i++) {
        while (bus_fixture_fetch(bus, "c", "w", 100) > 0) {
            struct bus_fixture_answer taken = bus->last;
            for (size_t j = 0; j < taken.count; j++) {
                ack_at(bus, &taken, j);
                handled[taken.deliveries[j].seq]++;
            }
        }
        bus_fixture_commit(bus);
        bus_fixture_sleep(bus, 20 * BUS_SECOND);
    }
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    size_t missing = 0;
    size_t events = 0;
    for (uint64_t seq = 1; seq <= bus->chain.head.seq && seq < 3000; seq++)
        events += handled[seq] > 0;
    missing = 400 - events;
    assert_in_range(missing, 0, status.parked); /* parked ones may have failed unhandled */
    assert_int_equal(status.in_flight + status.delayed, 0);
}

/* From the first event, and from snapshots. */
#define BUS_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, bus_fixture_setup, bus_fixture_teardown),                \
    {                                                                                              \
#name "_with_snapshots", name, bus_fixture_setup_snapshots, bus_fixture_teardown, NULL     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(test_stopped),
        BUS_TEST(test_stopped_before_it_was_saved),
        BUS_TEST(test_killed_behind_a_saving),
        BUS_TEST(test_killed_before_a_saving),
        BUS_TEST(test_a_saving_that_fails),
        BUS_TEST(test_parking_that_was_not_durable),
        BUS_TEST(test_lost),
        BUS_TEST(test_damaged),
        BUS_TEST(test_of_another_ledger),
        BUS_TEST(test_a_damaged_row),
        BUS_TEST(test_a_journal_that_lost_its_end),
        BUS_TEST(test_reset),
        BUS_TEST(test_replays),
        BUS_TEST(test_deleted_and_made_again),
        BUS_TEST(test_updated),
        BUS_TEST(test_updated_and_killed),
        BUS_TEST(test_updated_with_a_replay),
        BUS_TEST(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
