/* SPDX-License-Identifier: MPL-2.0 */
/* From the journal to the hands of workers and back, over a journal of its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/protocol/text.h"
#include "tests/unit/bus_fixture.h"

#define BACKOFF UINT64_MAX

static void put(struct bus_fixture *bus, const char *id, const char *type, uint64_t attempts)
{
    struct ledger_command command = bus_fixture_put(id, type, attempts);
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_CREATED_EVENT);
}

static struct bus_fixture_delivery take_one(struct bus_fixture *bus, const char *worker)
{
    assert_int_equal(bus_fixture_fetch(bus, "c", worker, 1), 1);
    return bus->last.deliveries[0];
}

static void refused(struct bus_fixture *bus, int r, enum rentbus_error_code code, const char *field)
{
    assert_int_equal(r, code);
    assert_int_equal(bus->fault.code, code);
    assert_string_equal(bus->fault.field, field);
}

static void test_subjects_and_workers(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    bus_fixture_publish(bus, "u", "a");
    uint64_t second = bus_fixture_publish(bus, "t", "a");
    uint64_t other = bus_fixture_publish(bus, "t", "b");
    assert_int_equal(bus_fixture_fetch(bus, "c", "one", 10), 2);
    struct bus_fixture_delivery taken = bus->last.deliveries[0];
    struct bus_fixture_delivery beside = bus->last.deliveries[1];
    assert_int_equal(taken.seq, first);
    assert_int_equal(beside.seq, other);
    assert_int_equal(bus_fixture_fetch(bus, "c", "two", 10), 0);
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 2);
    assert_int_equal(bus_fixture_status(bus, "c").workers, 2);
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &taken), 0);
    assert_int_equal(bus_fixture_fetch(bus, "c", "two", 10), 1);
    assert_int_equal(bus->last.deliveries[0].seq, second);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, second - 1);
    assert_int_equal(bus_fixture_ack(bus, "c", "two", &bus->last.deliveries[0]), 0);
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &beside), 0);
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    assert_int_equal(status.cursor, other);
    assert_int_equal(status.lag, 0);
    assert_int_equal(status.acked, 3);
    assert_false(RENTBUS_HAS(&status, consumer_status, oldest_at));
}

static void test_bad_acks_change_nothing(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, "c", "t", 3);
    bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    struct bus_fixture_delivery never = {.seq = taken.seq + 50, .lease = 1};
    struct bus_fixture_delivery forged = {.seq = taken.seq, .lease = taken.lease + 1};
    struct bus_fixture_delivery huge = {.seq = taken.seq, .lease = INT64_MAX};
    refused(bus, bus_fixture_ack(bus, "nobody", "one", &taken), RENTBUS_ERROR_NOT_FOUND, "id");
    refused(bus, bus_fixture_ack(bus, "c", "two", &taken), RENTBUS_ERROR_CONFLICT, "acks");
    refused(bus, bus_fixture_ack(bus, "c", "one", &never), RENTBUS_ERROR_NOT_FOUND, "acks");
    refused(bus, bus_fixture_ack(bus, "c", "one", &forged), RENTBUS_ERROR_CONFLICT, "acks");
    refused(bus, bus_fixture_ack(bus, "c", "one", &huge), RENTBUS_ERROR_NOT_FOUND, "acks");
    refused(bus, bus_fixture_nack(bus, "c", "two", &taken, 0, true, &result),
            RENTBUS_ERROR_CONFLICT, "seq");
    refused(bus, bus_fixture_nack(bus, "c", "one", &taken, BUS_DELAY_MAX_MS + 1, false, &result),
            RENTBUS_ERROR_INVALID_ARGUMENT, "delay_ms");
    refused(bus, bus_fixture_ack_publish(bus, "c", "two", &taken, "x"), RENTBUS_ERROR_CONFLICT,
            "acks");
    struct rentbus_consumer_status status = bus_fixture_status(bus, "c");
    assert_int_equal(status.in_flight, 1);
    assert_int_equal(status.workers, 1); /* who has nothing in hand does not join */
    assert_int_equal(status.acked + status.failed, 0);
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &taken), 0);
    refused(bus, bus_fixture_ack(bus, "c", "one", &taken), RENTBUS_ERROR_NOT_FOUND, "acks");
    bus_fixture_publish(bus, "t", "a");
    taken = take_one(bus, "one");
    bus_fixture_sleep(bus, 10 * BUS_SECOND);
    refused(bus, bus_fixture_ack(bus, "c", "one", &taken), RENTBUS_ERROR_CONFLICT, "acks");
    assert_int_equal(bus_fixture_status(bus, "c").delayed, 1);
}

