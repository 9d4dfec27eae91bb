/* SPDX-License-Identifier: MPL-2.0 */
/* What commands mean for consumers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/protocol/text.h"
#include "tests/unit/bus_fixture.h"

static void put(struct bus_fixture *bus, const char *id, const char *type)
{
    struct ledger_command command = bus_fixture_put(id, type, 3);
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_CREATED_EVENT);
}

static void refused(struct bus_fixture *bus, const struct ledger_command *command,
                    enum rentbus_error_code code, const char *field)
{
    assert_int_equal(bus_fixture_decide(bus, command), code);
    assert_int_equal(bus->fault.code, code);
    assert_string_equal(bus->fault.field, field);
    assert_int_equal(bus->pending, 0);
}

static void test_defaults(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command command = {.op = RENTBUS_OP_consumer_put};
    struct rentbus_consumer_put_args *args = &command.args.consumer_put;
    RENTBUS_SET(args, consumer_put_args, id, rentbus_text("c"));
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_CREATED_EVENT);
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    assert_int_equal(status.consumer.lease_ms, BUS_LEASE_DEFAULT_MS);
    assert_int_equal(status.consumer.backoff_ms, BUS_BACKOFF_DEFAULT_MS);
    assert_int_equal(status.consumer.backoff_max_ms, BUS_BACKOFF_MAX_DEFAULT_MS);
    assert_int_equal(status.consumer.max_attempts, BUS_ATTEMPTS_DEFAULT);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_COMMAND_UNCHANGED_EVENT);
    /* The longest backoff is never shorter than the first, unless somebody says so. */
    RENTBUS_SET(args, consumer_put_args, backoff_ms, 2 * BUS_BACKOFF_MAX_DEFAULT_MS);
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_UPDATED_EVENT);
    status = bus_fixture_status(bus, "c");
    assert_int_equal(status.consumer.backoff_max_ms, 2 * BUS_BACKOFF_MAX_DEFAULT_MS);
}

static void test_limits(void **state)
{
    struct bus_fixture *bus = *state;
    static const struct {
        size_t offset;
        uint64_t bit;
        const char *field;
        uint64_t most;
    } numbers[] = {
#define NUMBER(name, most)                                                                         \
    {offsetof(struct rentbus_consumer_put_args, name), RENTBUS_BIT(consumer_put_args, name),       \
     #name, most}
        NUMBER(lease_ms, BUS_DELAY_MAX_MS),
        NUMBER(backoff_ms, BUS_DELAY_MAX_MS),
        NUMBER(max_attempts, BUS_ATTEMPTS_MAX),
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct ledger_command command = bus_fixture_put("c", "t", 3);
        struct rentbus_consumer_put_args *args = &command.args.consumer_put;
        uint64_t *number = (uint64_t *)(void *)((char *)args + numbers[i].offset);
        args->has |= numbers[i].bit;
        *number = 0;
        refused(bus, &command, RENTBUS_ERROR_INVALID_ARGUMENT, numbers[i].field);
        *number = numbers[i].most + 1;
        refused(bus, &command, RENTBUS_ERROR_INVALID_ARGUMENT, numbers[i].field);
    }
}

static void test_beginnings(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command command = bus_fixture_put("c", "t", 3);
    struct rentbus_consumer_put_args *args = &command.args.consumer_put;
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    bus->now += BUS_SECOND;
    uint64_t second = bus_fixture_publish(bus, "t", "b");
    RENTBUS_SET(args, consumer_put_args, from_seq, first);
    refused(bus, &command, RENTBUS_ERROR_INVALID_ARGUMENT, "from_seq");
    args->has &= ~RENTBUS_BIT(consumer_put_args, start);
    args->from_seq = second + 2;
    refused(bus, &command, RENTBUS_ERROR_INVALID_ARGUMENT, "from_seq");
    args->from_seq = 0;
    refused(bus, &command, RENTBUS_ERROR_INVALID_ARGUMENT, "from_seq");
    args->from_seq = second + 1;
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_CREATED_EVENT);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
    struct ledger_command since = bus_fixture_put("d", "t", 3);
    args = &since.args.consumer_put;
    args->has &= ~RENTBUS_BIT(consumer_put_args, start);
    RENTBUS_SET(args, consumer_put_args, since, bus->now);
    assert_int_equal(bus_fixture_command(bus, &since), RENTBUS_CONSUMER_CREATED_EVENT);
    assert_int_equal(bus_fixture_work(bus, "d", "w"), 1);
}

/* New is what is recorded behind it, also when events before it are not durable yet. */
static void test_new_with_events_on_their_way(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command command = bus_fixture_put("c", "t", 3);
    command.args.consumer_put.start = RENTBUS_BEGINNING_new;
    bus_fixture_record(bus, "t", "a", "u");
    assert_int_equal(bus_fixture_decide(bus, &command), 0);
    uint64_t after = bus_fixture_record(bus, "t", "a", "u");
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 9), 1);
    assert_int_equal(bus->last.deliveries[0].seq, after);
}

