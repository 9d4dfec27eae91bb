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
    world_asset(world, "box1", "box");
    world_asset(world, "box2", "box");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static void put_user(struct world *world, const char *id, const char *name)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};

    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text(id));
    if (name)
        RENTBUS_SET(&command.args.user_put, user_put_args, name, rentbus_text(name));
    assert_int_equal(world_run(world, &command), 0);
}

static void a_put_creates_updates_or_changes_nothing(void **state)
{
    struct world *world = *state;
    const struct ledger_event *event = &world->decision.events[0];
    struct rentbus_user user;

    put_user(world, "bob", NULL);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_int_equal(event->type, RENTBUS_USER_CREATED_EVENT);
    put_user(world, "bob", NULL);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(event->type, RENTBUS_COMMAND_UNCHANGED_EVENT);
    assert_true(says(event->subject, "bob"));
    assert_true(says(event->data.unchanged_data.op, "user.put"));
    put_user(world, "bob", "");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    put_user(world, "bob", "Bob");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    put_user(world, "bob", "Bob");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    assert_true(ledger_user_get(world->ledger, rentbus_text("bob"), &user));
    assert_true(says(user.name, "Bob"));
    put_user(world, "bob", NULL);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_true(ledger_user_get(world->ledger, rentbus_text("bob"), &user));
    assert_false(RENTBUS_HAS(&user, user, name));
    assert_int_equal(ledger_counts(world->ledger).users, 2);
}

static void locations_are_put_but_not_by_being_named(void **state)
{
    struct world *world = *state;
    struct rentbus_location location;

    world_checkout(world, "ann", "box1", NOW);
    assert_false(ledger_location_get(world->ledger, rentbus_text("counter"), &location));
    world_location(world, "counter", "The counter");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    world_location(world, "counter", "The counter");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    world_location(world, "counter", NULL);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_true(ledger_location_get(world->ledger, rentbus_text("counter"), &location));
    assert_false(RENTBUS_HAS(&location, location, name));
}

static void an_asset_keeps_its_rental_through_a_put(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    world_asset(world, "box1", "box");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    world_asset(world, "box1", "crate");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_true(world_out_on(world, "box1", "r1"));
}

static void an_asset_type_has_defaults(void **state)
{
    struct world *world = *state;
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;
    struct rentbus_asset_type type;

    assert_false(ledger_asset_type_get(world->ledger, rentbus_text("box"), &type));
    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text("box"));
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_true(ledger_asset_type_get(world->ledger, rentbus_text("box"), &type));
    assert_int_equal(type.loan_period, 7 * 86400);
    assert_int_equal(type.eligible_asset_types.count, 1);
    assert_true(says(type.eligible_asset_types.items[0], "box"));
    world_asset_type(world, "box", 7 * 86400, "box", NULL);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    world_asset_type(world, "box", 7 * 86400, "box", "crate");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    world_asset_type(world, "box", 7 * 86400, "crate", "box");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    world_asset_type(world, "box", 60, "crate", "box");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
}

/* Each field that is put alone makes a difference, and none that is put again. */
static void an_asset_type_has_rules_of_its_own(void **state)
{
    struct world *world = *state;
    struct ledger_command plain = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type type;
    const struct {
        uint64_t bit;
        uint64_t shown; /* in the asset type */
        bool always;    /* shown, with a default */
    } fields[] = {
        {RENTBUS_BIT(asset_type_put_args, user_limit), RENTBUS_BIT(asset_type, user_limit), false},
        {RENTBUS_BIT(asset_type_put_args, renewals_max), RENTBUS_BIT(asset_type, renewals_max),
         false},
        {RENTBUS_BIT(asset_type_put_args, due_soon_lead), RENTBUS_BIT(asset_type, due_soon_lead),
         false},
        {RENTBUS_BIT(asset_type_put_args, renewal_period), RENTBUS_BIT(asset_type, renewal_period),
         true},
    };

    RENTBUS_SET(&plain.args.asset_type_put, asset_type_put_args, id, rentbus_text("box"));
    assert_int_equal(world_run(world, &plain), 0);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (uint64_t value = 0; value < 3; value++) {
            struct ledger_command command = plain;
            struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

            if (fields[i].always && value == 0)
                continue;
            args->has |= fields[i].bit;
            args->user_limit = args->renewals_max = value;
            args->due_soon_lead = args->renewal_period = (int64_t)value;
            assert_int_equal(world_run(world, &command), 0);
            assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
            assert_int_equal(world_run(world, &command), 0);
            assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
            assert_true(ledger_asset_type_get(world->ledger, rentbus_text("box"), &type));
            assert_true((type.has & fields[i].shown) != 0);
        }
        assert_int_equal(world_run(world, &plain), 0);
        assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
        assert_true(ledger_asset_type_get(world->ledger, rentbus_text("box"), &type));
        assert_int_equal((type.has & fields[i].shown) != 0, fields[i].always);
        assert_int_equal(type.renewal_period, type.loan_period);
    }
}

