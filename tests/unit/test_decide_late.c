/* SPDX-License-Identifier: MPL-2.0 */
/* Checkouts that come after their own return was scanned. */
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LATE_EVENTS "RENTAL_CHECKOUT_EVENT RENTAL_CREATED_EVENT RENTAL_RETURN_COMPLETE_EVENT"
#define MISSED_LATE_EVENTS                                                                         \
    "RENTAL_CHECKOUT_EVENT RENTAL_RETURN_COMPLETE_EVENT RENTAL_CREATED_EVENT "                     \
    "RENTAL_RETURN_COMPLETE_EVENT"
#define CREATED_EVENTS "RENTAL_CHECKOUT_EVENT RENTAL_CREATED_EVENT"
#define HOUR (3600 * RENTBUS_SECOND)

static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_user(world, "cid");
    world_asset(world, "box1", "box");
    world_asset(world, "box2", "box");
    world_asset(world, "cup1", "cup");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static uint64_t answered(const struct world *world)
{
    return world_event(world, RENTBUS_RENTAL_CREATED_EVENT)->data.rental_data.rejected_seq;
}

/* ---- the events ---- */

static void it_opens_and_completes_at_once(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "box1", NULL, NOW - 5 * HOUR);
    const struct ledger_event *created = &world->decision.events[1];
    const struct ledger_event *completed = &world->decision.events[2];
    const struct rentbus_rental_data *opens = &created->data.rental_data;
    const struct rentbus_complete_data *closes = &completed->data.complete_data;
    struct rentbus_rental rental;
    struct rentbus_policy_put_args policy = {0};
    uint64_t seq;

    RENTBUS_SET(&policy, policy_put_args, user_limit, 5);
    world_policy(world, &policy);
    seq = world_lost_return(world, "ann", "box1", NOW - HOUR);
    command.args.scan.location_id = rentbus_text("desk");
    assert_int_equal(world_run(world, &command), 0);
    world_events_are(world, LATE_EVENTS);
    assert_true(says(created->subject, "r1"));
    assert_int_equal(opens->has, RENTBUS_BIT(rental_data, rental) |
                                     RENTBUS_BIT(rental_data, rejected_seq) |
                                     RENTBUS_BIT(rental_data, policy_version));
    assert_int_equal(opens->rejected_seq, seq);
    assert_int_equal(opens->policy_version, seq - 2);
    assert_int_equal(opens->rental.status, RENTBUS_STATUS_IN_PROGRESS);
    assert_int_equal(opens->rental.rev, 1);
    assert_int_equal(opens->rental.created_seq, seq + 2);
    assert_false(RENTBUS_HAS(&opens->rental, rental, closed_by));
    assert_true(says(completed->subject, "r1"));
    assert_int_equal(closes->has, RENTBUS_BIT(complete_data, rental) |
                                      RENTBUS_BIT(complete_data, asset_type) |
                                      RENTBUS_BIT(complete_data, rejected_seq) |
                                      RENTBUS_BIT(complete_data, policy_version));
    assert_int_equal(closes->rejected_seq, seq);
    assert_int_equal(closes->policy_version, seq - 2);
    assert_true(says(closes->asset_type, "box"));
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_false(RENTBUS_HAS(&world->result, command_result, matched_by));
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &rental));
    assert_int_equal(rental.status, RENTBUS_STATUS_COMPLETED);
    assert_int_equal(rental.rev, 2);
    assert_int_equal(rental.closed_by, RENTBUS_CLOSED_BY_late_checkout);
    assert_true(rental.created_at == NOW - 5 * HOUR && rental.returned_at == NOW - HOUR);
    assert_true(rental.expires_at == NOW - 5 * HOUR + 7 * DAY);
    assert_true(says(rental.returned_asset_id, "box1"));
    assert_true(says(rental.created_at_location_id, "desk"));
    assert_true(says(rental.returned_at_location_id, "counter"));
    assert_int_equal(ledger_counts(world->ledger).open, 0);
    assert_true(world_out_on(world, "box1", NULL));
    assert_int_equal(world_tick(world), 0);
    assert_int_equal(ledger_timer_next(world->ledger), LEDGER_NEVER);
}

static bool count_rental(void *context, const struct rentbus_rental *rental)
{
    size_t *open = context;

    *open += rental->status == RENTBUS_STATUS_IN_PROGRESS;
    return true;
}

static void it_is_listed_while_it_is_open(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "box1", NULL, NOW - 5 * HOUR);
    struct ledger_rental_filter filter = {.asset_id = rentbus_text("box1")};
    uint64_t head = world_lost_return(world, "ann", "box1", NOW - HOUR);
    size_t open = 0;

    assert_int_equal(world_decide(world, &command), 0);
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(ledger_apply(world->ledger, &world->decision.events[i], head + 1 + i), 0);
    ledger_rental_list(world->ledger, &filter, 0, count_rental, &open);
    assert_int_equal(open, 1);
    ledger_rental_list(world->ledger, &filter, head + 2, count_rental, &open);
    assert_int_equal(open, 1);
    ledger_rollback(world->ledger);
}

