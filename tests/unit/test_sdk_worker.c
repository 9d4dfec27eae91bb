/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/client_fixture.h"
#include "tests/unit/fake_consumer.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Only a test that fails waits for so long. */
#define DEADLINE_MS 20000

struct fixture {
    struct fake_daemon *fake;
    struct rentbus_options connection;
    struct rentbus_worker_options options;
    struct rentbus_worker *worker;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->fake = fake_daemon_start();
    fake_consumer_open(fixture->fake);
    fixture->connection = (struct rentbus_options){
        .api = fixture->fake->api,
        .retry_ms = 100,
        .timeout_ms = 1000,
    };
    fixture->options = (struct rentbus_worker_options){
        .connection = &fixture->connection,
        .consumer = "c",
        .worker = "w",
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    rentbus_worker_close(&fixture->worker);
    assert_null(fixture->worker);
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

static void start(struct fixture *fixture)
{
    rentbus_worker_close(&fixture->worker);
    assert_int_equal(rentbus_worker_open(&fixture->options, &fixture->worker), 0);
}

static int next(struct fixture *fixture, struct rentbus_delivery *delivery)
{
    return rentbus_worker_next(fixture->worker, DEADLINE_MS, delivery);
}

static void take(struct fixture *fixture, uint64_t seq, struct rentbus_delivery *delivery)
{
    assert_int_equal(next(fixture, delivery), 1);
    assert_int_equal(delivery->event.seq, seq);
}

static void ack(struct fixture *fixture, const struct rentbus_delivery *delivery)
{
    assert_int_equal(rentbus_worker_ack(fixture->worker, delivery), 0);
}

static void flush(struct fixture *fixture)
{
    assert_int_equal(rentbus_worker_flush(fixture->worker, DEADLINE_MS), 0);
}

static void expect_nothing(struct fixture *fixture, int timeout_ms)
{
    struct rentbus_delivery delivery;
    assert_int_equal(rentbus_worker_next(fixture->worker, timeout_ms, &delivery), 0);
}

static struct fake_consumer_counts counts(struct fixture *fixture)
{
    return fake_consumer_counts(fixture->fake);
}

static size_t requests(struct fixture *fixture, const char *op)
{
    return fake_daemon_requests(fixture->fake, op);
}

/* ---- taking and acknowledging ---- */

static void gives_each_event_once(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 300);
    start(fixture);
    for (uint64_t seq = 1; seq <= 300; seq++) {
        take(fixture, seq, &delivery);
        assert_int_equal(delivery.attempt, 1);
        assert_true(rentbus_worker_holds(fixture->worker, &delivery));
        ack(fixture, &delivery);
        assert_false(rentbus_worker_holds(fixture->worker, &delivery));
    }
    expect_nothing(fixture, 20);
    flush(fixture);
    assert_int_equal(counts(fixture).done, 300);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
    /* 64 at a time, and what was done with each goes in one. */
    assert_in_range(requests(fixture, "consumer.fetch"), 5, 7);
    assert_in_range(requests(fixture, "consumer.ack"), 5, 60);
}

static void waits_for_events(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    start(fixture);
    expect_nothing(fixture, 0);
    expect_nothing(fixture, 30);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        fake_consumer_add(fixture->fake, 1);
        take(fixture, seq, &delivery);
        ack(fixture, &delivery);
    }
}

/* A fetch that waits is not sent again as other requests are. */
static void leaves_a_fetch_alone_that_waits(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    start(fixture);
    expect_nothing(fixture, 500);
    assert_int_equal(requests(fixture, NULL), 1);
    fake_consumer_add(fixture->fake, 1);
    take(fixture, 1, &delivery);
    ack(fixture, &delivery);
}

/* But when its time has passed it is: by then there must have been an answer. */
static void sends_a_fetch_again_behind_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fixture->options.wait_ms = 200;
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    start(fixture);
    int64_t before = client_clock_ms();
    expect_nothing(fixture, 20);
    fake_daemon_await(fixture->fake, "consumer.fetch", 1);
    fake_consumer_add(fixture->fake, 1);
    fake_consumer_forget(fixture->fake);
    take(fixture, 1, &delivery);
    assert_true(client_clock_ms() - before >= 300);
    assert_memory_equal(&fixture->fake->ids[0], &fixture->fake->ids[1],
                        sizeof(struct rentbus_uuid));
    ack(fixture, &delivery);
}

