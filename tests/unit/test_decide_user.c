/* SPDX-License-Identifier: MPL-2.0 */
/* Users: their limits and their blocks, and what a checkout says of them. */
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NO_LIMIT UINT64_MAX

static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_asset(world, "box1", "box");
    world_asset(world, "box2", "box");
    world_asset(world, "box3", "box");
    world_asset(world, "cup1", "cup");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static enum rentbus_outcome put_user(struct world *world, const char *id, const char *name,
                                     uint64_t limit)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};
    struct rentbus_user_put_args *args = &command.args.user_put;

    RENTBUS_SET(args, user_put_args, id, rentbus_text(id));
    if (name)
        RENTBUS_SET(args, user_put_args, name, rentbus_text(name));
    if (limit != NO_LIMIT)
        RENTBUS_SET(args, user_put_args, user_limit, limit);
    assert_int_equal(world_run(world, &command), 0);
    return world->result.outcome;
}

static void limit_users(struct world *world, uint64_t limit)
{
    struct rentbus_policy_put_args args = {0};

    RENTBUS_SET(&args, policy_put_args, user_limit, limit);
    world_policy(world, &args);
}

static void limit_type(struct world *world, const char *type, uint64_t limit)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text(type));
    if (limit != NO_LIMIT)
        RENTBUS_SET(args, asset_type_put_args, user_limit, limit);
    assert_int_equal(world_run(world, &command), 0);
}

static void must_be_user(const struct world *world, const char *id, const char *name,
                         uint64_t limit, const char *block_reason)
{
    struct rentbus_user user;

    assert_true(ledger_user_get(world->ledger, rentbus_text(id), &user));
    assert_int_equal(RENTBUS_HAS(&user, user, name), name != NULL);
    assert_int_equal(RENTBUS_HAS(&user, user, user_limit), limit != NO_LIMIT);
    assert_int_equal(RENTBUS_HAS(&user, user, block_reason), block_reason != NULL);
    if (name)
        assert_true(says(user.name, name));
    if (limit != NO_LIMIT)
        assert_int_equal(user.user_limit, limit);
    if (block_reason)
        assert_true(says(user.block_reason, block_reason));
}

