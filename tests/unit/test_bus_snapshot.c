/* SPDX-License-Identifier: MPL-2.0 */
/* What consumers know from a snapshot alone, when the file of cursors is lost or older. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bus/bus_state.h"
#include "tests/unit/bus_fixture.h"

struct taken {
    uint64_t seq;
    struct rentbus_buffer bytes;
};

static struct taken take(struct bus_fixture *bus)
{
    struct taken taken = {.seq = bus_head(bus->bus)};
    assert_int_equal(bus_snapshot(bus->bus, &taken.bytes), 0);
    return taken;
}

static void open_from(struct bus_fixture *bus, struct taken *taken)
{
    struct rentbus_bytes bytes = {taken->bytes.data, taken->bytes.length};
    bus_fixture_begin(bus, taken->seq, bytes);
    bus_process(bus->bus, bus->now);
    rentbus_buffer_release(&taken->bytes);
}

static void put(struct bus_fixture *bus, const char *id)
{
    struct ledger_command command = bus_fixture_put(id, "t", 3);
    assert_int_equal(bus_fixture_command(bus, &command), RENTBUS_CONSUMER_CREATED_EVENT);
}

static void ack_at(struct bus_fixture *bus, const struct bus_fixture_answer *answer, size_t index)
{
    assert_int_equal(bus_fixture_ack(bus, "c", "w", &answer->deliveries[index]), 0);
}

static void fail_at(struct bus_fixture *bus, const struct bus_fixture_answer *answer, size_t index,
                    bool fatal)
{
    struct rentbus_nack_result result;
    assert_int_equal(
        bus_fixture_nack(bus, "c", "w", &answer->deliveries[index], UINT64_MAX, fatal, &result), 0);
}

/* Six events: the 1st and 3rd done, the 2nd failed once, the 4th parked, the 5th in hand. */
static struct bus_fixture_answer work(struct bus_fixture *bus)
{
    static const char *const subjects[] = {"a", "b", "c", "d", "e", "f"};
    put(bus, "c");
    for (size_t i = 0; i < 6; i++)
        bus_fixture_publish(bus, "t", subjects[i]);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 5), 5);
    struct bus_fixture_answer answer = bus->last;
    ack_at(bus, &answer, 0);
    fail_at(bus, &answer, 1, false);
    ack_at(bus, &answer, 2);
    fail_at(bus, &answer, 3, true);
    bus_fixture_commit(bus);
    return answer;
}

static void check_left(struct bus_fixture *bus, const struct bus_fixture_answer *answer)
{
    static const struct {
        size_t behind; /* the first event */
        uint64_t attempt;
    } left[] = {{1, 2}, {4, 2}, {5, 1}};
    uint64_t first = answer->deliveries[0].seq;
    assert_int_equal(bus_fixture_status(bus, "c").cursor, first);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 1);
    assert_int_equal(bus->bus->first->parked[0].seq, first + 3);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bus->last.deliveries[i].seq, first + left[i].behind);
        assert_int_equal(bus->last.deliveries[i].attempt, left[i].attempt);
    }
}

