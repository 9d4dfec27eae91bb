/* SPDX-License-Identifier: MPL-2.0 */
/* Workers that lose leases, answers and their daemon; and their end. */
#include "tests/unit/worker_fixture.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- what gets lost ---- */

static void take_and_ack(struct worker_fixture *fixture, uint64_t first, uint64_t last)
{
    struct rentbus_delivery delivery;
    for (uint64_t seq = first; seq <= last; seq++) {
        worker_take(fixture, seq, &delivery);
        worker_ack(fixture, &delivery);
    }
}

/* One of ten is in other hands: the other nine are acknowledged all the same. */
static void loses_one_lease_alone(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery deliveries[10];
    fake_consumer_add(fixture->fake, 10);
    worker_start(fixture);
    for (uint64_t i = 0; i < 10; i++)
        worker_take(fixture, i + 1, &deliveries[i]);
    fake_consumer_steal(fixture->fake, 4, false);
    for (size_t i = 0; i < 10; i++)
        worker_ack(fixture, &deliveries[i]);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 9);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
    assert_int_equal(rentbus_worker_fault(fixture->worker)->code, RENTBUS_ERROR_CONFLICT);
    fake_consumer_add(fixture->fake, 3);
    take_and_ack(fixture, 11, 13);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 12);
}

static void loses_what_another_one_did(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 2);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    fake_consumer_steal(fixture->fake, 1, true);
    worker_ack(fixture, &delivery);
    worker_flush(fixture);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
    worker_take(fixture, 2, &delivery);
    fake_consumer_steal(fixture->fake, 2, false);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, "x", 0, false), 0);
    worker_flush(fixture);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 2);
    assert_int_equal(worker_counts(fixture).failures, 0);
}

/* Acknowledged, and the answer is lost: the daemon does not know the lease any more, and nothing is
 * lost by that. */
static void survives_lost_answers_to_acks(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fake_consumer_add(fixture->fake, 5);
    fixture->options.credit = 5;
    worker_start(fixture);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        worker_take(fixture, seq, &delivery);
        if (seq == 5)
            fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
        worker_ack(fixture, &delivery);
    }
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 5);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

static void survives_bad_answers(void **state)
{
    static const enum fake_mood moods[] = {FAKE_BUSY,     FAKE_UNAVAILABLE, FAKE_GARBAGE,
                                           FAKE_OTHER_ID, FAKE_TWICE,       FAKE_TWO_FRAMES};
    struct worker_fixture *fixture = *state;
    uint64_t seq = 1;
    worker_hurry(fixture);
    fixture->options.wait_ms = 50;
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        struct rentbus_delivery delivery;
        worker_start(fixture);
        fake_consumer_add(fixture->fake, 20);
        worker_take(fixture, seq, &delivery);
        fake_daemon_mood(fixture->fake, moods[i], 2);
        worker_ack(fixture, &delivery);
        take_and_ack(fixture, seq + 1, seq + 19);
        worker_flush(fixture);
        seq += 20;
        assert_int_equal(worker_counts(fixture).done, seq - 1);
        assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
    }
}

/* What came to nothing is tried again by itself, also while a fetch waits and nothing else happens.
 */
static void tries_an_ack_again_in_time(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fixture->connection.timeout_ms = 300;
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    worker_expect_nothing(fixture, 20);
    fake_daemon_await(fixture->fake, "consumer.fetch", 2);
    fake_daemon_mood(fixture->fake, FAKE_UNAVAILABLE, INT32_MAX);
    worker_ack(fixture, &delivery);
    worker_expect_nothing(fixture, 350);
    fake_daemon_mood(fixture->fake, FAKE_WELL, 0);
    for (int64_t end = client_clock_ms() + WORKER_DEADLINE_MS; worker_counts(fixture).done == 0;) {
        assert_true(client_clock_ms() < end);
        worker_expect_nothing(fixture, 50);
    }
    assert_int_equal(worker_counts(fixture).done, 1);
}

/* ---- errors ---- */

