/* SPDX-License-Identifier: MPL-2.0 */
/* The policy, and what it means for returns. */
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
    world_asset(world, "box2", "box");
    world_asset(world, "box3", "box");
    world_asset(world, "box4", "box");
    world_asset(world, "cup1", "cup");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static struct rentbus_policy policy_of(const struct world *world)
{
    struct rentbus_policy policy;

    ledger_policy_get(world->ledger, &policy);
    return policy;
}

static void a_ledger_begins_with_the_defaults(void **state)
{
    const struct world *world = *state;
    struct rentbus_policy policy = policy_of(world);

    assert_int_equal(policy.version, 0);
    assert_int_equal(policy.max_skew, 300);
    assert_int_equal(policy.renewal_grace, 0);
    assert_int_equal(policy.return_match, RENTBUS_RETURN_MATCH_oldest);
    assert_true(says(policy.late_return, "reject"));
    assert_false(RENTBUS_HAS(&policy, policy, user_limit));
}

static void a_put_changes_what_it_names(void **state)
{
    struct world *world = *state;
    const struct ledger_event *event = &world->decision.events[0];
    struct rentbus_policy_put_args args = {0};
    struct rentbus_policy policy;

    RENTBUS_SET(&args, policy_put_args, max_skew, 60);
    assert_int_equal(world_policy(world, &args), RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(event->type, RENTBUS_POLICY_UPDATED_EVENT);
    assert_null(event->subject.data);
    policy = policy_of(world);
    assert_int_equal(policy.version, ledger_head(world->ledger));
    assert_int_equal(event->data.policy_data.policy.version, policy.version);
    assert_int_equal(policy.max_skew, 60);
    assert_true(says(policy.late_return, "reject"));

    args = (struct rentbus_policy_put_args){0};
    RENTBUS_SET(&args, policy_put_args, user_limit, 4);
    RENTBUS_SET(&args, policy_put_args, late_return, rentbus_text("forgive_within:P1D"));
    RENTBUS_SET(&args, policy_put_args, return_match, RENTBUS_RETURN_MATCH_soonest_expiry);
    RENTBUS_SET(&args, policy_put_args, renewal_grace, 3600);
    assert_int_equal(world_policy(world, &args), RENTBUS_OUTCOME_UPDATED);
    policy = policy_of(world);
    assert_int_equal(policy.version, ledger_head(world->ledger));
    assert_int_equal(policy.max_skew, 60);
    assert_int_equal(policy.user_limit, 4);
    assert_true(says(policy.late_return, "forgive_within:P1D"));
    assert_int_equal(policy.return_match, RENTBUS_RETURN_MATCH_soonest_expiry);
    assert_int_equal(policy.renewal_grace, 3600);

    args = (struct rentbus_policy_put_args){0};
    RENTBUS_SET(&args, policy_put_args, user_limit, 0);
    assert_int_equal(world_policy(world, &args), RENTBUS_OUTCOME_UPDATED);
    policy = policy_of(world);
    assert_false(RENTBUS_HAS(&policy, policy, user_limit));
}

static void a_put_of_what_there_is_changes_nothing(void **state)
{
    struct world *world = *state;
    const struct ledger_event *event = &world->decision.events[0];
    struct rentbus_policy_put_args args = {0};

    assert_int_equal(world_policy(world, &args), RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(event->type, RENTBUS_COMMAND_UNCHANGED_EVENT);
    assert_true(says(event->data.unchanged_data.op, "policy.put"));
    assert_null(event->subject.data);
    RENTBUS_SET(&args, policy_put_args, late_return, rentbus_text("reject"));
    RENTBUS_SET(&args, policy_put_args, max_skew, 300);
    RENTBUS_SET(&args, policy_put_args, user_limit, 0);
    RENTBUS_SET(&args, policy_put_args, renewal_grace, 0);
    RENTBUS_SET(&args, policy_put_args, return_match, RENTBUS_RETURN_MATCH_oldest);
    assert_int_equal(world_policy(world, &args), RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(policy_of(world).version, 0);
    for (size_t i = 0; i < 5; i++) {
        struct rentbus_policy_put_args one = args;

        one.has = UINT64_C(1) << (1 + i);
        one.max_skew = 1;
        one.user_limit = 1;
        one.late_return = rentbus_text("flag");
        one.return_match = RENTBUS_RETURN_MATCH_exact_asset_first;
        one.renewal_grace = 1;
        assert_int_equal(world_policy(world, &one), RENTBUS_OUTCOME_UPDATED);
        assert_int_equal(world_policy(world, &one), RENTBUS_OUTCOME_UNCHANGED);
    }
}

static void late_return_is_one_of_three(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"reject", true},
        {"flag", true},
        {"forgive_within:PT0S", true},
        {"forgive_within:P2DT3H", true},
        {"", false},
        {"Reject", false},
        {"flag ", false},
        {"forgive", false},
        {"forgive_within", false},
        {"forgive_within:", false},
        {"forgive_within:2", false},
        {"forgive_within:P1Y", false},
        {"forgive_within: P1D", false},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_command command = {.op = RENTBUS_OP_policy_put};

        RENTBUS_SET(&command.args.policy_put, policy_put_args, late_return,
                    rentbus_text(cases[i].text));
        assert_int_equal(world_run(world, &command),
                         cases[i].good ? 0 : RENTBUS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(world->fault.field, cases[i].good ? "" : "late_return");
    }
}

static void the_skew_is_the_policys(void **state)
{
    struct world *world = *state;
    struct rentbus_policy_put_args args = {0};

    world_checkout(world, "ann", "box1", NOW);
    RENTBUS_SET(&args, policy_put_args, max_skew, 60);
    world_policy(world, &args);
    world_return(world, "ann", "box1", NULL, NOW + 60 * RENTBUS_SECOND + 1);
    world_reasons_are(world, "CLOCK_SKEW");
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW + 60 * RENTBUS_SECOND),
                     RENTBUS_OUTCOME_COMPLETED);
}