/* A retry that was due later is due at once. */
static void test_the_file_is_lost(void **state)
{
    struct bus_fixture *bus = *state;
    struct bus_fixture_answer answer = work(bus);
    struct taken taken = take(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    open_from(bus, &taken);
    check_left(bus, &answer);
}

/* What was done behind the last saving, and before the snapshot. */
static void test_the_file_is_older(void **state)
{
    struct bus_fixture *bus = *state;
    bus_fixture_save(bus);
    struct bus_fixture_answer answer = work(bus);
    struct taken taken = take(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    char kept[128];
    snprintf(kept, sizeof kept, "%s.kept", bus->cursors_path);
    bus_fixture_copy(kept, bus->cursors_path);
    open_from(bus, &taken);
    check_left(bus, &answer);
}

/* What the events behind the snapshot say counts, and what the file of cursors knows of later. */
static void test_the_file_is_newer(void **state)
{
    struct bus_fixture *bus = *state;
    struct bus_fixture_answer answer = work(bus);
    struct taken taken = take(bus);
    ack_at(bus, &answer, 4);
    bus_fixture_publish(bus, "t", "g");
    struct ledger_command drop = bus_fixture_all_parked(RENTBUS_OP_consumer_drop, "c");
    assert_int_equal(bus_fixture_command(bus, &drop), RENTBUS_CONSUMER_DROPPED_EVENT);
    bus_fixture_restart(bus, BUS_FIXTURE_CLOSED);
    open_from(bus, &taken);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 3);
}

/* An event is replayed and done behind the snapshot, which the file of cursors knows. */
static void test_replayed_behind_it(void **state)
{
    struct bus_fixture *bus = *state;
    work(bus);
    struct taken taken = take(bus);
    struct ledger_command replay = bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c");
    assert_int_equal(bus_fixture_command(bus, &replay), RENTBUS_CONSUMER_REPLAYED_EVENT);
    bus_fixture_sleep(bus, 20 * BUS_SECOND);
    bus_fixture_sleep(bus, 20 * BUS_SECOND);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 4);
    bus_fixture_restart(bus, BUS_FIXTURE_CLOSED);
    open_from(bus, &taken);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
}

/* What somebody asked for before the snapshot stays, whatever the consumer wants since. */
static void test_asked_for_before_it(void **state)
{
    struct bus_fixture *bus = *state;
    struct bus_fixture_answer answer = work(bus);
    struct ledger_command replay = bus_fixture_all_parked(RENTBUS_OP_consumer_replay, "c");
    assert_int_equal(bus_fixture_command(bus, &replay), RENTBUS_CONSUMER_REPLAYED_EVENT);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 2);
    struct taken taken = take(bus);
    struct ledger_command update = bus_fixture_put("c", "u", 5);
    assert_int_equal(bus_fixture_command(bus, &update), RENTBUS_CONSUMER_UPDATED_EVENT);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    open_from(bus, &taken);
    assert_int_equal(bus_fixture_fetch(bus, "c", "w", 100), 1);
    assert_int_equal(bus->last.deliveries[0].seq, answer.deliveries[3].seq);
}

/* Events that the consumer had not come to, and that were parked, skipped or asked for already: it
 * was reset, and looked at nothing since. */
static void test_done_ahead(void **state)
{
    struct bus_fixture *bus = *state;
    struct bus_fixture_answer answer = work(bus);
    uint64_t first = answer.deliveries[0].seq;
    struct ledger_command reset = bus_fixture_reset("c", first);
    assert_int_equal(bus_fixture_command(bus, &reset), RENTBUS_CONSUMER_RESET_EVENT);
    struct ledger_command skip = bus_fixture_skip("c", first + 4);
    assert_int_equal(bus_fixture_command(bus, &skip), RENTBUS_CONSUMER_SKIPPED_EVENT);
    assert_int_equal(bus->bus->first->done.count, 1);
    struct taken taken = take(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    open_from(bus, &taken);
    assert_int_equal(bus_fixture_status(bus, "c").cursor, first - 1);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 5);
}

static void test_paused_and_resumed(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command pause = bus_fixture_about(RENTBUS_OP_consumer_pause, "c");
    struct ledger_command resume = bus_fixture_about(RENTBUS_OP_consumer_resume, "c");
    put(bus, "c");
    put(bus, "d");
    bus_fixture_publish(bus, "t", "a");
    assert_int_equal(bus_fixture_command(bus, &pause), RENTBUS_CONSUMER_PAUSED_EVENT);
    struct taken paused = take(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    open_from(bus, &paused);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 0);
    assert_int_equal(bus_fixture_work(bus, "d", "w"), 1);
    struct taken before = take(bus);
    assert_int_equal(bus_fixture_command(bus, &resume), RENTBUS_CONSUMER_RESUMED_EVENT);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    open_from(bus, &before);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 1);
    assert_int_equal(bus_fixture_work(bus, "d", "w"), 0);
}

