/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "daemon/bus/cursors.h"
#include "daemon/journal/sqlite.h"
#include "sdk/protocol/text.h"

static char directory[] = "/tmp/test_cursors.XXXXXX";
static char path[64];

struct seen {
    size_t rows;
    size_t traces;
    uint64_t sum;
    int stop;
};

static int visit(void *context, const struct cursors_row *row)
{
    struct seen *seen = context;
    seen->rows++;
    seen->traces += row->count;
    seen->sum += row->generation + 10 * row->at + 100 * row->seen;
    for (size_t i = 0; i < row->count; i++)
        seen->sum += 1000 * row->traces[i].seq + 10000 * row->traces[i].attempts +
                     100000 * row->traces[i].asked;
    return seen->stop;
}

static struct cursors *open_file(const char *ledger, struct seen *seen)
{
    struct cursors *cursors = NULL;
    *seen = (struct seen){0};
    assert_int_equal(cursors_open(path, ledger, visit, seen, &cursors), 0);
    return cursors;
}

static void put(struct cursors *cursors, const char *id, uint64_t number, size_t count)
{
    static struct consumer_trace traces[65536];
    for (size_t i = 0; i < count; i++)
        traces[i] = (struct consumer_trace){i + 1, (uint32_t)(i % 7), i % 2};
    struct cursors_row row = {rentbus_text(id), number, number, number, traces, count};
    assert_int_equal(cursors_put(cursors, &row), 0);
}

static int save(struct cursors *cursors)
{
    cursors_save(cursors);
    int r = cursors_finish(cursors);
    assert_true(cursors_idle(cursors));
    return r;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/test_cursors.XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/c", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return sqlite_remove(path) || rmdir(directory);
}

static void test_rows(void **state)
{
    (void)state;
    struct seen seen;
    struct cursors *cursors = open_file("main", &seen);
    put(cursors, "a", 1, 0);
    put(cursors, "b", 2, 3);
    put(cursors, "c", 5, 65536);
    put(cursors, "a", 3, 1);
    assert_int_equal(save(cursors), 0);
    assert_int_equal(save(cursors), 0); /* of nothing */
    assert_int_equal(cursors_remove(cursors, rentbus_text("c")), 0);
    assert_int_equal(cursors_remove(cursors, rentbus_text("d")), 0);
    assert_int_equal(save(cursors), 0);
    cursors_close(&cursors);
    cursors_close(&cursors);
    cursors = open_file("main", &seen);
    assert_int_equal(seen.rows, 2);
    assert_int_equal(seen.traces, 4);
    /* 3 and 2 as each of three numbers; seqs 1, and 1 2 3; attempts 0, and 0 1 2; one asked. */
    assert_int_equal(seen.sum, 5 * 111 + 7 * 1000 + 3 * 10000 + 100000);
    cursors_close(&cursors);
}

static void test_closing_waits(void **state)
{
    (void)state;
    struct seen seen;
    struct cursors *cursors = open_file("main", &seen);
    put(cursors, "a", 1, 65536);
    cursors_save(cursors);
    cursors_close(&cursors);
    cursors = open_file("main", &seen);
    assert_int_equal(seen.traces, 65536);
    cursors_close(&cursors);
}

static void test_files_of_others(void **state)
{
    (void)state;
    struct seen seen;
    struct cursors *cursors = open_file("main", &seen);
    put(cursors, "a", 1, 1);
    assert_int_equal(save(cursors), 0);
    cursors_close(&cursors);
    cursors = open_file("other", &seen);
    assert_int_equal(seen.rows, 0);
    cursors_close(&cursors);
    FILE *file = fopen(path, "w");
    fputs("this is no database, and longer than the head of one would be.............", file);
    fputs("...................................................................", file);
    assert_int_equal(fclose(file), 0);
    cursors = open_file("other", &seen);
    put(cursors, "a", 1, 1);
    assert_int_equal(save(cursors), 0);
    cursors_close(&cursors);
    cursors = open_file("other", &seen);
    assert_int_equal(seen.rows, 1);
    cursors_close(&cursors);
}

static void change(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_rows_that_are_not_sound(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE consumer SET state = x''",
        "UPDATE consumer SET state = substr(state, 1, length(state) - 1)",
        "UPDATE consumer SET state = substr(state, 1, length(state) - 16)",
        "UPDATE consumer SET state = state || x'00000000000000000000000000000000'",
        "UPDATE consumer SET state = x'00' || substr(state, 2)",
        "UPDATE consumer SET state = substr(state, 1, 30) || x'01' || substr(state, 32)",
        "UPDATE consumer SET id = 'b'",
        "UPDATE consumer SET id = ''",
        "UPDATE consumer SET state = 7",
    };
    struct seen seen;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct cursors *cursors = open_file("main", &seen);
        put(cursors, "a", 5, 3);
        assert_int_equal(save(cursors), 0);
        cursors_close(&cursors);
        change(changes[i]);
        cursors = open_file("main", &seen);
        assert_int_equal(seen.rows, 0);
        cursors_close(&cursors);
        change("DELETE FROM consumer");
    }
    change("DROP TABLE consumer");
    struct cursors *cursors = open_file("main", &seen);
    put(cursors, "a", 5, 3);
    assert_int_equal(save(cursors), 0);
    cursors_close(&cursors);
}

/* What could not be saved is forgotten here, and does not pile up: whoever put it puts it again. */
static void test_a_disk_that_is_full(void **state)
{
    (void)state;
    struct seen seen;
    struct rlimit before;
    struct cursors *cursors = open_file("main", &seen);
    put(cursors, "a", 1, 1);
    assert_int_equal(save(cursors), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit none = {0, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    put(cursors, "b", 1, 60000);
    int failed = save(cursors);
    int empty = save(cursors);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(failed < 0);
    assert_int_equal(empty, 0);
    put(cursors, "c", 1, 2);
    assert_int_equal(save(cursors), 0);
    cursors_close(&cursors);
    cursors = open_file("main", &seen);
    assert_int_equal(seen.rows, 2);
    assert_int_equal(seen.traces, 3);
    cursors_close(&cursors);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct cursors *cursors = NULL;
    struct seen seen = {0};
    assert_true(cursors_open("/no/such/folder/c", "main", visit, &seen, &cursors) < 0);
    assert_null(cursors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closing_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_that_are_not_sound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_disk_that_is_full, set_up, tear_down),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
