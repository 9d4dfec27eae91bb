/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/client_fixture.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A client that sends nothing again, however late answers come. */
static void reopen_patient(struct client_fixture *fixture)
{
    fixture->options.retry_ms = 100000;
    client_reopen(fixture);
}

/* ---- one call ---- */

static void answers_a_call(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_hello_result hello;
    assert_int_equal(rentbus_hello(fixture->client, NULL, NULL, &hello), 0);
    assert_true(rentbus_text_equal(hello.ledger, rentbus_text("test")));
    assert_int_equal(rentbus_hello(fixture->client, NULL, NULL, NULL), 0);
    assert_int_equal(rentbus_client_in_flight(fixture->client), 0);
}

static void keeps_texts_until_the_next_call(void **state)
{
    struct client_fixture *fixture = *state;
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
    struct client_fixture *fixture = *state;
    struct rentbus_return_args args = client_scan();
    args.has &= ~RENTBUS_BIT(return_args, timestamp);
    int status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "timestamp");

    args = client_scan();
    RENTBUS_SET(&args, return_args, asset_id, rentbus_text(""));
    status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "asset_id");

    args = client_scan();
    RENTBUS_SET(&args, return_args, timestamp, INT64_MAX);
    status = rentbus_rental_return(fixture->client, NULL, &args, NULL);
    assert_int_equal(status, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(rentbus_client_fault(fixture->client)->field, "timestamp");

    args = client_scan();
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
    struct client_fixture *fixture = *state;
    struct rentbus_return_args args = client_scan();
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
    struct client_fixture *fixture = *state;
    reopen_patient(fixture);
    fake_daemon_mood(fixture->fake, FAKE_DENYING, 1);
    assert_int_equal(client_call_scan(fixture, NULL), RENTBUS_ERROR_PERMISSION_DENIED);
    const struct rentbus_fault *fault = rentbus_client_fault(fixture->client);
    assert_string_equal(fault->field, "actor");
    assert_string_equal(fault->message, "as told");
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), 1);
}

/* ---- retries ---- */

/* How often a call that takes so long is sent: at 0, 100, 300, 700 ms and so on. */
static size_t sent_within(int64_t took_ms)
{
    size_t sent = 1;
    for (int64_t due = 100; due <= took_ms; due = 2 * due + 100)
        sent++;
    return sent;
}

/* The mood makes the first two requests fail; the call succeeds all the same. When the machine is
 * so slow that answers come late, there may be more requests than three. */
static void expect_retries(struct client_fixture *fixture, enum fake_mood mood)
{
    struct rentbus_command_result result;
    size_t before = fake_daemon_requests(fixture->fake, NULL);
    fake_daemon_mood(fixture->fake, mood, 2);
    int64_t start = client_clock_ms();
    assert_int_equal(client_call_scan(fixture, &result), 0);
    int64_t took = client_clock_ms() - start;
    assert_int_equal(result.outcome, RENTBUS_OUTCOME_COMPLETED);
    size_t sent = fake_daemon_requests(fixture->fake, NULL) - before;
    bool in_time = took < (mood == FAKE_BUSY || mood == FAKE_UNAVAILABLE ? 100 : 700);
    assert_in_range(sent, 3, in_time ? 3 : 3 + sent_within(took));
    const struct rentbus_uuid *ids = &fixture->fake->ids[before];
    for (size_t i = 1; i < sent; i++)
        assert_memory_equal(&ids[0], &ids[i], sizeof(*ids));
}

static void sends_again_under_the_same_id(void **state)
{
    struct client_fixture *fixture = *state;
    expect_retries(fixture, FAKE_SILENT);
    expect_retries(fixture, FAKE_BUSY);
    expect_retries(fixture, FAKE_UNAVAILABLE);
    expect_retries(fixture, FAKE_GARBAGE);
    expect_retries(fixture, FAKE_OTHER_ID);
    expect_retries(fixture, FAKE_TWO_FRAMES);
}

