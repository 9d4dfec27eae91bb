/* SPDX-License-Identifier: MPL-2.0 */
/* A heap that fails while the bus takes note of a durable event: the bus goes on no more, and one
 * that is opened anew has missed nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/protocol/codec.h"
#include "tests/unit/bus_fixture.h"

/* ---- the heap: the linker leads every allocation of the program here ---- */

static bool failing;
static unsigned left; /* allocations that still succeed */

static bool may_allocate(void)
{
    if (!failing)
        return true;
    if (left == 0)
        return false;
    left--;
    return true;
}

void *__real_calloc(size_t count, size_t size);
__attribute__((visibility("default"))) void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
__attribute__((visibility("default"))) void *__wrap_realloc(void *block, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

/* ---- what a consumer goes through, a step at a time: each records one event ---- */

static void put(struct bus_fixture *bus)
{
    struct ledger_command command = bus_fixture_put("c", "t", 1);
    assert_int_equal(bus_fixture_decide(bus, &command), 0);
}

static void change(struct bus_fixture *bus)
{
    struct ledger_command command = bus_fixture_put("c", "t", 2);
    assert_int_equal(bus_fixture_decide(bus, &command), 0);
}

static void park(struct bus_fixture *bus)
{
    struct rentbus_nack_result result;
    bus_fixture_record(bus, "t", "a", "a");
    bus_fixture_record(bus, "t", "a", "a");
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    struct bus_fixture_delivery taken = bus->last.deliveries[0];
    assert_int_equal(bus_fixture_nack(bus, "c", "w", &taken, 0, true, &result), 0);
    assert_true(result.parked);
}

static void replay(struct bus_fixture *bus)
{
    struct ledger_command command = bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c");
    assert_int_equal(bus_fixture_decide(bus, &command), 0);
}

static void reset(struct bus_fixture *bus)
{
    struct ledger_command command = bus_fixture_reset("c", 1);
    assert_int_equal(bus_fixture_decide(bus, &command), 0);
}

static void (*const steps[])(struct bus_fixture *) = {put, change, park, replay, reset};
#define STEP_COUNT (sizeof(steps) / sizeof(*steps))

/* The events that wait are in the journal; the bus is told of them while the heap fails behind so
 * many allocations. */
static int commit_with(struct bus_fixture *bus, unsigned allocations)
{
    uint64_t first = journal_head(bus->journal)->seq + 1;
    struct journal_batch batch = {first, bus->pending, bus->entries, bus->bytes.data};
    struct rentbus_bytes event = {bus->bytes.data, bus->entries[0].end};
    assert_int_equal(bus->pending, 1);
    assert_int_equal(journal_append(bus->journal, &batch), 0);
    left = allocations;
    failing = true;
    int r = bus_apply(bus->bus, first, bus->types[0], event);
    failing = false;
    bus->pending = 0;
    rentbus_buffer_clear(&bus->bytes);
    return r;
}

static void assert_goes_on_no_more(struct bus_fixture *bus)
{
    struct ledger_command command = bus_fixture_about(RENTBUS_OP_consumer_pause, "c");
    size_t answers = bus->answers;
    assert_int_equal(bus_broken(bus->bus), -ENOMEM);
    assert_int_equal(bus_timer(bus->bus), INT64_MAX);
    assert_int_equal(bus_fixture_decide(bus, &command), -ENOMEM);
    assert_int_equal(bus_fixture_ask(bus, "c", "w", 1, 1, 1000, 9000), -ENOMEM);
    bus_process(bus->bus, bus->now + 3600 * BUS_SECOND);
    assert_int_equal(bus->answers, answers);
    assert_int_equal(bus->pending, 0);
}

/* How the consumer stands and what it still gets, after a start. */
static void describe(struct bus_fixture *bus, struct rentbus_buffer *out)
{
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    rentbus_encode(&rentbus_consumer_status_schema, &status, out);
    while (bus_fixture_fetch(bus, "c", "other", 1) > 0) {
        rentbus_buffer_append(out, &bus->last.deliveries[0].seq, sizeof(uint64_t));
        assert_int_equal(bus_fixture_ack(bus, "c", "other", &bus->last.deliveries[0]), 0);
    }
}

/* Does the steps up to `last`, the last one with a heap that fails; what it came to. */
static int run(size_t last, unsigned allocations, struct rentbus_buffer *out)
{
    struct bus_fixture *bus;
    void *state;
    assert_int_equal(bus_fixture_setup(&state), 0);
    bus = state;
    for (size_t i = 0; i <= last; i++) {
        steps[i](bus);
        if (i < last)
            bus_fixture_commit(bus);
    }
    int r = commit_with(bus, allocations);
    if (r)
        assert_goes_on_no_more(bus);
    describe(bus, out);
    assert_int_equal(bus_fixture_teardown(&state), 0);
    return r;
}

static void test_an_event_that_found_no_memory_is_not_missed(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (size_t last = 0; last < STEP_COUNT; last++) {
        struct rentbus_buffer wanted = {0};
        int r = -ENOMEM;
        assert_int_equal(run(last, UINT32_MAX, &wanted), 0);
        for (unsigned allocations = 0; r != 0; allocations++) {
            struct rentbus_buffer got = {0};
            r = run(last, allocations, &got);
            assert_true(r == 0 || r == -ENOMEM);
            failures += r != 0;
            assert_int_equal(got.length, wanted.length);
            assert_memory_equal(got.data, wanted.data, got.length);
            rentbus_buffer_release(&got);
        }
        rentbus_buffer_release(&wanted);
    }
    assert_true(failures >= STEP_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_that_found_no_memory_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
