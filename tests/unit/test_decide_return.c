/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* ann has two boxes: box1 on r1, box2 on r2, a day later; bob has cup1 on r3. */
static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_user(world, "cid");
    world_asset(world, "box1", "box");
    world_asset(world, "box2", "box");
    world_asset(world, "box3", "box");
    world_asset(world, "cup1", "cup");
    world_asset(world, "cup2", "cup");
    assert_int_equal(world_checkout(world, "ann", "box1", NOW - 3 * DAY), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_checkout(world, "ann", "box2", NOW - 2 * DAY), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_checkout(world, "bob", "cup1", NOW - 2 * DAY), RENTBUS_OUTCOME_CREATED);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

struct rule {
    const char *name;
    const char *user;
    const char *asset;
    const char *rental;
    int64_t occurred_at;
    enum rentbus_reason reason; /* NONE: completed */
    const char *completed;
    enum rentbus_matched_by matched_by;
};

#define EXPIRES_R1 (NOW + 4 * DAY) /* the default loan period of 7 days */
#define SKEW (INT64_C(300) * RENTBUS_SECOND)
#define REJECT(reason) RENTBUS_REASON_##reason, NULL, RENTBUS_MATCHED_BY_NONE
#define COMPLETE(rental, matched_by) RENTBUS_REASON_NONE, rental, RENTBUS_MATCHED_BY_##matched_by

static const struct rule rules[] = {
    {"the oldest wins", "ann", "box2", NULL, NOW, COMPLETE("r1", oldest)},
    {"of any thing of that type", "ann", "box3", NULL, NOW, COMPLETE("r1", oldest)},
    {"without a user, who has it", NULL, "box2", NULL, NOW, COMPLETE("r2", last_holder)},
    {"by the rental alone", NULL, NULL, "r2", NOW, COMPLETE("r2", rental_id)},
    {"by the rental and its user", "ann", NULL, "r2", NOW, COMPLETE("r2", rental_id)},
    {"by the rental and a thing", NULL, "box3", "r2", NOW, COMPLETE("r2", rental_id)},
    {"unknown asset", "ann", "box9", NULL, NOW, REJECT(ASSET_UNKNOWN)},
    {"unknown asset before user", "eve", "box9", NULL, NOW, REJECT(ASSET_UNKNOWN)},
    {"unknown asset with a rental", NULL, "box9", "r1", NOW, REJECT(ASSET_UNKNOWN)},
    {"unknown user", "eve", "box1", NULL, NOW, REJECT(USER_UNKNOWN)},
    {"unknown user before skew", "eve", "box1", NULL, NOW + DAY, REJECT(USER_UNKNOWN)},
    {"unknown user with a rental", "eve", NULL, "r1", NOW, REJECT(USER_UNKNOWN)},
    {"skew as far as allowed", "ann", "box1", NULL, NOW + SKEW, COMPLETE("r1", oldest)},
    {"skew a microsecond more", "ann", "box1", NULL, NOW + SKEW + 1, REJECT(CLOCK_SKEW)},
    {"skew before matching", "cid", "box1", NULL, NOW + DAY, REJECT(CLOCK_SKEW)},
    {"long before it was taken", "ann", "box1", NULL, NOW - 900 * DAY, COMPLETE("r1", oldest)},
    {"nothing is out", "cid", "box1", NULL, NOW, REJECT(NO_OPEN_RENTAL)},
    {"nobody has it", NULL, "box3", NULL, NOW, REJECT(NO_OPEN_RENTAL)},
    {"not of that type", "ann", "cup1", NULL, NOW, REJECT(ASSET_TYPE_NOT_ELIGIBLE)},
    {"rental of another type", NULL, "cup2", "r1", NOW, REJECT(ASSET_TYPE_NOT_ELIGIBLE)},
    {"rental of another user", "bob", NULL, "r1", NOW, REJECT(ASSET_TYPE_NOT_ELIGIBLE)},
    {"rental of another, none out", "cid", NULL, "r1", NOW, REJECT(NO_OPEN_RENTAL)},
};