static void a_return_without_a_location_leaves_none(void **state)
{
    struct world *world = *state;
    struct ledger_command command = world_scan(RENTBUS_OP_rental_return, NULL, "box1", NULL, NOW);

    command.args.scan.location_id = (struct rentbus_text){0};
    assert_int_equal(world_run(world, &command), 0);
    assert_true(world_comes_late(world, "bob", "box1", NOW - 1, NOW + 1));
    assert_false(RENTBUS_HAS(&world->result.rental, rental, returned_at_location_id));
}

static void a_gap_comes_last(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_device_scan(RENTBUS_OP_rental_checkout, "ann", "box1", "bin", 4);

    world_checkout(world, "bob", "box1", NOW - HOUR);
    world_lost_return(world, "ann", "box1", NOW);
    assert_int_equal(world_run(world, &command), 0);
    world_events_are(world, MISSED_LATE_EVENTS " DEVICE_GAP_EVENT");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r2"));
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
}

/* ---- when ---- */

static void the_return_is_between_checkout_and_end(void **state)
{
    static const struct {
        int64_t created_at;
        int64_t expires_at;
        bool late;
    } cases[] = {
        {NOW - HOUR, NOW + HOUR, true}, {NOW, NOW + HOUR, true},      {NOW + 1, NOW + HOUR, false},
        {NOW - HOUR, NOW, true},        {NOW - HOUR, NOW - 1, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *world;

        teardown(state);
        setup(state);
        world = *state;
        world->now = NOW + DAY;
        world_lost_return(world, "ann", "box1", NOW);
        assert_int_equal(
            world_comes_late(world, "ann", "box1", cases[i].created_at, cases[i].expires_at),
            cases[i].late);
    }
}

static void the_planned_end_follows_from_the_period(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "box1", NULL, NOW - HOUR);

    world_lost_return(world, "ann", "box1", NOW);
    command.args.scan.has_loan_period = true;
    command.args.scan.loan_period = 3599;
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    command.args.scan.user_id = rentbus_text("bob");
    command.args.scan.loan_period = 3600;
    world_lost_return(world, "bob", "box1", NOW);
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
}

static void the_user_is_the_same_or_was_not_named(void **state)
{
    struct world *world = *state;
    uint64_t seq;

    world_lost_return(world, "bob", "box1", NOW);
    assert_false(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW + HOUR));
    seq = world_lost_return(world, NULL, "box2", NOW);
    assert_true(world_comes_late(world, "cid", "box2", NOW - HOUR, NOW + HOUR));
    assert_int_equal(answered(world), seq);
}

static void the_asset_is_the_same_and_of_a_type_that_may_come_back(void **state)
{
    struct world *world = *state;
    struct ledger_command command = world_loan("ann", "box1", NOW - HOUR, NOW + HOUR);

    world_lost_return(world, "ann", "box2", NOW);
    assert_false(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW + HOUR));
    world_lost_return(world, "bob", "cup1", NOW);
    command = world_loan("bob", "cup1", NOW - HOUR, NOW + HOUR);
    command.args.scan.has_eligible_asset_types = true;
    command.args.scan.eligible_asset_types.count = 1;
    command.args.scan.eligible_asset_types.items[0] = rentbus_text("box");
    assert_int_equal(world_run(world, &command), 0);
    world_events_are(world, CREATED_EVENTS);
    world_lost_return(world, "cid", "cup1", NOW);
    command.args.scan.user_id = rentbus_text("cid");
    command.args.scan.eligible_asset_types.count = 2;
    command.args.scan.eligible_asset_types.items[1] = rentbus_text("cup");
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
}

/* As its type is now, and what the type takes by default. */
static void the_types_of_the_asset_type_count(void **state)
{
    struct world *world = *state;

    world_lost_return(world, "ann", "cup1", NOW);
    world_asset_type(world, "cup", 86400, "mug", NULL);
    assert_false(world_comes_late(world, "ann", "cup1", NOW - HOUR, NOW + HOUR));
    world_lost_return(world, "bob", "cup1", NOW);
    world_asset_type(world, "cup", 86400, "mug", "cup");
    assert_true(world_comes_late(world, "bob", "cup1", NOW - HOUR, NOW + HOUR));
}

