/* SPDX-License-Identifier: MPL-2.0 */
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
#include "daemon/engine/state.h"
#include "daemon/ledger/snapshot.h"
#include "tests/unit/engine_line.h"

#define DEADLINE_S 60

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

int line_try(struct line *line, const char *ledger)
{
    struct engine_settings settings = {
        .directory = line->directory,
        .ledger = ledger,
        .version = "1",
        .snapshot_every = line->every,
    };
    struct engine_hooks hooks = {
        .context = line, .reply = on_bytes, .publish = on_publish, .log = on_log};
    line->logged[0] = '\0';
    return engine_open(&settings, &hooks, &line->engine, &line->fault);
}

void line_open(struct line *line)
{
    assert_int_equal(line_try(line, "main"), 0);
}

void line_reopen(struct line *line)
{
    engine_close(&line->engine);
    line_open(line);
}

int line_setup(void **state)
{
    struct line *line = calloc(1, sizeof *line);
    snprintf(line->directory, sizeof line->directory, "/tmp/test_snapshot.XXXXXX");
    line->world = world_create();
    line->random = 17;
    *state = line;
    return mkdtemp(line->directory) && line_try(line, "main") == 0 ? 0 : -1;
}

int line_teardown(void **state)
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

void line_process(struct line *line, bool (*done)(const struct line *line))
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

bool line_is_idle(const struct line *line)
{
    return engine_idle(line->engine);
}

bool line_is_archived(const struct line *line)
{
    return engine_idle(line->engine) &&
           engine_evicted(line->engine) == engine_durable(line->engine);
}

bool line_is_written(const struct line *line)
{
    return !engine_snapshot_running(line->engine);
}

struct rentbus_uuid line_command_id(unsigned number)
{
    return (struct rentbus_uuid){
        {1, 2, 3, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

/* Random commands, as they would stand in a world of their own. */
void line_run(struct line *line, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct ledger_command command = ledger_random_command(&line->random, line->world);
        struct chain_origin origin = {.has_command = true,
                                      .command = line_command_id(line->commands++)};
        struct rentbus_command_result result;
        struct rentbus_fault fault;
        origin.actor = rentbus_text("test");
        int status =
            engine_execute(line->engine, &origin, &command, line->world->now, &result, &fault);
        assert_true(status >= 0);
        world_run(line->world, &command);
    }
    line_process(line, line_is_idle);
}

void line_put_consumer(struct line *line, const char *id)
{
    struct ledger_command command = {.op = RENTBUS_OP_consumer_put};
    struct chain_origin origin = {.has_command = true,
                                  .command = line_command_id(line->commands++)};
    struct rentbus_command_result result;
    struct rentbus_fault fault;
    RENTBUS_SET(&command.args.consumer_put, consumer_put_args, id, rentbus_text(id));
    origin.actor = rentbus_text("test");
    assert_int_equal(engine_execute(line->engine, &origin, &command, NOW, &result, &fault), 0);
    line_process(line, line_is_idle);
}

void line_write_snapshot(struct line *line, int expected)
{
    assert_int_equal(engine_snapshot_begin(line->engine), 0);
    assert_int_equal(engine_snapshot_begin(line->engine), -EBUSY);
    line_process(line, line_is_written);
    assert_int_equal(engine_snapshot_status(line->engine), expected);
}

static int append(void *context, const void *data, size_t size)
{
    rentbus_buffer_append(context, data, size);
    return 0;
}

void line_print(struct line *line, struct rentbus_buffer *out)
{
    line_process(line, line_is_archived);
    rentbus_buffer_clear(out);
    assert_int_equal(ledger_snapshot_write(engine_ledger(line->engine), append, out), 0);
    ledger_print(engine_ledger(line->engine), out);
}

void line_path(const struct line *line, uint64_t seq, char path[128])
{
    snprintf(path, 128, "%s/snapshot-%020lu", line->directory, seq);
}

void line_read_file(const char *path, struct rentbus_buffer *out)
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

void line_write_file(const char *path, const uint8_t *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}
