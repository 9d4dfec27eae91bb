/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "daemon/archive/archive.h"
#include "daemon/archive/archive_sql.h"
#include "sdk/protocol/text.h"
#include "tests/unit/journal_fixture.h"

#define EVENTS 3000

static int setup(void **state)
{
    struct archive *archive = NULL;
    size_t taken = 0;
    int r = journal_fixture_setup(state);
    if (r)
        return r;
    struct journal_fixture *fixture = *state;

    r = journal_fixture_append(fixture->journal, EVENTS);
    if (r == 0)
        r = archive_open(fixture->archive_path, "test", fixture->reader, &archive);
    if (r == 0)
        r = archive_follow(archive, fixture->reader, EVENTS, &taken);
    archive_close(&archive);
    return r || taken != EVENTS;
}

static bool matches(const struct rentbus_rental *rental, const struct archive_rental_filter *filter,
                    uint64_t after)
{
    return rental->created_seq > after &&
           (!filter->user_id.data || rentbus_text_equal(filter->user_id, rental->user_id)) &&
           (!filter->asset_id.data || rentbus_text_equal(filter->asset_id, rental->asset_id)) &&
           (filter->status == RENTBUS_STATUS_NONE || filter->status == rental->status);
}

/* Whether the event at a seq came too late for the filter. */
static bool too_late(const struct archive_rental_filter *filter, uint64_t seq)
{
    return filter->has_as_of && seq > filter->as_of;
}

/* What a list gives, compared with the events: every closed rental in the order of created_seq,
 * which is that of the events. */
struct listing {
    const struct archive_rental_filter *filter;
    uint64_t after;
    uint64_t seq; /* of the last event looked at */
    size_t count;
};

static int next_expected(struct listing *listing, struct rentbus_rental *rental,
                         struct rentbus_buffer *body)
{
    while (++listing->seq <= EVENTS) {
        rentbus_buffer_clear(body);
        if (journal_fixture_closed(listing->seq, rental, body) &&
            matches(rental, listing->filter, listing->after) &&
            !too_late(listing->filter, listing->seq))
            return 1;
    }
    return 0;
}

static int check_listed(void *context, uint64_t created_seq, struct rentbus_bytes bytes)
{
    struct listing *listing = context;
    struct rentbus_rental rental;
    struct rentbus_buffer body = {0};

    assert_int_equal(next_expected(listing, &rental, &body), 1);
    assert_int_equal(created_seq, rental.created_seq);
    assert_int_equal(bytes.length, body.length);
    assert_memory_equal(bytes.data, body.data, bytes.length);
    listing->count++;
    rentbus_buffer_release(&body);
    return 0;
}

/* Returns how many were listed. */
static size_t check_list(struct archive_reader *reader, const struct archive_rental_filter *filter,
                         uint64_t after, size_t limit)
{
    struct listing listing = {.filter = filter, .after = after};
    struct rentbus_rental rental;
    struct rentbus_buffer body = {0};

    assert_int_equal(archive_rental_list(reader, filter, after, limit, check_listed, &listing), 0);
    assert_true(listing.count <= limit);
    if (listing.count < limit)
        assert_int_equal(next_expected(&listing, &rental, &body), 0);
    rentbus_buffer_release(&body);
    return listing.count;
}

/* What a filter asks for. */
enum { BY_USER = 1, BY_ASSET = 2, BY_STATUS = 4 };

static void test_every_filter_lists_what_matches(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;
    size_t listed = 0;

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    for (size_t by = 0; by <= (BY_USER | BY_ASSET | BY_STATUS); by++) {
        for (uint64_t i = 0; i < 20; i++) {
            struct archive_rental_filter filter = {
                .user_id = rentbus_text(by & BY_USER ? "user-3" : NULL),
                .asset_id = rentbus_text(by & BY_ASSET ? "asset-5" : NULL),
                .status = by & BY_STATUS ? 2 + i % 3 : RENTBUS_STATUS_NONE,
            };
            listed += check_list(reader, &filter, i * 150, 1 + i * i);
            filter.has_as_of = true;
            filter.as_of = i * 170 + i % 4;
            check_list(reader, &filter, i * 75, 1 + i * i);
        }
        listed += check_list(reader, &(struct archive_rental_filter){0}, 0, SIZE_MAX);
    }
    assert_true(listed > 8 * EVENTS / 10);
    struct archive_rental_filter nobody = {.user_id = rentbus_text("nobody")};
    assert_int_equal(check_list(reader, &nobody, 0, 100), 0);
    assert_int_equal(check_list(reader, &(struct archive_rental_filter){0}, UINT64_MAX, 100), 0);
    assert_int_equal(check_list(reader, &(struct archive_rental_filter){0}, 0, 0), 0);
    archive_reader_close(&reader);
}

