/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"
#include "tests/unit/hex.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include <cmocka.h>

#define ANY_ID "01890a5d-ac96-774b-bcce-b302099a8057"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Room for any struct of these tests, and what it points into. */
static _Alignas(uint64_t) char room[8192];
static struct rentbus_buffer scratch;
static struct rentbus_fault fault;

static int release_scratch(void **state)
{
    (void)state;
    rentbus_buffer_release(&scratch);
    return 0;
}

static int decode(const struct rentbus_schema *schema, const char *json)
{
    fault = (struct rentbus_fault){0};
    return rentbus_json_decode(schema, rentbus_text(json), RENTBUS_STRICT, &scratch, room, &fault);
}

static void assert_encodes(const struct rentbus_schema *schema, const void *value, const char *json)
{
    struct rentbus_buffer out = {0};
    rentbus_json_encode(schema, value, &out);
    rentbus_buffer_append(&out, "", 1);
    assert_false(out.failed);
    assert_string_equal(out.data, json);
    rentbus_buffer_release(&out);
}

/* Reads one text and writes another, which is read as the same. */
static void assert_becomes(const struct rentbus_schema *schema, const char *json,
                           const char *wanted)
{
    if (decode(schema, json) != 0)
        fail_msg("%s: %s %s", json, fault.field, fault.message);
    assert_encodes(schema, room, wanted);
    assert_int_equal(decode(schema, wanted), 0);
    assert_encodes(schema, room, wanted);
}

static void assert_refused(const struct rentbus_schema *schema, const char *json, int code,
                           const char *field, const char *message)
{
    assert_int_equal(decode(schema, json), code);
    assert_int_equal(fault.code, code);
    assert_string_equal(fault.field, field);
    assert_string_equal(fault.message, message);
}

static void a_scan_is_read_as_devices_send_it(void **state)
{
    (void)state;
    assert_becomes(
        &rentbus_return_args_schema,
        "{ \"timestamp\": \"2025-02-10T11:00:00+00:00\",\n"
        "  \"location_id\": \"jojanga-location-01\",\n"
        "  \"user_qr_data\": \"dHBnX3UwMDAx\",\n"
        "  \"asset_qr_data\": \"dHBnX2EwMDAwMQ==\" }\n",
        "{\"timestamp\":\"2025-02-10T11:00:00Z\",\"location_id\":\"jojanga-location-01\","
        "\"user_qr_data\":\"dHBnX3UwMDAx\",\"asset_qr_data\":\"dHBnX2EwMDAwMQ==\"}");
}

#define OPEN_RENTAL                                                                                \
    "{\"id\":\"r\",\"rev\":1,\"status\":\"IN_PROGRESS\",\"user_id\":\"u\",\"asset_id\":\"a\","     \
    "\"renewals\":0,\"created_at\":\"2025-02-10T11:00:00Z\","                                      \
    "\"expires_at\":\"2025-02-17T11:00:00Z\",\"created_seq\":7,\"returned_at\":null,"              \
    "\"eligible_asset_types\":[\"mug\",\"cup\"],\"created_at_location_id\":\"l\","                 \
    "\"returned_at_location_id\":null}"

static void what_a_rental_has_not_is_null_or_left_out(void **state)
{
    (void)state;
    assert_becomes(&rentbus_rental_schema, OPEN_RENTAL, OPEN_RENTAL);
    struct rentbus_rental *rental = (struct rentbus_rental *)room;
    assert_false(RENTBUS_HAS(rental, rental, returned_at));
    assert_false(RENTBUS_HAS(rental, rental, flag_reason));
}

static void every_kind_has_its_json_form(void **state)
{
    (void)state;
    assert_becomes(&rentbus_command_get_args_schema,
                   "{\"command_id\":\"01890A5D-AC96-774B-BCCE-B302099A8057\"}",
                   "{\"command_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}");
    assert_becomes(&rentbus_asset_type_put_args_schema, "{\"id\":\"mug\",\"loan_period\":\"P1W\"}",
                   "{\"id\":\"mug\",\"loan_period\":\"P7D\"}");
    assert_becomes(&rentbus_rental_list_args_schema,
                   "{\"expired\":false,\"limit\":9223372036854775807}",
                   "{\"limit\":9223372036854775807,\"expired\":false}");
    assert_becomes(&rentbus_verify_result_schema,
                   "{\"hash\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"events\":1,"
                   "\"rentals\":2,\"commands\":3}",
                   "{\"hash\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"events\":1,"
                   "\"rentals\":2,\"commands\":3}");
    assert_becomes(&rentbus_user_page_schema,
                   "{\"users\":[{\"name\":\"A\",\"id\":\"1\"},{\"id\":\"2\"}]}",
                   "{\"users\":[{\"id\":\"1\",\"name\":\"A\"},{\"id\":\"2\"}]}");
    assert_becomes(&rentbus_empty_schema, "{}", "{}");
}

