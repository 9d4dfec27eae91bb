/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_user(world, "bob");
    for (int i = 1; i <= 9; i++) {
        char id[16];

        snprintf(id, sizeof(id), "box%d", i);
        world_asset(world, id, "box");
    }
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

/* The ids that a list visits, one behind the other; `limit` stops it. */
struct seen {
    char ids[256];
    size_t length;
    int limit;
};

static bool see(struct seen *seen, struct rentbus_text id)
{
    seen->length += (size_t)snprintf(seen->ids + seen->length, sizeof(seen->ids) - seen->length,
                                     "%.*s ", RENTBUS_TEXT_ARGS(id));
    return --seen->limit != 0;
}

static bool see_rental(void *seen, const struct rentbus_rental *rental)
{
    return see(seen, rental->id);
}

static bool see_asset(void *seen, const struct rentbus_asset *asset)
{
    return see(seen, asset->id);
}

static bool see_user(void *seen, const struct rentbus_user *user)
{
    return see(seen, user->id);
}

static bool see_asset_type(void *seen, const struct rentbus_asset_type *asset_type)
{
    return see(seen, asset_type->id);
}

static bool see_location(void *seen, const struct rentbus_location *location)
{
    return see(seen, location->id);
}

static void must_list(const struct world *world, struct ledger_rental_filter filter, uint64_t after,
                      int limit, const char *ids)
{
    struct seen seen = {.limit = limit};

    ledger_rental_list(world->ledger, &filter, after, see_rental, &seen);
    assert_string_equal(seen.ids, ids);
}

static void rentals_are_listed_as_they_came(void **state)
{
    struct world *world = *state;
    struct ledger_rental_filter all = {0};
    struct ledger_rental_filter ann = {.user_id = rentbus_text("ann")};
    struct ledger_rental_filter eve = {.user_id = rentbus_text("eve")};
    struct rentbus_rental r2;

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "bob", "box2", NOW - DAY);
    world_checkout(world, "ann", "box3", NOW - 2 * DAY);
    world_checkout(world, "ann", "box4", NOW + DAY);
    must_list(world, all, 0, 0, "r1 r2 r3 r4 ");
    must_list(world, all, 0, 2, "r1 r2 ");
    must_list(world, ann, 0, 0, "r1 r3 r4 ");
    must_list(world, eve, 0, 0, "");
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r2"), &r2));
    must_list(world, all, r2.created_seq, 0, "r3 r4 ");
    must_list(world, all, r2.created_seq - 1, 0, "r2 r3 r4 ");
    must_list(world, ann, r2.created_seq, 0, "r3 r4 ");
    must_list(world, ann, r2.created_seq, 1, "r3 ");
    must_list(world, ann, UINT64_MAX, 0, "");
    must_list(world, all, UINT64_MAX, 0, "");
}

static void rentals_are_filtered(void **state)
{
    struct world *world = *state;
    struct ledger_rental_filter filter = {.asset_id = rentbus_text("box1")};
    struct rentbus_rental first;

    world_checkout(world, "ann", "box1", NOW - DAY);
    world_checkout(world, "bob", "box1", NOW);
    world_checkout(world, "ann", "box2", NOW - 8 * DAY);
    world_checkout(world, "ann", "box1", NOW);
    must_list(world, filter, 0, 0, "r1 r2 r4 ");
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &first));
    must_list(world, filter, first.created_seq, 1, "r2 ");
    filter.status = RENTBUS_STATUS_COMPLETED;
    must_list(world, filter, 0, 0, "r1 r2 ");
    filter.user_id = rentbus_text("bob");
    must_list(world, filter, 0, 0, "r2 ");
    filter = (struct ledger_rental_filter){.asset_id = rentbus_text("box77")};
    must_list(world, filter, 0, 0, "");
    filter = (struct ledger_rental_filter){.status = RENTBUS_STATUS_IN_PROGRESS};
    must_list(world, filter, 0, 0, "r3 r4 ");
    filter = (struct ledger_rental_filter){.has_expired = true, .expired = true, .now = NOW};
    must_list(world, filter, 0, 0, "r3 ");
    filter.expired = false;
    must_list(world, filter, 0, 0, "r4 ");
    filter.now = NOW - DAY;
    must_list(world, filter, 0, 0, "r3 r4 ");
    assert_int_equal(ledger_expired_count(world->ledger, NOW - DAY), 0);
    assert_int_equal(ledger_expired_count(world->ledger, NOW - DAY + 1), 1);
}

