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

#include "daemon/engine/snapshot.h"
#include "daemon/engine/snapshot_file.h"
#include "daemon/engine/state.h"
#include "daemon/ledger/snapshot.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/ledger_random.h"

#define DEADLINE_S 60

struct line {
    char directory[64];
    struct engine *engine;
    uint64_t every;
    struct world *world; /* whence the commands come */
    uint64_t random;
    unsigned commands;
    char logged[8192];
};

static void on_bytes(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    (void)context;
    (void)route;
    (void)body;
}

static void on_publish(void *context, struct rentbus_text type, struct rentbus_bytes event)
{
    (void)context;
    (void)type;
    (void)event;
}

static void on_log(void *context, int priority, const char *pairs)
{
    struct line *line = context;
    size_t length = strlen(line->logged);
    (void)priority;
    snprintf(line->logged + length, sizeof line->logged - length, "%s\n", pairs);
}

static int try_open(struct line *line, const char *ledger)
{
    struct engine_settings settings = {
        .directory = line->directory,
        .ledger = ledger,
        .version = "1",
        .snapshot_every = line->every,
    };
    struct engine_hooks hooks = {
        .context = line, .reply = on_bytes, .publish = on_publish, .log = on_log};
    struct rentbus_fault fault;
    line->logged[0] = '\0';
    return engine_open(&settings, &hooks, &line->engine, &fault);
}

static void open_line(struct line *line)
{
    assert_int_equal(try_open(line, "main"), 0);
}

static void reopen(struct line *line)
{
    engine_close(&line->engine);
    open_line(line);
}

static int setup(void **state)
{
    struct line *line = calloc(1, sizeof *line);
    snprintf(line->directory, sizeof line->directory, "/tmp/test_snapshot.XXXXXX");
    line->world = world_create();
    line->random = 17;
    *state = line;
    return mkdtemp(line->directory) && try_open(line, "main") == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct line *line = *state;
    char command[128];
    engine_close(&line->engine);
    world_destroy(&line->world);
    for (uint64_t seq = 1; seq;) {
        assert_int_equal(snapshot_file_newest(line->directory, UINT64_MAX, &seq), 0);
        snprintf(command, sizeof command, "%s/snapshot-%020lu", line->directory, seq);
        unlink(command);
    }
    static const char *const names[] = {"journal.db", "archive.db", "cursors.db", "snapshot.part"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++) {
            snprintf(command, sizeof command, "%s/%s%s", line->directory, names[i], ends[j]);
            unlink(command);
        }
    int status = rmdir(line->directory);
    free(line);
    return status;
}

static void process_until(struct line *line, bool (*done)(const struct line *line))
{
    struct pollfd event = {.fd = engine_fd(line->engine), .events = POLLIN};
    time_t deadline = time(NULL) + DEADLINE_S;
    engine_process(line->engine);
    while (!done(line)) {
        assert_true(time(NULL) < deadline);
        poll(&event, 1, 20);
        engine_process(line->engine);
    }
}

static bool is_idle(const struct line *line)
{
    return engine_idle(line->engine);
}

static bool is_archived(const struct line *line)
{
    return engine_idle(line->engine) &&
           engine_evicted(line->engine) == engine_durable(line->engine);
}

static bool is_written(const struct line *line)
{
    return !engine_snapshot_running(line->engine);
}