static void keeps_within_its_credit(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery deliveries[3];
    fixture->options.credit = 3;
    fake_consumer_add(fixture->fake, 5);
    start(fixture);
    for (uint64_t i = 0; i < 3; i++)
        take(fixture, i + 1, &deliveries[i]);
    expect_nothing(fixture, 50);
    assert_int_equal(counts(fixture).leased, 3);
    ack(fixture, &deliveries[1]);
    take(fixture, 4, &deliveries[1]);
    expect_nothing(fixture, 50);
}

static void sends_what_a_slow_handler_did(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 2);
    start(fixture);
    take(fixture, 1, &delivery);
    poll(NULL, 0, 20);
    ack(fixture, &delivery);
    take(fixture, 2, &delivery);
    /* While the handler is at the second one, the first is done. */
    fake_daemon_await(fixture->fake, "consumer.ack", 1);
    assert_int_equal(counts(fixture).done, 1);
}

static void refuses_what_is_not_in_hand(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    struct rentbus_new_event event = {0};
    fake_consumer_add(fixture->fake, 1);
    start(fixture);
    take(fixture, 1, &delivery);
    ack(fixture, &delivery);
    assert_int_equal(rentbus_worker_ack(fixture->worker, &delivery), -ENOENT);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, NULL, 0, false), -ENOENT);
    assert_int_equal(rentbus_worker_extend(fixture->worker, &delivery, 0), -ENOENT);
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1), -ENOENT);
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 0), -EINVAL);
    assert_int_equal(
        rentbus_worker_ack_publish(fixture->worker, &delivery, &event, RENTBUS_PUBLISH_MAX + 1),
        -EINVAL);
}

static void refuses_misuse(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_worker *none = NULL;
    struct rentbus_worker_options options = fixture->options;
    assert_int_equal(rentbus_worker_open(NULL, &none), -EINVAL);
    options.consumer = NULL;
    assert_int_equal(rentbus_worker_open(&options, &none), -EINVAL);
    options.consumer = "";
    assert_int_equal(rentbus_worker_open(&options, &none), -EINVAL);
    options = fixture->options;
    options.worker = "a\nb";
    assert_int_equal(rentbus_worker_open(&options, &none), -EINVAL);
    options = fixture->options;
    options.credit = 1001;
    assert_int_equal(rentbus_worker_open(&options, &none), -EINVAL);
    options = fixture->options;
    options.wait_ms = 60001;
    assert_int_equal(rentbus_worker_open(&options, &none), -EINVAL);
    assert_null(none);
    options = fixture->options;
    options.worker = NULL;
    assert_int_equal(rentbus_worker_open(&options, &none), 0);
    rentbus_worker_close(&none);
    rentbus_worker_close(&none);
    rentbus_worker_close(NULL);
}

/* ---- giving back, extending, publishing ---- */

static void gives_back_with_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    char error[RENTBUS_TEXT_MAX + 1];
    char wide[RENTBUS_TEXT_MAX + 3];
    fake_consumer_add(fixture->fake, 1);
    start(fixture);
    take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, "no mailbox", 7, false), 0);
    take(fixture, 1, &delivery);
    assert_int_equal(delivery.attempt, 2);
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), 7);
    assert_string_equal(error, "no mailbox");
    /* A character that does not fit is left out whole. */
    memset(wide, 'x', sizeof(wide));
    memcpy(wide + RENTBUS_TEXT_MAX - 1, "\xc3\xa9", 3);
    assert_int_equal(
        rentbus_worker_nack(fixture->worker, &delivery, wide, RENTBUS_DELAY_DEFAULT, false), 0);
    take(fixture, 1, &delivery);
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), -1);
    assert_int_equal(strlen(error), RENTBUS_TEXT_MAX - 1);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, "\xff", 0, true), 0);
    flush(fixture);
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), 0);
    assert_string_equal(error, "(not UTF-8)");
    assert_int_equal(counts(fixture).parked, 1);
    assert_int_equal(counts(fixture).failures, 3);
}

