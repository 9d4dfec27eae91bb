/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/engine/recent.h"

/* The queue as it should be, found in by looking at all of it. */
#define REFERENCE_MAX 20000
struct reference {
    struct {
        struct rentbus_uuid command;
        uint64_t first;
        uint64_t last;
    } entries[REFERENCE_MAX];
    size_t front;
    size_t back;
    uint64_t seq;
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static struct rentbus_uuid command_of(uint64_t number)
{
    struct rentbus_uuid command = {{0}};
    memcpy(command.bytes, &number, sizeof number);
    return command;
}

static void add(struct recent *recent, struct reference *reference, uint64_t number, uint64_t count)
{
    struct rentbus_uuid command = command_of(number);
    uint64_t first = reference->seq + 1;
    reference->seq += count;
    assert_int_equal(recent_add(recent, command, first, reference->seq), 0);
    assert_true(reference->back < REFERENCE_MAX);
    reference->entries[reference->back].command = command;
    reference->entries[reference->back].first = first;
    reference->entries[reference->back++].last = reference->seq;
}

static void check(const struct recent *recent, const struct reference *reference, size_t index)
{
    uint64_t first = 0;
    uint64_t last = 0;
    bool held = index >= reference->front && index < reference->back;
    struct rentbus_uuid command = reference->entries[index].command;
    assert_int_equal(recent_find(recent, command, &first, &last), held);
    if (held) {
        assert_int_equal(first, reference->entries[index].first);
        assert_int_equal(last, reference->entries[index].last);
    }
}

static void forget(struct recent *recent, struct reference *reference, uint64_t seq)
{
    recent_forget(recent, seq);
    while (reference->front < reference->back && reference->entries[reference->front].last <= seq)
        reference->front++;
}

static void rollback(struct recent *recent, struct reference *reference, uint64_t seq)
{
    recent_rollback(recent, seq);
    while (reference->front < reference->back && reference->entries[reference->back - 1].last > seq)
        reference->back--;
}

static void test_empty(void **state)
{
    (void)state;
    uint64_t first;
    uint64_t last;
    struct recent *recent = recent_create();
    assert_non_null(recent);
    assert_false(recent_find(recent, command_of(1), &first, &last));
    recent_forget(recent, UINT64_MAX);
    recent_rollback(recent, 0);
    assert_int_equal(recent_count(recent), 0);
    recent_destroy(&recent);
    assert_null(recent);
    recent_destroy(&recent);
}

static void test_last_seq_moves(void **state)
{
    (void)state;
    uint64_t first;
    uint64_t last;
    struct recent *recent = recent_create();
    assert_int_equal(recent_add(recent, command_of(7), 10, 10), 0);
    assert_int_equal(recent_add(recent, command_of(7), 10, 12), 0);
    assert_int_equal(recent_count(recent), 1);
    assert_true(recent_find(recent, command_of(7), &first, &last));
    assert_int_equal(first, 10);
    assert_int_equal(last, 12);
    recent_forget(recent, 11);
    assert_int_equal(recent_count(recent), 1);
    recent_forget(recent, 12);
    assert_int_equal(recent_count(recent), 0);
    recent_destroy(&recent);
}

/* Ids that differ in the last byte only, added and forgotten around the ring many times. */
static void test_around_the_ring(void **state)
{
    (void)state;
    struct recent *recent = recent_create();
    uint64_t first;
    uint64_t last;
    for (uint64_t seq = 1; seq <= 300000; seq++) {
        assert_int_equal(recent_add(recent, command_of(seq), seq, seq), 0);
        if (seq > 1000)
            recent_forget(recent, seq - 1000);
        if (seq > 1000 && seq % 997 == 0) {
            assert_true(recent_find(recent, command_of(seq - 999), &first, &last));
            assert_int_equal(first, seq - 999);
            assert_false(recent_find(recent, command_of(seq - 1000), &first, &last));
        }
    }
    assert_int_equal(recent_count(recent), 1000);
    recent_destroy(&recent);
}

/* So many that hashes of 32 bits are the same of some that are held and some that are not. */
static void test_same_hashes(void **state)
{
    (void)state;
    const uint64_t count = 200000;
    struct recent *recent = recent_create();
    uint64_t first;
    uint64_t last;
    for (uint64_t seq = 1; seq <= count; seq++)
        assert_int_equal(recent_add(recent, command_of(seq), seq, seq), 0);
    for (uint64_t number = count + 1; number <= 2 * count; number++)
        assert_false(recent_find(recent, command_of(number), &first, &last));
    recent_destroy(&recent);
}

static void run_history(uint64_t seed)
{
    static struct reference reference;
    struct recent *recent = recent_create();
    uint64_t random = seed;
    uint64_t durable = 0;
    memset(&reference, 0, sizeof reference);
    for (uint64_t step = 1; step < 15000; step++) {
        uint64_t choice = next_random(&random) % 100;
        if (choice < 90) {
            add(recent, &reference, step, 1 + next_random(&random) % 4);
        } else if (choice < 94 && reference.back > reference.front) {
            size_t held = reference.back - reference.front;
            size_t index = reference.front + next_random(&random) % held;
            forget(recent, &reference, reference.entries[index].last - next_random(&random) % 2);
            durable = reference.entries[index].last;
        } else if (choice < 97) {
            uint64_t span = reference.seq - durable;
            uint64_t seq = durable + (span ? next_random(&random) % (span < 20 ? span : 20) : 0);
            rollback(recent, &reference, seq);
            reference.seq = seq > reference.seq ? reference.seq : seq;
        }
        assert_int_equal(recent_count(recent), reference.back - reference.front);
        if (reference.back > 0)
            check(recent, &reference, next_random(&random) % reference.back);
    }
    for (size_t i = 0; i < reference.back; i++)
        check(recent, &reference, i);
    recent_destroy(&recent);
}

static void test_random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        run_history(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_last_seq_moves),
        cmocka_unit_test(test_around_the_ring),
        cmocka_unit_test(test_same_hashes),
        cmocka_unit_test(test_random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