static void tells_that_another_worker_took_over(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    fake_consumer_fence(fixture->fake);
    worker_ack(fixture, &delivery);
    assert_int_equal(worker_next(fixture, &delivery), -ESTALE);
    assert_int_equal(worker_next(fixture, &delivery), -ESTALE);
    assert_int_equal(rentbus_worker_flush(fixture->worker, 10), -ESTALE);
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "incarnation");
    size_t before = worker_requests(fixture, NULL);
    assert_int_equal(worker_next(fixture, &delivery), -ESTALE);
    assert_int_equal(worker_requests(fixture, NULL), before);
    /* And a fetch finds out, too. */
    worker_start(fixture);
    assert_int_equal(worker_next(fixture, &delivery), -ESTALE);
}

static void tells_what_the_daemon_refuses(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    fake_daemon_mood(fixture->fake, FAKE_DENYING, 1);
    worker_start(fixture);
    assert_int_equal(worker_next(fixture, &delivery), RENTBUS_ERROR_PERMISSION_DENIED);
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "actor");
    worker_take(fixture, 1, &delivery);
    fake_consumer_delete(fixture->fake);
    worker_ack(fixture, &delivery);
    assert_int_equal(worker_next(fixture, &delivery), RENTBUS_ERROR_NOT_FOUND);
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "id");
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

static void refuses_fetches_that_make_no_sense(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    fake_daemon_mood(fixture->fake, FAKE_NO_REPLY, 1);
    worker_start(fixture);
    assert_int_equal(worker_next(fixture, &delivery), -EBADMSG);
}

/* ---- a daemon that comes and goes ---- */

static void waits_while_the_daemon_is_away(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fake_daemon_up(fixture->fake, false);
    fake_consumer_add(fixture->fake, 2);
    worker_start(fixture);
    worker_expect_nothing(fixture, 300);
    fake_daemon_up(fixture->fake, true);
    worker_take(fixture, 1, &delivery);
    fake_daemon_up(fixture->fake, false);
    worker_ack(fixture, &delivery);
    assert_int_equal(rentbus_worker_flush(fixture->worker, 300), -ETIMEDOUT);
    fake_daemon_up(fixture->fake, true);
    worker_take(fixture, 2, &delivery);
    worker_ack(fixture, &delivery);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 2);
}

/* A fetch waits at the daemon for long when that is killed: the one that comes back hears of the
 * fetch at once. */
static void fetches_again_from_a_daemon_that_was_killed(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fixture->options.wait_ms = 60000;
    worker_start(fixture);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        worker_expect_nothing(fixture, 20);
        fake_daemon_await(fixture->fake, "consumer.fetch", 1);
        fake_daemon_up(fixture->fake, false);
        fake_consumer_forget(fixture->fake);
        fake_daemon_up(fixture->fake, true);
        fake_consumer_add(fixture->fake, 1);
        int64_t before = client_clock_ms();
        worker_take(fixture, seq, &delivery);
        assert_true(client_clock_ms() - before < 30000);
        /* And over a new connection, too, which silence brings about. */
        fake_daemon_mood(fixture->fake, FAKE_SILENT, 2);
        worker_ack(fixture, &delivery);
        worker_flush(fixture);
    }
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

/* Connections end on both sides at the same time, over and over: what libzmq has to tell of that
 * must not keep its thread, which serves them all. */
static void survives_connections_that_both_sides_give_up(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fixture->connection.retry_ms = 1;
    fixture->options.wait_ms = 60000;
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    worker_expect_nothing(fixture, 1);
    fake_daemon_mood(fixture->fake, FAKE_SILENT, INT32_MAX);
    worker_ack(fixture, &delivery);
    for (int i = 0; i < 200; i++) {
        worker_expect_nothing(fixture, 1 + i % 7);
        fake_daemon_up(fixture->fake, false);
        worker_expect_nothing(fixture, 1 + i % 5);
        fake_daemon_up(fixture->fake, true);
    }
    fake_daemon_mood(fixture->fake, FAKE_WELL, 0);
    fake_consumer_add(fixture->fake, 1);
    worker_take(fixture, 2, &delivery);
    worker_ack(fixture, &delivery);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 2);
}

/* The lease is not known any more: the event comes again. */
static void gets_an_event_again_from_a_daemon_that_forgot(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    fake_consumer_forget(fixture->fake);
    worker_ack(fixture, &delivery);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
    worker_ack(fixture, &delivery);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 1);
}

/* ---- closing ---- */