static void extends_a_lease(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    start(fixture);
    take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_extend(fixture->worker, &delivery, 5000), 0);
    flush(fixture);
    assert_int_equal(counts(fixture).extended, 1);
    assert_true(rentbus_worker_holds(fixture->worker, &delivery));
    /* That the lease is lost is known before the work is done. */
    fake_consumer_steal(fixture->fake, 1, false);
    assert_int_equal(rentbus_worker_extend(fixture->worker, &delivery, 0), 0);
    flush(fixture);
    assert_false(rentbus_worker_holds(fixture->worker, &delivery));
    assert_int_equal(rentbus_worker_ack(fixture->worker, &delivery), -ENOENT);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
}

static struct rentbus_new_event publication(const char *type)
{
    static const uint8_t nothing[] = {0xa0};
    struct rentbus_new_event event = {0};
    RENTBUS_SET(&event, new_event, type, rentbus_text(type));
    RENTBUS_SET(&event, new_event, data, ((struct rentbus_bytes){nothing, 1}));
    return event;
}

static void publishes_with_an_ack(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    const struct rentbus_new_event events[] = {publication("A"), publication("B")};
    fake_consumer_add(fixture->fake, 50);
    start(fixture);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        take(fixture, seq, &delivery);
        assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, events, 2), 0);
    }
    flush(fixture);
    assert_int_equal(counts(fixture).done, 50);
    assert_int_equal(counts(fixture).published, 100);
}

static void publishes_once_though_answers_are_lost(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    const struct rentbus_new_event event = publication("A");
    fake_consumer_add(fixture->fake, 1);
    fixture->connection.timeout_ms = 350;
    start(fixture);
    take(fixture, 1, &delivery);
    expect_nothing(fixture, 0);
    fake_daemon_await(fixture->fake, "consumer.fetch", 2);
    /* More than one call lasts: the next one has the same id. */
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 4);
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1), 0);
    flush(fixture);
    assert_true(requests(fixture, "consumer.ack") >= 3);
    assert_int_equal(counts(fixture).done, 1);
    assert_int_equal(counts(fixture).published, 1);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

static void gives_back_what_may_not_be_published(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    struct rentbus_new_event event = publication("REFUSED");
    char error[RENTBUS_TEXT_MAX + 1];
    fake_consumer_add(fixture->fake, 1);
    start(fixture);
    take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1), 0);
    take(fixture, 1, &delivery);
    assert_int_equal(delivery.attempt, 2);
    fake_consumer_error(fixture->fake, error, sizeof(error));
    assert_string_equal(error, "as told");
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "publish.type");
    /* What no daemon would read does not leave, and the event stays in hand. */
    event.has = 0;
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_true(rentbus_worker_holds(fixture->worker, &delivery));
    ack(fixture, &delivery);
}

/* ---- what gets lost ---- */

static void take_and_ack(struct fixture *fixture, uint64_t first, uint64_t last)
{
    struct rentbus_delivery delivery;
    for (uint64_t seq = first; seq <= last; seq++) {
        take(fixture, seq, &delivery);
        ack(fixture, &delivery);
    }
}

/* One of ten is in other hands: the other nine are acknowledged all the same. */
static void loses_one_lease_alone(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery deliveries[10];
    fake_consumer_add(fixture->fake, 10);
    start(fixture);
    for (uint64_t i = 0; i < 10; i++)
        take(fixture, i + 1, &deliveries[i]);
    fake_consumer_steal(fixture->fake, 4, false);
    for (size_t i = 0; i < 10; i++)
        ack(fixture, &deliveries[i]);
    flush(fixture);
    assert_int_equal(counts(fixture).done, 9);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
    assert_int_equal(rentbus_worker_fault(fixture->worker)->code, RENTBUS_ERROR_CONFLICT);
    fake_consumer_add(fixture->fake, 3);
    take_and_ack(fixture, 11, 13);
    flush(fixture);
    assert_int_equal(counts(fixture).done, 12);
}

static void loses_what_another_one_did(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 2);
    start(fixture);
    take(fixture, 1, &delivery);
    fake_consumer_steal(fixture->fake, 1, true);
    ack(fixture, &delivery);
    flush(fixture);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
    take(fixture, 2, &delivery);
    fake_consumer_steal(fixture->fake, 2, false);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, "x", 0, false), 0);
    flush(fixture);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 2);
    assert_int_equal(counts(fixture).failures, 0);
}

