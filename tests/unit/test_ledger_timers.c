/* SPDX-License-Identifier: MPL-2.0 */
/* What is due: once, in order, cancelled by what closes a rental, and known again after a replay.
 */
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The default loan period of 7 days. */
#define EXPIRES (NOW + 7 * DAY)
#define LEAD (2 * DAY)

static void lead(struct world *world, const char *type, int64_t seconds)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text(type));
    if (seconds >= 0)
        RENTBUS_SET(args, asset_type_put_args, due_soon_lead, seconds);
    assert_int_equal(world_run(world, &command), 0);
}

/* Boxes have a lead of two days, cups have none. */
static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    for (int i = 1; i <= 9; i++) {
        char box[16];
        char cup[16];

        snprintf(box, sizeof(box), "box%d", i);
        snprintf(cup, sizeof(cup), "cup%d", i);
        world_asset(world, box, "box");
        world_asset(world, cup, "cup");
    }
    lead(world, "box", LEAD / RENTBUS_SECOND);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

/* All that is due at a time, as "r1 soon, r2 expired". Asks until nothing is left. */
static void must_tell(struct world *world, int64_t now, const char *expected)
{
    char told[512] = "";
    size_t length = 0;

    world->now = now;
    while (world_tick(world) > 0)
        for (size_t i = 0; i < world->decision.count; i++) {
            const struct ledger_event *event = &world->decision.events[i];
            bool soon = event->type == RENTBUS_RENTAL_DUE_SOON_EVENT;

            assert_true(soon || event->type == RENTBUS_RENTAL_EXPIRED_EVENT);
            length += (size_t)snprintf(told + length, sizeof(told) - length, "%s%.*s %s",
                                       length > 0 ? ", " : "", RENTBUS_TEXT_ARGS(event->subject),
                                       soon ? "soon" : "expired");
        }
    assert_string_equal(told, expected);
    assert_true(ledger_timer_next(world->ledger) > now);
}

static void each_comes_once_and_in_time(void **state)
{
    struct world *world = *state;
    const struct ledger_event *event = &world->decision.events[0];

    assert_true(ledger_timer_next(world->ledger) == INT64_MAX);
    must_tell(world, NOW, "");
    world_checkout(world, "ann", "box1", NOW);
    assert_true(ledger_timer_next(world->ledger) == EXPIRES - LEAD);
    must_tell(world, EXPIRES - LEAD - 1, "");
    world->now = EXPIRES - LEAD;
    assert_int_equal(world_tick(world), 1);
    assert_int_equal(event->type, RENTBUS_RENTAL_DUE_SOON_EVENT);
    assert_true(says(event->data.rental_data.rental.id, "r1"));
    assert_int_equal(event->data.rental_data.rental.rev, 1);
    assert_false(RENTBUS_HAS(&event->data.rental_data, rental_data, policy_version));
    assert_true(ledger_timer_next(world->ledger) == EXPIRES + 1);
    must_tell(world, EXPIRES - LEAD, "");
    must_tell(world, EXPIRES, "");
    must_tell(world, EXPIRES + 1, "r1 expired");
    assert_true(ledger_timer_next(world->ledger) == INT64_MAX);
    must_tell(world, EXPIRES + 99 * DAY, "");
    assert_true(world_status_is(world, "r1", RENTBUS_STATUS_IN_PROGRESS));
}

static void a_warning_comes_until_the_end(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    must_tell(world, EXPIRES, "r1 soon");
    must_tell(world, EXPIRES + 1, "r1 expired");
    world_checkout(world, "ann", "box2", EXPIRES);
    must_tell(world, EXPIRES + 8 * DAY, "r2 expired");
}

static void without_a_lead_there_is_no_warning(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "cup1", NOW);
    assert_true(ledger_timer_next(world->ledger) == EXPIRES + 1);
    must_tell(world, EXPIRES, "");
    must_tell(world, EXPIRES + 1, "r1 expired");
    lead(world, "cup", 0);
    world_checkout(world, "ann", "cup2", NOW);
    must_tell(world, EXPIRES, "r2 soon");
    lead(world, "cup", 99 * 86400);
    world_checkout(world, "ann", "cup3", NOW);
    must_tell(world, NOW, "r3 soon");
}

