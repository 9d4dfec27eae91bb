/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool valid(const char *data, size_t length)
{
    /* Of exactly this size, so that a sanitizer sees a read beyond it. */
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, data, length);
    bool result = rentbus_utf8_valid(exact, length);
    free(exact);
    return result;
}

#define VALID(literal) valid(literal, sizeof(literal) - 1)

static void utf8_of_every_length_is_valid(void **state)
{
    (void)state;
    assert_true(VALID(""));
    assert_true(VALID("plain text of more than eight bytes"));
    assert_true(VALID("\0"));
    assert_true(VALID("\xc2\x80"));
    assert_true(VALID("\xdf\xbf"));
    assert_true(VALID("\xe0\xa0\x80"));
    assert_true(VALID("\xed\x9f\xbf"));
    assert_true(VALID("\xee\x80\x80"));
    assert_true(VALID("\xef\xbf\xbf"));
    assert_true(VALID("\xf0\x90\x80\x80"));
    assert_true(VALID("\xf4\x8f\xbf\xbf"));
    assert_true(VALID("12345678\xc3\xa9"));
    assert_true(VALID("1234567\xc3\xa9"
                      "12345678"));
}

static void what_is_not_utf8_is_refused(void **state)
{
    (void)state;
    assert_false(VALID("\x80"));
    assert_false(VALID("\xbf"));
    assert_false(VALID("\xc0\x80"));
    assert_false(VALID("\xc1\xbf"));
    assert_false(VALID("\xc2"));
    assert_false(VALID("\xc2\x41"));
    assert_false(VALID("\xe0\x9f\xbf"));
    assert_false(VALID("\xe2\x82"));
    assert_false(VALID("\xed\xa0\x80"));
    assert_false(VALID("\xed\xbf\xbf"));
    assert_false(VALID("\xf0\x8f\xbf\xbf"));
    assert_false(VALID("\xf4\x90\x80\x80"));
    assert_false(VALID("\xf5\x80\x80\x80"));
    assert_false(VALID("\xff"));
    assert_false(VALID("\xf0\x9f\x98"));
    assert_false(VALID("12345678\xff"));
    assert_false(VALID("1234567\xff"));
}

static void the_next_character_has_its_code_point(void **state)
{
    (void)state;
    uint32_t code = 7;
    assert_int_equal(rentbus_utf8_next("", 0, &code), 0);
    assert_int_equal(code, 7);
    assert_int_equal(rentbus_utf8_next("A", 1, &code), 1);
    assert_int_equal(code, 'A');
    assert_int_equal(rentbus_utf8_next("\xc3\xa9", 2, &code), 2);
    assert_int_equal(code, 0xe9);
    assert_int_equal(rentbus_utf8_next("\xe2\x82\xac", 3, &code), 3);
    assert_int_equal(code, 0x20ac);
    assert_int_equal(rentbus_utf8_next("\xf0\x9f\x98\x80", 4, &code), 4);
    assert_int_equal(code, 0x1f600);
}

static bool id(const char *data, size_t length)
{
    return rentbus_id_valid((struct rentbus_text){data, length});
}

