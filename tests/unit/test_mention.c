/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"
#include "tests/unit/archive_fixture.h"

/* ---- what an event mentions ---- */

/* An event whose data is {"asset_id": …, …} with every field that may mention something, and with
 * others; "rental" has all of its own too. */
static struct rentbus_event full_event(const char *type, struct rentbus_buffer *out)
{
    static const char *const data[] = {
        "actor_id",    "asset_id", "conflict_rental_id", "device_id", "id",
        "location_id", "op",       "previous_asset_id",  "rental_id", "user_id",
    };
    static const char *const rental[] = {"asset_id", "created_at_location_id", "id",
                                         "returned_asset_id", "user_id"};
    struct rentbus_event event = {0};

    rentbus_cbor_write_map(out, 1 + sizeof(data) / sizeof(*data));
    for (size_t i = 0; i < sizeof(data) / sizeof(*data); i++) {
        rentbus_cbor_write_text(out, data[i], strlen(data[i]));
        rentbus_cbor_write_text(out, data[i], strlen(data[i]));
    }
    rentbus_cbor_write_text(out, "rental", 6);
    rentbus_cbor_write_map(out, sizeof(rental) / sizeof(*rental));
    for (size_t i = 0; i < sizeof(rental) / sizeof(*rental); i++) {
        char value[64];
        snprintf(value, sizeof(value), "rental.%s", rental[i]);
        rentbus_cbor_write_text(out, rental[i], strlen(rental[i]));
        rentbus_cbor_write_text(out, value, strlen(value));
    }
    RENTBUS_SET(&event, event, type, rentbus_text(type));
    RENTBUS_SET(&event, event, data, ((struct rentbus_bytes){out->data, out->length}));
    return event;
}

static const struct {
    enum mention_kind kind;
    const char *id;
    const char *only; /* of events whose type begins so */
} full_mentions[] = {
    {MENTION_RENTAL, "rental.id", ""},
    {MENTION_RENTAL, "rental_id", ""},
    {MENTION_RENTAL, "conflict_rental_id", ""},
    {MENTION_USER, "user_id", ""},
    {MENTION_USER, "rental.user_id", ""},
    {MENTION_USER, "id", "USER_"},
    {MENTION_ASSET, "asset_id", ""},
    {MENTION_ASSET, "rental.asset_id", ""},
    {MENTION_ASSET, "rental.returned_asset_id", ""},
    {MENTION_ASSET, "previous_asset_id", ""},
    {MENTION_ASSET, "id", "ASSET_"},
};

static void check_full_event(const char *type, bool with_id)
{
    struct rentbus_buffer data = {0};
    struct rentbus_event event = full_event(type, &data);
    struct mention mentions[MENTIONS_MAX];
    size_t expected = 0;

    for (size_t i = 0; i < sizeof(full_mentions) / sizeof(*full_mentions); i++) {
        const char *only = full_mentions[i].only;
        bool wanted = !*only || (with_id && strncmp(type, only, strlen(only)) == 0);
        struct mention mention = {full_mentions[i].kind, rentbus_text(full_mentions[i].id)};
        if (mention_in(&event, mention) != wanted)
            fail_msg("%s: %c %s", type, (int)mention.kind, full_mentions[i].id);
        expected += wanted;
        mention.kind = mention.kind == MENTION_USER ? MENTION_ASSET : MENTION_USER;
        if (*only == 0 && mention_in(&event, mention))
            fail_msg("%s: %s of another kind", type, full_mentions[i].id);
    }
    assert_int_equal(mentions_of(&event, mentions), expected);
    rentbus_buffer_release(&data);
}

static void test_event_mentions_what_its_data_names(void **state)
{
    (void)state;
    for (int type = 1; type < (int)rentbus_event_type_words.count; type++) {
        const char *name = rentbus_word_text(&rentbus_event_type_words, type);
        check_full_event(name, strncmp(name, "ASSET_TYPE_", 11) != 0);
    }
    check_full_event("ASSET_TYPE_UPDATED_EVENT", false);
    check_full_event("ASSET_UPDATED_EVENT", true);
    check_full_event("weather.changed", false);
    check_full_event("USER", false);
    check_full_event("", false);
}

static size_t count_of(const char *bytes, size_t length)
{
    struct mention mentions[MENTIONS_MAX];
    struct rentbus_event event = {0};

    RENTBUS_SET(&event, event, type, rentbus_text("USER_CREATED_EVENT"));
    RENTBUS_SET(&event, event, data, ((struct rentbus_bytes){(const uint8_t *)bytes, length}));
    return mentions_of(&event, mentions);
}
#define COUNT_OF(literal) count_of(literal, sizeof(literal) - 1)

