/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
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

static void a_return_says_all_that_a_scan_may(void **state)
{
    struct rentbus_return_args args;
    void *storage = NULL;
    (void)state;
    assert_int_equal(read_return("{\"return_date\":\"1970-01-01T00:00:01Z\",\"override\":\"rain\","
                                 "\"device_id\":\"d1\",\"device_seq\":7,"
                                 "\"clock_offset_ms\":-2500}",
                                 &args, &storage),
                     0);
    assert_true(rentbus_text_equal(args.override, rentbus_text("rain")));
    assert_true(rentbus_text_equal(args.device_id, rentbus_text("d1")));
    assert_true(args.device_seq == 7 && args.clock_offset_ms == -2500);
    assert_true(RENTBUS_HAS(&args, return_args, override));
    assert_true(RENTBUS_HAS(&args, return_args, device_id));
    assert_true(RENTBUS_HAS(&args, return_args, device_seq));
    assert_true(RENTBUS_HAS(&args, return_args, clock_offset_ms));
    rentbus_free(storage);
    storage = NULL;
    assert_int_equal(read_return("{}", &args, &storage), 0);
    assert_int_equal(args.has,
                     RENTBUS_BIT(return_args, rental_id) | RENTBUS_BIT(return_args, timestamp));
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
        {"{\"clock_offset_ms\":5}", RENTBUS_ERROR_INVALID_ARGUMENT, "clock_offset_ms"},
        {"{\"clock_offset_ms\":1.5}", RENTBUS_ERROR_INVALID_ARGUMENT, "clock_offset_ms"},
        {"{\"device_seq\":-1}", RENTBUS_ERROR_INVALID_ARGUMENT, "device_seq"},
        {"{\"device_id\":7}", RENTBUS_ERROR_INVALID_ARGUMENT, "device_id"},
        {"{\"override\":true}", RENTBUS_ERROR_INVALID_ARGUMENT, "override"},
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

static int read_with_id(const struct rentbus_schema *schema, const char *body, void *args,
                        void **storage)
{
    return http_body_with_id(schema, rentbus_text("u1"), rentbus_text(body), args, storage, &fault);
}

static void the_path_gives_the_id(void **state)
{
    static const char *const bodies[] = {"{\"name\":\"Ann\"}", "{\"id\":\"u1\",\"name\":\"Ann\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct rentbus_user user;
        void *storage = NULL;
        assert_int_equal(read_with_id(&rentbus_user_schema, bodies[i], &user, &storage), 0);
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
    assert_int_equal(read_with_id(&rentbus_user_schema, "{\"id\":\"u2\"}", &user, &storage),
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
    assert_int_equal(read_with_id(&rentbus_asset_put_args_schema, "", &asset, &storage),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "asset_type");
    assert_int_equal(
        http_body_args(&rentbus_return_args_schema, rentbus_text(""), &scan, &storage, &fault),
        RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "timestamp");
}

static void every_struct_that_a_path_names_has_an_id_and_room(void **state)
{
    static const enum rentbus_op ops[] = {
        RENTBUS_OP_user_put,     RENTBUS_OP_asset_put,     RENTBUS_OP_asset_type_put,
        RENTBUS_OP_location_put, RENTBUS_OP_rental_renew,  RENTBUS_OP_rental_forgive,
        RENTBUS_OP_rental_flag,  RENTBUS_OP_rental_unflag, RENTBUS_OP_user_block,
        RENTBUS_OP_user_unblock,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct rentbus_asset_type_put_args largest;
        void *storage = NULL;
        const struct rentbus_schema *schema = rentbus_op_rows[ops[i]].args;
        assert_true(schema->size <= sizeof(largest));
        assert_true(read_with_id(schema, "{\"id\":\"u2\"}", &largest, &storage) > 0);
    }
}

static void a_rentals_commands_take_its_id_from_the_path(void **state)
{
    static const char *const bodies[] = {"{\"period\":\"P1D\"}",
                                         "{\"rental_id\":\"u1\",\"period\":\"P1D\"}"};
    const struct rentbus_schema *schema = &rentbus_renew_args_schema;
    struct rentbus_renew_args args;
    void *storage = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(read_with_id(schema, bodies[i], &args, &storage), 0);
        assert_true(RENTBUS_HAS(&args, renew_args, rental_id));
        assert_true(rentbus_text_equal(args.rental_id, rentbus_text("u1")));
        assert_true(args.period == 86400);
        rentbus_free(storage);
    }
    assert_int_equal(read_with_id(schema, "{\"rental_id\":\"r2\"}", &args, &storage),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, "rental_id");
}

/* ---- dry runs ---- */

static int read_dry_run(const char *text, struct rentbus_unflag_args *args)
{
    char query[64];
    snprintf(query, sizeof(query), "%s", text);
    return http_body_dry_run(&rentbus_unflag_args_schema, query, args, &fault);
}

static void a_query_may_say_dry_run(void **state)
{
    struct rentbus_unflag_args args = {0};
    (void)state;
    assert_int_equal(http_body_dry_run(&rentbus_unflag_args_schema, NULL, &args, &fault), 0);
    assert_int_equal(read_dry_run("", &args), 0);
    assert_false(RENTBUS_HAS(&args, unflag_args, dry_run));
    assert_int_equal(read_dry_run("dry_run=true", &args), 0);
    assert_true(RENTBUS_HAS(&args, unflag_args, dry_run));
    assert_true(args.dry_run);
    assert_int_equal(read_dry_run("dry_run=true", &args), 0);
}

/* Better nothing is done than something that was not meant. */
static void a_query_that_says_anything_else_is_refused(void **state)
{
    static const struct {
        const char *query;
        const char *field;
    } cases[] = {{"dry_run=false", "dry_run"},
                 {"dry_run=1", "dry_run"},
                 {"dry_run", "dry_run"},
                 {"dryrun=true", "dryrun"},
                 {"has=1", "has"},
                 {"dry_run=true&dry_run=true", "dry_run"},
                 {"dry_run=%", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rentbus_unflag_args args = {0};
        RENTBUS_SET(&args, unflag_args, dry_run, true);
        if (read_dry_run(cases[i].query, &args) != RENTBUS_ERROR_INVALID_ARGUMENT ||
            strcmp(fault.field, cases[i].field) != 0)
            fail_msg("%s: field \"%s\"", cases[i].query, fault.field);
        assert_true(args.dry_run);
    }
}

static void a_return_of_a_rental_may_be_a_dry_run(void **state)
{
    struct rentbus_return_args args;
    void *storage = NULL;
    (void)state;
    assert_int_equal(read_return("{\"dry_run\":true}", &args, &storage), 0);
    assert_true(RENTBUS_HAS(&args, return_args, dry_run) && args.dry_run);
    rentbus_free(storage);
}

/* ---- batches ---- */

static struct rentbus_client *client;

static int client_setup(void **state)
{
    struct rentbus_options nowhere = {.api = "ipc:///nonexistent/api",
                                      .events = "ipc:///nonexistent/events"};
    (void)state;
    return rentbus_client_open(&nowhere, &client);
}

static int client_teardown(void **state)
{
    (void)state;
    rentbus_client_close(&client);
    return 0;
}

static int read_batch(const char *body, struct rentbus_batch_args *args, void **storage)
{
    return http_body_batch(rentbus_text(body), client, args, storage, &fault);
}

static void a_command_without_an_id_gets_one(void **state)
{
    static const char given[] = "0192f0c1-2345-7890-abcd-ef0123456789";
    static const char body[] = "{\"atomic\":true,\"commands\":["
                               "{\"op\":\"user.put\",\"args\":{\"id\":\"u1\"}},"
                               "{\"op\":\"user.put\",\"args\":{\"id\":\"u2\"},"
                               "\"id\":\"0192f0c1-2345-7890-abcd-ef0123456789\"},"
                               "{\"op\":\"user.put\",\"args\":{\"id\":\"u3\"},\"id\":null}]}";
    struct rentbus_batch_args args;
    struct rentbus_batch_command commands[3];
    char text[RENTBUS_UUID_TEXT_SIZE + 1];
    size_t position = 0;
    void *storage = NULL;
    (void)state;
    assert_int_equal(read_batch(body, &args, &storage), 0);
    assert_true(RENTBUS_HAS(&args, batch_args, atomic) && args.atomic);
    assert_int_equal(args.commands.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rentbus_list_next(&args.commands, &rentbus_batch_command_schema, &position,
                                           &commands[i]),
                         1);
    rentbus_uuid_format(commands[1].id, text);
    assert_string_equal(text, given);
    assert_memory_not_equal(&commands[0].id, &commands[2].id, RENTBUS_UUID_SIZE);
    rentbus_uuid_format(commands[2].id, text);
    assert_true(text[14] == '7');
    rentbus_free(storage);
}

static void a_bad_batch_is_named(void **state)
{
    static const struct {
        const char *body;
        int error;
        const char *field;
    } cases[] = {
        {"", RENTBUS_ERROR_INVALID_ARGUMENT, "commands"},
        {"{", RENTBUS_ERROR_MALFORMED, ""},
        {"[]", RENTBUS_ERROR_INVALID_ARGUMENT, ""},
        {"5", RENTBUS_ERROR_INVALID_ARGUMENT, ""},
        {"{\"commands\":5}", RENTBUS_ERROR_INVALID_ARGUMENT, "commands"},
        {"{\"commands\":[5]}", RENTBUS_ERROR_INVALID_ARGUMENT, "commands"},
        {"{\"commands\":[[{}]]}", RENTBUS_ERROR_INVALID_ARGUMENT, "commands"},
        {"{\"commands\":[],\"commands\":[]}", RENTBUS_ERROR_MALFORMED, ""},
        {"{\"commands\":[],\"dry_run\":true}", RENTBUS_ERROR_INVALID_ARGUMENT, "dry_run"},
        {"{\"commands\":[],\"atomic\":\"yes\"}", RENTBUS_ERROR_INVALID_ARGUMENT, "atomic"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rentbus_batch_args args;
        void *storage = NULL;
        int error = read_batch(cases[i].body, &args, &storage);
        if (error != cases[i].error || strcmp(fault.field, cases[i].field) != 0)
            fail_msg("%s: %d, field \"%s\"", cases[i].body, error, fault.field);
        assert_null(storage);
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
        cmocka_unit_test(a_return_says_all_that_a_scan_may),
        cmocka_unit_test(a_bad_return_is_named),
        cmocka_unit_test(the_path_gives_the_id),
        cmocka_unit_test(another_id_than_the_paths_is_refused),
        cmocka_unit_test(what_is_required_is_missed),
        cmocka_unit_test(every_struct_that_a_path_names_has_an_id_and_room),
        cmocka_unit_test(a_rentals_commands_take_its_id_from_the_path),
        cmocka_unit_test(a_query_may_say_dry_run),
        cmocka_unit_test(a_query_that_says_anything_else_is_refused),
        cmocka_unit_test(a_return_of_a_rental_may_be_a_dry_run),
        cmocka_unit_test_setup_teardown(a_command_without_an_id_gets_one, client_setup,
                                        client_teardown),
        cmocka_unit_test_setup_teardown(a_bad_batch_is_named, client_setup, client_teardown),
        cmocka_unit_test(json_is_what_bodies_are),
        cmocka_unit_test(what_is_named_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
