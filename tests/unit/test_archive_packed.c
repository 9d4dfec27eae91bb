/* SPDX-License-Identifier: MPL-2.0 */
/* Rentals as the archive stores them: what is read is what was written, ids too. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/archive/packed.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/uuid.h"
#include "tests/unit/archive_fixture.h"

/* A rental with every field. */
static struct rentbus_rental full_rental(void)
{
    struct rentbus_rental rental = archive_fixture_rental(1);

    RENTBUS_SET(&rental, rental, rev, 300);
    RENTBUS_SET(&rental, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(&rental, rental, closed_by, RENTBUS_CLOSED_BY_late_checkout);
    RENTBUS_SET(&rental, rental, created_at, -1);
    RENTBUS_SET(&rental, rental, expires_at, INT64_C(253402300799999999));
    RENTBUS_SET(&rental, rental, created_seq, INT64_MAX);
    RENTBUS_SET(&rental, rental, flag_reason, rentbus_text(""));
    RENTBUS_SET(&rental, rental, returned_at, INT64_C(-62135596800000000));
    RENTBUS_SET(&rental, rental, returned_asset_id, rentbus_text("other"));
    RENTBUS_SET(&rental, rental, returned_at_location_id, rentbus_text("bin"));
    rental.eligible_asset_types.count = 2;
    rental.eligible_asset_types.items[0] = rentbus_text("mug");
    rental.eligible_asset_types.items[1] = rentbus_text("b\xc3\xb6wl");
    return rental;
}

static void check_round_trip(const struct rentbus_rental *rental)
{
    struct rentbus_buffer packed = {0};
    struct rentbus_buffer wanted = {0};
    struct rentbus_buffer found = {0};
    struct rentbus_rental read;

    packed_rental_write(rental, &packed);
    assert_false(packed.failed);
    assert_int_equal(
        packed_rental_read((struct rentbus_bytes){packed.data, packed.length}, rental->id, &read),
        0);
    rentbus_encode(&rentbus_rental_schema, rental, &wanted);
    rentbus_encode(&rentbus_rental_schema, &read, &found);
    assert_int_equal(found.length, wanted.length);
    assert_memory_equal(found.data, wanted.data, wanted.length);
    rentbus_buffer_release(&packed);
    rentbus_buffer_release(&wanted);
    rentbus_buffer_release(&found);
}

/* Every set of fields that may be absent. */
static void test_what_is_read_is_what_was_written(void **state)
{
    const struct rentbus_schema *schema = &rentbus_rental_schema;
    uint64_t optional[16];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].need != RENTBUS_NEED_REQUIRED)
            optional[count++] = UINT64_C(1) << i;
    assert_in_range(count, 5, 15);
    for (uint64_t set = 0; set < UINT64_C(1) << count; set++) {
        struct rentbus_rental rental = full_rental();
        for (size_t i = 0; i < count; i++)
            if (set >> i & 1)
                rental.has &= ~optional[i];
        check_round_trip(&rental);
    }
}

/* A file may outlive the version that wrote it: neither fields nor words may move. */
static void test_bytes_stay_what_they_are(void **state)
{
    static const uint8_t wanted[] =
        "\xff\xff\x01\xac\x02\x02\x06user-1\x07"
        "asset-1\x00\x05\x01\xfe\xff\x9a\xc7\x99\x83\xa2\x84\x07"
        "\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00\xff\xff\xdd\xf2\xdf\xff\xdf\xdc\x01"
        "\x05other\x02\x03mug\x05"
        "b\xc3\xb6wl\x07"
        "counter\x03"
        "bin";
    struct rentbus_rental rental = full_rental();
    struct rentbus_buffer packed = {0};

    (void)state;
    packed_rental_write(&rental, &packed);
    assert_int_equal(packed.length, sizeof(wanted) - 1);
    assert_memory_equal(packed.data, wanted, packed.length);
    rentbus_buffer_release(&packed);
}

