/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void test_rows_are_sorted_as_the_table_is(void **state)
{
    struct mention_rows rows = {0};

    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        add_rental(&rows, i % 20, i * 5000);
        size_t before = rows.count;
        add_rental(&rows, i % 20, i * 5000);
        assert_int_equal(rows.count, before);
    }
    assert_int_equal(rows.count, 600);
    mention_rows_sort(&rows);
    for (size_t i = 1; i < rows.count; i++) {
        const struct mention_row *a = &rows.items[i - 1];
        const struct mention_row *b = &rows.items[i];
        int64_t left[] = {(int64_t)(a->seq >> MENTION_SEGMENT_BITS), (int32_t)a->key,
                          (int64_t)a->seq};
        int64_t right[] = {(int64_t)(b->seq >> MENTION_SEGMENT_BITS), (int32_t)b->key,
                           (int64_t)b->seq};
        size_t at = 0;
        while (at < 2 && left[at] == right[at])
            at++;
        assert_true(left[at] < right[at]);
    }
    mention_rows_clear(&rows);
    assert_int_equal(rows.count, 0);
    mention_rows_release(&rows);
}

/* ---- the archive's rows ---- */

/* A journal of commands of one to three events; what each mentions is kept here. */
#define COMMANDS 400
#define USERS 12
struct command {
    uint64_t first;
    uint64_t last;
    uint64_t rental;
    uint64_t other; /* the rental of its second event, when it has one */
};

static void append_command(struct journal_fixture *fixture, uint64_t number,
                           struct command *command)
{
    uint64_t events = 1 + journal_fixture_random(fixture, 3);
    struct rentbus_rental_data data = {.has = RENTBUS_BIT(rental_data, rental)};
    /* Now and then an event without a command, which stands alone. */
    bool alone = events == 1 && number % 3 == 0;

    command->first = journal_head(fixture->journal)->seq + 1;
    command->rental = command->other = journal_fixture_random(fixture, USERS);
    for (uint64_t i = 0; i < events; i++) {
        if (i == 1)
            command->other = journal_fixture_random(fixture, USERS);
        data.rental = archive_fixture_rental(i == 1 ? command->other : command->rental);
        struct archive_fixture_event given = {"RENTAL_CREATED_EVENT", alone ? 0 : number,
                                              &rentbus_rental_data_schema, &data};
        command->last = archive_fixture_append(fixture, &given);
    }
}

struct visiting {
    const struct command *commands;
    uint64_t user;
    uint64_t from;
    size_t next;
    size_t seen;
    size_t stop_at;
};

/* The next command that mentions the thing; NULL behind the last. */
static const struct command *next_command(struct visiting *visiting)
{
    while (visiting->next < COMMANDS) {
        const struct command *command = &visiting->commands[visiting->next++];
        bool mentions = command->rental == visiting->user || command->other == visiting->user;
        if (mentions && command->first >= visiting->from)
            return command;
    }
    return NULL;
}

static int check_visit(void *context, uint64_t seq)
{
    struct visiting *visiting = context;
    const struct command *command = next_command(visiting);

    assert_non_null(command);
    assert_int_equal(seq, command->first);
    return ++visiting->seen == visiting->stop_at ? 42 : 0;
}

static void check_thing(struct archive_reader *reader, const struct command *commands,
                        struct mention mention, uint64_t number)
{
    uint64_t head = commands[COMMANDS - 1].last;

    for (uint64_t from = 0; from <= head + 1; from += 97) {
        for (size_t limit = 0; limit < 200; limit = limit * 3 + 1) {
            struct visiting visiting = {commands, number, from, 0, 0, 0};
            uint64_t seq = 0;
            assert_int_equal(archive_mentions(reader, mention_key(mention), from, limit, &seq,
                                              check_visit, &visiting),
                             0);
            assert_int_equal(seq, head);
            assert_true(visiting.seen <= limit);
            if (visiting.seen < limit)
                assert_null(next_command(&visiting));
        }
    }
}

