/* SPDX-License-Identifier: MPL-2.0 */
/* The sequences of devices: what came, what did not, and what came again. */
#include "daemon/ledger/devices.h"
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_asset(world, "box1", "box");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

/* The gap event is the last of the decision; 0 and 0 for none. */
static void must_miss(const struct world *world, const char *device, uint64_t first, uint64_t last)
{
    const struct ledger_event *event = &world->decision.events[world->decision.count - 1];
    const struct rentbus_gap_data *data = &event->data.gap_data;

    assert_true((world_event(world, RENTBUS_DEVICE_GAP_EVENT) != NULL) == (first > 0));
    if (first == 0)
        return;
    assert_int_equal(event->type, RENTBUS_DEVICE_GAP_EVENT);
    assert_true(says(event->subject, device));
    assert_true(says(data->device_id, device));
    assert_true(data->first_missing == first && data->last_missing == last);
    assert_int_equal(data->has, RENTBUS_BIT(gap_data, device_id) |
                                    RENTBUS_BIT(gap_data, first_missing) |
                                    RENTBUS_BIT(gap_data, last_missing));
}

static void a_sequence_begins_with_one(void **state)
{
    struct world *world = *state;
    struct ledger_device_view view;

    assert_false(ledger_device_get(world->ledger, rentbus_text("bin"), &view));
    world_device_return(world, "bin", 1);
    must_miss(world, "bin", 0, 0);
    world_device_is(world, "bin", "1:");
    world_device_return(world, "bin", 2);
    must_miss(world, "bin", 0, 0);
    world_device_is(world, "bin", "2:");
    world_device_return(world, "desk", 2);
    must_miss(world, "desk", 1, 1);
    world_device_is(world, "desk", "2: 1-1");
    world_device_is(world, "bin", "2:");
    assert_int_equal(ledger_counts(world->ledger).devices, 2);
}

static void a_gap_is_told_once_and_last(void **state)
{
    struct world *world = *state;

    world_device_return(world, "bin", 4);
    world_events_are(world, "RENTAL_RETURN_EVENT RENTAL_RETURN_REJECTED_EVENT DEVICE_GAP_EVENT");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_REJECTED);
    must_miss(world, "bin", 1, 3);
    world_device_return(world, "bin", 5);
    must_miss(world, "bin", 0, 0);
    world_device_return(world, "bin", 9);
    must_miss(world, "bin", 6, 8);
    world_device_is(world, "bin", "9: 1-3 6-8");
}

static void a_scan_fills_a_hole(void **state)
{
    struct world *world = *state;

    world_device_return(world, "bin", 10);
    world_device_return(world, "bin", 1);
    must_miss(world, "bin", 0, 0);
    world_device_is(world, "bin", "10: 2-9");
    world_device_return(world, "bin", 9);
    must_miss(world, "bin", 0, 0);
    world_device_is(world, "bin", "10: 2-8");
    world_device_return(world, "bin", 5);
    must_miss(world, "bin", 0, 0);
    world_device_is(world, "bin", "10: 2-4 6-8");
    world_device_return(world, "bin", 3);
    world_device_is(world, "bin", "10: 2-2 4-4 6-8");
    world_device_return(world, "bin", 7);
    world_device_is(world, "bin", "10: 2-2 4-4 6-6 8-8");
    world_device_return(world, "bin", 4);
    world_device_is(world, "bin", "10: 2-2 6-6 8-8");
    world_device_return(world, "bin", 8);
    world_device_return(world, "bin", 2);
    world_device_return(world, "bin", 6);
    world_device_is(world, "bin", "10:");
    world_device_return(world, "bin", 11);
    world_device_is(world, "bin", "11:");
}

static void must_be_resent(const struct world *world, const char *op, const char *device,
                           uint64_t seq)
{
    const struct ledger_event *event = &world->decision.events[0];
    const struct rentbus_unchanged_data *data = &event->data.unchanged_data;

    world_events_are(world, "COMMAND_UNCHANGED_EVENT");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    assert_true(says(event->subject, device));
    assert_true(says(data->op, op));
    assert_true(says(data->device_id, device));
    assert_true(data->device_seq == seq);
    assert_int_equal(data->has, RENTBUS_BIT(unchanged_data, op) |
                                    RENTBUS_BIT(unchanged_data, device_id) |
                                    RENTBUS_BIT(unchanged_data, device_seq));
}