static void test_damaged_bytes_are_refused(void **state)
{
    struct rentbus_rental rental = full_rental();
    struct rentbus_rental read;
    struct rentbus_buffer packed = {0};

    (void)state;
    packed_rental_write(&rental, &packed);
    for (size_t length = 0; length < packed.length; length++) {
        uint8_t *cut = malloc(length + 1);
        memcpy(cut, packed.data, length);
        assert_int_equal(packed_rental_read((struct rentbus_bytes){cut, length}, rental.id, &read),
                         -EBADMSG);
        free(cut);
    }
    rentbus_buffer_append(&packed, "", 1);
    assert_int_equal(
        packed_rental_read((struct rentbus_bytes){packed.data, packed.length}, rental.id, &read),
        -EBADMSG);
    rentbus_buffer_release(&packed);
    /* Nothing present; a field that there is not; a number without an end. */
    static const uint8_t others[][12] = {{0},
                                         {0xff, 0xff, 0x7f},
                                         "\xff\xff\xff\xff\xff\xff\xff\xff"
                                         "\xff\xff\xff"};
    static const size_t lengths[] = {1, 3, 11};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
        assert_int_equal(
            packed_rental_read((struct rentbus_bytes){others[i], lengths[i]}, rental.id, &read),
            -EBADMSG);
}

/* Whatever the bytes are, nothing is read beyond them. */
static void test_bytes_of_chance_are_read_or_refused(void **state)
{
    struct journal_fixture *fixture = *state;
    struct rentbus_rental rental = full_rental();
    struct rentbus_rental read;
    struct rentbus_buffer packed = {0};

    packed_rental_write(&rental, &packed);
    for (int i = 0; i < 20000; i++) {
        uint8_t *bytes = malloc(packed.length);
        memcpy(bytes, packed.data, packed.length);
        for (int change = 0; change < 3; change++)
            bytes[journal_fixture_random(fixture, packed.length)] =
                (uint8_t)journal_fixture_random(fixture, 256);
        int r = packed_rental_read((struct rentbus_bytes){bytes, packed.length}, rental.id, &read);
        assert_true(r == 0 || r == -EBADMSG);
        free(bytes);
    }
    rentbus_buffer_release(&packed);
}

/* ---- ids and keys, by way of the archive ---- */

static struct rentbus_rental closed_rental(uint64_t number, const char *id, const char *user)
{
    struct rentbus_rental rental = archive_fixture_rental(number);

    RENTBUS_SET(&rental, rental, id, rentbus_text(id));
    RENTBUS_SET(&rental, rental, user_id, rentbus_text(user));
    RENTBUS_SET(&rental, rental, status, RENTBUS_STATUS_COMPLETED);
    return rental;
}

static void import_rental(struct journal_fixture *fixture, const struct rentbus_rental *rental)
{
    struct rentbus_rental_data data = {0};

    RENTBUS_SET(&data, rental_data, rental, *rental);
    archive_fixture_append(fixture,
                           &(struct archive_fixture_event){"RENTAL_IMPORTED_EVENT", 1,
                                                           &rentbus_rental_data_schema, &data});
}

static struct archive_reader *archive_all(struct journal_fixture *fixture)
{
    struct archive *archive = archive_fixture_open(fixture);

    archive_fixture_follow(fixture, archive, 1000);
    archive_close(&archive);
    return archive_fixture_read(fixture);
}

static int note_id(void *context, uint64_t created_seq, struct rentbus_bytes bytes)
{
    struct rentbus_buffer *ids = context;
    struct rentbus_rental rental;
    struct rentbus_fault fault;

    assert_int_equal(
        rentbus_decode(&rentbus_rental_schema, bytes, RENTBUS_LENIENT, &rental, &fault), 0);
    assert_int_equal(rental.created_seq, created_seq);
    rentbus_buffer_append(ids, rental.id.data, rental.id.length);
    rentbus_buffer_append(ids, " ", 1);
    return 0;
}

/* Ids that are the same UUID are three ids. */
static void test_an_id_is_given_back_as_it_came(void **state)
{
    static const char *const ids[] = {
        "01952018-9982-7dcc-b2f3-81e9884d9fad",
        "01952018-9982-7DCC-B2F3-81E9884D9FAD",
        "01952018-9982-7dcc-b2f3-81e9884d9faD",
        "sixteen bytes !!",
        "7",
    };
    struct journal_fixture *fixture = *state;
    struct rentbus_buffer wanted = {0}, listed = {0};
    struct archive_rental_filter all = {0};

    for (uint64_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        struct rentbus_rental rental = closed_rental(i + 1, ids[i], ids[i]);
        import_rental(fixture, &rental);
        rentbus_buffer_append(&wanted, ids[i], strlen(ids[i]));
        rentbus_buffer_append(&wanted, " ", 1);
    }
    struct archive_reader *reader = archive_all(fixture);
    for (uint64_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        struct rentbus_buffer found = {0}, expected = {0};
        struct rentbus_rental rental = closed_rental(i + 1, ids[i], ids[i]);
        rentbus_encode(&rentbus_rental_schema, &rental, &expected);
        assert_int_equal(archive_rental_get(reader, rentbus_text(ids[i]), &found), 1);
        assert_int_equal(found.length, expected.length);
        assert_memory_equal(found.data, expected.data, found.length);
        rentbus_buffer_release(&found);
        rentbus_buffer_release(&expected);
    }
    assert_int_equal(archive_rental_list(reader, &all, 0, 100, note_id, &listed), 0);
    assert_int_equal(listed.length, wanted.length);
    assert_memory_equal(listed.data, wanted.data, listed.length);
    rentbus_buffer_release(&listed);
    rentbus_buffer_release(&wanted);
    archive_reader_close(&reader);
}

