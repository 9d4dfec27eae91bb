/* SPDX-License-Identifier: MPL-2.0 */
/* Two snapshots are kept, so that one that is damaged takes nothing with it, also of a journal that
 * was trimmed. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/engine/snapshot_file.h"
#include "tests/unit/engine_line.h"

/* The journal is trimmed up to the older of two snapshots. */
struct shop {
    struct line *line;
    uint64_t older;
    uint64_t newer;
};

static void trim(struct line *line, uint64_t through)
{
    struct rentbus_fault fault;
    struct journal_trimmed trimmed = {0};
    int64_t now = line->world->now;
    uint64_t end = 0;
    int status = 0;
    assert_int_equal(journal_trim_end(engine_journal(line->engine), through, &end), 0);
    assert_int_equal(engine_trim(line->engine, rentbus_text("test"), end, now, &fault), 0);
    while (!engine_trim_poll(line->engine, &status, &trimmed)) {
        engine_timers(line->engine, now += 1000000);
        line_process(line, line_is_idle);
    }
    assert_int_equal(status, 0);
    assert_true(trimmed.events > 0);
    assert_int_equal(engine_first(line->engine), end + 1);
}

static void stock(struct shop *shop)
{
    struct line *line = shop->line;
    line_run(line, 200);
    line_put_consumer(line, "c");
    line_write_snapshot(line, 0);
    shop->older = engine_snapshot(line->engine)->seq;
    line_run(line, 100);
    line_write_snapshot(line, 0);
    shop->newer = engine_snapshot(line->engine)->seq;
    line_run(line, 50);
    trim(line, shop->older);
    assert_int_equal(engine_first_state(line->engine), shop->older);
}

/* Files of snapshots, which are removed. */
static unsigned remove_all(const struct line *line)
{
    char path[LINE_PATH_SIZE];
    unsigned count = 0;
    for (uint64_t seq = 0;; count++) {
        assert_int_equal(snapshot_file_newest(line->directory, UINT64_MAX, &seq), 0);
        if (!seq)
            return count;
        line_path(line, seq, path);
        assert_int_equal(unlink(path), 0);
    }
}

static bool exists(const struct line *line, uint64_t seq)
{
    char path[LINE_PATH_SIZE];
    line_path(line, seq, path);
    return access(path, F_OK) == 0;
}

static void damage(const struct line *line, uint64_t seq)
{
    struct rentbus_buffer bytes = {0};
    char path[LINE_PATH_SIZE];
    line_path(line, seq, path);
    line_read_file(path, &bytes);
    bytes.data[bytes.length / 2] ^= 1;
    line_write_file(path, bytes.data, bytes.length);
    rentbus_buffer_release(&bytes);
}

static void must_say(const struct line *line, const char *event, uint64_t seq)
{
    char pairs[64];
    snprintf(pairs, sizeof pairs, "event=%s seq=%" PRIu64, event, seq);
    if (!strstr(line->logged, pairs))
        fail_msg("%s is not in %s", pairs, line->logged);
}

static void must_be(struct line *line, const struct rentbus_buffer *then)
{
    struct rentbus_buffer now = {0};
    line_print(line, &now);
    assert_int_equal(now.length, then->length);
    assert_memory_equal(now.data, then->data, now.length);
    rentbus_buffer_release(&now);
}

static void two_are_kept(void **state)
{
    struct line *line = *state;
    uint64_t before = 0;
    for (int i = 0; i < 4; i++) {
        line_run(line, 20);
        line_write_snapshot(line, 0);
        assert_int_equal(engine_snapshot_before(line->engine), before);
        before = engine_snapshot(line->engine)->seq;
    }
    line_reopen(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, before);
    assert_int_equal(remove_all(line), 2);
}

static void a_damaged_newest_falls_back_to_the_one_before(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    struct rentbus_buffer then = {0};
    stock(&shop);
    line_print(line, &then);
    damage(line, shop.newer);
    line_reopen(line);
    must_say(line, "snapshot_passed_over", shop.newer);
    must_say(line, "snapshot_loaded", shop.older);
    assert_int_equal(engine_snapshot(line->engine)->seq, shop.older);
    assert_int_equal(bus_counts(engine_bus(line->engine)).consumers, 1);
    must_be(line, &then);
    /* And again, since nobody has written another. */
    line_reopen(line);
    must_be(line, &then);
    line_write_snapshot(line, 0);
    assert_false(exists(line, shop.newer));
    assert_true(exists(line, shop.older));
    line_reopen(line);
    assert_null(strstr(line->logged, "passed_over"));
    assert_int_equal(engine_snapshot_before(line->engine), shop.older);
    must_be(line, &then);
    rentbus_buffer_release(&then);
}