/* In the order of due times, then of age in the ledger, a decision at a time; and what has expired
 * while nobody looked stands where it expired. */
static void what_is_due_comes_in_order(void **state)
{
    struct world *world = *state;

    for (int i = 1; i <= 9; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%s%d", i % 3 == 0 ? "cup" : "box", i);
        world_checkout(world, "ann", id, NOW - (i * 5 % 9) * DAY);
    }
    /* Expires: r2 -1, r4 -2, r6 -3, r8 -4, r1 -5, r3 -6, r5 -7, r7 -8, r9 0, in days from then. */
    world->now = EXPIRES;
    assert_int_equal(world_tick(world), LEDGER_DECISION_MAX);
    assert_true(says(world->decision.events[0].subject, "r7"));
    assert_true(says(world->decision.events[3].subject, "r1"));
    assert_true(says(world->decision.events[LEDGER_DECISION_MAX - 1].subject, "r6"));
    must_tell(world, EXPIRES, "r4 expired, r2 expired");
    world_checkout(world, "bob", "box9", NOW);
    world_checkout(world, "bob", "box8", NOW);
    must_tell(world, EXPIRES, "r10 soon, r11 soon");
    must_tell(world, EXPIRES + 1, "r9 expired, r10 expired, r11 expired");
}

/* A long lead must not bring an expiry forward that was slept through. */
static void what_was_slept_through_keeps_its_place(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "ann", "cup1", NOW - DAY);
    world_checkout(world, "ann", "box2", NOW + DAY - RENTBUS_SECOND);
    must_tell(world, EXPIRES + DAY / 2, "r3 soon, r2 expired, r1 expired");
    world_checkout(world, "ann", "box3", NOW + 30 * DAY);
    world_checkout(world, "ann", "cup3", NOW + 30 * DAY - 1);
    must_tell(world, EXPIRES + 30 * DAY + 1, "r3 expired, r5 expired, r4 expired");
}

static void what_closes_a_rental_cancels(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    world_return(world, "ann", "box1", NULL, NOW);
    world_checkout(world, "ann", "box2", NOW);
    world_judge(world, RENTBUS_OP_rental_forgive, "r2", "a gift");
    world_checkout(world, "ann", "box3", NOW);
    world_judge(world, RENTBUS_OP_rental_flag, "r3", "broken");
    world_checkout(world, "ann", "box4", NOW);
    world_checkout(world, "bob", "box4", NOW + DAY);
    must_tell(world, EXPIRES + DAY, "r5 soon");
    must_tell(world, EXPIRES + DAY + 1, "r5 expired");
}

static void opened_again_it_knows_what_was_told(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    must_tell(world, EXPIRES - LEAD, "r1 soon");
    world_judge(world, RENTBUS_OP_rental_flag, "r1", "broken");
    must_tell(world, EXPIRES - LEAD, "");
    world_judge(world, RENTBUS_OP_rental_unflag, "r1", NULL);
    must_tell(world, EXPIRES, "");
    world_judge(world, RENTBUS_OP_rental_flag, "r1", "broken");
    must_tell(world, EXPIRES + 1, "");
    world_judge(world, RENTBUS_OP_rental_unflag, "r1", NULL);
    must_tell(world, EXPIRES + 1, "r1 expired");
    world_judge(world, RENTBUS_OP_rental_flag, "r1", "broken");
    world_judge(world, RENTBUS_OP_rental_unflag, "r1", NULL);
    must_tell(world, EXPIRES + DAY, "");
}

