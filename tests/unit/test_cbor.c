/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"
#include "tests/unit/hex.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static enum rentbus_cbor_check check(const char *hex)
{
    struct rentbus_bytes bytes = hex_read(hex);
    enum rentbus_cbor_check result = rentbus_cbor_check(bytes, &rentbus_request_limits);
    hex_release(&bytes);
    return result;
}

static void assert_all(enum rentbus_cbor_check wanted, const char *const *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum rentbus_cbor_check result = check(vectors[i]);
        if (result != wanted)
            fail_msg("%s: %s", vectors[i], rentbus_cbor_check_text(result));
    }
}

/* ---- the checker ---- */

static void well_formed_items_pass(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "00",
        "17",
        "1818",
        "1903e8",
        "1a000f4240",
        "1bffffffffffffffff",
        "20",
        "3bffffffffffffffff",
        /* not the shortest form, which is for writers alone */
        "1800",
        "190001",
        "1a00000001",
        "1b0000000000000001",
        "780161",
        "b801616100",
        "40",
        "4401020304",
        "60",
        "6161",
        "62c3bc",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "a0",
        "a26161016162820203",
        "c074323031332d30332d32315432303a30343a30305a",
        "d818456449455446",
        "f4",
        "f5",
        "f6",
        "f7",
        "e0",
        "f0",
        "f820",
        "f8ff",
        "f90000",
        "fa47c35000",
        "fb3ff199999999999a",
        "f97e00",
        "f97c00",
    };
    assert_all(RENTBUS_CBOR_OK, vectors, COUNT(vectors));
}

static void indefinite_lengths_are_named(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "5fff",
        "5f42010243030405ff",
        "7fff",
        "7f657374726561646d696e67ff",
        "9fff",
        "9f018202039f0405ffff",
        "83018202039f0405ff",
        "bfff",
        "bf61610161629f0203ffff",
        "a161787f6161ff",
        "a17f61616162ff00",
        "a27f6161ff007f6162ff00",
        "a27f6161ff007f61616161ff00",
    };
    assert_all(RENTBUS_CBOR_INDEFINITE, vectors, COUNT(vectors));
}

static void malformed_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "",
        /* truncated heads and content */
        "18",
        "19",
        "1901",
        "1a010203",
        "1b01020304050607",
        "38",
        "41",
        "58",
        "5801",
        "61",
        "78",
        "7801",
        "81",
        "8201",
        "a1",
        "a16161",
        "c0",
        "f8",
        "f900",
        "fa000000",
        "fb00000000000000",
        "a2616100",
        /* reserved */
        "1c",
        "1d",
        "1e",
        "3c",
        "5c",
        "7c",
        "9c",
        "bc",
        "dc",
        "fc",
        "fd",
        "fe",
        /* simple values of one byte, in two */
        "f800",
        "f814",
        "f818",
        "f81f",
        /* a break where there is nothing to end */
        "ff",
        "81ff",
        "a1ff",
        "a16161ff",
        "8200ff",
        "c0ff",
        "bf6161ff",
        "bf6161006162ff",
    };
    assert_all(RENTBUS_CBOR_MALFORMED, vectors, COUNT(vectors));
}

static void malformed_strings_and_lengths_are_refused(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        /* no end */
        "5f",
        "5f4101",
        "7f",
        "7f6161",
        "9f",
        "9f01",
        "bf",
        "bf616100",
        "9f9fff",
        /* chunks of another type, or in chunks themselves */
        "5f6161ff",
        "7f4161ff",
        "5f00ff",
        "5f5f4101ffff",
        "7f7f6161ffff",
        "5fc04101ff",
        /* no indefinite form */
        "1f",
        "3f",
        "df00ff",
        /* text that is no UTF-8; each chunk must be some */
        "61ff",
        "62c080",
        "63eda080",
        "61c3",
        "7f61c361bcff",
        /* lengths and counts beyond the end, up to those that would not fit in memory */
        "5affffffff00",
        "5bffffffffffffffff",
        "7b7fffffffffffffff61",
        "9a00010000",
        "9bffffffffffffffff",
        "bbffffffffffffffff",
        "bb8000000000000000",
        "9b800000000000000001",
        "b9ffff",
    };
    assert_all(RENTBUS_CBOR_MALFORMED, vectors, COUNT(vectors));
}