static void test_bad_fetches(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", NULL, 3);
    refused(bus, bus_fixture_ask(bus, "nobody", "w", 1, 1, 0, 1), RENTBUS_ERROR_NOT_FOUND, "id");
    refused(bus, bus_fixture_ask(bus, "c", "w", 1, 0, 0, 1), RENTBUS_ERROR_INVALID_ARGUMENT,
            "credit");
    refused(bus, bus_fixture_ask(bus, "c", "w", 1, BUS_CREDIT_MAX + 1, 0, 1),
            RENTBUS_ERROR_INVALID_ARGUMENT, "credit");
    refused(bus, bus_fixture_ask(bus, "c", "w", 1, 1, BUS_WAIT_MAX_MS + 1, 1),
            RENTBUS_ERROR_INVALID_ARGUMENT, "wait_ms");
    assert_int_equal(bus_fixture_status(bus, "c").workers, 0);
}

static void test_a_lease_that_ends(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 2);
    bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(taken.attempt, 1);
    bus_fixture_sleep(bus, 10 * BUS_SECOND - 1);
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 1);
    bus_fixture_sleep(bus, 1);
    assert_int_equal(bus_fixture_status(bus, "c").delayed, 1);
    assert_int_equal(bus_fixture_fetch(bus, "c", "two", 1), 0);
    bus_fixture_sleep(bus, BUS_SECOND);
    taken = take_one(bus, "two");
    assert_int_equal(taken.attempt, 2);
    bus_fixture_sleep(bus, 10 * BUS_SECOND);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0); /* not yet durable */
    assert_int_equal(bus_fixture_fetch(bus, "c", "two", 1), 0);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus_fixture_status(bus, "c").failed, 2);
    assert_int_equal(bus_fixture_status(bus, "c").lag, 0); /* what parked it is not for it */
}

static void test_backoff(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, "c", "t", 100);
    bus_fixture_publish(bus, "t", "a");
    int64_t longest = BUS_SECOND;
    for (int attempt = 1; attempt < 14; attempt++, longest *= 2) {
        struct bus_fixture_delivery taken = take_one(bus, "one");
        assert_int_equal(taken.attempt, attempt);
        assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, BACKOFF, false, &result), 0);
        int64_t most = longest < 300 * BUS_SECOND ? longest : 300 * BUS_SECOND;
        assert_false(result.parked);
        assert_in_range(result.retry_at - bus->now, most / 2, most);
        bus_fixture_sleep(bus, result.retry_at - bus->now - 1);
        assert_int_equal(bus_fixture_fetch(bus, "c", "one", 1), 0);
        bus_fixture_sleep(bus, 1);
    }
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, 0, false, &result), 0);
    bus_fixture_sleep(bus, 0);
    take_one(bus, "one");
}

static void test_a_failing_event_holds_back_its_subject_alone(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    char subject[16];
    put(bus, "c", "t", 1000);
    uint64_t bad = bus_fixture_publish(bus, "t", "bad");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, 3600000, false, &result), 0);
    for (int i = 0; i < 3000; i++) {
        snprintf(subject, sizeof subject, "s%d", i % 7);
        bus_fixture_record(bus, "t", i % 100 ? subject : "bad", "u");
        if (bus->pending == 250)
            bus_fixture_commit(bus);
    }
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_work(bus, "c", "one"), 2970);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, bad - 1);
    bus_fixture_sleep(bus, 3600 * BUS_SECOND);
    assert_int_equal(bus_fixture_work(bus, "c", "one"), 31);
    assert_int_equal(bus_fixture_status(bus, "c").lag,
                     bus_fixture_count(bus, RENTBUS_CONSUMER_STALLED_EVENT));
}

/* ---- parked events ---- */

struct failures {
    size_t count;
    uint64_t seq;
};

static bool note_parked(void *context, uint64_t seq, uint64_t parked_seq)
{
    struct failures *failures = context;
    assert_true(parked_seq > seq);
    failures->count++;
    failures->seq = seq;
    return true;
}

