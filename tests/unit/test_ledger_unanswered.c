/* SPDX-License-Identifier: MPL-2.0 */
/* Unanswered returns and the late checkouts that answer them: taken back, digested, and as no
 * journal can have them. */
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

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

static void must_print(const struct world *world, const struct rentbus_buffer *expected)
{
    struct rentbus_buffer now = {0};

    ledger_print(world->ledger, &now);
    assert_int_equal(now.length, expected->length);
    assert_memory_equal(now.data, expected->data, expected->length);
    rentbus_buffer_release(&now);
}

/* Event by event: first all returns, then what they make of checkouts. */
static void a_rollback_takes_back_every_step(void **state)
{
    enum { EVENTS = 64 };
    static struct rentbus_buffer at[EVENTS];
    struct world *world = *state;
    struct ledger *again = ledger_create();
    uint64_t first = ledger_head(world->ledger);
    uint64_t last;

    for (int i = 0; i < 6; i++)
        world_lost_return(world, i % 2 ? "ann" : NULL, "box1", NOW - i * HOUR);
    assert_false(world_comes_late(world, "bob", "box1", NOW - DAY, NOW - DAY + 1));
    assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW));
    assert_true(world_comes_late(world, "cid", "box1", NOW - DAY, NOW));
    assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW));
    assert_true(world_comes_late(world, "ann", "box1", NOW - DAY, NOW));
    assert_false(world_comes_late(world, "ann", "box1", NOW - DAY, NOW));
    last = ledger_head(world->ledger);
    assert_in_range(last - first, 20, EVENTS - 1);
    assert_int_equal(world_replay(world, 1, first, again), 0);
    for (uint64_t seq = first; seq <= last; seq++) {
        ledger_print(again, &at[seq - first]);
        if (seq < last)
            assert_int_equal(world_replay(world, seq + 1, seq + 1, again), 0);
    }
    must_print(world, &at[last - first]);
    for (uint64_t seq = last; seq-- > first;) {
        ledger_rollback_to(world->ledger, seq);
        must_print(world, &at[seq - first]);
    }
    for (size_t i = 0; i < EVENTS; i++)
        rentbus_buffer_release(&at[i]);
    ledger_destroy(&again);
}

/* What a rollback brings back counts again. */
static void a_return_can_be_answered_again(void **state)
{
    struct world *world = *state;
    uint64_t seq = world_lost_return(world, "ann", "box1", NOW);

    ledger_durable(world->ledger, seq);
    for (int i = 0; i < 2; i++) {
        assert_true(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW));
        assert_int_equal(answered(world), seq);
        world->rentals = 0;
        ledger_rollback(world->ledger);
    }
    assert_true(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW));
    ledger_durable(world->ledger, UINT64_MAX);
    assert_false(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW));
    ledger_rollback(world->ledger);
    assert_false(world_comes_late(world, "ann", "box1", NOW - HOUR, NOW));
}

static void a_digest_sees_what_is_unanswered(void **state)
{
    static const struct {
        const char *user;
        int64_t occurred_at;
        const char *location;
    } cases[] = {{"ann", NOW, "bin"},     {"bob", NOW, "bin"},  {NULL, NOW, "bin"},
                 {"ann", NOW + 1, "bin"}, {"ann", NOW, "desk"}, {"ann", NOW, NULL}};
    const size_t count = sizeof(cases) / sizeof(cases[0]);
    struct world *world = *state;
    uint64_t seen[sizeof(cases) / sizeof(cases[0]) + 1];

    seen[count] = ledger_digest(world->ledger);
    ledger_durable(world->ledger, UINT64_MAX);
    for (size_t i = 0; i < count; i++) {
        struct ledger_command command =
            world_scan(RENTBUS_OP_rental_return, cases[i].user, "box1", NULL, cases[i].occurred_at);

        command.args.scan.location_id = rentbus_text(cases[i].location);
        assert_int_equal(world_run(world, &command), 0);
        seen[i] = ledger_digest(world->ledger);
        ledger_rollback(world->ledger);
        assert_true(ledger_digest(world->ledger) == seen[count]);
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j] && seen[i] != seen[count]);
    }
}

static void late_rentals_that_cannot_be_are_seen(void **state)
{
    struct world *world = *state;
    struct ledger_command command = world_loan("ann", "box1", NOW - HOUR, NOW);
    struct ledger_event *created = &world->decision.events[1];
    struct ledger_event *completed = &world->decision.events[2];
    struct rentbus_complete_data *data = &completed->data.complete_data;
    uint64_t seq = world_lost_return(world, "ann", "box1", NOW);
    uint64_t next = seq + 1;

    assert_int_equal(world_decide(world, &command), 0);
    created->data.rental_data.rental.created_seq = next;
    assert_int_equal(ledger_apply(world->ledger, created, next++), 0);
    data->rejected_seq = seq - 1;
    assert_int_equal(ledger_apply(world->ledger, completed, next), -EBADMSG);
    data->rejected_seq = seq;
    data->has &= ~RENTBUS_BIT(complete_data, rejected_seq);
    assert_int_equal(ledger_apply(world->ledger, completed, next), -EBADMSG);
    data->has |= RENTBUS_BIT(complete_data, rejected_seq);
    data->rental.returned_asset_id = rentbus_text("box2");
    assert_int_equal(ledger_apply(world->ledger, completed, next), -EBADMSG);
    data->rental.returned_asset_id = rentbus_text("box1");
    data->rental.closed_by = RENTBUS_CLOSED_BY_return_scan;
    assert_int_equal(ledger_apply(world->ledger, completed, next), -EBADMSG);
    data->rental.closed_by = RENTBUS_CLOSED_BY_late_checkout;
    assert_int_equal(ledger_apply(world->ledger, completed, next), 0);
    assert_int_equal(ledger_apply(world->ledger, completed, next + 1), -EBADMSG);
}

static void a_late_end_needs_a_late_begin(void **state)
{
    struct world *world = *state;
    struct ledger_command command = world_scan(RENTBUS_OP_rental_return, "ann", "box1", NULL, NOW);
    struct rentbus_complete_data *data = &world->decision.events[1].data.complete_data;
    uint64_t seq = world_lost_return(world, "ann", "box1", NOW);

    world_checkout(world, "ann", "box1", NOW + 1);
    command.args.scan.occurred_at = NOW + 2;
    assert_int_equal(world_decide(world, &command), 0);
    RENTBUS_SET(data, complete_data, rejected_seq, seq);
    data->rental.closed_by = RENTBUS_CLOSED_BY_late_checkout;
    assert_int_equal(
        ledger_apply(world->ledger, &world->decision.events[1], ledger_head(world->ledger) + 1),
        -EBADMSG);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rollback_takes_back_every_step), TEST(a_return_can_be_answered_again),
        TEST(a_digest_sees_what_is_unanswered), TEST(late_rentals_that_cannot_be_are_seen),
        TEST(a_late_end_needs_a_late_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
