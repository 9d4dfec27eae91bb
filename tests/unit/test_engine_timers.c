/* SPDX-License-Identifier: MPL-2.0 */
/* What the engine does beside plain commands, by a clock of the test's: timers, dry runs, and going
 * back to a savepoint. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/engine/engine.h"
#include "sdk/protocol/text.h"

#define DEADLINE_S 60
#define NOW INT64_C(1739188800000000)
#define EXPIRES (NOW + INT64_C(3600000000))

struct desk {
    char directory[64];
    struct engine *engine;
    uint32_t commands;
    uint64_t published; /* events */
};

static void on_reply(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    (void)context;
    (void)route;
    (void)body;
}

static void on_request(void *context, const struct waiting *request)
{
    (void)context;
    (void)request;
}

static void on_unavailable(void *context, struct rentbus_bytes route, struct rentbus_uuid id)
{
    (void)context;
    (void)route;
    (void)id;
}

static void on_publish(void *context, struct rentbus_text type, struct rentbus_bytes event)
{
    struct desk *desk = context;
    (void)type;
    (void)event;
    desk->published++;
}

static void on_log(void *context, int priority, const char *pairs)
{
    (void)context;
    (void)priority;
    (void)pairs;
}

static int open_engine(struct desk *desk)
{
    struct engine_settings settings = {desk->directory, "main", "1.0"};
    struct engine_hooks hooks = {.context = desk,
                                 .reply = on_reply,
                                 .request = on_request,
                                 .unavailable = on_unavailable,
                                 .publish = on_publish,
                                 .log = on_log};
    struct rentbus_fault fault;
    return engine_open(&settings, &hooks, &desk->engine, &fault);
}

static int setup(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    snprintf(desk->directory, sizeof desk->directory, "/tmp/test_engine_timers.XXXXXX");
    *state = desk;
    return mkdtemp(desk->directory) && open_engine(desk) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"cursors.db", "cursors.db-wal", "cursors.db-shm",
                                        "journal.db", "journal.db-wal", "journal.db-shm",
                                        "archive.db", "archive.db-wal", "archive.db-shm"};
    struct desk *desk = *state;
    char path[128];
    engine_close(&desk->engine);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", desk->directory, names[i]);
        unlink(path);
    }
    int status = rmdir(desk->directory);
    free(desk);
    return status;
}

static time_t now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* Processes until nothing waits for the disk. */
static void process(struct desk *desk)
{
    struct pollfd event = {.fd = engine_fd(desk->engine), .events = POLLIN};
    time_t deadline = now_s() + DEADLINE_S;
    engine_process(desk->engine);
    while (!engine_idle(desk->engine)) {
        assert_true(now_s() < deadline);
        poll(&event, 1, 20);
        engine_process(desk->engine);
    }
}

static uint64_t head(const struct desk *desk)
{
    return ledger_head(engine_ledger(desk->engine));
}

static struct rentbus_uuid command_of(uint32_t number)
{
    struct rentbus_uuid command = {{1}};
    memcpy(command.bytes + 8, &number, sizeof number);
    return command;
}

/* Takes the command under the next id, which is returned. */
static uint32_t take(struct desk *desk, const struct ledger_command *command)
{
    struct chain_origin origin = {.has_command = true, .command = command_of(++desk->commands)};
    origin.actor = rentbus_text("test");
    struct rentbus_command_result result;
    struct rentbus_fault fault;
    assert_int_equal(engine_execute(desk->engine, &origin, command, NOW, &result, &fault), 0);
    return desk->commands;
}

static struct ledger_command user_put(const char *id)
{
    struct ledger_command command = {.op = RENTBUS_OP_user_put};
    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text(id));
    return command;
}

static uint32_t put_user(struct desk *desk, const char *id)
{
    struct ledger_command command = user_put(id);
    return take(desk, &command);
}

static void put_asset(struct desk *desk, const char *id)
{
    struct ledger_command command = {.op = RENTBUS_OP_asset_put};
    RENTBUS_SET(&command.args.asset_put, asset_put_args, id, rentbus_text(id));
    RENTBUS_SET(&command.args.asset_put, asset_put_args, asset_type, rentbus_text("mug"));
    take(desk, &command);
}

/* An open rental of the asset, of the same id, that runs out at EXPIRES. */
static void import(struct desk *desk, const char *id)
{
    struct ledger_command command = {.op = RENTBUS_OP_admin_import};
    struct rentbus_import_args *args = &command.args.admin_import;
    struct rentbus_ids eligible = {1, {rentbus_text("mug")}};
    RENTBUS_SET(args, import_args, id, rentbus_text(id));
    RENTBUS_SET(args, import_args, status, RENTBUS_STATUS_IN_PROGRESS);
    RENTBUS_SET(args, import_args, user_id, rentbus_text("ada"));
    RENTBUS_SET(args, import_args, asset_id, rentbus_text(id));
    RENTBUS_SET(args, import_args, created_at, NOW - 1);
    RENTBUS_SET(args, import_args, expires_at, EXPIRES);
    RENTBUS_SET(args, import_args, eligible_asset_types, eligible);
    RENTBUS_SET(args, import_args, created_at_location_id, rentbus_text("l"));
    take(desk, &command);
}

static void fill(struct desk *desk, unsigned rentals)
{
    char id[16];
    put_user(desk, "ada");
    for (unsigned i = 0; i < rentals; i++) {
        snprintf(id, sizeof id, "m%u", i);
        put_asset(desk, id);
        import(desk, id);
    }
    process(desk);
}

