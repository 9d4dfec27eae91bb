/* SPDX-License-Identifier: MPL-2.0 */
/* The containers that the ledger is built of. */
#include "daemon/ledger/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 2000

struct thing {
    struct ledger_key key;
    char id[16];
};

static struct thing *things_create(uint32_t hash_mask, uint32_t hash_base)
{
    struct thing *things = calloc(COUNT, sizeof(*things));

    assert_non_null(things);
    for (unsigned i = 0; i < COUNT; i++) {
        int length = snprintf(things[i].id, sizeof(things[i].id), "thing %u", i);

        things[i].key.length = (uint16_t)length;
        things[i].key.hash = (uint32_t)ledger_hash(1, things[i].id, (size_t)length) & hash_mask;
        things[i].key.hash += hash_base;
    }
    return things;
}

static bool found(const struct ledger_table *table, const struct thing *thing)
{
    struct rentbus_text id = {thing->id, thing->key.length};
    const void *item = ledger_table_find(table, thing->key.hash, id);

    assert_true(item == NULL || item == thing);
    return item == thing;
}

/* Also when all probes run into each other, and over the end of the slots. */
static void a_table_finds_what_it_has(void **state)
{
    const uint32_t masks[] = {UINT32_MAX, 0xff, 0x7f0, 0, 7};
    const uint32_t bases[] = {0, 0, 0, 0, UINT32_MAX - 7};

    (void)state;
    for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
        struct ledger_table table = {.id_offset = offsetof(struct thing, id)};
        struct thing *things = things_create(masks[m], bases[m]);

        assert_false(found(&table, &things[0]));
        for (unsigned i = 0; i < COUNT; i++) {
            assert_int_equal(ledger_table_reserve(&table, &ledger_memory_heap), 0);
            ledger_table_insert(&table, &things[i].key);
        }
        for (unsigned i = 0; i < COUNT; i += 3)
            ledger_table_remove(&table, &things[i].key);
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(found(&table, &things[i]), i % 3 != 0);
        assert_int_equal(table.count, COUNT - (COUNT + 2) / 3);
        ledger_table_release(&table, &ledger_memory_heap);
        free(things);
    }
}

/* In places of their own from the first on, and found by id behind the settling; more than are
 * sorted at a time. */
static void a_registry_takes_many_at_once(void **state)
{
    const uint32_t masks[] = {UINT32_MAX, 0xffff, 0};
    const unsigned rounds[] = {160, 40, 1};
    struct ledger_registry registry = {.table.id_offset = offsetof(struct thing, id)};

    (void)state;
    for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
        struct thing *things = things_create(masks[m], 0);
        unsigned count = rounds[m] * COUNT;
        struct thing *many = calloc(count, sizeof(*many));

        assert_non_null(many);
        assert_int_equal(ledger_registry_expect(&registry, count, &ledger_memory_heap), 0);
        for (unsigned i = 0; i < count; i++) {
            many[i] = things[i % COUNT];
            many[i].id[many[i].key.length++] = (char)(i / COUNT);
            many[i].key.hash ^= (i / COUNT * 0x9e3779b9U) & masks[m];
            ledger_registry_append(&registry, &many[i].key);
            if (i == COUNT / 2)
                assert_int_equal(ledger_registry_settle(&registry, &ledger_memory_heap), 0);
        }
        assert_int_equal(ledger_registry_settle(&registry, &ledger_memory_heap), 0);
        assert_int_equal(registry.table.count, count);
        for (unsigned i = 0; i < count; i++) {
            assert_ptr_equal(registry.items[i], &many[i].key);
            assert_true(found(&registry.table, &many[i]));
        }
        ledger_registry_release(&registry, &ledger_memory_heap);
        free(many);
        free(things);
    }
}