static void bytes_behind_the_item_are_refused(void **state)
{
    (void)state;
    static const char *const vectors[] = {"0000", "a0a0", "80ff", "f6f6", "9fff00", "616100"};
    assert_all(RENTBUS_CBOR_TRAILING, vectors, COUNT(vectors));
}

static void keys_are_text_without_nul(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "a10000",   "a1416100", "a1f600",   "a18000",       "a1a000",           "a1c0616100",
        "bf0000ff", "81a12000", "a1610000", "a16361006200", "a17f61616100ff00",
    };
    assert_all(RENTBUS_CBOR_KEY_TYPE, vectors, COUNT(vectors));
}

static void other_keys_than_ids_pass(void **state)
{
    (void)state;
    static const char *const vectors[] = {"a16000", "a1610100", "a1617f00", "a162c28000",
                                          "a163e282ac00"};
    assert_all(RENTBUS_CBOR_OK, vectors, COUNT(vectors));
}

static void the_same_key_twice_is_refused(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "a2616100616100",
        "a260006000",
        "a3616100616200616100",
        "a3616200616100616200",
        "a3616300616100616100",
        "a36262620061610062626200",
        "a361610062626200616100",
        "81a2616100616100",
        "a16161a2616100616100",
        "bf616100616100ff",
        /* one key in two forms */
        "a261610078016100",
        "a26161007f6161ff00",
        "a27f6161ff00616100",
        "a27f61616162ff0062616200",
        "a27f6161606162ff007f6161616260ff00",
    };
    assert_all(RENTBUS_CBOR_DUPLICATE_KEY, vectors, COUNT(vectors));
}

static void different_keys_pass_in_any_order(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "a3616100616200616300",       "a3616300616200616100",       "a362616100616100616200",
        "a4616200616100616400616300", "a26161a16161006162a1616100",
    };
    assert_all(RENTBUS_CBOR_OK, vectors, COUNT(vectors));
}

static void depth_of_requests_ends_at_eight(void **state)
{
    (void)state;
    assert_int_equal(check("8181818181818180"), RENTBUS_CBOR_OK);
    assert_int_equal(check("8181818181818100"), RENTBUS_CBOR_OK);
    assert_int_equal(check("818181818181818100"), RENTBUS_CBOR_OK);
    assert_int_equal(check("818181818181818180"), RENTBUS_CBOR_TOO_DEEP);
    assert_int_equal(check("81818181818181818100"), RENTBUS_CBOR_TOO_DEEP);
    assert_int_equal(check("9f9f9f9f9f9f9f9f9fffffffffffffffffff"), RENTBUS_CBOR_TOO_DEEP);
    assert_int_equal(check("c1c1c1c1c1c1c1c100"), RENTBUS_CBOR_OK);
    assert_int_equal(check("c1c1c1c1c1c1c1c1c100"), RENTBUS_CBOR_TOO_DEEP);
    assert_int_equal(check("a16161a16161a16161a16161a16161a16161a16161a16161a0"),
                     RENTBUS_CBOR_TOO_DEEP);
    /* Containers one behind the other are not deep. */
    assert_int_equal(check("8a80808080808080808080"), RENTBUS_CBOR_OK);
}

static enum rentbus_cbor_check check_reply(const char *hex)
{
    struct rentbus_bytes bytes = hex_read(hex);
    enum rentbus_cbor_check check = rentbus_cbor_check(bytes, &rentbus_reply_limits);
    hex_release(&bytes);
    return check;
}

static void depth_of_replies_ends_at_twelve(void **state)
{
    (void)state;
    assert_int_equal(check_reply("818181818181818181818180"), RENTBUS_CBOR_OK);
    assert_int_equal(check_reply("81818181818181818181818180"), RENTBUS_CBOR_TOO_DEEP);
}

static enum rentbus_cbor_check check_buffer(const struct rentbus_buffer *buffer,
                                            struct rentbus_cbor_limits limits)
{
    assert_false(buffer->failed);
    return rentbus_cbor_check((struct rentbus_bytes){buffer->data, buffer->length}, &limits);
}