/* Whatever the scan says, and whatever became of the first. */
static void what_came_changes_nothing(void **state)
{
    struct world *world = *state;
    struct ledger_command checkout =
        world_device_scan(RENTBUS_OP_rental_checkout, "ann", "box1", "bin", 3);
    uint64_t digest;

    assert_int_equal(world_run(world, &checkout), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    world_device_return(world, "bin", 6);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    digest = ledger_digest(world->ledger);
    assert_int_equal(world_run(world, &checkout), 0);
    must_be_resent(world, "rental.checkout", "bin", 3);
    world_device_return(world, "bin", 3);
    must_be_resent(world, "rental.return", "bin", 3);
    world_device_return(world, "bin", 6);
    must_be_resent(world, "rental.return", "bin", 6);
    checkout.args.scan.user_id = rentbus_text("nobody");
    assert_int_equal(world_run(world, &checkout), 0);
    must_be_resent(world, "rental.checkout", "bin", 3);
    assert_true(ledger_digest(world->ledger) == digest);
    world_device_return(world, "bin", 2);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_REJECTED);
    world_device_return(world, "bin", 2);
    must_be_resent(world, "rental.return", "bin", 2);
    world_device_is(world, "bin", "6: 1-1 4-5");
}

/* Neither what cannot be meant nor what names an unknown rental takes the place, also when it came
 * already. */
static void what_is_refused_takes_no_place(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_device_scan(RENTBUS_OP_rental_return, "ann", "box1", "bin", 1);

    for (int i = 0; i < 2; i++) {
        command.args.scan.rental_id = rentbus_text("r99");
        assert_int_equal(world_run(world, &command), RENTBUS_ERROR_NOT_FOUND);
        command.args.scan.rental_id = (struct rentbus_text){0};
        command.op = RENTBUS_OP_rental_checkout;
        command.args.scan.has_expires_at = true;
        command.args.scan.expires_at = NOW;
        assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
        command.op = RENTBUS_OP_rental_return;
        assert_int_equal(ledger_counts(world->ledger).devices, i);
        world_device_return(world, "bin", 1);
        assert_int_equal(world->result.outcome,
                         i ? RENTBUS_OUTCOME_UNCHANGED : RENTBUS_OUTCOME_REJECTED);
    }
    world_device_is(world, "bin", "1:");
}

static void a_scan_tells_of_its_device(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_device_scan(RENTBUS_OP_rental_checkout, "ann", "box1", "bin", 1);
    const struct rentbus_checkout_data *checkout = &world->decision.events[0].data.checkout_data;
    const struct rentbus_return_data *data = &world->decision.events[0].data.return_data;

    command.args.scan.has_device_time = true;
    command.args.scan.device_time = NOW + 77;
    assert_int_equal(world_run(world, &command), 0);
    assert_true(says(checkout->device_id, "bin"));
    assert_int_equal(checkout->device_seq, 1);
    assert_true(checkout->device_time == NOW + 77 && checkout->occurred_at == NOW);
    assert_true(RENTBUS_HAS(checkout, checkout_data, device_id) &&
                RENTBUS_HAS(checkout, checkout_data, device_seq) &&
                RENTBUS_HAS(checkout, checkout_data, device_time));
    command = world_device_scan(RENTBUS_OP_rental_return, "ann", "box1", "bin", 2);
    command.args.scan.has_device_time = true;
    command.args.scan.device_time = NOW - 77;
    assert_int_equal(world_run(world, &command), 0);
    assert_true(says(data->device_id, "bin"));
    assert_int_equal(data->device_seq, 2);
    assert_true(data->device_time == NOW - 77 && data->occurred_at == NOW);
    assert_true(RENTBUS_HAS(data, return_data, device_id) &&
                RENTBUS_HAS(data, return_data, device_seq) &&
                RENTBUS_HAS(data, return_data, device_time));
    world_return(world, "ann", "box1", NULL, NOW);
    assert_false(RENTBUS_HAS(data, return_data, device_id) ||
                 RENTBUS_HAS(data, return_data, device_seq) ||
                 RENTBUS_HAS(data, return_data, device_time));
}