static void ids_have_1_to_128_bytes(void **state)
{
    (void)state;
    char longest[RENTBUS_ID_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    assert_false(id("", 0));
    assert_false(id(NULL, 0));
    assert_true(id("x", 1));
    assert_true(id(longest, RENTBUS_ID_MAX));
    assert_false(id(longest, RENTBUS_ID_MAX + 1));
}

/* Wherever it stands, among characters that pass. */
static void each_byte_is_judged_at_each_place(void **state)
{
    (void)state;
    for (size_t length = 1; length <= 20; length++) {
        for (size_t place = 0; place < length; place++) {
            for (int byte = 0; byte <= UINT8_MAX; byte++) {
                char text[20];
                memset(text, 'x', sizeof(text));
                text[place] = (char)byte;
                assert_int_equal(valid(text, length), byte < 0x80);
                assert_int_equal(id(text, length), byte >= 0x20 && byte < 0x7f);
            }
        }
    }
}

static void ids_have_no_control_characters(void **state)
{
    (void)state;
    assert_true(id("a b/c:\xc3\xa9", 8));
    assert_false(id("a\0b", 3));
    assert_false(id("a\nb", 3));
    assert_false(id("a\x1f", 2));
    assert_false(id("a\x7f", 2));
    assert_false(id("a\xc2\x80", 3));
    assert_false(id("a\xc2\x9f", 3));
    assert_true(id("a\xc2\xa0", 3));
    assert_false(id("a\xff", 2));
}

static void equal_texts_have_equal_bytes(void **state)
{
    (void)state;
    assert_true(rentbus_text_equal(rentbus_text("abc"), rentbus_text("abc")));
    assert_false(rentbus_text_equal(rentbus_text("abc"), rentbus_text("abd")));
    assert_false(rentbus_text_equal(rentbus_text("abc"), rentbus_text("ab")));
    assert_true(rentbus_text_equal(rentbus_text(NULL), rentbus_text("")));
}

/* RFC 4648, section 10, and the QR data of the sample scans. */
static const struct {
    const char *plain;
    const char *encoded;
} base64_vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"tpg_u0001", "dHBnX3UwMDAx"},
    {"tpg_a00001", "dHBnX2EwMDAwMQ=="},
    {"\xfb\xff\xfe", "+//+"},
};
#define BASE64_VECTORS (sizeof(base64_vectors) / sizeof(base64_vectors[0]))

static void base64_goes_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE64_VECTORS; i++) {
        const char *plain = base64_vectors[i].plain;
        const char *encoded = base64_vectors[i].encoded;
        char text[32];
        uint8_t bytes[32];
        size_t length = rentbus_base64_encode((const uint8_t *)plain, strlen(plain), text);
        assert_int_equal(length, strlen(encoded));
        assert_string_equal(text, encoded);
        int size = rentbus_base64_decode(rentbus_text(encoded), bytes, sizeof(bytes));
        assert_int_equal(size, strlen(plain));
        assert_memory_equal(bytes, plain, strlen(plain));
    }
}

static int decode(const char *encoded, size_t capacity)
{
    uint8_t bytes[32];
    return rentbus_base64_decode(rentbus_text(encoded), bytes, capacity);
}

static void base64_needs_no_padding(void **state)
{
    (void)state;
    assert_int_equal(decode("Zg", 32), 1);
    assert_int_equal(decode("Zm8", 32), 2);
    assert_int_equal(decode("dHBnX2EwMDAwMQ", 32), 10);
}

static void bad_base64_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",    "Zg=",  "Z===", "====", "=",        "Zm9v=",    "Zm9vZ", "Zh==",
        "Zm9=", "Zm-v", "Zm_v", "Zm v", "Zm9v\nZg", "Zg==Zg==", "Z*==",  "Zm\xc3\xa9",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(decode(bad[i], 32), -1);
}

static void base64_stays_within_its_capacity(void **state)
{
    (void)state;
    assert_int_equal(decode("Zm9v", 3), 3);
    assert_int_equal(decode("Zm9v", 2), -1);
    assert_int_equal(decode("Zm8=", 2), 2);
    assert_int_equal(decode("Zm8=", 1), -1);
    assert_int_equal(decode("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_of_every_length_is_valid),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(the_next_character_has_its_code_point),
        cmocka_unit_test(ids_have_1_to_128_bytes),
        cmocka_unit_test(ids_have_no_control_characters),
        cmocka_unit_test(each_byte_is_judged_at_each_place),
        cmocka_unit_test(equal_texts_have_equal_bytes),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(base64_needs_no_padding),
        cmocka_unit_test(bad_base64_is_refused),
        cmocka_unit_test(base64_stays_within_its_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