static void things_are_listed_by_position(void **state)
{
    struct world *world = *state;
    struct seen seen = {0};

    world_asset_type(world, "cup", 60, "cup", NULL);
    world_asset_type(world, "box", 60, "box", NULL);
    world_location(world, "west", "West");
    world_location(world, "east", NULL);
    ledger_asset_list(world->ledger, 7, see_asset, &seen);
    assert_string_equal(seen.ids, "box8 box9 ");
    seen = (struct seen){.limit = 2};
    ledger_asset_list(world->ledger, 0, see_asset, &seen);
    assert_string_equal(seen.ids, "box1 box2 ");
    seen = (struct seen){0};
    ledger_asset_list(world->ledger, 9, see_asset, &seen);
    ledger_asset_list(world->ledger, UINT64_MAX, see_asset, &seen);
    assert_string_equal(seen.ids, "");
    ledger_user_list(world->ledger, 0, see_user, &seen);
    ledger_asset_type_list(world->ledger, 0, see_asset_type, &seen);
    ledger_location_list(world->ledger, 0, see_location, &seen);
    assert_string_equal(seen.ids, "ann bob cup box west east ");
}

static void closed_rentals_wait_for_the_archive(void **state)
{
    struct world *world = *state;
    struct rentbus_rental rental;
    struct ledger_rental_filter all = {0};
    uint64_t digest;
    uint64_t closed;

    world_checkout(world, "ann", "box1", NOW);
    world_checkout(world, "ann", "box2", NOW);
    world_return(world, NULL, "box1", NULL, NOW);
    closed = ledger_head(world->ledger);
    world_return(world, NULL, "box2", NULL, NOW);
    digest = ledger_digest(world->ledger);
    ledger_archived(world->ledger, closed);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &rental));
    ledger_durable(world->ledger, closed - 1);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r1"), &rental));
    ledger_durable(world->ledger, closed);
    assert_false(ledger_rental_get(world->ledger, rentbus_text("r1"), &rental));
    must_list(world, all, 0, 0, "r2 ");
    assert_int_equal(ledger_counts(world->ledger).closed_in_memory, 1);
    ledger_durable(world->ledger, UINT64_MAX);
    assert_true(ledger_rental_get(world->ledger, rentbus_text("r2"), &rental));
    ledger_archived(world->ledger, UINT64_MAX);
    assert_false(ledger_rental_get(world->ledger, rentbus_text("r2"), &rental));
    must_list(world, all, 0, 0, "");
    assert_int_equal(ledger_counts(world->ledger).closed_in_memory, 0);
    assert_int_equal(ledger_counts(world->ledger).rentals, 2);
    assert_int_equal(ledger_counts(world->ledger).open, 0);
    assert_int_equal(ledger_digest(world->ledger), digest);
    /* The mark of the asset outlives the rental. */
    world_return(world, NULL, "box2", NULL, NOW);
    assert_int_equal(world_reason(world), RENTBUS_REASON_ALREADY_RETURNED);
}

static void many_closed_rentals_leave_few_holes(void **state)
{
    struct world *world = *state;
    struct ledger_rental_filter all = {0};

    world_checkout(world, "bob", "box9", NOW);
    for (int i = 0; i < 500; i++) {
        world_checkout(world, "ann", "box1", NOW);
        world_return(world, "ann", "box1", NULL, NOW);
        ledger_durable(world->ledger, UINT64_MAX);
        ledger_archived(world->ledger, ledger_head(world->ledger) - 10);
    }
    world_checkout(world, "ann", "box2", NOW);
    ledger_durable(world->ledger, UINT64_MAX);
    ledger_archived(world->ledger, UINT64_MAX);
    must_list(world, all, 0, 0, "r1 r502 ");
    assert_int_equal(ledger_counts(world->ledger).rentals, 502);
}

static void a_rollback_stops_at_what_is_durable(void **state)
{
    struct world *world = *state;
    struct rentbus_user user;
    uint64_t head;

    world_checkout(world, "ann", "box1", NOW);
    head = ledger_head(world->ledger);
    ledger_durable(world->ledger, head);
    world_user(world, "cid");
    world_checkout(world, "cid", "box1", NOW);
    assert_true(world_out_on(world, "box1", "r2"));
    ledger_rollback(world->ledger);
    assert_int_equal(ledger_head(world->ledger), head);
    assert_true(world_out_on(world, "box1", "r1"));
    assert_false(ledger_user_get(world->ledger, rentbus_text("cid"), &user));
    ledger_rollback(world->ledger);
    ledger_durable(world->ledger, 1);
    ledger_rollback(world->ledger);
    assert_int_equal(ledger_head(world->ledger), head);
}

