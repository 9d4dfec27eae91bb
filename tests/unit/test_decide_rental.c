/* SPDX-License-Identifier: MPL-2.0 */
/* What people decide about a rental: renew, forgive, flag, unflag. */
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOUR (3600 * RENTBUS_SECOND)
#define RENEW RENTBUS_OP_rental_renew
#define FORGIVE RENTBUS_OP_rental_forgive
#define FLAG RENTBUS_OP_rental_flag
#define UNFLAG RENTBUS_OP_rental_unflag
/* Of r1: the default loan period of 7 days. */
#define EXPIRES (NOW + 7 * DAY)

/* ann has box1 on r1. */
static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    world_asset(world, "box1", "box");
    world_asset(world, "box2", "box");
    world_checkout(world, "ann", "box1", NOW);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

static struct rentbus_rental rental_of(const struct world *world, const char *id)
{
    struct rentbus_rental rental;

    assert_true(ledger_rental_get(world->ledger, rentbus_text(id), &rental));
    return rental;
}

static void put_type(struct world *world, int64_t loan_period, int64_t renewal_period,
                     int renewals_max)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text("box"));
    RENTBUS_SET(args, asset_type_put_args, loan_period, loan_period);
    if (renewal_period > 0)
        RENTBUS_SET(args, asset_type_put_args, renewal_period, renewal_period);
    if (renewals_max >= 0)
        RENTBUS_SET(args, asset_type_put_args, renewals_max, (uint64_t)renewals_max);
    assert_int_equal(world_run(world, &command), 0);
}

/* ---- renew ---- */

static const struct {
    const char *name;
    int64_t now;
    int64_t grace;        /* of the policy, seconds */
    int64_t type_renewal; /* 0: the type is not put; seconds */
    int renewals_max;
    int64_t period; /* 0: not given; seconds */
    int64_t until;  /* 0: not given */
    int64_t expires_at;
    const char *reasons;
} renewals[] = {
    {"by the default", NOW, 0, 0, -1, 0, 0, EXPIRES + 7 * DAY, ""},
    {"by the type", NOW, 0, 7200, -1, 0, 0, EXPIRES + 2 * HOUR, ""},
    {"by a period", NOW, 0, 7200, -1, 3600, 0, EXPIRES + HOUR, ""},
    {"to a date", NOW, 0, 7200, -1, 0, EXPIRES + 1, EXPIRES + 1, ""},
    {"to the date that it has", NOW, 0, 0, -1, 0, EXPIRES, 0, "NOT_LATER"},
    {"to an earlier date", NOW, 0, 0, -1, 0, EXPIRES - 1, 0, "NOT_LATER"},
    {"at the end", EXPIRES, 0, 0, -1, 0, 0, EXPIRES + 7 * DAY, ""},
    {"behind the end", EXPIRES + 1, 0, 0, -1, 0, 0, 0, "RENTAL_EXPIRED"},
    {"at the end of the grace", EXPIRES + HOUR, 3600, 0, -1, 0, 0, EXPIRES + 7 * DAY, ""},
    {"behind the grace", EXPIRES + HOUR + 1, 3600, 0, -1, 0, 0, 0, "RENTAL_EXPIRED"},
    {"once", NOW, 0, 7200, 1, 0, 0, EXPIRES + 2 * HOUR, ""},
    {"never", NOW, 0, 7200, 0, 0, 0, 0, "RENEWAL_LIMIT"},
    {"nothing is right", EXPIRES + 1, 0, 7200, 0, 0, EXPIRES, 0,
     "RENTAL_EXPIRED RENEWAL_LIMIT NOT_LATER"},
};

static struct ledger_command renewal(const char *rental, int64_t period, int64_t until)
{
    struct ledger_command command = world_rental_command(RENEW, rental, NULL);

    if (period != 0)
        RENTBUS_SET(&command.args.rental_renew, renew_args, period, period);
    if (until != 0)
        RENTBUS_SET(&command.args.rental_renew, renew_args, expires_at, until);
    return command;
}