/* ---- all the reasons of a return ---- */

static void a_return_names_all_that_stands_against_it(void **state)
{
    static const struct {
        const char *user;
        const char *asset;
        int64_t occurred_at;
        const char *reasons;
    } cases[] = {
        {"ann", "box9", NOW, "ASSET_UNKNOWN"},
        {"eve", "box9", NOW, "ASSET_UNKNOWN USER_UNKNOWN"},
        {"eve", "box9", NOW + DAY, "ASSET_UNKNOWN USER_UNKNOWN CLOCK_SKEW"},
        {"eve", "box1", NOW + DAY, "USER_UNKNOWN CLOCK_SKEW"},
        {NULL, "box9", NOW + DAY, "ASSET_UNKNOWN CLOCK_SKEW"},
        {"ann", "box1", NOW, "ALREADY_RETURNED"},
        {NULL, "box1", NOW, "ALREADY_RETURNED"},
        {"ann", "box1", NOW + DAY, "CLOCK_SKEW ALREADY_RETURNED"},
        {"bob", "box1", NOW + DAY, "CLOCK_SKEW"},
        {"bob", "box1", NOW, "NO_OPEN_RENTAL"},
        {"ann", "cup1", NOW, "ASSET_TYPE_NOT_ELIGIBLE"},
        {"ann", "box3", NOW + 9 * DAY, "RENTAL_EXPIRED"},
    };
    struct world *world = *state;
    const struct ledger_event *second = &world->decision.events[1];

    world_checkout(world, "ann", "box1", NOW - DAY);
    world_return(world, "ann", "box1", NULL, NOW);
    world_checkout(world, "ann", "box2", NOW);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world->now = cases[i].occurred_at == NOW + 9 * DAY ? NOW + 9 * DAY : NOW;
        assert_int_equal(
            world_return(world, cases[i].user, cases[i].asset, NULL, cases[i].occurred_at),
            RENTBUS_OUTCOME_REJECTED);
        world_reasons_are(world, cases[i].reasons);
        assert_int_equal(second->data.rejected_data.reason, world->result.reason);
        assert_int_equal(second->data.rejected_data.reasons.count, world->result.reasons.count);
        assert_true(RENTBUS_HAS(&second->data.rejected_data, rejected_data, policy_version));
    }
}

/* ---- return_match ---- */

/* Three of ann's: r1 box1 ends last, r2 box2 first, r3 box3 at the same time as r2 and younger. */
static void three_out(struct world *world)
{
    const int64_t created[] = {NOW - 3 * DAY, NOW - 2 * DAY, NOW - DAY};
    const int64_t expires[] = {NOW + 9 * DAY, NOW + 2 * DAY, NOW + 2 * DAY};
    const char *const assets[] = {"box1", "box2", "box3"};

    for (size_t i = 0; i < 3; i++) {
        struct ledger_command command =
            world_scan(RENTBUS_OP_rental_checkout, "ann", assets[i], NULL, created[i]);

        command.args.scan.has_expires_at = true;
        command.args.scan.expires_at = expires[i];
        assert_int_equal(world_run(world, &command), 0);
    }
}

#define MATCH(word) RENTBUS_RETURN_MATCH_##word
#define BY(word) RENTBUS_MATCHED_BY_##word

