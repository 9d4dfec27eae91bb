/* SPDX-License-Identifier: MPL-2.0 */
/* Random histories: a rollback gives the state before, a replay gives the state that is, and an
 * event that found no memory has changed nothing. */
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return ledger_mix(*state, UINT64_C(0xbf58476d1ce4e5b9));
}

static unsigned below(uint64_t *random, unsigned count)
{
    return (unsigned)(random_next(random) % count);
}

static const char *const user_ids[] = {"ann", "bob", "cid", "eve"};
static const char *const asset_ids[] = {"box1", "box2", "box3", "box4", "cup1", "cup2", "cup3"};
static const char *const types[] = {"box", "cup", "lid"};
static const char *const names[] = {NULL, "", "One", "Another one"};

#define ANY(random, set) set[below(random, sizeof(set) / sizeof(set[0]))]

static struct ledger_command random_scan(uint64_t *random, const struct world *world)
{
    static char rental[16];
    bool checkout = below(random, 2) == 0;
    int64_t occurred_at = world->now - (int64_t)below(random, 4) * DAY;
    struct ledger_command command =
        world_scan(checkout ? RENTBUS_OP_rental_checkout : RENTBUS_OP_rental_return,
                   ANY(random, user_ids), ANY(random, asset_ids), NULL, occurred_at);

    snprintf(rental, sizeof(rental), "r%u", 1 + below(random, world->rentals + 1));
    if (!checkout && below(random, 3) == 0)
        command.args.scan.user_id = (struct rentbus_text){0};
    if (!checkout && below(random, 4) == 0) {
        command.args.scan.rental_id = rentbus_text(rental);
        if (below(random, 2) == 0)
            command.args.scan.asset_id = (struct rentbus_text){0};
    }
    command.args.scan.location_id = rentbus_text(ANY(random, types));
    return command;
}

static struct ledger_command random_put(uint64_t *random)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};
    const char *name = ANY(random, names);

    switch (below(random, 3)) {
    case 0:
        command.op = RENTBUS_OP_asset_put;
        RENTBUS_SET(&command.args.asset_put, asset_put_args, id,
                    rentbus_text(ANY(random, asset_ids)));
        RENTBUS_SET(&command.args.asset_put, asset_put_args, asset_type,
                    rentbus_text(ANY(random, types)));
        return command;
    case 1:
        command.op = RENTBUS_OP_location_put;
        break;
    default:
        if (below(random, 3) == 0)
            RENTBUS_SET(&command.args.user_put, user_put_args, user_limit, below(random, 9));
        break;
    }
    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text(ANY(random, user_ids)));
    if (name)
        RENTBUS_SET(&command.args.user_put, user_put_args, name, rentbus_text(name));
    return command;
}

static struct ledger_command random_asset_type(uint64_t *random)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_type_put};
    struct rentbus_asset_type_put_args *args = &command.args.asset_type_put;

    RENTBUS_SET(args, asset_type_put_args, id, rentbus_text(ANY(random, types)));
    RENTBUS_SET(args, asset_type_put_args, loan_period, 86400 * (int64_t)(1 + below(random, 3)));
    if (below(random, 2) == 0)
        RENTBUS_SET(args, asset_type_put_args, due_soon_lead, 3600 * (int64_t)below(random, 60));
    if (below(random, 3) == 0)
        RENTBUS_SET(args, asset_type_put_args, user_limit, below(random, 4));
    if (below(random, 3) == 0)
        RENTBUS_SET(args, asset_type_put_args, renewals_max, below(random, 4));
    return command;
}

static struct ledger_command random_policy(uint64_t *random)
{
    static const char *const late_returns[] = {"reject", "flag", "forgive_within:P1D"};
    struct ledger_command command = {.op = RENTBUS_OP_policy_put};
    struct rentbus_policy_put_args *args = &command.args.policy_put;

    if (below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, late_return, rentbus_text(ANY(random, late_returns)));
    if (below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, return_match,
                    (enum rentbus_return_match)(1 + below(random, 3)));
    if (below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, user_limit, below(random, 6));
    if (below(random, 2) == 0)
        RENTBUS_SET(args, policy_put_args, renewal_grace, 86400 * (int64_t)below(random, 2));
    return command;
}

static struct ledger_command random_judgement(uint64_t *random, const struct world *world)
{
    static const enum rentbus_op ops[] = {RENTBUS_OP_rental_renew, RENTBUS_OP_rental_forgive,
                                          RENTBUS_OP_rental_flag, RENTBUS_OP_rental_unflag};
    static char rental[16];

    if (below(random, 8) == 0)
        snprintf(rental, sizeof(rental), "i%u", below(random, 100));
    else
        snprintf(rental, sizeof(rental), "r%u", 1 + below(random, world->rentals + 1));
    return world_rental_command(ANY(random, ops), rental, ANY(random, user_ids));
}