static void test_parked_events(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    struct failures failures = {0};
    put(bus, "c", "t", 8);
    uint64_t bad = bus_fixture_publish(bus, "t", "a");
    uint64_t next = bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, BACKOFF, true, &result), 0);
    assert_true(result.parked);
    assert_false(RENTBUS_HAS(&result, nack_result, retry_at));
    assert_int_equal(bus_fixture_fetch(bus, "c", "one", 9), 0);
    bus_fixture_commit(bus);
    assert_int_equal(take_one(bus, "one").seq, next);
    assert_true(bus_parked(bus->bus, rentbus_text("c"), 0, note_parked, &failures));
    assert_int_equal(failures.count, 1);
    assert_int_equal(failures.seq, bad);
    assert_true(bus_parked(bus->bus, rentbus_text("c"), bad, note_parked, &failures));
    assert_int_equal(failures.count, 1);
    assert_false(bus_parked(bus->bus, rentbus_text("d"), 0, note_parked, &failures));
    assert_int_equal(bus_counts(bus->bus).parked, 1);
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &bus->last.deliveries[0]), 0);
    struct ledger_command replay = bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c");
    assert_int_equal(bus_fixture_command(bus, &replay), RENTBUS_CONSUMER_REPLAYED_EVENT);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, bad - 1);
    assert_int_equal(bus_fixture_command(bus, &replay), RENTBUS_COMMAND_UNCHANGED_EVENT);
    taken = take_one(bus, "one");
    assert_int_equal(taken.seq, bad);
    assert_int_equal(taken.attempt, 1);
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, BACKOFF, true, &result), 0);
    bus_fixture_commit(bus);
    struct ledger_command drop = bus_fixture_all_parked(RENTBUS_OP_consumer_drop, "c");
    assert_int_equal(bus_fixture_command(bus, &drop), RENTBUS_CONSUMER_DROPPED_EVENT);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
    assert_int_equal(bus_fixture_fetch(bus, "c", "one", 9), 0);
}

static void test_parking_that_is_taken_back(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, "c", "t", 1);
    bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, BACKOFF, false, &result), 0);
    assert_true(result.parked);
    bus_fixture_fall_back(bus);
    /* The journal may have it all the same, or not: the worker can say it again. */
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 1);
    bus->refusing = true;
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, BACKOFF, false, &result), 0);
    assert_false(result.parked);
    bus->refusing = false;
    bus_fixture_sleep(bus, BUS_SECOND);
    taken = take_one(bus, "one");
    assert_int_equal(taken.attempt, 2);
    assert_int_equal(bus_fixture_nack(bus, "c", "one", &taken, BACKOFF, false, &result), 0);
    assert_true(result.parked);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
}

/* ---- acknowledgements that publish ---- */

static void test_ack_and_publish(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    uint64_t first = bus_fixture_publish(bus, "t", "a");
    uint64_t second = bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "one", &taken, "made"), 0);
    assert_int_equal(bus_fixture_fetch(bus, "c", "one", 9), 0); /* not before it is durable */
    refused(bus, bus_fixture_ack(bus, "c", "one", &taken), RENTBUS_ERROR_CONFLICT, "acks");
    bus_fixture_fall_back(bus);
    assert_int_equal(bus_fixture_status(bus, "c").acked, 0);
    assert_int_equal(bus_fixture_ack_publish(bus, "c", "one", &taken, "made"), 0);
    bus_fixture_sleep(bus, 20 * BUS_SECOND); /* its lease is not the point any more */
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, second - 1);
    assert_int_equal(bus_fixture_status(bus, "c").acked, 1);
    assert_int_equal(bus_fixture_status(bus, "c").failed, 0);
    assert_true(first < second);
    assert_int_equal(take_one(bus, "one").seq, second);
}

static void test_a_loop_ends(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "loop", 3);
    bus_fixture_publish(bus, "loop", "loop");
    for (int i = 0; i < RENTBUS_HOPS_MAX; i++) {
        struct bus_fixture_delivery taken = take_one(bus, "one");
        assert_int_equal(bus_fixture_ack_publish(bus, "c", "one", &taken, "loop"), 0);
        bus_fixture_commit(bus);
    }
    struct bus_fixture_delivery taken = take_one(bus, "one");
    refused(bus, bus_fixture_ack_publish(bus, "c", "one", &taken, "loop"), RENTBUS_ERROR_CONFLICT,
            "publish");
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus_fixture_status(bus, "c").acked, RENTBUS_HOPS_MAX);
    assert_int_equal(bus_fixture_fetch(bus, "c", "one", 9), 0);
}

