/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"
#include "tests/unit/hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Room for any struct of these tests. */
static _Alignas(uint64_t) char room[8192];

static struct rentbus_fault fault;

/* Decodes a whole message from hex into `room`; what it points to is not kept. */
static int decode(const struct rentbus_schema *schema, const char *hex,
                  enum rentbus_strictness strictness)
{
    struct rentbus_bytes bytes = hex_read(hex);
    struct rentbus_buffer scratch = {0};
    fault = (struct rentbus_fault){0};
    int result = rentbus_decode_message(schema, bytes, &rentbus_request_limits, strictness,
                                        &scratch, room, &fault);
    rentbus_buffer_release(&scratch);
    hex_release(&bytes);
    return result;
}

static void assert_refused(const struct rentbus_schema *schema, const char *hex, const char *field,
                           const char *message)
{
    int result = decode(schema, hex, RENTBUS_STRICT);
    assert_int_equal(result, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(fault.code, RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(fault.field, field);
    assert_string_equal(fault.message, message);
}

/* A map with one pair: the key as text, and the value in hex. */
static void assert_value_refused(const struct rentbus_schema *schema, const char *key,
                                 const char *value, const char *message)
{
    char hex[4096] = "a1";
    size_t length = strlen(hex);
    length += (size_t)snprintf(hex + length, sizeof(hex) - length, "78%02zx", strlen(key));
    for (const char *at = key; *at; at++)
        length += (size_t)snprintf(hex + length, sizeof(hex) - length, "%02x", (unsigned)*at);
    snprintf(hex + length, sizeof(hex) - length, "%s", value);
    assert_refused(schema, hex, key, message);
}

/* Text of `length` times the same character, as CBOR in hex. */
static const char *long_text(size_t length, char character)
{
    static char hex[8192];
    size_t at = (size_t)snprintf(hex, sizeof(hex), "79%04zx", length);
    for (size_t i = 0; i < length; i++)
        at += (size_t)snprintf(hex + at, sizeof(hex) - at, "%02x", (unsigned)character);
    return hex;
}

/* ---- names ---- */

static void words_are_found_both_ways(void **state)
{
    (void)state;
    const struct rentbus_words *words = &rentbus_status_words;
    assert_int_equal(rentbus_word_find(words, rentbus_text("FLAGGED")), RENTBUS_STATUS_FLAGGED);
    assert_int_equal(rentbus_word_find(words, rentbus_text("IN_PROGRESS")),
                     RENTBUS_STATUS_IN_PROGRESS);
    static const char *const unknown[] = {"", "flagged", "FLAGGE", "FLAGGEDD"};
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_int_equal(rentbus_word_find(words, rentbus_text(unknown[i])), 0);
    assert_int_equal(rentbus_word_find(words, (struct rentbus_text){NULL, 0}), 0);
    assert_int_equal(rentbus_word_find(words, (struct rentbus_text){"FLAGGED\0x", 9}), 0);
    assert_string_equal(rentbus_word_text(words, RENTBUS_STATUS_FORGIVEN), "FORGIVEN");
    assert_string_equal(rentbus_word_text(words, 0), "");
    assert_string_equal(rentbus_word_text(words, -1), "");
    assert_string_equal(rentbus_word_text(words, 99), "");
}

static void every_operation_is_found(void **state)
{
    (void)state;
    for (int op = 0; op < RENTBUS_OP_COUNT; op++)
        assert_int_equal(rentbus_op_find(rentbus_text(rentbus_op_rows[op].wire)), op);
    static const char *const unknown[] = {"", "rental", "rental.gett", "Rental.get", "hell"};
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_int_equal(rentbus_op_find(rentbus_text(unknown[i])), RENTBUS_OP_COUNT);
}

static void fields_are_found_by_name(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_rental_schema;
    assert_int_equal(rentbus_schema_find(schema, "rev", 3), RENTBUS_FIELD_rental_rev);
    assert_int_equal(rentbus_schema_find(schema, "re", 2), schema->count);
    assert_int_equal(rentbus_schema_find(schema, "", 0), schema->count);
}

/* ---- encoding ---- */

static struct rentbus_rental sample_rental(void)
{
    struct rentbus_rental rental = {0};
    RENTBUS_SET(&rental, rental, id, rentbus_text("r1"));
    RENTBUS_SET(&rental, rental, rev, 2);
    RENTBUS_SET(&rental, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(&rental, rental, user_id, rentbus_text("u1"));
    RENTBUS_SET(&rental, rental, asset_id, rentbus_text("a1"));
    RENTBUS_SET(&rental, rental, renewals, 0);
    RENTBUS_SET(&rental, rental, created_at, 0);
    RENTBUS_SET(&rental, rental, expires_at, RENTBUS_DAY);
    RENTBUS_SET(&rental, rental, created_seq, 300);
    RENTBUS_SET(&rental, rental, returned_at, RENTBUS_SECOND / 2);
    rental.eligible_asset_types.items[0] = rentbus_text("mug");
    rental.eligible_asset_types.items[1] = rentbus_text("cup");
    rental.eligible_asset_types.count = 2;
    rental.has |= RENTBUS_BIT(rental, eligible_asset_types);
    RENTBUS_SET(&rental, rental, created_at_location_id, rentbus_text("l1"));
    return rental;
}

static void assert_sample(const struct rentbus_rental *rental)
{
    assert_true(rental->has == sample_rental().has);
    assert_true(rentbus_text_equal(rental->id, rentbus_text("r1")));
    assert_int_equal(rental->rev, 2);
    assert_int_equal(rental->status, RENTBUS_STATUS_COMPLETED);
    assert_int_equal(rental->expires_at, RENTBUS_DAY);
    assert_int_equal(rental->created_seq, 300);
    assert_int_equal(rental->returned_at, RENTBUS_SECOND / 2);
    assert_int_equal(rental->eligible_asset_types.count, 2);
    assert_true(rentbus_text_equal(rental->eligible_asset_types.items[1], rentbus_text("cup")));
    assert_false(RENTBUS_HAS(rental, rental, returned_at_location_id));
}

static void a_rental_is_decoded_as_it_was_encoded(void **state)
{
    (void)state;
    struct rentbus_rental rental = sample_rental();
    struct rentbus_buffer out = {0};
    rentbus_encode(&rentbus_rental_schema, &rental, &out);
    struct rentbus_bytes bytes = {out.data, out.length};
    assert_int_equal(rentbus_cbor_check(bytes, &rentbus_request_limits), RENTBUS_CBOR_OK);
    struct rentbus_rental back;
    assert_int_equal(rentbus_decode(&rentbus_rental_schema, bytes, RENTBUS_STRICT, &back, &fault),
                     0);
    assert_sample(&back);
    rentbus_buffer_release(&out);
}

static void what_is_absent_is_left_out(void **state)
{
    (void)state;
    struct rentbus_user user = {0};
    struct rentbus_buffer out = {0};
    RENTBUS_SET(&user, user, id, rentbus_text("u1"));
    rentbus_encode(&rentbus_user_schema, &user, &out);
    assert_true(hex_equal(&out, "a1 626964 627531"));
    rentbus_buffer_clear(&out);
    RENTBUS_SET(&user, user, name, rentbus_text(""));
    rentbus_encode(&rentbus_user_schema, &user, &out);
    assert_true(hex_equal(&out, "a2 626964 627531 646e616d65 60"));
    rentbus_buffer_clear(&out);
    struct rentbus_empty empty = {0};
    rentbus_encode(&rentbus_empty_schema, &empty, &out);
    assert_true(hex_equal(&out, "a0"));
    rentbus_buffer_release(&out);
}

static void every_kind_has_its_form(void **state)
{
    (void)state;
    struct rentbus_buffer out = {0};
    struct rentbus_asset_type type = {0};
    RENTBUS_SET(&type, asset_type, loan_period, 36 * 3600);
    rentbus_encode(&rentbus_asset_type_schema, &type, &out);
    assert_true(hex_equal(&out, "a1 6b6c6f616e5f706572696f64 675031445431 3248"));
    rentbus_buffer_clear(&out);
    struct rentbus_reply reply = {0};
    RENTBUS_SET(&reply, reply, ok, true);
    RENTBUS_SET(&reply, reply, result, ((struct rentbus_bytes){(const uint8_t *)"\xa0", 1}));
    rentbus_encode(&rentbus_reply_schema, &reply, &out);
    assert_true(hex_equal(&out, "a2 626f6b f5 66726573756c74 a0"));
    rentbus_buffer_clear(&out);
    struct rentbus_command_get_args args = {0};
    memset(args.command_id.bytes, 0xab, RENTBUS_UUID_SIZE);
    args.has = RENTBUS_BIT(command_get_args, command_id);
    rentbus_encode(&rentbus_command_get_args_schema, &args, &out);
    assert_true(hex_equal(&out, "a1 6a636f6d6d616e645f6964 50 abababababababababababababababab"));
    rentbus_buffer_release(&out);
}

static void fields_are_encoded_in_parts(void **state)
{
    (void)state;
    struct rentbus_rental rental = sample_rental();
    struct rentbus_buffer whole = {0};
    struct rentbus_buffer parts = {0};
    rentbus_encode(&rentbus_rental_schema, &rental, &whole);
    size_t middle = RENTBUS_FIELD_rental_renewals;
    size_t last = RENTBUS_FIELDS_OF_rental;
    rentbus_cbor_write_map(&parts, 12);
    size_t count = rentbus_encode_fields(&rentbus_rental_schema, &rental, 0, middle, &parts);
    count += rentbus_encode_fields(&rentbus_rental_schema, &rental, middle, last, &parts);
    assert_int_equal(count, 12);
    assert_int_equal(parts.length, whole.length);
    assert_memory_equal(parts.data, whole.data, whole.length);
    rentbus_buffer_release(&whole);
    rentbus_buffer_release(&parts);
}

/* ---- decoding ---- */

static void keys_may_stand_in_any_order(void **state)
{
    (void)state;
    struct rentbus_list_args *args = (struct rentbus_list_args *)room;
    assert_int_equal(
        decode(&rentbus_list_args_schema, "a2 66637572736f72 6178 656c696d6974 05", RENTBUS_STRICT),
        0);
    assert_int_equal(args->limit, 5);
    assert_int_equal(args->cursor.length, 1);
    assert_true(args->has == (RENTBUS_BIT(list_args, limit) | RENTBUS_BIT(list_args, cursor)));
}

static void indefinite_and_long_forms_are_taken(void **state)
{
    (void)state;
    struct rentbus_list_args *args = (struct rentbus_list_args *)room;
    assert_int_equal(
        decode(&rentbus_list_args_schema,
               "bf 7f 636c696d 626974 ff 1b0000000000000005 66637572736f72 7f61787f ff ff",
               RENTBUS_STRICT),
        RENTBUS_ERROR_MALFORMED);
    assert_int_equal(
        decode(&rentbus_list_args_schema,
               "bf 7f 636c696d 626974 ff 1b0000000000000005 66637572736f72 7f617861 79ff ff",
               RENTBUS_STRICT),
        0);
    assert_int_equal(args->limit, 5);
    assert_int_equal(args->cursor.length, 2);
}

static void null_counts_as_absent(void **state)
{
    (void)state;
    struct rentbus_list_args *args = (struct rentbus_list_args *)room;
    assert_int_equal(
        decode(&rentbus_list_args_schema, "a2 656c696d6974 f6 66637572736f72 f7", RENTBUS_STRICT),
        0);
    assert_true(args->has == 0);
    assert_refused(&rentbus_id_args_schema, "a1 626964 f6", "id", "is required");
    assert_refused(
        &rentbus_request_schema,
        "a4 6176 01 626964 50 00000000000000000000000000000000 626f70 6178 6461726773 f6", "args",
        "is required");
}

static void the_first_missing_field_is_named(void **state)
{
    (void)state;
    assert_refused(&rentbus_return_args_schema, "a0", "timestamp", "is required");
    assert_refused(&rentbus_request_schema, "a0", "v", "is required");
    assert_refused(&rentbus_request_schema, "a1 6176 01", "id", "is required");
}

static void unknown_fields_are_refused_or_passed_over(void **state)
{
    (void)state;
    static const char hex[] = "a3 6161 820102 656c696d6974 05 667a7a7a7a7a7a a0";
    assert_refused(&rentbus_list_args_schema, hex, "a", "is not a field of list_args");
    assert_int_equal(decode(&rentbus_list_args_schema, hex, RENTBUS_LENIENT), 0);
    assert_int_equal(((struct rentbus_list_args *)room)->limit, 5);
    assert_refused(&rentbus_empty_schema, "a1 6161 f6", "a", "is not a field of empty");
}

static void a_message_must_be_a_map(void **state)
{
    (void)state;
    static const char *const vectors[] = {"80", "01", "f6", "6161", "c1a0"};
    for (size_t i = 0; i < COUNT(vectors); i++)
        assert_refused(&rentbus_list_args_schema, vectors[i], "", "list_args is not a map");
}

static void bytes_that_fail_the_check_have_its_code(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_list_args_schema;
    static const struct {
        const char *hex;
        const char *message;
    } malformed[] = {
        {"", "the message is not well-formed CBOR"},
        {"a1", "the message is not well-formed CBOR"},
        {"a0a0", "the message has bytes behind the CBOR item"},
        {"a2616100616100", "the message has a map with the same key twice"},
        {"a10000", "the message has a map with a key that is not text without NUL"},
        {"818181818181818180", "the message is nested too deeply"},
    };
    for (size_t i = 0; i < COUNT(malformed); i++) {
        assert_int_equal(decode(schema, malformed[i].hex, RENTBUS_STRICT), RENTBUS_ERROR_MALFORMED);
        assert_string_equal(fault.message, malformed[i].message);
        assert_string_equal(fault.field, "");
    }
    struct rentbus_cbor_limits tight = {0, 0, 0};
    struct rentbus_buffer scratch = {0};
    struct rentbus_bytes bytes = {(const uint8_t *)"\xa0", 1};
    assert_int_equal(
        rentbus_decode_message(schema, bytes, &tight, RENTBUS_STRICT, &scratch, room, &fault),
        RENTBUS_ERROR_TOO_LARGE);
}

static void a_bad_id_says_what_is_wrong(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_id_args_schema;
    assert_value_refused(schema, "id", "01", "is not text");
    assert_value_refused(schema, "id", "4161", "is not text");
    assert_value_refused(schema, "id", "60", "is not an id of 1 to 128 bytes");
    assert_value_refused(schema, "id", long_text(129, 'x'), "is not an id of 1 to 128 bytes");
    assert_value_refused(schema, "id", "62610a", "has a control character");
    assert_value_refused(schema, "id", "626100", "has a control character");
    char longest[9000];
    snprintf(longest, sizeof(longest), "a1 626964 %s", long_text(128, 'x'));
    assert_int_equal(decode(schema, longest, RENTBUS_STRICT), 0);
}

static void text_has_at_most_1024_bytes_and_no_nul(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_list_args_schema;
    assert_value_refused(schema, "cursor", "01", "is not text");
    assert_value_refused(schema, "cursor", long_text(1025, 'x'), "is longer than 1024 bytes");
    assert_value_refused(schema, "cursor", "63610062", "has a NUL character");
    char longest[9000];
    snprintf(longest, sizeof(longest), "a1 66637572736f72 %s", long_text(1024, '\n'));
    assert_int_equal(decode(schema, longest, RENTBUS_STRICT), 0);
}

static void qr_data_is_base64_of_an_id(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_return_args_schema;
    static const char wrong[] = "is not base64 of an id";
    assert_value_refused(schema, "user_qr_data", "01", "is not text");
    assert_value_refused(schema, "user_qr_data", "60", wrong);
    assert_value_refused(schema, "user_qr_data", "642a2a2a2a", wrong);  /* **** */
    assert_value_refused(schema, "user_qr_data", "64 2f773d3d", wrong); /* one byte ff */
    assert_value_refused(schema, "user_qr_data", "64 43673d3d", wrong); /* a newline */
    assert_value_refused(schema, "asset_qr_data", long_text(176, 'A'), wrong);
    assert_refused(schema, "a1 6c757365725f71725f64617461 6c 6448426e58335577 4d444178",
                   "timestamp", "is required");
}

static void ids_are_at_most_32(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_asset_type_put_args_schema;
    const char *field = "eligible_asset_types";
    char hex[256] = "a2 626964 6161 74656c696769626c655f61737365745f7479706573 9820";
    for (int i = 0; i < 32; i++)
        strncat(hex, "6161", sizeof(hex) - strlen(hex) - 1);
    assert_int_equal(decode(schema, hex, RENTBUS_STRICT), 0);
    memcpy(strstr(hex, "9820"), "9821", 4);
    strncat(hex, "6161", sizeof(hex) - strlen(hex) - 1);
    assert_refused(schema, hex, field, "has more than 32 ids");
    assert_value_refused(schema, field, "6161", "is not an array of ids");
    assert_value_refused(schema, field, "8160", "has an item that is not an id of 1 to 128 bytes");
}

static void types_are_those_of_events(void **state)
{
    (void)state;
    const struct rentbus_schema *schema = &rentbus_events_read_args_schema;
    char hex[9000];
    assert_value_refused(schema, "types", "6161", "is not an array of types");
    snprintf(hex, sizeof(hex), "81%s", long_text(201, 'x'));
    assert_value_refused(schema, "types", hex,
                         "has an item that is not a type of 1 to 200 letters, digits, _, - and .");
    snprintf(hex, sizeof(hex), "a1 657479706573 81%s", long_text(200, 'x'));
    assert_int_equal(decode(schema, hex, RENTBUS_STRICT), 0);
}

static void values_of_a_wrong_type_are_refused(void **state)
{
    (void)state;
    static const char time[] = "is not an RFC 3339 time with a zone";
    static const char period[] =
        "is not an ISO 8601 duration of weeks, days, hours, minutes and seconds";
    static const char uuid[] = "is not a UUID of 16 bytes";
    assert_value_refused(&rentbus_events_read_args_schema, "since", "00", time);
    assert_value_refused(&rentbus_events_read_args_schema, "since", "63 6e6f77", time);
    assert_value_refused(&rentbus_asset_type_put_args_schema, "loan_period", "63503159", period);
    assert_value_refused(&rentbus_list_args_schema, "limit", "6135", "is not an unsigned integer");
    assert_value_refused(&rentbus_list_args_schema, "limit", "f93c00",
                         "is not an unsigned integer");
    assert_value_refused(&rentbus_list_args_schema, "limit", "20", "is out of range");
    assert_value_refused(&rentbus_list_args_schema, "limit", "1b8000000000000000",
                         "is out of range");
    assert_value_refused(&rentbus_rental_list_args_schema, "expired", "01", "is not true or false");
    assert_value_refused(&rentbus_command_get_args_schema, "command_id", "6161", uuid);
    assert_value_refused(&rentbus_command_get_args_schema, "command_id",
                         "4f 000000000000000000000000000000", uuid);
    assert_value_refused(&rentbus_verify_result_schema, "hash", "4100",
                         "is not a hash of 32 bytes");
    assert_value_refused(&rentbus_user_result_schema, "user", "80", "is not a map");
    assert_value_refused(&rentbus_user_page_schema, "users", "a0", "is not an array of maps");
    assert_value_refused(&rentbus_user_page_schema, "users", "82a001",
                         "has an item that is not a map");
}

static void the_greatest_number_is_taken(void **state)
{
    (void)state;
    assert_int_equal(
        decode(&rentbus_list_args_schema, "a1 656c696d6974 1b7fffffffffffffff", RENTBUS_STRICT), 0);
    assert_true(((struct rentbus_list_args *)room)->limit == INT64_MAX);
}

static void assert_offset(const char *value, int64_t wanted)
{
    char hex[256];
    snprintf(hex, sizeof(hex), "a2 6974696d657374616d70 74%s 6f636c6f636b5f6f66667365745f6d73 %s",
             "323032352d30322d31305431313a30303a30305a", value);
    assert_int_equal(decode(&rentbus_return_args_schema, hex, RENTBUS_STRICT), 0);
    const struct rentbus_return_args *args = (const struct rentbus_return_args *)room;
    assert_true(RENTBUS_HAS(args, return_args, clock_offset_ms));
    assert_true(args->clock_offset_ms == wanted);
}

static void an_integer_may_be_negative(void **state)
{
    (void)state;
    assert_offset("00", 0);
    assert_offset("20", -1);
    assert_offset("1903e8", 1000);
    assert_offset("3903e7", -1000);
    assert_offset("1b7fffffffffffffff", INT64_MAX);
    assert_offset("3b7fffffffffffffff", INT64_MIN);
    const struct rentbus_schema *schema = &rentbus_return_args_schema;
    assert_value_refused(schema, "clock_offset_ms", "1b8000000000000000", "is out of range");
    assert_value_refused(schema, "clock_offset_ms", "3b8000000000000000", "is out of range");
    assert_value_refused(schema, "clock_offset_ms", "3bffffffffffffffff", "is out of range");
    assert_value_refused(schema, "clock_offset_ms", "6131", "is not an integer");
    assert_value_refused(schema, "clock_offset_ms", "f93c00", "is not an integer");
    assert_value_refused(schema, "clock_offset_ms", "f5", "is not an integer");
    assert_value_refused(schema, "clock_offset_ms", "c24101", "is not an integer");
}

static void integers_are_as_short_as_they_can_be(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *hex;
    } vectors[] = {
        {0, "00"},
        {-1, "20"},
        {-24, "37"},
        {-25, "3818"},
        {255, "18ff"},
        {-1000, "3903e7"},
        {INT64_MAX, "1b7fffffffffffffff"},
        {INT64_MIN, "3b7fffffffffffffff"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct rentbus_return_args args = {0};
        struct rentbus_buffer out = {0};
        char wanted[64];
        RENTBUS_SET(&args, return_args, clock_offset_ms, vectors[i].value);
        rentbus_encode(&rentbus_return_args_schema, &args, &out);
        snprintf(wanted, sizeof(wanted), "a1 6f636c6f636b5f6f66667365745f6d73 %s", vectors[i].hex);
        assert_true(hex_equal(&out, wanted));
        rentbus_buffer_release(&out);
    }
}

static void an_unknown_word_is_told_the_known_ones(void **state)
{
    (void)state;
    assert_value_refused(&rentbus_rental_list_args_schema, "status", "6161",
                         "is not one of IN_PROGRESS, COMPLETED, FORGIVEN, FLAGGED");
    assert_value_refused(&rentbus_rental_list_args_schema, "status", "60",
                         "is not one of IN_PROGRESS, COMPLETED, FORGIVEN, FLAGGED");
    assert_value_refused(&rentbus_rental_list_args_schema, "status", "01",
                         "is not one of IN_PROGRESS, COMPLETED, FORGIVEN, FLAGGED");
}

static void words_that_do_not_fit_are_not_told(void **state)
{
    (void)state;
    static char word[RENTBUS_MESSAGE_SIZE];
    memset(word, 'x', sizeof(word) - 1);
    static const char *const texts[] = {"", word};
    static const struct rentbus_words words = {"long", texts, COUNT(texts)};
    static const struct rentbus_field field = {
        .name = "code",
        .name_length = 4,
        .offset = offsetof(struct rentbus_error, code),
        .kind = RENTBUS_KIND_WORD,
        .words = &words,
    };
    static const struct rentbus_schema schema = {"long", &field, 1, sizeof(struct rentbus_error)};
    assert_value_refused(&schema, "code", "6161", "is not a known word");
}

static void the_path_leads_into_maps(void **state)
{
    (void)state;
    assert_refused(&rentbus_complete_data_schema, "a1 6672656e74616c a1 626964 60", "rental.id",
                   "is not an id of 1 to 128 bytes");
    assert_refused(&rentbus_complete_data_schema, "a1 6672656e74616c a0", "rental.id",
                   "is required");
    assert_refused(&rentbus_complete_data_schema, "a1 6672656e74616c a1 616e f6", "rental.n",
                   "is not a field of rental");
    assert_refused(&rentbus_complete_data_schema, "a1 6672656e74616c a1 6a637265617465645f6174 01",
                   "rental.created_at", "is not an RFC 3339 time with a zone");
}

static void a_hostile_name_makes_a_clean_fault(void **state)
{
    (void)state;
    char hex[1024] = "a1 78c8";
    for (int i = 0; i < 100; i++)
        strncat(hex, "c3a9", sizeof(hex) - strlen(hex) - 1);
    strncat(hex, "00", sizeof(hex) - strlen(hex) - 1);
    assert_int_equal(decode(&rentbus_empty_schema, hex, RENTBUS_STRICT),
                     RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(strlen(fault.field), 78);
    assert_true(rentbus_utf8_valid(fault.field, strlen(fault.field)));
    assert_refused(&rentbus_empty_schema, "a1 64 0a1b5b41 00", "??[A", "is not a field of empty");
}

static void lists_are_read_one_by_one(void **state)
{
    (void)state;
    struct rentbus_bytes bytes = hex_read(
        "a1 657573657273 83 a1626964627531 a2626964627532646e616d656162 a2626964627533616e01");
    struct rentbus_user_page page;
    assert_int_equal(
        rentbus_decode(&rentbus_user_page_schema, bytes, RENTBUS_STRICT, &page, &fault), 0);
    assert_int_equal(page.users.count, 3);
    struct rentbus_user user;
    size_t position = 0;
    for (int digit = '1'; digit <= '3'; digit++) {
        assert_int_equal(rentbus_list_next(&page.users, &rentbus_user_schema, &position, &user), 1);
        assert_int_equal(user.id.data[1], digit);
    }
    assert_int_equal(rentbus_list_next(&page.users, &rentbus_user_schema, &position, &user), 0);
    position = 0;
    assert_int_equal(rentbus_list_next(&page.users, &rentbus_asset_schema, &position, room),
                     -EBADMSG);
    assert_int_equal(position, 0);
    hex_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found_both_ways),
        cmocka_unit_test(every_operation_is_found),
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(a_rental_is_decoded_as_it_was_encoded),
        cmocka_unit_test(what_is_absent_is_left_out),
        cmocka_unit_test(every_kind_has_its_form),
        cmocka_unit_test(fields_are_encoded_in_parts),
        cmocka_unit_test(keys_may_stand_in_any_order),
        cmocka_unit_test(indefinite_and_long_forms_are_taken),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(the_first_missing_field_is_named),
        cmocka_unit_test(unknown_fields_are_refused_or_passed_over),
        cmocka_unit_test(a_message_must_be_a_map),
        cmocka_unit_test(bytes_that_fail_the_check_have_its_code),
        cmocka_unit_test(a_bad_id_says_what_is_wrong),
        cmocka_unit_test(text_has_at_most_1024_bytes_and_no_nul),
        cmocka_unit_test(qr_data_is_base64_of_an_id),
        cmocka_unit_test(ids_are_at_most_32),
        cmocka_unit_test(types_are_those_of_events),
        cmocka_unit_test(values_of_a_wrong_type_are_refused),
        cmocka_unit_test(the_greatest_number_is_taken),
        cmocka_unit_test(an_integer_may_be_negative),
        cmocka_unit_test(integers_are_as_short_as_they_can_be),
        cmocka_unit_test(an_unknown_word_is_told_the_known_ones),
        cmocka_unit_test(words_that_do_not_fit_are_not_told),
        cmocka_unit_test(the_path_leads_into_maps),
        cmocka_unit_test(a_hostile_name_makes_a_clean_fault),
        cmocka_unit_test(lists_are_read_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