/* Two users whose keys are the same. */
static void find_same_keys(char first[32], char second[32])
{
    enum { TRIED = 400000, SLOTS = 1 << 20 };
    uint32_t *slots = calloc(SLOTS, sizeof(*slots));
    uint32_t *keys = calloc(TRIED, sizeof(*keys));
    uint32_t i = 1, at = 0;

    for (bool found = false; !found && i < TRIED; i++) {
        snprintf(first, 32, "user-%u", i);
        keys[i] = mention_key((struct mention){MENTION_USER, rentbus_text(first)});
        for (at = keys[i] % SLOTS; slots[at] && keys[slots[at]] != keys[i];)
            at = (at + 1) % SLOTS;
        found = slots[at] != 0;
        if (found)
            snprintf(second, 32, "user-%u", slots[at]);
        slots[at] = i;
    }
    assert_in_range(i, 2, TRIED - 1);
    free(slots);
    free(keys);
}

static void test_a_list_tells_same_keys_apart(void **state)
{
    struct journal_fixture *fixture = *state;
    char users[2][32] = {"", ""};
    struct rentbus_buffer listed = {0};

    find_same_keys(users[0], users[1]);
    for (uint64_t i = 0; i < 6; i++) {
        struct rentbus_text id = archive_fixture_id("rental", i);
        struct rentbus_rental rental = closed_rental(i + 1, id.data, users[i % 2]);
        import_rental(fixture, &rental);
    }
    struct archive_reader *reader = archive_all(fixture);
    struct archive_rental_filter filter = {.user_id = rentbus_text(users[1])};
    assert_int_equal(archive_rental_list(reader, &filter, 2, 1, note_id, &listed), 0);
    assert_int_equal(archive_rental_list(reader, &filter, 4, 9, note_id, &listed), 0);
    rentbus_buffer_append(&listed, "", 1);
    assert_string_equal((char *)listed.data, "rental-3 rental-5 ");
    rentbus_buffer_release(&listed);
    archive_reader_close(&reader);
}

static void check_listed(struct archive_reader *reader, struct archive_rental_filter filter,
                         const char *wanted)
{
    struct rentbus_buffer listed = {0};

    assert_int_equal(archive_rental_list(reader, &filter, 0, 9, note_id, &listed), 0);
    rentbus_buffer_append(&listed, "", 1);
    assert_string_equal((char *)listed.data, wanted);
    rentbus_buffer_release(&listed);
}

/* A rental leaves the archive, and comes back with another user: what finds it stays behind. */
static void test_a_rental_is_found_as_it_is_now(void **state)
{
    static const char *const ids[] = {"01952018-9982-7dcc-b2f3-81e9884d9fad", "text"};
    const struct archive_rental_filter ada = {.user_id = rentbus_text("ada")};
    const struct archive_rental_filter bob = {.user_id = rentbus_text("bob")};
    struct journal_fixture *fixture = *state;
    struct rentbus_buffer found = {0};

    for (uint64_t i = 0; i < 2; i++) {
        struct rentbus_rental rental = closed_rental(i + 1, ids[i], "ada");
        import_rental(fixture, &rental);
    }
    struct archive_reader *reader = archive_all(fixture);
    check_listed(reader, ada, "01952018-9982-7dcc-b2f3-81e9884d9fad text ");
    for (uint64_t i = 0; i < 2; i++) {
        struct rentbus_rental rental = closed_rental(i + 1, ids[i], "ada");
        rental.status = RENTBUS_STATUS_FLAGGED;
        rental.rev = 2;
        import_rental(fixture, &rental);
    }
    archive_reader_close(&reader);
    reader = archive_all(fixture);
    check_listed(reader, ada, "");
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(archive_rental_get(reader, rentbus_text(ids[i]), &found), 0);
    for (uint64_t i = 0; i < 2; i++) {
        struct rentbus_rental rental = closed_rental(i + 1, ids[i], "bob");
        rental.rev = 3;
        import_rental(fixture, &rental);
    }
    archive_reader_close(&reader);
    reader = archive_all(fixture);
    check_listed(reader, ada, "");
    check_listed(reader, bob, "01952018-9982-7dcc-b2f3-81e9884d9fad text ");
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(archive_rental_get(reader, rentbus_text(ids[i]), &found), 1);
    rentbus_buffer_release(&found);
    archive_reader_close(&reader);
}

