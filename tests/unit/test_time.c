/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NO_TIME INT64_MIN

/* With the minus sign of Unicode instead of a hyphen. */
#define MINUS_SIGN_TIME "2025-02-10T11:00:00\u221201:00"

static int64_t parse(const char *text)
{
    int64_t time = NO_TIME;
    bool parsed = rentbus_time_parse(rentbus_text(text), &time);
    assert_true(parsed == (time != NO_TIME));
    return time;
}

static void times_are_microseconds_since_1970(void **state)
{
    (void)state;
    assert_int_equal(parse("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parse("1970-01-01T00:00:00.000001Z"), 1);
    assert_int_equal(parse("1969-12-31T23:59:59.999999Z"), -1);
    assert_int_equal(parse("2025-02-10T11:00:00Z"), INT64_C(1739185200) * RENTBUS_SECOND);
    assert_int_equal(parse("2000-02-29T12:00:00Z"), INT64_C(951825600) * RENTBUS_SECOND);
    assert_int_equal(parse("0001-01-01T00:00:00Z"), INT64_C(-62135596800) * RENTBUS_SECOND);
    assert_int_equal(parse("9999-12-31T23:59:59Z"), INT64_C(253402300799) * RENTBUS_SECOND);
}

static void zones_are_taken_off(void **state)
{
    (void)state;
    int64_t noon = parse("2025-02-10T12:00:00Z");
    assert_int_equal(parse("2025-02-10T13:00:00+01:00"), noon);
    assert_int_equal(parse("2025-02-10T06:30:00-05:30"), noon);
    assert_int_equal(parse("2025-02-11T11:59:00+23:59"), noon);
    assert_int_equal(parse("2025-02-10T12:00:00-00:00"), noon);
    assert_int_equal(parse("2025-02-10t12:00:00z"), noon);
}

static void fractions_count_to_the_microsecond(void **state)
{
    (void)state;
    int64_t second = parse("2025-02-10T11:00:00Z");
    assert_int_equal(parse("2025-02-10T11:00:00.5Z"), second + 500000);
    assert_int_equal(parse("2025-02-10T11:00:00.123456Z"), second + 123456);
    assert_int_equal(parse("2025-02-10T11:00:00.1234569999999999999999Z"), second + 123456);
    assert_int_equal(parse("2025-02-10T11:00:00.0000009+01:00"), second - 3600 * RENTBUS_SECOND);
}

static void only_days_of_the_calendar_pass(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "2025-02-29T00:00:00Z", "2025-02-30T00:00:00Z", "1900-02-29T00:00:00Z",
        "2025-04-31T00:00:00Z", "2025-00-10T00:00:00Z", "2025-13-10T00:00:00Z",
        "2025-01-00T00:00:00Z", "2025-01-32T00:00:00Z", "0000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i]), NO_TIME);
    assert_true(parse("2024-02-29T00:00:00Z") != NO_TIME);
    assert_true(parse("2000-02-29T00:00:00Z") != NO_TIME);
}

static void what_is_not_rfc_3339_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "now",
        "2025-02-10",
        "2025-02-10T11:00:00",
        "2025-02-10 11:00:00Z",
        "2025-02-10T11:00Z",
        "2025-02-10T24:00:00Z",
        "2025-02-10T11:60:00Z",
        "2025-02-10T11:00:61Z",
        "2025-02-10T11:00:00.Z",
        "2025-02-10T11:00:00,5Z",
        "2025-02-10T11:00:00+0100",
        "2025-02-10T11:00:00+1:00",
        "2025-02-10T11:00:00+24:00",
        "2025-02-10T11:00:00+01:60",
        "2025-02-10T11:00:00+01",
        "2025-02-10T11:00:00Z ",
        " 2025-02-10T11:00:00Z",
        "2025-02-10T11:00:00ZZ",
        "2025-2-10T11:00:00Z",
        "02025-02-10T11:00:00Z",
        "-025-02-10T11:00:00Z",
        "+025-02-10T11:00:00Z",
        MINUS_SIGN_TIME,
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i]), NO_TIME);
}

static void every_prefix_of_a_time_is_refused(void **state)
{
    (void)state;
    static const char whole[] = "2025-02-10T11:00:00.123+01:00";
    int64_t time;
    for (size_t length = 0; length < sizeof(whole) - 1; length++)
        assert_false(rentbus_time_parse((struct rentbus_text){whole, length}, &time));
    assert_true(rentbus_time_parse((struct rentbus_text){whole, sizeof(whole) - 1}, &time));
}

static void a_leap_second_is_the_second_behind_it(void **state)
{
    (void)state;
    assert_int_equal(parse("2016-12-31T23:59:60Z"), parse("2017-01-01T00:00:00Z"));
    assert_int_equal(parse("2017-01-01T05:29:60+05:30"), parse("2017-01-01T00:00:00Z"));
    assert_int_equal(parse("2016-12-31T23:59:60.5Z"), parse("2017-01-01T00:00:00.5Z"));
    assert_int_equal(parse("2016-12-31T23:58:60Z"), NO_TIME);
    assert_int_equal(parse("2016-12-31T23:59:60+05:30"), NO_TIME);
}