/* What it names need not be known: the scan came. */
static void rejected_scans_take_their_place(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_device_scan(RENTBUS_OP_rental_checkout, "nobody", "nothing", "bin", 1);

    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_REJECTED);
    world_device_is(world, "bin", "1:");
    command.op = RENTBUS_OP_rental_return;
    command.args.scan.device_seq = 2;
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_REJECTED);
    world_device_is(world, "bin", "2:");
}

static void the_greatest_number_is_one(void **state)
{
    struct world *world = *state;

    world_device_return(world, "bin", UINT64_MAX);
    must_miss(world, "bin", 1, UINT64_MAX - 1);
    world_device_is(world, "bin", "18446744073709551615: 1-18446744073709551614");
    world_device_return(world, "bin", UINT64_MAX);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    world_device_return(world, "bin", 1);
    must_miss(world, "bin", 0, 0);
    world_device_return(world, "bin", UINT64_MAX - 1);
    world_device_is(world, "bin", "18446744073709551615: 2-18446744073709551613");
}

static bool see_device(void *seen, const struct ledger_device_view *device)
{
    char **at = seen;

    *at += snprintf(*at, 16, "%.*s ", RENTBUS_TEXT_ARGS(device->id));
    return device->device_seq != 7;
}

static void devices_are_listed_as_they_came(void **state)
{
    struct world *world = *state;
    char seen[64] = "";
    char *at = seen;

    world_device_return(world, "west", 1);
    world_device_return(world, "east", 7);
    world_device_return(world, "attic", 1);
    world_device_return(world, "west", 2);
    ledger_device_list(world->ledger, 0, see_device, &at);
    assert_string_equal(seen, "west east ");
    at = seen;
    ledger_device_list(world->ledger, 2, see_device, &at);
    assert_string_equal(seen, "attic ");
    at = seen;
    ledger_device_list(world->ledger, 3, see_device, &at);
    ledger_device_list(world->ledger, UINT64_MAX, see_device, &at);
    assert_ptr_equal(at, seen);
}

static void a_rollback_opens_the_holes_again(void **state)
{
    /* Each from the state that the ones before it leave. */
    static const struct {
        uint64_t seq;
        const char *before;
    } steps[] = {
        {10, "1:"},         {2, "10: 2-9"},         {9, "10: 3-9"},     {6, "10: 3-8"},
        {4, "10: 3-5 7-8"}, {3, "10: 3-3 5-5 7-8"}, {5, "10: 5-5 7-8"}, {11, "10: 7-8"},
        {13, "11: 7-8"},    {12, "13: 7-8 12-12"},  {7, "13: 7-8"},     {8, "13: 8-8"},
    };
    const size_t count = sizeof(steps) / sizeof(steps[0]);
    struct world *world = *state;
    uint64_t heads[sizeof(steps) / sizeof(steps[0])];
    struct ledger_device_view view;

    ledger_durable(world->ledger, UINT64_MAX);
    world_device_return(world, "bin", 1);
    for (size_t i = 0; i < count; i++) {
        heads[i] = ledger_head(world->ledger);
        world_device_is(world, "bin", steps[i].before);
        world_device_return(world, "bin", steps[i].seq);
    }
    world_device_is(world, "bin", "13:");
    for (size_t i = count; i-- > 0;) {
        ledger_rollback_to(world->ledger, heads[i]);
        world_device_is(world, "bin", steps[i].before);
    }
    ledger_rollback(world->ledger);
    assert_false(ledger_device_get(world->ledger, rentbus_text("bin"), &view));
    assert_int_equal(ledger_counts(world->ledger).devices, 0);
}

