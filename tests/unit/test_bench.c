/* SPDX-License-Identifier: MPL-2.0 */
/* The yardsticks of tests/bench do what they stand for, and its table says what was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>
#include <zmq.h>

#include "daemon/journal/journal.h"
#include "daemon/journal/sqlite.h"
#include "tests/bench/bare_ledger.h"
#include "tests/bench/echo.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
#include "tests/bench/requests.h"
#include "tests/bench/rig.h"

#define REPLY_SIZE 700
#define RECORD_SIZE(number) (500 + 100 * ((number) % BARE_LEDGER_RECORDS))
#define MANY 3000

struct bare {
    char directory[32];
    char endpoint[64];
    char path[64];
    void *zmq;
    void *socket;
};

static int setup(void **state)
{
    static struct bare bare;
    bare = (struct bare){.directory = "/tmp/rentbus-bench-XXXXXX", .zmq = zmq_ctx_new()};
    assert_non_null(mkdtemp(bare.directory));
    snprintf(bare.endpoint, sizeof bare.endpoint, "ipc://%s/bare.sock", bare.directory);
    snprintf(bare.path, sizeof bare.path, "%s/bare.db", bare.directory);
    bare.socket = load_connect(bare.zmq, bare.endpoint);
    *state = &bare;
    return 0;
}

static int teardown(void **state)
{
    struct bare *bare = *state;
    zmq_close(bare->socket);
    zmq_ctx_term(bare->zmq);
    rig_remove(bare->directory);
    return 0;
}

static void ask(const struct bare *bare, size_t count, size_t in_flight)
{
    struct load load = {
        .socket = bare->socket, .request = requests_hello, .count = count, .in_flight = in_flight};
    assert_int_equal(load_run(&load).reply_size, REPLY_SIZE);
}

/* ---- a bare ledger ---- */

static struct bare_ledger *ledger_start(const struct bare *bare)
{
    struct bare_ledger_settings settings = {
        .endpoint = bare->endpoint,
        .reply_size = REPLY_SIZE,
        .records = {RECORD_SIZE(0), RECORD_SIZE(1)},
    };
    memcpy(settings.path, bare->path, sizeof settings.path);
    return bare_ledger_start(&settings);
}

static void check_record(const uint8_t *record, size_t size, uint8_t last[BARE_LEDGER_HASH_SIZE])
{
    size_t body = size - BARE_LEDGER_HASH_SIZE;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, BARE_LEDGER_HASH_SIZE);
    crypto_generichash_update(&state, last, BARE_LEDGER_HASH_SIZE);
    crypto_generichash_update(&state, record, body);
    crypto_generichash_final(&state, last, BARE_LEDGER_HASH_SIZE);
    assert_memory_equal(record + body, last, BARE_LEDGER_HASH_SIZE);
}

/* How many records are in the file, all of them whole, in order and chained. */
static size_t count_records(const struct bare *bare)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    uint8_t last[BARE_LEDGER_HASH_SIZE] = {0};
    size_t total = 0;
    assert_int_equal(sqlite_open(bare->path, false, &db), 0);
    assert_int_equal(
        sqlite_prepare(db, "SELECT first_seq, count, events FROM block ORDER BY first_seq", &rows),
        0);
    while (sqlite_step(rows) == 1) {
        size_t count = (size_t)sqlite3_column_int64(rows, 1);
        struct rentbus_bytes bytes = sqlite_column_bytes(rows, 2);
        size_t at = 0;
        assert_int_equal(sqlite3_column_int64(rows, 0), total + 1);
        assert_in_range(count, 1, JOURNAL_BLOCK_EVENTS);
        for (size_t i = 0; i < count; at += RECORD_SIZE(total + i), i++) {
            assert_true(at + RECORD_SIZE(total + i) <= bytes.length);
            check_record(bytes.data + at, RECORD_SIZE(total + i), last);
        }
        assert_int_equal(at, bytes.length);
        total += count;
    }
    sqlite_finalize(&rows);
    sqlite_close(&db);
    return total;
}

