/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "sdk/protocol/text.h"
#include "tests/unit/archive_fixture.h"

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
        archive_compare_mentions(reader, INT64_MIN, INT64_MAX, rows, 0, head, &difference), 0);
}

static void check_differs(struct archive_reader *reader, const struct mention_rows *rows,
                          uint64_t head, bool extra, uint64_t seq)
{
    struct archive_mention_difference difference;

    assert_int_equal(
        archive_compare_mentions(reader, INT64_MIN, INT64_MAX, rows, 0, head, &difference), 1);
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

/* What a hand may do to the mention of user-3 at a seq, and the difference that it makes: take it
 * out, and put it back with another key and seq. */
static const struct {
    bool back;
    uint32_t key;
    uint64_t seq;
    bool extra;
} spoilt[] = {
    {false, 0, 0, false},        {true, 1, 0, false},
    {true, UINT32_MAX, 0, true}, {true, 0, UINT64_C(1) << MENTION_SEGMENT_BITS, false},
    {true, 0, 1000000, false},
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
        struct mention_row kept = {seq, key};
        struct mention_row changed = {seq + spoilt[i].seq, key + spoilt[i].key};
        struct archive *archive = archive_fixture_open(fixture);
        archive_fixture_follow(fixture, archive, 1000);
        archive_close(&archive);
        struct archive_reader *reader = archive_fixture_read(fixture);
        check_same(reader, &rows, commands[COMMANDS - 1].last);
        archive_fixture_change(fixture, &kept, spoilt[i].back ? &changed : NULL);
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

    archive_fixture_change(fixture, NULL, &(struct mention_row){seq, key});
    snprintf(sql, sizeof(sql), "UPDATE meta SET value = max(value, %llu) WHERE key = 'seq'",
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
    assert_int_equal(archive_compare_mentions(reader, 1, 1, &rows, 0, UINT64_MAX, &difference), 0);
    rows.count = 3;
    assert_int_equal(archive_compare_mentions(reader, 1, 3, &rows, 0, UINT64_MAX, &difference), 0);
    assert_int_equal(archive_compare_mentions(reader, 1, 4, &rows, 0, UINT64_MAX, &difference), 1);
    assert_true(difference.extra);
    assert_int_equal(difference.seq, far_seqs[5]);
    archive_reader_close(&reader);
}

/* A row that lies where no other does changes no order. */
static void test_a_spoilt_row_alone_in_its_segment_is_found(void **state)
{
    struct journal_fixture *fixture = *state;
    uint32_t key = mention_key((struct mention){MENTION_RENTAL, rentbus_text("rental-1")});
    struct archive_reader *reader = read_far(fixture);
    uint64_t head = far_seqs[FAR_SEQS - 1];
    struct mention_row items[FAR_SEQS];
    struct mention_rows rows = {items, FAR_SEQS, FAR_SEQS, false};

    for (size_t i = 0; i < FAR_SEQS; i++)
        items[i] = (struct mention_row){far_seqs[i], key};
    check_same(reader, &rows, head);
    journal_fixture_sql(fixture->archive_path, "INSERT INTO mention(segment, first, entries) "
                                               "VALUES(20, x'800000017fffff', x'800000017fffff')");
    check_differs(reader, &rows, head, true, 0x7fffff);
    journal_fixture_sql(fixture->archive_path, "DELETE FROM mention WHERE segment = 20");
    check_same(reader, &rows, head);
    archive_fixture_change(fixture, &(struct mention_row){head, key},
                           &(struct mention_row){head, key + 1});
    check_differs(reader, &rows, head, false, head);
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
        WITH_JOURNAL(test_archive_knows_who_is_mentioned_where),
        WITH_JOURNAL(test_a_spoilt_row_is_found),
        WITH_JOURNAL(test_archive_ends_behind_a_command),
        WITH_JOURNAL(test_visitor_ends_the_visit),
        WITH_JOURNAL(test_mentions_cross_segments),
        WITH_JOURNAL(test_segments_are_compared_apart),
        WITH_JOURNAL(test_a_spoilt_row_alone_in_its_segment_is_found),
        WITH_JOURNAL(test_mentions_are_of_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