/* Acknowledged, and the answer is lost: the daemon does not know the lease any more, and nothing is
 * lost by that. */
static void survives_lost_answers_to_acks(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 5);
    fixture->options.credit = 5;
    start(fixture);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        take(fixture, seq, &delivery);
        if (seq == 5)
            fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
        ack(fixture, &delivery);
    }
    flush(fixture);
    assert_int_equal(counts(fixture).done, 5);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

static void survives_bad_answers(void **state)
{
    static const enum fake_mood moods[] = {FAKE_BUSY,     FAKE_UNAVAILABLE, FAKE_GARBAGE,
                                           FAKE_OTHER_ID, FAKE_TWICE,       FAKE_TWO_FRAMES};
    struct fixture *fixture = *state;
    uint64_t seq = 1;
    fixture->options.wait_ms = 50;
    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        struct rentbus_delivery delivery;
        start(fixture);
        fake_consumer_add(fixture->fake, 20);
        take(fixture, seq, &delivery);
        fake_daemon_mood(fixture->fake, moods[i], 2);
        ack(fixture, &delivery);
        take_and_ack(fixture, seq + 1, seq + 19);
        flush(fixture);
        seq += 20;
        assert_int_equal(counts(fixture).done, seq - 1);
        assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
    }
}

/* ---- errors ---- */

static void tells_that_another_worker_took_over(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    start(fixture);
    take(fixture, 1, &delivery);
    fake_consumer_fence(fixture->fake);
    ack(fixture, &delivery);
    assert_int_equal(next(fixture, &delivery), -ESTALE);
    assert_int_equal(next(fixture, &delivery), -ESTALE);
    assert_int_equal(rentbus_worker_flush(fixture->worker, 10), -ESTALE);
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "incarnation");
    size_t before = requests(fixture, NULL);
    assert_int_equal(next(fixture, &delivery), -ESTALE);
    assert_int_equal(requests(fixture, NULL), before);
    /* And a fetch finds out, too. */
    start(fixture);
    assert_int_equal(next(fixture, &delivery), -ESTALE);
}

static void tells_what_the_daemon_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    fake_daemon_mood(fixture->fake, FAKE_DENYING, 1);
    start(fixture);
    assert_int_equal(next(fixture, &delivery), RENTBUS_ERROR_PERMISSION_DENIED);
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "actor");
    take(fixture, 1, &delivery);
    fake_consumer_delete(fixture->fake);
    ack(fixture, &delivery);
    assert_int_equal(next(fixture, &delivery), RENTBUS_ERROR_NOT_FOUND);
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "id");
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

static void refuses_fetches_that_make_no_sense(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    fake_daemon_mood(fixture->fake, FAKE_NO_REPLY, 1);
    start(fixture);
    assert_int_equal(next(fixture, &delivery), -EBADMSG);
}

/* ---- a daemon that comes and goes ---- */

static void waits_while_the_daemon_is_away(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_daemon_up(fixture->fake, false);
    fake_consumer_add(fixture->fake, 2);
    start(fixture);
    expect_nothing(fixture, 300);
    fake_daemon_up(fixture->fake, true);
    take(fixture, 1, &delivery);
    fake_daemon_up(fixture->fake, false);
    ack(fixture, &delivery);
    assert_int_equal(rentbus_worker_flush(fixture->worker, 300), -ETIMEDOUT);
    fake_daemon_up(fixture->fake, true);
    take(fixture, 2, &delivery);
    ack(fixture, &delivery);
    flush(fixture);
    assert_int_equal(counts(fixture).done, 2);
}

/* A fetch waits at the daemon for long when that is killed: the one that comes back hears of the
 * fetch at once. */
static void fetches_again_from_a_daemon_that_was_killed(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fixture->options.wait_ms = 60000;
    start(fixture);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        expect_nothing(fixture, 20);
        fake_daemon_await(fixture->fake, "consumer.fetch", 1);
        fake_daemon_up(fixture->fake, false);
        fake_consumer_forget(fixture->fake);
        fake_daemon_up(fixture->fake, true);
        fake_consumer_add(fixture->fake, 1);
        int64_t before = client_clock_ms();
        take(fixture, seq, &delivery);
        assert_true(client_clock_ms() - before < 5000);
        ack(fixture, &delivery);
        flush(fixture);
    }
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