static void test_ledger_answers_when_committed(void **state)
{
    const struct bare *bare = *state;
    struct bare_ledger *ledger = ledger_start(bare);
    for (size_t i = 1; i <= 3; i++) {
        ask(bare, 1, 1);
        assert_int_equal(count_records(bare), i * BARE_LEDGER_RECORDS);
    }
    bare_ledger_stop(ledger);
}

static void test_ledger_with_many_in_flight(void **state)
{
    const struct bare *bare = *state;
    struct bare_ledger *ledger = ledger_start(bare);
    ask(bare, MANY, BARE_LEDGER_IN_FLIGHT_MAX);
    assert_int_equal(count_records(bare), MANY * BARE_LEDGER_RECORDS);
    bare_ledger_settle(ledger);
    bare_ledger_follow(ledger, true);
    ask(bare, MANY, BARE_LEDGER_IN_FLIGHT_MAX);
    bare_ledger_settle(ledger);
    bare_ledger_follow(ledger, false);
    ask(bare, MANY, BARE_LEDGER_IN_FLIGHT_MAX);
    assert_int_equal(count_records(bare), 3 * MANY * BARE_LEDGER_RECORDS);
    bare_ledger_stop(ledger);
}

/* ---- a bare echo ---- */

static void test_echo(void **state)
{
    const struct bare *bare = *state;
    struct echo echo = {.reply_size = REPLY_SIZE};
    echo_start(&echo, bare->endpoint);
    ask(bare, MANY, 64);
    echo.polls = true;
    ask(bare, MANY, 64);
    echo.polls = false;
    ask(bare, MANY, 64);
    echo_stop(&echo);
}

/* ---- the table ---- */

static char *print(const struct figures_line *lines, size_t count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *before = stdout;
    stdout = open_memstream(&text, &length);
    assert_non_null(stdout);
    figures_print(lines, count);
    fclose(stdout);
    stdout = before;
    return text;
}

/* The words of a line by its name; *last is its last one. */
static int line_of(const char *table, const char *name, char words[256], char last[32])
{
    const char *line = strstr(table, name);
    assert_non_null(line);
    size_t length = strcspn(line, "\n");
    assert_in_range(length, 1, 255);
    memcpy(words, line, length);
    words[length] = '\0';
    const char *space = strrchr(words, ' ');
    assert_non_null(space);
    return snprintf(last, 32, "%s", space + 1);
}

static void test_table(void **state)
{
    struct figures_line lines[] = {
        {"reached", "yardstick", 0.5, false},
        {"missed", "yardstick", 0.6, false},
        {"below", NULL, 3, true},
        {"  floor: least", "yardstick"},
        {"absent", "yardstick", .missing = "not installed"},
    };
    char words[256];
    char last[32];
    (void)state;
    assert_int_equal(figures_unmeasured(lines, 5), 4);
    for (size_t i = 0; i < 4; i++)
        for (size_t round = 1; round <= 3; round++)
            figures_add(&lines[i], (double)round, i == 2 ? 0 : 4);
    assert_int_equal(figures_unmeasured(lines, 5), 0);
    char *table = print(lines, 5);
    line_of(table, "reached", words, last);
    assert_string_equal(last, "pass");
    line_of(table, "missed", words, last);
    assert_string_equal(last, "short");
    assert_non_null(strstr(words, "0.25     0.50     0.75"));
    line_of(table, "below", words, last);
    assert_string_equal(last, "pass");
    line_of(table, "  floor: least", words, last);
    assert_string_equal(last, "");
    assert_null(strstr(words, "="));
    line_of(table, "absent", words, last);
    assert_string_equal(last, "installed");
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ledger_answers_when_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ledger_with_many_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown(test_echo, setup, teardown),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