static void limits_are_exact(void **state)
{
    (void)state;
    struct rentbus_buffer buffer = {0};
    rentbus_cbor_write_array(&buffer, 9);
    for (int i = 0; i < 9; i++)
        rentbus_cbor_write_uint(&buffer, 1);
    assert_int_equal(check_buffer(&buffer, (struct rentbus_cbor_limits){10, 10, 1}),
                     RENTBUS_CBOR_OK);
    assert_int_equal(check_buffer(&buffer, (struct rentbus_cbor_limits){9, 10, 1}),
                     RENTBUS_CBOR_TOO_LARGE);
    assert_int_equal(check_buffer(&buffer, (struct rentbus_cbor_limits){10, 9, 1}),
                     RENTBUS_CBOR_TOO_LARGE);
    rentbus_buffer_release(&buffer);
}

static void chunks_count_as_items(void **state)
{
    (void)state;
    struct rentbus_bytes bytes = hex_read("5f404040ff");
    struct rentbus_cbor_limits enough = {64, 4, 1};
    struct rentbus_cbor_limits less = {64, 3, 1};
    assert_int_equal(rentbus_cbor_check(bytes, &enough), RENTBUS_CBOR_INDEFINITE);
    assert_int_equal(rentbus_cbor_check(bytes, &less), RENTBUS_CBOR_TOO_LARGE);
    hex_release(&bytes);
}

static void write_wide_map(struct rentbus_buffer *buffer, int pairs)
{
    rentbus_cbor_write_map(buffer, (size_t)pairs);
    for (int i = pairs; i > 0; i--) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        rentbus_cbor_write_text(buffer, key, strlen(key));
        rentbus_cbor_write_null(buffer);
    }
}

static void maps_have_at_most_64_entries(void **state)
{
    (void)state;
    struct rentbus_buffer buffer = {0};
    write_wide_map(&buffer, RENTBUS_CBOR_MAP_MAX);
    assert_int_equal(check_buffer(&buffer, rentbus_request_limits), RENTBUS_CBOR_OK);
    rentbus_buffer_clear(&buffer);
    write_wide_map(&buffer, RENTBUS_CBOR_MAP_MAX + 1);
    assert_int_equal(check_buffer(&buffer, rentbus_request_limits), RENTBUS_CBOR_TOO_LARGE);
    rentbus_buffer_release(&buffer);
}

static void every_result_has_words(void **state)
{
    (void)state;
    for (int result = RENTBUS_CBOR_OK; result <= RENTBUS_CBOR_TOO_LARGE; result++)
        assert_non_null(rentbus_cbor_check_text((enum rentbus_cbor_check)result));
}

/* ---- normalizing ---- */

static void assert_normalized(const char *hex, const char *wanted)
{
    struct rentbus_bytes bytes = hex_read(hex);
    struct rentbus_buffer out = {0};
    assert_int_equal(rentbus_cbor_normalize(bytes, &out), 0);
    assert_true(hex_equal(&out, wanted));
    rentbus_buffer_release(&out);
    hex_release(&bytes);
}

static void indefinite_items_become_definite(void **state)
{
    (void)state;
    assert_normalized("9fff", "80");
    assert_normalized("bfff", "a0");
    assert_normalized("5fff", "40");
    assert_normalized("7fff", "60");
    assert_normalized("9f018202039f0405ffff", "8301820203820405");
    assert_normalized("bf61610161629f0203ffff", "a26161016162820203");
    assert_normalized("5f42010243030405ff", "450102030405");
    assert_normalized("7f657374726561646d696e67ff", "6973747265616d696e67");
    assert_normalized("bf7f61616162ff9fbfffffff", "a162616281a0");
    assert_normalized("9fc19f00ffff", "81c18100");
}

static void heads_become_shortest(void **state)
{
    (void)state;
    assert_normalized("1b0000000000000017", "17");
    assert_normalized("1b0000000000000018", "1818");
    assert_normalized("1a00000100", "190100");
    assert_normalized("1b0000000000010000", "1a00010000");
    assert_normalized("1b0000000100000000", "1b0000000100000000");
    assert_normalized("3800", "20");
    assert_normalized("780161", "6161");
    assert_normalized("b8017801619800", "a1616180");
    assert_normalized("d80100", "c100");
    assert_normalized("83f6f820fb3ff199999999999a", "83f6f820fb3ff199999999999a");
}