/* A rental is there as of the event that ended it, and not as of the one before. */
static void test_as_of_leaves_out_what_was_not_over(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;
    struct archive_rental_filter filter = {.has_as_of = true};
    struct rentbus_rental rental;
    struct rentbus_buffer out = {0};

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    assert_int_equal(check_list(reader, &filter, 0, SIZE_MAX), 0);
    for (uint64_t seq = 1; seq <= EVENTS; seq += 7) {
        if (!journal_fixture_closed(seq, &rental, NULL))
            continue;
        assert_int_equal(archive_rental_get_as_of(reader, rental.id, seq - 1, &out), 0);
        assert_int_equal(archive_rental_get_as_of(reader, rental.id, 0, &out), 0);
        assert_int_equal(out.length, 0);
        assert_int_equal(archive_rental_get_as_of(reader, rental.id, seq, &out), 1);
        assert_int_equal(archive_rental_get_as_of(reader, rental.id, UINT64_MAX, &out), 1);
        filter.as_of = seq - 1;
        size_t before = check_list(reader, &filter, 0, SIZE_MAX);
        filter.as_of = seq;
        assert_int_equal(check_list(reader, &filter, 0, SIZE_MAX), before + 1);
        rentbus_buffer_clear(&out);
    }
    filter.as_of = UINT64_MAX;
    assert_int_equal(check_list(reader, &filter, 0, SIZE_MAX),
                     check_list(reader, &(struct archive_rental_filter){0}, 0, SIZE_MAX));
    rentbus_buffer_release(&out);
    archive_reader_close(&reader);
}

static int stop(void *context, uint64_t created_seq, struct rentbus_bytes rental)
{
    (void)created_seq;
    (void)rental;
    return ++*(int *)context == 3 ? 42 : 0;
}

static void test_visitor_ends_the_list(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;
    struct archive_rental_filter all = {0};
    int visits = 0;

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    assert_int_equal(archive_rental_list(reader, &all, 0, 100, stop, &visits), 42);
    assert_int_equal(visits, 3);
    archive_reader_close(&reader);
}

/* Fails unless each step of the plan is the one wanted. */
static void explain(sqlite3 *db, const char *sql, const char *wanted)
{
    char *explained = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, explained, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(statement, 3);
        if (strcmp(step, wanted) != 0)
            fail_msg("%s: %s", sql, step);
    }
    sqlite3_finalize(statement);
    sqlite3_free(explained);
}

#define PLAN_TABLE "SEARCH rental USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"

static void test_every_list_is_by_index(void **state)
{
    static const char *const plans[ARCHIVE_LISTS] = {
        [ARCHIVE_LIST_ALL] = PLAN_TABLE,
        [ARCHIVE_LIST_STATUS] = PLAN_TABLE,
        [ARCHIVE_LIST_FORGIVEN] =
            "SEARCH rental USING INDEX rental_forgiven (status=? AND rowid>? AND rowid<?)",
        [ARCHIVE_LIST_ONE] = "SEARCH rental USING INTEGER PRIMARY KEY (rowid=?)",
    };
    struct journal_fixture *fixture = *state;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(fixture->archive_path, &db), SQLITE_OK);
    for (size_t list = 0; list < ARCHIVE_LISTS; list++)
        explain(db, archive_list_sql[list], plans[list]);
    sqlite3_close(db);
}

static void test_every_query_is_by_index(void **state)
{
    static const struct {
        enum archive_query query;
        const char *plan;
    } plans[] = {
        {ARCHIVE_QUERY_RENTAL_OF_TEXT, "SEARCH rental USING INDEX rental_text (id=?)"},
        {ARCHIVE_QUERY_RENTAL_OF_UUID, "SEARCH rental USING INTEGER PRIMARY KEY (rowid=?)"},
        {ARCHIVE_QUERY_RENTAL_ID,
         "SEARCH rental_id USING INDEX rental_id_first (segment=? AND first<?)"},
        {ARCHIVE_QUERY_COMMAND, "SEARCH command USING INDEX command_first (segment=? AND first<?)"},
        {ARCHIVE_QUERY_SEGMENTS,
         "SEARCH mention USING INDEX mention_first (segment>? AND segment<?)"},
        {ARCHIVE_QUERY_TALLY, "SEARCH tally USING PRIMARY KEY (day>? AND day<?)"},
    };
    struct journal_fixture *fixture = *state;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(fixture->archive_path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++)
        explain(db, archive_query_sql[plans[i].query], plans[i].plan);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_filter_lists_what_matches),
        cmocka_unit_test(test_as_of_leaves_out_what_was_not_over),
        cmocka_unit_test(test_visitor_ends_the_list),
        cmocka_unit_test(test_every_list_is_by_index),
        cmocka_unit_test(test_every_query_is_by_index),
    };
    return cmocka_run_group_tests(tests, setup, journal_fixture_teardown);
}