static struct ledger_command random_block(uint64_t *random)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_unblock};

    RENTBUS_SET(&command.args.user_unblock, user_unblock_args, id,
                rentbus_text(ANY(random, user_ids)));
    if (below(random, 3) > 0)
        return command;
    command.op = RENTBUS_OP_user_block;
    RENTBUS_SET(&command.args.user_block, user_block_args, id, rentbus_text(ANY(random, user_ids)));
    RENTBUS_SET(&command.args.user_block, user_block_args, reason,
                rentbus_text(ANY(random, types)));
    return command;
}

static struct ledger_command random_import(uint64_t *random)
{
    static char id[16];
    enum rentbus_status status = (enum rentbus_status)(1 + below(random, 4));
    int64_t created_at = NOW - (int64_t)below(random, 5) * DAY;

    snprintf(id, sizeof(id), "i%u", below(random, 100));
    return world_import_command(id, status, ANY(random, user_ids), ANY(random, asset_ids),
                                ANY(random, types), created_at, created_at + 3 * DAY);
}

static struct ledger_command random_command(uint64_t *random, struct world *world)
{
    unsigned dice = below(random, 24);

    world->now += below(random, 3600) * RENTBUS_SECOND;
    if (dice < 2)
        return random_put(random);
    if (dice < 3)
        return random_asset_type(random);
    if (dice < 4)
        return random_block(random);
    if (dice < 5)
        return random_policy(random);
    if (dice < 9)
        return random_judgement(random, world);
    return dice < 10 ? random_import(random) : random_scan(random, world);
}

static void random_commands(uint64_t *random, struct world *world, unsigned count)
{
    while (count-- > 0) {
        struct ledger_command command = random_command(random, world);

        (void)!world_run(world, &command);
        if (below(random, 4) == 0)
            world_tick(world);
    }
}

static bool timer_before(const struct ledger_timer *a, const struct ledger_timer *b)
{
    return a->due_at < b->due_at ||
           (a->due_at == b->due_at && a->rental->created_seq < b->rental->created_seq);
}

/* That the timers are those of the open rentals that have something to be told of, in order. */
static void must_have_its_timers(const struct ledger *ledger)
{
    const struct ledger_timers *timers = &ledger->timers;
    size_t expected = 0;

    for (size_t i = 0; i < ledger->created.count; i++) {
        const struct ledger_rental *rental = ledger->created.entries[i].rental;

        if (!rental || !ledger_rental_open(rental) || rental->state.due_at == LEDGER_NEVER)
            continue;
        expected++;
        assert_in_range(rental->timer, 0, timers->count - 1);
        assert_ptr_equal(timers->entries[rental->timer].rental, rental);
        assert_true(timers->entries[rental->timer].due_at == rental->state.due_at ||
                    timers->entries[rental->timer].due_at == rental->state.expires_at + 1);
    }
    assert_int_equal(timers->count, expected);
    for (size_t i = 1; i < timers->count; i++)
        assert_false(timer_before(&timers->entries[i], &timers->entries[(i - 1) / 4]));
}

static void must_equal(const struct rentbus_buffer *a, const struct rentbus_buffer *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
}

static void a_rollback_gives_the_state_before(void **state)
{
    struct rentbus_buffer before = {0};
    struct rentbus_buffer after = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();

        for (int round = 0; round < 30; round++) {
            unsigned rentals;

            random_commands(&random, world, below(&random, 30));
            ledger_durable(world->ledger, ledger_head(world->ledger));
            if (below(&random, 2) == 0)
                ledger_archived(world->ledger,
                                below(&random, 2 + (unsigned)ledger_head(world->ledger)));
            ledger_print(world->ledger, &before);
            rentals = world->rentals;
            random_commands(&random, world, below(&random, 60));
            must_have_its_timers(world->ledger);
            ledger_rollback(world->ledger);
            world->rentals = rentals;
            must_have_its_timers(world->ledger);
            ledger_print(world->ledger, &after);
            must_equal(&before, &after);
        }
        world_destroy(&world);
    }
    rentbus_buffer_release(&before);
    rentbus_buffer_release(&after);
}