static void a_rollback_takes_back_every_put(void **state)
{
    struct world *world = *state;
    struct rentbus_buffer before = {0};
    struct rentbus_buffer after = {0};

    world_location(world, "east", "East");
    world_asset_type(world, "box", 60, "box", NULL);
    ledger_durable(world->ledger, UINT64_MAX);
    ledger_print(world->ledger, &before);
    for (int i = 0; i < 2; i++) {
        world_location(world, "east", i ? "Further east" : NULL);
        world_location(world, "west", i ? "West" : NULL);
        world_asset_type(world, "box", 61 + i, "crate", "box");
        world_asset_type(world, "crate", 61 + i, "crate", NULL);
        world_asset(world, "box1", i ? "crate" : "cup");
        world_asset(world, "cup1", i ? "cup" : "mug");
    }
    ledger_rollback(world->ledger);
    ledger_print(world->ledger, &after);
    assert_int_equal(before.length, after.length);
    assert_memory_equal(before.data, after.data, before.length);
    rentbus_buffer_release(&before);
    rentbus_buffer_release(&after);
}

/* ---- events that cannot follow ---- */

static void a_broken_journal_is_seen(void **state)
{
    struct world *world = *state;
    static struct ledger_event event;
    struct rentbus_rental *rental = &event.data.complete_data.rental;
    uint64_t next;

    world_checkout(world, "ann", "box1", NOW);
    next = ledger_head(world->ledger) + 1;
    event.type = RENTBUS_HELLO_EVENT;
    assert_int_equal(ledger_apply(world->ledger, &event, next + 1), -EBADMSG);
    assert_int_equal(ledger_apply(world->ledger, &event, next - 1), -EBADMSG);
    event.type = RENTBUS_USER_CREATED_EVENT;
    event.data.user.id = rentbus_text("ann");
    assert_int_equal(ledger_apply(world->ledger, &event, next), -EBADMSG);
    event.type = RENTBUS_USER_UPDATED_EVENT;
    event.data.user.id = rentbus_text("eve");
    assert_int_equal(ledger_apply(world->ledger, &event, next), -EBADMSG);

    event.type = RENTBUS_RENTAL_RETURN_COMPLETE_EVENT;
    memset(&event.data, 0, sizeof(event.data));
    RENTBUS_SET(rental, rental, id, rentbus_text("r1"));
    RENTBUS_SET(rental, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(rental, rental, returned_asset_id, rentbus_text("box1"));
    RENTBUS_SET(rental, rental, rev, 3);
    assert_int_equal(ledger_apply(world->ledger, &event, next), -EBADMSG);
    rental->rev = 2;
    rental->id = rentbus_text("r9");
    assert_int_equal(ledger_apply(world->ledger, &event, next), -EBADMSG);
    rental->id = rentbus_text("r1");
    assert_int_equal(ledger_apply(world->ledger, &event, next), 0);
    assert_int_equal(ledger_apply(world->ledger, &event, next + 1), -EBADMSG);
    assert_int_equal(ledger_head(world->ledger), next);
}

/* Events about r1, which is open at revision 1, that say too much, or another thing. */
static void changes_that_cannot_follow_are_seen(void **state)
{
    static const struct {
        enum rentbus_event_type type;
        const char *id;
        uint64_t rev;
        uint64_t renewals;
        enum rentbus_status status;
        int error;
    } cases[] = {
        {RENTBUS_RENTAL_RENEWED_EVENT, "r9", 2, 1, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_RENEWED_EVENT, "r1", 3, 1, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_RENEWED_EVENT, "r1", 2, 2, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_FORGIVEN_EVENT, "r9", 2, 0, RENTBUS_STATUS_FORGIVEN, -EBADMSG},
        {RENTBUS_RENTAL_FORGIVEN_EVENT, "r1", 1, 0, RENTBUS_STATUS_FORGIVEN, -EBADMSG},
        {RENTBUS_RENTAL_FORGIVEN_EVENT, "r1", 2, 0, RENTBUS_STATUS_COMPLETED, -EBADMSG},
        {RENTBUS_RENTAL_FLAGGED_EVENT, "r1", 2, 0, RENTBUS_STATUS_FORGIVEN, -EBADMSG},
        {RENTBUS_RENTAL_UNFLAGGED_EVENT, "r1", 2, 0, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_UNFLAGGED_EVENT, "r1", 2, 0, RENTBUS_STATUS_COMPLETED, -EBADMSG},
        {RENTBUS_RENTAL_DUE_SOON_EVENT, "r1", 1, 0, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_EXPIRED_EVENT, "r1", 2, 0, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_EXPIRED_EVENT, "r1", 1, 0, RENTBUS_STATUS_IN_PROGRESS, 0},
        {RENTBUS_RENTAL_RENEWED_EVENT, "r1", 2, 1, RENTBUS_STATUS_IN_PROGRESS, 0},
        {RENTBUS_RENTAL_FLAGGED_EVENT, "r1", 3, 1, RENTBUS_STATUS_FLAGGED, 0},
        {RENTBUS_RENTAL_RENEWED_EVENT, "r1", 4, 2, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_FLAGGED_EVENT, "r1", 4, 1, RENTBUS_STATUS_FLAGGED, -EBADMSG},
        {RENTBUS_RENTAL_EXPIRED_EVENT, "r1", 3, 1, RENTBUS_STATUS_IN_PROGRESS, -EBADMSG},
        {RENTBUS_RENTAL_UNFLAGGED_EVENT, "r1", 4, 1, RENTBUS_STATUS_COMPLETED, 0},
        {RENTBUS_RENTAL_UNFLAGGED_EVENT, "r1", 5, 1, RENTBUS_STATUS_COMPLETED, -EBADMSG},
        {RENTBUS_RENTAL_FORGIVEN_EVENT, "r1", 5, 1, RENTBUS_STATUS_FORGIVEN, -EBADMSG},
    };
    struct world *world = *state;
    static struct ledger_event event;

    world_checkout(world, "ann", "box1", NOW);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool renewed = cases[i].type == RENTBUS_RENTAL_RENEWED_EVENT;
        bool timer = rentbus_event_rows[cases[i].type].data == &rentbus_rental_data_schema;
        struct rentbus_rental *rental = &event.data.judged_data.rental;

        memset(&event, 0, sizeof(event));
        if (renewed)
            rental = &event.data.renewed_data.rental;
        if (timer)
            rental = &event.data.rental_data.rental;
        event.type = cases[i].type;
        RENTBUS_SET(rental, rental, id, rentbus_text(cases[i].id));
        RENTBUS_SET(rental, rental, rev, cases[i].rev);
        RENTBUS_SET(rental, rental, renewals, cases[i].renewals);
        RENTBUS_SET(rental, rental, status, cases[i].status);
        RENTBUS_SET(rental, rental, expires_at, NOW + 9 * DAY);
        assert_int_equal(ledger_apply(world->ledger, &event, ledger_head(world->ledger) + 1),
                         cases[i].error);
    }
}