static void check_rule(struct world *world, const struct rule *rule)
{
    const struct ledger_event *first = &world->decision.events[0];
    struct ledger_command command = world_scan(RENTBUS_OP_rental_return, rule->user, rule->asset,
                                               rule->rental, rule->occurred_at);

    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(first->type, RENTBUS_RENTAL_RETURN_EVENT);
    assert_true(says(first->subject, rule->asset ? rule->asset : rule->rental));
    assert_int_equal(world_reason(world), rule->reason);
    if (rule->reason != RENTBUS_REASON_NONE) {
        assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_REJECTED);
        assert_int_equal(world->decision.count, 2);
        assert_int_equal(first[1].type, RENTBUS_RENTAL_RETURN_REJECTED_EVENT);
        assert_true(says(first[1].subject, rule->asset ? rule->asset : rule->rental));
        assert_false(RENTBUS_HAS(&world->result, command_result, rental));
        return;
    }
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(first[1].type, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT);
    assert_true(says(first[1].subject, rule->completed));
    assert_true(says(world->result.rental.id, rule->completed));
    assert_int_equal(world->result.matched_by, rule->matched_by);
    assert_true(world_status_is(world, rule->completed, RENTBUS_STATUS_COMPLETED));
}

static void every_rule_holds(void **state)
{
    struct world *world = *state;

    ledger_durable(world->ledger, ledger_head(world->ledger));
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        print_message("%s\n", rules[i].name);
        check_rule(world, &rules[i]);
        ledger_rollback(world->ledger);
    }
}

static void a_completed_rental_says_how(void **state)
{
    struct world *world = *state;
    struct rentbus_rental before;
    struct rentbus_rental after;

    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &before));
    assert_int_equal(world_return(world, "ann", "box3", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &after));
    assert_int_equal(after.rev, before.rev + 1);
    assert_int_equal(after.closed_by, RENTBUS_CLOSED_BY_return_scan);
    assert_int_equal(after.returned_at, NOW);
    assert_true(says(after.returned_asset_id, "box3"));
    assert_true(says(after.returned_at_location_id, "counter"));
    assert_true(says(after.asset_id, "box1"));
    assert_int_equal(after.created_seq, before.created_seq);
    assert_true(world_out_on(world, "box1", NULL));
    assert_true(RENTBUS_HAS(&after, rental, returned_at_location_id));
    assert_false(RENTBUS_HAS(&before, rental, returned_at));
}

static void a_rental_id_needs_no_location(void **state)
{
    struct world *world = *state;
    struct ledger_command command = world_scan(RENTBUS_OP_rental_return, NULL, NULL, "r1", NOW);
    const struct rentbus_return_data *scan = &world->decision.events[0].data.return_data;

    command.args.scan.location_id = (struct rentbus_text){0};
    assert_int_equal(world_run(world, &command), 0);
    assert_false(RENTBUS_HAS(&world->result.rental, rental, returned_at_location_id));
    assert_int_equal(scan->has,
                     RENTBUS_BIT(return_data, rental_id) | RENTBUS_BIT(return_data, occurred_at));
    assert_true(says(world->result.rental.returned_asset_id, "box1"));
}

static void a_rental_that_nobody_knows_is_not_found(void **state)
{
    struct world *world = *state;
    struct ledger_command command = world_scan(RENTBUS_OP_rental_return, NULL, NULL, "r99", NOW);

    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_NOT_FOUND);
    assert_string_equal(world->fault.field, "rental_id");
    command.args.scan.asset_id = rentbus_text("box9");
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_NOT_FOUND);
}

static void expiry_is_to_the_microsecond(void **state)
{
    struct world *world = *state;

    world->now = NOW + 90 * DAY;
    ledger_durable(world->ledger, ledger_head(world->ledger));
    assert_int_equal(world_return(world, NULL, "box1", NULL, EXPIRES_R1),
                     RENTBUS_OUTCOME_COMPLETED);
    ledger_rollback(world->ledger);
    assert_int_equal(world_return(world, NULL, "box1", NULL, EXPIRES_R1 + 1),
                     RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_RENTAL_EXPIRED);
    assert_true(says(world->result.rental.id, "r1"));
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_IN_PROGRESS));
    assert_int_equal(world_return(world, NULL, NULL, "r1", EXPIRES_R1 + 1),
                     RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_RENTAL_EXPIRED);
}