/* Also to a place between what is durable and the head, step by step. */
static void a_rollback_stops_where_it_is_told(void **state)
{
    static struct rentbus_buffer at[3];
    struct rentbus_buffer after = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();
        uint64_t heads[3];

        random_commands(&random, world, 100);
        ledger_durable(world->ledger, ledger_head(world->ledger));
        for (size_t i = 0; i < 3; i++) {
            heads[i] = ledger_head(world->ledger);
            ledger_print(world->ledger, &at[i]);
            random_commands(&random, world, 1 + below(&random, 40));
        }
        for (size_t i = 3; i-- > 0;) {
            ledger_rollback_to(world->ledger, i > 0 ? heads[i] : 0);
            assert_int_equal(ledger_head(world->ledger), heads[i]);
            ledger_print(world->ledger, &after);
            must_equal(&at[i], &after);
        }
        ledger_rollback_to(world->ledger, heads[2]);
        assert_int_equal(ledger_head(world->ledger), heads[0]);
        world_destroy(&world);
    }
    for (size_t i = 0; i < 3; i++)
        rentbus_buffer_release(&at[i]);
    rentbus_buffer_release(&after);
}

static void a_replay_gives_the_same_state(void **state)
{
    struct rentbus_buffer live = {0};
    struct rentbus_buffer replayed = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();
        struct ledger *again = ledger_create();
        uint64_t middle;

        random_commands(&random, world, 400);
        middle = ledger_head(world->ledger) / 2;
        assert_int_equal(world_replay(world, 1, ledger_head(world->ledger), again), 0);
        ledger_print(world->ledger, &live);
        ledger_print(again, &replayed);
        must_equal(&live, &replayed);
        /* What was taken back can come again. */
        ledger_durable(again, middle);
        ledger_rollback(again);
        assert_int_equal(ledger_head(again), middle);
        assert_int_equal(world_replay(world, middle + 1, ledger_head(world->ledger), again), 0);
        ledger_print(again, &replayed);
        must_equal(&live, &replayed);
        ledger_destroy(&again);
        world_destroy(&world);
    }
    rentbus_buffer_release(&live);
    rentbus_buffer_release(&replayed);
}

static void the_archive_does_not_show_in_the_digest(void **state)
{
    uint64_t random = 77;
    struct world *world = world_create();
    struct ledger *again = ledger_create();

    (void)state;
    random_commands(&random, world, 2000);
    ledger_archived(again, UINT64_MAX);
    for (uint64_t seq = 1; seq <= ledger_head(world->ledger); seq++) {
        assert_int_equal(world_replay(world, seq, seq, again), 0);
        ledger_durable(again, seq);
    }
    assert_int_equal(ledger_digest(again), ledger_digest(world->ledger));
    assert_int_equal(ledger_counts(again).closed_in_memory, 0);
    assert_int_equal(ledger_counts(again).rentals, ledger_counts(world->ledger).rentals);
    ledger_destroy(&again);
    world_destroy(&world);
}

/* A heap that counts its bytes, and fails when `left` allocations have been made. */
struct heap {
    unsigned left;
    unsigned failed;
    unsigned allocations;
    size_t bytes;
};

static void *heap_resize(void *context, void *block, size_t size)
{
    struct heap *heap = context;
    size_t *header = block ? (size_t *)block - 2 : NULL;
    size_t old = header ? *header : 0;

    if (size == 0) {
        heap->bytes -= old;
        free(header);
        return NULL;
    }
    if (heap->left == 0) {
        heap->failed++;
        return NULL;
    }
    heap->left--;
    heap->allocations++;
    header = realloc(header, size + 16);
    assert_non_null(header);
    heap->bytes += size - old;
    *header = size;
    return header + 2;
}

/* Replays with every allocation failing once before it succeeds. */
static void no_memory_changes_nothing(void **state)
{
    struct heap heap = {.left = UINT32_MAX};
    struct ledger_memory memory = {heap_resize, &heap};
    struct rentbus_buffer before = {0};
    struct rentbus_buffer after = {0};
    uint64_t random = 5;
    struct world *world = world_create();
    struct ledger *poor = ledger_create_in(&memory);

    (void)state;
    random_commands(&random, world, 1500);
    for (uint64_t seq = 1; seq <= ledger_head(world->ledger); seq++) {
        int error = -ENOMEM;

        for (unsigned left = 0; error != 0; left++) {
            unsigned failed = heap.failed;

            heap.left = 0;
            ledger_print(poor, &before);
            heap.left = left;
            error = world_replay(world, seq, seq, poor);
            if (error == 0)
                break;
            assert_int_equal(error, -ENOMEM);
            assert_int_equal(heap.failed, failed + 1);
            ledger_print(poor, &after);
            must_equal(&before, &after);
        }
        if (seq % 97 == 0)
            ledger_durable(poor, seq);
    }
    assert_in_range(heap.failed, 10, UINT32_MAX);
    assert_int_equal(ledger_digest(poor), ledger_digest(world->ledger));
    heap.left = UINT32_MAX;
    ledger_destroy(&poor);
    assert_int_equal(heap.bytes, 0);
    heap.left = 0;
    assert_null(ledger_create_in(&memory));
    world_destroy(&world);
    rentbus_buffer_release(&before);
    rentbus_buffer_release(&after);
}

