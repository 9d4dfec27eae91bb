/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"
#include "tests/unit/archive_fixture.h"

#define LONG_AGO INT64_MIN
#define FOR_EVER INT64_MAX

static int64_t time_of(const char *text)
{
    int64_t time = 0;

    assert_true(rentbus_time_parse(rentbus_text(text), &time));
    return time;
}

static struct rentbus_complete_data complete(enum rentbus_status status,
                                             enum rentbus_closed_by closed_by, int64_t created_at,
                                             int64_t returned_at)
{
    struct rentbus_complete_data data = {.rental = archive_fixture_rental(1)};
    struct rentbus_rental *rental = &data.rental;

    data.has = RENTBUS_BIT(complete_data, rental);
    RENTBUS_SET(rental, rental, rev, 2);
    RENTBUS_SET(rental, rental, status, status);
    if (closed_by)
        RENTBUS_SET(rental, rental, closed_by, closed_by);
    RENTBUS_SET(rental, rental, created_at, created_at);
    RENTBUS_SET(rental, rental, returned_at, returned_at);
    return data;
}

static struct rentbus_rental_data imported(const struct rentbus_complete_data *data)
{
    return (struct rentbus_rental_data){.has = RENTBUS_BIT(rental_data, rental),
                                        .rental = data->rental};
}

static struct tally *new_tally(void)
{
    struct tally *tally = tally_create();
    assert_non_null(tally);
    return tally;
}

static struct tally_summary summarize(const struct tally *tally, int64_t from, int64_t until)
{
    struct tally_summary summary = {0};
    assert_int_equal(tally_summarize(tally, from, until, &summary), 0);
    return summary;
}

/* ---- what counts ---- */

static const struct {
    bool import;
    enum rentbus_status status;
    enum rentbus_closed_by closed_by;
    uint64_t returns;
    uint64_t missed_scans;
} counted[] = {
    {false, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {false, RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {false, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_late_checkout, 1, 0},
    {false, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_missed_scan, 0, 1},
    {false, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_NONE, 0, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_NONE, 1, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, 1, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_late_checkout, 1, 0},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_missed_scan, 0, 1},
    {true, RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_forgive, 0, 0},
    {true, RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_return_scan, 0, 0},
    {true, RENTBUS_STATUS_FLAGGED, RENTBUS_CLOSED_BY_missed_scan, 0, 0},
    {true, RENTBUS_STATUS_FORGIVEN, RENTBUS_CLOSED_BY_NONE, 0, 0},
    {true, RENTBUS_STATUS_IN_PROGRESS, RENTBUS_CLOSED_BY_NONE, 0, 0},
};

static void take(struct tally *tally, bool import, const struct rentbus_complete_data *data)
{
    struct rentbus_rental_data rental = imported(data);

    if (import)
        assert_int_equal(tally_take(tally, RENTBUS_RENTAL_IMPORTED_EVENT, &rental), 0);
    else
        assert_int_equal(tally_take(tally, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, data), 0);
}

static void test_what_came_back_counts(void **state)
{
    int64_t now = time_of("2025-02-10T11:00:00Z");

    (void)state;
    for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++) {
        struct tally *tally = new_tally();
        struct rentbus_complete_data data =
            complete(counted[i].status, counted[i].closed_by, now - 1000000, now);
        take(tally, counted[i].import, &data);
        data.rental.has &= ~RENTBUS_BIT(rental, returned_at);
        take(tally, counted[i].import, &data);
        struct tally_summary summary = summarize(tally, LONG_AGO, FOR_EVER);
        if (summary.returns != counted[i].returns ||
            summary.missed_scans != counted[i].missed_scans ||
            summary.has_median != (counted[i].returns > 0))
            fail_msg("row %zu", i);
        tally_summary_release(&summary);
        tally_destroy(&tally);
    }
}