#define SCAN "\"timestamp\":\"2025-02-10T11:00:00Z\",\"clock_offset_ms\":"

static void an_integer_may_be_negative(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0", "-1", "86400000", "-9223372036854775808",
                                          "9223372036854775807"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char json[128];
        snprintf(json, sizeof(json), "{" SCAN "%s}", numbers[i]);
        assert_becomes(&rentbus_return_args_schema, json, json);
    }
    assert_becomes(&rentbus_return_args_schema, "{" SCAN "-0}", "{" SCAN "0}");
    assert_refused(&rentbus_return_args_schema, "{" SCAN "-1.0}", RENTBUS_ERROR_INVALID_ARGUMENT,
                   "clock_offset_ms", "is not an integer");
    assert_refused(&rentbus_return_args_schema, "{" SCAN "\"-1\"}", RENTBUS_ERROR_INVALID_ARGUMENT,
                   "clock_offset_ms", "is not an integer");
    assert_refused(&rentbus_return_args_schema, "{" SCAN "-9223372036854775809}",
                   RENTBUS_ERROR_MALFORMED, "",
                   "line 1, column 74: too big negative integer near '-9223372036854775809'");
}

static void text_is_escaped(void **state)
{
    (void)state;
    assert_becomes(
        &rentbus_user_schema,
        "{\"id\":\"\\\"\\\\/\",\"name\":\"\\b\\f\\n\\r\\t\\u0001\\u00e9\\ud83d\\ude00\"}",
        "{\"id\":\"\\\"\\\\/\",\"name\":\"\\b\\f\\n\\r\\t\\u0001\xc3\xa9\xf0\x9f\x98\x80"
        "\"}");
}

static void null_counts_as_absent(void **state)
{
    (void)state;
    assert_becomes(&rentbus_user_schema, "{\"id\":\"1\",\"name\":null}", "{\"id\":\"1\"}");
    assert_refused(&rentbus_user_schema, "{\"id\":null}", RENTBUS_ERROR_INVALID_ARGUMENT, "id",
                   "is required");
}