/* The lease is not known any more: the event comes again. */
static void gets_an_event_again_from_a_daemon_that_forgot(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    start(fixture);
    take(fixture, 1, &delivery);
    fake_consumer_forget(fixture->fake);
    ack(fixture, &delivery);
    take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 1);
    ack(fixture, &delivery);
    flush(fixture);
    assert_int_equal(counts(fixture).done, 1);
}

/* ---- closing ---- */

static void gives_back_what_is_in_hand(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 10);
    start(fixture);
    take_and_ack(fixture, 1, 3);
    take(fixture, 4, &delivery);
    rentbus_worker_close(&fixture->worker);
    assert_int_equal(counts(fixture).done, 3);
    assert_int_equal(counts(fixture).leased, 0);
    /* Of seven events, one was touched on the way. */
    assert_in_range(counts(fixture).failures, 0, 1);
}

/* What waits at the daemon for a worker that is gone would take an event with it. */
static void leaves_no_fetch_behind(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    expect_nothing(fixture, 20);
    fake_daemon_await(fixture->fake, "consumer.fetch", 1);
    rentbus_worker_close(&fixture->worker);
    fake_consumer_add(fixture->fake, 1);
    assert_int_equal(counts(fixture).waiting, 0);
    assert_int_equal(counts(fixture).leased, 0);
}

static void closes_without_a_daemon(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    fixture->connection.timeout_ms = 200;
    start(fixture);
    take(fixture, 1, &delivery);
    fake_daemon_up(fixture->fake, false);
    ack(fixture, &delivery);
    int64_t before = client_clock_ms();
    rentbus_worker_close(&fixture->worker);
    assert_in_range(client_clock_ms() - before, 150, 2000);
    fake_daemon_up(fixture->fake, true);
}

/* ---- other event loops ---- */

/* Takes events in the way of a program with a loop of its own. */
static void poll_for(struct fixture *fixture, uint64_t first, uint64_t last)
{
    struct pollfd poll_fd = {.fd = rentbus_worker_fd(fixture->worker), .events = POLLIN};
    struct rentbus_delivery delivery;
    for (uint64_t seq = first; seq <= last;) {
        if (poll(&poll_fd, 1, DEADLINE_MS) != 1)
            fail_msg("not told of event %zu", (size_t)seq);
        assert_true(rentbus_worker_process(fixture->worker) >= 0);
        while (rentbus_worker_next(fixture->worker, 0, &delivery) == 1) {
            assert_int_equal(delivery.event.seq, seq++);
            ack(fixture, &delivery);
        }
    }
}

static void tells_another_loop(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd poll_fd = {.events = POLLIN};
    fake_consumer_add(fixture->fake, 200);
    start(fixture);
    poll_for(fixture, 1, 200);
    fake_consumer_add(fixture->fake, 10);
    poll_for(fixture, 201, 210);
    flush(fixture);
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
    assert_int_equal(counts(fixture).done, 215);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_each_event_once),
        TEST(waits_for_events),
        TEST(leaves_a_fetch_alone_that_waits),
        TEST(sends_a_fetch_again_behind_its_time),
        TEST(keeps_within_its_credit),
        TEST(sends_what_a_slow_handler_did),
        TEST(refuses_what_is_not_in_hand),
        TEST(refuses_misuse),
        TEST(gives_back_with_an_error),
        TEST(extends_a_lease),
        TEST(publishes_with_an_ack),
        TEST(publishes_once_though_answers_are_lost),
        TEST(gives_back_what_may_not_be_published),
        TEST(loses_one_lease_alone),
        TEST(loses_what_another_one_did),
        TEST(survives_lost_answers_to_acks),
        TEST(survives_bad_answers),
        TEST(tells_that_another_worker_took_over),
        TEST(tells_what_the_daemon_refuses),
        TEST(refuses_fetches_that_make_no_sense),
        TEST(waits_while_the_daemon_is_away),
        TEST(fetches_again_from_a_daemon_that_was_killed),
        TEST(gets_an_event_again_from_a_daemon_that_forgot),
        TEST(gives_back_what_is_in_hand),
        TEST(leaves_no_fetch_behind),
        TEST(closes_without_a_daemon),
        TEST(tells_another_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