static void must_be_renewed(struct world *world, int64_t expires_at)
{
    const struct ledger_event *event = &world->decision.events[0];
    struct rentbus_rental rental = rental_of(world, "r1");
    struct rentbus_policy policy;

    ledger_policy_get(world->ledger, &policy);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_int_equal(event->type, RENTBUS_RENTAL_RENEWED_EVENT);
    assert_true(says(event->subject, "r1"));
    assert_int_equal(event->data.renewed_data.previous_expires_at, EXPIRES);
    assert_true(RENTBUS_HAS(&event->data.renewed_data, renewed_data, policy_version));
    assert_int_equal(event->data.renewed_data.policy_version, policy.version);
    assert_int_equal(world->result.rental.expires_at, expires_at);
    assert_int_equal(rental.expires_at, expires_at);
    assert_int_equal(rental.renewals, 1);
    assert_int_equal(rental.rev, 2);
    assert_int_equal(rental.status, RENTBUS_STATUS_IN_PROGRESS);
    assert_true(world_out_on(world, "box1", "r1"));
}

static void must_be_refused(struct world *world, const char *op, const char *rental)
{
    const struct ledger_event *event = &world->decision.events[0];
    const struct rentbus_refused_data *data = &event->data.refused_data;

    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world->decision.count, 1);
    assert_int_equal(event->type, RENTBUS_COMMAND_REJECTED_EVENT);
    assert_true(says(event->subject, rental));
    assert_true(says(data->op, op));
    assert_int_equal(data->reason, world->result.reason);
    assert_int_equal(data->reasons.count, world->result.reasons.count);
    assert_true(RENTBUS_HAS(data, refused_data, policy_version));
    assert_true(RENTBUS_HAS(data, refused_data, rental));
    assert_true(says(world->result.rental.id, rental));
}

static void a_renewal_ends_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(renewals) / sizeof(renewals[0]); i++) {
        struct rentbus_policy_put_args args = {0};
        struct ledger_command command = renewal("r1", renewals[i].period, renewals[i].until);
        struct world *world;

        print_message("%s\n", renewals[i].name);
        setup((void **)&world);
        RENTBUS_SET(&args, policy_put_args, renewal_grace, renewals[i].grace);
        world_policy(world, &args);
        if (renewals[i].type_renewal > 0)
            put_type(world, 60, renewals[i].type_renewal, renewals[i].renewals_max);
        world->now = renewals[i].now;
        assert_int_equal(world_run(world, &command), 0);
        world_reasons_are(world, renewals[i].reasons);
        if (renewals[i].reasons[0] == 0) {
            must_be_renewed(world, renewals[i].expires_at);
        } else {
            must_be_refused(world, "rental.renew", "r1");
            assert_int_equal(rental_of(world, "r1").rev, 1);
            assert_int_equal(rental_of(world, "r1").expires_at, EXPIRES);
        }
        world_destroy(&world);
    }
}

static void renewals_are_counted(void **state)
{
    struct world *world = *state;
    struct ledger_command command = renewal("r1", 0, 0);

    put_type(world, 7 * 86400, 0, 2);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(world_run(world, &command), 0);
        assert_int_equal(world->result.rental.renewals, i);
        /* Without a renewal period, by the loan period of the type. */
        assert_int_equal(world->result.rental.expires_at, EXPIRES + i * 7 * DAY);
    }
    assert_int_equal(world_run(world, &command), 0);
    world_reasons_are(world, "RENEWAL_LIMIT");
    put_type(world, 7 * 86400, 0, 3);
    assert_int_equal(world_run(world, &command), 0);
    assert_int_equal(world->result.rental.renewals, 3);
    assert_int_equal(world_return(world, "ann", "box1", NULL, EXPIRES + DAY),
                     RENTBUS_OUTCOME_REJECTED);
    world->now = EXPIRES + 21 * DAY;
    assert_int_equal(world_return(world, "ann", "box1", NULL, EXPIRES + 21 * DAY),
                     RENTBUS_OUTCOME_COMPLETED);
}