static const struct {
    enum rentbus_return_match order;
    const char *late;
    const char *user;
    const char *asset;
    const char *rental;
    int64_t occurred_at;
    const char *completed; /* NULL: RENTAL_EXPIRED, of `expired` */
    enum rentbus_matched_by matched_by;
    enum rentbus_status status;
    const char *expired;
} matches[] = {
    {MATCH(oldest), "reject", "ann", "box3", NULL, NOW, "r1", BY(oldest), 0, NULL},
    {MATCH(exact_asset_first), "reject", "ann", "box3", NULL, NOW, "r3", BY(exact_asset), 0, NULL},
    {MATCH(exact_asset_first), "reject", "ann", "box1", NULL, NOW, "r1", BY(exact_asset), 0, NULL},
    {MATCH(exact_asset_first), "reject", "ann", "box4", NULL, NOW, "r1", BY(oldest), 0, NULL},
    {MATCH(exact_asset_first), "reject", "bob", "box3", NULL, NOW, "r4", BY(oldest), 0, NULL},
    {MATCH(exact_asset_first), "reject", "ann", "box3", NULL, NOW + 2 * DAY + 1, "r1", BY(oldest),
     0, NULL},
    {MATCH(exact_asset_first), "reject", "ann", "box3", NULL, NOW + 9 * DAY + 1, NULL, 0, 0, "r3"},
    {MATCH(soonest_expiry), "reject", "ann", "box1", NULL, NOW, "r2", BY(soonest_expiry), 0, NULL},
    {MATCH(soonest_expiry), "reject", "ann", "box3", NULL, NOW + 3 * DAY, "r1", BY(soonest_expiry),
     0, NULL},
    {MATCH(soonest_expiry), "reject", "ann", "box1", NULL, NOW + 10 * DAY, NULL, 0, 0, "r2"},
    {MATCH(soonest_expiry), "reject", NULL, "box3", NULL, NOW, "r3", BY(last_holder), 0, NULL},
    {MATCH(exact_asset_first), "reject", NULL, "box3", "r2", NOW, "r2", BY(rental_id), 0, NULL},
    {MATCH(oldest), "reject", "ann", "box3", NULL, NOW + 9 * DAY, "r1", BY(oldest), 0, NULL},
    {MATCH(oldest), "reject", "ann", "box3", NULL, NOW + 9 * DAY + 1, NULL, 0, 0, "r1"},
    {MATCH(oldest), "flag", "ann", "box3", NULL, NOW + 9 * DAY, "r1", BY(oldest), 0, NULL},
    {MATCH(oldest), "flag", "ann", "box3", NULL, NOW + 9 * DAY + 1, "r1", BY(oldest),
     RENTBUS_STATUS_FLAGGED, NULL},
    {MATCH(exact_asset_first), "flag", "ann", "box3", NULL, NOW + 9 * DAY + 1, "r3",
     BY(exact_asset), RENTBUS_STATUS_FLAGGED, NULL},
    {MATCH(soonest_expiry), "flag", "ann", "box1", NULL, NOW + 9 * DAY + 1, "r2",
     BY(soonest_expiry), RENTBUS_STATUS_FLAGGED, NULL},
    {MATCH(oldest), "flag", NULL, "box3", NULL, NOW + 3 * DAY, "r3", BY(last_holder),
     RENTBUS_STATUS_FLAGGED, NULL},
    {MATCH(oldest), "flag", NULL, NULL, "r2", NOW + 3 * DAY, "r2", BY(rental_id),
     RENTBUS_STATUS_FLAGGED, NULL},
    {MATCH(oldest), "forgive_within:P1D", NULL, NULL, "r2", NOW + 3 * DAY, "r2", BY(rental_id), 0,
     NULL},
    {MATCH(oldest), "forgive_within:P1D", NULL, NULL, "r2", NOW + 3 * DAY + 1, NULL, 0, 0, "r2"},
    {MATCH(oldest), "forgive_within:P1D", "ann", "box2", NULL, NOW + 10 * DAY, "r1", BY(oldest), 0,
     NULL},
    {MATCH(soonest_expiry), "forgive_within:P8D", "ann", "box2", NULL, NOW + 10 * DAY, "r2",
     BY(soonest_expiry), 0, NULL},
    {MATCH(soonest_expiry), "forgive_within:P7D", "ann", "box2", NULL, NOW + 10 * DAY, "r1",
     BY(soonest_expiry), 0, NULL},
};