static void an_asset_type_needs_sense(void **state)
{
    struct world *world = *state;
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text("box"));
    RENTBUS_SET(args, asset_type_put_args, loan_period, 0);
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "loan_period");
    args->loan_period = 1;
    args->has |= RENTBUS_BIT(asset_type_put_args, eligible_asset_types);
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "eligible_asset_types");
    args->has &= ~RENTBUS_BIT(asset_type_put_args, eligible_asset_types);
    RENTBUS_SET(args, asset_type_put_args, renewal_period, 0);
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "renewal_period");
}

static void an_import_is_taken_as_it_is(void **state)
{
    struct world *world = *state;
    const struct ledger_event *event = &world->decision.events[0];
    struct rentbus_rental rental;

    world_import(world, "i1", RENTBUS_STATUS_IN_PROGRESS, "ann", "box1", "box", NOW - 900 * DAY,
                 NOW - 800 * DAY);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world->decision.count, 1);
    assert_int_equal(event->type, RENTBUS_RENTAL_IMPORTED_EVENT);
    assert_true(says(event->subject, "i1"));
    assert_true(world_out_on(world, "box1", "i1"));
    world_import(world, "i2", RENTBUS_STATUS_COMPLETED, "ann", "box1", "box", NOW, NOW + DAY);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("i2"), &rental));
    assert_int_equal(rental.rev, 1);
    assert_int_equal(rental.renewals, 0);
    assert_int_equal(rental.created_seq, ledger_head(world->ledger));
    assert_int_equal(rental.returned_at, NOW + DAY);
    assert_false(RENTBUS_HAS(&rental, rental, closed_by));
    assert_false(RENTBUS_HAS(&rental, rental, flag_reason));
    assert_false(RENTBUS_HAS(&rental, rental, returned_asset_id));
    assert_true(world_out_on(world, "box1", "i1"));
}

