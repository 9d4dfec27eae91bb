/* SPDX-License-Identifier: MPL-2.0 */
/* Rentals that come with all that another ledger knew of them. */
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
    world_asset(world, "cup1", "cup");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

/* Of ann's rental i1 of box1, for a day from NOW on. */
static struct ledger_command import(enum rentbus_status status)
{
    return world_import_command("i1", status, "ann", "box1", "box", NOW, NOW + DAY);
}

static void all_that_is_given_is_kept(void **state)
{
    struct world *world = *state;
    struct ledger_command command = import(RENTBUS_STATUS_COMPLETED);
    struct rentbus_import_args *args = &command.args.admin_import;
    struct rentbus_rental rental;

    RENTBUS_SET(args, import_args, rev, 7);
    RENTBUS_SET(args, import_args, renewals, 3);
    RENTBUS_SET(args, import_args, closed_by, RENTBUS_CLOSED_BY_missed_scan);
    RENTBUS_SET(args, import_args, flag_reason, rentbus_text("it was late"));
    RENTBUS_SET(args, import_args, returned_asset_id, rentbus_text("box2"));
    RENTBUS_SET(args, import_args, returned_at_location_id, rentbus_text("bin"));
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("i1"), &rental));
    assert_int_equal(rental.rev, 7);
    assert_int_equal(rental.renewals, 3);
    assert_int_equal(rental.status, RENTBUS_STATUS_COMPLETED);
    assert_int_equal(rental.closed_by, RENTBUS_CLOSED_BY_missed_scan);
    assert_true(says(rental.flag_reason, "it was late"));
    assert_true(says(rental.returned_asset_id, "box2"));
    assert_true(says(rental.returned_at_location_id, "bin"));
    assert_true(rental.returned_at == NOW + DAY);
}

static void an_open_rental_goes_on_from_its_counts(void **state)
{
    struct world *world = *state;
    struct ledger_command command = import(RENTBUS_STATUS_IN_PROGRESS);
    struct ledger_command renewal = world_rental_command(RENTBUS_OP_rental_renew, "i1", NULL);

    RENTBUS_SET(&command.args.admin_import, import_args, rev, 2147483647);
    RENTBUS_SET(&command.args.admin_import, import_args, renewals, 2147483647);
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world_run(world, &renewal), 0);
    assert_true(world->result.rental.rev == 2147483648);
    assert_true(world->result.rental.renewals == 2147483648);
    assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(world->result.rental.rev == 2147483649);
}

static void a_flagged_rental_keeps_its_reason(void **state)
{
    struct world *world = *state;
    struct ledger_command command = import(RENTBUS_STATUS_FLAGGED);

    RENTBUS_SET(&command.args.admin_import, import_args, flag_reason, rentbus_text("broken"));
    RENTBUS_SET(&command.args.admin_import, import_args, closed_by, RENTBUS_CLOSED_BY_flag);
    assert_int_equal(world_run(world, &command), 0);
    assert_true(says(world->result.rental.flag_reason, "broken"));
    assert_int_equal(world_judge(world, RENTBUS_OP_rental_unflag, "i1", NULL),
                     RENTBUS_OUTCOME_UPDATED);
    assert_true(world_out_on(world, "box1", "i1"));
}