/* Replays with the pool's room ending at every block once before there is enough. */
static void no_room_changes_nothing(void **state)
{
    struct heap heap = {.left = UINT32_MAX};
    struct ledger_memory memory = {heap_resize, &heap};
    struct rentbus_buffer before = {0};
    struct rentbus_buffer after = {0};
    uint64_t random = 6;
    struct world *world = world_create();
    struct ledger *poor = ledger_create_in(&memory);
    unsigned failed = 0;

    (void)state;
    random_commands(&random, world, 700);
    for (uint64_t seq = 1; seq <= ledger_head(world->ledger); seq++) {
        uint8_t *end = poor->pool.end;
        size_t room = (size_t)(end - poor->pool.at);
        int error = -ENOMEM;

        ledger_print(poor, &before);
        for (size_t left = 0; error != 0 && left <= room; left += LEDGER_POOL_STEP) {
            poor->pool.end = poor->pool.at + left;
            heap.left = 0;
            error = world_replay(world, seq, seq, poor);
            poor->pool.end = end;
            if (error == 0)
                break;
            failed++;
            assert_int_equal(error, -ENOMEM);
            ledger_print(poor, &after);
            must_equal(&before, &after);
            heap.left = UINT32_MAX;
            /* Blocks that were given back would hide the next failure. */
            memset(poor->pool.free, 0, sizeof(poor->pool.free));
        }
        heap.left = UINT32_MAX;
        if (ledger_head(poor) < seq)
            assert_int_equal(world_replay(world, seq, seq, poor), 0);
    }
    assert_in_range(failed, 100, UINT32_MAX);
    assert_int_equal(ledger_digest(poor), ledger_digest(world->ledger));
    ledger_destroy(&poor);
    assert_int_equal(heap.bytes, 0);
    world_destroy(&world);
    rentbus_buffer_release(&before);
    rentbus_buffer_release(&after);
}

/* Ids as they are in use: rentals by UUID. */
static void fill(struct world *world, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char user[16];
        char asset[16];
        char rental[40];

        snprintf(user, sizeof(user), "user%u", i / 4);
        snprintf(asset, sizeof(asset), "asset%u", i);
        snprintf(rental, sizeof(rental), "01955f6e-7a4b-7c3d-9e2f-%012u", i);
        if (i % 4 == 0)
            world_user(world, user);
        world_asset(world, asset, "box");
        world_import(world, rental, RENTBUS_STATUS_IN_PROGRESS, user, asset, "box", NOW, NOW + DAY);
        ledger_durable(world->ledger, UINT64_MAX);
    }
}

/* With its asset and its share of a user. */
static void an_open_rental_takes_few_bytes(void **state)
{
    const unsigned count = 60000;
    struct heap heap = {.left = UINT32_MAX};
    struct ledger_memory memory = {heap_resize, &heap};
    struct world *world = world_create();

    (void)state;
    ledger_destroy(&world->ledger);
    world->ledger = ledger_create_in(&memory);
    fill(world, count);
    print_message("%zu bytes per open rental\n", heap.bytes / count);
    assert_in_range(heap.bytes / count, 1, 400);
    world_destroy(&world);
    assert_int_equal(heap.bytes, 0);
}

static void what_comes_and_goes_needs_no_new_memory(void **state)
{
    struct heap heap = {.left = UINT32_MAX};
    struct ledger_memory memory = {heap_resize, &heap};
    struct world *world = world_create();
    unsigned allocations = 0;

    (void)state;
    ledger_destroy(&world->ledger);
    world->ledger = ledger_create_in(&memory);
    world_user(world, "ann");
    world_asset(world, "box1", "box");
    for (int i = 0; i < 4000; i++) {
        if (i == 2000)
            allocations = heap.allocations;
        assert_int_equal(world_checkout(world, "ann", "box1", NOW), RENTBUS_OUTCOME_CREATED);
        assert_int_equal(world_return(world, "ann", "box1", NULL, NOW), RENTBUS_OUTCOME_COMPLETED);
        ledger_durable(world->ledger, UINT64_MAX);
        ledger_archived(world->ledger, ledger_head(world->ledger));
    }
    assert_int_equal(heap.allocations, allocations);
    world_destroy(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollback_gives_the_state_before),
        cmocka_unit_test(a_rollback_stops_where_it_is_told),
        cmocka_unit_test(a_replay_gives_the_same_state),
        cmocka_unit_test(the_archive_does_not_show_in_the_digest),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(no_room_changes_nothing),
        cmocka_unit_test(an_open_rental_takes_few_bytes),
        cmocka_unit_test(what_comes_and_goes_needs_no_new_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
