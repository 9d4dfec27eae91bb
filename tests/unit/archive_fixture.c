/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/archive_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/archive/archive_entry.h"
#include "sdk/protocol/text.h"

struct rentbus_text archive_fixture_id(const char *word, uint64_t number)
{
    static char texts[16][64];
    static size_t next;
    char *text = texts[next++ % 16];

    snprintf(text, sizeof(texts[0]), "%s-%" PRIu64, word, number);
    return rentbus_text(text);
}

struct rentbus_rental archive_fixture_rental(uint64_t number)
{
    struct rentbus_rental rental = {0};

    RENTBUS_SET(&rental, rental, id, archive_fixture_id("rental", number));
    RENTBUS_SET(&rental, rental, rev, 1);
    RENTBUS_SET(&rental, rental, status, RENTBUS_STATUS_IN_PROGRESS);
    RENTBUS_SET(&rental, rental, user_id, archive_fixture_id("user", number));
    RENTBUS_SET(&rental, rental, asset_id, archive_fixture_id("asset", number));
    RENTBUS_SET(&rental, rental, renewals, 0);
    RENTBUS_SET(&rental, rental, created_at, journal_fixture_time(1));
    RENTBUS_SET(&rental, rental, expires_at, journal_fixture_time(1) + 1000000);
    RENTBUS_SET(&rental, rental, created_seq, number);
    RENTBUS_SET(&rental, rental, eligible_asset_types, ((struct rentbus_ids){0}));
    RENTBUS_SET(&rental, rental, created_at_location_id, rentbus_text("counter"));
    return rental;
}

struct rentbus_event archive_fixture_event(const struct archive_fixture_event *given,
                                           struct rentbus_buffer *out)
{
    struct rentbus_event event = {0};
    size_t before = out->length;

    rentbus_encode(given->schema, given->data, out);
    assert_false(out->failed);
    RENTBUS_SET(&event, event, type, rentbus_text(given->type));
    RENTBUS_SET(&event, event, data,
                ((struct rentbus_bytes){out->data + before, out->length - before}));
    if (given->command) {
        struct rentbus_uuid command = {{0}};
        for (size_t i = 0; i < 8; i++)
            command.bytes[i] = (uint8_t)(given->command >> (56 - 8 * i));
        RENTBUS_SET(&event, event, command, command);
    }
    return event;
}

uint64_t archive_fixture_append(struct journal_fixture *fixture,
                                const struct archive_fixture_event *given)
{
    struct rentbus_buffer data = {0};
    struct rentbus_buffer bytes = {0};
    uint8_t hash[RENTBUS_HASH_SIZE];
    uint64_t seq = journal_head(fixture->journal)->seq + 1;
    struct rentbus_event event = archive_fixture_event(given, &data);

    journal_fixture_hash(seq, hash);
    RENTBUS_SET(&event, event, id, archive_fixture_id("test", seq));
    RENTBUS_SET(&event, event, seq, seq);
    RENTBUS_SET(&event, event, hash, ((struct rentbus_bytes){hash, sizeof(hash)}));
    RENTBUS_SET(&event, event, time, journal_fixture_time(seq));
    RENTBUS_SET(&event, event, actor, rentbus_text("tester"));
    RENTBUS_SET(&event, event, source, rentbus_text("/rentbus/test"));
    RENTBUS_SET(&event, event, specversion, rentbus_text("1.0"));
    rentbus_encode(&rentbus_event_schema, &event, &bytes);
    assert_false(bytes.failed);
    struct journal_entry entry = {event.time, bytes.length};
    assert_int_equal(
        journal_append(fixture->journal, &(struct journal_batch){seq, 1, &entry, bytes.data}), 0);
    rentbus_buffer_release(&bytes);
    rentbus_buffer_release(&data);
    return seq;
}

struct archive *archive_fixture_open(struct journal_fixture *fixture)
{
    struct archive *archive = NULL;

    assert_int_equal(
        archive_open(fixture->archive_path, JOURNAL_FIXTURE_LEDGER, fixture->reader, &archive), 0);
    return archive;
}

struct archive_reader *archive_fixture_read(struct journal_fixture *fixture)
{
    struct archive_reader *reader = NULL;

    assert_int_equal(archive_reader_open(fixture->archive_path, &reader), 0);
    return reader;
}

void archive_fixture_follow(struct journal_fixture *fixture, struct archive *archive, size_t count)
{
    size_t taken = count;

    while (taken >= count)
        assert_int_equal(archive_follow(archive, fixture->reader, count, &taken), 0);
    assert_int_equal(archive_seq(archive), journal_head(fixture->journal)->seq);
}

/* The row of a segment that has the entry, without it. */
static void take_out(sqlite3 *db, const struct mention_row *without)
{
    uint8_t entry[ARCHIVE_MENTION_ENTRY];
    struct rentbus_buffer left = {0};
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 leaf = 0;

    archive_put_mention_entry(entry, without);
    assert_int_equal(
        sqlite_prepare(db, "SELECT leaf, entries FROM mention WHERE segment = ?1", &statement), 0);
    assert_int_equal(sqlite_bind_uint(statement, 1, without->seq >> MENTION_SEGMENT_BITS), 0);
    while (leaf == 0 && sqlite_step(statement) == 1) {
        struct rentbus_bytes entries = sqlite_column_bytes(statement, 1);
        rentbus_buffer_clear(&left);
        for (size_t at = 0; at < entries.length; at += sizeof(entry)) {
            if (memcmp(entries.data + at, entry, sizeof(entry)) == 0)
                leaf = sqlite3_column_int64(statement, 0);
            else
                rentbus_buffer_append(&left, entries.data + at, sizeof(entry));
        }
    }
    sqlite_finalize(&statement);
    assert_int_not_equal(leaf, 0);
    assert_int_equal(sqlite_prepare(db,
                                    left.length > 0
                                        ? "UPDATE mention SET entries = ?2 WHERE leaf = ?1"
                                        : "DELETE FROM mention WHERE leaf = ?1",
                                    &statement),
                     0);
    assert_int_equal(sqlite_bind_uint(statement, 1, (uint64_t)leaf), 0);
    if (left.length > 0)
        assert_int_equal(
            sqlite_bind_bytes(statement, 2, (struct rentbus_bytes){left.data, left.length}), 0);
    assert_int_equal(sqlite_run(statement), 0);
    sqlite_finalize(&statement);
    rentbus_buffer_release(&left);
}

static void put_in(sqlite3 *db, const struct mention_row *with)
{
    static const char *const sql[LEAF_CHANGES] = LEAF_CHANGE_SQL("mention");
    const struct leaf_shape shape = {ARCHIVE_MENTION_ENTRY, ARCHIVE_MENTION_ENTRY, NULL};
    struct leaf_writer writer = {0};
    uint8_t entry[ARCHIVE_MENTION_ENTRY];

    archive_put_mention_entry(entry, with);
    assert_int_equal(leaf_writer_prepare(&writer, db, sql, shape), 0);
    assert_int_equal(leaf_write(&writer, with->seq >> MENTION_SEGMENT_BITS,
                                (struct rentbus_bytes){entry, sizeof(entry)}),
                     0);
    leaf_writer_release(&writer);
}

void archive_fixture_change(struct journal_fixture *fixture, const struct mention_row *without,
                            const struct mention_row *with)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite_open(fixture->archive_path, false, &db), 0);
    if (without)
        take_out(db, without);
    if (with)
        put_in(db, with);
    sqlite_close(&db);
}
