/* SPDX-License-Identifier: MPL-2.0 */
/* An engine that starts from a snapshot is the one that starts from the first event. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/engine/snapshot_file.h"
#include "tests/unit/engine_line.h"
#include "tests/unit/journal_fixture.h"

static void move(const struct line *line, uint64_t seq, const char *name, bool away)
{
    char here[LINE_PATH_SIZE];
    char there[LINE_PATH_SIZE];
    line_path(line, seq, here);
    snprintf(there, sizeof there, "%s/%s", line->directory, name);
    if (seq)
        assert_int_equal(away ? rename(here, there) : rename(there, here), 0);
}

/* What the engine is now is what it is from the first event on. */
static void must_be_what_the_journal_says(struct line *line)
{
    struct rentbus_buffer now = {0};
    struct rentbus_buffer then = {0};
    uint64_t seq = engine_snapshot(line->engine)->seq;
    uint64_t before = engine_snapshot_before(line->engine);
    line_print(line, &now);
    engine_close(&line->engine);
    move(line, seq, "away", true);
    move(line, before, "away-before", true);
    line_open(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, 0);
    line_print(line, &then);
    assert_int_equal(now.length, then.length);
    assert_memory_equal(now.data, then.data, now.length);
    engine_close(&line->engine);
    move(line, seq, "away", false);
    move(line, before, "away-before", false);
    line_open(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, seq);
    assert_int_equal(engine_snapshot_before(line->engine), before);
    rentbus_buffer_release(&now);
    rentbus_buffer_release(&then);
}

static void a_start_goes_on_from_a_snapshot(void **state)
{
    struct line *line = *state;
    line_run(line, 300);
    line_put_consumer(line, "c");
    uint64_t before = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t seq = engine_durable(line->engine);
        line_write_snapshot(line, 0);
        assert_int_equal(engine_snapshot(line->engine)->seq, seq);
        assert_int_equal(engine_snapshot_begin(line->engine), -EALREADY);
        line_run(line, 100);
        line_reopen(line);
        assert_non_null(strstr(line->logged, "event=snapshot_loaded"));
        assert_int_equal(engine_snapshot(line->engine)->seq, seq);
        assert_int_equal(bus_counts(engine_bus(line->engine)).consumers, 1);
        assert_int_equal(engine_snapshot_before(line->engine), before);
        must_be_what_the_journal_says(line);
        line_run(line, 100);
        before = seq;
    }
}

struct seen {
    int status;
    uint64_t first;
    uint64_t last;
};

static void look_up(struct line *line, struct seen *seen)
{
    for (unsigned i = 0; i < line->commands; i++)
        seen[i].status =
            engine_command_range(line->engine, line_command_id(i), &seen[i].first, &seen[i].last);
}

/* Those before the snapshot from the archive. */
static void commands_are_known_behind_a_snapshot(void **state)
{
    struct line *line = *state;
    struct seen before[200] = {0};
    struct seen after[200] = {0};
    line_run(line, 100);
    line_write_snapshot(line, 0);
    line_run(line, 100);
    look_up(line, before);
    line_reopen(line);
    look_up(line, after);
    assert_memory_equal(before, after, sizeof before);
    unsigned known = 0;
    for (unsigned i = 0; i < 200; i++)
        known += after[i].status == ENGINE_DURABLE;
    assert_in_range(known, 50, 200);
}

static void snapshots_come_by_themselves(void **state)
{
    struct line *line = *state;
    line->every = 200;
    line_reopen(line);
    while (engine_durable(line->engine) < 200)
        line_run(line, 10);
    line_process(line, line_is_written);
    assert_in_range(engine_snapshot(line->engine)->seq, 200, engine_durable(line->engine));
    uint64_t seq = engine_snapshot(line->engine)->seq;
    while (engine_durable(line->engine) < seq + 200)
        line_run(line, 10);
    line_process(line, line_is_written);
    assert_in_range(engine_snapshot(line->engine)->seq, seq + 200, engine_durable(line->engine));
}

/* ---- what is no good ---- */

/* The engine starts without the snapshot, says why, and is the same. */
static void must_be_passed_over(struct line *line, const char *why)
{
    struct rentbus_buffer now = {0};
    struct rentbus_buffer then = {0};
    line_print(line, &now);
    line_reopen(line);
    assert_non_null(strstr(line->logged, "event=snapshot_passed_over"));
    if (!strstr(line->logged, why))
        fail_msg("%s does not say %s", line->logged, why);
    assert_int_equal(engine_snapshot(line->engine)->seq, 0);
    line_print(line, &then);
    assert_int_equal(now.length, then.length);
    assert_memory_equal(now.data, then.data, now.length);
    rentbus_buffer_release(&now);
    rentbus_buffer_release(&then);
}

