/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/fake_daemon.h"

#include <errno.h>
#include <poll.h>
#include <rentbus/rentbus.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Only a test that fails waits for so long. */
#define DEADLINE_MS 20000

struct fixture {
    struct fake_daemon *fake;
    struct rentbus_options options;
    struct rentbus_subscriber *subscriber;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->fake = fake_daemon_start();
    fixture->options = (struct rentbus_options){
        .api = fixture->fake->api,
        .events = fixture->fake->events,
        .retry_ms = 100,
        .timeout_ms = 1000,
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    rentbus_subscriber_close(&fixture->subscriber);
    assert_null(fixture->subscriber);
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

static void subscribe(struct fixture *fixture, const struct rentbus_subscription *subscription)
{
    rentbus_subscriber_close(&fixture->subscriber);
    assert_int_equal(rentbus_subscriber_open(&fixture->options, subscription, &fixture->subscriber),
                     0);
}

static void subscribe_from(struct fixture *fixture, uint64_t seq)
{
    const struct rentbus_subscription subscription = {.start = RENTBUS_START_SEQ, .seq = seq};
    subscribe(fixture, &subscription);
}

static int next(struct fixture *fixture, struct rentbus_event *event)
{
    return rentbus_subscriber_next(fixture->subscriber, DEADLINE_MS, event);
}

static void expect(struct fixture *fixture, uint64_t first, uint64_t last)
{
    struct rentbus_event event;
    for (uint64_t seq = first; seq <= last; seq++) {
        assert_int_equal(next(fixture, &event), 1);
        assert_int_equal(event.seq, seq);
        assert_int_equal(event.time, (int64_t)seq * RENTBUS_SECOND);
        assert_int_equal(rentbus_subscriber_seq(fixture->subscriber), seq);
    }
}

static void expect_nothing(struct fixture *fixture)
{
    struct rentbus_event event;
    assert_int_equal(rentbus_subscriber_next(fixture->subscriber, 50, &event), 0);
}

/* From here on the subscriber reads the feed: nothing is left to fill. */
static void expect_live(struct fixture *fixture)
{
    fake_daemon_await_subscriber(fixture->fake);
    expect_nothing(fixture);
}

/* ---- history and feed ---- */

static void reads_history_and_then_the_feed(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_publish(fixture->fake, "T", 1234, FAKE_LOSE);
    subscribe_from(fixture, 1);
    expect(fixture, 1, 1234);
    expect_live(fixture);
    size_t reads = fake_daemon_requests(fixture->fake, "events.read");
    fake_daemon_publish(fixture->fake, "T", 100, FAKE_DELIVER);
    expect(fixture, 1235, 1334);
    assert_int_equal(fake_daemon_requests(fixture->fake, "events.read"), reads);
    assert_true(rentbus_subscriber_connected(fixture->subscriber));
}

static void starts_at_a_seq(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
    subscribe_from(fixture, 8);
    expect(fixture, 8, 10);
    subscribe_from(fixture, 0);
    expect(fixture, 1, 10);
    subscribe_from(fixture, 11);
    expect_nothing(fixture);
    fake_daemon_publish(fixture->fake, "T", 1, FAKE_DELIVER);
    expect(fixture, 11, 11);
}

static void starts_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
    struct rentbus_subscription subscription = {
        .start = RENTBUS_START_TIME,
        .time = 7 * RENTBUS_SECOND - 1,
    };
    subscribe(fixture, &subscription);
    expect(fixture, 7, 10);
    /* What is recorded before that time is not given, although it comes. */
    subscription.time = 13 * RENTBUS_SECOND;
    subscribe(fixture, &subscription);
    expect_live(fixture);
    fake_daemon_publish(fixture->fake, "T", 4, FAKE_DELIVER);
    expect(fixture, 13, 14);
}

static void starts_now(void **state)
{
    struct fixture *fixture = *state;
    const struct rentbus_subscription subscription = {.start = RENTBUS_START_NOW};
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
    subscribe(fixture, &subscription);
    fake_daemon_await(fixture->fake, "hello", 1);
    /* Whether the feed is connected already or not. */
    fake_daemon_publish(fixture->fake, "T", 5, FAKE_DELIVER);
    expect(fixture, 11, 15);
}

/* Behind the head that the daemon names when it answers at last, whatever the feed has brought. */
static void starts_now_where_the_daemon_says(void **state)
{
    struct fixture *fixture = *state;
    const struct rentbus_subscription subscription = {.start = RENTBUS_START_NOW};
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
    fake_daemon_mood(fixture->fake, FAKE_SILENT, INT32_MAX);
    subscribe(fixture, &subscription);
    fake_daemon_await(fixture->fake, "hello", 1);
    fake_daemon_await_subscriber(fixture->fake);
    fake_daemon_publish(fixture->fake, "T", 5, FAKE_DELIVER);
    expect_nothing(fixture);
    assert_false(rentbus_subscriber_connected(fixture->subscriber));
    fake_daemon_mood(fixture->fake, FAKE_WELL, 0);
    while (!rentbus_subscriber_connected(fixture->subscriber))
        expect_nothing(fixture);
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_LOSE);
    fake_daemon_publish(fixture->fake, "T", 1, FAKE_DELIVER);
    expect(fixture, 16, 19);
}