static void an_expired_rental_is_passed_over(void **state)
{
    struct world *world = *state;

    world->now = NOW + 90 * DAY;
    assert_int_equal(world_return(world, "ann", "box1", NULL, EXPIRES_R1 + 1),
                     RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r2"));
    assert_int_equal(world_return(world, "ann", "box3", NULL, EXPIRES_R1 + 2 * DAY),
                     RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_RENTAL_EXPIRED);
    assert_true(says(world->result.rental.id, "r1"));
}

static void the_oldest_of_the_expired_is_named(void **state)
{
    struct world *world = *state;

    world->now = NOW + 90 * DAY;
    assert_int_equal(world_return(world, "ann", "box3", NULL, NOW + 80 * DAY),
                     RENTBUS_OUTCOME_REJECTED);
    assert_true(says(world->result.rental.id, "r1"));
    /* Expired, but of another type: not by expiry alone. */
    assert_int_equal(world_return(world, "ann", "cup2", NULL, NOW + 80 * DAY),
                     RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE);
}

static void equal_ages_are_told_apart_by_id(void **state)
{
    struct world *world = *state;

    world_import(world, "zz", RENTBUS_STATUS_IN_PROGRESS, "cid", "cup2", "cup", NOW, NOW + DAY);
    world_import(world, "z", RENTBUS_STATUS_IN_PROGRESS, "cid", "box3", "cup", NOW, NOW + DAY);
    assert_int_equal(world_return(world, "cid", "cup1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "z"));
}

static void a_second_scan_is_calm(void **state)
{
    struct world *world = *state;

    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
        assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
        assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
        assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    }
    assert_true(world_status_is(world, "r2", RENTBUS_STATUS_IN_PROGRESS));
    /* Not even with the id of another rental. */
    assert_int_equal(world_return(world, NULL, "box1", "r2", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    /* Skew is looked at first. */
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW + DAY), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_CLOCK_SKEW);
}

static void a_rental_returned_by_id_marks_its_asset(void **state)
{
    struct world *world = *state;

    assert_int_equal(world_return(world, NULL, NULL, "r1", NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    assert_int_equal(world_return(world, NULL, NULL, "r1", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
}

static void another_user_may_return_what_one_returned(void **state)
{
    struct world *world = *state;

    assert_int_equal(world_checkout(world, "cid", "box3", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(world_return(world, "cid", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r4"));
    /* Now the mark is of the other. */
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r2"));
}

static void taking_it_clears_the_mark(void **state)
{
    struct world *world = *state;

    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(world_checkout(world, "ann", "box1", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    world_import(world, "i1", RENTBUS_STATUS_IN_PROGRESS, "ann", "box1", "box", NOW, NOW + DAY);
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "i1"));
    /* A rental that was over elsewhere takes nothing, and a refused checkout neither. */
    world_import(world, "i2", RENTBUS_STATUS_COMPLETED, "ann", "box1", "box", NOW, NOW + DAY);
    assert_int_equal(world_checkout(world, "eve", "box1", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
}

static void a_swap_keeps_open_rentals_true(void **state)
{
    struct world *world = *state;
    const struct ledger_event *events = world->decision.events;
    struct rentbus_rental r2;

    assert_int_equal(world_return(world, "ann", "box2", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r1"));
    assert_int_equal(world->decision.count, 3);
    assert_int_equal(events[2].type, RENTBUS_RENTAL_ASSET_SWAPPED_EVENT);
    assert_true(says(events[2].subject, "r2"));
    assert_true(says(events[2].data.swapped_data.previous_asset_id, "box2"));
    assert_true(says(events[2].data.swapped_data.rental.asset_id, "box1"));
    assert_int_equal(events[2].data.swapped_data.rental.rev, 2);
    assert_false(RENTBUS_HAS(&events[1].data.complete_data, complete_data, conflict_rental_id));
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r2"), &r2));
    assert_true(says(r2.asset_id, "box1"));
    assert_int_equal(r2.rev, 2);
    assert_true(world_out_on(world, "box1", "r2"));
    assert_true(world_out_on(world, "box2", NULL));
    /* box2 is back, box1 is out: both scans go as they should. */
    assert_int_equal(world_return(world, NULL, "box2", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r2"));
}

static void a_swap_clears_the_mark_of_what_it_puts_out(void **state)
{
    struct world *world = *state;

    /* cid brings ann's box1 for a rental of cid's, then ann brings box2 for the one of box1. */
    assert_int_equal(world_checkout(world, "cid", "box3", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_return(world, "cid", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(world_return(world, "ann", "box2", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(world_out_on(world, "box1", "r2"));
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r2"));
}

static void a_thing_of_another_user_is_a_conflict(void **state)
{
    struct world *world = *state;
    const struct rentbus_complete_data *complete = &world->decision.events[1].data.complete_data;

    assert_int_equal(world_checkout(world, "cid", "box3", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_return(world, "ann", "box3", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r1"));
    assert_int_equal(world->decision.count, 2);
    assert_true(RENTBUS_HAS(complete, complete_data, conflict_rental_id));
    assert_true(says(complete->conflict_rental_id, "r4"));
    assert_true(world_status_is(world, "r4", RENTBUS_STATUS_IN_PROGRESS));
    assert_true(world_out_on(world, "box3", "r4"));
    /* A second scan closes nothing, not even of the one who holds it by the book. */
    assert_int_equal(world_return(world, NULL, "box3", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    /* The next checkout finds out. */
    assert_int_equal(world_checkout(world, "bob", "box3", NOW), RENTBUS_OUTCOME_CREATED);
    assert_true(world_status_is(world, "r4", RENTBUS_STATUS_COMPLETED));
}

static void taking_what_one_has_by_the_book_clears_the_mark(void **state)
{
    struct world *world = *state;

    assert_int_equal(world_checkout(world, "cid", "box3", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_return(world, "ann", "box3", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(world_checkout(world, "cid", "box3", NOW), RENTBUS_OUTCOME_ALREADY_OUT);
    assert_int_equal(world_return(world, NULL, "box3", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r4"));
}

static void closed_rentals_are_no_candidates(void **state)
{
    struct world *world = *state;

    world_import(world, "f", RENTBUS_STATUS_FORGIVEN, "cid", "cup2", "cup", NOW, NOW + DAY);
    world_import(world, "g", RENTBUS_STATUS_FLAGGED, "cid", "cup2", "cup", NOW, NOW + DAY);
    world_import(world, "c", RENTBUS_STATUS_COMPLETED, "cid", "cup2", "cup", NOW, NOW + DAY);
    assert_int_equal(world_return(world, NULL, NULL, "f", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_NO_OPEN_RENTAL);
    assert_int_equal(world_return(world, NULL, NULL, "g", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_NO_OPEN_RENTAL);
    assert_int_equal(world_return(world, NULL, NULL, "c", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    assert_int_equal(world_return(world, NULL, NULL, "c", NOW + DAY), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_CLOCK_SKEW);
    assert_int_equal(world_return(world, "eve", NULL, "c", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_USER_UNKNOWN);
}

static void archived_rentals_answer_like_closed_ones(void **state)
{
    struct world *world = *state;
    struct rentbus_rental archived = {0};

    RENTBUS_SET(&archived, rental, id, rentbus_text("old"));
    RENTBUS_SET(&archived, rental, user_id, rentbus_text("cid"));
    RENTBUS_SET(&archived, rental, asset_id, rentbus_text("cup2"));
    RENTBUS_SET(&archived, rental, status, RENTBUS_STATUS_COMPLETED);
    world->archived = &archived;
    assert_int_equal(world_return(world, NULL, NULL, "old", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
    archived.status = RENTBUS_STATUS_FORGIVEN;
    assert_int_equal(world_return(world, NULL, NULL, "old", NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_NO_OPEN_RENTAL);
}

static void eligibility_is_of_the_rental(void **state)
{
    struct world *world = *state;
    const struct rentbus_complete_data *completed = &world->decision.events[1].data.complete_data;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "cid", "box3", NULL, NOW);

    command.args.scan.has_eligible_asset_types = true;
    command.args.scan.eligible_asset_types.count = 2;
    command.args.scan.eligible_asset_types.items[0] = rentbus_text("lid");
    command.args.scan.eligible_asset_types.items[1] = rentbus_text("cup");
    assert_int_equal(world_run(world, &command), 0);
    /* Not even its own thing, when its type is not in the list. */
    assert_int_equal(world_return(world, NULL, "box3", NULL, NOW), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE);
    assert_int_equal(world_return(world, "cid", "cup2", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(completed->asset_type, "cup"));
    assert_true(world_out_on(world, "box3", NULL));
}

static void the_type_counts_as_it_is_now(void **state)
{
    struct world *world = *state;

    world_asset(world, "cup2", "box");
    assert_int_equal(world_return(world, "ann", "cup2", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_rule_holds),
        TEST(a_completed_rental_says_how),
        TEST(a_rental_id_needs_no_location),
        TEST(a_rental_that_nobody_knows_is_not_found),
        TEST(expiry_is_to_the_microsecond),
        TEST(an_expired_rental_is_passed_over),
        TEST(the_oldest_of_the_expired_is_named),
        TEST(equal_ages_are_told_apart_by_id),
        TEST(a_second_scan_is_calm),
        TEST(a_rental_returned_by_id_marks_its_asset),
        TEST(another_user_may_return_what_one_returned),
        TEST(taking_it_clears_the_mark),
        TEST(a_swap_keeps_open_rentals_true),
        TEST(a_swap_clears_the_mark_of_what_it_puts_out),
        TEST(a_thing_of_another_user_is_a_conflict),
        TEST(taking_what_one_has_by_the_book_clears_the_mark),
        TEST(closed_rentals_are_no_candidates),
        TEST(archived_rentals_answer_like_closed_ones),
        TEST(eligibility_is_of_the_rental),
        TEST(the_type_counts_as_it_is_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
