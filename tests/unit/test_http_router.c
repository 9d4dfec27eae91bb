/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bridge-http/openapi.h"
#include "bridge-http/problem.h"
#include "bridge-http/routes.h"

static int match(const char *method, const char *path, struct http_match *found,
                 struct rentbus_fault *fault)
{
    return http_router_match(http_routes, http_route_count, method, path, found, fault);
}

static void assert_route(const char *method, const char *path, const char *pattern,
                         const char *parameter)
{
    struct http_match found;
    struct rentbus_fault fault;
    assert_int_equal(match(method, path, &found, &fault), 0);
    assert_string_equal(found.route->pattern, pattern);
    assert_true(rentbus_text_equal(found.named.value, rentbus_text(parameter)));
}

static void a_path_finds_its_route(void **state)
{
    (void)state;
    assert_route("GET", "/livez", "/livez", NULL);
    assert_route("GET", "/rentals/r1", "/rentals/{id}", "r1");
    assert_route("PUT", "/rentals/r1", "/rentals/{id}", "r1");
    assert_route("GET", "/rentals/users/u1", "/rentals/users/{user_id}", "u1");
    assert_route("GET", "/rentals/users", "/rentals/{id}", "users");
    assert_route("POST", "/rentals/r1/renew", "/rentals/{id}/renew", "r1");
    assert_route("POST", "/rentals/r1/unflag", "/rentals/{id}/unflag", "r1");
    assert_route("POST", "/users/u1/block", "/users/{id}/block", "u1");
    assert_route("PUT", "/policy", "/policy", NULL);
    assert_route("HEAD", "/rentals/r1", "/rentals/{id}", "r1");
    assert_route("GET", "/rentals/r1/history", "/rentals/{rental_id}/history", "r1");
    assert_route("GET", "/commands/c1/explain", "/commands/{command_id}/explain", "c1");
}

/* An id may be a word of another route. */
static void the_method_tells_apart_what_a_path_may_mean(void **state)
{
    (void)state;
    assert_route("GET", "/rentals/users/renew", "/rentals/users/{user_id}", "renew");
    assert_route("POST", "/rentals/users/renew", "/rentals/{id}/renew", "users");
    assert_route("POST", "/rentals/renew/renew", "/rentals/{id}/renew", "renew");
    assert_route("PUT", "/rentals/flag", "/rentals/{id}", "flag");
    assert_route("GET", "/users/block", "/users/{id}", "block");
    assert_route("POST", "/users/a%2Fblock/block", "/users/{id}/block", "a/block");
    assert_route("GET", "/rentals/users/history", "/rentals/users/{user_id}", "history");
    assert_route("GET", "/users/history/history", "/users/{user_id}/history", "history");
}

static void what_a_path_names_goes_by_the_name_in_its_braces(void **state)
{
    struct http_match found;
    struct rentbus_fault fault;
    (void)state;
    assert_int_equal(match("GET", "/users/u1/history", &found, &fault), 0);
    assert_true(rentbus_text_equal(found.named.name, rentbus_text("user_id")));
    assert_int_equal(match("GET", "/stats", &found, &fault), 0);
    assert_null(found.named.name.data);
}

static void an_id_is_percent_decoded_after_the_path_was_cut(void **state)
{
    (void)state;
    assert_route("GET", "/rentals/a%2Fb", "/rentals/{id}", "a/b");
    assert_route("GET", "/rentals/a+b%20c", "/rentals/{id}", "a+b c");
    assert_route("GET", "/rentals/%C3%A4", "/rentals/{id}", "ä");
}

static void assert_refused(const char *method, const char *path, int error, const char *field)
{
    struct http_match found;
    struct rentbus_fault fault;
    assert_int_equal(match(method, path, &found, &fault), error);
    assert_string_equal(fault.field, field);
}