static struct rentbus_uuid command_id(unsigned number)
{
    return (struct rentbus_uuid){
        {1, 2, 3, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

/* Random commands, as they would stand in a world of their own. */
static void run(struct line *line, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct ledger_command command = ledger_random_command(&line->random, line->world);
        struct chain_origin origin = {.has_command = true, .command = command_id(line->commands++)};
        struct rentbus_command_result result;
        struct rentbus_fault fault;
        origin.actor = rentbus_text("test");
        int status =
            engine_execute(line->engine, &origin, &command, line->world->now, &result, &fault);
        assert_true(status >= 0);
        world_run(line->world, &command);
    }
    process_until(line, is_idle);
}

static void put_consumer(struct line *line, const char *id)
{
    struct ledger_command command = {.op = RENTBUS_OP_consumer_put};
    struct chain_origin origin = {.has_command = true, .command = command_id(line->commands++)};
    struct rentbus_command_result result;
    struct rentbus_fault fault;
    RENTBUS_SET(&command.args.consumer_put, consumer_put_args, id, rentbus_text(id));
    origin.actor = rentbus_text("test");
    assert_int_equal(engine_execute(line->engine, &origin, &command, NOW, &result, &fault), 0);
    process_until(line, is_idle);
}

static void write_snapshot(struct line *line, int expected)
{
    assert_int_equal(engine_snapshot_begin(line->engine), 0);
    assert_int_equal(engine_snapshot_begin(line->engine), -EBUSY);
    process_until(line, is_written);
    assert_int_equal(engine_snapshot_status(line->engine), expected);
}

static int append(void *context, const void *data, size_t size)
{
    rentbus_buffer_append(context, data, size);
    return 0;
}

static void print(struct line *line, struct rentbus_buffer *out)
{
    process_until(line, is_archived);
    rentbus_buffer_clear(out);
    assert_int_equal(ledger_snapshot_write(engine_ledger(line->engine), append, out), 0);
    ledger_print(engine_ledger(line->engine), out);
}

/* What the engine is now is what it is from the first event on. */
static void must_be_what_the_journal_says(struct line *line)
{
    struct rentbus_buffer now = {0};
    struct rentbus_buffer then = {0};
    char away[128];
    char path[128];
    uint64_t seq = engine_snapshot(line->engine)->seq;
    print(line, &now);
    engine_close(&line->engine);
    snprintf(path, sizeof path, "%s/snapshot-%020lu", line->directory, seq);
    snprintf(away, sizeof away, "%s/away", line->directory);
    assert_int_equal(rename(path, away), 0);
    open_line(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, 0);
    print(line, &then);
    assert_int_equal(now.length, then.length);
    assert_memory_equal(now.data, then.data, now.length);
    engine_close(&line->engine);
    assert_int_equal(rename(away, path), 0);
    open_line(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, seq);
    rentbus_buffer_release(&now);
    rentbus_buffer_release(&then);
}

static void a_start_goes_on_from_a_snapshot(void **state)
{
    struct line *line = *state;
    run(line, 300);
    put_consumer(line, "c");
    for (int i = 0; i < 3; i++) {
        uint64_t seq = engine_durable(line->engine);
        write_snapshot(line, 0);
        assert_int_equal(engine_snapshot(line->engine)->seq, seq);
        assert_int_equal(engine_snapshot_begin(line->engine), -EALREADY);
        run(line, 100);
        reopen(line);
        assert_non_null(strstr(line->logged, "event=snapshot_loaded"));
        assert_int_equal(engine_snapshot(line->engine)->seq, seq);
        assert_int_equal(bus_counts(engine_bus(line->engine)).consumers, 1);
        must_be_what_the_journal_says(line);
        run(line, 100);
    }
    uint64_t first = 0;
    assert_int_equal(
        snapshot_file_newest(line->directory, engine_snapshot(line->engine)->seq - 1, &first), 0);
    assert_int_equal(first, 0);
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
            engine_command_range(line->engine, command_id(i), &seen[i].first, &seen[i].last);
}

/* Those before the snapshot from the archive. */
static void commands_are_known_behind_a_snapshot(void **state)
{
    struct line *line = *state;
    struct seen before[200] = {0};
    struct seen after[200] = {0};
    run(line, 100);
    write_snapshot(line, 0);
    run(line, 100);
    look_up(line, before);
    reopen(line);
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
    reopen(line);
    while (engine_durable(line->engine) < 200)
        run(line, 10);
    process_until(line, is_written);
    assert_in_range(engine_snapshot(line->engine)->seq, 200, engine_durable(line->engine));
    uint64_t seq = engine_snapshot(line->engine)->seq;
    while (engine_durable(line->engine) < seq + 200)
        run(line, 10);
    process_until(line, is_written);
    assert_in_range(engine_snapshot(line->engine)->seq, seq + 200, engine_durable(line->engine));
}

/* ---- what is no good ---- */

static void path_of(const struct line *line, uint64_t seq, char path[128])
{
    snprintf(path, 128, "%s/snapshot-%020lu", line->directory, seq);
}

static void read_file(const char *path, struct rentbus_buffer *out)
{
    FILE *file = fopen(path, "r");
    uint8_t bytes[4096];
    rentbus_buffer_clear(out);
    for (size_t got = 1; got;) {
        got = fread(bytes, 1, sizeof bytes, file);
        rentbus_buffer_append(out, bytes, got);
    }
    fclose(file);
}

static void write_file(const char *path, const uint8_t *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* The engine starts without the snapshot, says why, and is the same. */
static void must_be_passed_over(struct line *line, const char *why)
{
    struct rentbus_buffer now = {0};
    struct rentbus_buffer then = {0};
    print(line, &now);
    reopen(line);
    assert_non_null(strstr(line->logged, "event=snapshot_passed_over"));
    if (!strstr(line->logged, why))
        fail_msg("%s does not say %s", line->logged, why);
    assert_int_equal(engine_snapshot(line->engine)->seq, 0);
    print(line, &then);
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
    run(line, 200);
    write_snapshot(line, 0);
    path_of(line, engine_snapshot(line->engine)->seq, path);
    read_file(path, &good);
    const size_t lengths[] = {0, 10, 100, good.length / 2, good.length - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_file(path, good.data, lengths[i]);
        must_be_passed_over(line, "it ends too early");
    }
    for (size_t at = 160; at < good.length; at += good.length / 20) {
        good.data[at] ^= 1;
        write_file(path, good.data, good.length);
        must_be_passed_over(line, "reason=");
        good.data[at] ^= 1;
    }
    rentbus_buffer_append(&good, "x", 1);
    write_file(path, good.data, good.length);
    must_be_passed_over(line, "something stands behind its end");
    good.data[16]++;
    write_file(path, good.data, good.length);
    must_be_passed_over(line, "it has a format of another version");
    good.data[0]++;
    write_file(path, good.data, good.length);
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
    assert_int_equal(try_open(&other, "other"), 0);
    other.world = world_create();
    run(&other, 40);
    write_snapshot(&other, 0);
    uint64_t seq = engine_snapshot(other.engine)->seq;
    path_of(&other, seq, path);
    read_file(path, &bytes);
    run(line, 100);
    process_until(line, is_archived);
    path_of(line, seq, path);
    write_file(path, bytes.data, bytes.length);
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
    assert_int_equal(teardown(&end), 0);
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
    run(line, 50);
    engine_close(&line->engine);
    read_file(journal, &early);
    open_line(line);
    run(line, 100);
    write_snapshot(line, 0);
    path_of(line, engine_snapshot(line->engine)->seq, path);
    read_file(path, &late);
    engine_close(&line->engine);
    write_file(journal, early.data, early.length);
    open_line(line);
    assert_non_null(strstr(line->logged, "the journal ends before it"));
    uint64_t seq = engine_durable(line->engine);
    while (engine_durable(line->engine) < seq + 300)
        run(line, 50);
    process_until(line, is_archived);
    reopen(line);
    assert_non_null(strstr(line->logged, "it is of another journal"));
    write_snapshot(line, 0);
    reopen(line);
    assert_null(strstr(line->logged, "passed_over"));
    must_be_what_the_journal_says(line);
    rentbus_buffer_release(&early);
    rentbus_buffer_release(&late);
}

static void without_the_archive_all_is_replayed(void **state)
{
    struct line *line = *state;
    char archive[128];
    run(line, 100);
    write_snapshot(line, 0);
    engine_close(&line->engine);
    snprintf(archive, sizeof archive, "%s/archive.db", line->directory);
    assert_int_equal(unlink(archive), 0);
    open_line(line); /* the new archive may have come so far already */
    assert_true(strstr(line->logged, "the archive ends before it") ||
                strstr(line->logged, "event=snapshot_loaded"));
    process_until(line, is_archived);
    reopen(line);
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
    run(line, 100);
    assert_int_equal(symlink("/dev/full", part), 0);
    write_snapshot(line, -ENOSPC);
    assert_non_null(strstr(line->logged, "event=snapshot_failed"));
    assert_int_equal(snapshot_file_newest(line->directory, UINT64_MAX, &seq), 0);
    assert_int_equal(seq, 0);
    struct stat stat;
    assert_int_equal(lstat(part, &stat), -1);
    write_snapshot(line, 0);
    assert_int_equal(engine_snapshot(line->engine)->seq, engine_durable(line->engine));
    must_be_what_the_journal_says(line);
}

static void closing_gives_up(void **state)
{
    struct line *line = *state;
    run(line, 200);
    for (int i = 0; i < 10; i++) {
        struct stat stat;
        char part[128];
        snprintf(part, sizeof part, "%s/snapshot.part", line->directory);
        run(line, 5);
        int status = engine_snapshot_begin(line->engine);
        assert_true(status == 0 || status == -EALREADY);
        reopen(line);
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
    run(line, 100);
    write_snapshot(line, 0);
    path_of(line, engine_snapshot(line->engine)->seq, path);
    read_file(path, &bytes);
    snprintf(path, sizeof path, "%s/snapshot.part", line->directory);
    write_file(path, bytes.data, bytes.length / 2);
    path_of(line, 3, path);
    write_file(path, bytes.data, bytes.length / 2);
    reopen(line);
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
    run(line, 300);
    write_snapshot(line, 0);
    uint64_t seq = engine_snapshot(line->engine)->seq;
    run(line, 200);
    engine_close(&line->engine);
    snprintf(path, sizeof path, "%s/journal.db", line->directory);
    journal_fixture_sql(path, "DELETE FROM block WHERE first_seq = 1");
    open_line(line);
    assert_int_equal(engine_snapshot(line->engine)->seq, seq);
    engine_close(&line->engine);
    path_of(line, seq, path);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(try_open(line, "main"), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(try_open(line, "main"), RENTBUS_ERROR_INVALID_ARGUMENT);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
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
