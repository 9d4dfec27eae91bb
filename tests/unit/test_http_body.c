/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "bridge-http/body.h"
#include "bridge-http/media.h"

static struct rentbus_fault fault;

/* ---- PUT /rentals/{id} ---- */

#define NOW INT64_C(1700000000000000)

static int read_return(const char *body, struct rentbus_return_args *args, void **storage)
{
    return http_body_return(rentbus_text("r1"), NOW, rentbus_text(body), args, storage, &fault);
}

static void a_return_without_a_body_is_now(void **state)
{
    static const char *const bodies[] = {"", "{}", " {} ", "{\"return_date\":null}"};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct rentbus_return_args args;
        void *storage = NULL;
        assert_int_equal(read_return(bodies[i], &args, &storage), 0);
        assert_true(args.timestamp == NOW);
        assert_true(rentbus_text_equal(args.rental_id, rentbus_text("r1")));
        assert_false(RENTBUS_HAS(&args, return_args, location_id));
        rentbus_free(storage);
    }
}

static void a_return_says_when_and_where(void **state)
{
    struct rentbus_return_args args;
    void *storage = NULL;
    (void)state;
    assert_int_equal(read_return("{\"return_date\":\"1970-01-01T01:00:01.5+01:00\","
                                 "\"location_id\":\"bin\"}",
                                 &args, &storage),
                     0);
    assert_true(args.timestamp == 1500000);
    assert_true(RENTBUS_HAS(&args, return_args, location_id));
    assert_true(rentbus_text_equal(args.location_id, rentbus_text("bin")));
    rentbus_free(storage);
}

static void a_bad_return_is_named(void **state)
{
    static const struct {
        const char *body;
        int error;
        const char *field;
    } cases[] = {
        {"{\"return_date\":\"2025-02-30T00:00:00Z\"}", RENTBUS_ERROR_INVALID_ARGUMENT,
         "return_date"},
        {"{\"return_date\":\"2025-02-10\"}", RENTBUS_ERROR_INVALID_ARGUMENT, "return_date"},
        {"{\"return_date\":\"2025-02-10T11:00:00\"}", RENTBUS_ERROR_INVALID_ARGUMENT,
         "return_date"},
        {"{\"return_date\":5}", RENTBUS_ERROR_INVALID_ARGUMENT, "return_date"},
        {"{\"location_id\":\"\"}", RENTBUS_ERROR_INVALID_ARGUMENT, "location_id"},
        {"{\"location_id\":[]}", RENTBUS_ERROR_INVALID_ARGUMENT, "location_id"},
        {"{\"rental_id\":\"r2\"}", RENTBUS_ERROR_INVALID_ARGUMENT, "rental_id"},
        {"{", RENTBUS_ERROR_MALFORMED, ""},
        {"[]", RENTBUS_ERROR_INVALID_ARGUMENT, ""},
        {"return_date=x", RENTBUS_ERROR_MALFORMED, ""},
        {"{} {}", RENTBUS_ERROR_MALFORMED, ""},
        {"{\"location_id\":\"a\",\"location_id\":\"b\"}", RENTBUS_ERROR_MALFORMED, ""},
        {"\xff", RENTBUS_ERROR_MALFORMED, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rentbus_return_args args;
        void *storage = NULL;
        int error = read_return(cases[i].body, &args, &storage);
        if (error != cases[i].error || strcmp(fault.field, cases[i].field) != 0)
            fail_msg("%s: %d, field \"%s\"", cases[i].body, error, fault.field);
        assert_null(storage);
    }
}

/* ---- PUT /users/{id} and such ---- */

static int read_put(const struct rentbus_schema *schema, const char *body, void *args,
                    void **storage)
{
    return http_body_put(schema, rentbus_text("u1"), rentbus_text(body), args, storage, &fault);
}

static void the_path_gives_the_id(void **state)
{
    static const char *const bodies[] = {"{\"name\":\"Ann\"}", "{\"id\":\"u1\",\"name\":\"Ann\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct rentbus_user user;
        void *storage = NULL;
        assert_int_equal(read_put(&rentbus_user_schema, bodies[i], &user, &storage), 0);
        assert_true(rentbus_text_equal(user.id, rentbus_text("u1")));
        assert_true(rentbus_text_equal(user.name, rentbus_text("Ann")));
        assert_true(RENTBUS_HAS(&user, user, id));
        rentbus_free(storage);
    }
}

static void another_id_than_the_paths_is_refused(void **state)
{
    struct rentbus_user user;
    void *storage = NULL;
    (void)state;
    assert_int_equal(read_put(&rentbus_user_schema, "{\"id\":\"u2\"}", &user, &storage),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "id");
    assert_null(storage);
}

static void what_is_required_is_missed(void **state)
{
    struct rentbus_asset_put_args asset;
    struct rentbus_return_args scan;
    void *storage = NULL;
    (void)state;
    assert_int_equal(read_put(&rentbus_asset_put_args_schema, "", &asset, &storage),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "asset_type");
    assert_int_equal(
        http_body_args(&rentbus_return_args_schema, rentbus_text(""), &scan, &storage, &fault),
        RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "timestamp");
}

static void every_struct_that_is_put_has_an_id_and_room(void **state)
{
    static const enum rentbus_op ops[] = {RENTBUS_OP_user_put, RENTBUS_OP_asset_put,
                                          RENTBUS_OP_asset_type_put, RENTBUS_OP_location_put};
    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct rentbus_asset_type_put_args largest;
        void *storage = NULL;
        const struct rentbus_schema *schema = rentbus_op_rows[ops[i]].args;
        assert_true(schema->size <= sizeof(largest));
        assert_true(read_put(schema, "{\"id\":\"u2\"}", &largest, &storage) > 0);
    }
}

