/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/fake_daemon.h"

#include <errno.h>
#include <poll.h>
#include <rentbus/rentbus.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct fixture {
    struct fake_daemon *fake;
    struct rentbus_options options;
    struct rentbus_client *client;
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
        .timeout_ms = 10000,
    };
    assert_int_equal(rentbus_client_open(&fixture->options, &fixture->client), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    rentbus_client_close(&fixture->client);
    assert_null(fixture->client);
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    rentbus_client_close(&fixture->client);
    assert_int_equal(rentbus_client_open(&fixture->options, &fixture->client), 0);
}

static struct rentbus_return_args scan(void)
{
    struct rentbus_return_args args = {0};
    RENTBUS_SET(&args, return_args, timestamp, 0);
    RENTBUS_SET(&args, return_args, location_id, rentbus_text("bin-1"));
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text("box-1"));
    return args;
}

static int call_scan(struct fixture *fixture, struct rentbus_command_result *result)
{
    struct rentbus_return_args args = scan();
    return rentbus_rental_return(fixture->client, NULL, &args, result);
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- one call ---- */

static void answers_a_call(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_hello_result hello;
    assert_int_equal(rentbus_hello(fixture->client, NULL, NULL, &hello), 0);
    assert_true(rentbus_text_equal(hello.ledger, rentbus_text("test")));
    assert_int_equal(rentbus_hello(fixture->client, NULL, NULL, NULL), 0);
    assert_int_equal(rentbus_client_in_flight(fixture->client), 0);
}

static void keeps_texts_until_the_next_call(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_hello_result hello;
    assert_int_equal(rentbus_hello(fixture->client, NULL, NULL, &hello), 0);
    /* A call that is refused is none. */
    struct rentbus_id_args none = {0};
    assert_int_equal(rentbus_user_get(fixture->client, NULL, &none, NULL),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_true(rentbus_text_equal(hello.ledger, rentbus_text("test")));
}

static void refuses_bad_args_without_a_round_trip(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_return_args args = scan();
    args.has &= ~RENTBUS_BIT(return_args, timestamp);
    int status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "timestamp");

    args = scan();
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text(""));
    status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "asset_id");

    args = scan();
    RENTBUS_SET(&args, return_args, timestamp, INT64_MAX);
    status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "timestamp");

    args = scan();
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text("\xc3("));
    status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);

    struct rentbus_checkout_args checkout = {0};
    RENTBUS_SET(&checkout, checkout_args, location_id, rentbus_text("bin-1"));
    checkout.has |= RENTBUS_BIT(checkout_args, eligible_asset_types);
    checkout.eligible_asset_types.count = RENTBUS_IDS_MAX + 1;
    status = rentbus_rental_checkout(fixture->client, NULL, &checkout, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "eligible_asset_types");

    struct rentbus_location_put_args location = {0};
    RENTBUS_SET(&location, location_put_args, id, rentbus_text("bin-1"));
    RENTBUS_SET(&location, location_put_args, name, rentbus_text("\xff"));
    status = rentbus_location_put(fixture->client, NULL, &location, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "name");
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), 0);
}

static void refuses_misuse(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_return_args args = scan();
    args.has |= UINT64_C(1) << 63;
    assert_int_equal(rentbus_rental_return(fixture->client, NULL, &args, NULL), -EINVAL);
    assert_int_equal(rentbus_call(fixture->client, RENTBUS_OP_COUNT, NULL, NULL, NULL), -EINVAL);
    struct rentbus_options options = {.api = "nonsense"};
    struct rentbus_client *none = NULL;
    assert_int_equal(rentbus_client_open(&options, &none), -EINVAL);
    options.api = "tcp://127.0.0.1";
    assert_int_equal(rentbus_client_open(&options, &none), -EINVAL);
    assert_null(none);
}

static void tells_what_the_daemon_refused(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_mood(fixture->fake, FAKE_DENYING, 1);
    assert_int_equal(call_scan(fixture, NULL), RENTBUS_ERROR_PERMISSION_DENIED);
    const struct rentbus_fault *fault = rentbus_client_fault(fixture->client);
    assert_string_equal(fault->field, "actor");
    assert_string_equal(fault->message, "as told");
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), 1);
}

/* ---- retries ---- */

/* The mood makes the first two requests fail; the call succeeds all the same. */
static void expect_retries(struct fixture *fixture, enum fake_mood mood)
{
    struct rentbus_command_result result;
    size_t before = fake_daemon_requests(fixture->fake, NULL);
    fake_daemon_mood(fixture->fake, mood, 2);
    assert_int_equal(call_scan(fixture, &result), 0);
    assert_int_equal(result.outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL) - before, 3);
    const struct rentbus_uuid *ids = &fixture->fake->ids[before];
    assert_memory_equal(&ids[0], &ids[1], sizeof(*ids));
    assert_memory_equal(&ids[0], &ids[2], sizeof(*ids));
}