static void test_other_events_do_not_count(void **state)
{
    struct tally *tally = new_tally();
    struct rentbus_complete_data data =
        complete(RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, 0, 1);

    (void)state;
    for (int type = 0; type < (int)rentbus_event_type_words.count; type++) {
        if (type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT || type == RENTBUS_RENTAL_IMPORTED_EVENT)
            continue;
        assert_int_equal(tally_take(tally, (enum rentbus_event_type)type, &data), 0);
        assert_int_equal(tally_take_rental(tally, (enum rentbus_event_type)type, &data.rental,
                                           rentbus_text("mug")),
                         0);
    }
    assert_int_equal(tally_rows(tally), 0);
    tally_destroy(&tally);
}

static void test_days_are_those_of_utc(void **state)
{
    (void)state;
    assert_int_equal(tally_day(0), 0);
    assert_int_equal(tally_day(-1), -1);
    assert_int_equal(tally_day(RENTBUS_DAY - 1), 0);
    assert_int_equal(tally_day(RENTBUS_DAY), 1);
    assert_int_equal(tally_day(-RENTBUS_DAY), -1);
    assert_int_equal(tally_day(-RENTBUS_DAY - 1), -2);
    assert_int_equal(tally_day(time_of("2025-02-10T23:59:59.999999Z")), 20129);
    assert_int_equal(tally_day(time_of("2025-02-11T00:30:00+01:00")), 20129);
}

static void test_rows_of_no_tally_are_refused(void **state)
{
    struct tally *tally = new_tally();
    char name[RENTBUS_ID_MAX + 1];
    struct rentbus_text fits = {name, RENTBUS_ID_MAX};
    struct rentbus_text long_name = {name, RENTBUS_ID_MAX + 1};
    const struct tally_row rows[] = {
        {1, (enum tally_kind)0, {0}, 0, 1},         {1, (enum tally_kind)6, {0}, 0, 1},
        {1, TALLY_RETURN, rentbus_text("x"), 0, 1}, {1, TALLY_LOCATION, {0}, 0, 1},
        {1, TALLY_TYPE, long_name, 0, 1},           {1, TALLY_PERIOD, {0}, 3712, 1},
        {1, TALLY_PERIOD, {0}, UINT64_MAX, 1},
    };

    (void)state;
    memset(name, 'x', sizeof(name));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(tally_add(tally, &rows[i]), -EBADMSG);
    assert_int_equal(tally_rows(tally), 0);
    assert_int_equal(tally_add(tally, &(struct tally_row){1, TALLY_TYPE, fits, 0, 1}), 0);
    assert_int_equal(tally_add(tally, &(struct tally_row){1, TALLY_PERIOD, {0}, 3711, 1}), 0);
    assert_true(tally_bucket_middle(3711) > 0);
    tally_destroy(&tally);
}

/* ---- periods ---- */

static int64_t median_of_one(int64_t microseconds)
{
    struct tally *tally = new_tally();
    struct rentbus_complete_data data = complete(
        RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan, 1000000, 1000000 + microseconds);

    take(tally, false, &data);
    struct tally_summary summary = summarize(tally, LONG_AGO, FOR_EVER);
    assert_true(summary.has_median);
    int64_t median = summary.median;
    tally_summary_release(&summary);
    tally_destroy(&tally);
    return median;
}

static void test_periods_are_within_one_percent(void **state)
{
    int64_t before = -1;

    (void)state;
    for (int64_t seconds = 0; seconds < INT64_C(1) << 34; seconds += 1 + seconds / 97) {
        int64_t median = median_of_one(seconds * RENTBUS_SECOND + 999999);
        if (llabs(median - seconds) * 100 > seconds || (seconds < 128 && median != seconds))
            fail_msg("%lld: %lld", (long long)seconds, (long long)median);
        assert_true(median >= before);
        before = median;
    }
    assert_int_equal(median_of_one(0), 0);
    assert_int_equal(median_of_one(-5 * RENTBUS_SECOND), 0);
}

/* ---- summaries ---- */