/* Wherever the other one is. */
static void a_registry_refuses_an_id_twice(void **state)
{
    const unsigned twins[][2] = {{0, 1}, {0, COUNT - 1}, {700, 1200}};

    (void)state;
    for (size_t t = 0; t < sizeof(twins) / sizeof(twins[0]); t++) {
        struct ledger_registry registry = {.table.id_offset = offsetof(struct thing, id)};
        struct thing *things = things_create(UINT32_MAX, 0);

        assert_int_equal(ledger_registry_expect(&registry, COUNT, &ledger_memory_heap), 0);
        things[twins[t][1]] = things[twins[t][0]];
        for (unsigned i = 0; i < COUNT; i++)
            ledger_registry_append(&registry, &things[i].key);
        assert_int_equal(ledger_registry_settle(&registry, &ledger_memory_heap), -EEXIST);
        ledger_registry_release(&registry, &ledger_memory_heap);
        free(things);
    }
}

static struct ledger_rental *rental_create(unsigned i)
{
    struct ledger_rental *rental = calloc(1, sizeof(*rental) + 5);

    assert_non_null(rental);
    snprintf(rental->id, 5, "%04u", i);
    rental->key.length = 4;
    rental->key.hash = (uint32_t)ledger_hash(1, rental->id, 4);
    rental->created_at = (i * 7919) % 100;
    rental->created_seq = i + 1;
    return rental;
}

static void a_sequence_keeps_its_order(void **state)
{
    static struct ledger_rental *rentals[COUNT + 1];
    struct ledger_sequence sequence = {0};

    (void)state;
    for (unsigned i = 1; i <= COUNT; i++) {
        rentals[i] = rental_create(i);
        rentals[i]->created_seq = 10 * (uint64_t)i;
        assert_int_equal(ledger_sequence_reserve(&sequence, &ledger_memory_heap), 0);
        ledger_sequence_add(&sequence, rentals[i]);
    }
    assert_int_equal(ledger_sequence_after(&sequence, 0), 0);
    assert_int_equal(ledger_sequence_after(&sequence, 9), 0);
    assert_int_equal(ledger_sequence_after(&sequence, 10), 1);
    assert_int_equal(ledger_sequence_after(&sequence, COUNT * 10), COUNT);
    for (unsigned i = 1; i <= COUNT; i++)
        if (i % 100 != 0)
            ledger_sequence_remove(&sequence, rentals[i]);
    assert_in_range(sequence.count, COUNT / 100, COUNT / 20);
    for (unsigned i = 100; i <= COUNT; i += 100) {
        size_t index = ledger_sequence_after(&sequence, 10 * (uint64_t)i - 1);

        assert_ptr_equal(sequence.entries[index].rental, rentals[i]);
        ledger_sequence_remove(&sequence, rentals[i]);
    }
    assert_int_equal(sequence.count, sequence.holes);
    ledger_sequence_release(&sequence, &ledger_memory_heap);
    for (unsigned i = 1; i <= COUNT; i++)
        free(rentals[i]);
}

struct walk {
    const struct ledger_rental *last;
    unsigned visited;
    unsigned limit;
};

static bool walk_by_age(void *context, struct ledger_rental *rental)
{
    struct walk *walk = context;

    if (walk->last)
        assert_true(walk->last->created_at < rental->created_at ||
                    (walk->last->created_at == rental->created_at &&
                     memcmp(walk->last->id, rental->id, 4) < 0));
    walk->last = rental;
    return ++walk->visited != walk->limit;
}

static bool walk_by_seq(void *context, struct ledger_rental *rental)
{
    struct walk *walk = context;

    if (walk->last)
        assert_in_range(rental->created_seq, walk->last->created_seq + 1, UINT64_MAX);
    walk->last = rental;
    return ++walk->visited != walk->limit;
}

