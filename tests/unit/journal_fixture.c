/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/journal_fixture.h"

#include <dirent.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <sqlite3.h>

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* ---- events ---- */

int64_t journal_fixture_time(uint64_t seq)
{
    return INT64_C(1739185200000000) + (int64_t)(seq / 3) * 1000;
}

void journal_fixture_hash(uint64_t seq, uint8_t hash[RENTBUS_HASH_SIZE])
{
    for (size_t i = 0; i < RENTBUS_HASH_SIZE; i++) {
        seq = seq * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        hash[i] = (uint8_t)(seq >> 56);
    }
}

enum fixture_kind { CHECKOUT, RETURN, SWAP, NOBODY, IMPORT, REJECTION, JUDGEMENT };

/* The number of the event's command, from 0, and what it does. */
static uint64_t fixture_number(uint64_t seq)
{
    return (seq - 1) / 2;
}

static enum fixture_kind fixture_kind(uint64_t number)
{
    static const enum fixture_kind kinds[] = {RETURN, NOBODY, SWAP, IMPORT, REJECTION,
                                              RETURN, NOBODY, SWAP, IMPORT, JUDGEMENT};

    return number % 2 == 0 ? CHECKOUT : kinds[number % 20 / 2];
}

bool journal_fixture_command(uint64_t seq, struct rentbus_uuid *command)
{
    uint64_t number = fixture_number(seq);

    if (fixture_kind(number) == NOBODY)
        return false;
    memset(command, 0, sizeof(*command));
    for (size_t i = 0; i < 8; i++)
        command->bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    return true;
}

static enum rentbus_event_type fixture_type(uint64_t seq)
{
    static const enum rentbus_event_type types[][2] = {
        [CHECKOUT] = {RENTBUS_RENTAL_CHECKOUT_EVENT, RENTBUS_RENTAL_CREATED_EVENT},
        [RETURN] = {RENTBUS_RENTAL_RETURN_EVENT, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT},
        [SWAP] = {RENTBUS_RENTAL_ASSET_SWAPPED_EVENT, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT},
        [NOBODY] = {RENTBUS_HELLO_EVENT, RENTBUS_EVENT_NONE},
        [IMPORT] = {RENTBUS_USER_CREATED_EVENT, RENTBUS_RENTAL_IMPORTED_EVENT},
        [REJECTION] = {RENTBUS_RENTAL_RETURN_EVENT, RENTBUS_RENTAL_RETURN_REJECTED_EVENT},
        [JUDGEMENT] = {RENTBUS_RENTAL_FLAGGED_EVENT, RENTBUS_RENTAL_FORGIVEN_EVENT},
    };

    return types[fixture_kind(fixture_number(seq))][(seq - 1) % 2];
}

/* The rental that the event is about. That of a return is the one of the command before. */
static void fixture_rental(uint64_t seq, struct rentbus_rental *rental)
{
    static char id[32], user[32], asset[32];
    uint64_t number = fixture_number(seq);
    enum fixture_kind kind = fixture_kind(number);
    enum rentbus_event_type type = fixture_type(seq);
    bool own = kind == CHECKOUT || kind == IMPORT;
    uint64_t origin = own ? number : number - 1;
    enum rentbus_status status = RENTBUS_STATUS_IN_PROGRESS;

    if (type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT)
        status = RENTBUS_STATUS_COMPLETED;
    if (type == RENTBUS_RENTAL_FLAGGED_EVENT)
        status = RENTBUS_STATUS_FLAGGED;
    if (type == RENTBUS_RENTAL_FORGIVEN_EVENT)
        status = RENTBUS_STATUS_FORGIVEN;
    if (kind == IMPORT)
        status = number % 20 < 10 ? RENTBUS_STATUS_FORGIVEN : RENTBUS_STATUS_FLAGGED;
    snprintf(id, sizeof(id), "rental-%08llx", (unsigned long long)(origin * 2654435761u));
    snprintf(user, sizeof(user), "user-%llu", (unsigned long long)(origin % 7));
    snprintf(asset, sizeof(asset), "asset-%llu", (unsigned long long)(origin % 11));
    *rental = (struct rentbus_rental){0};
    RENTBUS_SET(rental, rental, id, rentbus_text(id));
    RENTBUS_SET(rental, rental, rev, own ? 1 : type == RENTBUS_RENTAL_FORGIVEN_EVENT ? 3 : 2);
    RENTBUS_SET(rental, rental, status, status);
    RENTBUS_SET(rental, rental, user_id, rentbus_text(user));
    RENTBUS_SET(rental, rental, asset_id, rentbus_text(asset));
    RENTBUS_SET(rental, rental, renewals, 0);
    RENTBUS_SET(rental, rental, created_at, journal_fixture_time(origin * 2 + 2));
    RENTBUS_SET(rental, rental, expires_at, journal_fixture_time(origin * 2 + 2) + 1000000);
    RENTBUS_SET(rental, rental, created_seq, origin * 2 + 2);
    rental->eligible_asset_types.count = 1;
    rental->eligible_asset_types.items[0] = rentbus_text("mug");
    rental->has |= RENTBUS_BIT(rental, eligible_asset_types);
    RENTBUS_SET(rental, rental, created_at_location_id, rentbus_text("counter"));
    if (status == RENTBUS_STATUS_COMPLETED)
        RENTBUS_SET(rental, rental, returned_at, journal_fixture_time(seq));
}

