/* SPDX-License-Identifier: MPL-2.0 */
/* Leaf tables: whatever is written in whatever pieces, a table has each key once, in order, in rows
 * of a bounded size. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/archive/leaf.h"

/* An entry: its key, and how often it was written. */
#define KEY 8
#define ENTRY 10
#define KEYS 3000

static void add_counts(uint8_t *entry, const uint8_t *other)
{
    leaf_put_number(entry + KEY, leaf_number(entry + KEY, 2) + leaf_number(other + KEY, 2), 2);
}

static const char *const sql[LEAF_CHANGES] = LEAF_CHANGE_SQL("t");
static const struct leaf_shape shape = {ENTRY, KEY, add_counts};

struct table {
    sqlite3 *db;
    struct leaf_writer writer;
    uint16_t counts[3][KEYS]; /* what is wanted, by segment and key */
    uint64_t random;
};

static uint64_t next_random(struct table *table, uint64_t below)
{
    table->random ^= table->random << 13;
    table->random ^= table->random >> 7;
    table->random ^= table->random << 17;
    return table->random % below;
}

static int setup(void **state)
{
    struct table *table = calloc(1, sizeof(*table));

    assert_non_null(table);
    table->random = 88172645463325252;
    assert_int_equal(sqlite_open(":memory:", true, &table->db), 0);
    assert_int_equal(sqlite_execute(table->db, LEAF_TABLE("t")), 0);
    assert_int_equal(leaf_writer_prepare(&table->writer, table->db, sql, shape), 0);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    struct table *table = *state;

    leaf_writer_release(&table->writer);
    sqlite_close(&table->db);
    free(table);
    return 0;
}

/* Writes the keys from `first` on, `count` of them, each `step` behind the one before. */
static void write_keys(struct table *table, uint64_t segment, size_t first, size_t count,
                       size_t step)
{
    uint8_t *entries = malloc(count * ENTRY);

    for (size_t i = 0; i < count; i++) {
        size_t key = first + i * step;
        leaf_put_number(entries + i * ENTRY, key, KEY);
        leaf_put_number(entries + i * ENTRY + KEY, 1, 2);
        table->counts[segment][key]++;
    }
    assert_int_equal(
        leaf_write(&table->writer, segment, (struct rentbus_bytes){entries, count * ENTRY}), 0);
    free(entries);
}

/* Takes an entry of the table; returns the key that is to come after it. */
static size_t check_entry(const uint16_t *counts, size_t key, const uint8_t *entry)
{
    while (key < KEYS && counts[key] == 0)
        key++;
    assert_int_equal(leaf_number(entry, KEY), key);
    assert_int_equal(leaf_number(entry + KEY, 2), counts[key]);
    return key + 1;
}

/* Returns how many rows there are. */
static size_t check_segment(struct table *table, uint64_t segment)
{
    sqlite3_stmt *statement = NULL;
    size_t rows = 0, key = 0;

    assert_int_equal(sqlite_prepare(table->db,
                                    "SELECT first, entries FROM t WHERE segment = ?1 "
                                    "ORDER BY first",
                                    &statement),
                     0);
    assert_int_equal(sqlite_bind_uint(statement, 1, segment), 0);
    while (sqlite_step(statement) == 1) {
        struct rentbus_bytes first = sqlite_column_bytes(statement, 0);
        struct rentbus_bytes entries = sqlite_column_bytes(statement, 1);
        assert_in_range(entries.length, ENTRY, LEAF_SIZE_MAX);
        assert_int_equal(entries.length % ENTRY, 0);
        assert_int_equal(first.length, KEY);
        assert_memory_equal(first.data, entries.data, KEY);
        for (size_t at = 0; at < entries.length; at += ENTRY)
            key = check_entry(table->counts[segment], key, entries.data + at);
        rows++;
    }
    sqlite_finalize(&statement);
    for (; key < KEYS; key++)
        assert_int_equal(table->counts[segment][key], 0);
    return rows;
}

