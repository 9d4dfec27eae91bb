/* SPDX-License-Identifier: MPL-2.0 */
/* An archive that does not come after: what memory holds for it is bounded, commands are told to
 * wait, and reads go on. */
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
#include "tests/unit/fault_vfs.h"

#define DEADLINE_S 60
#define NOW INT64_C(1739188800000000)
#define BEHIND_MAX 200

struct desk {
    char directory[64];
    struct engine *engine;
    uint32_t commands;
    uint64_t published;
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
    (void)type;
    (void)event;
    ((struct desk *)context)->published++;
}

static void on_log(void *context, int priority, const char *pairs)
{
    (void)context;
    (void)priority;
    (void)pairs;
}

static int open_engine(struct desk *desk)
{
    struct engine_settings settings = {
        .directory = desk->directory,
        .ledger = "main",
        .version = "1.0",
        .unarchived_max = BEHIND_MAX,
    };
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
    fault_vfs_install();
    snprintf(desk->directory, sizeof desk->directory, "/tmp/test_engine_behind.XXXXXX");
    *state = desk;
    return mkdtemp(desk->directory) && open_engine(desk) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"journal.db", "archive.db", "cursors.db"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct desk *desk = *state;
    char path[128];
    fault_vfs_plan((struct fault_plan){0});
    engine_close(&desk->engine);
    fault_vfs_uninstall();
    for (size_t i = 0; i < 9; i++) {
        snprintf(path, sizeof path, "%s/%s%s", desk->directory, names[i / 3], ends[i % 3]);
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

static uint64_t head(const struct desk *desk)
{
    return ledger_head(engine_ledger(desk->engine));
}

/* Processes until nothing waits for the disk, or until the archive has come up to the ledger. */
static void process(struct desk *desk, bool until_archived)
{
    struct pollfd event = {.fd = engine_fd(desk->engine), .events = POLLIN};
    time_t deadline = now_s() + DEADLINE_S;
    engine_process(desk->engine);
    while (!engine_idle(desk->engine) ||
           (until_archived && engine_archived(desk->engine) < head(desk))) {
        assert_true(now_s() < deadline);
        poll(&event, 1, 20);
        engine_process(desk->engine);
    }
}

/* Takes the command under a new id. 0, or a refusal with *fault. */
static int take(struct desk *desk, const struct ledger_command *command,
                struct rentbus_fault *fault)
{
    struct chain_origin origin = {.has_command = true, .actor = rentbus_text("test")};
    struct rentbus_command_result result = {0};
    uint32_t number = ++desk->commands;
    origin.command.bytes[0] = 1;
    for (size_t i = 0; i < 4; i++)
        origin.command.bytes[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    int status = engine_execute(desk->engine, &origin, command, NOW, &result, fault);
    process(desk, false);
    return status;
}

static void put_things(struct desk *desk)
{
    struct rentbus_fault fault = {0};
    struct ledger_command user = {.op = RENTBUS_OP_user_put};
    struct ledger_command asset = {.op = RENTBUS_OP_asset_put};
    RENTBUS_SET(&user.args.user_put, user_put_args, id, rentbus_text("ada"));
    RENTBUS_SET(&asset.args.asset_put, asset_put_args, id, rentbus_text("mug-1"));
    RENTBUS_SET(&asset.args.asset_put, asset_put_args, asset_type, rentbus_text("mug"));
    assert_int_equal(take(desk, &user, &fault), 0);
    assert_int_equal(take(desk, &asset, &fault), 0);
}

/* A checkout and a return, one after the other. */
static int scan(struct desk *desk, bool checkout, struct rentbus_fault *fault)
{
    struct ledger_command command = {.op = checkout ? RENTBUS_OP_rental_checkout
                                                    : RENTBUS_OP_rental_return};
    command.args.scan = (struct ledger_scan){.user_id = rentbus_text("ada"),
                                             .asset_id = rentbus_text("mug-1"),
                                             .location_id = rentbus_text("desk"),
                                             .occurred_at = NOW};
    return take(desk, &command, fault);
}

/* Scans until one is refused. Returns what the refusal was. */
static int scan_until_refused(struct desk *desk, struct rentbus_fault *fault)
{
    int status = 0;
    for (int i = 0; status == 0; i++) {
        assert_in_range(i, 0, BEHIND_MAX);
        status = scan(desk, i % 2 == 0, fault);
    }
    return status;
}

static void check_told_to_wait(struct desk *desk)
{
    struct rentbus_fault fault = {0};
    uint64_t archived = engine_archived(desk->engine);
    assert_int_equal(scan_until_refused(desk, &fault), RENTBUS_ERROR_BUSY);
    assert_int_equal(fault.code, RENTBUS_ERROR_BUSY);
    assert_in_range(fault.retry_after_ms, 1, 10000);
    /* The last command that was taken may have gone beyond. */
    assert_in_range(head(desk) - archived, BEHIND_MAX, BEHIND_MAX + 2);
}

static void test_commands_wait_for_a_full_archive_disk(void **state)
{
    struct desk *desk = *state;
    struct rentbus_fault fault = {0};
    struct rentbus_user user;

    put_things(desk);
    process(desk, true);
    fault_vfs_plan((struct fault_plan){.path = "archive", .has_room = true});
    check_told_to_wait(desk);
    uint64_t refused_at = head(desk);
    uint64_t published = desk->published;
    struct ledger_counts counts = ledger_counts(engine_ledger(desk->engine));
    assert_in_range(counts.closed_in_memory, BEHIND_MAX / 5, BEHIND_MAX / 2);
    for (int i = 0; i < 20; i++)
        assert_int_equal(scan(desk, true, &fault), RENTBUS_ERROR_BUSY);
    assert_int_equal(head(desk), refused_at);
    assert_int_equal(desk->published, published);
    assert_int_equal(engine_durable(desk->engine), refused_at);
    assert_true(ledger_user_get(engine_ledger(desk->engine), rentbus_text("ada"), &user));

    fault_vfs_plan((struct fault_plan){0});
    process(desk, true);
    assert_int_equal(ledger_counts(engine_ledger(desk->engine)).closed_in_memory, 0);
    assert_int_equal(scan(desk, true, &fault), 0);
}

/* What publishes and what previews: the first waits, the second records nothing. */
static void test_publications_wait_and_previews_do_not(void **state)
{
    struct desk *desk = *state;
    struct rentbus_fault fault = {0};
    struct rentbus_command_result result = {0};
    struct chain_origin origin = {.has_command = true, .command = {{9}}};
    struct ledger_command command = {.op = RENTBUS_OP_user_put};

    put_things(desk);
    process(desk, true);
    fault_vfs_plan((struct fault_plan){.path = "archive", .has_room = true});
    check_told_to_wait(desk);
    assert_int_equal(engine_publish(desk->engine, &origin, &(struct engine_publication){0}, NOW,
                                    &result, &fault),
                     RENTBUS_ERROR_BUSY);
    RENTBUS_SET(&command.args.user_put, user_put_args, id, rentbus_text("bob"));
    assert_int_equal(engine_preview(desk->engine, &command, NOW, &result, &fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commands_wait_for_a_full_archive_disk, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_publications_wait_and_previews_do_not, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
