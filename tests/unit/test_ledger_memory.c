/* SPDX-License-Identifier: MPL-2.0 */
/* The ledger's memory: an event that found none has changed nothing, and what is kept is small. */
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void must_equal(const struct rentbus_buffer *a, const struct rentbus_buffer *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
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
    ledger_random_commands(&random, world, 1500);
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

/* No event takes more of the pool. */
#define ROOM_MAX 1024

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
    ledger_random_commands(&random, world, 700);
    for (uint64_t seq = 1; seq <= ledger_head(world->ledger); seq++) {
        uint8_t *end = poor->pool.end;
        int error = -ENOMEM;

        ledger_print(poor, &before);
        for (size_t left = 0; left <= ROOM_MAX && left <= (size_t)(end - poor->pool.at);
             left += LEDGER_POOL_STEP) {
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

/* Nor does what is forgotten, answered or taken back. */
static void unanswered_returns_need_no_new_memory(void **state)
{
    struct heap heap = {.left = UINT32_MAX};
    struct ledger_memory memory = {heap_resize, &heap};
    struct world *world = world_create();
    unsigned allocations = 0;

    (void)state;
    ledger_destroy(&world->ledger);
    world->ledger = ledger_create_in(&memory);
    world_user(world, "ann");
    world_user(world, "bob");
    world_asset(world, "box1", "box");
    for (int i = 0; i < 600; i++) {
        if (i == 300)
            allocations = heap.allocations;
        for (int j = 0; j < 5; j++)
            world_lost_return(world, "bob", "box1", NOW);
        ledger_rollback_to(world->ledger, ledger_head(world->ledger) - 2);
        assert_true(world_comes_late(world, "bob", "box1", NOW - 1, NOW + 1));
        world_checkout(world, "ann", "box1", NOW);
        world_return(world, "ann", "box1", NULL, NOW);
        ledger_durable(world->ledger, UINT64_MAX);
        ledger_archived(world->ledger, ledger_head(world->ledger));
    }
    assert_int_equal(heap.allocations, allocations);
    world_destroy(&world);
}

/* Devices have memory of their own. */
static void a_rollback_gives_all_memory_back(void **state)
{
    struct heap heap = {.left = UINT32_MAX};
    struct ledger_memory memory = {heap_resize, &heap};
    struct world *world = world_create();
    uint64_t random = 9;

    (void)state;
    ledger_destroy(&world->ledger);
    world->ledger = ledger_create_in(&memory);
    ledger_random_commands(&random, world, 600);
    assert_in_range(ledger_counts(world->ledger).devices, 4, 43);
    ledger_rollback(world->ledger);
    assert_int_equal(ledger_counts(world->ledger).devices, 0);
    world_destroy(&world);
    assert_int_equal(heap.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(no_room_changes_nothing),
        cmocka_unit_test(an_open_rental_takes_few_bytes),
        cmocka_unit_test(what_comes_and_goes_needs_no_new_memory),
        cmocka_unit_test(unanswered_returns_need_no_new_memory),
        cmocka_unit_test(a_rollback_gives_all_memory_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