static void keys_keep_their_order(void **state)
{
    (void)state;
    assert_normalized("bf616201616102ff", "a2616201616102");
}

/* ---- the reader ---- */

static void every_type_is_read(void **state)
{
    (void)state;
    struct rentbus_bytes bytes = hex_read(
        "8f 01 20 4201ff 6161 80 a0 c1 00 f5 f6 f7 f93e00 f0 f8ff cf80 d8ff00 1bffffffffffffffff");
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    static const struct {
        enum rentbus_cbor_type type;
        uint64_t number;
    } wanted[] = {
        {RENTBUS_CBOR_ARRAY, 15}, {RENTBUS_CBOR_UINT, 1},          {RENTBUS_CBOR_NEGATIVE, 0},
        {RENTBUS_CBOR_BYTES, 0},  {RENTBUS_CBOR_TEXT, 0},          {RENTBUS_CBOR_ARRAY, 0},
        {RENTBUS_CBOR_MAP, 0},    {RENTBUS_CBOR_TAG, 1},           {RENTBUS_CBOR_UINT, 0},
        {RENTBUS_CBOR_BOOL, 1},   {RENTBUS_CBOR_NULL, 0},          {RENTBUS_CBOR_NULL, 0},
        {RENTBUS_CBOR_FLOAT, 0},  {RENTBUS_CBOR_SIMPLE, 16},       {RENTBUS_CBOR_SIMPLE, 255},
        {RENTBUS_CBOR_TAG, 15},   {RENTBUS_CBOR_ARRAY, 0},         {RENTBUS_CBOR_TAG, 255},
        {RENTBUS_CBOR_UINT, 0},   {RENTBUS_CBOR_UINT, UINT64_MAX}, {RENTBUS_CBOR_END, 0},
    };
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct rentbus_cbor_item item = rentbus_cbor_read(&reader);
        assert_int_equal(item.type, wanted[i].type);
        assert_true(item.number == wanted[i].number);
        if (item.type == RENTBUS_CBOR_FLOAT)
            assert_true(item.real == 1.5);
        if (item.type == RENTBUS_CBOR_BYTES)
            assert_memory_equal(item.bytes.data, "\x01\xff", 2);
    }
    hex_release(&bytes);
}

static void numbers_of_every_width_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t number;
    } vectors[] = {
        {"17", 23},
        {"18ff", 255},
        {"19ffff", 65535},
        {"1affffffff", UINT32_MAX},
        {"1b0000000100000000", UINT64_C(1) << 32},
        {"38ff", 255},
        {"39ffff", 65535},
        {"3affffffff", UINT32_MAX},
        {"3b7fffffffffffffff", INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct rentbus_bytes bytes = hex_read(vectors[i].hex);
        struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
        assert_true(rentbus_cbor_read(&reader).number == vectors[i].number);
        assert_int_equal(rentbus_cbor_read(&reader).type, RENTBUS_CBOR_END);
        hex_release(&bytes);
    }
}

static void skip_passes_a_whole_item(void **state)
{
    (void)state;
    struct rentbus_bytes bytes = hex_read("a26161820102616240 c1820304 fb3ff199999999999a 05");
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    assert_int_equal(rentbus_cbor_skip(&reader).length, 9);
    assert_int_equal(rentbus_cbor_skip(&reader).length, 4);
    assert_int_equal(rentbus_cbor_skip(&reader).length, 9);
    assert_int_equal(rentbus_cbor_read(&reader).number, 5);
    assert_int_equal(rentbus_cbor_skip(&reader).length, 0);
    hex_release(&bytes);
}

/* Bytes that nobody checked must not lead the reader out of them. */
static void unchecked_bytes_end_the_reading(void **state)
{
    (void)state;
    static const char *const vectors[] = {"5f", "9f",         "bf", "7f", "ff",
                                          "18", "5affffffff", "1c", "f8"};
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct rentbus_bytes bytes = hex_read(vectors[i]);
        struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
        assert_int_equal(rentbus_cbor_read(&reader).type, RENTBUS_CBOR_END);
        assert_ptr_equal(reader.at, reader.end);
        reader = rentbus_cbor_reader(bytes);
        rentbus_cbor_skip(&reader);
        assert_ptr_equal(reader.at, reader.end);
        hex_release(&bytes);
    }
}

