/* SPDX-License-Identifier: MPL-2.0 */
/* Which rules yield to a comment, and what trace that leaves. */
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define EXPIRES_R1 (NOW + 7 * DAY)

/* ann has box1 on r1. */
static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_asset(world, "box1", "box");
    world_asset(world, "box2", "box");
    world_asset(world, "box3", "box");
    world_asset(world, "cup1", "cup");
    world_checkout(world, "ann", "box1", NOW);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static void words_are(const struct rentbus_ids *ids, const char *words)
{
    struct world world = {0};

    world.result.has = RENTBUS_BIT(command_result, reasons) | RENTBUS_BIT(command_result, reason);
    world.result.reasons = *ids;
    world.result.reason =
        (enum rentbus_reason)rentbus_word_find(&rentbus_reason_words, ids->items[0]);
    world_reasons_are(&world, words);
}

/* ---- checkout ---- */

static void checkout(struct world *world, const char *user, const char *asset, const char *comment)
{
    struct ledger_command command = world_scan(RENTBUS_OP_rental_checkout, user, asset, NULL, NOW);

    command.args.scan.override = rentbus_text(comment);
    assert_int_equal(world_run(world, &command), 0);
}

/* "" for no trace. */
static void created_overrides(const struct world *world, const char *words)
{
    const struct rentbus_rental_data *data =
        &world_event(world, RENTBUS_RENTAL_CREATED_EVENT)->data.rental_data;
    bool overrides = words[0] != '\0';

    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_int_equal(RENTBUS_HAS(data, rental_data, override), overrides);
    assert_int_equal(RENTBUS_HAS(data, rental_data, overridden), overrides);
    if (!overrides)
        return;
    assert_true(says(data->override, "the boss said so"));
    words_are(&data->overridden, words);
}

static void limit_user(struct world *world, const char *id, uint64_t limit)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};

    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text(id));
    RENTBUS_SET(&command.args.user_put, user_put_args, user_limit, limit);
    assert_int_equal(world_run(world, &command), 0);
}

static void limit_type(struct world *world, const char *id, uint64_t user_limit,
                       uint64_t renewals_max)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text(id));
    RENTBUS_SET(args, asset_type_put_args, user_limit, user_limit);
    RENTBUS_SET(args, asset_type_put_args, renewals_max, renewals_max);
    assert_int_equal(world_run(world, &command), 0);
}

static void a_block_yields(void **state)
{
    struct world *world = *state;

    world_block(world, "bob", "owes");
    checkout(world, "bob", "box2", NULL);
    world_reasons_are(world, "USER_BLOCKED");
    checkout(world, "bob", "box2", "the boss said so");
    created_overrides(world, "USER_BLOCKED");
    assert_true(world_out_on(world, "box2", "r2"));
}

static void limits_yield_all_at_once(void **state)
{
    struct world *world = *state;

    limit_user(world, "ann", 1);
    checkout(world, "ann", "cup1", "the boss said so");
    created_overrides(world, "USER_LIMIT");
    limit_type(world, "box", 1, 9);
    checkout(world, "ann", "box2", "the boss said so");
    created_overrides(world, "USER_LIMIT TYPE_LIMIT");
    world_block(world, "ann", "owes");
    checkout(world, "ann", "box3", NULL);
    world_reasons_are(world, "USER_BLOCKED USER_LIMIT TYPE_LIMIT");
    checkout(world, "ann", "box3", "the boss said so");
    created_overrides(world, "USER_BLOCKED USER_LIMIT TYPE_LIMIT");
}

/* The event that closes the missed rental has none of it. */
static void the_deciding_event_bears_it(void **state)
{
    struct world *world = *state;
    const struct rentbus_complete_data *missed;

    world_block(world, "bob", "owes");
    checkout(world, "bob", "box1", "the boss said so");
    world_events_are(world,
                     "RENTAL_CHECKOUT_EVENT RENTAL_RETURN_COMPLETE_EVENT RENTAL_CREATED_EVENT");
    created_overrides(world, "USER_BLOCKED");
    missed = &world->decision.events[1].data.complete_data;
    assert_false(RENTBUS_HAS(missed, complete_data, override));
    assert_false(RENTBUS_HAS(missed, complete_data, overridden));
}

