/* SPDX-License-Identifier: MPL-2.0 */
/* The ring of the last events, against what was pushed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bus/tail.h"

static uint8_t bytes[TAIL_BYTES + 1];

static size_t length_of(uint64_t seq, size_t most)
{
    return 1 + (size_t)(seq * UINT64_C(0x9e3779b97f4a7c15) >> 33) % most;
}

static void push(struct tail *tail, uint64_t seq, size_t most)
{
    size_t length = length_of(seq, most);
    memset(bytes, (int)(seq % 251), length);
    tail_push(tail, seq, (struct rentbus_bytes){bytes, length});
}

/* Everything that it holds is whole, up to the last; how much that is. */
static size_t check(const struct tail *tail, uint64_t last, size_t most)
{
    struct rentbus_bytes event;
    size_t held = 0;
    for (uint64_t seq = last; seq > 0 && tail_get(tail, seq, &event); seq--, held++) {
        assert_int_equal(event.length, length_of(seq, most));
        for (size_t i = 0; i < event.length; i += 97)
            assert_int_equal(event.data[i], seq % 251);
        assert_int_equal(event.data[event.length - 1], seq % 251);
    }
    assert_false(tail_get(tail, last + 1, &event));
    assert_false(held < last && tail_get(tail, last - held, &event));
    return held;
}

static void test_many_small_ones(void **state)
{
    (void)state;
    struct tail tail = {0};
    for (uint64_t seq = 1; seq <= 3 * TAIL_EVENTS; seq++) {
        push(&tail, seq, 200);
        if (seq % 1999 == 0)
            assert_int_equal(check(&tail, seq, 200), seq < TAIL_EVENTS ? seq : TAIL_EVENTS);
    }
    tail_release(&tail);
}

static void test_a_few_large_ones(void **state)
{
    (void)state;
    struct tail tail = {0};
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        push(&tail, seq, 300000);
        if (seq % 37 == 0) {
            size_t held = check(&tail, seq, 300000);
            assert_in_range(held, seq < 25 ? seq : 25, TAIL_EVENTS);
        }
    }
    tail_release(&tail);
}

static void test_gaps_and_giants(void **state)
{
    (void)state;
    struct tail tail = {0};
    struct rentbus_bytes event;
    assert_false(tail_get(&tail, 0, &event));
    assert_null(tail_keys(&tail, 1));
    push(&tail, 7, 100);
    push(&tail, 8, 100);
    assert_int_equal(check(&tail, 8, 100), 2);
    push(&tail, 10, 100);
    assert_int_equal(check(&tail, 10, 100), 1);
    tail_push(&tail, 11, (struct rentbus_bytes){bytes, TAIL_BYTES + 1});
    assert_false(tail_get(&tail, 11, &event));
    assert_false(tail_get(&tail, 10, &event));
    push(&tail, 12, 100);
    assert_int_equal(check(&tail, 12, 100), 1);
    memset(bytes, 13, TAIL_BYTES);
    tail_push(&tail, 13, (struct rentbus_bytes){bytes, TAIL_BYTES});
    assert_true(tail_get(&tail, 13, &event));
    assert_int_equal(event.length, TAIL_BYTES);
    assert_false(tail_get(&tail, 12, &event));
    assert_null(tail_keys(&tail, 13)); /* which is no event at all */
    tail_release(&tail);
    tail_release(&tail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_small_ones),
        cmocka_unit_test(test_a_few_large_ones),
        cmocka_unit_test(test_gaps_and_giants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