/* However many were closed when room was made for them. */
static void all_that_is_opened_again_finds_room(void **state)
{
    struct world *world = *state;
    const unsigned count = 300;
    char id[16];

    for (unsigned i = 1; i <= count; i++) {
        snprintf(id, sizeof(id), "crate%u", i);
        world_asset(world, id, "crate");
        world_checkout(world, "ann", id, NOW);
        snprintf(id, sizeof(id), "r%u", i);
        world_judge(world, RENTBUS_OP_rental_flag, id, "broken");
        ledger_durable(world->ledger, UINT64_MAX);
        ledger_archived(world->ledger, ledger_head(world->ledger));
    }
    assert_true(ledger_timer_next(world->ledger) == INT64_MAX);
    for (unsigned i = count; i > 0; i--) {
        snprintf(id, sizeof(id), "r%u", i);
        world_judge(world, RENTBUS_OP_rental_unflag, id, NULL);
    }
    assert_int_equal(world->ledger->timers.count, count);
    world->now = EXPIRES + 1;
    world_tick(world);
    assert_true(says(world->decision.events[0].subject, "r1"));
    assert_true(says(world->decision.events[3].subject, "r4"));
}

static void a_renewal_arms_anew(void **state)
{
    struct world *world = *state;
    struct rentbus_policy_put_args args = {0};

    RENTBUS_SET(&args, policy_put_args, renewal_grace, 86400);
    world_policy(world, &args);
    world_checkout(world, "ann", "box1", NOW);
    must_tell(world, EXPIRES - LEAD, "r1 soon");
    world_judge(world, RENTBUS_OP_rental_renew, "r1", NULL);
    must_tell(world, EXPIRES + 1, "");
    must_tell(world, EXPIRES + 7 * DAY - LEAD, "r1 soon");
    must_tell(world, EXPIRES + 7 * DAY + 1, "r1 expired");
    world_judge(world, RENTBUS_OP_rental_renew, "r1", NULL);
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_UPDATED);
    must_tell(world, EXPIRES + 14 * DAY - LEAD, "r1 soon");
    must_tell(world, EXPIRES + 14 * DAY + 1, "r1 expired");
}

static void a_new_lead_counts_from_the_next_renewal(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "ann", "box2", NOW);
    lead(world, "box", 86400);
    world_judge(world, RENTBUS_OP_rental_renew, "r2", NULL);
    must_tell(world, EXPIRES - LEAD, "r1 soon");
    must_tell(world, EXPIRES + 7 * DAY - LEAD, "r1 expired");
    must_tell(world, EXPIRES + 7 * DAY - DAY, "r2 soon");
}

static void a_swap_changes_no_time(void **state)
{
    struct world *world = *state;

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "ann", "box2", NOW);
    must_tell(world, EXPIRES - LEAD, "r1 soon, r2 soon");
    world_return(world, "ann", "box2", NULL, EXPIRES - LEAD);
    assert_true(world_out_on(world, "box1", "r2"));
    must_tell(world, EXPIRES, "");
    must_tell(world, EXPIRES + 1, "r2 expired");
}

static void what_is_imported_late_has_expired(void **state)
{
    struct world *world = *state;

    world_import(world, "i1", RENTBUS_STATUS_IN_PROGRESS, "ann", "box1", "box", NOW - 9 * DAY,
                 NOW - 8 * DAY);
    world_import(world, "i2", RENTBUS_STATUS_FORGIVEN, "ann", "box2", "box", NOW - 9 * DAY,
                 NOW - 8 * DAY);
    world_import(world, "i3", RENTBUS_STATUS_IN_PROGRESS, "ann", "box3", "box", NOW - 9 * DAY,
                 NOW + DAY);
    must_tell(world, NOW, "i1 expired, i3 soon");
}

/* A rollback takes the marks back, and a replay knows them. */
static void marks_come_and_go_with_their_events(void **state)
{
    struct world *world = *state;
    struct ledger *again = ledger_create();

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "ann", "box2", NOW);
    ledger_durable(world->ledger, UINT64_MAX);
    must_tell(world, EXPIRES - LEAD, "r1 soon, r2 soon");
    ledger_rollback(world->ledger);
    assert_true(ledger_timer_next(world->ledger) == EXPIRES - LEAD);
    must_tell(world, EXPIRES - LEAD, "r1 soon, r2 soon");
    ledger_rollback_to(world->ledger, ledger_head(world->ledger) - 1);
    must_tell(world, EXPIRES - LEAD, "r2 soon");
    ledger_durable(world->ledger, UINT64_MAX);
    must_tell(world, EXPIRES + DAY, "r1 expired, r2 expired");
    ledger_rollback(world->ledger);
    must_tell(world, EXPIRES + DAY, "r1 expired, r2 expired");
    assert_int_equal(world_replay(world, 1, ledger_head(world->ledger), again), 0);
    assert_true(ledger_timer_next(again) == INT64_MAX);
    assert_int_equal(ledger_digest(again), ledger_digest(world->ledger));
    ledger_destroy(&again);
}