/* By itself, however few events came. */
static void another_is_written_soon(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    stock(&shop);
    damage(line, shop.newer);
    line->every = 1000000;
    line_reopen(line);
    line_run(line, 1);
    line_process(line, line_is_written);
    assert_true(engine_snapshot(line->engine)->seq > shop.newer);
    assert_int_equal(engine_snapshot_before(line->engine), shop.older);
    assert_int_equal(remove_all(line), 2);
}

static void without_any_there_is_no_start(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    char name[SNAPSHOT_FILE_NAME_SIZE];
    stock(&shop);
    damage(line, shop.newer);
    damage(line, shop.older);
    engine_close(&line->engine);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(line_try(line, "main"), RENTBUS_ERROR_INVALID_ARGUMENT);
        snapshot_file_name(shop.newer, name);
        assert_non_null(strstr(line->fault.message, name));
        snapshot_file_name(shop.older, name);
        assert_non_null(strstr(line->fault.message, name));
        must_say(line, "snapshot_passed_over", shop.newer);
        must_say(line, "snapshot_passed_over", shop.older);
    }
    assert_int_equal(remove_all(line), 2);
    assert_int_equal(line_try(line, "main"), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(line->fault.message, "there is no snapshot"));
}

/* The next one goes on from the older, and keeps it. */
static void the_writer_passes_over_what_is_damaged(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    struct rentbus_buffer then = {0};
    stock(&shop);
    damage(line, shop.newer);
    line_print(line, &then);
    line->logged[0] = '\0';
    line_write_snapshot(line, 0);
    must_say(line, "snapshot_passed_over", shop.newer);
    assert_int_equal(engine_snapshot_before(line->engine), shop.older);
    assert_false(exists(line, shop.newer));
    line_reopen(line);
    must_be(line, &then);
    damage(line, engine_snapshot(line->engine)->seq);
    damage(line, shop.older);
    line_run(line, 1);
    line->logged[0] = '\0';
    line_write_snapshot(line, -ENODATA);
    must_say(line, "snapshot_passed_over", shop.older);
    assert_int_equal(engine_snapshot(line->engine)->seq, 0);
    assert_true(exists(line, shop.older));
    rentbus_buffer_release(&then);
}

/* The same seq again: the file that is no good gives way. */
static void what_is_distrusted_is_written_again(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    stock(&shop);
    line_write_snapshot(line, 0);
    uint64_t newest = engine_snapshot(line->engine)->seq;
    assert_int_equal(engine_snapshot_begin(line->engine), -EALREADY);
    engine_snapshot_distrust(line->engine, shop.older, "it has gone");
    assert_int_equal(engine_snapshot(line->engine)->seq, newest);
    damage(line, newest);
    engine_snapshot_distrust(line->engine, newest, "it is damaged");
    must_say(line, "snapshot_passed_over", newest);
    assert_int_equal(engine_snapshot(line->engine)->seq, shop.newer);
    line_write_snapshot(line, 0);
    assert_int_equal(engine_snapshot(line->engine)->seq, newest);
    assert_int_equal(engine_snapshot_before(line->engine), shop.newer);
    line_reopen(line);
    assert_null(strstr(line->logged, "passed_over"));
    assert_int_equal(engine_snapshot(line->engine)->seq, newest);
}

struct file {
    uint64_t seq; /* 0: half-written */
    struct rentbus_buffer bytes;
};

static void put_file(const struct line *line, const struct file *file)
{
    char path[LINE_PATH_SIZE];
    if (file->seq)
        line_path(line, file->seq, path);
    else
        snprintf(path, sizeof path, "%s/snapshot.part", line->directory);
    line_write_file(path, file->bytes.data, file->bytes.length);
}

/* What is on the disk at each step from two to the next two: the newest that is whole is taken, and
 * the one before is kept. */