static void keeps_calm_while_it_retries(void **state)
{
    struct client_fixture *fixture = *state;
    fixture->options.timeout_ms = 1500;
    client_reopen(fixture);
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000);
    int64_t start = client_clock_ms();
    assert_int_equal(client_call_scan(fixture, NULL), -ETIMEDOUT);
    int64_t took = client_clock_ms() - start;
    assert_in_range(took, 1500, 15000);
    /* At 0, 100, 300 and 700; the first ones may be lost with connections that were too slow. */
    assert_in_range(fake_daemon_requests(fixture->fake, NULL), 2, 5);
}

static void times_out_while_nobody_is_there(void **state)
{
    struct client_fixture *fixture = *state;
    fake_daemon_up(fixture->fake, false);
    fixture->options.timeout_ms = 200;
    client_reopen(fixture);
    assert_int_equal(client_call_scan(fixture, NULL), -ETIMEDOUT);
    assert_int_equal(rentbus_client_in_flight(fixture->client), 0);
}

static void tells_what_it_was_told_until_the_timeout(void **state)
{
    struct client_fixture *fixture = *state;
    fixture->options.timeout_ms = 1500;
    client_reopen(fixture);
    fake_daemon_mood(fixture->fake, FAKE_UNAVAILABLE, 1000);
    assert_int_equal(client_call_scan(fixture, NULL), RENTBUS_ERROR_UNAVAILABLE);
    assert_string_equal(rentbus_client_fault(fixture->client)->message, "as told");
    /* It is asked to come again in 20 ms, and not before. */
    assert_in_range(fake_daemon_requests(fixture->fake, NULL), 2, 1500 / 20 + 1);
}

static void ends_a_call_whose_answer_makes_no_sense(void **state)
{
    struct client_fixture *fixture = *state;
    reopen_patient(fixture);
    fake_daemon_mood(fixture->fake, FAKE_NO_REPLY, 1);
    assert_int_equal(client_call_scan(fixture, NULL), -EBADMSG);
    fake_daemon_mood(fixture->fake, FAKE_ODD_RESULT, 1);
    assert_int_equal(client_call_scan(fixture, NULL), -EBADMSG);
    assert_int_equal(client_call_scan(fixture, NULL), 0);
}

static void drops_second_answers(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_command_result result;
    reopen_patient(fixture);
    fake_daemon_mood(fixture->fake, FAKE_TWICE, 3);
    for (uint64_t i = 1; i <= 6; i++) {
        assert_int_equal(client_call_scan(fixture, &result), 0);
        assert_int_equal(result.seq, i);
    }
}

static void survives_restarts(void **state)
{
    struct client_fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(client_call_scan(fixture, NULL), 0);
        fake_daemon_up(fixture->fake, false);
        fake_daemon_up(fixture->fake, true);
    }
    assert_int_equal(client_call_scan(fixture, NULL), 0);
}

/* ---- many calls ---- */

static void completes_many_calls(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client, .restart = 1000};
    client_start(&tally, 1000);
    client_wait_for(&tally, 2000);
    assert_int_equal(tally.ok, 2000);
    assert_int_equal(tally.nested, -EBUSY);
    assert_int_equal(rentbus_client_in_flight(fixture->client), 0);
    assert_int_equal(rentbus_client_wait(fixture->client, -1), 0);
}

struct greeting {
    struct rentbus_client *client;
    struct client_tally tally;
    bool done;
    bool kept;
};

static void start_another(void *context, const struct rentbus_completion *completion)
{
    struct greeting *greeting = context;
    const struct rentbus_hello_result *hello = completion->result;
    greeting->tally.client = greeting->client;
    client_start(&greeting->tally, 1);
    greeting->done = true;
    greeting->kept = rentbus_text_equal(hello->ledger, rentbus_text("test"));
}

static void keeps_a_result_while_its_callback_starts_calls(void **state)
{
    struct client_fixture *fixture = *state;
    struct greeting greeting = {.client = fixture->client};
    assert_int_equal(
        rentbus_call_start(fixture->client, RENTBUS_OP_hello, NULL, NULL, start_another, &greeting),
        0);
    while (!greeting.done)
        assert_true(rentbus_client_wait(fixture->client, 20000) > 0);
    client_wait_for(&greeting.tally, 1);
    assert_true(greeting.kept);
}