static void test_what_was_written_is_there_in_order(void **state)
{
    struct table *table = *state;

    for (int i = 0; i < 400; i++) {
        uint64_t segment = next_random(table, 3);
        size_t step = 1 + next_random(table, 40);
        size_t first = next_random(table, KEYS);
        size_t most = (KEYS - 1 - first) / step + 1;
        write_keys(table, segment, first, 1 + next_random(table, most), step);
        if (i % 20 == 0)
            check_segment(table, segment);
    }
    for (uint64_t segment = 0; segment < 3; segment++)
        check_segment(table, segment);
}

/* One by one, forwards, backwards, and the same again. */
static void test_order_of_writing_does_not_count(void **state)
{
    struct table *table = *state;

    for (size_t key = 0; key < KEYS; key++) {
        write_keys(table, 0, key, 1, 1);
        write_keys(table, 1, KEYS - 1 - key, 1, 1);
        write_keys(table, 2, key * 7 % KEYS, 1, 1);
    }
    for (uint64_t segment = 0; segment < 3; segment++) {
        check_segment(table, segment);
        write_keys(table, segment, 0, KEYS, 1);
        check_segment(table, segment);
    }
}

/* Ids that grow are left in full rows. */
static void test_what_is_appended_fills_rows(void **state)
{
    struct table *table = *state;
    size_t least = (KEYS + LEAF_SIZE_MAX / ENTRY - 1) / (LEAF_SIZE_MAX / ENTRY);

    for (size_t key = 0; key < KEYS; key += 10)
        write_keys(table, 0, key, 10, 1);
    assert_in_range(check_segment(table, 0), least, least + 1);
    write_keys(table, 1, 0, KEYS, 1);
    assert_int_equal(check_segment(table, 1), least);
}

static void test_nothing_is_written_of_nothing(void **state)
{
    struct table *table = *state;

    assert_int_equal(leaf_write(&table->writer, 1, (struct rentbus_bytes){NULL, 0}), 0);
    assert_int_equal(check_segment(table, 1), 0);
}

static void test_damaged_rows_are_refused(void **state)
{
    static const char *const damages[] = {
        "UPDATE t SET entries = substr(entries, 2)",
        "UPDATE t SET first = x'0000ff' WHERE leaf = (SELECT max(leaf) FROM t)",
    };
    struct table *table = *state;
    uint8_t entry[ENTRY] = {0};

    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        assert_int_equal(sqlite_execute(table->db, "DELETE FROM t"), 0);
        write_keys(table, 0, 0, KEYS, 1);
        assert_int_equal(sqlite_execute(table->db, damages[i]), 0);
        leaf_put_number(entry, KEYS / 3, KEY);
        int r = 0;
        for (uint64_t key = 0; r == 0 && key < KEYS; key += 50) {
            leaf_put_number(entry, key, KEY);
            r = leaf_write(&table->writer, 0, (struct rentbus_bytes){entry, ENTRY});
        }
        assert_int_equal(r, -EBADMSG);
    }
}

static void test_numbers_are_read_as_written(void **state)
{
    uint8_t bytes[8];

    (void)state;
    for (size_t size = 1; size <= 8; size++) {
        uint64_t number = UINT64_MAX >> (64 - 8 * size);
        leaf_put_number(bytes, number, size);
        assert_int_equal(leaf_number(bytes, size), number);
        leaf_put_number(bytes, number / 3, size);
        assert_int_equal(leaf_number(bytes, size), number / 3);
    }
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_what_was_written_is_there_in_order),
        WITH_TABLE(test_order_of_writing_does_not_count),
        WITH_TABLE(test_what_is_appended_fills_rows),
        WITH_TABLE(test_nothing_is_written_of_nothing),
        WITH_TABLE(test_damaged_rows_are_refused),
        cmocka_unit_test(test_numbers_are_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