/* A handler that fails on what parked events of others say does not go round for ever. */
static void test_parked_events_of_others(void **state)
{
    struct bus_fixture *bus = *state;
    struct rentbus_nack_result result;
    put(bus, "c", "CONSUMER_PARKED_EVENT", 1);
    put(bus, "d", "CONSUMER_PARKED_EVENT", 1);
    put(bus, "e", "t", 1);
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_fetch(bus, "e", "w", 1), 1);
    struct bus_fixture_delivery taken = bus->last.deliveries[0];
    size_t parked = 0;
    const char *id = "e";
    for (; parked < 100; parked++) {
        assert_int_equal(bus_fixture_nack(bus, id, "w", &taken, BACKOFF, false, &result), 0);
        bus_fixture_commit(bus);
        id = parked % 2 ? "d" : "c";
        if (bus_fixture_fetch(bus, id, "w", 1) == 0)
            break;
        taken = bus->last.deliveries[0];
    }
    assert_in_range(parked, 3, 2 * RENTBUS_HOPS_MAX);
}

/* ---- long polls ---- */

static void test_a_fetch_that_waits(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 1000, 1), BUS_LATER);
    assert_int_equal(bus_fixture_ask(bus, "c", "two", 1, 5, 2000, 2), BUS_LATER);
    bus_fixture_publish(bus, "u", "a");
    assert_int_equal(bus->answers, 0);
    uint64_t seq = bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus->answers, 1);
    assert_int_equal(bus->last.count, 1);
    assert_int_equal(bus->last.deliveries[0].seq, seq);
    assert_int_equal(bus->last.route, 7);
    assert_memory_equal(&bus->last.request, &((struct rentbus_uuid){{0, 1}}), 16);
    bus_fixture_sleep(bus, 2 * BUS_SECOND - 1);
    assert_int_equal(bus->answers, 1);
    bus_fixture_sleep(bus, 1);
    assert_int_equal(bus->answers, 2);
    assert_int_equal(bus->last.count, 0);
    assert_memory_equal(&bus->last.request, &((struct rentbus_uuid){{0, 2}}), 16);
    bus_fixture_sleep(bus, 5 * BUS_SECOND);
    assert_int_equal(bus->answers, 2);
}

static void test_one_worker_waits_once(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 9000, 1), BUS_LATER);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 9000, 1), BUS_LATER);
    assert_int_equal(bus->answers, 0);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 9000, 2), BUS_LATER);
    assert_int_equal(bus->answers, 1);
    assert_memory_equal(&bus->last.request, &((struct rentbus_uuid){{0, 1}}), 16);
    assert_int_equal(bus->last.count, 0);
    /* A fetch that finds something ends the one that waits, too, or that would get the next. */
    uint64_t first = bus_fixture_record(bus, "t", "a", "u");
    uint64_t second = bus_fixture_record(bus, "t", "a", "u");
    bus_fixture_commit(bus);
    assert_int_equal(bus->answers, 2);
    struct bus_fixture_delivery taken = bus->last.deliveries[0];
    assert_int_equal(taken.seq, first);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 9000, 3), BUS_LATER);
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &taken), 0);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 9000, 3), 0);
    assert_int_equal(bus->last.deliveries[0].seq, second);
    taken = bus->last.deliveries[0];
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &taken), 0);
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus->answers, 2);
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 0);
}

static void test_an_answer_that_was_lost(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    bus_fixture_record(bus, "t", "a", "u");
    bus_fixture_record(bus, "t", "b", "u");
    bus_fixture_record(bus, "t", "c", "u");
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 2, 0, 1), 0);
    struct bus_fixture_answer first = bus->last;
    assert_int_equal(first.count, 2);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 2, 5000, 1), 0);
    assert_memory_equal(bus->last.deliveries, first.deliveries, sizeof first.deliveries);
    assert_int_equal(bus_fixture_ack(bus, "c", "one", &first.deliveries[0]), 0);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 2, 0, 1), 0);
    assert_int_equal(bus->last.count, 1);
    assert_int_equal(bus->last.deliveries[0].seq, first.deliveries[1].seq);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 2, 0, 2), 0);
    assert_int_equal(bus->last.count, 1);
    assert_int_equal(bus->last.deliveries[0].seq, first.deliveries[1].seq + 1);
}