static void a_renewal_needs_sense(void **state)
{
    const struct {
        const char *rental;
        int64_t period;
        int64_t until;
        int error;
        const char *field;
    } cases[] = {
        {"r9", 0, 0, RENTBUS_ERROR_NOT_FOUND, "rental_id"},
        {"r1", 60, EXPIRES + 1, RENTBUS_ERROR_INVALID_ARGUMENT, "period"},
        {"r1", -1, 0, RENTBUS_ERROR_INVALID_ARGUMENT, "period"},
        {"r1", INT64_C(251700000000), 0, RENTBUS_ERROR_INVALID_ARGUMENT, "period"},
        {"r1", 60, 0, 0, ""},
    };
    struct world *world = *state;
    struct ledger_command command = renewal("r1", 0, 0);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ledger_command one = renewal(cases[i].rental, cases[i].period, cases[i].until);

        assert_int_equal(world_run(world, &one), cases[i].error);
        assert_string_equal(world->fault.field, cases[i].field);
    }
    RENTBUS_SET(&command.args.rental_renew, renew_args, period, 0);
    assert_int_equal(world_run(world, &command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, "period");
}

/* ---- the state machine ---- */

#define GO(status, closed_by) RENTBUS_STATUS_##status, RENTBUS_CLOSED_BY_##closed_by, NULL
#define NO(reason) 0, 0, #reason

/* From which state what leads where. "late" is flagged by a late return. */
static const struct {
    const char *from;
    enum rentbus_op op;
    enum rentbus_status status;
    enum rentbus_closed_by closed_by;
    const char *reason;
} steps[] = {
    {"open", FORGIVE, GO(FORGIVEN, forgive)},
    {"open", FLAG, GO(FLAGGED, flag)},
    {"open", UNFLAG, NO(NOT_FLAGGED)},
    {"flagged", RENEW, NO(RENTAL_CLOSED)},
    {"flagged", FORGIVE, GO(FORGIVEN, flag)},
    {"flagged", FLAG, NO(RENTAL_CLOSED)},
    {"flagged", UNFLAG, GO(IN_PROGRESS, NONE)},
    {"late", RENEW, NO(RENTAL_CLOSED)},
    {"late", FORGIVE, GO(FORGIVEN, return_scan)},
    {"late", FLAG, NO(RENTAL_CLOSED)},
    {"late", UNFLAG, GO(COMPLETED, return_scan)},
    {"completed", RENEW, NO(RENTAL_CLOSED)},
    {"completed", FORGIVE, NO(RENTAL_CLOSED)},
    {"completed", FLAG, NO(RENTAL_CLOSED)},
    {"completed", UNFLAG, NO(NOT_FLAGGED)},
    {"forgiven", RENEW, NO(RENTAL_CLOSED)},
    {"forgiven", FORGIVE, NO(RENTAL_CLOSED)},
    {"forgiven", FLAG, NO(RENTAL_CLOSED)},
    {"forgiven", UNFLAG, NO(NOT_FLAGGED)},
};

static void bring_to(struct world *world, const char *state)
{
    if (strcmp(state, "flagged") == 0)
        world_judge(world, FLAG, "r1", "broken");
    if (strcmp(state, "completed") == 0)
        world_return(world, "ann", "box1", NULL, NOW);
    if (strcmp(state, "forgiven") == 0)
        world_judge(world, FORGIVE, "r1", "a gift");
    if (strcmp(state, "late") == 0) {
        world_late_return(world, "flag");
        world->now = EXPIRES + DAY;
        world_return(world, "ann", "box2", NULL, world->now);
    }
}

