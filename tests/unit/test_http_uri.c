/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
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

struct numbers {
    uint64_t has;
    int64_t shift;
};

static void a_number_may_be_negative_where_that_makes_sense(void **state)
{
    static const struct rentbus_field field = {.name = "shift",
                                               .name_length = 5,
                                               .offset = offsetof(struct numbers, shift),
                                               .kind = RENTBUS_KIND_INT};
    static const struct rentbus_schema schema = {"numbers", &field, 1, sizeof(struct numbers)};
    static const struct {
        const char *text;
        int64_t number;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"-1", -1},
                {"42", 42},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    static const char *const bad[] = {
        "", "-", "--1", "1-", "1.5", "9223372036854775808", " 1", "x", "-9223372036854775809"};
    struct rentbus_fault why;
    struct numbers numbers;
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "shift=%s", good[i].text);
        assert_int_equal(http_query_read(&schema, text, &numbers, &why), 0);
        assert_true(numbers.has == 1 && numbers.shift == good[i].number);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "shift=%s", bad[i]);
        assert_int_equal(http_query_read(&schema, text, &numbers, &why),
                         RENTBUS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(why.field, "shift");
    }
}

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

/* ---- what a path names ---- */

static int read_on(const struct rentbus_schema *schema, const char *name, const char *value,
                   const char *text, void *args)
{
    struct http_named named = {rentbus_text(name), rentbus_text(value)};
    snprintf(query, sizeof(query), "%s", text);
    return http_query_read_of(schema, &named, query, args, &fault);
}

static void a_path_and_a_query_are_the_arguments(void **state)
{
    struct rentbus_rental_get_args get;
    struct rentbus_events_read_args events;
    (void)state;
    assert_int_equal(read_on(&rentbus_rental_get_args_schema, "id", "r1", "at_seq=7", &get), 0);
    assert_true(rentbus_text_equal(get.rental_id, rentbus_text("r1")));
    assert_true(RENTBUS_HAS(&get, rental_get_args, rental_id) && get.at_seq == 7);
    assert_false(RENTBUS_HAS(&get, rental_get_args, at));
    assert_int_equal(
        read_on(&rentbus_events_read_args_schema, "asset_id", "a1", "type=A&limit=2", &events), 0);
    assert_true(rentbus_text_equal(events.asset_id, rentbus_text("a1")));
    assert_false(RENTBUS_HAS(&events, events_read_args, rental_id));
    assert_true(events.types.count == 1 && events.limit == 2);
}

static void a_path_names_a_command_by_its_uuid(void **state)
{
    static const char id[] = "0192f0c1-2345-7890-abcd-ef0123456789";
    struct rentbus_command_get_args get;
    struct rentbus_explain_args explain;
    (void)state;
    assert_int_equal(read_on(&rentbus_command_get_args_schema, "id", id, "", &get), 0);
    assert_true(RENTBUS_HAS(&get, command_get_args, command_id));
    assert_int_equal(read_on(&rentbus_explain_args_schema, "command_id", id, "", &explain), 0);
    assert_memory_equal(&explain.command_id, &get.command_id, RENTBUS_UUID_SIZE);
    assert_false(RENTBUS_HAS(&explain, explain_args, rental_id));
    assert_int_equal(read_on(&rentbus_explain_args_schema, "command_id", "5", "", &explain),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "command_id");
}

static void a_query_must_not_name_what_the_path_does(void **state)
{
    struct rentbus_rental_get_args get;
    (void)state;
    assert_int_equal(read_on(&rentbus_rental_get_args_schema, "id", "r1", "rental_id=r1", &get),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "rental_id");
    assert_int_equal(read_on(&rentbus_rental_get_args_schema, "id", "r1", "att=1", &get),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "att");
}

static void a_name_that_no_field_has_is_no_other_field(void **state)
{
    struct rentbus_explain_args explain;
    (void)state;
    assert_int_equal(read_on(&rentbus_explain_args_schema, "rental", "r1", "", &explain), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_path_and_query),
        cmocka_unit_test(numbers_are_digits_that_fit),
        cmocka_unit_test(a_number_may_be_negative_where_that_makes_sense),
        cmocka_unit_test(parameters_become_arguments),
        cmocka_unit_test(nothing_is_no_argument),
        cmocka_unit_test(a_list_is_given_by_repeating),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(a_time_may_have_a_plain_plus),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(a_path_and_a_query_are_the_arguments),
        cmocka_unit_test(a_path_names_a_command_by_its_uuid),
        cmocka_unit_test(a_query_must_not_name_what_the_path_does),
        cmocka_unit_test(a_name_that_no_field_has_is_no_other_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