static void test_a_newer_worker_takes_over(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    uint64_t seq = bus_fixture_publish(bus, "t", "a");
    struct bus_fixture_delivery taken = take_one(bus, "one");
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 5, 9000, 5), BUS_LATER);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 2, 5, 0, 6), 0);
    assert_int_equal(bus->answers, 1); /* the older one's, which hears that it is */
    assert_int_equal(bus->last.count, 1);
    assert_int_equal(bus->last.deliveries[0].seq, seq);
    assert_int_equal(bus->last.deliveries[0].attempt, 2);
    refused(bus, bus_fixture_ack(bus, "c", "one", &taken), RENTBUS_ERROR_CONFLICT, "incarnation");
    refused(bus, bus_fixture_ask(bus, "c", "one", 1, 5, 0, 7), RENTBUS_ERROR_CONFLICT,
            "incarnation");
    assert_int_equal(bus_fixture_status(bus, "c").in_flight, 1);
    assert_int_equal(bus_fixture_status(bus, "c").workers, 1);
}

/* What ends each worker that takes it is parked at last. */
static void test_an_event_that_ends_its_workers(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    uint64_t bad = bus_fixture_publish(bus, "t", "a");
    uint64_t next = bus_fixture_publish(bus, "t", "a");
    for (unsigned incarnation = 1; incarnation <= 3; incarnation++) {
        assert_int_equal(bus_fixture_ask(bus, "c", "w", incarnation, 1, 0, incarnation), 0);
        assert_int_equal(bus->last.deliveries[0].seq, bad);
        assert_int_equal(bus->last.deliveries[0].attempt, incarnation);
    }
    assert_int_equal(bus_fixture_ask(bus, "c", "w", 4, 1, 0, 4), 0);
    assert_int_equal(bus->last.count, 0);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus_fixture_ask(bus, "c", "w", 4, 1, 0, 5), 0);
    assert_int_equal(bus->last.deliveries[0].seq, next);
}

static void test_a_crowd(void **state)
{
    struct bus_fixture *bus = *state;
    char name[16];
    put(bus, "c", "t", 3);
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "w%u", i);
        assert_int_equal(bus_fixture_ask(bus, "c", name, 1, 5, 9000, i + 1), BUS_LATER);
    }
    refused(bus, bus_fixture_ask(bus, "c", "late", 1, 5, 9000, 999), RENTBUS_ERROR_BUSY, "worker");
    assert_true(bus->fault.retry_after_ms > 0);
    assert_int_equal(bus_fixture_ask(bus, "c", "w7", 1, 5, 0, 1000), 0);
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_ack(bus, "c", "w0", &bus->last.deliveries[0]), 0);
    bus_fixture_sleep(bus, 9 * BUS_SECOND);
    assert_int_equal(bus->answers, 256);
    assert_int_equal(bus_fixture_ask(bus, "c", "late", 1, 5, 9000, 1001), BUS_LATER);
}

static void test_pause(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command pause = bus_fixture_about(RENTBUS_OP_consumer_pause, "c");
    struct ledger_command resume = bus_fixture_about(RENTBUS_OP_consumer_resume, "c");
    put(bus, "c", "t", 3);
    assert_int_equal(bus_fixture_command(bus, &resume), RENTBUS_COMMAND_UNCHANGED_EVENT);
    assert_int_equal(bus_fixture_command(bus, &pause), RENTBUS_CONSUMER_PAUSED_EVENT);
    assert_int_equal(bus_fixture_command(bus, &pause), RENTBUS_COMMAND_UNCHANGED_EVENT);
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_fetch(bus, "c", "one", 1), 0);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 1, 60000, 1), BUS_LATER);
    bus_fixture_sleep(bus, 30 * BUS_SECOND);
    assert_int_equal(bus->answers, 0);
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    assert_true(bus_fixture_status(bus, "c").paused);
    assert_int_equal(bus_fixture_ask(bus, "c", "one", 1, 1, 60000, 1), BUS_LATER);
    assert_int_equal(bus_fixture_command(bus, &resume), RENTBUS_CONSUMER_RESUMED_EVENT);
    assert_int_equal(bus->answers, 1);
    assert_int_equal(bus->last.count, 1);
}

