/* SPDX-License-Identifier: MPL-2.0 */
/* What a worker does when all is well, or when it is misused. */
#include "tests/unit/worker_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- taking and acknowledging ---- */

static void gives_each_event_once(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 300);
    worker_start(fixture);
    for (uint64_t seq = 1; seq <= 300; seq++) {
        worker_take(fixture, seq, &delivery);
        assert_int_equal(delivery.attempt, 1);
        assert_true(rentbus_worker_holds(fixture->worker, &delivery));
        worker_ack(fixture, &delivery);
        assert_false(rentbus_worker_holds(fixture->worker, &delivery));
    }
    worker_expect_nothing(fixture, 20);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 300);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
    /* Up to 64 at a time, and what was done with each goes in one. */
    assert_in_range(worker_requests(fixture, "consumer.fetch"), 5, 20);
    assert_in_range(worker_requests(fixture, "consumer.ack"), 5, 290);
}

static void waits_for_events(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_start(fixture);
    worker_expect_nothing(fixture, 0);
    worker_expect_nothing(fixture, 30);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        fake_consumer_add(fixture->fake, 1);
        worker_take(fixture, seq, &delivery);
        worker_ack(fixture, &delivery);
    }
}

/* A fetch that waits is not sent again as other requests are. */
static void leaves_a_fetch_alone_that_waits(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    worker_start(fixture);
    worker_expect_nothing(fixture, 500);
    assert_int_equal(worker_requests(fixture, NULL), 1);
    fake_consumer_add(fixture->fake, 1);
    worker_take(fixture, 1, &delivery);
    worker_ack(fixture, &delivery);
}

/* But when its time has passed it is: by then there must have been an answer. */
static void sends_a_fetch_again_behind_its_time(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    worker_hurry(fixture);
    fixture->options.wait_ms = 200;
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    worker_start(fixture);
    int64_t before = client_clock_ms();
    worker_expect_nothing(fixture, 20);
    fake_daemon_await(fixture->fake, "consumer.fetch", 1);
    fake_consumer_forget(fixture->fake);
    fake_consumer_add(fixture->fake, 1);
    worker_take(fixture, 1, &delivery);
    assert_true(client_clock_ms() - before >= 300);
    assert_memory_equal(&fixture->fake->ids[0], &fixture->fake->ids[1],
                        sizeof(struct rentbus_uuid));
    worker_ack(fixture, &delivery);
}

static void keeps_within_its_credit(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery deliveries[3];
    fixture->options.credit = 3;
    fake_consumer_add(fixture->fake, 5);
    worker_start(fixture);
    for (uint64_t i = 0; i < 3; i++)
        worker_take(fixture, i + 1, &deliveries[i]);
    worker_expect_nothing(fixture, 50);
    assert_int_equal(worker_counts(fixture).leased, 3);
    worker_ack(fixture, &deliveries[1]);
    worker_take(fixture, 4, &deliveries[1]);
    worker_expect_nothing(fixture, 50);
}

/* What it cannot handle for long it leaves to others. */
static void fetches_what_it_can_handle(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 100);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(worker_counts(fixture).leased, 1);
    for (uint64_t seq = 2; seq <= 7; seq++)
        worker_take(fixture, seq, &delivery);
    for (int64_t end = client_clock_ms() + 2100; client_clock_ms() < end;)
        continue;
    /* Four events took two seconds: it comes back to less. */
    worker_take(fixture, 8, &delivery);
    assert_int_equal(worker_counts(fixture).leased, 8);
}

static void sends_what_a_slow_handler_did(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 2);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    for (int64_t end = client_clock_ms() + 5; client_clock_ms() < end;)
        continue;
    worker_ack(fixture, &delivery);
    worker_take(fixture, 2, &delivery);
    /* While the handler is at the second one, the first is done. */
    fake_daemon_await(fixture->fake, "consumer.ack", 1);
    assert_int_equal(worker_counts(fixture).done, 1);
}

static void refuses_what_is_not_in_hand(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    struct rentbus_new_event event = {0};
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    worker_ack(fixture, &delivery);
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
    struct worker_fixture *fixture = *state;
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
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    char error[RENTBUS_TEXT_MAX + 1];
    char wide[RENTBUS_TEXT_MAX + 3];
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, "no mailbox", 7, false), 0);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(delivery.attempt, 2);
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), 7);
    assert_string_equal(error, "no mailbox");
    /* A character that does not fit is left out whole. */
    memset(wide, 'x', sizeof(wide));
    memcpy(wide + RENTBUS_TEXT_MAX - 1, "\xc3\xa9", 3);
    assert_int_equal(
        rentbus_worker_nack(fixture->worker, &delivery, wide, RENTBUS_DELAY_DEFAULT, false), 0);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), -1);
    assert_int_equal(strlen(error), RENTBUS_TEXT_MAX - 1);
    assert_int_equal(rentbus_worker_nack(fixture->worker, &delivery, "\xff", 0, true), 0);
    worker_flush(fixture);
    assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), 0);
    assert_string_equal(error, "(not UTF-8)");
    assert_int_equal(worker_counts(fixture).parked, 1);
    assert_int_equal(worker_counts(fixture).failures, 3);
}