static void sends_again_under_the_same_id(void **state)
{
    struct fixture *fixture = *state;
    expect_retries(fixture, FAKE_SILENT);
    expect_retries(fixture, FAKE_BUSY);
    expect_retries(fixture, FAKE_UNAVAILABLE);
    expect_retries(fixture, FAKE_GARBAGE);
    expect_retries(fixture, FAKE_OTHER_ID);
    expect_retries(fixture, FAKE_TWO_FRAMES);
}

static void keeps_calm_while_it_retries(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.timeout_ms = 1500;
    reopen(fixture);
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000);
    int64_t start = milliseconds_now();
    assert_int_equal(call_scan(fixture, NULL), -ETIMEDOUT);
    int64_t took = milliseconds_now() - start;
    assert_in_range(took, 1500, 15000);
    /* At 0, 100, 300 and 700; the first ones may be lost with connections that were too slow. */
    assert_in_range(fake_daemon_requests(fixture->fake, NULL), 2, 5);
}

static void times_out_while_nobody_is_there(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_up(fixture->fake, false);
    fixture->options.timeout_ms = 200;
    reopen(fixture);
    assert_int_equal(call_scan(fixture, NULL), -ETIMEDOUT);
    assert_int_equal(rentbus_client_in_flight(fixture->client), 0);
}

static void tells_what_it_was_told_until_the_timeout(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.timeout_ms = 200;
    reopen(fixture);
    fake_daemon_mood(fixture->fake, FAKE_UNAVAILABLE, 1000);
    assert_int_equal(call_scan(fixture, NULL), RENTBUS_ERROR_UNAVAILABLE);
    assert_string_equal(rentbus_client_fault(fixture->client)->message, "as told");
    assert_in_range(fake_daemon_requests(fixture->fake, NULL), 2, 8);
}

static void ends_a_call_whose_answer_makes_no_sense(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_mood(fixture->fake, FAKE_NO_REPLY, 1);
    assert_int_equal(call_scan(fixture, NULL), -EBADMSG);
    fake_daemon_mood(fixture->fake, FAKE_ODD_RESULT, 1);
    assert_int_equal(call_scan(fixture, NULL), -EBADMSG);
    assert_int_equal(call_scan(fixture, NULL), 0);
}

static void drops_second_answers(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_command_result result;
    fake_daemon_mood(fixture->fake, FAKE_TWICE, 3);
    for (uint64_t i = 1; i <= 6; i++) {
        assert_int_equal(call_scan(fixture, &result), 0);
        assert_int_equal(result.seq, i);
    }
}

static void survives_restarts(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call_scan(fixture, NULL), 0);
        fake_daemon_up(fixture->fake, false);
        fake_daemon_up(fixture->fake, true);
    }
    assert_int_equal(call_scan(fixture, NULL), 0);
}

/* ---- many calls ---- */

struct tally {
    struct rentbus_client *client;
    int done;
    int ok;
    int status;  /* the last that was not 0 */
    int restart; /* calls that callbacks are still to start */
    int nested;  /* what a call from within a callback said */
};

static void count(void *context, const struct rentbus_completion *completion)
{
    struct tally *tally = context;
    tally->done++;
    tally->ok += completion->status == 0;
    if (completion->status != 0)
        tally->status = completion->status;
    assert_true((completion->status == 0) == (completion->result != NULL));
    assert_true((completion->status > 0) == (completion->fault != NULL));
    if (completion->status == 0)
        tally->nested = rentbus_hello(tally->client, NULL, NULL, NULL);
    if (tally->restart > 0) {
        struct rentbus_return_args args = scan();
        tally->restart--;
        assert_int_equal(
            rentbus_call_start(tally->client, RENTBUS_OP_rental_return, NULL, &args, count, tally),
            0);
    }
}

static void start(struct tally *tally, int calls)
{
    struct rentbus_return_args args = scan();
    for (int i = 0; i < calls; i++)
        assert_int_equal(
            rentbus_call_start(tally->client, RENTBUS_OP_rental_return, NULL, &args, count, tally),
            0);
}

static void wait_for(struct tally *tally, int calls)
{
    int64_t end = milliseconds_now() + 20000;
    while (tally->done < calls && milliseconds_now() < end)
        assert_true(rentbus_client_wait(tally->client, 1000) >= 0);
    assert_int_equal(tally->done, calls);
}