static void test_nothing_before_it_is_durable(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command made = bus_fixture_put("c", "t", 3);
    struct ledger_command pause = bus_fixture_about(RENTBUS_OP_consumer_pause, "c");
    struct ledger_command resume = bus_fixture_about(RENTBUS_OP_consumer_resume, "c");
    assert_int_equal(bus_fixture_decide(bus, &made), 0);
    assert_int_equal(bus_fixture_decide(bus, &made), BUS_AGAIN);
    assert_int_equal(bus_awaited(bus->bus), bus->chain.head.seq);
    assert_int_equal(bus_fixture_decide(bus, &pause), BUS_AGAIN);
    assert_int_equal(bus_fixture_ask(bus, "c", "w", 1, 1, 0, 1), RENTBUS_ERROR_NOT_FOUND);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_decide(bus, &pause), 0);
    uint64_t seq = bus->chain.head.seq;
    assert_int_equal(bus_fixture_decide(bus, &resume), BUS_AGAIN);
    bus_fixture_fall_back(bus);
    assert_int_equal(bus_fixture_decide(bus, &resume), 0);
    assert_int_equal(bus->types[0], RENTBUS_COMMAND_UNCHANGED_EVENT);
    bus_rollback(bus->bus, seq - 1);
    assert_int_equal(bus_fixture_decide(bus, &pause), 0);
    bus_rollback(bus->bus, seq + 1); /* which is behind it */
    assert_int_equal(bus_fixture_decide(bus, &resume), BUS_AGAIN);
}

static void test_a_reset_waits_for_nobody(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, "c", "t");
    uint64_t seq = bus_fixture_publish(bus, "t", "a");
    bus_fixture_publish(bus, "t", "b");
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 2), 2);
    struct bus_fixture_answer taken = bus->last;
    struct ledger_command reset = bus_fixture_reset("c", seq);
    assert_int_equal(bus_fixture_decide(bus, &reset), 0);
    /* What would be done or parked behind the reset, of an event from before it. */
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "w", &taken.deliveries[0], "x"), BUS_AGAIN);
    assert_int_equal(
        bus_fixture_nack(bus, "c", "w", &taken.deliveries[1], UINT64_MAX, true, &result), 0);
    assert_false(result.parked);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 9), 2);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
}

static void test_skip(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t");
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    uint64_t second = bus_fixture_publish(bus, "t", "a");
    uint64_t third = bus_fixture_publish(bus, "t", "a");
    struct ledger_command skip = bus_fixture_skip("c", third + 1);
    refused(bus, &skip, RENTBUS_ERROR_INVALID_ARGUMENT, "seq");
    skip = bus_fixture_skip("c", third);
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_CONSUMER_SKIPPED_EVENT);
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_COMMAND_UNCHANGED_EVENT);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 9), 1);
    struct bus_fixture_delivery taken = bus->last.deliveries[0];
    assert_int_equal(taken.seq, first);
    skip = bus_fixture_skip("c", first); /* out of the hands of the worker */
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_CONSUMER_SKIPPED_EVENT);
    assert_int_equal(bus_fixture_ack(bus, "c", "w", &taken), RENTBUS_ERROR_NOT_FOUND);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 9), 1);
    assert_int_equal(bus->last.deliveries[0].seq, second);
    assert_int_equal(bus_fixture_ack(bus, "c", "w", &bus->last.deliveries[0]), 0);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
    skip = bus_fixture_skip("c", first);
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_COMMAND_UNCHANGED_EVENT);
}

static void test_unknown(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command commands[] = {
        bus_fixture_about(RENTBUS_OP_consumer_delete, "c"),
        bus_fixture_about(RENTBUS_OP_consumer_pause, "c"),
        bus_fixture_about(RENTBUS_OP_consumer_resume, "c"),
        bus_fixture_reset("c", 1),
        bus_fixture_skip("c", 1),
        bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c"),
        bus_fixture_all_parked(RENTBUS_OP_consumer_drop, "c"),
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        refused(bus, &commands[i], RENTBUS_ERROR_NOT_FOUND, "id");
}

static void test_types(void **state)
{
    (void)state;
    char longest[RENTBUS_TYPE_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(rentbus_type_valid(rentbus_text("Aa0_-.")));
    assert_true(rentbus_type_valid((struct rentbus_text){longest, RENTBUS_TYPE_MAX}));
    assert_false(rentbus_type_valid((struct rentbus_text){longest, RENTBUS_TYPE_MAX + 1}));
    static const char *const bad[] = {"",    " ",  "a/b", "a\x7f", "\xc3\xa9",
                                      "a:b", "a@", "[",   "`",     "{"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rentbus_type_valid(rentbus_text(bad[i])));
    assert_true(bus_type_reserved(rentbus_text("RENTAL_")));
    assert_true(bus_type_reserved(rentbus_text("CONSUMER_MINE")));
    assert_true(bus_type_reserved(rentbus_text("USER_BLOCKED_EVENT")));
    assert_true(bus_type_reserved(rentbus_text("HEARTBEAT")));
    assert_false(bus_type_reserved(rentbus_text("USER_MINE")));
    assert_false(bus_type_reserved(rentbus_text("rental_")));
    assert_false(bus_type_reserved(rentbus_text("RENTAL")));
}

#define BUS_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, bus_fixture_setup, bus_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(test_defaults),
        BUS_TEST(test_limits),
        BUS_TEST(test_beginnings),
        BUS_TEST(test_new_with_events_on_their_way),
        BUS_TEST(test_nothing_before_it_is_durable),
        BUS_TEST(test_a_reset_waits_for_nobody),
        BUS_TEST(test_skip),
        BUS_TEST(test_unknown),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