static void times_outside_the_years_1_to_9999_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse("0001-01-01T00:00:00+00:01"), NO_TIME);
    assert_int_equal(parse("9999-12-31T23:59:59-00:01"), NO_TIME);
    assert_int_equal(parse("9999-12-31T23:59:60Z"), NO_TIME);
}

static void assert_format(int64_t time, const char *wanted)
{
    char text[RENTBUS_TIME_TEXT_SIZE];
    assert_int_equal(rentbus_time_format(time, text), strlen(wanted));
    assert_string_equal(text, wanted);
}

static void times_are_written_in_utc(void **state)
{
    (void)state;
    assert_format(0, "1970-01-01T00:00:00Z");
    assert_format(-1, "1969-12-31T23:59:59.999999Z");
    assert_format(parse("2025-02-10T12:00:00+01:00"), "2025-02-10T11:00:00Z");
    assert_format(parse("2025-02-10T11:00:00.5Z"), "2025-02-10T11:00:00.500000Z");
    assert_format(parse("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z");
    assert_format(parse("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z");
}

static void every_day_goes_both_ways(void **state)
{
    (void)state;
    int64_t first = parse("0001-01-01T00:00:00Z");
    int64_t last = parse("9999-12-31T00:00:00Z");
    /* A step that meets every day of the month and every month of the year. */
    for (int64_t time = first; time <= last; time += 13 * RENTBUS_DAY) {
        char text[RENTBUS_TIME_TEXT_SIZE];
        rentbus_time_format(time, text);
        assert_int_equal(parse(text), time);
    }
}

#define NO_DURATION INT64_C(-1)

static int64_t duration(const char *text)
{
    int64_t seconds = NO_DURATION;
    bool parsed = rentbus_duration_parse(rentbus_text(text), &seconds);
    assert_true(parsed == (seconds != NO_DURATION));
    return seconds;
}

static void durations_are_seconds(void **state)
{
    (void)state;
    assert_int_equal(duration("P7D"), 7 * 86400);
    assert_int_equal(duration("P2W"), 14 * 86400);
    assert_int_equal(duration("P1DT12H"), 36 * 3600);
    assert_int_equal(duration("PT90M"), 5400);
    assert_int_equal(duration("PT0S"), 0);
    assert_int_equal(duration("P1W1DT1H1M1S"), 8 * 86400 + 3661);
    assert_int_equal(duration("P36600D"), RENTBUS_DURATION_MAX);
    assert_int_equal(duration("PT0000000000000000000000001S"), 1);
}

static void bad_durations_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "P",
        "PT",
        "7D",
        "P7",
        "P7d",
        "P1Y",
        "P1M",
        "P1DT",
        "PT1D",
        "P1H",
        "P1D1W",
        "P1D1D",
        "PT1S1M",
        "PT1.5S",
        "P-1D",
        "-P1D",
        "P1D ",
        "PT1H1",
        "PTT1H",
        "P1DT1HT1M",
        "P36601D",
        "P36600DT1S",
        "P99999999999999999999D",
        "P9223372036854775807W",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(duration(bad[i]), NO_DURATION);
}

static void assert_duration(int64_t seconds, const char *wanted)
{
    char text[RENTBUS_DURATION_TEXT_SIZE];
    assert_int_equal(rentbus_duration_format(seconds, text), strlen(wanted));
    assert_string_equal(text, wanted);
    assert_int_equal(duration(text), seconds);
}

static void durations_are_written_in_days_and_below(void **state)
{
    (void)state;
    assert_duration(0, "PT0S");
    assert_duration(7 * 86400, "P7D");
    assert_duration(36 * 3600, "P1DT12H");
    assert_duration(5400, "PT1H30M");
    assert_duration(59, "PT59S");
    assert_duration(RENTBUS_DURATION_MAX, "P36600D");
    assert_duration(RENTBUS_DURATION_MAX - 1, "P36599DT23H59M59S");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_microseconds_since_1970),
        cmocka_unit_test(zones_are_taken_off),
        cmocka_unit_test(fractions_count_to_the_microsecond),
        cmocka_unit_test(only_days_of_the_calendar_pass),
        cmocka_unit_test(what_is_not_rfc_3339_is_refused),
        cmocka_unit_test(every_prefix_of_a_time_is_refused),
        cmocka_unit_test(a_leap_second_is_the_second_behind_it),
        cmocka_unit_test(times_outside_the_years_1_to_9999_are_refused),
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(every_day_goes_both_ways),
        cmocka_unit_test(durations_are_seconds),
        cmocka_unit_test(bad_durations_are_refused),
        cmocka_unit_test(durations_are_written_in_days_and_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
