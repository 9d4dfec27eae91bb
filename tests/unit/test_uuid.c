/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/text.h"
#include "sdk/protocol/uuid.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const int64_t now = INT64_C(1739185200123456); /* microseconds */

static struct rentbus_uuid next(struct rentbus_uuid_source *source, int64_t time)
{
    struct rentbus_uuid uuid;
    assert_int_equal(rentbus_uuid_next(source, time, &uuid), 0);
    return uuid;
}

static int compare(struct rentbus_uuid a, struct rentbus_uuid b)
{
    return memcmp(a.bytes, b.bytes, RENTBUS_UUID_SIZE);
}

static uint64_t milliseconds_of(struct rentbus_uuid uuid)
{
    uint64_t milliseconds = 0;
    for (int i = 0; i < 6; i++)
        milliseconds = milliseconds << 8 | uuid.bytes[i];
    return milliseconds;
}

static void an_id_has_its_version_variant_and_time(void **state)
{
    (void)state;
    struct rentbus_uuid_source source = {0};
    struct rentbus_uuid uuid = next(&source, now);
    assert_int_equal(uuid.bytes[6] >> 4, 7);
    assert_int_equal(uuid.bytes[8] >> 6, 2);
    assert_int_equal(milliseconds_of(uuid), now / 1000);
}

static void ids_only_grow(void **state)
{
    (void)state;
    struct rentbus_uuid_source source = {0};
    struct rentbus_uuid last = next(&source, now);
    /* Within a millisecond, over it, and with the clock stepping back. */
    static const int64_t steps[] = {0, 0, 999, 1000, -5000000, -5000000, 0, 2000, 86400000000};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct rentbus_uuid uuid = next(&source, now + steps[i]);
        assert_true(compare(last, uuid) < 0);
        last = uuid;
    }
}

static void ids_grow_over_the_end_of_each_part(void **state)
{
    (void)state;
    struct rentbus_uuid_source source = {
        .milliseconds = (uint64_t)now / 1000, .high = 5, .low = (UINT64_C(1) << 62) - 1};
    struct rentbus_uuid uuid = next(&source, now);
    assert_int_equal(source.high, 6);
    assert_int_equal(source.low, 0);
    source.high = (1 << 12) - 1;
    source.low = (UINT64_C(1) << 62) - 1;
    struct rentbus_uuid behind = next(&source, now);
    assert_int_equal(milliseconds_of(behind), now / 1000 + 1);
    assert_true(compare(uuid, behind) < 0);
    assert_int_equal(behind.bytes[6] >> 4, 7);
    assert_int_equal(behind.bytes[8] >> 6, 2);
}

static void two_sources_do_not_meet(void **state)
{
    (void)state;
    struct rentbus_uuid_source one = {0};
    struct rentbus_uuid_source other = {0};
    assert_int_not_equal(compare(next(&one, now), next(&other, now)), 0);
    assert_int_not_equal(compare(next(&one, -1), next(&other, 0)), 0);
}

static void text_goes_both_ways(void **state)
{
    (void)state;
    struct rentbus_uuid uuid;
    char text[RENTBUS_UUID_TEXT_SIZE + 1];
    assert_true(rentbus_uuid_parse(rentbus_text("01890A5D-ac96-774b-bcce-b302099a8057"), &uuid));
    assert_int_equal(uuid.bytes[0], 0x01);
    assert_int_equal(uuid.bytes[2], 0x0a);
    assert_int_equal(uuid.bytes[15], 0x57);
    rentbus_uuid_format(uuid, text);
    assert_string_equal(text, "01890a5d-ac96-774b-bcce-b302099a8057");
}

static void what_is_not_a_uuid_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "01890a5dac96774bbcceb302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80570",
        "01890a5d-ac96-774b-bcce_b302099a8057",
        "01890a5da-c96-774b-bcce-b302099a8057",
        "01890a5g-ac96-774b-bcce-b302099a8057",
        "{1890a5d-ac96-774b-bcce-b302099a8057",
    };
    struct rentbus_uuid uuid;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(rentbus_uuid_parse(rentbus_text(bad[i]), &uuid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_has_its_version_variant_and_time),
        cmocka_unit_test(ids_only_grow),
        cmocka_unit_test(ids_grow_over_the_end_of_each_part),
        cmocka_unit_test(two_sources_do_not_meet),
        cmocka_unit_test(text_goes_both_ways),
        cmocka_unit_test(what_is_not_a_uuid_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