static void a_damaged_snapshot_is_passed_over(void **state)
{
    struct line *line = *state;
    struct rentbus_buffer good = {0};
    char path[128];
    line_run(line, 200);
    line_write_snapshot(line, 0);
    line_path(line, engine_snapshot(line->engine)->seq, path);
    line_read_file(path, &good);
    const size_t lengths[] = {0, 10, 100, good.length / 2, good.length - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        line_write_file(path, good.data, lengths[i]);
        must_be_passed_over(line, "it ends too early");
    }
    for (size_t at = 160; at < good.length; at += good.length / 20) {
        good.data[at] ^= 1;
        line_write_file(path, good.data, good.length);
        must_be_passed_over(line, "reason=");
        good.data[at] ^= 1;
    }
    rentbus_buffer_append(&good, "x", 1);
    line_write_file(path, good.data, good.length);
    must_be_passed_over(line, "something stands behind its end");
    good.data[16]++;
    line_write_file(path, good.data, good.length);
    must_be_passed_over(line, "it has a format of another version");
    good.data[0]++;
    line_write_file(path, good.data, good.length);
    must_be_passed_over(line, "it is no snapshot");
    rentbus_buffer_release(&good);
}

static void a_snapshot_of_something_else_is_passed_over(void **state)
{
    struct line *line = *state;
    struct line other = *line;
    struct rentbus_buffer bytes = {0};
    char path[128];
    snprintf(other.directory, sizeof other.directory, "/tmp/test_snapshot.XXXXXX");
    assert_non_null(mkdtemp(other.directory));
    assert_int_equal(line_try(&other, "other"), 0);
    other.world = world_create();
    line_run(&other, 40);
    line_write_snapshot(&other, 0);
    uint64_t seq = engine_snapshot(other.engine)->seq;
    line_path(&other, seq, path);
    line_read_file(path, &bytes);
    line_run(line, 100);
    line_process(line, line_is_archived);
    line_path(line, seq, path);
    line_write_file(path, bytes.data, bytes.length);
    must_be_passed_over(line, "it is of another ledger");
    struct snapshot_header header = {.head = {.seq = seq}};
    struct snapshot_output *output = NULL;
    snprintf(header.ledger, sizeof header.ledger, "main");
    assert_int_equal(snapshot_output_create(line->directory, &header, &output), 0);
    for (int i = 0; i < SNAPSHOT_SECTIONS; i++)
        assert_int_equal(snapshot_output_end_section(output), 0);
    assert_int_equal(snapshot_output_finish(output), 0);
    assert_int_equal(snapshot_output_publish(output), 0);
    snapshot_output_close(&output);
    must_be_passed_over(line, "it is damaged");
    rentbus_buffer_release(&bytes);
    engine_close(&other.engine);
    struct line *gone = malloc(sizeof *gone);
    *gone = other;
    void *end = gone;
    assert_int_equal(line_teardown(&end), 0);
}

/* A start behind a snapshot from a journal that was put back, with less in it, or with other
 * events. */
static void a_snapshot_of_another_journal_is_passed_over(void **state)
{
    struct line *line = *state;
    struct rentbus_buffer early = {0};
    struct rentbus_buffer late = {0};
    char journal[128];
    char path[128];
    snprintf(journal, sizeof journal, "%s/journal.db", line->directory);
    line_run(line, 50);
    engine_close(&line->engine);
    line_read_file(journal, &early);
    line_open(line);
    line_run(line, 100);
    line_write_snapshot(line, 0);
    line_path(line, engine_snapshot(line->engine)->seq, path);
    line_read_file(path, &late);
    engine_close(&line->engine);
    line_write_file(journal, early.data, early.length);
    line_open(line);
    assert_non_null(strstr(line->logged, "the journal ends before it"));
    uint64_t seq = engine_durable(line->engine);
    while (engine_durable(line->engine) < seq + 300)
        line_run(line, 50);
    line_process(line, line_is_archived);
    line_reopen(line);
    assert_non_null(strstr(line->logged, "it is of another journal"));
    line_write_snapshot(line, 0);
    line_reopen(line);
    assert_null(strstr(line->logged, "passed_over"));
    must_be_what_the_journal_says(line);
    rentbus_buffer_release(&early);
    rentbus_buffer_release(&late);
}