static void a_put_replaces_all_but_a_block(void **state)
{
    struct world *world = *state;

    assert_int_equal(put_user(world, "ann", "Ann", 3), RENTBUS_OUTCOME_UPDATED);
    must_be_user(world, "ann", "Ann", 3, NULL);
    assert_int_equal(put_user(world, "ann", "Ann", 3), RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(put_user(world, "ann", "Ann", 0), RENTBUS_OUTCOME_UPDATED);
    must_be_user(world, "ann", "Ann", 0, NULL);
    assert_int_equal(put_user(world, "ann", "Ann", NO_LIMIT), RENTBUS_OUTCOME_UPDATED);
    must_be_user(world, "ann", "Ann", NO_LIMIT, NULL);
    assert_int_equal(world_block(world, "ann", "owes"), RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(put_user(world, "ann", NULL, 2), RENTBUS_OUTCOME_UPDATED);
    must_be_user(world, "ann", NULL, 2, "owes");
    assert_true(says(world->decision.events[0].data.user.block_reason, "owes"));
    assert_int_equal(put_user(world, "cid", NULL, 1), RENTBUS_OUTCOME_CREATED);
    must_be_user(world, "cid", NULL, 1, NULL);
}

static void a_block_comes_and_goes(void **state)
{
    struct world *world = *state;
    const struct ledger_event *event = &world->decision.events[0];

    put_user(world, "ann", "Ann", 5);
    assert_int_equal(world_block(world, "ann", NULL), RENTBUS_OUTCOME_UNCHANGED);
    assert_true(says(event->data.unchanged_data.op, "user.unblock"));
    assert_int_equal(world_block(world, "ann", "owes"), RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(event->type, RENTBUS_USER_BLOCKED_EVENT);
    assert_true(says(event->subject, "ann"));
    assert_true(says(event->data.user.name, "Ann"));
    must_be_user(world, "ann", "Ann", 5, "owes");
    assert_int_equal(world_block(world, "ann", "owes"), RENTBUS_OUTCOME_UNCHANGED);
    assert_true(says(event->data.unchanged_data.op, "user.block"));
    assert_true(says(event->subject, "ann"));
    assert_int_equal(world_block(world, "ann", ""), RENTBUS_OUTCOME_UPDATED);
    must_be_user(world, "ann", "Ann", 5, "");
    assert_int_equal(world_block(world, "ann", NULL), RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(event->type, RENTBUS_USER_UNBLOCKED_EVENT);
    assert_false(RENTBUS_HAS(&event->data.user, user, block_reason));
    must_be_user(world, "ann", "Ann", 5, NULL);
}

static void nobody_cannot_be_blocked(void **state)
{
    struct world *world = *state;
    struct ledger_command command = {.op = RENTBUS_OP_user_block};

    RENTBUS_SET(&command.args.user_block, user_block_args, id, rentbus_text("eve"));
    RENTBUS_SET(&command.args.user_block, user_block_args, reason, rentbus_text("owes"));
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_NOT_FOUND);
    assert_string_equal(world->fault.field, "id");
    command = (struct ledger_command){.op = RENTBUS_OP_user_unblock};
    RENTBUS_SET(&command.args.user_unblock, user_unblock_args, id, rentbus_text("eve"));
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_NOT_FOUND);
    assert_string_equal(world->fault.field, "id");
}

/* ann has box1 and cup1 out; what does a checkout of an asset say? */
static const struct {
    const char *name;
    const char *block_reason;
    uint64_t own_limit;
    uint64_t policy_limit;
    uint64_t box_limit;
    const char *user;
    const char *asset;
    const char *reasons; /* "" for none */
} checkouts[] = {
    {"nothing stands against it", NULL, NO_LIMIT, 0, NO_LIMIT, "ann", "box2", ""},
    {"blocked", "owes", NO_LIMIT, 0, NO_LIMIT, "ann", "box2", "USER_BLOCKED"},
    {"blocked without words", "", NO_LIMIT, 0, NO_LIMIT, "ann", "box2", "USER_BLOCKED"},
    {"blocked, but who is not", "owes", NO_LIMIT, 0, NO_LIMIT, "bob", "box2", ""},
    {"below the policy's limit", NULL, NO_LIMIT, 3, NO_LIMIT, "ann", "box2", ""},
    {"at the policy's limit", NULL, NO_LIMIT, 2, NO_LIMIT, "ann", "box2", "USER_LIMIT"},
    {"above the policy's limit", NULL, NO_LIMIT, 1, NO_LIMIT, "ann", "box2", "USER_LIMIT"},
    {"an own limit beats it", NULL, 3, 1, NO_LIMIT, "ann", "box2", ""},
    {"an own limit beats it, less", NULL, 2, 9, NO_LIMIT, "ann", "box2", "USER_LIMIT"},
    {"an own limit of nothing", NULL, 0, 0, NO_LIMIT, "ann", "box2", "USER_LIMIT"},
    {"limits of others do not count", NULL, 0, 0, NO_LIMIT, "bob", "box2", ""},
    {"below the type's limit", NULL, NO_LIMIT, 0, 2, "ann", "box2", ""},
    {"at the type's limit", NULL, NO_LIMIT, 0, 1, "ann", "box2", "TYPE_LIMIT"},
    {"a type that is not lent", NULL, NO_LIMIT, 0, 0, "bob", "box2", "TYPE_LIMIT"},
    {"what others have out does not count", NULL, NO_LIMIT, 0, 1, "bob", "box2", ""},
    {"who takes over is asked as well", NULL, NO_LIMIT, 1, NO_LIMIT, "bob", "box1", ""},
    {"all at once", "owes", 2, 0, 1, "ann", "box2", "USER_BLOCKED USER_LIMIT TYPE_LIMIT"},
    {"two", NULL, 1, 0, 1, "ann", "box2", "USER_LIMIT TYPE_LIMIT"},
    {"unknown user alone", NULL, NO_LIMIT, 1, 0, "eve", "box2", "USER_UNKNOWN"},
    {"unknown asset alone", "owes", 0, 1, 0, "ann", "box9", "ASSET_UNKNOWN"},
    {"both unknown", NULL, 0, 1, 0, "eve", "box9", "USER_UNKNOWN ASSET_UNKNOWN"},
};

static void a_checkout_names_all_that_stands_against_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(checkouts) / sizeof(checkouts[0]); i++) {
        struct world *world;
        const struct ledger_event *second;
        bool taken = checkouts[i].reasons[0] == 0;

        print_message("%s\n", checkouts[i].name);
        setup((void **)&world);
        world_checkout(world, "ann", "box1", NOW);
        world_checkout(world, "ann", "cup1", NOW);
        limit_type(world, "box", checkouts[i].box_limit);
        limit_users(world, checkouts[i].policy_limit);
        put_user(world, "ann", NULL, checkouts[i].own_limit);
        if (checkouts[i].block_reason)
            world_block(world, "ann", checkouts[i].block_reason);
        second = &world->decision.events[1];
        assert_int_equal(world_checkout(world, checkouts[i].user, checkouts[i].asset, NOW),
                         taken ? RENTBUS_OUTCOME_CREATED : RENTBUS_OUTCOME_REJECTED);
        world_reasons_are(world, checkouts[i].reasons);
        if (!taken) {
            struct rentbus_policy policy;

            ledger_policy_get(world->ledger, &policy);
            assert_int_equal(second->type, RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT);
            assert_true(RENTBUS_HAS(&second->data.rejected_data, rejected_data, policy_version));
            assert_int_equal(second->data.rejected_data.policy_version, policy.version);
            assert_int_equal(second->data.rejected_data.reason, world->result.reason);
        }
        world_destroy(&world);
    }
}