/* ---- media types ---- */

static void json_is_what_bodies_are(void **state)
{
    (void)state;
    assert_true(http_media_is_json(NULL));
    assert_true(http_media_is_json("application/json"));
    assert_true(http_media_is_json("Application/JSON; charset=utf-8"));
    assert_true(http_media_is_json("application/x-www-form-urlencoded"));
    assert_false(http_media_is_json("text/plain"));
    assert_false(http_media_is_json("application/cbor"));
    assert_false(http_media_is_json("application/jsonx"));
    assert_false(http_media_is_json("json"));
}

static void what_is_named_is_preferred(void **state)
{
    (void)state;
    assert_false(http_media_prefers(NULL, HTTP_TYPE_CBOR));
    assert_false(http_media_prefers("*/*", HTTP_TYPE_CBOR));
    assert_false(http_media_prefers("", HTTP_TYPE_CBOR));
    assert_true(http_media_prefers("application/cbor", HTTP_TYPE_CBOR));
    assert_true(http_media_prefers("application/cbor, */*;q=0.1", HTTP_TYPE_CBOR));
    assert_true(http_media_prefers("text/event-stream", HTTP_TYPE_STREAM));
    assert_false(http_media_prefers("application/json, application/cbor", HTTP_TYPE_CBOR));
    assert_true(http_media_prefers("application/json;q=0.5, application/cbor", HTTP_TYPE_CBOR));
    assert_false(http_media_prefers("application/cbor;q=0", HTTP_TYPE_CBOR));
    assert_false(
        http_media_prefers("application/cbor;q=0.2,application/json;q=0.21", HTTP_TYPE_CBOR));
    assert_false(http_media_prefers(",;,=;q", HTTP_TYPE_CBOR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_without_a_body_is_now),
        cmocka_unit_test(a_return_says_when_and_where),
        cmocka_unit_test(a_bad_return_is_named),
        cmocka_unit_test(the_path_gives_the_id),
        cmocka_unit_test(another_id_than_the_paths_is_refused),
        cmocka_unit_test(what_is_required_is_missed),
        cmocka_unit_test(every_struct_that_is_put_has_an_id_and_room),
        cmocka_unit_test(json_is_what_bodies_are),
        cmocka_unit_test(what_is_named_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
