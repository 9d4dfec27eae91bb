/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <rentbus/rentbus.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JSON "{\"id\":\"bin-1\",\"name\":\"At the door\"}"

static void reads_and_writes_json(void **state)
{
    (void)state;
    struct rentbus_location location;
    struct rentbus_fault fault;
    void *storage = NULL;
    char *source = strdup(JSON);
    assert_int_equal(rentbus_from_json(&rentbus_location_schema, source, strlen(source), &location,
                                       &storage, &fault),
                     0);
    /* The value does not hang on the text that it was read from. */
    memset(source, 'x', strlen(source));
    free(source);
    assert_true(rentbus_text_equal(location.name, rentbus_text("At the door")));
    char *json = rentbus_to_json(&rentbus_location_schema, &location);
    assert_string_equal(json, JSON);
    rentbus_free(json);
    rentbus_free(storage);
    rentbus_free(NULL);
}

static void expect_json_refused(const char *json, int code, const char *field)
{
    struct rentbus_location location;
    struct rentbus_fault fault;
    void *storage = NULL;
    int status = rentbus_from_json(&rentbus_location_schema, json, strlen(json), &location,
                                   &storage, &fault);
    assert_int_equal(status, code);
    assert_int_equal(fault.code, code);
    assert_string_equal(fault.field, field);
    assert_null(storage);
}

static void refuses_json(void **state)
{
    (void)state;
    expect_json_refused("{\"id\":\"bin-1\",\"size\":2}", RENTBUS_ERROR_INVALID_ARGUMENT, "size");
    expect_json_refused("{\"name\":\"bin\"}", RENTBUS_ERROR_INVALID_ARGUMENT, "id");
    expect_json_refused("{\"id\":\"a\",\"id\":\"b\"}", RENTBUS_ERROR_MALFORMED, "");
    expect_json_refused("{", RENTBUS_ERROR_MALFORMED, "");
    expect_json_refused("", RENTBUS_ERROR_MALFORMED, "");
}

static void reads_and_writes_cbor(void **state)
{
    (void)state;
    struct rentbus_location location = {0};
    struct rentbus_location copy;
    struct rentbus_fault fault;
    uint8_t *bytes = NULL;
    size_t length = 0;
    void *storage = NULL;
    RENTBUS_SET(&location, location, id, rentbus_text("bin-1"));
    assert_int_equal(rentbus_to_cbor(&rentbus_location_schema, &location, &bytes, &length), 0);
    assert_int_equal(
        rentbus_from_cbor(&rentbus_location_schema, bytes, length, &copy, &storage, &fault), 0);
    memset(bytes, 0, length);
    rentbus_free(bytes);
    assert_true(rentbus_text_equal(copy.id, rentbus_text("bin-1")));
    assert_false(RENTBUS_HAS(&copy, location, name));
    rentbus_free(storage);
}

static void reads_cbor_of_indefinite_length(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xbf, 0x62, 'i', 'd', 0x7f, 0x61, 'a', 0x61, 'b', 0xff, 0xff};
    struct rentbus_location location;
    struct rentbus_fault fault;
    void *storage = NULL;
    assert_int_equal(rentbus_from_cbor(&rentbus_location_schema, bytes, sizeof(bytes), &location,
                                       &storage, &fault),
                     0);
    assert_true(rentbus_text_equal(location.id, rentbus_text("ab")));
    rentbus_free(storage);
}

static void expect_cbor_refused(const uint8_t *bytes, size_t length, int code)
{
    struct rentbus_location location;
    struct rentbus_fault fault;
    void *storage = NULL;
    int status =
        rentbus_from_cbor(&rentbus_location_schema, bytes, length, &location, &storage, &fault);
    assert_int_equal(status, code);
    assert_int_equal(fault.code, code);
    assert_null(storage);
}

static void refuses_cbor(void **state)
{
    (void)state;
    expect_cbor_refused((const uint8_t *)"\xa1\x62id", 4, RENTBUS_ERROR_MALFORMED);
    expect_cbor_refused((const uint8_t *)"\xa0\x00", 2, RENTBUS_ERROR_MALFORMED);
    expect_cbor_refused((const uint8_t *)"\xa0", 1, RENTBUS_ERROR_INVALID_ARGUMENT);
    expect_cbor_refused((const uint8_t *)"\xbf\xff", 2, RENTBUS_ERROR_INVALID_ARGUMENT);
    expect_cbor_refused(NULL, 0, RENTBUS_ERROR_MALFORMED);
}

static void reads_the_data_of_an_event(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xa1, 0x62, 'i', 'd', 0x61, 'a'};
    struct rentbus_event event = {0};
    struct rentbus_location location;
    RENTBUS_SET(&event, event, data, ((struct rentbus_bytes){bytes, sizeof(bytes)}));
    assert_int_equal(rentbus_event_data(&event, &rentbus_location_schema, &location), 0);
    assert_true(rentbus_text_equal(location.id, rentbus_text("a")));
    assert_int_equal(
        rentbus_event_data(&event, &rentbus_rental_schema, &(struct rentbus_rental){0}), -EBADMSG);
    event.data.length--;
    assert_int_equal(rentbus_event_data(&event, &rentbus_location_schema, &location), -EBADMSG);
    event.data = (struct rentbus_bytes){0};
    assert_int_equal(rentbus_event_data(&event, &rentbus_location_schema, &location), -EBADMSG);
}

static void knows_its_version(void **state)
{
    (void)state;
    assert_string_equal(rentbus_version(), RENTBUS_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_json), cmocka_unit_test(refuses_json),
        cmocka_unit_test(reads_and_writes_cbor), cmocka_unit_test(reads_cbor_of_indefinite_length),
        cmocka_unit_test(refuses_cbor),          cmocka_unit_test(reads_the_data_of_an_event),
        cmocka_unit_test(knows_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