/* ---- the writers ---- */

static void writers_write_shortest_forms(void **state)
{
    (void)state;
    struct rentbus_buffer out = {0};
    rentbus_cbor_write_uint(&out, 23);
    rentbus_cbor_write_uint(&out, 24);
    rentbus_cbor_write_uint(&out, 256);
    rentbus_cbor_write_uint(&out, 65536);
    rentbus_cbor_write_uint(&out, UINT64_MAX);
    rentbus_cbor_write_negative(&out, 0);
    rentbus_cbor_write_negative(&out, 499);
    rentbus_cbor_write_bool(&out, true);
    rentbus_cbor_write_bool(&out, false);
    rentbus_cbor_write_null(&out);
    rentbus_cbor_write_text(&out, "a", 1);
    rentbus_cbor_write_text(&out, NULL, 0);
    rentbus_cbor_write_bytes(&out, "\x01\x02", 2);
    rentbus_cbor_write_array(&out, 24);
    rentbus_cbor_write_map(&out, 1);
    assert_true(hex_equal(&out, "17 1818 190100 1a00010000 1bffffffffffffffff 20 3901f3 f5 f4 f6 "
                                "6161 60 420102 9818 a1"));
    rentbus_buffer_release(&out);
}

/* RFC 8949, appendix A, and the edges of the half-precision numbers. */
static void doubles_take_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *hex;
    } vectors[] = {
        {0.0, "f90000"},
        {-0.0, "f98000"},
        {1.0, "f93c00"},
        {1.1, "fb3ff199999999999a"},
        {1.5, "f93e00"},
        {65504.0, "f97bff"},
        {65505.0, "fa477fe100"},
        {65536.0, "fa47800000"},
        {100000.0, "fa47c35000"},
        {3.4028234663852886e+38, "fa7f7fffff"},
        {1.0e+300, "fb7e37e43c8800759c"},
        {5.960464477539063e-8, "f90001"},
        {2.9802322387695312e-8, "fa33000000"},
        {0.00006103515625, "f90400"},
        {6.097555160522461e-5, "f903ff"},
        {6.1005353927612305e-5, "fa387fe000"},
        {-4.0, "f9c400"},
        {-4.1, "fbc010666666666666"},
        {INFINITY, "f97c00"},
        {-INFINITY, "f9fc00"},
        {NAN, "f97e00"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct rentbus_buffer out = {0};
        rentbus_cbor_write_double(&out, vectors[i].value);
        assert_true(hex_equal(&out, vectors[i].hex));
        struct rentbus_cbor_reader reader =
            rentbus_cbor_reader((struct rentbus_bytes){out.data, out.length});
        double back = rentbus_cbor_read(&reader).real;
        assert_true(back == vectors[i].value || isnan(vectors[i].value));
        rentbus_buffer_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_items_pass),
        cmocka_unit_test(indefinite_lengths_are_named),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(malformed_strings_and_lengths_are_refused),
        cmocka_unit_test(bytes_behind_the_item_are_refused),
        cmocka_unit_test(keys_are_text_without_nul),
        cmocka_unit_test(other_keys_than_ids_pass),
        cmocka_unit_test(the_same_key_twice_is_refused),
        cmocka_unit_test(different_keys_pass_in_any_order),
        cmocka_unit_test(depth_of_requests_ends_at_eight),
        cmocka_unit_test(depth_of_replies_ends_at_twelve),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(chunks_count_as_items),
        cmocka_unit_test(maps_have_at_most_64_entries),
        cmocka_unit_test(every_result_has_words),
        cmocka_unit_test(indefinite_items_become_definite),
        cmocka_unit_test(heads_become_shortest),
        cmocka_unit_test(keys_keep_their_order),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(numbers_of_every_width_are_read),
        cmocka_unit_test(skip_passes_a_whole_item),
        cmocka_unit_test(unchecked_bytes_end_the_reading),
        cmocka_unit_test(writers_write_shortest_forms),
        cmocka_unit_test(doubles_take_the_shortest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