static void what_is_no_path_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {"",
                                        "/",
                                        "rentals/r1",
                                        "/rental",
                                        "/rentals/",
                                        "/rentalss",
                                        "/livez/",
                                        "//livez",
                                        "/rentals//",
                                        "*",
                                        "/a/b/c/d/e",
                                        "/rentals/r1/x",
                                        "/rentals//renew",
                                        "/users/u1/renew",
                                        "/policy/x"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_refused("GET", paths[i], RENTBUS_ERROR_NOT_FOUND, "");
}

static void what_is_no_id_is_named(void **state)
{
    char path[600] = "/rentals/users/";
    (void)state;
    assert_refused("GET", "/rentals/%00", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    assert_refused("GET", "/rentals/%zz", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    assert_refused("GET", "/rentals/%4", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    assert_refused("GET", "/rentals/%", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    assert_refused("GET", "/rentals/%0A", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    assert_refused("GET", "/rentals/%FF", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    size_t start = strlen(path);
    memset(path + start, 'a', RENTBUS_ID_MAX);
    assert_route("GET", path, "/rentals/users/{user_id}", path + start);
    memset(path + start, 'a', RENTBUS_ID_MAX + 1);
    assert_refused("GET", path, RENTBUS_ERROR_INVALID_ARGUMENT, "user_id");
    memset(path + start, 'a', 500);
    assert_refused("GET", path, RENTBUS_ERROR_INVALID_ARGUMENT, "user_id");
}

static void another_method_hears_which_there_are(void **state)
{
    struct http_match found;
    struct rentbus_fault fault;
    (void)state;
    assert_int_equal(match("DELETE", "/rentals/r1", &found, &fault), HTTP_REFUSAL_METHOD);
    assert_string_equal(found.allow, "GET, HEAD, PUT");
    assert_int_equal(match("get", "/returns", &found, &fault), HTTP_REFUSAL_METHOD);
    assert_string_equal(found.allow, "POST");
    assert_int_equal(match("GET", "/rentals/r1/renew", &found, &fault), HTTP_REFUSAL_METHOD);
    assert_string_equal(found.allow, "POST");
    assert_int_equal(match("POST", "/rentals/r1/explain", &found, &fault), HTTP_REFUSAL_METHOD);
    assert_string_equal(found.allow, "GET, HEAD");
    assert_int_equal(match("PUT", "/rentals/users/flag", &found, &fault), HTTP_REFUSAL_METHOD);
    assert_string_equal(found.allow, "GET, HEAD, POST");
}

/* The document and the table say the same. */
static void openapi_describes_every_route_and_no_other(void **state)
{
    json_error_t error;
    json_t *document =
        json_loadb(http_openapi, http_openapi_length, JSON_REJECT_DUPLICATES, &error);
    size_t described = 0;
    const char *path;
    json_t *methods;
    (void)state;
    assert_non_null(document);
    for (size_t i = 0; i < http_route_count; i++) {
        json_t *methods_of =
            json_object_get(json_object_get(document, "paths"), http_routes[i].pattern);
        char method[8] = "";
        for (size_t j = 0; http_routes[i].method[j]; j++)
            method[j] = (char)(http_routes[i].method[j] | 0x20);
        if (!json_object_get(methods_of, method))
            fail_msg("%s %s is not in openapi.json", method, http_routes[i].pattern);
    }
    json_object_foreach(json_object_get(document, "paths"), path, methods) described +=
        json_object_size(methods);
    assert_int_equal(described, http_route_count);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_route),
        cmocka_unit_test(the_method_tells_apart_what_a_path_may_mean),
        cmocka_unit_test(what_a_path_names_goes_by_the_name_in_its_braces),
        cmocka_unit_test(an_id_is_percent_decoded_after_the_path_was_cut),
        cmocka_unit_test(what_is_no_path_is_not_found),
        cmocka_unit_test(what_is_no_id_is_named),
        cmocka_unit_test(another_method_hears_which_there_are),
        cmocka_unit_test(openapi_describes_every_route_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