static void gives_back_what_is_in_hand(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 10);
    worker_start(fixture);
    take_and_ack(fixture, 1, 3);
    worker_take(fixture, 4, &delivery);
    rentbus_worker_close(&fixture->worker);
    struct fake_consumer_counts counts = worker_counts(fixture);
    assert_int_equal(counts.done, 3);
    assert_int_equal(counts.leased, 0);
    /* Only what was given is an attempt. */
    assert_int_equal(counts.failures, 1);
    assert_int_equal(counts.untried, counts.handed - counts.done - 1);
    char error[100];
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), 0);
    assert_string_equal(error, "");
}

/* What waits at the daemon for a worker that is gone would take an event with it. */
static void leaves_no_fetch_behind(void **state)
{
    struct worker_fixture *fixture = *state;
    worker_start(fixture);
    worker_expect_nothing(fixture, 20);
    fake_daemon_await(fixture->fake, "consumer.fetch", 1);
    rentbus_worker_close(&fixture->worker);
    fake_consumer_add(fixture->fake, 1);
    assert_int_equal(worker_counts(fixture).waiting, 0);
    assert_int_equal(worker_counts(fixture).leased, 0);
}

static void closes_without_a_daemon(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fake_consumer_add(fixture->fake, 1);
    fixture->connection.timeout_ms = 200;
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    fake_daemon_up(fixture->fake, false);
    worker_ack(fixture, &delivery);
    int64_t before = client_clock_ms();
    rentbus_worker_close(&fixture->worker);
    assert_in_range(client_clock_ms() - before, 150, 20000);
    fake_daemon_up(fixture->fake, true);
}

/* ---- other event loops ---- */

/* Takes events in the way of a program with a loop of its own. */
static void poll_for(struct worker_fixture *fixture, uint64_t first, uint64_t last)
{
    struct pollfd poll_fd = {.fd = rentbus_worker_fd(fixture->worker), .events = POLLIN};
    struct rentbus_delivery delivery;
    for (uint64_t seq = first; seq <= last;) {
        if (poll(&poll_fd, 1, WORKER_DEADLINE_MS) != 1)
            fail_msg("not told of event %zu", (size_t)seq);
        assert_true(rentbus_worker_process(fixture->worker) >= 0);
        while (rentbus_worker_next(fixture->worker, 0, &delivery) == 1) {
            assert_int_equal(delivery.event.seq, seq++);
            worker_ack(fixture, &delivery);
        }
    }
}

static void tells_another_loop(void **state)
{
    struct worker_fixture *fixture = *state;
    struct pollfd poll_fd = {.events = POLLIN};
    worker_hurry(fixture);
    fake_consumer_add(fixture->fake, 200);
    worker_start(fixture);
    poll_for(fixture, 1, 200);
    fake_consumer_add(fixture->fake, 10);
    poll_for(fixture, 201, 210);
    worker_flush(fixture);
    fake_daemon_up(fixture->fake, false);
    fake_consumer_forget(fixture->fake);
    fake_consumer_add(fixture->fake, 5);
    fake_daemon_up(fixture->fake, true);
    poll_for(fixture, 211, 215);
    /* Nothing is left but acknowledgements: they go out in time, and then there is peace. */
    poll_fd.fd = rentbus_worker_fd(fixture->worker);
    size_t turns = 0;
    while (poll(&poll_fd, 1, 100) == 1 && ++turns < 50)
        assert_int_equal(rentbus_worker_process(fixture->worker), 0);
    assert_in_range(turns, 0, 49);
    assert_int_equal(worker_counts(fixture).done, 215);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_setup, worker_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loses_one_lease_alone),
        TEST(loses_what_another_one_did),
        TEST(survives_lost_answers_to_acks),
        TEST(survives_bad_answers),
        TEST(tries_an_ack_again_in_time),
        TEST(tells_that_another_worker_took_over),
        TEST(tells_what_the_daemon_refuses),
        TEST(refuses_fetches_that_make_no_sense),
        TEST(waits_while_the_daemon_is_away),
        TEST(fetches_again_from_a_daemon_that_was_killed),
        TEST(survives_connections_that_both_sides_give_up),
        TEST(gets_an_event_again_from_a_daemon_that_forgot),
        TEST(gives_back_what_is_in_hand),
        TEST(leaves_no_fetch_behind),
        TEST(closes_without_a_daemon),
        TEST(tells_another_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