static void the_first_return_is_taken_and_only_once(void **state)
{
    struct world *world = *state;
    uint64_t second = world_lost_return(world, "ann", "box1", NOW - HOUR);
    uint64_t third = world_lost_return(world, NULL, "box1", NOW - HOUR);
    uint64_t first = world_lost_return(world, NULL, "box1", NOW - 2 * HOUR);

    assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW + DAY));
    assert_int_equal(answered(world), first);
    assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW + DAY));
    assert_int_equal(answered(world), second);
    assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW + DAY));
    assert_int_equal(answered(world), third);
    assert_false(world_comes_late(world, "ann", "box1", NOW - DAY, NOW + DAY));
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
}

/* By seq, not by when it occurred. */
static void the_fifth_return_lets_the_first_be_forgotten(void **state)
{
    struct world *world = *state;
    uint64_t seqs[LEDGER_UNANSWERED_MAX + 1];

    for (size_t i = 0; i <= LEDGER_UNANSWERED_MAX; i++)
        seqs[i] =
            world_lost_return(world, "ann", "box1", NOW - (int64_t)(i == 0 ? 2 : 9 - i) * HOUR);
    for (size_t i = 1; i <= LEDGER_UNANSWERED_MAX; i++) {
        assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW + DAY));
        assert_int_equal(answered(world), seqs[i]);
    }
    assert_false(world_comes_late(world, "ann", "box1", NOW - DAY, NOW + DAY));
}

static void some_rejections_cannot_be_answered(void **state)
{
    struct world *world = *state;
    struct ledger_command by_rental = world_scan(RENTBUS_OP_rental_return, NULL, NULL, "r1", NOW);

    world->now = NOW + 20 * DAY;
    world_checkout(world, "ann", "box1", NOW);
    /* It names no asset. */
    by_rental.args.scan.occurred_at = NOW + 8 * DAY;
    assert_int_equal(world_run(world, &by_rental), 0);
    world_reasons_are(world, "RENTAL_EXPIRED");
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW + DAY), RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW + 3 * DAY),
                     RENTBUS_OUTCOME_REJECTED);
    world_reasons_are(world, "ALREADY_RETURNED");
    world_return(world, "eve", "box1", NULL, NOW + 3 * DAY);
    world_reasons_are(world, "USER_UNKNOWN");
    world->now = NOW;
    world_return(world, "cid", "box1", NULL, NOW + 3 * DAY);
    world_reasons_are(world, "CLOCK_SKEW");
    world->now = NOW + 20 * DAY;
    assert_false(world_comes_late(world, "cid", "box1", NOW + 2 * DAY, NOW + 9 * DAY));
}

static void three_reasons_can_be_answered(void **state)
{
    struct world *world = *state;

    world->now = NOW + 20 * DAY;
    world_checkout(world, "ann", "cup1", NOW);
    world_lost_return(world, "ann", "box1", NOW);
    world_reasons_are(world, "ASSET_TYPE_NOT_ELIGIBLE");
    assert_true(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW + HOUR));
    world_lost_return(world, "bob", "box1", NOW);
    world_reasons_are(world, "NO_OPEN_RENTAL");
    assert_true(world_comes_late(world, "bob", "box1", NOW - HOUR, NOW + HOUR));
    world_checkout(world, "cid", "box2", NOW);
    world_lost_return(world, "cid", "box1", NOW + 9 * DAY);
    world_reasons_are(world, "RENTAL_EXPIRED");
    assert_true(world_comes_late(world, "cid", "box1", NOW + 8 * DAY, NOW + 10 * DAY));
}

/* ---- what stands beside it ---- */

static void no_rule_refuses_what_has_happened(void **state)
{
    struct world *world = *state;
    struct rentbus_policy_put_args policy = {0};
    struct ledger_command command = world_loan("ann", "box1", NOW - HOUR, NOW + HOUR);
    const struct rentbus_rental_data *created;

    world_checkout(world, "ann", "cup1", NOW);
    RENTBUS_SET(&policy, policy_put_args, user_limit, 1);
    world_policy(world, &policy);
    world_block(world, "ann", "owes");
    world_lost_return(world, "ann", "box1", NOW);
    command.args.scan.override = rentbus_text("the boss said so");
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    created = &world_event(world, RENTBUS_RENTAL_CREATED_EVENT)->data.rental_data;
    assert_false(RENTBUS_HAS(created, rental_data, override));
    assert_false(RENTBUS_HAS(created, rental_data, overridden));
    command.args.scan.override = (struct rentbus_text){0};
    assert_int_equal(world_run(world, &command), 0);
    world_reasons_are(world, "USER_BLOCKED USER_LIMIT");
}