static void the_rules_are_those_of_the_codec(void **state)
{
    (void)state;
    static const struct {
        const struct rentbus_schema *schema;
        const char *json;
        const char *field;
        const char *message;
    } cases[] = {
        {&rentbus_user_schema, "{}", "id", "is required"},
        {&rentbus_user_schema, "{\"id\":\"\"}", "id", "is not an id of 1 to 128 bytes"},
        {&rentbus_user_schema, "{\"id\":\"a\\nb\"}", "id", "has a control character"},
        {&rentbus_user_schema, "{\"id\":1}", "id", "is not text"},
        {&rentbus_user_schema, "{\"id\":\"1\",\"x\":null}", "x", "is not a field of user"},
        {&rentbus_user_schema, "{\"id\":\"1\",\"n\\n\":{}}", "n?", "is not a field of user"},
        {&rentbus_list_args_schema, "{\"limit\":5.0}", "limit", "is not an unsigned integer"},
        {&rentbus_list_args_schema, "{\"limit\":-1}", "limit", "is out of range"},
        {&rentbus_list_args_schema, "{\"limit\":\"5\"}", "limit", "is not an unsigned integer"},
        {&rentbus_command_get_args_schema, "{\"command_id\":\"x\"}", "command_id",
         "is not a UUID of 16 bytes"},
        {&rentbus_command_get_args_schema, "{\"command_id\":5}", "command_id",
         "is not a UUID of 16 bytes"},
        {&rentbus_verify_result_schema, "{\"hash\":\"AAAA\"}", "hash", "is not a hash of 32 bytes"},
        {&rentbus_verify_result_schema, "{\"hash\":\"*\"}", "hash", "is not a hash of 32 bytes"},
        {&rentbus_complete_data_schema, "{\"rental\":[]}", "rental", "is not a map"},
        {&rentbus_complete_data_schema, "{\"rental\":{\"rev\":true}}", "rental.rev",
         "is not an unsigned integer"},
        {&rentbus_user_page_schema, "{\"users\":{}}", "users", "is not an array of maps"},
        {&rentbus_user_page_schema, "{\"users\":[1]}", "users", "has an item that is not a map"},
        {&rentbus_return_args_schema, "{\"timestamp\":\"2025-02-30T00:00:00Z\"}", "timestamp",
         "is not an RFC 3339 time with a zone"},
        {&rentbus_return_args_schema, "[]", "", "return_args is not a JSON object"},
        {&rentbus_return_args_schema, "\"x\"", "", "return_args is not a JSON object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].schema, cases[i].json, RENTBUS_ERROR_INVALID_ARGUMENT,
                       cases[i].field, cases[i].message);
}

static void bad_json_has_its_line_and_column(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "{\"id\":\"1\"",
        "{\"id\":\"1\"}}",
        "{\"id\":'1'}",
        "{\"id\":\"\\ud800\"}",
        "nope",
        "{\"id\":\"\xff\"}",
        "{\"id\":\"\\u0000\"}",
        "{\"id\":01}",
        "{\"limit\":99999999999999999999}",
        "{\"id\":\"1\",\"id\":\"2\"}",
        "{\"id\":1e999}",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(decode(&rentbus_user_schema, bad[i]), RENTBUS_ERROR_MALFORMED);
        assert_non_null(strstr(fault.message, "line 1, column "));
        assert_true(rentbus_utf8_valid(fault.message, strlen(fault.message)));
    }
    assert_int_equal(decode(&rentbus_user_schema, "{\n\n\"id\" 1}"), RENTBUS_ERROR_MALFORMED);
    assert_non_null(strstr(fault.message, "line 3, column "));
}

/* `opening` so many times around `core`. */
static char *nested(const char *opening, const char *closing, int depth, const char *core)
{
    size_t size = (strlen(opening) + strlen(closing)) * (size_t)depth + strlen(core) + 1;
    char *text = calloc(size, 1);
    assert_non_null(text);
    for (int i = 0; i < depth; i++)
        strncat(text, opening, size - strlen(text) - 1);
    strncat(text, core, size - strlen(text) - 1);
    for (int i = 0; i < depth; i++)
        strncat(text, closing, size - strlen(text) - 1);
    return text;
}

static void depth_ends_where_it_ends_in_cbor(void **state)
{
    (void)state;
    static const struct {
        int depth;
        int result;
    } cases[] = {{7, 0}, {8, RENTBUS_ERROR_MALFORMED}, {1000, RENTBUS_ERROR_MALFORMED}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *inner = nested("[", "]", cases[i].depth, "");
        char *json =
            nested("{\"id\":\"" ANY_ID "\",\"ok\":true,\"v\":1,\"result\":", "}", 1, inner);
        assert_int_equal(decode(&rentbus_reply_schema, json), cases[i].result);
        free(inner);
        free(json);
    }
    assert_string_equal(fault.message, "the message is nested too deeply");
}

static void json_over_the_limit_is_too_large(void **state)
{
    (void)state;
    size_t length = rentbus_request_limits.bytes + 1;
    char *json = malloc(length);
    assert_non_null(json);
    memset(json, ' ', length);
    struct rentbus_text text = {json, length};
    assert_int_equal(
        rentbus_json_decode(&rentbus_user_schema, text, RENTBUS_STRICT, &scratch, room, &fault),
        RENTBUS_ERROR_TOO_LARGE);
    free(json);
}

static void wide_objects_are_too_large(void **state)
{
    (void)state;
    json_t *object = json_object();
    for (int i = 0; i <= RENTBUS_CBOR_MAP_MAX; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        json_object_set_new(object, key, json_true());
    }
    json_t *reply = json_pack("{s:i,s:s,s:b,s:o}", "v", 1, "id", ANY_ID, "ok", 1, "result", object);
    assert_int_equal(rentbus_json_decode_object(&rentbus_reply_schema, reply, RENTBUS_STRICT,
                                                &scratch, room, &fault),
                     RENTBUS_ERROR_TOO_LARGE);
    json_object_del(object, "k0");
    assert_int_equal(rentbus_json_decode_object(&rentbus_reply_schema, reply, RENTBUS_STRICT,
                                                &scratch, room, &fault),
                     0);
    json_decref(reply);
}