static void must_match(struct world *world, size_t i)
{
    const struct ledger_event *second = &world->decision.events[1];
    const struct rentbus_complete_data *complete = &second->data.complete_data;
    enum rentbus_status status =
        matches[i].status == 0 ? RENTBUS_STATUS_COMPLETED : matches[i].status;
    struct rentbus_rental rental;

    assert_true(says(world->result.rental.id,
                     matches[i].completed ? matches[i].completed : matches[i].expired));
    if (!matches[i].completed) {
        world_reasons_are(world, "RENTAL_EXPIRED");
        return;
    }
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(second->type, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT);
    assert_int_equal(complete->policy_version, policy_of(world).version);
    assert_int_equal(world->result.matched_by, matches[i].matched_by);
    assert_true(ledger_rental_get(world->ledger, rentbus_text(matches[i].completed), &rental));
    assert_int_equal(rental.status, status);
    assert_int_equal(rental.closed_by, RENTBUS_CLOSED_BY_return_scan);
    assert_int_equal(rental.returned_at, matches[i].occurred_at);
    assert_int_equal(rental.rev, 2);
    assert_int_equal(RENTBUS_HAS(&rental, rental, flag_reason), status == RENTBUS_STATUS_FLAGGED);
    if (status == RENTBUS_STATUS_FLAGGED)
        assert_true(says(rental.flag_reason, "late"));
}

static void a_return_is_matched_by_the_policy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        struct world *world;

        print_message("%zu\n", i);
        setup((void **)&world);
        three_out(world);
        world_checkout(world, "bob", "box4", NOW);
        world_return_match(world, matches[i].order);
        world_late_return(world, matches[i].late);
        world->now = matches[i].occurred_at;
        world_return(world, matches[i].user, matches[i].asset, matches[i].rental,
                     matches[i].occurred_at);
        must_match(world, i);
        world_destroy(&world);
    }
}

/* A late return swaps, names conflicts and marks the asset as any other. */
static void what_is_late_is_back_all_the_same(void **state)
{
    struct world *world = *state;
    const int64_t late = NOW + 10 * DAY;

    three_out(world);
    world_late_return(world, "flag");
    world->now = late;
    world_return(world, "ann", "box2", NULL, late);
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_FLAGGED));
    assert_int_equal(world->decision.count, 3);
    assert_int_equal(world->decision.events[2].type, RENTBUS_RENTAL_ASSET_SWAPPED_EVENT);
    assert_true(world_out_on(world, "box1", "r2"));
    assert_true(world_out_on(world, "box2", NULL));
    world_return(world, "ann", "box2", NULL, late);
    world_reasons_are(world, "ALREADY_RETURNED");
    world_checkout(world, "bob", "box4", late);
    world_return(world, "ann", "box4", NULL, late);
    assert_true(says(world->decision.events[1].data.complete_data.conflict_rental_id, "r4"));
}

/* What is in time goes before what is late, however much older. */
static void the_late_come_last(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW - 20 * DAY);
    world_checkout(world, "ann", "box2", NOW - DAY);
    world_late_return(world, "flag");
    world_return(world, "ann", "box1", NULL, NOW);
    assert_true(world_status_is(world, "r2", RENTBUS_STATUS_COMPLETED));
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_IN_PROGRESS));
    assert_true(world_out_on(world, "box2", "r1"));
    world_return(world, "ann", "box2", NULL, NOW);
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_FLAGGED));
}

static void events_tell_the_version_that_decided(void **state)
{
    struct world *world = *state;
    const struct ledger_event *events = world->decision.events;
    uint64_t version;

    world_checkout(world, "ann", "box1", NOW);
    assert_true(RENTBUS_HAS(&events[1].data.rental_data, rental_data, policy_version));
    assert_int_equal(events[1].data.rental_data.policy_version, 0);
    world_late_return(world, "flag");
    version = ledger_head(world->ledger);
    world_checkout(world, "bob", "box1", NOW);
    assert_true(RENTBUS_HAS(&events[1].data.complete_data, complete_data, policy_version));
    assert_int_equal(events[1].data.complete_data.policy_version, version);
    assert_int_equal(events[2].data.rental_data.policy_version, version);
    world_import(world, "i1", RENTBUS_STATUS_IN_PROGRESS, "ann", "box2", "box", NOW, NOW + DAY);
    assert_false(RENTBUS_HAS(&events[0].data.rental_data, rental_data, policy_version));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_ledger_begins_with_the_defaults),
        TEST(a_put_changes_what_it_names),
        TEST(a_put_of_what_there_is_changes_nothing),
        TEST(late_return_is_one_of_three),
        TEST(the_skew_is_the_policys),
        TEST(a_return_names_all_that_stands_against_it),
        cmocka_unit_test(a_return_is_matched_by_the_policy),
        TEST(what_is_late_is_back_all_the_same),
        TEST(the_late_come_last),
        TEST(events_tell_the_version_that_decided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