static void a_second_import_changes_nothing(void **state)
{
    struct world *world = *state;
    struct rentbus_rental archived = {0};

    world_import(world, "i1", RENTBUS_STATUS_IN_PROGRESS, "ann", "box1", "box", NOW, NOW + DAY);
    world_import(world, "i1", RENTBUS_STATUS_COMPLETED, "ann", "box2", "cup", NOW, NOW + DAY);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    assert_true(says(world->result.rental.id, "i1"));
    assert_int_equal(world->result.rental.status, RENTBUS_STATUS_IN_PROGRESS);
    RENTBUS_SET(&archived, rental, id, rentbus_text("i2"));
    RENTBUS_SET(&archived, rental, rev, 9);
    RENTBUS_SET(&archived, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(&archived, rental, user_id, rentbus_text("ann"));
    RENTBUS_SET(&archived, rental, asset_id, rentbus_text("box1"));
    RENTBUS_SET(&archived, rental, created_at_location_id, rentbus_text("there"));
    archived.has |= RENTBUS_BIT(rental, renewals) | RENTBUS_BIT(rental, created_at) |
                    RENTBUS_BIT(rental, expires_at) | RENTBUS_BIT(rental, created_seq) |
                    RENTBUS_BIT(rental, eligible_asset_types);
    world->archived = &archived;
    world_import(world, "i2", RENTBUS_STATUS_COMPLETED, "ann", "box2", "cup", NOW, NOW + DAY);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(world->result.rental.rev, 9);
    assert_int_equal(ledger_counts(world->ledger).rentals, 1);
}

static void imports_that_cannot_be_are_refused(void **state)
{
    const enum rentbus_status open = RENTBUS_STATUS_IN_PROGRESS;
    const enum rentbus_status completed = RENTBUS_STATUS_COMPLETED;
    const struct {
        enum rentbus_status status;
        const char *user;
        const char *asset;
        int64_t expires_at;
        uint64_t flip; /* of `has` */
        int error;
        const char *field;
    } cases[] = {
        {open, "eve", "box1", NOW + 1, 0, RENTBUS_ERROR_NOT_FOUND, "user_id"},
        {open, "ann", "box9", NOW + 1, 0, RENTBUS_ERROR_NOT_FOUND, "asset_id"},
        {open, "ann", "box2", NOW + 1, 0, RENTBUS_ERROR_CONFLICT, "asset_id"},
        {open, "ann", "box1", NOW, 0, RENTBUS_ERROR_INVALID_ARGUMENT, "expires_at"},
        {open, "ann", "box1", NOW + 1, RENTBUS_BIT(import_args, returned_at),
         RENTBUS_ERROR_INVALID_ARGUMENT, "returned_at"},
        {open, "ann", "box1", NOW + 1, RENTBUS_BIT(import_args, returned_at_location_id),
         RENTBUS_ERROR_INVALID_ARGUMENT, "returned_at_location_id"},
        {completed, "ann", "box1", NOW + 1, RENTBUS_BIT(import_args, returned_at),
         RENTBUS_ERROR_INVALID_ARGUMENT, "returned_at"},
        {completed, "ann", "box2", NOW + 1, 0, 0, ""},
        {RENTBUS_STATUS_FORGIVEN, "ann", "box2", NOW + 1, 0, 0, ""},
        {open, "ann", "box1", NOW + 1, 0, 0, ""},
    };
    struct world *world = *state;

    world_checkout(world, "ann", "box2", NOW);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char id[2] = {(char)('a' + i), 0};
        struct ledger_command command = world_import_command(
            id, cases[i].status, cases[i].user, cases[i].asset, "box", NOW, cases[i].expires_at);

        command.args.admin_import.has ^= cases[i].flip;
        assert_int_equal(world_run(world, &command), cases[i].error);
        assert_string_equal(world->fault.field, cases[i].field);
    }
}

static void an_import_without_eligible_types_has_those_of_its_type(void **state)
{
    struct world *world = *state;
    const struct rentbus_ids *types = &world->result.rental.eligible_asset_types;
    struct ledger_command command = world_import_command("i1", RENTBUS_STATUS_IN_PROGRESS, "ann",
                                                         "box1", "cup", NOW, NOW + DAY);

    command.args.admin_import.eligible_asset_types.count = 0;
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(types->count, 1);
    assert_true(says(types->items[0], "box"));
}

static void queries_are_no_commands(void **state)
{
    struct world *world = *state;
    struct ledger_command command = {.op = RENTBUS_OP_rental_get};

    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_UNKNOWN_OP);
}

static void an_outcome_needs_an_event_that_has_one(void **state)
{
    struct world *world = *state;
    struct rentbus_command_result result;

    ledger_outcome(world->decision.events, 0, 7, &result);
    assert_int_equal(result.has, RENTBUS_BIT(command_result, seq));
    world_checkout(world, "ann", "box1", NOW);
    ledger_outcome(world->decision.events, 1, 7, &result);
    assert_int_equal(result.has, RENTBUS_BIT(command_result, seq));
    assert_int_equal(result.seq, 7);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_put_creates_updates_or_changes_nothing),
        TEST(locations_are_put_but_not_by_being_named),
        TEST(an_asset_keeps_its_rental_through_a_put),
        TEST(an_asset_type_has_defaults),
        TEST(an_asset_type_has_rules_of_its_own),
        TEST(an_asset_type_needs_sense),
        TEST(an_import_is_taken_as_it_is),
        TEST(a_second_import_changes_nothing),
        TEST(imports_that_cannot_be_are_refused),
        TEST(an_import_without_eligible_types_has_those_of_its_type),
        TEST(queries_are_no_commands),
        TEST(an_outcome_needs_an_event_that_has_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