static void must_have_gone(struct world *world, size_t i, const struct rentbus_rental *before)
{
    const struct ledger_event *event = &world->decision.events[0];
    struct rentbus_rental after = rental_of(world, "r1");
    const bool open = steps[i].status == RENTBUS_STATUS_IN_PROGRESS;
    const bool keeps_reason =
        steps[i].op == FLAG || (steps[i].op == FORGIVE && before->status == RENTBUS_STATUS_FLAGGED);

    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    assert_true(says(event->subject, "r1"));
    assert_int_equal(RENTBUS_HAS(&event->data.judged_data, judged_data, reason),
                     steps[i].op != UNFLAG);
    if (steps[i].op != UNFLAG)
        assert_true(says(event->data.judged_data.reason, "because"));
    assert_int_equal(after.status, steps[i].status);
    assert_int_equal(after.rev, before->rev + 1);
    assert_int_equal(world->result.rental.rev, after.rev);
    assert_int_equal(world->result.rental.status, after.status);
    assert_int_equal(RENTBUS_HAS(&after, rental, closed_by),
                     steps[i].closed_by != RENTBUS_CLOSED_BY_NONE);
    if (steps[i].closed_by != RENTBUS_CLOSED_BY_NONE)
        assert_int_equal(after.closed_by, steps[i].closed_by);
    assert_int_equal(RENTBUS_HAS(&after, rental, flag_reason), keeps_reason);
    assert_int_equal(RENTBUS_HAS(&world->result.rental, rental, flag_reason), keeps_reason);
    assert_int_equal(RENTBUS_HAS(&after, rental, returned_at),
                     RENTBUS_HAS(before, rental, returned_at));
    assert_true(world_out_on(world, "box1", open ? "r1" : NULL));
}

static void a_rental_goes_where_it_may(void **state)
{
    static const char *const ops[] = {
        [RENEW] = "rental.renew",
        [FORGIVE] = "rental.forgive",
        [FLAG] = "rental.flag",
        [UNFLAG] = "rental.unflag",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct rentbus_rental before;
        struct world *world;

        print_message("%s %s\n", steps[i].from, ops[steps[i].op]);
        setup((void **)&world);
        bring_to(world, steps[i].from);
        before = rental_of(world, "r1");
        world_judge(world, steps[i].op, "r1", "because");
        if (steps[i].reason) {
            world_reasons_are(world, steps[i].reason);
            must_be_refused(world, ops[steps[i].op], "r1");
            assert_int_equal(world->result.rental.status, before.status);
            assert_int_equal(rental_of(world, "r1").rev, before.rev);
        } else {
            must_have_gone(world, i, &before);
        }
        world_destroy(&world);
    }
}

static void what_the_archive_has_is_over(void **state)
{
    struct world *world = *state;
    struct rentbus_rental archived = rental_of(world, "r1");

    archived.id = rentbus_text("old");
    archived.status = RENTBUS_STATUS_COMPLETED;
    for (enum rentbus_op op = RENEW; op <= UNFLAG; op++) {
        struct ledger_command command = world_rental_command(op, "old", "because");

        world->archived = NULL;
        assert_int_equal(world_run(world, &command), RENTBUS_ERROR_NOT_FOUND);
        assert_string_equal(world->fault.field, "rental_id");
        world->archived = &archived;
        assert_int_equal(world_run(world, &command), 0);
        must_be_refused(world, rentbus_op_rows[op].wire, "old");
        world_reasons_are(world, op == UNFLAG ? "NOT_FLAGGED" : "RENTAL_CLOSED");
    }
}

static void a_flagged_rental_is_not_out(void **state)
{
    struct world *world = *state;

    world_judge(world, FLAG, "r1", "broken");
    assert_true(says(rental_of(world, "r1").flag_reason, "broken"));
    world_return(world, "ann", "box1", NULL, NOW);
    world_reasons_are(world, "NO_OPEN_RENTAL");
    world_return(world, NULL, NULL, "r1", NOW);
    world_reasons_are(world, "NO_OPEN_RENTAL");
    assert_int_equal(world_checkout(world, "bob", "box1", NOW), RENTBUS_OUTCOME_CREATED);
    assert_int_equal(world->decision.count, 2);
    world_judge(world, UNFLAG, "r1", NULL);
    must_be_refused(world, "rental.unflag", "r1");
    world_reasons_are(world, "ASSET_OUT");
    world_return(world, "bob", "box1", NULL, NOW);
    assert_int_equal(world_judge(world, UNFLAG, "r1", NULL), RENTBUS_OUTCOME_UPDATED);
    assert_true(world_out_on(world, "box1", "r1"));
    /* Opened again, it has its asset: the return by bob is no longer the last that is known. */
    assert_int_equal(world_return(world, NULL, "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
    assert_true(says(world->result.rental.id, "r1"));
}

/* A late one whose asset is out again has come back nevertheless. */
static void what_is_back_needs_no_asset_to_be_unflagged(void **state)
{
    struct world *world = *state;

    bring_to(world, "late");
    world_checkout(world, "bob", "box1", world->now);
    assert_int_equal(world_judge(world, UNFLAG, "r1", NULL), RENTBUS_OUTCOME_UPDATED);
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_COMPLETED));
    assert_true(world_out_on(world, "box1", "r2"));
}

