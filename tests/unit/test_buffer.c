/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/buffer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_buffer_grows_and_is_emptied(void **state)
{
    (void)state;
    struct rentbus_buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        rentbus_buffer_append(&buffer, "0123456789", 10);
    assert_int_equal(buffer.length, 10000);
    assert_memory_equal(buffer.data + 9990, "0123456789", 10);
    size_t capacity = buffer.capacity;
    rentbus_buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer.capacity, capacity);
    rentbus_buffer_append(&buffer, NULL, 0);
    assert_int_equal(buffer.length, 0);
    rentbus_buffer_release(&buffer);
    assert_null(buffer.data);
}

static void a_buffer_remembers_that_it_failed(void **state)
{
    (void)state;
    struct rentbus_buffer buffer = {0};
    rentbus_buffer_append(&buffer, "a", 1);
    assert_null(rentbus_buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    rentbus_buffer_append(&buffer, "b", 1);
    assert_int_equal(buffer.length, 1);
    assert_true(buffer.failed);
    rentbus_buffer_clear(&buffer);
    assert_false(buffer.failed);
    assert_non_null(rentbus_buffer_reserve(&buffer, 1));
    rentbus_buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_is_emptied),
        cmocka_unit_test(a_buffer_remembers_that_it_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