static void picks_exact_types(void **state)
{
    struct fixture *fixture = *state;
    const char *const types[] = {"B", "C"};
    const struct rentbus_subscription subscription = {
        .start = RENTBUS_START_SEQ,
        .seq = 1,
        .types = types,
        .type_count = 2,
    };
    fake_daemon_publish(fixture->fake, "A", 700, FAKE_LOSE);
    fake_daemon_publish(fixture->fake, "B", 2, FAKE_LOSE);
    fake_daemon_publish(fixture->fake, "BB", 600, FAKE_LOSE);
    subscribe(fixture, &subscription);
    expect(fixture, 701, 702);
    expect_live(fixture);
    fake_daemon_publish(fixture->fake, "BB", 1, FAKE_DELIVER);
    fake_daemon_publish(fixture->fake, "A", 1, FAKE_LOSE);
    fake_daemon_publish(fixture->fake, "C", 1, FAKE_DELIVER);
    expect(fixture, 1305, 1305);
}

/* ---- what gets lost, comes twice, or makes no sense ---- */

static void fills_gaps(void **state)
{
    struct fixture *fixture = *state;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    for (uint64_t seq = 1; seq <= 60; seq += 6) {
        fake_daemon_publish(fixture->fake, "T", 2, FAKE_DELIVER);
        fake_daemon_publish(fixture->fake, "T", 3, FAKE_LOSE);
        fake_daemon_publish(fixture->fake, "T", 1, FAKE_DELIVER_TWICE);
        expect(fixture, seq, seq + 5);
    }
    expect_nothing(fixture);
}

static void notices_a_lost_tail(void **state)
{
    struct fixture *fixture = *state;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        fake_daemon_publish(fixture->fake, "T", 1, FAKE_LOSE);
        expect(fixture, seq, seq);
    }
}

static void lives_without_the_feed(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_feed_up(fixture->fake, false);
    subscribe_from(fixture, 1);
    for (uint64_t seq = 1; seq <= 50; seq += 10) {
        fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
        expect(fixture, seq, seq + 9);
    }
    fake_daemon_feed_up(fixture->fake, true);
    expect_live(fixture);
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_DELIVER);
    expect(fixture, 51, 60);
}

static void passes_over_junk(void **state)
{
    struct fixture *fixture = *state;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    fake_daemon_junk(fixture->fake, 10000);
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_DELIVER);
    expect(fixture, 1, 3);
}

/* More than the feed's queue takes while nobody reads it. */
static void survives_a_feed_that_overflows(void **state)
{
    struct fixture *fixture = *state;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    size_t reads = fake_daemon_requests(fixture->fake, "events.read");
    while (fake_daemon_overflowed(fixture->fake) == 0) {
        assert_true(fixture->fake->head < FAKE_EVENTS_MAX);
        fake_daemon_junk(fixture->fake, 20000);
        fake_daemon_publish(fixture->fake, "T", 100, FAKE_DELIVER);
    }
    expect(fixture, 1, fixture->fake->head);
    expect_nothing(fixture);
    assert_true(fake_daemon_requests(fixture->fake, "events.read") > reads);
}

