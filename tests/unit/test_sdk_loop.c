/* SPDX-License-Identifier: MPL-2.0 */
/* Clients of the SDK in the event loop of a program. */
#include "tests/unit/client_fixture.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool readable(struct client_fixture *fixture, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = rentbus_client_fd(fixture->client), .events = POLLIN};
    return poll(&poll_fd, 1, timeout_ms) == 1;
}

static void poll_until(struct client_fixture *fixture, struct client_tally *tally, int calls)
{
    while (tally->done < calls) {
        assert_true(readable(fixture, 20000));
        assert_true(rentbus_client_process(fixture->client) >= 0);
    }
}

static void tells_another_loop(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client};
    for (int i = 1; i <= 50; i++) {
        client_start(&tally, 7);
        poll_until(fixture, &tally, 7 * i);
    }
    while (readable(fixture, 0))
        assert_int_equal(rentbus_client_process(fixture->client), 0);
    assert_int_equal(tally.ok, 350);
}

static void tells_another_loop_of_retries_and_timeouts(void **state)
{
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 2);
    client_start(&tally, 1);
    poll_until(fixture, &tally, 1);
    assert_int_equal(tally.ok, 1);
    fixture->options.timeout_ms = 150;
    client_reopen(fixture);
    tally = (struct client_tally){.client = fixture->client};
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1000);
    client_start(&tally, 1);
    poll_until(fixture, &tally, 1);
    assert_int_equal(tally.status, -ETIMEDOUT);
}

/* libzmq tells of each arrival once, and may do so while the next request is sent. */
static void tells_another_loop_of_what_a_send_has_seen(void **state)
{
    struct client_fixture *fixture = *state;
    fixture->options.retry_ms = 9000;
    client_reopen(fixture);
    struct client_tally answered = {.client = fixture->client};
    struct client_tally unanswered = {.client = fixture->client};
    for (int i = 1; i <= 50; i++) {
        client_start(&answered, 1);
        fake_daemon_await(fixture->fake, NULL, 2 * (size_t)i - 1);
        fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
        client_start(&unanswered, 1);
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
    struct client_fixture *fixture = *state;
    struct client_tally tally = {.client = fixture->client};
    fixture->options.retry_ms = 5000;
    client_reopen(fixture);
    tally.client = fixture->client;
    fake_daemon_mood(fixture->fake, FAKE_SILENT, 1);
    client_start(&tally, 1);
    fake_daemon_await(fixture->fake, NULL, 1);
    int turns = 0;
    while (readable(fixture, 100)) {
        assert_int_equal(rentbus_client_process(fixture->client), 0);
        assert_in_range(++turns, 1, 20);
    }
    rentbus_client_close(&fixture->client);
}

static void gathers_what_a_turn_starts(void **state)
{
    struct client_fixture *fixture = *state;
    /* Nothing is sent twice, however slow the machine is. */
    fixture->options.retry_ms = 60000;
    fixture->options.timeout_ms = 60000;
    client_reopen(fixture);
    struct rentbus_client *other = fixture->client;
    fixture->client = NULL;
    fixture->options.gather = true;
    client_reopen(fixture);
    struct client_tally tally = {.client = fixture->client};
    struct client_tally others = {.client = other};
    client_start(&tally, 7);
    client_start(&others, 1);
    client_wait_for(&others, 1);
    assert_int_equal(fake_daemon_requests(fixture->fake, NULL), 1);
    assert_true(readable(fixture, 0));
    assert_int_equal(rentbus_client_process(fixture->client), 0);
    fake_daemon_await(fixture->fake, NULL, 8);
    poll_until(fixture, &tally, 7);
    /* A call that is waited for needs no other turn. */
    assert_int_equal(client_call_scan(fixture, NULL), 0);
    while (readable(fixture, 0))
        assert_int_equal(rentbus_client_process(fixture->client), 0);
    rentbus_client_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, client_setup, client_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_another_loop),
        TEST(tells_another_loop_of_retries_and_timeouts),
        TEST(tells_another_loop_of_what_a_send_has_seen),
        TEST(leaves_another_loop_alone),
        TEST(gathers_what_a_turn_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