static void trees_keep_their_order(void **state)
{
    static struct ledger_rental *rentals[COUNT];
    struct ledger_rental *roots[LEDGER_ORDERS] = {0};
    struct walk walk = {0};

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        rentals[i] = rental_create(i);
        ledger_tree_insert(&roots[LEDGER_BY_AGE], LEDGER_BY_AGE, rentals[i]);
        ledger_tree_insert(&roots[LEDGER_BY_SEQ], LEDGER_BY_SEQ, rentals[i]);
    }
    for (unsigned i = 0; i < COUNT; i += 2) {
        ledger_tree_remove(&roots[LEDGER_BY_AGE], LEDGER_BY_AGE, rentals[i]);
        ledger_tree_remove(&roots[LEDGER_BY_SEQ], LEDGER_BY_SEQ, rentals[i]);
    }
    assert_true(ledger_tree_walk(roots[LEDGER_BY_AGE], LEDGER_BY_AGE, walk_by_age, &walk));
    assert_int_equal(walk.visited, COUNT / 2);
    walk = (struct walk){.limit = 7};
    assert_false(ledger_tree_walk(roots[LEDGER_BY_AGE], LEDGER_BY_AGE, walk_by_age, &walk));
    assert_int_equal(walk.visited, 7);
    walk = (struct walk){0};
    assert_true(ledger_tree_walk_after(roots[LEDGER_BY_SEQ], COUNT - 10, walk_by_seq, &walk));
    assert_int_equal(walk.visited, 5);
    walk = (struct walk){.limit = 3};
    assert_false(ledger_tree_walk_after(roots[LEDGER_BY_SEQ], 100, walk_by_seq, &walk));
    assert_int_equal(walk.last->created_seq, 106);
    for (unsigned i = 1; i < COUNT; i += 2)
        ledger_tree_remove(&roots[LEDGER_BY_AGE], LEDGER_BY_AGE, rentals[i]);
    assert_null(roots[LEDGER_BY_AGE]);
    for (unsigned i = 0; i < COUNT; i++)
        free(rentals[i]);
}

static void a_pool_uses_blocks_again(void **state)
{
    struct ledger_pool pool = {.memory = &ledger_memory_heap};
    void *first = ledger_pool_take(&pool, 100);
    void *second = ledger_pool_take(&pool, 100);

    (void)state;
    assert_non_null(first);
    assert_non_null(second);
    memset(first, 1, 100);
    memset(second, 2, 100);
    ledger_pool_give(&pool, first, 100);
    ledger_pool_give(&pool, NULL, 100);
    assert_ptr_not_equal(ledger_pool_take(&pool, 40), first);
    assert_ptr_equal(ledger_pool_take(&pool, 104), first);
    assert_non_null(ledger_pool_take(&pool, LEDGER_POOL_BLOCK_MAX));
    ledger_pool_release(&pool);
}

static void names_are_kept_once(void **state)
{
    struct ledger *ledger = ledger_create();
    struct rentbus_ids ids = {2, {rentbus_text("cup"), rentbus_text("box")}};
    struct ledger_name *cup = ledger_name_intern(ledger, rentbus_text("cup"));
    struct ledger_type_list *list = ledger_type_list_intern(ledger, &ids);

    (void)state;
    assert_ptr_equal(ledger_name_intern(ledger, rentbus_text("cup")), cup);
    assert_ptr_equal(ledger_type_list_intern(ledger, &ids), list);
    assert_true(ledger_type_list_has(list, cup));
    assert_int_equal(ledger->names.count, 2);
    ledger_name_release(ledger, cup);
    ledger_name_release(ledger, cup);
    ledger_type_list_release(ledger, list);
    assert_ptr_equal(ledger_name_find(ledger, rentbus_text("cup")), cup);
    ledger_type_list_release(ledger, list);
    assert_null(ledger_name_find(ledger, rentbus_text("cup")));
    assert_int_equal(ledger->names.count, 0);
    assert_int_equal(ledger->type_lists.count, 0);
    ledger_destroy(&ledger);
    assert_null(ledger);
    ledger_destroy(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_finds_what_it_has),
        cmocka_unit_test(a_registry_takes_many_at_once),
        cmocka_unit_test(a_registry_refuses_an_id_twice),
        cmocka_unit_test(a_sequence_keeps_its_order),
        cmocka_unit_test(trees_keep_their_order),
        cmocka_unit_test(a_pool_uses_blocks_again),
        cmocka_unit_test(names_are_kept_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