static void lenient_reading_passes_over_what_is_unknown(void **state)
{
    (void)state;
    struct rentbus_text json = rentbus_text("{\"id\":\"1\",\"new\":{\"a\":[1]}}");
    assert_int_equal(
        rentbus_json_decode(&rentbus_user_schema, json, RENTBUS_LENIENT, &scratch, room, &fault),
        0);
    assert_encodes(&rentbus_user_schema, room, "{\"id\":\"1\"}");
}

/* ---- items of any type ---- */

static void assert_item(const char *hex, const char *json)
{
    struct rentbus_bytes bytes = hex_read(hex);
    json_t *value = rentbus_json_from_cbor(bytes);
    assert_non_null(value);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    assert_string_equal(text, json);
    free(text);
    json_decref(value);
    hex_release(&bytes);
}

static void any_item_maps_by_its_type(void **state)
{
    (void)state;
    assert_item("00", "0");
    assert_item("1b7fffffffffffffff", "9223372036854775807");
    assert_item("1b8000000000000000", "9.2233720368547758e18");
    assert_item("20", "-1");
    assert_item("3b7fffffffffffffff", "-9223372036854775808");
    assert_item("3b8000000000000000", "-9.2233720368547758e18");
    assert_item("43010203", "\"AQID\"");
    assert_item("40", "\"\"");
    assert_item("626100", "\"a\\u0000\"");
    assert_item("8301820203a0", "[1,[2,3],{}]");
    assert_item("a2616101616280", "{\"a\":1,\"b\":[]}");
    assert_item("c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\"");
    assert_item("83f4f5f6", "[false,true,null]");
    assert_item("82f7f0", "[null,null]");
    assert_item("f93e00", "1.5");
    assert_item("f93c00", "1.0");
    assert_item("fb3fb999999999999a", "0.10000000000000001");
    assert_item("83f97e00f97c00f9fc00", "[null,null,null]");
}

static void assert_real(double value, const char *text)
{
    struct rentbus_buffer item = {0};
    struct rentbus_reply reply = {0};
    char json[64];
    rentbus_cbor_write_double(&item, value);
    RENTBUS_SET(&reply, reply, result, ((struct rentbus_bytes){item.data, item.length}));
    snprintf(json, sizeof(json), "{\"result\":%s}", text);
    assert_encodes(&rentbus_reply_schema, &reply, json);
    rentbus_buffer_release(&item);
}

static void reals_are_as_short_as_they_can_be(void **state)
{
    (void)state;
    assert_real(0.1, "0.1");
    assert_real(-0.0, "-0.0");
    assert_real(100.0, "100.0");
    assert_real(1e300, "1e+300");
    assert_real(1.0 / 3, "0.3333333333333333");
    assert_real(5e-324, "4.94065645841247e-324");
}

static void reals_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    assert_real(1.5, "1.5");
    setlocale(LC_NUMERIC, "C");
}

static void keys_of_any_object_are_sorted(void **state)
{
    (void)state;
    assert_int_equal(decode(&rentbus_reply_schema,
                            "{\"v\":1,\"id\":\"" ANY_ID
                            "\",\"ok\":true,\"result\":{\"bb\":1,\"c\":[-1,1.5],"
                            "\"a\":{\"y\":null,\"x\":\"\"}}}"),
                     0);
    const struct rentbus_reply *reply = (const struct rentbus_reply *)room;
    struct rentbus_buffer result = {0};
    rentbus_buffer_append(&result, reply->result.data, reply->result.length);
    assert_true(hex_equal(&result, "a3 6161 a2 6178 60 6179 f6 6163 82 20 f93e00 626262 01"));
    rentbus_buffer_release(&result);
}

/* ---- events ---- */

#define EVENT_HEAD "{\"id\":\"l-7\",\"seq\":7,\"data\":"
#define EVENT_REST(type)                                                                           \
    ",\"hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","                                  \
    "\"time\":\"2025-02-10T11:00:00Z\",\"type\":\"" type "\",\"actor\":\"uid:0\","                 \
    "\"source\":\"/rentbus/l\",\"command\":\"" ANY_ID "\","                                        \
    "\"specversion\":\"1.0\"}"