#define RETURNS_MAX 3000
struct one_return {
    int64_t day;
    uint64_t location; /* 0: none */
    uint64_t type;     /* 0: not known */
    int64_t seconds;
};

static void take_return(struct tally *tally, const struct one_return *one)
{
    int64_t at = one->day * RENTBUS_DAY + one->seconds % 86400 * RENTBUS_SECOND;
    struct rentbus_complete_data data =
        complete(RENTBUS_STATUS_COMPLETED, RENTBUS_CLOSED_BY_return_scan,
                 at - one->seconds * RENTBUS_SECOND, at);

    if (one->location)
        RENTBUS_SET(&data.rental, rental, returned_at_location_id,
                    archive_fixture_id("bin", one->location));
    if (one->type)
        RENTBUS_SET(&data, complete_data, asset_type, archive_fixture_id("type", one->type));
    take(tally, false, &data);
}

static void random_return(struct journal_fixture *fixture, uint64_t locations,
                          struct one_return *one)
{
    *one = (struct one_return){
        .day = -20 + (int64_t)journal_fixture_random(fixture, 60),
        .location = journal_fixture_random(fixture, locations),
        .type = journal_fixture_random(fixture, 6),
        .seconds = (int64_t)journal_fixture_random(fixture, 1 + (1u << (fixture->random % 22))),
    };
}

struct expectation {
    const struct one_return *all;
    size_t count;
    int64_t from;
    int64_t until;
};

static bool in_range(const struct expectation *expected, const struct one_return *one)
{
    return one->day >= expected->from && one->day < expected->until;
}

/* How many returns of the days have the location or the type of this name, or any of the day. */
static uint64_t count_returns(const struct expectation *expected, const char *list,
                              struct rentbus_text name)
{
    uint64_t count = 0;

    for (size_t i = 0; i < expected->count; i++) {
        const struct one_return *one = &expected->all[i];
        char day[RENTBUS_TIME_TEXT_SIZE];
        struct rentbus_text own = {day, 10};
        rentbus_time_format(one->day * RENTBUS_DAY, day);
        if (list[0] == 'l')
            own =
                one->location ? archive_fixture_id("bin", one->location) : (struct rentbus_text){0};
        if (list[0] == 't')
            own = one->type ? archive_fixture_id("type", one->type) : (struct rentbus_text){0};
        count += in_range(expected, one) && own.length && rentbus_text_equal(own, name);
    }
    return count;
}

static int compare_names(struct rentbus_text a, struct rentbus_text b)
{
    size_t length = a.length < b.length ? a.length : b.length;
    int difference = memcmp(a.data, b.data, length);

    return difference ? difference : (int)a.length - (int)b.length;
}

