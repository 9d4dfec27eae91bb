/* SPDX-License-Identifier: MPL-2.0 */
/* rentbus_worker_run(). Handlers run in threads of their own, and assert nothing there. */
#include "tests/unit/client_fixture.h"
#include "tests/unit/fake_consumer.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct fake_daemon *fake;
    struct rentbus_options connection;
    struct rentbus_worker_options options;
    struct rentbus_fault fault;
    atomic_int handled;
    int stop_at;     /* rentbus_worker_stop() is called by the handler of that many */
    atomic_int busy; /* handlers at work */
    atomic_int busy_max;
    pthread_barrier_t *together; /* handlers wait for each other */
    enum rentbus_handled answer; /* of a first attempt */
    bool fatal;
    int status;
    const struct rentbus_new_event *events;
    size_t event_count;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->fake = fake_daemon_start();
    fake_consumer_open(fixture->fake);
    fixture->connection = (struct rentbus_options){
        .api = fixture->fake->api,
        .retry_ms = 100000,
        .timeout_ms = 20000,
    };
    fixture->options = (struct rentbus_worker_options){
        .connection = &fixture->connection,
        .consumer = "c",
        .worker = "w",
        .threads = 4,
        .fault = &fixture->fault,
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    fake_daemon_stop(&fixture->fake);
    free(fixture);
    return 0;
}

static enum rentbus_handled handle(void *context, struct rentbus_handling *handling)
{
    struct fixture *fixture = context;
    int busy = atomic_fetch_add(&fixture->busy, 1) + 1;
    if (busy > atomic_load(&fixture->busy_max))
        atomic_store(&fixture->busy_max, busy);
    if (fixture->together)
        pthread_barrier_wait(fixture->together);
    if (atomic_fetch_add(&fixture->handled, 1) + 1 == fixture->stop_at)
        rentbus_worker_stop();
    atomic_fetch_sub(&fixture->busy, 1);
    if (handling->attempt > 1)
        return RENTBUS_HANDLED;
    handling->error = "as told";
    handling->delay_ms = 3;
    handling->fatal = fixture->fatal;
    handling->events = fixture->events;
    handling->event_count = fixture->event_count;
    return fixture->answer;
}

static int run(struct fixture *fixture)
{
    return rentbus_worker_run(&fixture->options, handle, fixture);
}

static struct fake_consumer_counts counts(struct fixture *fixture)
{
    return fake_consumer_counts(fixture->fake);
}

/* ---- tests ---- */

static void handles_in_many_threads(void **state)
{
    struct fixture *fixture = *state;
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, 4);
    fixture->together = &together;
    fixture->options.credit = 1;
    fixture->stop_at = 200;
    fake_consumer_add(fixture->fake, 200);
    assert_int_equal(run(fixture), 0);
    assert_int_equal(fixture->busy_max, 4);
    assert_int_equal(counts(fixture).workers_max, 4);
    assert_int_equal(counts(fixture).done, 200);
    assert_int_equal(counts(fixture).leased, 0);
    assert_int_equal(counts(fixture).waiting, 0);
    pthread_barrier_destroy(&together);
}

/* What is in hand and was not handled goes back: each event is handled once in both runs. */
static void stops_in_the_middle_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    fake_consumer_add(fixture->fake, 1000);
    fixture->stop_at = 300;
    assert_int_equal(run(fixture), 0);
    int handled = fixture->handled;
    assert_in_range(handled, 300, 999);
    assert_int_equal(counts(fixture).done, handled);
    assert_int_equal(counts(fixture).leased, 0);
    fixture->stop_at = 1000;
    assert_int_equal(run(fixture), 0);
    assert_int_equal(fixture->handled, 1000);
    assert_int_equal(counts(fixture).done, 1000);
    /* What was fetched was handled first; what came at the last moment was given back. */
    assert_in_range(counts(fixture).failures, 0, 4 * 64);
}

static void on_signal(int signal)
{
    (void)signal;
    rentbus_worker_stop();
}

static void *send_signal(void *context)
{
    struct fixture *fixture = context;
    fake_daemon_await(fixture->fake, "consumer.fetch", 4);
    kill(getpid(), SIGUSR1);
    return NULL;
}

/* Nobody has anything to do, and a signal comes. */
static void stops_from_a_signal_handler(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    const struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    sigaction(SIGUSR1, &action, &before);
    assert_int_equal(pthread_create(&thread, NULL, send_signal, fixture), 0);
    assert_int_equal(run(fixture), 0);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(counts(fixture).waiting, 0);
}

static void stops_before_it_begins(void **state)
{
    struct fixture *fixture = *state;
    fake_consumer_add(fixture->fake, 10);
    rentbus_worker_stop();
    assert_int_equal(run(fixture), 0);
    assert_int_equal(fixture->handled, 0);
    /* And that was it: the next one runs. */
    fixture->stop_at = 10;
    assert_int_equal(run(fixture), 0);
    assert_int_equal(counts(fixture).done, 10);
}