static void expect_thing(struct mention_rows *rows, uint64_t seq, uint64_t number)
{
    const struct mention things[] = {{MENTION_RENTAL, archive_fixture_id("rental", number)},
                                     {MENTION_USER, archive_fixture_id("user", number)},
                                     {MENTION_ASSET, archive_fixture_id("asset", number)}};

    for (size_t i = 0; i < 3; i++)
        rows->items[rows->count++] = (struct mention_row){seq, mention_key(things[i])};
}

/* The rows that there must be, in static storage, with room for one more. */
static struct mention_rows expected_rows(const struct command *commands)
{
    static struct mention_row items[6 * COMMANDS + 1];
    struct mention_rows rows = {items, 0, 6 * COMMANDS + 1, false};

    for (size_t i = 0; i < COMMANDS; i++) {
        expect_thing(&rows, commands[i].first, commands[i].rental);
        if (commands[i].other != commands[i].rental)
            expect_thing(&rows, commands[i].first, commands[i].other);
    }
    mention_rows_sort(&rows);
    return rows;
}

static void check_same(struct archive_reader *reader, const struct mention_rows *rows,
                       uint64_t head)
{
    struct archive_mention_difference difference;

    assert_int_equal(
        archive_compare_mentions(reader, INT64_MIN, INT64_MAX, rows, head, &difference), 0);
}

static void check_differs(struct archive_reader *reader, const struct mention_rows *rows,
                          uint64_t head, bool extra, uint64_t seq)
{
    struct archive_mention_difference difference;

    assert_int_equal(
        archive_compare_mentions(reader, INT64_MIN, INT64_MAX, rows, head, &difference), 1);
    assert_int_equal(difference.extra, extra);
    assert_int_equal(difference.seq, seq);
}

static void check_every_row(struct archive_reader *reader, const struct command *commands)
{
    struct mention_rows rows = expected_rows(commands);
    uint64_t head = commands[COMMANDS - 1].last;
    struct archive_counts counts;

    check_same(reader, &rows, head);
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(counts.mentions, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        struct mention_row *row = &rows.items[i];
        struct mention_row kept = *row;
        *row = rows.items[--rows.count];
        mention_rows_sort(&rows);
        check_differs(reader, &rows, head, true, kept.seq);
        rows.items[rows.count++] = kept;
        rows.items[rows.count++] = (struct mention_row){kept.seq, kept.key + 1};
        mention_rows_sort(&rows);
        check_differs(reader, &rows, head, false, kept.seq);
        rows = expected_rows(commands);
    }
}

/* What a hand may do to a table, and the difference that it makes. `WHERE` finds the row of user-3
 * at the seq. */
static const struct {
    const char *sql;
    bool extra;
} spoilt[] = {
    {"DELETE FROM mention", false},
    {"UPDATE mention SET hash = hash + 4294967296", false},
    {"UPDATE mention SET segment = segment - 1", true},
    {"UPDATE mention SET segment = segment + 1", false},
    {"UPDATE mention SET seq = seq + 1000000", false},
};

static void test_a_spoilt_row_is_found(void **state)
{
    struct journal_fixture *fixture = *state;
    static struct command commands[COMMANDS];
    uint32_t key = mention_key((struct mention){MENTION_USER, rentbus_text("user-3")});
    uint64_t seq = 0;

    for (uint64_t i = 0; i < COMMANDS; i++)
        append_command(fixture, i + 1, &commands[i]);
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].rental == 3)
            seq = commands[i].first;
    struct mention_rows rows = expected_rows(commands);
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(*spoilt); i++) {
        char sql[200];
        struct archive *archive = archive_fixture_open(fixture);
        archive_fixture_follow(fixture, archive, 1000);
        archive_close(&archive);
        struct archive_reader *reader = archive_fixture_read(fixture);
        check_same(reader, &rows, commands[COMMANDS - 1].last);
        snprintf(sql, sizeof(sql), "%s WHERE hash = %d AND seq = %llu", spoilt[i].sql, (int32_t)key,
                 (unsigned long long)seq);
        journal_fixture_sql(fixture->archive_path, sql);
        check_differs(reader, &rows, commands[COMMANDS - 1].last, spoilt[i].extra, seq);
        archive_reader_close(&reader);
        assert_int_equal(unlink(fixture->archive_path), 0);
    }
}