static void test_large_fetches(void **state)
{
    struct bus_fixture *bus = *state;
    static char user[60000];
    put(bus, "c", "t", 3);
    memset(user, 'x', sizeof user - 1);
    for (int i = 0; i < 200; i++) {
        bus_fixture_record(bus, "t", NULL, user);
        if (i % 20 == 19)
            bus_fixture_commit(bus);
    }
    struct ledger_command filter = bus_fixture_put("d", "t", 3);
    assert_int_equal(bus_fixture_command(bus, &filter), RENTBUS_CONSUMER_CREATED_EVENT);
    /* One subject, one at a time; without one, the type is the subject. */
    assert_int_equal(bus_fixture_fetch(bus, "d", "one", 1000), 1);
    for (int i = 0; i < 200; i++) {
        char subject[16];
        snprintf(subject, sizeof subject, "s%d", i);
        bus_fixture_record(bus, "large", subject, user);
        if (i % 20 == 19)
            bus_fixture_commit(bus);
    }
    put(bus, "e", "large", 3);
    assert_int_equal(bus_fixture_fetch(bus, "e", "one", 1000) < 100, 1);
    assert_in_range(bus->last.bytes, BUS_FETCH_BYTES_MAX, BUS_FETCH_BYTES_MAX + 70000);
    size_t first = bus->last.count;
    assert_int_equal(bus_fixture_status(bus, "e").in_flight, first);
    size_t all = first;
    while (bus_fixture_fetch(bus, "e", "one", 1000) > 0) {
        assert_int_equal(bus->last.deliveries[0].attempt, 1);
        all += bus->last.count;
    }
    assert_int_equal(all, 200);
}

static void test_stalled(void **state)
{
    struct bus_fixture *bus = *state;
    put(bus, "c", "t", 3);
    bus_fixture_sleep(bus, 200 * BUS_SECOND);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_count(bus, RENTBUS_CONSUMER_STALLED_EVENT), 0); /* no work */
    bus_fixture_publish(bus, "t", "a");
    bus_fixture_sleep(bus, 61 * BUS_SECOND);
    assert_false(bus_fixture_status(bus, "c").stalled); /* not yet durable */
    bus_fixture_fall_back(bus);
    bus_fixture_sleep(bus, 61 * BUS_SECOND);
    bus_fixture_commit(bus);
    assert_true(bus_fixture_status(bus, "c").stalled);
    assert_int_equal(bus_counts(bus->bus).stalled, 1);
    bus_fixture_sleep(bus, 600 * BUS_SECOND);
    bus_fixture_fall_back(bus);
    bus_fixture_sleep(bus, 600 * BUS_SECOND);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_count(bus, RENTBUS_CONSUMER_STALLED_EVENT), 1); /* once */
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 1), 1);
    assert_false(bus_fixture_status(bus, "c").stalled);
    bus_fixture_sleep(bus, 100 * BUS_SECOND);
    bus_fixture_commit(bus);
    assert_int_equal(bus_fixture_count(bus, RENTBUS_CONSUMER_STALLED_EVENT), 2);
    /* A start is no reason: nobody can have asked before it. */
    bus_fixture_restart(bus, BUS_FIXTURE_STOPPED);
    bus->now += 3600 * BUS_SECOND;
    bus_fixture_sleep(bus, 0);
    bus_fixture_restart(bus, BUS_FIXTURE_CLOSED);
    bus->now += 3600 * BUS_SECOND;
    bus_fixture_open(bus);
    assert_int_equal(bus->pending, 0);
    bus_fixture_sleep(bus, 59 * BUS_SECOND);
    assert_int_equal(bus->pending, 0);
    bus_fixture_sleep(bus, BUS_SECOND);
    assert_int_equal(bus->pending, 1);
}

#define BUS_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, bus_fixture_setup, bus_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(test_subjects_and_workers),
        BUS_TEST(test_bad_acks_change_nothing),
        BUS_TEST(test_bad_fetches),
        BUS_TEST(test_a_lease_that_ends),
        BUS_TEST(test_backoff),
        BUS_TEST(test_a_failing_event_holds_back_its_subject_alone),
        BUS_TEST(test_parked_events),
        BUS_TEST(test_parking_that_is_taken_back),
        BUS_TEST(test_ack_and_publish),
        BUS_TEST(test_a_loop_ends),
        BUS_TEST(test_parked_events_of_others),
        BUS_TEST(test_a_fetch_that_waits),
        BUS_TEST(test_one_worker_waits_once),
        BUS_TEST(test_an_answer_that_was_lost),
        BUS_TEST(test_a_newer_worker_takes_over),
        BUS_TEST(test_an_event_that_ends_its_workers),
        BUS_TEST(test_a_crowd),
        BUS_TEST(test_pause),
        BUS_TEST(test_large_fetches),
        BUS_TEST(test_stalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
