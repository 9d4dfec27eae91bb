/* SPDX-License-Identifier: MPL-2.0 */
/* What a worker gives back without having begun it: it is there for the next one, and no attempt is
 * counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/protocol/text.h"
#include "tests/unit/bus_fixture.h"

static struct rentbus_nack_args untried(const char *name,
                                        const struct bus_fixture_delivery *delivery)
{
    struct rentbus_nack_args args = {0};
    RENTBUS_SET(&args, nack_args, id, rentbus_text("c"));
    RENTBUS_SET(&args, nack_args, seq, delivery->seq);
    RENTBUS_SET(&args, nack_args, lease, delivery->lease);
    RENTBUS_SET(&args, nack_args, worker, rentbus_text(name));
    RENTBUS_SET(&args, nack_args, untried, true);
    RENTBUS_SET(&args, nack_args, incarnation, bus_fixture_incarnation(1));
    return args;
}

static int give_back(struct bus_fixture *bus, const struct rentbus_nack_args *args)
{
    struct rentbus_nack_result result = {0};
    int r = bus_nack(bus->bus, args, bus->now, &result, &bus->fault);
    if (r == 0) {
        assert_false(result.parked);
        assert_int_equal(result.retry_at, bus->now);
    }
    return r;
}

static struct bus_fixture_delivery take_one(struct bus_fixture *bus, const char *name)
{
    assert_int_equal(bus_fixture_fetch(bus, "c", name, 1), 1);
    return bus->last.deliveries[0];
}

static void put(struct bus_fixture *bus, uint64_t attempts)
{
    struct ledger_command command = bus_fixture_put("c", "t", attempts);
    bus_fixture_command(bus, &command);
}

static void test_no_attempt_is_counted(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, 1);
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    bus_fixture_publish(bus, "t", "a");
    for (int round = 0; round < 5; round++) {
        struct bus_fixture_delivery taken = take_one(bus, round % 2 ? "one" : "two");
        struct rentbus_nack_args args = untried(round % 2 ? "one" : "two", &taken);
        assert_int_equal(taken.seq, first);
        assert_int_equal(taken.attempt, 1);
        assert_int_equal(give_back(bus, &args), 0);
        assert_int_equal(give_back(bus, &args), RENTBUS_ERROR_CONFLICT);
        assert_int_equal(bus_fixture_ack(bus, "c", "one", &taken), RENTBUS_ERROR_CONFLICT);
    }
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    assert_int_equal(status.failed, 0);
    assert_int_equal(status.in_flight + status.delayed + status.parked, 0);
    assert_int_equal(bus->pending, 0);
    assert_int_equal(bus_fixture_work(bus, "c", "three"), 2);
}

static void test_attempts_of_before_stay(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, 2);
    bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, 0, false, &result), 0);
    bus_fixture_sleep(bus, 1);
    taken = take_one(bus, "one");
    assert_int_equal(taken.attempt, 2);
    struct rentbus_nack_args args = untried("one", &taken);
    assert_int_equal(give_back(bus, &args), 0);
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    taken = take_one(bus, "one");
    assert_int_equal(taken.attempt, 2);
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, 0, false, &result), 0);
    assert_true(result.parked);
}

static void test_who_waits_gets_it_at_once(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, 3);
    bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_ask(bus, "c", "two", 1, 1, 5000, 77), BUS_LATER);
    struct rentbus_nack_args args = untried("one", &taken);
    assert_int_equal(give_back(bus, &args), 0);
    bus_process(bus->bus, bus->now);
    assert_int_equal(bus->answers, 1);
    assert_int_equal(bus->last.count, 1);
    assert_int_equal(bus->last.deliveries[0].seq, taken.seq);
}

/* It was killed while it waited: what it would have got is the next one's, at once. */
static void test_who_waits_and_is_gone_gets_nothing(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, 1);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 5000, 77), BUS_LATER);
    bus->gone = true;
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    bus_fixture_publish(bus, "t", "b");
    assert_int_equal(bus->answers, 1);
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 0);
    assert_int_equal(bus_fixture_status(bus, "c").failed, 0);
    bus->gone = false;
    assert_int_equal(bus_fixture_fetch(bus, "c", "two", 5), 2);
    assert_int_equal(bus->last.deliveries[0].seq, first);
    assert_int_equal(bus->last.deliveries[0].attempt, 1);
    /* It was alive after all, and asks by the same request. */
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 0, 77), 0);
    assert_int_equal(bus->last.count, 0);
}

static void test_it_says_nothing_of_an_attempt(void **state)
{
    struct bus_fixture *bus = *state;
    static const char *const fields[] = {"error", "fatal", "delay_ms"};
    put(bus, 3);
    bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    for (size_t i = 0; i < 3; i++) {
        struct rentbus_nack_args args = untried("one", &taken);
        if (i == 0)
            RENTBUS_SET(&args, nack_args, error, rentbus_text("x"));
        else if (i == 1)
            RENTBUS_SET(&args, nack_args, fatal, false);
        else
            RENTBUS_SET(&args, nack_args, delay_ms, 0);
        assert_int_equal(give_back(bus, &args), RENTBUS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(bus->fault.field, fields[i]);
    }
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 1);
    struct rentbus_nack_args args = untried("one", &taken);
    args.untried = false;
    RENTBUS_SET(&args, nack_args, delay_ms, 0);
    struct rentbus_nack_result result;
    assert_int_equal(bus_nack(bus->bus, &args, bus->now, &result, &bus->fault), 0);
    assert_int_equal(bus_fixture_status(bus, "c").failed, 1);
}

#define OF_A_BUS(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, bus_fixture_setup, bus_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF_A_BUS(test_no_attempt_is_counted),
        OF_A_BUS(test_attempts_of_before_stay),
        OF_A_BUS(test_who_waits_gets_it_at_once),
        OF_A_BUS(test_who_waits_and_is_gone_gets_nothing),
        OF_A_BUS(test_it_says_nothing_of_an_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