static void test_archive_knows_who_is_mentioned_where(void **state)
{
    static const size_t counts[] = {1, 2, 3, 7, 50, 1000};
    struct journal_fixture *fixture = *state;
    static struct command commands[COMMANDS];

    struct archive *archive = archive_fixture_open(fixture);
    for (uint64_t i = 0; i < COMMANDS; i++) {
        append_command(fixture, i + 1, &commands[i]);
        if (i % 23 == 0 || i == COMMANDS - 1)
            archive_fixture_follow(fixture, archive, counts[i % 6]);
    }
    archive_close(&archive);
    struct archive_reader *reader = archive_fixture_read(fixture);
    check_every_row(reader, commands);
    for (uint64_t i = 0; i < USERS; i++) {
        check_thing(reader, commands,
                    (struct mention){MENTION_RENTAL, archive_fixture_id("rental", i)}, i);
        check_thing(reader, commands,
                    (struct mention){MENTION_ASSET, archive_fixture_id("asset", i)}, i);
    }
    check_thing(reader, commands, (struct mention){MENTION_ASSET, rentbus_text("user-1")}, USERS);
    archive_reader_close(&reader);
}

static void test_archive_ends_behind_a_command(void **state)
{
    struct journal_fixture *fixture = *state;
    static struct command commands[COMMANDS];
    size_t taken;

    struct archive *archive = archive_fixture_open(fixture);
    for (uint64_t i = 0; i < 60; i++)
        append_command(fixture, i + 1, &commands[i]);
    for (uint64_t i = 0; i < 60; i++) {
        assert_int_equal(archive_follow(archive, fixture->reader, 1, &taken), 0);
        assert_int_equal(archive_seq(archive), commands[i].last);
        assert_int_equal(taken, commands[i].last - commands[i].first + 1);
    }
    archive_close(&archive);
}

static void test_visitor_ends_the_visit(void **state)
{
    struct journal_fixture *fixture = *state;
    static struct command commands[COMMANDS];
    uint64_t seq;

    struct archive *archive = archive_fixture_open(fixture);
    for (uint64_t i = 0; i < COMMANDS; i++)
        append_command(fixture, i + 1, &commands[i]);
    archive_fixture_follow(fixture, archive, 1000);
    archive_close(&archive);
    struct archive_reader *reader = archive_fixture_read(fixture);
    uint32_t key = mention_key((struct mention){MENTION_USER, rentbus_text("user-3")});
    struct visiting visiting = {commands, 3, 0, 0, 0, 4};
    assert_int_equal(archive_mentions(reader, key, 0, 100, &seq, check_visit, &visiting), 42);
    assert_int_equal(visiting.seen, 4);
    archive_reader_close(&reader);
}

/* Rows of many segments, put there by hand: a journal of that length takes too long. */
#define SEGMENT (UINT64_C(1) << MENTION_SEGMENT_BITS)
static const uint64_t far_seqs[] = {1,           SEGMENT - 1,     SEGMENT,        SEGMENT + 1,
                                    2 * SEGMENT, 4 * SEGMENT + 9, 9 * SEGMENT - 1};
#define FAR_SEQS (sizeof(far_seqs) / sizeof(*far_seqs))

static int check_far(void *context, uint64_t seq)
{
    size_t *next = context;

    assert_true(*next < FAR_SEQS);
    assert_int_equal(seq, far_seqs[(*next)++]);
    return 0;
}

static void put_far(struct journal_fixture *fixture, uint64_t seq)
{
    uint32_t key = mention_key((struct mention){MENTION_RENTAL, rentbus_text("rental-1")});
    char sql[200];

    snprintf(sql, sizeof(sql),
             "INSERT INTO mention VALUES(%llu, %d, %llu); "
             "UPDATE meta SET value = max(value, %llu) WHERE key = 'seq'",
             (unsigned long long)(seq / SEGMENT), (int32_t)key, (unsigned long long)seq,
             (unsigned long long)seq);
    journal_fixture_sql(fixture->archive_path, sql);
}

static struct archive_reader *read_far(struct journal_fixture *fixture)
{
    struct archive *archive = archive_fixture_open(fixture);

    archive_close(&archive);
    for (size_t i = 0; i < FAR_SEQS; i++)
        put_far(fixture, far_seqs[i]);
    return archive_fixture_read(fixture);
}

