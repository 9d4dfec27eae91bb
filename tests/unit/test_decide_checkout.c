/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_asset(world, "box1", "box");
    world_asset(world, "cup1", "cup");
    world_asset_type(world, "cup", 3600, "cup", "mug");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static void a_checkout_makes_a_rental(void **state)
{
    struct world *world = *state;
    const struct ledger_event *events = world->decision.events;
    struct rentbus_rental r1;

    assert_int_equal(world_checkout(world, "ann", "box1", NOW - DAY), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world->decision.count, 2);
    assert_int_equal(events[0].type, RENTBUS_RENTAL_CHECKOUT_EVENT);
    assert_true(says(events[0].subject, "box1"));
    assert_int_equal(events[1].type, RENTBUS_RENTAL_CREATED_EVENT);
    assert_true(says(events[1].subject, "r1"));
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &r1));
    assert_int_equal(r1.has, world->result.rental.has);
    assert_int_equal(r1.rev, 1);
    assert_int_equal(r1.renewals, 0);
    assert_int_equal(r1.status, RENTBUS_STATUS_IN_PROGRESS);
    assert_int_equal(r1.created_at, NOW - DAY);
    assert_int_equal(r1.created_seq, ledger_head(world->ledger));
    assert_true(says(r1.user_id, "ann"));
    assert_true(says(r1.asset_id, "box1"));
    assert_true(says(r1.created_at_location_id, "counter"));
    assert_false(RENTBUS_HAS(&r1, rental, returned_at));
    assert_true(world_out_on(world, "box1", "r1"));
}

static void a_type_that_nobody_put_has_defaults(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    assert_int_equal(world->result.rental.expires_at, NOW + 7 * DAY);
    assert_int_equal(world->result.rental.eligible_asset_types.count, 1);
    assert_true(says(world->result.rental.eligible_asset_types.items[0], "box"));
}

static void defaults_come_from_the_type(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "cup1", NOW);
    assert_int_equal(world->result.rental.expires_at, NOW + 3600 * RENTBUS_SECOND);
    assert_int_equal(world->result.rental.eligible_asset_types.count, 2);
    assert_true(says(world->result.rental.eligible_asset_types.items[1], "mug"));
    /* A type that changes later leaves the rental as it is. */
    world_asset_type(world, "cup", 60, "lid", NULL);
    assert_int_equal(world_return(world, "ann", "cup1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
}

static void what_is_given_beats_the_type(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "cup1", NULL, NOW);
    struct ledger_scan *scan = &command.args.scan;

    scan->has_loan_period = true;
    scan->loan_period = 60;
    scan->has_eligible_asset_types = true;
    scan->eligible_asset_types.count = 1;
    scan->eligible_asset_types.items[0] = rentbus_text("lid");
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.rental.expires_at, NOW + 60 * RENTBUS_SECOND);
    assert_int_equal(world->result.rental.eligible_asset_types.count, 1);
    assert_true(says(world->result.rental.eligible_asset_types.items[0], "lid"));

    command = world_scan(RENTBUS_OP_rental_checkout, "ann", "box1", NULL, NOW);
    scan->has_expires_at = true;
    scan->expires_at = NOW + 1;
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.rental.expires_at, NOW + 1);
}

static void contradictions_are_refused(void **state)
{
    const int64_t last = INT64_C(253402300799999999);
    const struct {
        struct ledger_scan scan;
        const char *field;
    } cases[] = {
        {{.has_expires_at = true, .expires_at = NOW + 1, .has_loan_period = true, .loan_period = 1},
         "loan_period"},
        {{.has_expires_at = true, .expires_at = NOW}, "expires_at"},
        {{.has_loan_period = true, .loan_period = 0}, "loan_period"},
        {{.has_loan_period = true, .loan_period = -1}, "loan_period"},
        {{.has_loan_period = true, .loan_period = (last - NOW) / RENTBUS_SECOND + 1},
         "loan_period"},
        {{.has_eligible_asset_types = true}, "eligible_asset_types"},
        {{.occurred_at = last}, "timestamp"},
    };
    struct world *world = *state;
    uint64_t head = ledger_head(world->ledger);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_command command = {.op = RENTBUS_OP_rental_checkout};

        command.args.scan = cases[i].scan;
        command.args.scan.user_id = rentbus_text("ann");
        command.args.scan.asset_id = rentbus_text("box1");
        if (command.args.scan.occurred_at == 0)
            command.args.scan.occurred_at = NOW;
        assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(world->fault.field, cases[i].field);
        assert_int_equal(world->decision.count, 0);
    }
    assert_int_equal(ledger_head(world->ledger), head);
}