static void data_of_a_known_event_has_the_forms_of_its_struct(void **state)
{
    (void)state;
    assert_becomes(&rentbus_event_schema,
                   EVENT_HEAD "{\"rental\":" OPEN_RENTAL "}" EVENT_REST("RENTAL_CREATED_EVENT"),
                   EVENT_HEAD "{\"rental\":" OPEN_RENTAL "}" EVENT_REST("RENTAL_CREATED_EVENT"));
    /* The nulls of the JSON form are not in the CBOR form. */
    const struct rentbus_event *event = (const struct rentbus_event *)room;
    assert_null(memmem(event->data.data, event->data.length, "\xf6", 1));
    assert_int_equal(event->command.bytes[0], 1);
}

static void data_of_another_event_is_what_it_is(void **state)
{
    (void)state;
    assert_becomes(&rentbus_event_schema,
                   EVENT_HEAD "{\"rental\":null,\"x\":[1]}" EVENT_REST("MY_EVENT"),
                   EVENT_HEAD "{\"x\":[1],\"rental\":null}" EVENT_REST("MY_EVENT"));
    assert_becomes(&rentbus_event_schema, EVENT_HEAD "5" EVENT_REST("MY_EVENT"),
                   EVENT_HEAD "5" EVENT_REST("MY_EVENT"));
}

static void data_with_more_than_we_know_loses_nothing(void **state)
{
    (void)state;
    assert_becomes(
        &rentbus_event_schema,
        EVENT_HEAD
        "{\"head\":1,\"news\":2,\"ledger\":\"l\",\"version\":\"9\"}" EVENT_REST("HELLO_EVENT"),
        EVENT_HEAD
        "{\"head\":1,\"ledger\":\"l\",\"version\":\"9\",\"news\":2}" EVENT_REST("HELLO_EVENT"));
}

static void a_list_item_of_another_shape_is_written_by_its_types(void **state)
{
    (void)state;
    struct rentbus_user_page page = {0};
    struct rentbus_bytes items = hex_read("a1626964627531 a1626e6f05 a1626964627532");
    RENTBUS_SET(&page, user_page, users, ((struct rentbus_list){items.data, items.length, 3}));
    assert_encodes(&rentbus_user_page_schema, &page,
                   "{\"users\":[{\"id\":\"u1\"},{\"no\":5},{\"id\":\"u2\"}]}");
    hex_release(&items);
}

static void a_parsed_value_equals_the_text(void **state)
{
    (void)state;
    assert_int_equal(decode(&rentbus_rental_schema, OPEN_RENTAL), 0);
    json_t *value = rentbus_json_from(&rentbus_rental_schema, room);
    json_t *wanted = json_loads(OPEN_RENTAL, 0, NULL);
    assert_true(json_equal(value, wanted));
    json_decref(value);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_is_read_as_devices_send_it),
        cmocka_unit_test(what_a_rental_has_not_is_null_or_left_out),
        cmocka_unit_test(every_kind_has_its_json_form),
        cmocka_unit_test(an_integer_may_be_negative),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(the_rules_are_those_of_the_codec),
        cmocka_unit_test(bad_json_has_its_line_and_column),
        cmocka_unit_test(depth_ends_where_it_ends_in_cbor),
        cmocka_unit_test(json_over_the_limit_is_too_large),
        cmocka_unit_test(wide_objects_are_too_large),
        cmocka_unit_test(lenient_reading_passes_over_what_is_unknown),
        cmocka_unit_test(any_item_maps_by_its_type),
        cmocka_unit_test(reals_are_as_short_as_they_can_be),
        cmocka_unit_test(reals_do_not_depend_on_the_locale),
        cmocka_unit_test(keys_of_any_object_are_sorted),
        cmocka_unit_test(data_of_a_known_event_has_the_forms_of_its_struct),
        cmocka_unit_test(data_of_another_event_is_what_it_is),
        cmocka_unit_test(data_with_more_than_we_know_loses_nothing),
        cmocka_unit_test(a_list_item_of_another_shape_is_written_by_its_types),
        cmocka_unit_test(a_parsed_value_equals_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, release_scratch);
}