/* What a broken journal may say twice, or of a rental that is not open. */
static void a_timer_event_must_follow(void **state)
{
    struct world *world = *state;
    struct ledger_event soon;
    struct ledger_event expired;
    uint64_t next;

    world_checkout(world, "ann", "box1", NOW);
    world->now = EXPIRES - LEAD;
    world_tick(world);
    soon = world->decision.events[0];
    next = ledger_head(world->ledger) + 1;
    assert_int_not_equal(ledger_apply(world->ledger, &soon, next), 0);
    world->now = EXPIRES + 1;
    world_tick(world);
    expired = world->decision.events[0];
    next = ledger_head(world->ledger) + 1;
    assert_int_not_equal(ledger_apply(world->ledger, &expired, next), 0);
    assert_int_not_equal(ledger_apply(world->ledger, &soon, next), 0);
    world_judge(world, RENTBUS_OP_rental_forgive, "r1", "a gift");
    next = ledger_head(world->ledger) + 1;
    assert_int_not_equal(ledger_apply(world->ledger, &expired, next), 0);
    assert_int_equal(ledger_head(world->ledger), next - 1);
}

/* ---- the heap ---- */

#define COUNT 3000

static void the_first_is_always_due_first(void **state)
{
    static struct ledger_rental rentals[COUNT];
    struct ledger_timers timers = {0};
    const struct ledger_rental *due[LEDGER_DECISION_MAX];
    const struct ledger_rental *last = NULL;
    size_t left = 0;

    (void)state;
    assert_int_equal(ledger_timers_reserve(&timers, COUNT, &ledger_memory_heap), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        rentals[i].created_seq = i + 1;
        rentals[i].state.due_at = i * 7919 % 1000;
        rentals[i].state.expires_at = rentals[i].state.due_at - 1;
        ledger_timers_add(&timers, &rentals[i]);
    }
    for (unsigned i = 0; i < COUNT; i++)
        if (i % 3 != 0)
            ledger_timers_remove(&timers, &rentals[i]);
    assert_int_equal(ledger_timers_due(&timers, -1, due, LEDGER_DECISION_MAX), 0);
    while (timers.count > 0) {
        size_t found = ledger_timers_due(&timers, 1000, due, LEDGER_DECISION_MAX);

        for (size_t i = 0; i < found; i++, left++) {
            assert_true(!last || last->state.due_at < due[i]->state.due_at ||
                        (last->state.due_at == due[i]->state.due_at &&
                         last->created_seq < due[i]->created_seq));
            last = due[i];
            ledger_timers_remove(&timers, due[i]);
        }
    }
    assert_int_equal(left, COUNT / 3);
    ledger_timers_release(&timers, &ledger_memory_heap);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_comes_once_and_in_time),
        TEST(a_warning_comes_until_the_end),
        TEST(without_a_lead_there_is_no_warning),
        TEST(what_is_due_comes_in_order),
        TEST(what_was_slept_through_keeps_its_place),
        TEST(what_closes_a_rental_cancels),
        TEST(opened_again_it_knows_what_was_told),
        TEST(all_that_is_opened_again_finds_room),
        TEST(a_renewal_arms_anew),
        TEST(a_new_lead_counts_from_the_next_renewal),
        TEST(a_swap_changes_no_time),
        TEST(what_is_imported_late_has_expired),
        TEST(marks_come_and_go_with_their_events),
        TEST(a_timer_event_must_follow),
        cmocka_unit_test(the_first_is_always_due_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