/* A set of seqs beside it, and everything taken back step by step, compared each time. */
static void random_sequences_are_sets(void **state)
{
    enum { SEQS = 48 };
    struct ledger_memory memory = ledger_memory_heap;

    (void)state;
    srand(7);
    for (int round = 0; round < 500; round++) {
        struct ledger_device device = {0};
        bool came[SEQS + 1] = {false};
        uint64_t taken[SEQS];
        uint64_t greatest[SEQS];
        int count = 0;

        while (count < SEQS) {
            uint64_t seq = 1 + (uint64_t)rand() % SEQS;

            assert_true(ledger_device_has(&device, seq) == came[seq]);
            if (came[seq])
                seq = 0;
            for (uint64_t i = 1; seq == 0 && i <= SEQS; i++)
                if (!came[i])
                    seq = i;
            taken[count] = seq;
            greatest[count++] = device.seq;
            assert_int_equal(ledger_device_reserve(&device, seq, &memory), 0);
            ledger_device_take(&device, seq);
            came[seq] = true;
            for (uint64_t i = 1; i <= SEQS; i++)
                assert_true(ledger_device_has(&device, i) == came[i]);
        }
        assert_int_equal(device.missing, 0);
        while (count-- > 0) {
            uint64_t missing = 0;
            uint64_t last = 0;

            ledger_device_untake(&device, taken[count], greatest[count]);
            came[taken[count]] = false;
            assert_int_equal(device.seq, greatest[count]);
            for (uint64_t i = 1; i <= SEQS; i++) {
                assert_true(ledger_device_has(&device, i) == came[i]);
                missing += i <= device.seq && !came[i];
            }
            assert_int_equal(device.missing, missing);
            for (size_t i = 0; i < device.hole_count; i++) {
                assert_true(device.holes[i].first > last + (i > 0));
                last = device.holes[i].last;
            }
        }
        assert_int_equal(device.seq, 0);
        ledger_device_release(&device, &memory);
    }
}

static void a_sequence_that_cannot_be_is_seen(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_device_scan(RENTBUS_OP_rental_return, "ann", "box1", "bin", 3);
    struct ledger_event *event = &world->decision.events[0];

    world_device_return(world, "bin", 2);
    assert_int_equal(world_decide(world, &command), 0);
    for (uint64_t seq = 4; seq-- > 0;) {
        event->data.return_data.device_seq = seq;
        assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1),
                         seq == 0 || seq == 2 ? -EBADMSG : 0);
    }
    event->data.return_data.device_id = rentbus_text("desk");
    event->data.return_data.device_seq = 0;
    assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1), -EBADMSG);
    assert_int_equal(ledger_counts(world->ledger).devices, 1);
    world_device_is(world, "bin", "3:");
}

static void a_digest_sees_the_devices(void **state)
{
    struct world *world = *state;
    uint64_t seen[6];
    size_t count = 0;

    world_checkout(world, "ann", "box1", NOW);
    world_return(world, "ann", "box1", NULL, NOW);
    seen[count++] = ledger_digest(world->ledger);
    world_device_return(world, "bin", 1);
    seen[count++] = ledger_digest(world->ledger);
    world_device_return(world, "bin", 2);
    seen[count++] = ledger_digest(world->ledger);
    world_device_return(world, "bin", 5);
    seen[count++] = ledger_digest(world->ledger);
    world_device_return(world, "bin", 4);
    seen[count++] = ledger_digest(world->ledger);
    world_device_return(world, "bin", 3);
    seen[count++] = ledger_digest(world->ledger);
    world_device_return(world, "bin", 3);
    assert_true(ledger_digest(world->ledger) == seen[count - 1]);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sequence_begins_with_one),
        TEST(a_gap_is_told_once_and_last),
        TEST(a_scan_fills_a_hole),
        TEST(what_came_changes_nothing),
        TEST(what_is_refused_takes_no_place),
        TEST(a_scan_tells_of_its_device),
        TEST(rejected_scans_take_their_place),
        TEST(the_greatest_number_is_one),
        TEST(devices_are_listed_as_they_came),
        TEST(a_rollback_opens_the_holes_again),
        TEST(random_sequences_are_sets),
        TEST(a_sequence_that_cannot_be_is_seen),
        TEST(a_digest_sees_the_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