static void a_policy_that_cannot_be_is_seen(void **state)
{
    struct world *world = *state;
    static struct ledger_event event;
    struct rentbus_policy *policy = &event.data.policy_data.policy;
    uint64_t next = ledger_head(world->ledger) + 1;

    event.type = RENTBUS_POLICY_UPDATED_EVENT;
    ledger_policy_get(world->ledger, policy);
    assert_int_equal(ledger_apply(world->ledger, &event, next), -EBADMSG);
    policy->version = next;
    policy->late_return = rentbus_text("whenever");
    assert_int_equal(ledger_apply(world->ledger, &event, next), -EBADMSG);
    policy->late_return = rentbus_text("flag");
    assert_int_equal(ledger_apply(world->ledger, &event, next), 0);
}

static void rentals_that_cannot_begin_are_seen(void **state)
{
    struct world *world = *state;
    struct ledger_command command =
        world_scan(RENTBUS_OP_rental_checkout, "ann", "box1", NULL, NOW);
    struct ledger_event *created = &world->decision.events[1];
    struct rentbus_rental *rental = &created->data.rental_data.rental;
    uint64_t next;

    assert_int_equal(world_decide(world, &command), 0);
    next = ledger_head(world->ledger) + 1;
    assert_int_equal(ledger_apply(world->ledger, created, next), -EBADMSG);
    rental->created_seq = next;
    rental->user_id = rentbus_text("eve");
    assert_int_equal(ledger_apply(world->ledger, created, next), -EBADMSG);
    rental->user_id = rentbus_text("ann");
    rental->asset_id = rentbus_text("box77");
    assert_int_equal(ledger_apply(world->ledger, created, next), -EBADMSG);
    rental->asset_id = rentbus_text("box1");
    assert_int_equal(ledger_apply(world->ledger, created, next), 0);
    rental->created_seq = next + 1;
    assert_int_equal(ledger_apply(world->ledger, created, next + 1), -EBADMSG);
    rental->id = rentbus_text("another");
    assert_int_equal(ledger_apply(world->ledger, created, next + 1), -EBADMSG);
    assert_int_equal(ledger_counts(world->ledger).rentals, 1);
}