static void completes_many_calls_over_a_restart(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 300);
    client_start(&tally, 500);
    fake_daemon_up(fixture->fake, false);
    fake_daemon_up(fixture->fake, true);
    client_wait_for(&tally, 500);
    assert_int_equal(tally.ok, 500);
}

static void waits_beside_calls_in_flight(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    client_start(&tally, 20);
    struct rentbus_command_result result;
    assert_int_equal(client_call_scan(fixture, &result), 0);
    assert_int_equal(result.outcome, RENTBUS_OUTCOME_COMPLETED);
    client_wait_for(&tally, 20);
}

/* One call without an answer does not disturb the others, which are answered. */
static void sends_again_only_what_is_late(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally late = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    client_start(&late, 1);
    size_t calls = 0;
    size_t again = 0;
    int64_t start = client_clock_ms();
    for (; late.done == 0; calls++) {
        int64_t begun = client_clock_ms();
        assert_int_equal(client_call_scan(fixture, NULL), 0);
        again += sent_within(client_clock_ms() - begun) - 1;
    }
    assert_int_equal(late.ok, 1);
    size_t most = sent_within(client_clock_ms() - start);
    assert_in_range(fake_daemon_requests(fixture->fake, NULL) - calls, 2, most + again);
}

static void refuses_more_than_may_be_in_flight(void **state)
{
    struct client_fixture *fixture = *state;
    fixture->options.in_flight_max = 2;
    client_reopen(fixture);
    struct rentbus_return_args args = client_scan();
    struct client_tally tally = {.client = fixture->client};
    client_start(&tally, 2);
    assert_int_equal(rentbus_call_start(fixture->client, RENTBUS_OP_rental_return, NULL, &args,
                                        client_count, &tally),
                     -EAGAIN);
    assert_int_equal(client_call_scan(fixture, NULL), 0);
    client_wait_for(&tally, 2);
}

static void refuses_an_id_that_is_in_flight(void **state)
{
    struct client_fixture *fixture = *state;
    struct rentbus_uuid id;
    struct client_tally tally = {.client = fixture->client};
    assert_int_equal(rentbus_client_command_id(fixture->client, &id), 0);
    for (int i = 0; i < 2; i++) {
        int status =
            rentbus_call_start(fixture->client, RENTBUS_OP_hello, &id, NULL, client_count, &tally);
        assert_int_equal(status, i == 0 ? 0 : -EALREADY);
    }
    client_wait_for(&tally, 1);
}

static void counts_an_answer_that_is_looked_at_late(void **state)
{
    struct client_fixture *fixture = *state;
    fixture->options.timeout_ms = 200;
    fixture->options.retry_ms = 100000;
    client_reopen(fixture);
    struct client_tally tally = {.client = fixture->client};
    client_start(&tally, 1);
    fake_daemon_await(fixture->fake, NULL, 1);
    int64_t late = client_clock_ms() + 2 * (int64_t)fixture->options.timeout_ms;
    while (client_clock_ms() < late)
        sched_yield();
    client_wait_for(&tally, 1);
    assert_int_equal(tally.ok, 1);
}

static void cancels_what_is_in_flight(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000);
    client_start(&tally, 3);
    rentbus_client_close(&fixture->client);
    assert_int_equal(tally.done, 3);
    assert_int_equal(tally.status, -ECANCELED);
}

/* More than libzmq queues: the rest waits in the client. */
static void queues_past_the_high_water_mark(void **state)
{
    struct client_fixture *fixture = *state;
    fake_daemon_up(fixture->fake, false);
    fixture->options.in_flight_max = 4096;
    client_reopen(fixture);
    struct client_tally tally = {.client = fixture->client};
    client_start(&tally, 4096);
    fake_daemon_up(fixture->fake, true);
    client_wait_for(&tally, 4096);
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
    struct client_fixture *fixture = *state;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