/* A map { "matched_by": "oldest"?, "rental": {…} }, or a small one where there is no rental. */
static void fixture_data(uint64_t seq, struct rentbus_buffer *out)
{
    enum rentbus_event_type type = fixture_type(seq);
    struct rentbus_rental rental;
    bool with_rental =
        type == RENTBUS_RENTAL_CREATED_EVENT || type == RENTBUS_RENTAL_IMPORTED_EVENT ||
        type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT || type == RENTBUS_RENTAL_FLAGGED_EVENT ||
        type == RENTBUS_RENTAL_FORGIVEN_EVENT || type == RENTBUS_RENTAL_ASSET_SWAPPED_EVENT ||
        type == RENTBUS_RENTAL_RETURN_REJECTED_EVENT;
    bool swapped = type == RENTBUS_RENTAL_ASSET_SWAPPED_EVENT;

    rentbus_cbor_write_map(out, swapped ? 2 : 1);
    if (!with_rental) {
        rentbus_cbor_write_text(out, "number", 6);
        rentbus_cbor_write_uint(out, seq);
        return;
    }
    fixture_rental(seq, &rental);
    rentbus_cbor_write_text(out, "rental", 6);
    rentbus_encode(&rentbus_rental_schema, &rental, out);
    if (swapped) {
        rentbus_cbor_write_text(out, "previous_asset_id", 17);
        rentbus_cbor_write_text(out, "asset-x", 7);
    }
}

void journal_fixture_event(uint64_t seq, struct rentbus_buffer *out)
{
    struct rentbus_buffer data = {0};
    struct rentbus_event event = {0};
    struct rentbus_uuid command;
    uint8_t hash[RENTBUS_HASH_SIZE];
    char id[32];
    enum rentbus_event_type type = fixture_type(seq);
    const char *name = type == RENTBUS_EVENT_NONE
                           ? "weather.changed"
                           : rentbus_word_text(&rentbus_event_type_words, (int)type);

    fixture_data(seq, &data);
    journal_fixture_hash(seq, hash);
    snprintf(id, sizeof(id), "test-%llu", (unsigned long long)seq);
    RENTBUS_SET(&event, event, id, rentbus_text(id));
    RENTBUS_SET(&event, event, seq, seq);
    RENTBUS_SET(&event, event, data, ((struct rentbus_bytes){data.data, data.length}));
    RENTBUS_SET(&event, event, hash, ((struct rentbus_bytes){hash, sizeof(hash)}));
    RENTBUS_SET(&event, event, time, journal_fixture_time(seq));
    RENTBUS_SET(&event, event, type, rentbus_text(name));
    RENTBUS_SET(&event, event, actor, rentbus_text("tester"));
    RENTBUS_SET(&event, event, source, rentbus_text("/rentbus/test"));
    if (journal_fixture_command(seq, &command))
        RENTBUS_SET(&event, event, command, command);
    RENTBUS_SET(&event, event, specversion, rentbus_text("1.0"));
    rentbus_encode(&rentbus_event_schema, &event, out);
    rentbus_buffer_release(&data);
}

bool journal_fixture_closed(uint64_t seq, struct rentbus_rental *rental, struct rentbus_buffer *out)
{
    enum rentbus_event_type type = fixture_type(seq);

    if (type != RENTBUS_RENTAL_RETURN_COMPLETE_EVENT && type != RENTBUS_RENTAL_IMPORTED_EVENT &&
        type != RENTBUS_RENTAL_FORGIVEN_EVENT)
        return false;
    fixture_rental(seq, rental);
    if (rental->status == RENTBUS_STATUS_FLAGGED)
        return false;
    if (out)
        rentbus_encode(&rentbus_rental_schema, rental, out);
    return true;
}

/* ---- the journal ---- */