static void without_the_archive_all_is_replayed(void **state)
{
    struct line *line = *state;
    char archive[128];
    line_run(line, 100);
    line_write_snapshot(line, 0);
    engine_close(&line->engine);
    snprintf(archive, sizeof archive, "%s/archive.db", line->directory);
    assert_int_equal(unlink(archive), 0);
    line_open(line); /* the new archive may have come so far already */
    assert_true(strstr(line->logged, "the archive ends before it") ||
                strstr(line->logged, "event=snapshot_loaded"));
    line_process(line, line_is_archived);
    line_reopen(line);
    assert_non_null(strstr(line->logged, "event=snapshot_loaded"));
    must_be_what_the_journal_says(line);
}

/* ---- what cannot be written ---- */

static void a_full_disk_leaves_nothing_behind(void **state)
{
    struct line *line = *state;
    char part[128];
    uint64_t seq = 1;
    snprintf(part, sizeof part, "%s/snapshot.part", line->directory);
    line_run(line, 100);
    assert_int_equal(symlink("/dev/full", part), 0);
    line_write_snapshot(line, -ENOSPC);
    assert_non_null(strstr(line->logged, "event=snapshot_failed"));
    assert_int_equal(snapshot_file_newest(line->directory, UINT64_MAX, &seq), 0);
    assert_int_equal(seq, 0);
    struct stat stat;
    assert_int_equal(lstat(part, &stat), -1);
    line_write_snapshot(line, 0);
    assert_int_equal(engine_snapshot(line->engine)->seq, engine_durable(line->engine));
    must_be_what_the_journal_says(line);
}

static void closing_gives_up(void **state)
{
    struct line *line = *state;
    line_run(line, 200);
    for (int i = 0; i < 10; i++) {
        struct stat stat;
        char part[128];
        snprintf(part, sizeof part, "%s/snapshot.part", line->directory);
        line_run(line, 5);
        int status = engine_snapshot_begin(line->engine);
        assert_true(status == 0 || status == -EALREADY);
        line_reopen(line);
        assert_int_equal(lstat(part, &stat), -1);
    }
}

/* What a kill has left is no snapshot. */
static void half_a_file_is_cleaned_away(void **state)
{
    struct line *line = *state;
    struct rentbus_buffer bytes = {0};
    struct stat stat;
    char path[128];
    line_run(line, 100);
    line_write_snapshot(line, 0);
    line_run(line, 100);
    line_write_snapshot(line, 0);
    line_path(line, engine_snapshot(line->engine)->seq, path);
    line_read_file(path, &bytes);
    snprintf(path, sizeof path, "%s/snapshot.part", line->directory);
    line_write_file(path, bytes.data, bytes.length / 2);
    line_path(line, 3, path);
    line_write_file(path, bytes.data, bytes.length / 2);
    line_reopen(line);
    assert_null(strstr(line->logged, "passed_over"));
    assert_int_equal(lstat(path, &stat), -1);
    snprintf(path, sizeof path, "%s/snapshot.part", line->directory);
    assert_int_equal(lstat(path, &stat), -1);
    rentbus_buffer_release(&bytes);
}

/* The journal has lost what the snapshot holds. */
static void without_first_event_and_snapshot_there_is_no_start(void **state)
{
    struct line *line = *state;
    char path[128];
    line_run(line, 300);
    line_write_snapshot(line, 0);
    uint64_t seq = engine_snapshot(line->engine)->seq;
    line_run(line, 200);
    engine_close(&line->engine);
    snprintf(path, sizeof path, "%s/journal.db", line->directory);
    journal_fixture_sql(path, "DELETE FROM block WHERE first_seq = 1");
    line_open(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, seq);
    engine_close(&line->engine);
    line_path(line, seq, path);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(line_try(line, "main"), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(line_try(line, "main"), RENTBUS_ERROR_INVALID_ARGUMENT);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, line_setup, line_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_start_goes_on_from_a_snapshot),
        TEST(commands_are_known_behind_a_snapshot),
        TEST(snapshots_come_by_themselves),
        TEST(a_damaged_snapshot_is_passed_over),
        TEST(a_snapshot_of_something_else_is_passed_over),
        TEST(a_snapshot_of_another_journal_is_passed_over),
        TEST(without_the_archive_all_is_replayed),
        TEST(a_full_disk_leaves_nothing_behind),
        TEST(closing_gives_up),
        TEST(half_a_file_is_cleaned_away),
        TEST(without_first_event_and_snapshot_there_is_no_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