static void what_cannot_be_is_refused(void **state)
{
    const enum rentbus_status open = RENTBUS_STATUS_IN_PROGRESS;
    const enum rentbus_status completed = RENTBUS_STATUS_COMPLETED;
    const struct {
        enum rentbus_status status;
        uint64_t has; /* more than the plain ones */
        uint64_t count;
        int error;
        const char *field;
    } cases[] = {
        {open, RENTBUS_BIT(import_args, closed_by), 1, RENTBUS_ERROR_INVALID_ARGUMENT, "closed_by"},
        {open, RENTBUS_BIT(import_args, flag_reason), 1, RENTBUS_ERROR_INVALID_ARGUMENT,
         "flag_reason"},
        {open, RENTBUS_BIT(import_args, returned_asset_id), 1, RENTBUS_ERROR_INVALID_ARGUMENT,
         "returned_asset_id"},
        {open, RENTBUS_BIT(import_args, returned_at), 1, RENTBUS_ERROR_INVALID_ARGUMENT,
         "returned_at"},
        {open, RENTBUS_BIT(import_args, rev), 0, RENTBUS_ERROR_INVALID_ARGUMENT, "rev"},
        {open, RENTBUS_BIT(import_args, rev), 2147483648, RENTBUS_ERROR_INVALID_ARGUMENT, "rev"},
        {completed, RENTBUS_BIT(import_args, renewals), 2147483648, RENTBUS_ERROR_INVALID_ARGUMENT,
         "renewals"},
        {RENTBUS_STATUS_FLAGGED, RENTBUS_BIT(import_args, returned_asset_id), 1,
         RENTBUS_ERROR_INVALID_ARGUMENT, "returned_asset_id"},
        {RENTBUS_STATUS_FORGIVEN,
         RENTBUS_BIT(import_args, returned_asset_id) | RENTBUS_BIT(import_args, returned_at), 1,
         RENTBUS_ERROR_NOT_FOUND, "returned_asset_id"},
        {completed, RENTBUS_BIT(import_args, returned_asset_id), 1, RENTBUS_ERROR_NOT_FOUND,
         "returned_asset_id"},
        {completed, RENTBUS_BIT(import_args, renewals), 0, 0, NULL},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_command command = import(cases[i].status);
        struct rentbus_import_args *args = &command.args.admin_import;

        args->has |= cases[i].has;
        args->rev = args->renewals = cases[i].count;
        args->closed_by = RENTBUS_CLOSED_BY_flag;
        args->flag_reason = rentbus_text("broken");
        args->returned_asset_id = rentbus_text("box9");
        args->returned_at = NOW;
        assert_int_equal(world_run(world, &command), cases[i].error);
        if (cases[i].error != 0)
            assert_string_equal(world->fault.field, cases[i].field);
    }
    assert_int_equal(ledger_counts(world->ledger).rentals, 1);
}

/* Whether a return of the asset by ann is taken for a second one. */
static bool is_back(struct world *world, const char *asset)
{
    world_return(world, "ann", asset, NULL, NOW);
    return world_reason(world) == RENTBUS_REASON_ALREADY_RETURNED;
}