static void completes_many_calls(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client, .restart = 1000};
    start(&tally, 1000);
    wait_for(&tally, 2000);
    assert_int_equal(tally.ok, 2000);
    assert_int_equal(tally.nested, -EBUSY);
    assert_int_equal(rentbus_client_in_flight(fixture->client), 0);
    assert_int_equal(rentbus_client_wait(fixture->client, -1), 0);
}

struct greeting {
    struct rentbus_client *client;
    struct tally tally;
    bool done;
    bool kept;
};

static void start_another(void *context, const struct rentbus_completion *completion)
{
    struct greeting *greeting = context;
    const struct rentbus_hello_result *hello = completion->result;
    greeting->tally.client = greeting->client;
    start(&greeting->tally, 1);
    greeting->done = true;
    greeting->kept = rentbus_text_equal(hello->ledger, rentbus_text("test"));
}

static void keeps_a_result_while_its_callback_starts_calls(void **state)
{
    struct fixture *fixture = *state;
    struct greeting greeting = {.client = fixture->client};
    assert_int_equal(
        rentbus_call_start(fixture->client, RENTBUS_OP_hello, NULL, NULL, start_another, &greeting),
        0);
    while (!greeting.done)
        assert_true(rentbus_client_wait(fixture->client, 20000) > 0);
    wait_for(&greeting.tally, 1);
    assert_true(greeting.kept);
}

static void completes_many_calls_over_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 300);
    start(&tally, 500);
    fake_daemon_up(fixture->fake, false);
    fake_daemon_up(fixture->fake, true);
    wait_for(&tally, 500);
    assert_int_equal(tally.ok, 500);
}

static void waits_beside_calls_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    start(&tally, 20);
    struct rentbus_command_result result;
    assert_int_equal(call_scan(fixture, &result), 0);
    assert_int_equal(result.outcome, RENTBUS_OUTCOME_COMPLETED);
    wait_for(&tally, 20);
}

/* One call without an answer does not disturb the others, which are answered. */
static void sends_again_only_what_is_late(void **state)
{
    struct fixture *fixture = *state;
    struct tally late = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    start(&late, 1);
    size_t calls = 0;
    for (; late.done == 0; calls++)
        assert_int_equal(call_scan(fixture, NULL), 0);
    assert_int_equal(late.ok, 1);
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), calls + 2);
}

static void refuses_more_than_may_be_in_flight(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.in_flight_max = 2;
    reopen(fixture);
    struct rentbus_return_args args = scan();
    struct tally tally = {.client = fixture->client};
    start(&tally, 2);
    assert_int_equal(
        rentbus_call_start(fixture->client, RENTBUS_OP_rental_return, NULL, &args, count, &tally),
        -EAGAIN);
    assert_int_equal(call_scan(fixture, NULL), 0);
    wait_for(&tally, 2);
}

static void refuses_an_id_that_is_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_uuid id;
    struct tally tally = {.client = fixture->client};
    assert_int_equal(rentbus_client_command_id(fixture->client, &id), 0);
    for (int i = 0; i < 2; i++) {
        int status =
            rentbus_call_start(fixture->client, RENTBUS_OP_hello, &id, NULL, count, &tally);
        assert_int_equal(status, i == 0 ? 0 : -EALREADY);
    }
    wait_for(&tally, 1);
}

static void counts_an_answer_that_is_looked_at_late(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.timeout_ms = 200;
    fixture->options.retry_ms = 100000;
    reopen(fixture);
    struct tally tally = {.client = fixture->client};
    start(&tally, 1);
    fake_daemon_await(fixture->fake, NULL, 1);
    int64_t late = milliseconds_now() + 2 * (int64_t)fixture->options.timeout_ms;
    while (milliseconds_now() < late)
        sched_yield();
    wait_for(&tally, 1);
    assert_int_equal(tally.ok, 1);
}

static void cancels_what_is_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000);
    start(&tally, 3);
    rentbus_client_close(&fixture->client);
    assert_int_equal(tally.done, 3);
    assert_int_equal(tally.status, -ECANCELED);
}

/* More than libzmq queues: the rest waits in the client. */
static void queues_past_the_high_water_mark(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_up(fixture->fake, false);
    fixture->options.in_flight_max = 4096;
    reopen(fixture);
    struct tally tally = {.client = fixture->client};
    start(&tally, 4096);
    fake_daemon_up(fixture->fake, true);
    wait_for(&tally, 4096);
    assert_int_equal(tally.ok, 4096);
}

/* ---- threads ---- */

#define THREADS 4
#define THREAD_CLIENTS 20
#define THREAD_CALLS 5

static bool thread_client(const struct rentbus_options *options)
{
    struct rentbus_client *client = NULL;
    bool well = rentbus_client_open(options, &client) == 0;
    for (int i = 0; i < THREAD_CALLS && well; i++)
        well = rentbus_hello(client, NULL, NULL, NULL) == 0;
    rentbus_client_close(&client);
    return well;
}