static void a_crash_at_any_step_leaves_two(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    struct rentbus_buffer then = {0};
    struct file files[4] = {{0}};
    char path[LINE_PATH_SIZE];
    stock(&shop);
    files[0].seq = shop.older;
    files[1].seq = shop.newer;
    for (size_t i = 0; i < 2; i++) {
        line_path(line, files[i].seq, path);
        line_read_file(path, &files[i].bytes);
    }
    line_write_snapshot(line, 0);
    files[2].seq = engine_snapshot(line->engine)->seq;
    line_path(line, files[2].seq, path);
    line_read_file(path, &files[2].bytes);
    rentbus_buffer_append(&files[3].bytes, files[2].bytes.data, files[2].bytes.length / 2);
    line_print(line, &then);
    /* Half of it, all of it under the other name, its own name, and the oldest removed. */
    static const bool steps[][4] = {{1, 1, 0, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}, {0, 1, 1, 0}};
    for (size_t step = 0; step < 4; step++) {
        size_t newest = steps[step][2] ? 2 : 1;
        engine_close(&line->engine);
        remove_all(line);
        if (step == 1)
            rentbus_buffer_append(&files[3].bytes, files[2].bytes.data + files[3].bytes.length,
                                  files[2].bytes.length - files[3].bytes.length);
        for (size_t i = 0; i < 4; i++)
            if (steps[step][i])
                put_file(line, &files[i]);
        line_open(line);
        assert_null(strstr(line->logged, "passed_over"));
        assert_int_equal(engine_snapshot(line->engine)->seq, files[newest].seq);
        assert_int_equal(engine_snapshot_before(line->engine), files[newest - 1].seq);
        snprintf(path, sizeof path, "%s/snapshot.part", line->directory);
        assert_int_equal(access(path, F_OK), -1);
        must_be(line, &then);
        assert_int_equal(remove_all(line), 2);
        put_file(line, &files[newest]);
        put_file(line, &files[newest - 1]);
    }
    for (size_t i = 0; i < 4; i++)
        rentbus_buffer_release(&files[i].bytes);
    rentbus_buffer_release(&then);
}

/* What a file proves without being loaded. */
static void a_file_is_proved_by_its_checksum(void **state)
{
    struct shop shop = {.line = *state};
    struct line *line = *state;
    struct snapshot_header header = {0};
    const char *why = NULL;
    stock(&shop);
    assert_int_equal(snapshot_file_check(line->directory, shop.newer, "main", &header, &why), 0);
    assert_int_equal(header.head.seq, shop.newer);
    assert_int_equal(snapshot_file_check(line->directory, shop.newer, "other", &header, &why),
                     -EBADMSG);
    assert_string_equal(why, "it is of another ledger");
    assert_int_equal(snapshot_file_check(line->directory, 3, "main", &header, &why), -ENOENT);
    damage(line, shop.newer);
    assert_int_equal(snapshot_file_check(line->directory, shop.newer, "main", &header, &why),
                     -EBADMSG);
}

/* A twentieth of the events is enough then, and once. */
static void one_is_written_at_rest(void **state)
{
    struct line *line = *state;
    int64_t rested = NOW + 10 * INT64_C(1000000);
    char id[16];
    line->every = 400;
    line_reopen(line);
    for (unsigned i = 1; i <= 20; i++) {
        engine_timers(line->engine, rested);
        assert_false(engine_snapshot_running(line->engine));
        assert_true(engine_timer(line->engine) == INT64_MAX);
        snprintf(id, sizeof id, "consumer-%u", i);
        line_put_consumer(line, id);
        assert_int_equal(engine_durable(line->engine), i);
    }
    assert_true(engine_timer(line->engine) == rested);
    engine_timers(line->engine, rested - 1);
    assert_false(engine_snapshot_running(line->engine));
    engine_timers(line->engine, rested);
    assert_true(engine_snapshot_running(line->engine));
    assert_true(engine_timer(line->engine) == INT64_MAX);
    line_process(line, line_is_written);
    assert_int_equal(engine_snapshot(line->engine)->seq, 20);
    assert_true(engine_timer(line->engine) == INT64_MAX);
}

static void without_the_setting_rest_brings_none(void **state)
{
    struct line *line = *state;
    line_put_consumer(line, "mail");
    assert_true(engine_timer(line->engine) == INT64_MAX);
    engine_timers(line->engine, NOW + 10 * INT64_C(1000000));
    assert_false(engine_snapshot_running(line->engine));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, line_setup, line_teardown)
    const struct CMUnitTest tests[] = {
        TEST(two_are_kept),
        TEST(a_damaged_newest_falls_back_to_the_one_before),
        TEST(another_is_written_soon),
        TEST(without_any_there_is_no_start),
        TEST(the_writer_passes_over_what_is_damaged),
        TEST(what_is_distrusted_is_written_again),
        TEST(a_crash_at_any_step_leaves_two),
        TEST(a_file_is_proved_by_its_checksum),
        TEST(one_is_written_at_rest),
        TEST(without_the_setting_rest_brings_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