int journal_fixture_append(struct journal *journal, size_t count)
{
    struct rentbus_buffer bytes = {0};
    struct journal_entry *entries = calloc(count, sizeof(*entries));
    uint64_t first = journal_head(journal)->seq + 1;

    assert_non_null(entries);
    for (size_t i = 0; i < count; i++) {
        journal_fixture_event(first + i, &bytes);
        entries[i] = (struct journal_entry){journal_fixture_time(first + i), bytes.length};
    }
    assert_false(bytes.failed);
    int r = journal_append(journal, &(struct journal_batch){first, count, entries, bytes.data});
    free(entries);
    rentbus_buffer_release(&bytes);
    return r;
}

struct fixture_checking {
    uint64_t next;
    struct rentbus_buffer expected;
};

static int fixture_check_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct fixture_checking *checking = context;

    assert_int_equal(seq, checking->next);
    rentbus_buffer_clear(&checking->expected);
    journal_fixture_event(seq, &checking->expected);
    assert_int_equal(event.length, checking->expected.length);
    assert_memory_equal(event.data, checking->expected.data, event.length);
    checking->next++;
    return 0;
}

void journal_fixture_check(struct journal_reader *reader, uint64_t from, uint64_t to)
{
    struct fixture_checking checking = {.next = from};

    assert_int_equal(journal_read(reader, from, to, fixture_check_event, &checking), 0);
    assert_int_equal(checking.next, to + 1);
    rentbus_buffer_release(&checking.expected);
}

void journal_fixture_reopen(struct journal_fixture *fixture)
{
    struct rentbus_fault fault = {0};

    journal_reader_close(&fixture->reader);
    journal_close(&fixture->journal);
    int r = journal_open(fixture->journal_path, JOURNAL_FIXTURE_LEDGER, &fixture->journal, &fault);
    if (r)
        fail_msg("journal_open: %d %s", r, fault.message);
    assert_int_equal(journal_reader_open(fixture->journal_path, &fixture->reader), 0);
}

uint64_t journal_fixture_random(struct journal_fixture *fixture, uint64_t below)
{
    fixture->random ^= fixture->random << 13;
    fixture->random ^= fixture->random >> 7;
    fixture->random ^= fixture->random << 17;
    return fixture->random % below;
}

int journal_fixture_setup(void **state)
{
    struct journal_fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    fixture->random = 88172645463325252u;
    const char *temporary = getenv("TMPDIR");
    snprintf(fixture->directory, sizeof(fixture->directory), "%s/rentbus-XXXXXX",
             temporary ? temporary : "/tmp");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->journal_path, sizeof(fixture->journal_path), "%.100s/journal.db",
             fixture->directory);
    snprintf(fixture->archive_path, sizeof(fixture->archive_path), "%.100s/archive.db",
             fixture->directory);
    *state = fixture;
    journal_fixture_reopen(fixture);
    return 0;
}

int journal_fixture_teardown(void **state)
{
    struct journal_fixture *fixture = *state;

    journal_reader_close(&fixture->reader);
    journal_close(&fixture->journal);
    DIR *directory = opendir(fixture->directory);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    int r = rmdir(fixture->directory);
    free(fixture);
    return r;
}

void journal_fixture_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

int64_t journal_fixture_old_sum(const struct block *block)
{
    uint64_t key[2] = {htole64(block->first_seq), htole64((uint64_t)block->time)};
    uint64_t digest;

    crypto_shorthash((unsigned char *)&digest, block->events.data, block->events.length,
                     (const unsigned char *)key);
    return (int64_t)le64toh(digest);
}

/* The SQL function old_sum(first_seq, time, events). */
static void fixture_old_sum(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct block block = {
        .first_seq = (uint64_t)sqlite3_value_int64(values[0]),
        .time = sqlite3_value_int64(values[1]),
        .events = {sqlite3_value_blob(values[2]), (size_t)sqlite3_value_bytes(values[2])},
    };

    assert_int_equal(count, 3);
    sqlite3_result_int64(context, journal_fixture_old_sum(&block));
}

void journal_fixture_make_old(struct journal_fixture *fixture)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(fixture->journal_path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_create_function(db, "old_sum", 3, SQLITE_UTF8, NULL, fixture_old_sum, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "BEGIN; UPDATE block SET sum = old_sum(first_seq, time, events); "
                                  "UPDATE meta SET value = 1 WHERE key = 'format'; COMMIT",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

int journal_fixture_format(struct journal_fixture *fixture)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(fixture->journal_path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key = 'format'", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int format = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return format;
}

uint64_t journal_fixture_file_size(const char *path, const char *suffix)
{
    char name[2 * JOURNAL_FIXTURE_PATH_SIZE];
    struct stat status;

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    return stat(name, &status) == 0 ? (uint64_t)status.st_size : 0;
}