/* The options when all went well, else NULL. */
static void *thread_run(void *context)
{
    bool well = true;
    for (int i = 0; i < THREAD_CLIENTS && well; i++)
        well = thread_client(context);
    return well ? context : NULL;
}

static void serves_threads_with_clients_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    rentbus_client_close(&fixture->client);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_run, &fixture->options), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    assert_true(fake_daemon_requests(fixture->fake, "hello") >=
                THREADS * THREAD_CLIENTS * THREAD_CALLS);
}

/* ---- other event loops ---- */

static bool readable(struct fixture *fixture, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = rentbus_client_fd(fixture->client), .events = POLLIN};
    return poll(&poll_fd, 1, timeout_ms) == 1;
}

static void poll_until(struct fixture *fixture, struct tally *tally, int calls)
{
    while (tally->done < calls) {
        assert_true(readable(fixture, 20000));
        assert_true(rentbus_client_process(fixture->client) >= 0);
    }
}

static void tells_another_loop(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client};
    for (int i = 1; i <= 50; i++) {
        start(&tally, 7);
        poll_until(fixture, &tally, 7 * i);
    }
    while (readable(fixture, 0))
        assert_int_equal(rentbus_client_process(fixture->client), 0);
    assert_int_equal(tally.ok, 350);
}

static void tells_another_loop_of_retries_and_timeouts(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 2);
    start(&tally, 1);
    poll_until(fixture, &tally, 1);
    assert_int_equal(tally.ok, 1);
    fixture->options.timeout_ms = 150;
    reopen(fixture);
    tally = (struct tally){.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000);
    start(&tally, 1);
    poll_until(fixture, &tally, 1);
    assert_int_equal(tally.status, -ETIMEDOUT);
}

/* libzmq tells of each arrival once, and may do so while the next request is sent. */
static void tells_another_loop_of_what_a_send_has_seen(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.retry_ms = 9000;
    reopen(fixture);
    struct tally answered = {.client = fixture->client};
    struct tally unanswered = {.client = fixture->client};
    for (int i = 1; i <= 50; i++) {
        start(&answered, 1);
        fake_daemon_await(fixture->fake, NULL, 2 * (size_t)i - 1);
        fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
        start(&unanswered, 1);
        fake_daemon_await(fixture->fake, NULL, 2 * (size_t)i);
        while (answered.done < i) {
            assert_true(readable(fixture, 5000));
            assert_true(rentbus_client_process(fixture->client) >= 0);
        }
    }
    rentbus_client_close(&fixture->client);
    assert_int_equal(unanswered.status, -ECANCELED);
}

/* While nothing happens there is nothing to do: not one turn of the loop for each moment. */
static void leaves_another_loop_alone(void **state)
{
    struct fixture *fixture = *state;
    struct tally tally = {.client = fixture->client};
    fixture->options.retry_ms = 5000;
    reopen(fixture);
    tally.client = fixture->client;
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    start(&tally, 1);
    fake_daemon_await(fixture->fake, NULL, 1);
    int turns = 0;
    while (readable(fixture, 100)) {
        assert_int_equal(rentbus_client_process(fixture->client), 0);
        assert_in_range(++turns, 1, 20);
    }
    rentbus_client_close(&fixture->client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_a_call),
        TEST(keeps_texts_until_the_next_call),
        TEST(refuses_bad_args_without_a_round_trip),
        TEST(refuses_misuse),
        TEST(tells_what_the_daemon_refused),
        TEST(sends_again_under_the_same_id),
        TEST(keeps_calm_while_it_retries),
        TEST(times_out_while_nobody_is_there),
        TEST(tells_what_it_was_told_until_the_timeout),
        TEST(ends_a_call_whose_answer_makes_no_sense),
        TEST(drops_second_answers),
        TEST(survives_restarts),
        TEST(completes_many_calls),
        TEST(keeps_a_result_while_its_callback_starts_calls),
        TEST(completes_many_calls_over_a_restart),
        TEST(waits_beside_calls_in_flight),
        TEST(sends_again_only_what_is_late),
        TEST(refuses_more_than_may_be_in_flight),
        TEST(refuses_an_id_that_is_in_flight),
        TEST(counts_an_answer_that_is_looked_at_late),
        TEST(cancels_what_is_in_flight),
        TEST(queues_past_the_high_water_mark),
        TEST(serves_threads_with_clients_of_their_own),
        TEST(tells_another_loop),
        TEST(tells_another_loop_of_retries_and_timeouts),
        TEST(tells_another_loop_of_what_a_send_has_seen),
        TEST(leaves_another_loop_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