/* Each entry says what was counted, and they are in order. Returns the sum of the entries. */
#define CHECK_LIST(function, schema_name, field, letter, by_count)                                 \
    static uint64_t function(const struct rentbus_list *list, const struct expectation *expected)  \
    {                                                                                              \
        struct rentbus_##schema_name entry, last = {0};                                            \
        size_t position = 0, entries = 0;                                                          \
        uint64_t sum = 0;                                                                          \
        while (rentbus_list_next(list, &rentbus_##schema_name##_schema, &position, &entry) == 1) { \
            assert_int_equal(entry.returns, count_returns(expected, letter, entry.field));         \
            assert_true(entry.returns > 0);                                                        \
            int order = entries ? compare_names(last.field, entry.field) : -1;                     \
            assert_true(by_count &&entries &&last.returns != entry.returns                         \
                            ? last.returns > entry.returns                                         \
                            : order < 0);                                                          \
            last = entry;                                                                          \
            sum += entry.returns;                                                                  \
            entries++;                                                                             \
        }                                                                                          \
        assert_int_equal(entries, list->count);                                                    \
        return sum;                                                                                \
    }
CHECK_LIST(check_days, day_returns, day, "d", false)
CHECK_LIST(check_locations, location_returns, location_id, "l", true)
CHECK_LIST(check_types, asset_type_returns, asset_type, "t", true)

static int compare_seconds(const void *left, const void *right)
{
    const int64_t *a = left;
    const int64_t *b = right;

    return (*a > *b) - (*a < *b);
}

static void check_median(const struct tally_summary *summary, const struct expectation *expected)
{
    static int64_t seconds[RETURNS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < expected->count; i++)
        if (in_range(expected, &expected->all[i]))
            seconds[count++] = expected->all[i].seconds;
    assert_int_equal(summary->returns, count);
    assert_int_equal(summary->has_median, count > 0);
    if (count == 0)
        return;
    qsort(seconds, count, sizeof(*seconds), compare_seconds);
    const size_t middle[] = {(count - 1) / 2, count / 2};
    double median = ((double)seconds[middle[0]] + (double)seconds[middle[1]]) / 2;
    double difference = (double)summary->median - median;
    /* Halves of seconds are cut. */
    assert_true(difference <= median / 100 && -difference <= median / 100 + 0.5);
}

static void check_summary(const struct tally *tally, const struct expectation *expected)
{
    struct tally_summary summary = summarize(tally, expected->from, expected->until);
    uint64_t located = 0, typed = 0;

    for (size_t i = 0; i < expected->count; i++) {
        located += in_range(expected, &expected->all[i]) && expected->all[i].location;
        typed += in_range(expected, &expected->all[i]) && expected->all[i].type;
    }
    assert_int_equal(check_days(&summary.days, expected), summary.returns);
    assert_int_equal(check_locations(&summary.locations, expected), located);
    assert_int_equal(check_types(&summary.types, expected), typed);
    check_median(&summary, expected);
    tally_summary_release(&summary);
}

static void test_summaries_are_of_the_days_asked_for(void **state)
{
    struct journal_fixture *fixture = *state;
    static struct one_return all[RETURNS_MAX];
    struct tally *tally = new_tally();
    struct expectation expected = {all, 0, LONG_AGO, FOR_EVER};

    check_summary(tally, &expected);
    for (; expected.count < 400; expected.count++) {
        random_return(fixture, 40, &all[expected.count]);
        take_return(tally, &all[expected.count]);
        if (expected.count % 7 == 0) {
            struct expectation some = expected;
            some.count++;
            some.from = -25 + (int64_t)journal_fixture_random(fixture, 60);
            some.until = some.from + (int64_t)journal_fixture_random(fixture, 30);
            check_summary(tally, &some);
            some.from = LONG_AGO;
            some.until = FOR_EVER;
            check_summary(tally, &some);
        }
    }
    tally_clear(tally);
    assert_int_equal(tally_rows(tally), 0);
    expected.count = 0;
    check_summary(tally, &expected);
    tally_destroy(&tally);
}

static void test_lists_end_behind_a_thousand(void **state)
{
    struct tally *tally = new_tally();
    struct rentbus_location_returns first;
    size_t position = 0;

    (void)state;
    for (uint64_t i = 1; i <= 1500; i++) {
        struct one_return one = {(int64_t)(i % 300), i, 1, 100};
        take_return(tally, &one);
        if (i == 1444)
            take_return(tally, &one);
    }
    struct tally_summary summary = summarize(tally, LONG_AGO, FOR_EVER);
    assert_int_equal(summary.returns, 1501);
    assert_int_equal(summary.locations.count, 1000);
    assert_int_equal(summary.types.count, 1);
    assert_int_equal(summary.days.count, 300);
    assert_int_equal(
        rentbus_list_next(&summary.locations, &rentbus_location_returns_schema, &position, &first),
        1);
    assert_true(rentbus_text_equal(first.location_id, rentbus_text("bin-1444")));
    assert_int_equal(tally_summarize(tally, 0, 10, &summary), 0);
    assert_int_equal(summary.days.count, 10);
    tally_summary_release(&summary);
    tally_destroy(&tally);
}

/* ---- the archive's tally ---- */

/* Appends an event that counts one way or another, and takes it. */
static void append_counted(struct journal_fixture *fixture, struct tally *tally)
{
    size_t row = journal_fixture_random(fixture, sizeof(counted) / sizeof(*counted));
    struct one_return one;

    random_return(fixture, 10, &one);
    struct rentbus_complete_data data =
        complete(counted[row].status, counted[row].closed_by, one.day * RENTBUS_DAY,
                 one.day * RENTBUS_DAY + one.seconds * RENTBUS_SECOND);
    if (one.location)
        RENTBUS_SET(&data.rental, rental, returned_at_location_id,
                    archive_fixture_id("bin", one.location));
    RENTBUS_SET(&data.rental, rental, created_seq, journal_head(fixture->journal)->seq + 1);
    RENTBUS_SET(&data.rental, rental, id,
                archive_fixture_id("rental", journal_head(fixture->journal)->seq + 1));
    if (one.type)
        RENTBUS_SET(&data, complete_data, asset_type, archive_fixture_id("type", one.type));
    struct rentbus_rental_data rental = imported(&data);
    struct archive_fixture_event given = {"RENTAL_RETURN_COMPLETE_EVENT", 0,
                                          &rentbus_complete_data_schema, &data};
    if (counted[row].import)
        given = (struct archive_fixture_event){"RENTAL_IMPORTED_EVENT", 0,
                                               &rentbus_rental_data_schema, &rental};
    archive_fixture_append(fixture, &given);
    take(tally, counted[row].import, &data);
}

struct comparing {
    struct tally *taken;
    struct tally *read;
    int64_t day;
    size_t rows;
};

static int compare_row(void *context, const struct tally_row *row)
{
    struct comparing *comparing = context;

    assert_true(row->day >= comparing->day);
    comparing->day = row->day;
    comparing->rows++;
    assert_true(row->count > 0);
    assert_int_equal(tally_find(comparing->taken, row), row->count);
    return tally_add(comparing->read, row);
}

static void compare_tallies(struct archive_reader *reader, struct tally *taken, uint64_t head)
{
    struct comparing comparing = {taken, new_tally(), LONG_AGO, 0};
    struct archive_counts counts;
    uint64_t seq = 0;

    assert_int_equal(archive_tally(reader, LONG_AGO, FOR_EVER, &seq, compare_row, &comparing), 0);
    assert_int_equal(seq, head);
    assert_int_equal(comparing.rows, tally_rows(taken));
    assert_int_equal(tally_rows(comparing.read), tally_rows(taken));
    assert_int_equal(archive_count(reader, &counts), 0);
    assert_int_equal(counts.tally_rows, tally_rows(taken));
    tally_destroy(&comparing.read);
}

static void test_archive_counts_what_a_replay_counts(void **state)
{
    static const size_t counts[] = {1, 2, 13, 100};
    struct journal_fixture *fixture = *state;
    struct tally *tally = new_tally();

    struct archive *archive = archive_fixture_open(fixture);
    struct archive_reader *reader = archive_fixture_read(fixture);
    compare_tallies(reader, tally, 0);
    for (size_t round = 0; round < 12; round++) {
        for (size_t i = 0; i < 60; i++)
            append_counted(fixture, tally);
        archive_fixture_follow(fixture, archive, counts[round % 4]);
        compare_tallies(reader, tally, (round + 1) * 60);
    }
    assert_true(tally_rows(tally) > 500);
    archive_reader_close(&reader);
    archive_close(&archive);
    tally_destroy(&tally);
}

static int keep_row(void *context, const struct tally_row *row)
{
    return tally_add(context, row);
}

static void test_archive_counts_the_days_asked_for(void **state)
{
    struct journal_fixture *fixture = *state;
    struct tally *taken = new_tally();
    uint64_t seq;

    struct archive *archive = archive_fixture_open(fixture);
    for (size_t i = 0; i < 300; i++)
        append_counted(fixture, taken);
    archive_fixture_follow(fixture, archive, 1000);
    struct archive_reader *reader = archive_fixture_read(fixture);
    for (int64_t from = -22; from < 45; from += 3) {
        for (int64_t until = from - 1; until < from + 12; until += 4) {
            struct tally *read = new_tally();
            assert_int_equal(archive_tally(reader, from, until, &seq, keep_row, read), 0);
            struct tally_summary ours = summarize(taken, from, until);
            struct tally_summary theirs = summarize(read, LONG_AGO, FOR_EVER);
            assert_int_equal(ours.returns, theirs.returns);
            assert_int_equal(ours.missed_scans, theirs.missed_scans);
            assert_int_equal(ours.median, theirs.median);
            assert_int_equal(ours.bytes.length, theirs.bytes.length);
            if (ours.bytes.length)
                assert_memory_equal(ours.bytes.data, theirs.bytes.data, ours.bytes.length);
            tally_summary_release(&ours);
            tally_summary_release(&theirs);
            tally_destroy(&read);
        }
    }
    archive_reader_close(&reader);
    archive_close(&archive);
    tally_destroy(&taken);
}

/* What is archived while the rows are read is not among them, and the seq says so. */
struct interrupting {
    struct journal_fixture *fixture;
    struct archive *archive;
    struct tally *read;
};

static int interrupt(void *context, const struct tally_row *row)
{
    struct interrupting *interrupting = context;

    archive_fixture_follow(interrupting->fixture, interrupting->archive, 1000);
    return tally_add(interrupting->read, row);
}

static void test_rows_and_seq_are_of_one_moment(void **state)
{
    struct journal_fixture *fixture = *state;
    struct tally *taken = new_tally();
    struct tally *later = new_tally();
    uint64_t seq = 0;

    struct archive *archive = archive_fixture_open(fixture);
    for (size_t i = 0; i < 100; i++)
        append_counted(fixture, taken);
    archive_fixture_follow(fixture, archive, 1000);
    for (size_t i = 0; i < 100; i++)
        append_counted(fixture, later);
    struct archive_reader *reader = archive_fixture_read(fixture);
    struct interrupting interrupting = {fixture, archive, new_tally()};
    assert_int_equal(archive_tally(reader, LONG_AGO, FOR_EVER, &seq, interrupt, &interrupting), 0);
    assert_int_equal(seq, 100);
    assert_int_equal(archive_seq(archive), 200);
    assert_int_equal(tally_rows(interrupting.read), tally_rows(taken));
    assert_int_equal(tally_visit(later, keep_row, taken), 0);
    assert_int_equal(archive_reader_seq(reader, &seq), 0);
    assert_int_equal(seq, 200);
    compare_tallies(reader, taken, 200);
    assert_int_equal(tally_find(taken, &(struct tally_row){.day = 9999, .kind = TALLY_RETURN}), 0);
    tally_destroy(&interrupting.read);
    tally_destroy(&later);
    tally_destroy(&taken);
    archive_reader_close(&reader);
    archive_close(&archive);
}

#define WITH_JOURNAL(test)                                                                         \
    cmocka_unit_test_setup_teardown(test, journal_fixture_setup, journal_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_came_back_counts),
        cmocka_unit_test(test_other_events_do_not_count),
        cmocka_unit_test(test_days_are_those_of_utc),
        cmocka_unit_test(test_rows_of_no_tally_are_refused),
        cmocka_unit_test(test_periods_are_within_one_percent),
        WITH_JOURNAL(test_summaries_are_of_the_days_asked_for),
        cmocka_unit_test(test_lists_end_behind_a_thousand),
        WITH_JOURNAL(test_archive_counts_what_a_replay_counts),
        WITH_JOURNAL(test_archive_counts_the_days_asked_for),
        WITH_JOURNAL(test_rows_and_seq_are_of_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