static void tries_again_what_failed(void **state)
{
    static const enum rentbus_handled answers[] = {RENTBUS_RETRY, RENTBUS_FAILED};
    struct fixture *fixture = *state;
    char error[100];
    for (size_t i = 0; i < 2; i++) {
        fixture->answer = answers[i];
        fixture->handled = 0;
        fixture->stop_at = 20;
        fake_consumer_add(fixture->fake, 10);
        assert_int_equal(run(fixture), 0);
        assert_int_equal(counts(fixture).done, 10 * (i + 1));
        assert_int_equal(counts(fixture).failures, 10 * (i + 1));
        assert_int_equal(fake_consumer_error(fixture->fake, error, sizeof(error)), 3);
        assert_string_equal(error, "as told");
    }
    assert_int_equal(counts(fixture).parked, 0);
}

static void parks_what_is_hopeless(void **state)
{
    struct fixture *fixture = *state;
    fixture->answer = RENTBUS_FAILED;
    fixture->fatal = true;
    fixture->stop_at = 10;
    fake_consumer_add(fixture->fake, 10);
    assert_int_equal(run(fixture), 0);
    assert_int_equal(counts(fixture).parked, 10);
}

static void publishes_what_a_handler_says(void **state)
{
    static const uint8_t nothing[] = {0xa0};
    struct fixture *fixture = *state;
    struct rentbus_new_event events[RENTBUS_PUBLISH_MAX + 1] = {{0}};
    RENTBUS_SET(&events[0], new_event, type, rentbus_text("A"));
    RENTBUS_SET(&events[0], new_event, data, ((struct rentbus_bytes){nothing, 1}));
    fixture->events = events;
    fixture->event_count = 1;
    fixture->stop_at = 100;
    fake_consumer_add(fixture->fake, 100);
    assert_int_equal(run(fixture), 0);
    assert_int_equal(counts(fixture).done, 100);
    assert_int_equal(counts(fixture).published, 100);
    /* Events that are none, and too many of them, are failed attempts; the second one publishes
     * nothing. */
    for (size_t count = 2; count <= RENTBUS_PUBLISH_MAX + 1; count += RENTBUS_PUBLISH_MAX - 1) {
        fixture->event_count = count;
        fixture->handled = 0;
        fixture->stop_at = 2;
        fake_consumer_add(fixture->fake, 1);
        assert_int_equal(run(fixture), 0);
    }
    assert_int_equal(counts(fixture).failures, 2);
    assert_int_equal(counts(fixture).published, 100);
    assert_int_equal(counts(fixture).done, 102);
}

static void ends_when_it_is_of_no_use(void **state)
{
    struct fixture *fixture = *state;
    fake_consumer_delete(fixture->fake);
    assert_int_equal(run(fixture), RENTBUS_ERROR_NOT_FOUND);
    assert_string_equal(fixture->fault.field, "id");
    fixture->options.worker = "a\nb";
    assert_int_equal(run(fixture), -EINVAL);
    fixture->options.worker = "w";
    fixture->options.threads = 257;
    assert_int_equal(run(fixture), -EINVAL);
    fixture->options.threads = 0;
    assert_int_equal(rentbus_worker_run(&fixture->options, NULL, NULL), -EINVAL);
    assert_int_equal(rentbus_worker_run(NULL, handle, NULL), -EINVAL);
    fixture->connection.api = "nonsense";
    assert_int_equal(run(fixture), -EINVAL);
}

static void ends_when_another_one_takes_over(void **state)
{
    struct fixture *fixture = *state;
    fake_consumer_fence(fixture->fake);
    assert_int_equal(run(fixture), -ESTALE);
    assert_string_equal(fixture->fault.field, "incarnation");
}

static void *run_in_a_thread(void *context)
{
    struct fixture *fixture = context;
    fixture->status = run(fixture);
    return NULL;
}

/* One of the four is taken over, and the others wait for events: all end. */
static void ends_when_one_thread_does(void **state)
{
    struct fixture *fixture = *state;
    struct rentbus_worker_options options = fixture->options;
    struct rentbus_worker *other = NULL;
    struct rentbus_delivery delivery;
    pthread_t thread;
    options.worker = "w-2";
    assert_int_equal(pthread_create(&thread, NULL, run_in_a_thread, fixture), 0);
    fake_daemon_await(fixture->fake, "consumer.fetch", 4);
    int64_t before = client_clock_ms();
    assert_int_equal(rentbus_worker_open(&options, &other), 0);
    assert_int_equal(rentbus_worker_next(other, 100, &delivery), 0);
    pthread_join(thread, NULL);
    assert_int_equal(fixture->status, -ESTALE);
    assert_true(client_clock_ms() - before < 10000);
    rentbus_worker_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(handles_in_many_threads),          TEST(stops_in_the_middle_and_goes_on),
        TEST(stops_from_a_signal_handler),      TEST(stops_before_it_begins),
        TEST(tries_again_what_failed),          TEST(parks_what_is_hopeless),
        TEST(publishes_what_a_handler_says),    TEST(ends_when_it_is_of_no_use),
        TEST(ends_when_another_one_takes_over), TEST(ends_when_one_thread_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