static void an_imported_flag_can_be_taken_away(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_import_command("i1", RENTBUS_STATUS_FLAGGED, "ann", "box2", "box", NOW, NOW + DAY);
    struct rentbus_rental rental;

    RENTBUS_SET(&command.args.admin_import, import_args, returned_at_location_id,
                rentbus_text("bin"));
    assert_int_equal(world_run(world, &command), 0);
    assert_false(RENTBUS_HAS(&world->result.rental, rental, flag_reason));
    assert_int_equal(world_judge(world, UNFLAG, "i1", NULL), RENTBUS_OUTCOME_UPDATED);
    assert_false(RENTBUS_HAS(&world->result.rental, rental, returned_at_location_id));
    rental = rental_of(world, "i1");
    assert_int_equal(rental.status, RENTBUS_STATUS_IN_PROGRESS);
    world_judge(world, FLAG, "i1", "broken");
    rental = rental_of(world, "i1");
    assert_false(RENTBUS_HAS(&rental, rental, returned_at_location_id));
}

/* ---- what stays in memory ---- */

static bool count_rental(void *count, const struct rentbus_rental *rental)
{
    (void)rental;
    ++*(unsigned *)count;
    return true;
}

static unsigned listed(const struct world *world, struct ledger_rental_filter filter)
{
    unsigned count = 0;

    ledger_rental_list(world->ledger, &filter, 0, count_rental, &count);
    return count;
}

static void archive_all(struct world *world)
{
    ledger_durable(world->ledger, UINT64_MAX);
    ledger_archived(world->ledger, ledger_head(world->ledger));
}

static void flagged_rentals_stay_in_memory(void **state)
{
    struct world *world = *state;
    const struct ledger_rental_filter flagged = {.status = RENTBUS_STATUS_FLAGGED};
    const struct ledger_rental_filter box = {.asset_id = rentbus_text("box1")};
    const struct ledger_rental_filter ann = {.user_id = rentbus_text("ann")};

    assert_int_equal(listed(world, flagged), 0);
    world_judge(world, FLAG, "r1", "broken");
    world_checkout(world, "ann", "box1", NOW);
    world_judge(world, FLAG, "r2", "broken");
    archive_all(world);
    assert_int_equal(ledger_counts(world->ledger).flagged, 2);
    assert_int_equal(ledger_counts(world->ledger).closed_in_memory, 0);
    assert_int_equal(listed(world, flagged), 2);
    assert_int_equal(listed(world, box), 2);
    assert_int_equal(listed(world, ann), 2);
    world_judge(world, FORGIVE, "r1", "a gift");
    assert_int_equal(ledger_counts(world->ledger).closed_in_memory, 1);
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_FORGIVEN));
    archive_all(world);
    assert_false(world_status_is(world, "r1", RENTBUS_STATUS_FORGIVEN));
    assert_int_equal(listed(world, ann), 1);
    assert_int_equal(ledger_counts(world->ledger).flagged, 1);
    assert_int_equal(ledger_counts(world->ledger).closed_in_memory, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_ends_later),
        TEST(renewals_are_counted),
        TEST(a_renewal_needs_sense),
        cmocka_unit_test(a_rental_goes_where_it_may),
        TEST(what_the_archive_has_is_over),
        TEST(a_flagged_rental_is_not_out),
        TEST(what_is_back_needs_no_asset_to_be_unflagged),
        TEST(an_imported_flag_can_be_taken_away),
        TEST(flagged_rentals_stay_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