/* The i-th of many UUIDs, in no order. */
static void write_uuid(uint64_t i, char text[RENTBUS_UUID_TEXT_SIZE + 1])
{
    struct rentbus_uuid uuid;

    for (size_t at = 0; at < sizeof(uuid.bytes); at++)
        uuid.bytes[at] = (uint8_t)((i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> (at % 8 * 8));
    rentbus_uuid_format(uuid, text);
}

static void test_every_uuid_is_found(void **state)
{
    enum { RENTALS = 600, AT_ONCE = 70 };
    struct journal_fixture *fixture = *state;
    struct rentbus_buffer found = {0};
    char id[RENTBUS_UUID_TEXT_SIZE + 1];

    for (uint64_t i = 0; i < RENTALS; i++) {
        write_uuid(i, id);
        struct rentbus_rental rental = closed_rental(i + 1, id, "ada");
        import_rental(fixture, &rental);
        if (i % AT_ONCE == 0 || i + 1 == RENTALS) {
            struct archive_reader *reader = archive_all(fixture);
            archive_reader_close(&reader);
        }
    }
    struct archive_reader *reader = archive_fixture_read(fixture);
    for (uint64_t i = 0; i < 2 * RENTALS; i++) {
        struct rentbus_rental rental = closed_rental(i + 1, id, "ada");
        struct rentbus_buffer wanted = {0};
        write_uuid(i, id);
        rentbus_buffer_clear(&found);
        assert_int_equal(archive_rental_get(reader, rentbus_text(id), &found), i < RENTALS);
        rentbus_encode(&rentbus_rental_schema, &rental, &wanted);
        assert_int_equal(found.length, i < RENTALS ? wanted.length : 0);
        if (i < RENTALS)
            assert_memory_equal(found.data, wanted.data, wanted.length);
        rentbus_buffer_release(&wanted);
    }
    rentbus_buffer_release(&found);
    archive_reader_close(&reader);
}

/* What closed rentals of one user there are lies in many segments. */
static void test_a_list_crosses_segments(void **state)
{
    static const uint64_t seqs[] = {1, 2, 1048575, 1048576, 5000000, 9000000};
    struct journal_fixture *fixture = *state;
    struct archive_rental_filter filter = {.user_id = rentbus_text("ada")};
    struct rentbus_buffer listed = {0};

    for (size_t i = 0; i < 6; i++) {
        struct rentbus_rental rental =
            closed_rental(seqs[i], archive_fixture_id("rental", i).data, "ada");
        import_rental(fixture, &rental);
    }
    struct archive_reader *reader = archive_all(fixture);
    journal_fixture_sql(fixture->archive_path, "UPDATE meta SET value = 9000001 WHERE key = 'seq'");
    assert_int_equal(archive_rental_list(reader, &filter, 0, 2, note_id, &listed), 0);
    assert_int_equal(archive_rental_list(reader, &filter, 2, 2, note_id, &listed), 0);
    assert_int_equal(archive_rental_list(reader, &filter, 1048576, 9, note_id, &listed), 0);
    assert_int_equal(archive_rental_list(reader, &filter, 9000000, 9, note_id, &listed), 0);
    rentbus_buffer_append(&listed, "", 1);
    assert_string_equal((char *)listed.data,
                        "rental-0 rental-1 rental-2 rental-3 rental-4 rental-5 ");
    rentbus_buffer_release(&listed);
    archive_reader_close(&reader);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read_is_what_was_written),
        cmocka_unit_test(test_bytes_stay_what_they_are),
        cmocka_unit_test(test_damaged_bytes_are_refused),
        WITH_JOURNAL(test_bytes_of_chance_are_read_or_refused),
        WITH_JOURNAL(test_an_id_is_given_back_as_it_came),
        WITH_JOURNAL(test_a_list_tells_same_keys_apart),
        WITH_JOURNAL(test_a_rental_is_found_as_it_is_now),
        WITH_JOURNAL(test_every_uuid_is_found),
        WITH_JOURNAL(test_a_list_crosses_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