static void survives_restarts(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_up(fixture->fake, false);
    subscribe_from(fixture, 1);
    expect_nothing(fixture);
    assert_false(rentbus_subscriber_connected(fixture->subscriber));
    uint64_t given = 0;
    for (int i = 0; i < 3; i++) {
        fake_daemon_publish(fixture->fake, "T", 10, FAKE_DELIVER);
        fake_daemon_up(fixture->fake, true);
        fake_daemon_publish(fixture->fake, "T", 10, FAKE_DELIVER);
        expect(fixture, given + 1, fixture->fake->head);
        given = fixture->fake->head;
        fake_daemon_publish(fixture->fake, "T", 10, FAKE_DELIVER);
        fake_daemon_up(fixture->fake, false);
    }
    fake_daemon_up(fixture->fake, true);
    expect(fixture, given + 1, 90);
    expect_nothing(fixture);
    assert_true(rentbus_subscriber_connected(fixture->subscriber));
}

static void survives_bad_answers(void **state)
{
    static const enum fake_mood moods[] = {FAKE_SILENT,  FAKE_BUSY,     FAKE_UNAVAILABLE,
                                           FAKE_GARBAGE, FAKE_OTHER_ID, FAKE_TWICE};
    struct fixture *fixture = *state;
    fake_daemon_publish(fixture->fake, "T", 600, FAKE_LOSE);
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        fake_daemon_mood(fixture->fake, moods[i], 2);
        subscribe_from(fixture, 1);
        expect(fixture, 1, 600);
    }
}

/* ---- heartbeats ---- */

static void learns_of_a_lost_tail_from_a_heartbeat(void **state)
{
    struct fixture *fixture = *state;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        fake_daemon_beat(fixture->fake);
        expect_nothing(fixture);
        size_t hellos = fake_daemon_requests(fixture->fake, "hello");
        fake_daemon_publish(fixture->fake, "T", 1, FAKE_LOSE);
        fake_daemon_beat(fixture->fake);
        expect(fixture, seq, seq);
        assert_int_equal(fake_daemon_requests(fixture->fake, "hello"), hellos);
    }
}

/* A feed that beats is alive: there is nothing to ask. */
static void asks_nothing_while_the_feed_beats(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_event event;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    fake_daemon_beat(fixture->fake);
    expect_nothing(fixture);
    size_t requests = fake_daemon_requests(fixture->fake, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rentbus_subscriber_next(fixture->subscriber, 900, &event), 0);
        fake_daemon_beat(fixture->fake);
    }
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), requests);
}

static void notices_a_dead_feed_in_time(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_event event;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    for (int i = 0; i < 2; i++) {
        fake_daemon_beat(fixture->fake);
        expect_nothing(fixture);
    }
    fake_daemon_publish(fixture->fake, "T", 5, FAKE_LOSE);
    assert_int_equal(next(fixture, &event), 1);
    assert_int_equal(event.seq, 1);
    expect(fixture, 2, 5);
    /* It works without heartbeats, as before, and with them again. */
    fake_daemon_publish(fixture->fake, "T", 1, FAKE_LOSE);
    expect(fixture, 6, 6);
    fake_daemon_publish(fixture->fake, "T", 1, FAKE_DELIVER);
    expect(fixture, 7, 7);
}

static void tells_a_heartbeat_from_an_event_of_that_type(void **state)
{
    struct fixture *fixture = *state;
    subscribe_from(fixture, 1);
    expect_live(fixture);
    fake_daemon_publish(fixture->fake, "HEARTBEAT", 2, FAKE_DELIVER);
    expect(fixture, 1, 2);
}

/* What a heartbeat says of a ledger that has lost events is asked for. */
static void notices_an_older_ledger_by_its_heartbeat(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_event event;
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
    subscribe_from(fixture, 1);
    expect(fixture, 1, 10);
    expect_live(fixture);
    fake_daemon_beat(fixture->fake);
    expect_nothing(fixture);
    fake_daemon_replace(fixture->fake, "test", 5);
    fake_daemon_beat(fixture->fake);
    assert_int_equal(next(fixture, &event), -ESTALE);
}

