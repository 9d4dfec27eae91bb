/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"

static const struct rentbus_schema *const schema = &rentbus_rental_schema;

static struct rentbus_rental rental(void)
{
    struct rentbus_rental rental = {0};
    RENTBUS_SET(&rental, rental, id, rentbus_text("r1"));
    RENTBUS_SET(&rental, rental, rev, 300);
    RENTBUS_SET(&rental, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(&rental, rental, created_at, 1000000);
    RENTBUS_SET(&rental, rental, returned_at_location_id, rentbus_text("bin-1"));
    rental.has |= RENTBUS_BIT(rental, eligible_asset_types);
    rental.eligible_asset_types.items[rental.eligible_asset_types.count++] = rentbus_text("mug");
    return rental;
}

static void what_is_noted_is_written_all_the_same(void **state)
{
    (void)state;
    struct rentbus_rental value = rental();
    struct rentbus_buffer whole = {0};
    rentbus_encode(schema, &value, &whole);
    for (size_t i = 0; i <= schema->count; i++) {
        struct rentbus_buffer out = {0};
        rentbus_encode_noting(schema, &value, i, &out);
        assert_int_equal(out.length, whole.length);
        assert_memory_equal(out.data, whole.data, whole.length);
        rentbus_buffer_release(&out);
    }
    rentbus_buffer_release(&whole);
}

static void a_field_is_noted_where_it_stands(void **state)
{
    (void)state;
    struct rentbus_rental value = rental();
    struct rentbus_buffer out = {0};
    for (size_t i = 0; i < schema->count; i++) {
        struct rentbus_buffer field = {0};
        struct rentbus_encoded at = rentbus_encode_noting(schema, &value, i, &out);
        size_t pairs = rentbus_encode_fields(schema, &value, i, i + 1, &field);
        /* Behind the name and its head of one byte. */
        size_t name = pairs * (1 + schema->fields[i].name_length);
        assert_int_equal(at.length, field.length - name);
        if (pairs)
            assert_memory_equal(out.data + at.start, field.data + name, at.length);
        rentbus_buffer_release(&field);
    }
    rentbus_buffer_release(&out);
}

static void no_field_is_nowhere(void **state)
{
    (void)state;
    struct rentbus_rental value = rental();
    struct rentbus_buffer out = {0};
    assert_int_equal(rentbus_encode_noting(schema, &value, schema->count, &out).length, 0);
    rentbus_buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_noted_is_written_all_the_same),
        cmocka_unit_test(a_field_is_noted_where_it_stands),
        cmocka_unit_test(no_field_is_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
