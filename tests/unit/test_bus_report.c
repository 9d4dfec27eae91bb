/* SPDX-License-Identifier: MPL-2.0 */
/* How consumers are seen to stand: how far behind, since when, and at what pace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bus/pace.h"
#include "sdk/protocol/text.h"
#include "tests/unit/bus_fixture.h"

static void put(struct bus_fixture *bus, const char *id, const char *type)
{
    struct ledger_command command = bus_fixture_put(id, type, 3);
    bus_fixture_command(bus, &command);
}

static void test_the_pace_of_a_minute(void **state)
{
    (void)state;
    struct pace pace = {0};
    int64_t start = BUS_FIXTURE_START - BUS_FIXTURE_START % PACE_SLICE;
    assert_int_equal(pace_sum(&pace, start), 0);
    pace_add(&pace, start, 5);
    pace_add(&pace, start + 30 * BUS_SECOND, 2);
    assert_int_equal(pace_sum(&pace, start + 54 * BUS_SECOND), 7);
    assert_int_equal(pace_sum(&pace, start + 59 * BUS_SECOND + 999999), 7);
    assert_int_equal(pace_sum(&pace, start + 60 * BUS_SECOND), 2);
    assert_int_equal(pace_sum(&pace, start + 90 * BUS_SECOND), 0);
    assert_int_equal(pace_sum(&pace, start + 100000 * BUS_SECOND), 0);
    pace_add(&pace, start + 61 * BUS_SECOND, 1);
    assert_int_equal(pace_sum(&pace, start + 61 * BUS_SECOND), 3);
    pace_add(&pace, start + 1000 * BUS_SECOND, 1);
    assert_int_equal(pace_sum(&pace, start + 1000 * BUS_SECOND), 1);
}

static void test_a_clock_that_is_set_back(void **state)
{
    (void)state;
    struct pace pace = {0};
    pace_add(&pace, BUS_FIXTURE_START, 5);
    assert_int_equal(pace_sum(&pace, BUS_FIXTURE_START - 3600 * BUS_SECOND), 0);
    pace_add(&pace, BUS_FIXTURE_START - 3600 * BUS_SECOND, 2);
    assert_int_equal(pace_sum(&pace, BUS_FIXTURE_START - 3600 * BUS_SECOND), 2);
}

static void test_acks_and_failures_of_the_last_minute(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, "c", "t");
    for (int i = 0; i < 3; i++)
        bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    struct bus_fixture_delivery taken = bus->last.deliveries[0];
    assert_int_equal(bus_fixture_nack(bus, "c", "w", &taken, 0, false, &result), 0);
    bus_fixture_sleep(bus, 1);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    assert_int_equal(status.acked_last_minute, 3);
    assert_int_equal(status.failed_last_minute, 1);
    bus_fixture_sleep(bus, 66 * BUS_SECOND);
    status = bus_fixture_status(bus, "c");
    assert_int_equal(status.acked_last_minute, 0);
    assert_int_equal(status.failed_last_minute, 0);
    assert_int_equal(status.acked, 3);
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    taken = bus->last.deliveries[0];
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "w", &taken, "u"), 0);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_status(bus, "c").acked_last_minute, 1);
}

static void test_the_oldest_is_found_though_nobody_has_fetched(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    for (int i = 0; i < 50; i++)
        bus_fixture_publish(bus, "u", "a");
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    assert_false(RENTBUS_HAS(&status, consumer_status, oldest_at));
    assert_int_equal(status.lag, 0);
    int64_t since = bus->now;
    uint64_t seq = bus_fixture_publish(bus, "t", "a");
    bus_fixture_sleep(bus, 5 * BUS_SECOND);
    bus_fixture_publish(bus, "t", "a");
    status = bus_fixture_status(bus, "c");
    assert_true(RENTBUS_HAS(&status, consumer_status, oldest_at));
    assert_int_equal(status.oldest_at, since);
    assert_int_equal(status.cursor, seq - 1);
    assert_int_equal(status.lag, 2);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 2);
}

struct seen {
    size_t count;
    uint64_t lags[BUS_BEHIND_MAX + 1];
    char ids[BUS_BEHIND_MAX + 1][8];
};

static bool see(void *context, uint64_t created, const struct rentbus_consumer_status *status)
{
    struct seen *seen = context;
    assert_true(created > 0);
    assert_true(seen->count < BUS_BEHIND_MAX);
    seen->lags[seen->count] = status->lag;
    snprintf(seen->ids[seen->count++], sizeof(*seen->ids), "%.*s", (int)status->consumer.id.length,
             status->consumer.id.data);
    return true;
}

static void test_those_furthest_behind_come_first(void **state)
{
    struct bus_fixture *bus = *state;
    static const char *const order[] = {"c", "e", "a", "b", "d"};
    struct seen seen = {0};
    bus_list_behind(bus->bus, see, &seen);
    assert_int_equal(seen.count, 0);
    put(bus, "a", "t");
    put(bus, "b", "t");
    put(bus, "c", "u");
    put(bus, "d", "none");
    put(bus, "e", "u");
    bus_fixture_publish(bus, "u", "x");
    for (int i = 0; i < 3; i++)
        bus_fixture_publish(bus, "t", "x");
    bus_list_behind(bus->bus, see, &seen);
    assert_int_equal(seen.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(seen.ids[i], order[i]);
    assert_int_equal(seen.lags[0], 4);
    assert_int_equal(seen.lags[2], 3);
    assert_int_equal(seen.lags[4], 0);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct bus_fixture *bus = *state;
    struct seen seen = {0};
    char id[16];
    bus_fixture_publish(bus, "t", "x");
    bus_fixture_publish(bus, "u", "x");
    for (int i = 0; i < BUS_BEHIND_MAX + 20; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        put(bus, id, i % 2 ? "t" : "u");
    }
    bus_list_behind(bus->bus, see, &seen);
    assert_int_equal(seen.count, BUS_BEHIND_MAX);
    assert_string_equal(seen.ids[0], "c1");
    assert_string_equal(seen.ids[59], "c119");
    assert_string_equal(seen.ids[60], "c0");
    assert_string_equal(seen.ids[99], "c78");
    for (size_t i = 1; i < seen.count; i++)
        assert_true(seen.lags[i - 1] >= seen.lags[i]);
}

/* Many share a bucket; each is found while it is there, and not afterwards. */
static void test_each_is_found_by_its_id(void **state)
{
    enum { COUNT = 300 };
    struct bus_fixture *bus = *state;
    struct rentbus_consumer_status status;
    char id[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        put(bus, id, "t");
    }
    for (int round = 0; round < 2; round++) {
        for (int i = round; i < COUNT; i += 2) {
            snprintf(id, sizeof(id), "c%d", i);
            struct ledger_command command = bus_fixture_about(RENTBUS_OP_consumer_delete, id);
            bus_fixture_command(bus, &command);
        }
        assert_int_equal(bus_counts(bus->bus).consumers, round == 0 ? COUNT / 2 : 0);
        for (int i = 0; i < COUNT; i++) {
            snprintf(id, sizeof(id), "c%d", i);
            bool there = round == 0 && i % 2 == 1;
            assert_int_equal(bus_status(bus->bus, rentbus_text(id), &status), there);
        }
    }
    put(bus, "c7", "t");
    assert_true(bus_status(bus->bus, rentbus_text("c7"), &status));
}

#define OF_A_BUS(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, bus_fixture_setup, bus_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_pace_of_a_minute),
        cmocka_unit_test(test_a_clock_that_is_set_back),
        OF_A_BUS(test_acks_and_failures_of_the_last_minute),
        OF_A_BUS(test_the_oldest_is_found_though_nobody_has_fetched),
        OF_A_BUS(test_those_furthest_behind_come_first),
        OF_A_BUS(test_no_more_than_there_is_room_for),
        OF_A_BUS(test_each_is_found_by_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