static void an_import_marks_what_came_back(void **state)
{
    static const struct {
        enum rentbus_status status;
        enum rentbus_closed_by closed_by;
        const char *returned; /* or NULL */
        const char *marked;   /* or NULL */
    } cases[] = {
        {RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, NULL, "box1"},
        {RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, "box2", "box2"},
        {RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_late_checkout, "box1", "box1"},
        {RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_return_scan, "box2", "box2"},
        {RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_flag, NULL, NULL},
        {RENTBUS_STATUS_FORGIVEN, RENTBUS_CLOSED_BY_return_scan, "box2", NULL},
        {RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_missed_scan, "box1", NULL},
        {RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_NONE, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *world;
        struct ledger_command command = import(cases[i].status);
        struct rentbus_import_args *args = &command.args.admin_import;
        const char *marked = cases[i].marked;

        teardown(state);
        setup(state);
        world = *state;
        RENTBUS_SET(args, import_args, returned_at, NOW);
        if (cases[i].closed_by != RENTBUS_CLOSED_BY_NONE)
            RENTBUS_SET(args, import_args, closed_by, cases[i].closed_by);
        if (cases[i].returned)
            RENTBUS_SET(args, import_args, returned_asset_id, rentbus_text(cases[i].returned));
        assert_int_equal(world_run(world, &command), 0);
        assert_int_equal(is_back(world, "box1"), marked && strcmp(marked, "box1") == 0);
        assert_int_equal(is_back(world, "box2"), marked && strcmp(marked, "box2") == 0);
        if (marked) {
            world_return(world, "bob", marked, NULL, NOW);
            assert_int_equal(world_reason(world), RENTBUS_REASON_NO_OPEN_RENTAL);
        }
    }
}

static void an_import_marks_nothing_that_is_out(void **state)
{
    struct world *world = *state;
    struct ledger_command command = import(RENTBUS_STATUS_COMPLETED);

    world_checkout(world, "bob", "box1", NOW);
    RENTBUS_SET(&command.args.admin_import, import_args, closed_by, RENTBUS_CLOSED_BY_return_scan);
    assert_int_equal(world_run(world, &command), 0);
    assert_false(is_back(world, "box1"));
    assert_true(world_out_on(world, "box1", "r1"));
}

/* And an open one takes the mark away. */
static void a_rollback_takes_back_the_mark(void **state)
{
    struct world *world = *state;
    struct ledger_command command = import(RENTBUS_STATUS_COMPLETED);
    uint64_t digest = ledger_digest(world->ledger);
    uint64_t marked;

    ledger_durable(world->ledger, UINT64_MAX);
    RENTBUS_SET(&command.args.admin_import, import_args, closed_by, RENTBUS_CLOSED_BY_return_scan);
    RENTBUS_SET(&command.args.admin_import, import_args, flag_reason, rentbus_text("late"));
    assert_int_equal(world_run(world, &command), 0);
    ledger_rollback(world->ledger);
    assert_true(ledger_digest(world->ledger) == digest);
    assert_false(is_back(world, "box1"));
    ledger_rollback(world->ledger);
    assert_int_equal(world_run(world, &command), 0);
    ledger_durable(world->ledger, UINT64_MAX);
    marked = ledger_digest(world->ledger);
    world_import(world, "i2", RENTBUS_STATUS_IN_PROGRESS, "bob", "box1", "box", NOW, NOW + DAY);
    assert_false(is_back(world, "box1"));
    ledger_rollback(world->ledger);
    assert_true(ledger_digest(world->ledger) == marked);
    assert_true(is_back(world, "box1"));
}

/* ---- out of one ledger into another ---- */

#define COPY(args, rental, name)                                                                   \
    ((args)->name = (rental)->name, (args)->has |= RENTBUS_HAS(rental, rental, name)               \
                                                       ? RENTBUS_BIT(import_args, name)            \
                                                       : UINT64_C(0))

static bool import_into(void *context, const struct rentbus_rental *rental)
{
    struct world *other = context;
    struct ledger_command command = {.op = RENTBUS_OP_admin_import};
    struct rentbus_import_args *args = &command.args.admin_import;
    struct rentbus_buffer before = {0};
    struct rentbus_buffer after = {0};
    struct rentbus_rental copy;

    COPY(args, rental, id);
    COPY(args, rental, rev);
    COPY(args, rental, status);
    COPY(args, rental, user_id);
    COPY(args, rental, asset_id);
    COPY(args, rental, renewals);
    COPY(args, rental, closed_by);
    COPY(args, rental, created_at);
    COPY(args, rental, expires_at);
    COPY(args, rental, flag_reason);
    COPY(args, rental, returned_at);
    COPY(args, rental, returned_asset_id);
    COPY(args, rental, eligible_asset_types);
    COPY(args, rental, created_at_location_id);
    COPY(args, rental, returned_at_location_id);
    assert_int_equal(world_run(other, &command), 0);
    assert_int_equal(other->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_true(ledger_rental_get(other->ledger, rental->id, &copy));
    copy.created_seq = rental->created_seq;
    rentbus_encode(&rentbus_rental_schema, rental, &before);
    rentbus_encode(&rentbus_rental_schema, &copy, &after);
    assert_int_equal(before.length, after.length);
    assert_memory_equal(before.data, after.data, before.length);
    rentbus_buffer_release(&before);
    rentbus_buffer_release(&after);
    return true;
}

/* Every way in which a rental may stand there. */
static void an_export_comes_in_as_it_was(void **state)
{
    struct world *world = *state;
    struct ledger_rental_filter all = {0};
    struct world *other;

    setup((void **)&other);
    world->now = NOW + 30 * DAY;
    world_return(world, "ann", "box1", NULL, NOW + DAY);
    world_checkout(world, "ann", "box1", NOW);
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_COMPLETED));
    world_checkout(world, "ann", "box1", NOW + 2 * DAY);
    world_checkout(world, "bob", "box1", NOW + 3 * DAY);
    world_checkout(world, "ann", "box2", NOW + 2 * DAY);
    world_return(world, "ann", "box1", NULL, NOW + 4 * DAY);
    world_late_return(world, "flag");
    world_return(world, "bob", "box1", NULL, NOW + 20 * DAY);
    world_checkout(world, "bob", "box1", NOW + 20 * DAY);
    world_judge(world, RENTBUS_OP_rental_flag, "r5", "broken");
    world_checkout(world, "bob", "box2", NOW + 20 * DAY);
    world_judge(world, RENTBUS_OP_rental_forgive, "r6", "a gift");
    world_checkout(world, "bob", "cup1", NOW + 25 * DAY);
    world_judge(world, RENTBUS_OP_rental_renew, "r7", NULL);
    ledger_rental_list(world->ledger, &all, 0, import_into, other);
    assert_int_equal(ledger_counts(other->ledger).rentals, 7);
    assert_int_equal(ledger_counts(other->ledger).open, ledger_counts(world->ledger).open);
    assert_int_equal(ledger_counts(other->ledger).flagged, 2);
    assert_true(world_out_on(other, "cup1", "r7"));
    world_destroy(&other);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_that_is_given_is_kept),         TEST(an_open_rental_goes_on_from_its_counts),
        TEST(a_flagged_rental_keeps_its_reason), TEST(what_cannot_be_is_refused),
        TEST(an_import_marks_what_came_back),    TEST(an_import_marks_nothing_that_is_out),
        TEST(a_rollback_takes_back_the_mark),    TEST(an_export_comes_in_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