static void rejections_are_in_order(void **state)
{
    const struct {
        const char *user;
        const char *asset;
        enum rentbus_reason reason;
    } cases[] = {
        {"eve", "box9", RENTBUS_REASON_USER_UNKNOWN},
        {"eve", "box1", RENTBUS_REASON_USER_UNKNOWN},
        {"ann", "box9", RENTBUS_REASON_ASSET_UNKNOWN},
    };
    struct world *world = *state;
    const struct ledger_event *events = world->decision.events;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(world_checkout(world, cases[i].user, cases[i].asset, NOW),
                         RENTBUS_OUTCOME_REJECTED);
        assert_int_equal(world_reason(world), cases[i].reason);
        assert_int_equal(world->decision.count, 2);
        assert_int_equal(events[0].type, RENTBUS_RENTAL_CHECKOUT_EVENT);
        assert_int_equal(events[1].type, RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT);
        assert_true(says(events[1].subject, cases[i].asset));
        assert_false(RENTBUS_HAS(&world->result, command_result, rental));
    }
}

static void what_one_has_one_cannot_take_again(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    assert_int_equal(world_checkout(world, "ann", "box1", NOW + 1), RENTBUS_OUTCOME_ALREADY_OUT);
    assert_true(says(world->result.rental.id, "r1"));
    assert_false(RENTBUS_HAS(&world->result, command_result, reason));
    assert_int_equal(world->decision.count, 2);
    assert_int_equal(world->decision.events[1].data.rejected_data.reason,
                     RENTBUS_REASON_ALREADY_OUT);
    assert_int_equal(ledger_counts(world->ledger).rentals, 1);
}

static void a_missed_scan_closes_the_old_rental(void **state)
{
    struct world *world = *state;
    const struct ledger_event *events = world->decision.events;
    struct rentbus_rental r1;

    world_checkout(world, "ann", "box1", NOW - DAY);
    assert_int_equal(world_checkout(world, "bob", "box1", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world->decision.count, 3);
    assert_int_equal(events[1].type, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT);
    assert_true(says(events[1].subject, "r1"));
    assert_false(RENTBUS_HAS(&events[1].data.complete_data, complete_data, matched_by));
    assert_false(RENTBUS_HAS(&world->result, command_result, matched_by));
    assert_true(says(world->result.rental.id, "r2"));
    assert_int_equal(world->result.rental.created_seq, ledger_head(world->ledger));
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &r1));
    assert_int_equal(r1.status, RENTBUS_STATUS_COMPLETED);
    assert_int_equal(r1.closed_by, RENTBUS_CLOSED_BY_missed_scan);
    assert_int_equal(r1.returned_at, NOW);
    assert_int_equal(r1.rev, 2);
    assert_true(says(r1.returned_asset_id, "box1"));
    assert_false(RENTBUS_HAS(&r1, rental, returned_at_location_id));
    assert_true(world_out_on(world, "box1", "r2"));
    /* It is no return scan: the thing counts as out. */
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
}

static void a_missed_scan_is_no_return_scan(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "bob", "box1", NULL, NOW);

    world_checkout(world, "ann", "box1", NOW - DAY);
    assert_int_equal(world_decide(world, &command), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            ledger_apply(world->ledger, &world->decision.events[i], ledger_head(world->ledger) + 1),
            0);
    world_return(world, NULL, "box1", NULL, NOW);
    assert_int_equal(world_reason(world), RENTBUS_REASON_NO_OPEN_RENTAL);
}

static void a_missed_return_is_not_before_its_checkout(void **state)
{
    struct world *world = *state;
    struct rentbus_rental r1;

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "bob", "box1", NOW - DAY);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &r1));
    assert_int_equal(r1.returned_at, NOW);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_checkout_makes_a_rental),          TEST(a_type_that_nobody_put_has_defaults),
        TEST(defaults_come_from_the_type),        TEST(what_is_given_beats_the_type),
        TEST(contradictions_are_refused),         TEST(rejections_are_in_order),
        TEST(what_one_has_one_cannot_take_again), TEST(a_missed_scan_closes_the_old_rental),
        TEST(a_missed_scan_is_no_return_scan),    TEST(a_missed_return_is_not_before_its_checkout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