/* ---- errors ---- */

static void forwards_what_does_not_mend(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_event event;
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_LOSE);
    fake_daemon_mood(fixture->fake, FAKE_DENYING, INT32_MAX);
    subscribe_from(fixture, 1);
    assert_int_equal(next(fixture, &event), RENTBUS_ERROR_PERMISSION_DENIED);
    fake_daemon_mood(fixture->fake, FAKE_WELL, 0);
    expect(fixture, 1, 3);
}

static void refuses_history_that_makes_no_sense(void **state)
{
    static const enum fake_mood moods[] = {FAKE_NO_REPLY, FAKE_ODD_RESULT, FAKE_HOLE, FAKE_STILL};
    struct fixture *fixture = *state;
    struct rentbus_event event;
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_LOSE);
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        /* Also what an older subscriber asked for may come behind it. */
        fake_daemon_mood(fixture->fake, moods[i], INT32_MAX);
        subscribe_from(fixture, 1);
        assert_int_equal(next(fixture, &event), -EBADMSG);
        fake_daemon_mood(fixture->fake, FAKE_WELL, 0);
        expect(fixture, 1, 3);
    }
}

static void tells_that_the_ledger_is_another(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_event event;
    fake_daemon_publish(fixture->fake, "T", 10, FAKE_LOSE);
    subscribe_from(fixture, 1);
    expect(fixture, 1, 10);
    fake_daemon_replace(fixture->fake, "test", 9);
    assert_int_equal(next(fixture, &event), -ESTALE);
    assert_int_equal(next(fixture, &event), -ESTALE);
    subscribe_from(fixture, 12);
    assert_int_equal(next(fixture, &event), -ESTALE);
    size_t hellos = fake_daemon_requests(fixture->fake, "hello");
    subscribe_from(fixture, 1);
    expect(fixture, 1, 9);
    /* By then it knows the name of the ledger: each question waits for the answer to the last one.
     */
    while (fake_daemon_requests(fixture->fake, "hello") < hellos + 3)
        expect_nothing(fixture);
    fake_daemon_replace(fixture->fake, "other", 20);
    while (rentbus_subscriber_next(fixture->subscriber, DEADLINE_MS, &event) == 1)
        continue;
    assert_int_equal(next(fixture, &event), -ESTALE);
}

/* ---- plain, and other event loops ---- */

static void gives_what_a_plain_feed_brings(void **state)
{
    struct fixture *fixture = *state;
    const char *const types[] = {"RENTAL_"};
    struct rentbus_subscription subscription = {.plain = true, .types = types, .type_count = 1};
    subscribe(fixture, &subscription);
    fake_daemon_await_subscriber(fixture->fake);
    fake_daemon_publish(fixture->fake, "RENTAL_A", 2, FAKE_DELIVER);
    fake_daemon_publish(fixture->fake, "USER_A", 1, FAKE_DELIVER);
    fake_daemon_junk(fixture->fake, 10);
    fake_daemon_beat(fixture->fake);
    fake_daemon_publish(fixture->fake, "RENTAL_B", 1, FAKE_LOSE);
    fake_daemon_publish(fixture->fake, "RENTAL_C", 1, FAKE_DELIVER);
    expect(fixture, 1, 2);
    expect(fixture, 5, 5);
    expect_nothing(fixture);
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), 0);
}

/* Takes events in the way of a program with a loop of its own. */
static void poll_for(struct fixture *fixture, uint64_t first, uint64_t last)
{
    struct pollfd poll_fd = {
        .fd = rentbus_subscriber_fd(fixture->subscriber),
        .events = POLLIN,
    };
    struct rentbus_event event;
    for (uint64_t seq = first; seq <= last;) {
        if (poll(&poll_fd, 1, DEADLINE_MS) != 1)
            fail_msg("not told of event %zu", (size_t)seq);
        int got = rentbus_subscriber_next(fixture->subscriber, 0, &event);
        assert_in_range(got, 0, 1);
        if (got == 1)
            assert_int_equal(event.seq, seq++);
    }
}