static void test_odd_data_mentions_nothing(void **state)
{
    (void)state;
    assert_int_equal(COUNT_OF(""), 0);
    assert_int_equal(COUNT_OF("\xf6"), 0);
    assert_int_equal(COUNT_OF("\x62id"), 0);
    assert_int_equal(COUNT_OF("\x82\x62id\x61x"), 0);
    assert_int_equal(COUNT_OF("\xa1\x62id\x61x"), 1);
    assert_int_equal(COUNT_OF("\xa1\x62id\x60"), 0);
    assert_int_equal(COUNT_OF("\xa1\x62id\x01"), 0);
    assert_int_equal(COUNT_OF("\xa1\x62id\xa1\x62id\x61x"), 0);
    assert_int_equal(COUNT_OF("\xa2\x62id\x82\x01\x02\x67user_id\x61x"), 1);
    assert_int_equal(COUNT_OF("\xa2\x66rental\x61r\x67user_id\x61x"), 1);
    assert_int_equal(COUNT_OF("\xa1\x66rental\xa1\x66rental\xa1\x62id\x61x"), 0);
    assert_int_equal(COUNT_OF("\xa2\x62id\x61x\x67user_id\x61x"), 1);
    assert_int_equal(COUNT_OF("\xa2\x62id\x61x\x68"
                              "asset_id\x61x"),
                     2);
}

static void test_ids_of_every_length_count(void **state)
{
    (void)state;
    for (size_t length = 1; length <= RENTBUS_ID_MAX + 1; length++) {
        struct rentbus_buffer data = {0};
        char id[RENTBUS_ID_MAX + 1];
        memset(id, 'x', sizeof(id));
        rentbus_cbor_write_map(&data, 1);
        rentbus_cbor_write_text(&data, "user_id", 7);
        rentbus_cbor_write_text(&data, id, length);
        assert_int_equal(count_of((const char *)data.data, data.length), length <= RENTBUS_ID_MAX);
        rentbus_buffer_release(&data);
    }
}

/* ---- keys and rows ---- */

/* Archives are full of them. */
static void test_keys_stay_as_they_are(void **state)
{
    (void)state;
    assert_int_equal(mention_key((struct mention){MENTION_RENTAL, rentbus_text("rental-1")}),
                     0x2187b8df);
    assert_int_equal(mention_key((struct mention){MENTION_USER, rentbus_text("ä")}), 0x95386b10);
}

static int compare_keys(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;

    return (*a > *b) - (*a < *b);
}

/* Of 60,000 random keys of 32 bits less than one pair is equal, on average. */
static void test_keys_of_similar_ids_differ(void **state)
{
    static const enum mention_kind kinds[] = {MENTION_RENTAL, MENTION_USER, MENTION_ASSET};
    static uint32_t keys[60000];
    size_t same = 0;

    (void)state;
    for (size_t i = 0; i < 60000; i++)
        keys[i] = mention_key((struct mention){kinds[i % 3], archive_fixture_id("a", i / 3)});
    qsort(keys, 60000, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < 60000; i++)
        same += keys[i] == keys[i - 1];
    assert_in_range(same, 0, 5);
}

static void add_rental(struct mention_rows *rows, uint64_t number, uint64_t seq)
{
    struct rentbus_buffer data = {0};
    struct rentbus_rental_data created = {.rental = archive_fixture_rental(number)};
    created.has = RENTBUS_BIT(rental_data, rental);
    struct archive_fixture_event given = {"RENTAL_CREATED_EVENT", 0, &rentbus_rental_data_schema,
                                          &created};
    struct rentbus_event event = archive_fixture_event(&given, &data);

    mention_rows_add(rows, &event, seq);
    assert_false(rows->failed);
    rentbus_buffer_release(&data);
}

static void check_sorted(const struct mention_rows *rows)
{
    for (size_t i = 1; i < rows->count; i++) {
        const struct mention_row *a = &rows->items[i - 1];
        const struct mention_row *b = &rows->items[i];
        int64_t left[] = {(int64_t)(a->seq >> MENTION_SEGMENT_BITS), (int32_t)a->key,
                          (int64_t)a->seq};
        int64_t right[] = {(int64_t)(b->seq >> MENTION_SEGMENT_BITS), (int32_t)b->key,
                           (int64_t)b->seq};
        size_t at = 0;
        while (at < 2 && left[at] == right[at])
            at++;
        assert_true(left[at] < right[at]);
    }
}

/* Few and many, in the order of seqs and in another. */
static void check_sorts(uint64_t count)
{
    struct mention_rows rows = {0};

    for (uint64_t i = 0; i < count; i++) {
        add_rental(&rows, i % 20, i * 5000);
        size_t before = rows.count;
        add_rental(&rows, i % 20, i * 5000);
        assert_int_equal(rows.count, before);
    }
    assert_int_equal(rows.count, 3 * count);
    mention_rows_sort(&rows);
    check_sorted(&rows);
    for (size_t i = 0; i < rows.count / 2; i++) {
        struct mention_row *other = &rows.items[(i * 7919) % rows.count];
        struct mention_row row = rows.items[i];
        rows.items[i] = *other;
        *other = row;
    }
    mention_rows_sort(&rows);
    check_sorted(&rows);
    mention_rows_clear(&rows);
    assert_int_equal(rows.count, 0);
    mention_rows_release(&rows);
}

static void test_rows_are_sorted_as_the_table_is(void **state)
{
    (void)state;
    check_sorts(200);
    check_sorts(3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_mentions_what_its_data_names),
        cmocka_unit_test(test_odd_data_mentions_nothing),
        cmocka_unit_test(test_ids_of_every_length_count),
        cmocka_unit_test(test_keys_stay_as_they_are),
        cmocka_unit_test(test_keys_of_similar_ids_differ),
        cmocka_unit_test(test_rows_are_sorted_as_the_table_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
