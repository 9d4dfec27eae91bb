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
            matches(rental, listing->filter, listing->after))
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

static void test_every_filter_lists_what_matches(void **state)
{
    struct journal_fixture *fixture = *state;
    struct archive_reader *reader = NULL;
    size_t listed = 0;

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    for (size_t by = 0; by < ARCHIVE_LISTS; by++) {
        for (uint64_t i = 0; i < 20; i++) {
            struct archive_rental_filter filter = {
                .user_id = rentbus_text(by & ARCHIVE_LIST_BY_USER ? "user-3" : NULL),
                .asset_id = rentbus_text(by & ARCHIVE_LIST_BY_ASSET ? "asset-5" : NULL),
                .status = by & ARCHIVE_LIST_BY_STATUS ? 2 + i % 3 : RENTBUS_STATUS_NONE,
            };
            listed += check_list(reader, &filter, i * 150, 1 + i * i);
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

/* Fails unless each step of the plan is a search, or the scan of a whole table in its order. */
static void explain(sqlite3 *db, const char *sql, bool by_key_alone)
{
    char *explained = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, explained, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(statement, 3);
        const char *wanted = by_key_alone ? "SEARCH rental USING INTEGER PRIMARY KEY (rowid>?)"
                                          : "SEARCH rental USING INDEX ";
        if (strncmp(step, wanted, strlen(wanted)) != 0 ||
            (!by_key_alone && !strstr(step, "=? AND rowid>?)")))
            fail_msg("%s: %s", sql, step);
    }
    sqlite3_finalize(statement);
    sqlite3_free(explained);
}

static void test_every_list_is_by_index(void **state)
{
    struct journal_fixture *fixture = *state;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(fixture->archive_path, &db), SQLITE_OK);
    for (size_t by = 0; by < ARCHIVE_LISTS; by++)
        explain(db, archive_list_sql[by], by == 0);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_filter_lists_what_matches),
        cmocka_unit_test(test_visitor_ends_the_list),
        cmocka_unit_test(test_every_list_is_by_index),
    };
    return cmocka_run_group_tests(tests, setup, journal_fixture_teardown);
}
