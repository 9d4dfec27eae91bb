/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/problem.h"

static void every_code_has_a_row_that_says_so(void **state)
{
    (void)state;
    for (size_t code = 1; code < rentbus_error_code_words.count; code++) {
        const struct http_problem *problem = http_problem_find((int)code);
        if (problem->error != (int)code)
            fail_msg("%s has no row", rentbus_word_text(&rentbus_error_code_words, (int)code));
        assert_int_equal(problem->code, code);
        assert_in_range(problem->status, 400, 599);
    }
}

static void every_errno_of_the_client_has_a_row(void **state)
{
    static const int errors[] = {-ETIMEDOUT, -ENOMEM,   -EINVAL,   -EBADMSG,
                                 -EAGAIN,    -EALREADY, -ECANCELED};
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        assert_int_equal(http_problem_find(errors[i])->error, errors[i]);
}

static void no_error_has_two_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < http_problem_count; i++)
        assert_ptr_equal(http_problem_find(http_problems[i].error), &http_problems[i]);
}

static void what_nobody_knows_is_internal(void **state)
{
    (void)state;
    assert_int_equal(http_problem_find(-EXDEV)->status, 500);
    assert_int_equal(http_problem_find(999999)->status, 500);
}

static void statuses_are_those_that_clients_rely_on(void **state)
{
    (void)state;
    assert_int_equal(http_problem_find(RENTBUS_ERROR_INVALID_ARGUMENT)->status, 400);
    assert_int_equal(http_problem_find(RENTBUS_ERROR_NOT_FOUND)->status, 404);
    assert_int_equal(http_problem_find(RENTBUS_ERROR_UNAVAILABLE)->status, 503);
    assert_int_equal(http_problem_find(-ETIMEDOUT)->status, 504);
    assert_int_equal(http_problem_find(-EALREADY)->status, 409);
    assert_int_equal(http_problem_find(HTTP_REFUSAL_METHOD)->status, 405);
    assert_int_equal(http_problem_find(HTTP_REFUSAL_MEDIA)->status, 415);
}

static void json_says_what_is_known(void **state)
{
    struct rentbus_fault fault;
    int error = http_fault_set(&fault, RENTBUS_ERROR_INVALID_ARGUMENT, "since", 5, "is \"odd\"");
    char *text = http_problem_json(http_problem_find(error), &fault);
    (void)state;
    assert_string_equal(text, "{\"type\":\"urn:rentbus:error:INVALID_ARGUMENT\","
                              "\"title\":\"Invalid argument\",\"status\":400,"
                              "\"detail\":\"is \\\"odd\\\"\",\"code\":\"INVALID_ARGUMENT\","
                              "\"field\":\"since\"}");
    free(text);
    text = http_problem_json(http_problem_find(-ETIMEDOUT), NULL);
    json_t *object = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(object, "code")), "UNAVAILABLE");
    assert_null(json_object_get(object, "field"));
    json_decref(object);
    free(text);
}

static void a_hostile_field_name_is_cut_at_a_character(void **state)
{
    struct rentbus_fault fault;
    char name[200];
    (void)state;
    memset(name, 'x', sizeof(name));
    memcpy(name + RENTBUS_FIELD_PATH_SIZE - 2, "\xc3\xa4", 2);
    http_fault_set(&fault, RENTBUS_ERROR_INVALID_ARGUMENT, name, sizeof(name), "");
    assert_int_equal(strlen(fault.field), RENTBUS_FIELD_PATH_SIZE - 2);
    http_fault_set(&fault, RENTBUS_ERROR_INVALID_ARGUMENT, "\xff\xff", 2, "");
    assert_string_equal(fault.field, "");
}

static void retrying_is_advised_where_it_helps(void **state)
{
    struct rentbus_fault fault = {.retry_after_ms = 1001};
    (void)state;
    assert_int_equal(http_problem_retry(http_problem_find(RENTBUS_ERROR_BUSY), &fault), 2);
    assert_int_equal(http_problem_retry(http_problem_find(RENTBUS_ERROR_BUSY), NULL), 1);
    assert_int_equal(http_problem_retry(http_problem_find(-ETIMEDOUT), NULL), 1);
    assert_int_equal(http_problem_retry(http_problem_find(RENTBUS_ERROR_NOT_FOUND), NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_row_that_says_so),
        cmocka_unit_test(every_errno_of_the_client_has_a_row),
        cmocka_unit_test(no_error_has_two_rows),
        cmocka_unit_test(what_nobody_knows_is_internal),
        cmocka_unit_test(statuses_are_those_that_clients_rely_on),
        cmocka_unit_test(json_says_what_is_known),
        cmocka_unit_test(a_hostile_field_name_is_cut_at_a_character),
        cmocka_unit_test(retrying_is_advised_where_it_helps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