static void gives_back_what_it_did_not_begin(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_return(fixture->worker, &delivery), 0);
    assert_false(rentbus_worker_holds(fixture->worker, &delivery));
    assert_int_equal(rentbus_worker_return(fixture->worker, &delivery), -ENOENT);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).untried, 1);
    assert_int_equal(worker_counts(fixture).failures, 0);
    worker_take(fixture, 1, &delivery);
    worker_ack(fixture, &delivery);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 1);
}

static void extends_a_lease(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_extend(fixture->worker, &delivery, 5000), 0);
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).extended, 1);
    assert_true(rentbus_worker_holds(fixture->worker, &delivery));
    /* That the lease is lost is known before the work is done. */
    fake_consumer_steal(fixture->fake, 1, false);
    assert_int_equal(rentbus_worker_extend(fixture->worker, &delivery, 0), 0);
    worker_flush(fixture);
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
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    const struct rentbus_new_event events[] = {publication("A"), publication("B")};
    fake_consumer_add(fixture->fake, 50);
    worker_start(fixture);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        worker_take(fixture, seq, &delivery);
        assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, events, 2), 0);
    }
    worker_flush(fixture);
    assert_int_equal(worker_counts(fixture).done, 50);
    assert_int_equal(worker_counts(fixture).published, 100);
}

/* Every acknowledgement has the id of the first one. */
static void expect_one_id(struct worker_fixture *fixture)
{
    const struct fake_daemon *fake = fixture->fake;
    const struct rentbus_uuid *first = NULL;
    for (size_t i = 0; i < fake->requests; i++) {
        if (strcmp(fake->ops[i], "consumer.ack") != 0)
            continue;
        if (first)
            assert_memory_equal(first, &fake->ids[i], sizeof(*first));
        first = &fake->ids[i];
    }
}

static void publishes_once_though_answers_are_lost(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    const struct rentbus_new_event event = publication("A");
    worker_hurry(fixture);
    fake_consumer_add(fixture->fake, 1);
    fixture->connection.timeout_ms = 350;
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    worker_expect_nothing(fixture, 0);
    fake_daemon_await(fixture->fake, "consumer.fetch", 2);
    /* For longer than one call lasts: the next one has the same id. */
    fake_daemon_mood(fixture->fake, FAKE_SILENT, INT32_MAX);
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1), 0);
    worker_expect_nothing(fixture, 2000);
    assert_true(worker_requests(fixture, "consumer.ack") >= 5);
    fake_daemon_mood(fixture->fake, FAKE_WELL, 0);
    worker_flush(fixture);
    expect_one_id(fixture);
    assert_int_equal(worker_counts(fixture).done, 1);
    assert_int_equal(worker_counts(fixture).published, 1);
    assert_int_equal(rentbus_worker_lost(fixture->worker), 0);
}

static void gives_back_what_may_not_be_published(void **state)
{
    struct worker_fixture *fixture = *state;
    struct rentbus_delivery delivery;
    struct rentbus_new_event event = publication("REFUSED");
    char error[RENTBUS_TEXT_MAX + 1];
    fake_consumer_add(fixture->fake, 1);
    worker_start(fixture);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1), 0);
    worker_take(fixture, 1, &delivery);
    assert_int_equal(delivery.attempt, 2);
    fake_consumer_error(fixture->fake, error, sizeof(error));
    assert_string_equal(error, "as told");
    assert_string_equal(rentbus_worker_fault(fixture->worker)->field, "publish.type");
    /* What no daemon would read does not leave, and the event stays in hand. */
    event.has = 0;
    assert_int_equal(rentbus_worker_ack_publish(fixture->worker, &delivery, &event, 1),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_true(rentbus_worker_holds(fixture->worker, &delivery));
    worker_ack(fixture, &delivery);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_setup, worker_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_each_event_once),
        TEST(waits_for_events),
        TEST(leaves_a_fetch_alone_that_waits),
        TEST(sends_a_fetch_again_behind_its_time),
        TEST(keeps_within_its_credit),
        TEST(fetches_what_it_can_handle),
        TEST(sends_what_a_slow_handler_did),
        TEST(refuses_what_is_not_in_hand),
        TEST(refuses_misuse),
        TEST(gives_back_with_an_error),
        TEST(gives_back_what_it_did_not_begin),
        TEST(extends_a_lease),
        TEST(publishes_with_an_ack),
        TEST(publishes_once_though_answers_are_lost),
        TEST(gives_back_what_may_not_be_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