static void timers_are_exact(void **state)
{
    struct desk *desk = *state;
    assert_true(engine_timer(desk->engine) == INT64_MAX);
    fill(desk, 1);
    uint64_t before = head(desk);
    assert_true(engine_timer(desk->engine) == EXPIRES + 1);
    engine_timers(desk->engine, EXPIRES);
    assert_int_equal(head(desk), before);
    engine_timers(desk->engine, EXPIRES + 1);
    assert_int_equal(head(desk), before + 1);
    assert_true(engine_timer(desk->engine) == INT64_MAX);
    engine_timers(desk->engine, EXPIRES + 2);
    process(desk);
    assert_int_equal(desk->published, before + 1);
    engine_close(&desk->engine);
    assert_int_equal(open_engine(desk), 0);
    assert_int_equal(head(desk), before + 1);
    assert_true(engine_timer(desk->engine) == INT64_MAX);
}

/* So that commands find room between them. */
/* So many events come in whole decisions. */
static uint64_t whole(uint64_t events)
{
    return (events + LEDGER_DECISION_MAX - 1) / LEDGER_DECISION_MAX * LEDGER_DECISION_MAX;
}

static void many_timers_come_in_rounds(void **state)
{
    const uint64_t round = whole(ENGINE_TIMERS_ROUND);
    const uint64_t most = whole(ENGINE_TIMERS_PENDING_MAX);
    const unsigned count = ENGINE_TIMERS_PENDING_MAX + 3 * ENGINE_TIMERS_ROUND / 2;
    const int64_t now = EXPIRES + 5;
    struct desk *desk = *state;
    fill(desk, count);
    uint64_t before = head(desk);
    for (uint64_t taken = 0; taken < most;) {
        taken = taken + round < most ? taken + round : most;
        assert_true(engine_timer(desk->engine) <= now);
        engine_timers(desk->engine, now);
        assert_int_equal(head(desk), before + taken);
    }
    assert_true(engine_timer(desk->engine) == INT64_MAX);
    engine_timers(desk->engine, now);
    assert_int_equal(head(desk), before + most);
    assert_false(engine_full(desk->engine));
    process(desk);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(engine_timer(desk->engine) <= now);
        engine_timers(desk->engine, now);
    }
    assert_int_equal(head(desk), before + count);
    assert_true(engine_timer(desk->engine) == INT64_MAX);
    process(desk);
    assert_int_equal(desk->published, before + count);
}

static void a_dry_run_leaves_no_trace(void **state)
{
    struct desk *desk = *state;
    struct ledger_command command = user_put("ada");
    struct rentbus_command_result result;
    struct rentbus_preview preview;
    struct rentbus_fault fault;
    size_t position = 0;
    put_user(desk, "bob");
    uint64_t digest = ledger_digest(engine_ledger(desk->engine));
    assert_int_equal(engine_preview(desk->engine, &command, NOW, &result, &fault), 0);
    assert_true(RENTBUS_HAS(&result, command_result, dry_run) && result.dry_run);
    assert_int_equal(result.seq, 1);
    assert_int_equal(result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_int_equal(result.events.count, 1);
    assert_int_equal(
        rentbus_list_next(&result.events, &rentbus_preview_schema, &position, &preview), 1);
    assert_true(rentbus_text_equal(preview.type, rentbus_text("USER_CREATED_EVENT")));
    assert_true(rentbus_text_equal(preview.subject, rentbus_text("ada")));
    assert_int_equal(head(desk), 1);
    assert_true(ledger_digest(engine_ledger(desk->engine)) == digest);
    process(desk);
    assert_int_equal(desk->published, 1);
}

static void a_savepoint_is_gone_back_to(void **state)
{
    struct desk *desk = *state;
    struct rentbus_command_result result;
    put_user(desk, "ada");
    put_asset(desk, "m1");
    uint64_t digest = ledger_digest(engine_ledger(desk->engine));
    struct engine_savepoint savepoint = engine_savepoint(desk->engine);
    import(desk, "m1");
    uint32_t lost = put_user(desk, "bob");
    engine_rollback(desk->engine, &savepoint);
    assert_int_equal(head(desk), 2);
    assert_true(ledger_digest(engine_ledger(desk->engine)) == digest);
    assert_true(engine_timer(desk->engine) == INT64_MAX);
    assert_int_equal(engine_command_find(desk->engine, command_of(lost), &result), ENGINE_NEW);
    engine_rollback(desk->engine, &savepoint);
    put_user(desk, "cy");
    process(desk);
    assert_int_equal(desk->published, 3);
    digest = ledger_digest(engine_ledger(desk->engine));
    engine_close(&desk->engine);
    assert_int_equal(open_engine(desk), 0);
    assert_int_equal(head(desk), 3);
    assert_true(ledger_digest(engine_ledger(desk->engine)) == digest);
    assert_int_equal(engine_command_find(desk->engine, command_of(lost), &result), ENGINE_NEW);
}

/* The first of a batch: nothing is left to commit. */
static void everything_is_gone_back_from(void **state)
{
    struct desk *desk = *state;
    struct engine_savepoint savepoint = engine_savepoint(desk->engine);
    put_user(desk, "ada");
    engine_rollback(desk->engine, &savepoint);
    assert_true(engine_idle(desk->engine));
    process(desk);
    assert_int_equal(desk->published, 0);
    put_user(desk, "ada");
    process(desk);
    assert_int_equal(desk->published, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_are_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(many_timers_come_in_rounds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dry_run_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(a_savepoint_is_gone_back_to, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_is_gone_back_from, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