static void test_mentions_cross_segments(void **state)
{
    struct mention mention = {MENTION_RENTAL, rentbus_text("rental-1")};
    struct archive_reader *reader = read_far(*state);
    uint64_t seq;

    for (size_t first = 0; first < FAR_SEQS; first++) {
        for (size_t limit = 0; limit <= FAR_SEQS - first; limit++) {
            size_t next = first;
            assert_int_equal(archive_mentions(reader, mention_key(mention), far_seqs[first], limit,
                                              &seq, check_far, &next),
                             0);
            assert_int_equal(next, first + limit);
        }
    }
    size_t next = FAR_SEQS;
    assert_int_equal(
        archive_mentions(reader, mention_key(mention), UINT64_MAX, 10, &seq, check_far, &next), 0);
    archive_reader_close(&reader);
}

static void test_segments_are_compared_apart(void **state)
{
    uint32_t key = mention_key((struct mention){MENTION_RENTAL, rentbus_text("rental-1")});
    struct archive_reader *reader = read_far(*state);
    struct archive_mention_difference difference;
    struct mention_row items[FAR_SEQS];
    struct mention_rows rows = {items, 0, FAR_SEQS, false};

    for (size_t i = 0; i < FAR_SEQS; i++) {
        check_differs(reader, &rows, UINT64_MAX, true, far_seqs[i]);
        if (i > 0)
            check_same(reader, &rows, far_seqs[i] - 1);
        items[rows.count++] = (struct mention_row){far_seqs[i], key};
        check_same(reader, &rows, far_seqs[i]);
    }
    rows = (struct mention_rows){items + 2, 2, 2, false};
    assert_int_equal(archive_compare_mentions(reader, 1, 1, &rows, UINT64_MAX, &difference), 0);
    rows.count = 3;
    assert_int_equal(archive_compare_mentions(reader, 1, 3, &rows, UINT64_MAX, &difference), 0);
    assert_int_equal(archive_compare_mentions(reader, 1, 4, &rows, UINT64_MAX, &difference), 1);
    assert_true(difference.extra);
    assert_int_equal(difference.seq, far_seqs[5]);
    archive_reader_close(&reader);
}

struct interrupting {
    struct journal_fixture *fixture;
    size_t next;
};

static int interrupt(void *context, uint64_t seq)
{
    struct interrupting *interrupting = context;

    if (interrupting->next == 0) {
        put_far(interrupting->fixture, 3 * SEGMENT);
        put_far(interrupting->fixture, 12 * SEGMENT);
    }
    return check_far(&interrupting->next, seq);
}

/* What is archived meanwhile is not visited: it is behind the seq that the caller was told. */
static void test_mentions_are_of_one_moment(void **state)
{
    struct archive_reader *reader = read_far(*state);
    struct interrupting interrupting = {*state, 0};
    uint32_t key = mention_key((struct mention){MENTION_RENTAL, rentbus_text("rental-1")});
    uint64_t seq = 0;

    assert_int_equal(archive_mentions(reader, key, 0, 100, &seq, interrupt, &interrupting), 0);
    assert_int_equal(interrupting.next, FAR_SEQS);
    assert_int_equal(seq, far_seqs[FAR_SEQS - 1]);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, 12 * SEGMENT);
    archive_reader_close(&reader);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_mentions_what_its_data_names),
        cmocka_unit_test(test_odd_data_mentions_nothing),
        cmocka_unit_test(test_ids_of_every_length_count),
        cmocka_unit_test(test_keys_stay_as_they_are),
        cmocka_unit_test(test_keys_of_similar_ids_differ),
        cmocka_unit_test(test_rows_are_sorted_as_the_table_is),
        WITH_JOURNAL(test_archive_knows_who_is_mentioned_where),
        WITH_JOURNAL(test_a_spoilt_row_is_found),
        WITH_JOURNAL(test_archive_ends_behind_a_command),
        WITH_JOURNAL(test_visitor_ends_the_visit),
        WITH_JOURNAL(test_mentions_cross_segments),
        WITH_JOURNAL(test_segments_are_compared_apart),
        WITH_JOURNAL(test_mentions_are_of_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
