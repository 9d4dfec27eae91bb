/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "bridge-http/uri.h"

static void assert_split(const char *target, const char *path, const char *query)
{
    char copy[100];
    char *found_path;
    char *found_query;
    snprintf(copy, sizeof(copy), "%s", target);
    http_uri_split(copy, &found_path, &found_query);
    assert_string_equal(found_path, path);
    if (query)
        assert_string_equal(found_query, query);
    else
        assert_null(found_query);
}

static void a_target_is_path_and_query(void **state)
{
    (void)state;
    assert_split("/a/b", "/a/b", NULL);
    assert_split("/a?", "/a", "");
    assert_split("/a?b=c?d", "/a", "b=c?d");
    assert_split("http://host:80/a?b", "/a", "b");
    assert_split("http://host", "", NULL);
    assert_split("http://host?b", "", "b");
    assert_split("/a?u=http://host/b", "/a", "u=http://host/b");
    assert_split("*", "*", NULL);
    assert_split("", "", NULL);
}

static void numbers_are_digits_that_fit(void **state)
{
    uint64_t number = 7;
    (void)state;
    assert_true(http_number_parse("18446744073709551615", 20, &number));
    assert_true(number == UINT64_MAX);
    assert_false(http_number_parse("18446744073709551616", 20, &number));
    assert_false(http_number_parse("", 0, &number));
    assert_false(http_number_parse("-1", 2, &number));
    assert_false(http_number_parse(" 1", 2, &number));
    assert_false(http_number_parse("1e3", 3, &number));
    assert_true(number == UINT64_MAX);
}

/* ---- parameters ---- */

static char query[4000];
static struct rentbus_fault fault;

static int read_list(const char *text, struct rentbus_rental_list_args *args)
{
    snprintf(query, sizeof(query), "%s", text);
    return http_query_read(&rentbus_rental_list_args_schema, query, args, &fault);
}

static int read_events(const char *text, struct rentbus_events_read_args *args)
{
    snprintf(query, sizeof(query), "%s", text);
    return http_query_read(&rentbus_events_read_args_schema, query, args, &fault);
}

static void parameters_become_arguments(void **state)
{
    struct rentbus_rental_list_args args;
    (void)state;
    assert_int_equal(
        read_list("user_id=u%201&status=COMPLETED&expired=true&limit=25&cursor=a+b", &args), 0);
    assert_true(rentbus_text_equal(args.user_id, rentbus_text("u 1")));
    assert_true(rentbus_text_equal(args.cursor, rentbus_text("a b")));
    assert_int_equal(args.status, RENTBUS_STATUS_COMPLETED);
    assert_true(args.expired);
    assert_int_equal(args.limit, 25);
    assert_true(RENTBUS_HAS(&args, rental_list_args, limit));
    assert_false(RENTBUS_HAS(&args, rental_list_args, asset_id));
}

static void nothing_is_no_argument(void **state)
{
    struct rentbus_rental_list_args args;
    (void)state;
    assert_int_equal(http_query_read(&rentbus_rental_list_args_schema, NULL, &args, &fault), 0);
    assert_int_equal(args.has, 0);
    assert_int_equal(read_list("", &args), 0);
    assert_int_equal(read_list("&&", &args), 0);
    assert_int_equal(args.has, 0);
}

static void a_list_is_given_by_repeating(void **state)
{
    struct rentbus_events_read_args args;
    (void)state;
    assert_int_equal(read_events("type=A&type=B&from_seq=7", &args), 0);
    assert_int_equal(args.types.count, 2);
    assert_true(rentbus_text_equal(args.types.items[1], rentbus_text("B")));
    assert_int_equal(args.from_seq, 7);
    assert_int_equal(read_events("types=A", &args), RENTBUS_ERROR_INVALID_ARGUMENT);
}

static void a_list_has_an_end(void **state)
{
    struct rentbus_events_read_args args;
    char text[400] = "";
    (void)state;
    for (int i = 0; i < RENTBUS_IDS_MAX; i++)
        strncat(text, "type=A&", sizeof(text) - strlen(text) - 1);
    assert_int_equal(read_events(text, &args), 0);
    strncat(text, "type=A", sizeof(text) - strlen(text) - 1);
    assert_int_equal(read_events(text, &args), RENTBUS_ERROR_INVALID_ARGUMENT);
}

static void a_time_may_have_a_plain_plus(void **state)
{
    struct rentbus_events_read_args args;
    int64_t noon;
    (void)state;
    assert_true(rentbus_time_parse(rentbus_text("2025-02-10T11:00:00Z"), &noon));
    assert_int_equal(read_events("since=2025-02-10T12:00:00+01:00", &args), 0);
    assert_true(args.since == noon);
    assert_int_equal(read_events("since=2025-02-10T12%3A00%3A00%2B01%3A00", &args), 0);
    assert_true(args.since == noon);
    assert_int_equal(read_events("since=2025-02-10", &args), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(read_events("since=2025-02-30T11:00:00Z", &args),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *field;
    } cases[] = {
        {"limit=x", "limit"},
        {"limit=", "limit"},
        {"limit", "limit"},
        {"limit=-1", "limit"},
        {"expired=yes", "expired"},
        {"status=DONE", "status"},
        {"status=", "status"},
        {"user_id=", "user_id"},
        {"user_id=%ff", "user_id"},
        {"nothing=1", "nothing"},
        {"limit=1&limit=2", "limit"},
        {"user_id=%0a", "user_id"},
        {"=1", ""},
        {"user_id=%", ""},
        {"us%ZZer=1", ""},
        {"user_id=a%00b", ""},
    };
    struct rentbus_rental_list_args args;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_list(cases[i].text, &args), RENTBUS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(fault.field, cases[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_path_and_query),
        cmocka_unit_test(numbers_are_digits_that_fit),
        cmocka_unit_test(parameters_become_arguments),
        cmocka_unit_test(nothing_is_no_argument),
        cmocka_unit_test(a_list_is_given_by_repeating),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(a_time_may_have_a_plain_plus),
        cmocka_unit_test(what_does_not_fit_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