static void what_is_not_the_ledgers_moves_the_head(void **state)
{
    struct world *world = *state;
    struct rentbus_event wire = {0};
    struct ledger_event event;
    uint64_t digest = ledger_digest(world->ledger);
    const uint8_t broken[] = {0xa1, 0x61, 'x', 0x01};

    RENTBUS_SET(&wire, event, type, rentbus_text("SOMETHING_ELSE"));
    assert_int_equal(ledger_event_decode(&wire, &event), 0);
    assert_int_equal(event.type, RENTBUS_EVENT_NONE);
    assert_null(event.subject.data);
    assert_null(ledger_event_data(&event));
    assert_int_equal(ledger_apply(world->ledger, &event, ledger_head(world->ledger) + 1), 0);
    assert_int_equal(ledger_digest(world->ledger), digest);
    wire.type = rentbus_text("USER_CREATED_EVENT");
    wire.data = (struct rentbus_bytes){broken, sizeof(broken)};
    assert_int_equal(ledger_event_decode(&wire, &event), -EBADMSG);
}

static void a_digest_sees_every_field(void **state)
{
    struct world *world = *state;
    uint64_t seen[32];
    struct rentbus_policy_put_args policy = {0};
    size_t count = 0;

    seen[count++] = ledger_digest(world->ledger);
    world_user(world, "cid");
    seen[count++] = ledger_digest(world->ledger);
    world_location(world, "east", NULL);
    seen[count++] = ledger_digest(world->ledger);
    world_location(world, "east", "");
    seen[count++] = ledger_digest(world->ledger);
    world_asset(world, "box9", "cup");
    seen[count++] = ledger_digest(world->ledger);
    world_asset_type(world, "cup", 60, "cup", NULL);
    seen[count++] = ledger_digest(world->ledger);
    world_asset_type(world, "cup", 61, "cup", NULL);
    seen[count++] = ledger_digest(world->ledger);
    world_checkout(world, "ann", "box1", NOW);
    seen[count++] = ledger_digest(world->ledger);
    world_return(world, "ann", "box2", NULL, NOW);
    seen[count++] = ledger_digest(world->ledger);
    world_return(world, "ann", "box2", NULL, NOW);
    assert_int_equal(ledger_digest(world->ledger), seen[count - 1]);
    world_block(world, "ann", "owes");
    seen[count++] = ledger_digest(world->ledger);
    world_block(world, "ann", "");
    seen[count++] = ledger_digest(world->ledger);
    RENTBUS_SET(&policy, policy_put_args, user_limit, 7);
    world_policy(world, &policy);
    seen[count++] = ledger_digest(world->ledger);
    world_checkout(world, "bob", "box3", NOW);
    seen[count++] = ledger_digest(world->ledger);
    world->now = NOW + 7 * DAY + 1;
    assert_int_equal(world_tick(world), 1);
    seen[count++] = ledger_digest(world->ledger);
    world_judge(world, RENTBUS_OP_rental_flag, "r2", "broken");
    seen[count++] = ledger_digest(world->ledger);
    world_judge(world, RENTBUS_OP_rental_forgive, "r2", "a gift");
    seen[count++] = ledger_digest(world->ledger);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rentals_are_listed_as_they_came),     TEST(rentals_are_filtered),
        TEST(things_are_listed_by_position),       TEST(closed_rentals_wait_for_the_archive),
        TEST(many_closed_rentals_leave_few_holes), TEST(a_rollback_stops_at_what_is_durable),
        TEST(a_rollback_takes_back_every_put),     TEST(a_broken_journal_is_seen),
        TEST(changes_that_cannot_follow_are_seen), TEST(a_policy_that_cannot_be_is_seen),
        TEST(rentals_that_cannot_begin_are_seen),  TEST(what_is_not_the_ledgers_moves_the_head),
        TEST(a_digest_sees_every_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