static void tells_another_loop(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_publish(fixture->fake, "T", 700, FAKE_LOSE);
    subscribe_from(fixture, 1);
    poll_for(fixture, 1, 700);
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_DELIVER);
    poll_for(fixture, 701, 703);
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_LOSE);
    poll_for(fixture, 704, 706);
    fake_daemon_up(fixture->fake, false);
    fake_daemon_publish(fixture->fake, "T", 3, FAKE_LOSE);
    fake_daemon_up(fixture->fake, true);
    poll_for(fixture, 707, 709);
    rentbus_subscriber_close(&fixture->subscriber);
    /* So that the fake does not take the old subscription for the new one. */
    fake_daemon_feed_up(fixture->fake, false);
    fake_daemon_feed_up(fixture->fake, true);
    const struct rentbus_subscription plain = {.plain = true};
    subscribe(fixture, &plain);
    fake_daemon_await_subscriber(fixture->fake);
    fake_daemon_beat(fixture->fake);
    fake_daemon_publish(fixture->fake, "T", 500, FAKE_DELIVER);
    poll_for(fixture, 710, 1209);
}

/* History does not come: the loop is not woken over and over by what the feed has. */
static void leaves_another_loop_alone(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000000);
    subscribe_from(fixture, 1);
    fake_daemon_await_subscriber(fixture->fake);
    fake_daemon_publish(fixture->fake, "T", 100, FAKE_DELIVER);
    struct pollfd poll_fd = {
        .fd = rentbus_subscriber_fd(fixture->subscriber),
        .events = POLLIN,
    };
    struct rentbus_event event;
    size_t turns = 0;
    size_t requests = fake_daemon_requests(fixture->fake, NULL);
    while (fake_daemon_requests(fixture->fake, NULL) < requests + 3) {
        turns += poll(&poll_fd, 1, 100) == 1;
        assert_int_equal(rentbus_subscriber_next(fixture->subscriber, 0, &event), 0);
    }
    assert_in_range(turns, 1, 100);
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Every question is answered, and the time for the answers has passed. */
static void leaves_another_loop_alone_when_all_is_well(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_publish(fixture->fake, "T", 1, FAKE_DELIVER);
    subscribe_from(fixture, 1);
    expect(fixture, 1, 1);
    struct pollfd poll_fd = {
        .fd = rentbus_subscriber_fd(fixture->subscriber),
        .events = POLLIN,
    };
    struct rentbus_event event;
    size_t turns = 0;
    int64_t end = clock_ms() + 4 * (int64_t)fixture->options.retry_ms;
    while (clock_ms() < end) {
        turns += poll(&poll_fd, 1, 100) == 1;
        assert_int_equal(rentbus_subscriber_next(fixture->subscriber, 0, &event), 0);
    }
    assert_in_range(turns, 0, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_history_and_then_the_feed),
        TEST(starts_at_a_seq),
        TEST(starts_at_a_time),
        TEST(starts_now),
        TEST(starts_now_where_the_daemon_says),
        TEST(picks_exact_types),
        TEST(fills_gaps),
        TEST(notices_a_lost_tail),
        TEST(lives_without_the_feed),
        TEST(passes_over_junk),
        TEST(survives_a_feed_that_overflows),
        TEST(survives_restarts),
        TEST(survives_bad_answers),
        TEST(learns_of_a_lost_tail_from_a_heartbeat),
        TEST(asks_nothing_while_the_feed_beats),
        TEST(notices_a_dead_feed_in_time),
        TEST(tells_a_heartbeat_from_an_event_of_that_type),
        TEST(notices_an_older_ledger_by_its_heartbeat),
        TEST(forwards_what_does_not_mend),
        TEST(refuses_history_that_makes_no_sense),
        TEST(tells_that_the_ledger_is_another),
        TEST(gives_what_a_plain_feed_brings),
        TEST(tells_another_loop),
        TEST(leaves_another_loop_alone),
        TEST(leaves_another_loop_alone_when_all_is_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