static void where_nothing_stands_there_is_no_trace(void **state)
{
    struct world *world = *state;

    checkout(world, "ann", "box2", "the boss said so");
    created_overrides(world, "");
}

static void other_reasons_stay(void **state)
{
    struct world *world = *state;

    world_block(world, "ann", "owes");
    checkout(world, "ann", "box1", "the boss said so");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_ALREADY_OUT);
    checkout(world, "nobody", "box2", "the boss said so");
    world_reasons_are(world, "USER_UNKNOWN");
    checkout(world, "ann", "nothing", "the boss said so");
    world_reasons_are(world, "ASSET_UNKNOWN");
}

static void an_override_says_why(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "box2", NULL, NOW);
    struct ledger_command renewal = world_rental_command(RENTBUS_OP_rental_renew, "r1", NULL);

    command.args.scan.override = (struct rentbus_text){"", 0};
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "override");
    command.op = RENTBUS_OP_rental_return;
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "override");
    RENTBUS_SET(&renewal.args.rental_renew, renew_args, override, ((struct rentbus_text){"", 0}));
    assert_int_equal(world_run(world, &renewal), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "override");
    /* What is not there is not looked at. */
    renewal.args.rental_renew.has &= ~RENTBUS_BIT(renew_args, override);
    assert_int_equal(world_run(world, &renewal), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
}

/* ---- renew ---- */

static void renew(struct world *world, const char *comment, int64_t expires_at)
{
    struct ledger_command command = world_rental_command(RENTBUS_OP_rental_renew, "r1", NULL);

    if (comment)
        RENTBUS_SET(&command.args.rental_renew, renew_args, override, rentbus_text(comment));
    if (expires_at)
        RENTBUS_SET(&command.args.rental_renew, renew_args, expires_at, expires_at);
    assert_int_equal(world_run(world, &command), 0);
}

static void renewed_overrides(const struct world *world, const char *words)
{
    const struct rentbus_renewed_data *data = &world->decision.events[0].data.renewed_data;
    bool overrides = words[0] != '\0';

    world_events_are(world, "RENTAL_RENEWED_EVENT");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(RENTBUS_HAS(data, renewed_data, override), overrides);
    assert_int_equal(RENTBUS_HAS(data, renewed_data, overridden), overrides);
    if (!overrides)
        return;
    assert_true(says(data->override, "the boss said so"));
    words_are(&data->overridden, words);
}

static void a_renewal_may_be_late_or_one_more(void **state)
{
    struct world *world = *state;

    renew(world, "the boss said so", 0);
    renewed_overrides(world, "");
    limit_type(world, "box", 9, 1);
    renew(world, NULL, 0);
    world_reasons_are(world, "RENEWAL_LIMIT");
    renew(world, "the boss said so", 0);
    renewed_overrides(world, "RENEWAL_LIMIT");
    world->now = NOW + 99 * DAY;
    renew(world, NULL, NOW + 120 * DAY);
    world_reasons_are(world, "RENTAL_EXPIRED RENEWAL_LIMIT");
    renew(world, "the boss said so", NOW + 120 * DAY);
    renewed_overrides(world, "RENTAL_EXPIRED RENEWAL_LIMIT");
    assert_int_equal(world->result.rental.renewals, 3);
}

static void a_renewal_must_be_later_and_of_an_open_rental(void **state)
{
    struct world *world = *state;

    limit_type(world, "box", 9, 0);
    renew(world, "the boss said so", EXPIRES_R1);
    world_reasons_are(world, "RENEWAL_LIMIT NOT_LATER");
    world_return(world, "ann", "box1", NULL, NOW);
    renew(world, "the boss said so", 0);
    world_reasons_are(world, "RENTAL_CLOSED");
}

/* ---- return ---- */

static void give_back(struct world *world, const char *user, const char *asset, const char *rental,
                      int64_t occurred_at, const char *comment)
{
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_return, user, asset, rental, occurred_at);

    command.args.scan.override = rentbus_text(comment);
    world->now = occurred_at;
    assert_int_equal(world_run(world, &command), 0);
}