/* A consumer of the snapshot is deleted behind it, and another of that name is made. */
static void test_made_again_behind_it(void **state)
{
    struct bus_fixture *bus = *state;
    struct ledger_command delete = bus_fixture_about(RENTBUS_OP_consumer_delete, "c");
    work(bus);
    struct taken taken = take(bus);
    assert_int_equal(bus_fixture_command(bus, &delete), RENTBUS_CONSUMER_DELETED_EVENT);
    put(bus, "c");
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    open_from(bus, &taken);
    assert_int_equal(bus_fixture_status(bus, "c").parked, 0);
    assert_int_equal(bus_fixture_work(bus, "c", "w"), 6);
}

static int restore(struct bus_fixture *bus, const struct taken *taken, size_t length)
{
    int r = bus_fixture_restore(bus, taken->seq, (struct rentbus_bytes){taken->bytes.data, length});
    bus_close(&bus->bus);
    return r;
}

static void test_bytes_that_are_none(void **state)
{
    struct bus_fixture *bus = *state;
    work(bus);
    struct taken taken = take(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    assert_int_equal(restore(bus, &taken, taken.bytes.length), 0);
    for (size_t length = 1; length < taken.bytes.length; length++)
        assert_int_equal(restore(bus, &taken, length), -EBADMSG);
    size_t refused = 0;
    for (size_t i = 0; i < taken.bytes.length; i++) {
        taken.bytes.data[i] ^= 0xe1;
        int r = restore(bus, &taken, taken.bytes.length);
        assert_true(r == 0 || r == -EBADMSG);
        refused += r != 0;
        taken.bytes.data[i] ^= 0xe1;
    }
    assert_true(refused > taken.bytes.length / 2);
    /* It says more than there is. */
    taken.seq -= 2;
    assert_int_equal(restore(bus, &taken, taken.bytes.length), -EBADMSG);
    rentbus_buffer_release(&taken.bytes);
}

/* Puts `with` in the place of `what`, which is as long, and back again. */
static void refuses(struct bus_fixture *bus, const struct taken *taken, const char *what,
                    const char *with, size_t size)
{
    uint8_t *at = memmem(taken->bytes.data, taken->bytes.length, what, size);
    assert_non_null(at);
    memcpy(at, with, size);
    assert_int_equal(restore(bus, taken, taken->bytes.length), -EBADMSG);
    memcpy(at, what, size);
    assert_int_equal(restore(bus, taken, taken->bytes.length), 0);
}

static void test_what_no_consumer_is_like(void **state)
{
    struct bus_fixture *bus = *state;
    work(bus);
    put(bus, "d");
    struct taken taken = take(bus);
    bus_fixture_restart(bus, BUS_FIXTURE_GONE);
    /* One that there is already; a lease of no time; an event in hand that it has not seen. */
    refuses(bus, &taken,
            "\x62id\x61"
            "d",
            "\x62id\x61"
            "c",
            5);
    refuses(bus, &taken, "lease_ms\x19\x27\x10", "lease_ms\x19\x00\x00", 11);
    refuses(bus, &taken, "\xf4\xf4\x06", "\xf4\xf4\x01", 3);
    rentbus_buffer_release(&taken.bytes);
}

#define BUS_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, bus_fixture_setup, bus_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(test_the_file_is_lost),    BUS_TEST(test_the_file_is_older),
        BUS_TEST(test_the_file_is_newer),   BUS_TEST(test_replayed_behind_it),
        BUS_TEST(test_asked_for_before_it), BUS_TEST(test_done_ahead),
        BUS_TEST(test_paused_and_resumed),  BUS_TEST(test_made_again_behind_it),
        BUS_TEST(test_bytes_that_are_none), BUS_TEST(test_what_no_consumer_is_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