static void what_a_user_has_is_no_question_of_limits(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    put_user(world, "ann", NULL, 0);
    world_block(world, "ann", "owes");
    limit_type(world, "box", 0);
    assert_int_equal(world_checkout(world, "ann", "box1", NOW), RENTBUS_OUTCOME_ALREADY_OUT);
    world_reasons_are(world, "");
    assert_int_equal(world->decision.events[1].data.rejected_data.reasons.count, 1);
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
}

static void limits_count_what_is_in_progress(void **state)
{
    struct world *world = *state;

    put_user(world, "ann", NULL, 1);
    limit_type(world, "box", 1);
    world_checkout(world, "ann", "box1", NOW);
    assert_int_equal(world_checkout(world, "ann", "cup1", NOW), RENTBUS_OUTCOME_REJECTED);
    world_return(world, "ann", "box1", NULL, NOW);
    assert_int_equal(world_checkout(world, "ann", "box2", NOW), RENTBUS_OUTCOME_CREATED);
    world_judge(world, RENTBUS_OP_rental_flag, "r2", "lost");
    assert_int_equal(world_checkout(world, "ann", "box3", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world_judge(world, RENTBUS_OP_rental_unflag, "r2", NULL),
                     RENTBUS_OUTCOME_UPDATED);
    world_return(world, "ann", "box2", NULL, NOW);
    assert_int_equal(world_checkout(world, "ann", "cup1", NOW), RENTBUS_OUTCOME_REJECTED);
    world_reasons_are(world, "USER_LIMIT");
    /* Taken by bob, it is ann's no more. */
    world_checkout(world, "bob", "box3", NOW);
    assert_int_equal(world_checkout(world, "ann", "cup1", NOW), RENTBUS_OUTCOME_CREATED);
}

/* The type that counts is the one that the asset has now. */
static void type_limits_follow_the_asset(void **state)
{
    struct world *world = *state;

    limit_type(world, "box", 1);
    world_checkout(world, "ann", "box1", NOW);
    world_asset(world, "box1", "crate");
    assert_int_equal(world_checkout(world, "ann", "box2", NOW), RENTBUS_OUTCOME_CREATED);
    world_asset(world, "cup1", "box");
    assert_int_equal(world_checkout(world, "ann", "cup1", NOW), RENTBUS_OUTCOME_REJECTED);
    world_reasons_are(world, "TYPE_LIMIT");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_put_replaces_all_but_a_block),
        TEST(a_block_comes_and_goes),
        TEST(nobody_cannot_be_blocked),
        cmocka_unit_test(a_checkout_names_all_that_stands_against_it),
        TEST(what_a_user_has_is_no_question_of_limits),
        TEST(limits_count_what_is_in_progress),
        TEST(type_limits_follow_the_asset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