static void completed_overrides(const struct world *world, const char *rental, const char *words)
{
    const struct rentbus_complete_data *data = &world->decision.events[1].data.complete_data;
    bool overrides = words[0] != '\0';

    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(data->rental.id, rental));
    assert_int_equal(data->rental.status, RENTBUS_STATUS_COMPLETED);
    assert_int_equal(data->rental.closed_by, RENTBUS_CLOSED_BY_return_scan);
    assert_false(RENTBUS_HAS(&data->rental, rental, flag_reason));
    assert_int_equal(RENTBUS_HAS(data, complete_data, override), overrides);
    assert_int_equal(RENTBUS_HAS(data, complete_data, overridden), overrides);
    if (!overrides)
        return;
    assert_true(says(data->override, "the boss said so"));
    words_are(&data->overridden, words);
}

/* Whatever the policy does with what is late. */
static void a_late_return_counts_as_in_time(void **state)
{
    static const char *const policies[] = {"reject", "flag", "forgive_within:PT1S"};

    for (size_t i = 0; i < 3; i++) {
        struct world *world;

        teardown(state);
        setup(state);
        world = *state;
        world_late_return(world, policies[i]);
        world_checkout(world, "ann", "box2", NOW + 1);
        give_back(world, "ann", "box1", NULL, EXPIRES_R1 + 9 * DAY, "the boss said so");
        completed_overrides(world, "r1", "RENTAL_EXPIRED");
        assert_int_equal(world->result.matched_by, RENTBUS_MATCHED_BY_oldest);
        give_back(world, "ann", "box2", "r2", EXPIRES_R1 + 9 * DAY, "the boss said so");
        completed_overrides(world, "r2", "RENTAL_EXPIRED");
        assert_int_equal(world->result.matched_by, RENTBUS_MATCHED_BY_rental_id);
        give_back(world, NULL, "box2", NULL, EXPIRES_R1 + 9 * DAY, "the boss said so");
        world_reasons_are(world, "ALREADY_RETURNED");
    }
}

static void the_first_expired_in_the_order_of_the_policy(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "box2", NULL, NOW);

    command.args.scan.has_loan_period = true;
    command.args.scan.loan_period = 60;
    assert_int_equal(world_run(world, &command), 0);
    world_return_match(world, RENTBUS_RETURN_MATCH_soonest_expiry);
    give_back(world, "ann", "box3", NULL, EXPIRES_R1 + DAY, "the boss said so");
    completed_overrides(world, "r2", "RENTAL_EXPIRED");
}

static void what_is_in_time_goes_before(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box2", NOW + DAY);
    give_back(world, "ann", "box1", NULL, EXPIRES_R1 + 1, "the boss said so");
    completed_overrides(world, "r2", "");
    world_late_return(world, "forgive_within:P1D");
    give_back(world, "ann", "box3", NULL, EXPIRES_R1 + 2, "the boss said so");
    completed_overrides(world, "r1", "");
}

static void a_return_yields_in_nothing_else(void **state)
{
    struct world *world = *state;

    give_back(world, "ann", "cup1", NULL, NOW, "the boss said so");
    world_reasons_are(world, "ASSET_TYPE_NOT_ELIGIBLE");
    give_back(world, "bob", "box2", NULL, NOW, "the boss said so");
    world_reasons_are(world, "NO_OPEN_RENTAL");
    give_back(world, "nobody", "nothing", NULL, NOW, "the boss said so");
    world_reasons_are(world, "ASSET_UNKNOWN USER_UNKNOWN");
    give_back(world, "ann", "cup1", NULL, EXPIRES_R1 + DAY, "the boss said so");
    world_reasons_are(world, "ASSET_TYPE_NOT_ELIGIBLE");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_block_yields),
        TEST(limits_yield_all_at_once),
        TEST(the_deciding_event_bears_it),
        TEST(where_nothing_stands_there_is_no_trace),
        TEST(other_reasons_stay),
        TEST(an_override_says_why),
        TEST(a_renewal_may_be_late_or_one_more),
        TEST(a_renewal_must_be_later_and_of_an_open_rental),
        TEST(a_late_return_counts_as_in_time),
        TEST(the_first_expired_in_the_order_of_the_policy),
        TEST(what_is_in_time_goes_before),
        TEST(a_return_yields_in_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