/* r1 of ann's began at NOW; a return of box1 that no rental of bob's explains is left over. */
static void what_the_user_has_out_already_goes_before(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    world->now = NOW + 20 * DAY;
    world_lost_return(world, "ann", "box1", NOW + 8 * DAY);
    world_reasons_are(world, "RENTAL_EXPIRED");
    assert_false(world_comes_late(world, "ann", "box1", NOW, NOW + 9 * DAY));
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_ALREADY_OUT);
    assert_false(world_comes_late(world, "ann", "box1", NOW + 7 * DAY, NOW + 9 * DAY));
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_ALREADY_OUT);
    /* Before it: only where there is something to answer. */
    assert_false(world_comes_late(world, "ann", "box1", NOW - 1, NOW + DAY));
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_ALREADY_OUT);
    assert_true(world_comes_late(world, "ann", "box1", NOW - 1, NOW + 9 * DAY));
    world_events_are(world, LATE_EVENTS);
    assert_true(says(world->result.rental.id, "r2"));
    assert_true(world_out_on(world, "box1", "r1"));
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_IN_PROGRESS));
    assert_int_equal(ledger_counts(world->ledger).open, 1);
}

static void an_earlier_rental_of_another_was_missed(void **state)
{
    struct world *world = *state;
    const struct rentbus_complete_data *missed;

    world_checkout(world, "bob", "box1", NOW - HOUR);
    world_lost_return(world, "ann", "box1", NOW);
    assert_true(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW + HOUR));
    world_events_are(world, MISSED_LATE_EVENTS);
    missed = &world->decision.events[1].data.complete_data;
    assert_true(says(missed->rental.id, "r1"));
    assert_int_equal(missed->rental.closed_by, RENTBUS_CLOSED_BY_missed_scan);
    assert_true(missed->rental.returned_at == NOW - HOUR);
    assert_true(says(missed->asset_type, "box"));
    assert_false(RENTBUS_HAS(missed, complete_data, rejected_seq));
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_COMPLETED));
    assert_true(world_out_on(world, "box1", NULL));
    world_return(world, "ann", "box1", NULL, NOW);
    world_reasons_are(world, "ALREADY_RETURNED");
}

static void a_later_rental_of_another_keeps_the_asset(void **state)
{
    struct world *world = *state;

    world_checkout(world, "bob", "box1", NOW - HOUR);
    world_lost_return(world, "ann", "box1", NOW);
    assert_true(world_comes_late(world, "ann", "box1", NOW - HOUR - 1, NOW + HOUR));
    world_events_are(world, LATE_EVENTS);
    assert_true(world_out_on(world, "box1", "r1"));
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_IN_PROGRESS));
    /* And no mark: the asset is not back. */
    world_return(world, "ann", "box1", NULL, NOW);
    world_reasons_are(world, "NO_OPEN_RENTAL");
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r1"));
}

static void the_asset_is_back_by_the_user(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box2", NOW);
    world_lost_return(world, "ann", "cup1", NOW);
    assert_true(world_comes_late(world, "ann", "cup1", NOW - HOUR, NOW + HOUR));
    world_return(world, "ann", "cup1", NULL, NOW);
    world_reasons_are(world, "ALREADY_RETURNED");
    world_return(world, NULL, "cup1", NULL, NOW);
    world_reasons_are(world, "ALREADY_RETURNED");
    world_return(world, "bob", "cup1", NULL, NOW);
    world_reasons_are(world, "NO_OPEN_RENTAL");
}

static void what_is_known_of_the_asset_stays(void **state)
{
    struct world *world = *state;

    world_lost_return(world, "bob", "box1", NOW - HOUR);
    world_checkout(world, "ann", "box1", NOW);
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(world_comes_late(world, "bob", "box1", NOW - DAY, NOW));
    world_return(world, "ann", "box1", NULL, NOW);
    world_reasons_are(world, "ALREADY_RETURNED");
    world_return(world, "bob", "box1", NULL, NOW);
    world_reasons_are(world, "NO_OPEN_RENTAL");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_opens_and_completes_at_once),
        TEST(it_is_listed_while_it_is_open),
        TEST(a_return_without_a_location_leaves_none),
        TEST(a_gap_comes_last),
        TEST(the_return_is_between_checkout_and_end),
        TEST(the_planned_end_follows_from_the_period),
        TEST(the_user_is_the_same_or_was_not_named),
        TEST(the_asset_is_the_same_and_of_a_type_that_may_come_back),
        TEST(the_types_of_the_asset_type_count),
        TEST(the_first_return_is_taken_and_only_once),
        TEST(the_fifth_return_lets_the_first_be_forgotten),
        TEST(some_rejections_cannot_be_answered),
        TEST(three_reasons_can_be_answered),
        TEST(no_rule_refuses_what_has_happened),
        TEST(what_the_user_has_out_already_goes_before),
        TEST(an_earlier_rental_of_another_was_missed),
        TEST(a_later_rental_of_another_keeps_the_asset),
        TEST(the_asset_is_back_by_the_user),
        TEST(what_is_known_of_the_asset_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
