/* SPDX-License-Identifier: MPL-2.0 */
/* The pipeline over a disk that fails on demand: what waits for what, and what comes back. */
#include <errno.h>
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

#define DEADLINE_S 30
#define COMMANDS_MAX 512
#define NOW INT64_C(1739188800000000)

enum fate { FATE_NONE, FATE_REPLIED, FATE_SERVED_AGAIN, FATE_UNAVAILABLE };

/* An engine, and what became of each command, by its number. */
struct line {
    char directory[64];
    struct engine *engine;
    enum fate fates[COMMANDS_MAX];
    uint64_t seqs[COMMANDS_MAX]; /* of the results */
    size_t pending;              /* when the last reply was given, events the disk did not have */
    uint64_t published;          /* the last seq */
    uint8_t hash[RENTBUS_HASH_SIZE]; /* and hash */
    const char *wrong; /* what a hook saw: it must not leave the engine by a failure */
};

static struct rentbus_uuid command_of(unsigned number)
{
    struct rentbus_uuid command = {{0x01, (uint8_t)(number >> 8), (uint8_t)number, 1}};
    return command;
}

static unsigned number_of(struct rentbus_uuid command)
{
    return (unsigned)command.bytes[1] << 8 | command.bytes[2];
}

static void settle(struct line *line, unsigned number, enum fate fate)
{
    if (number >= COMMANDS_MAX || line->fates[number] != FATE_NONE)
        line->wrong = "a reply too many";
    else
        line->fates[number] = fate;
}

static void expect_body(struct line *line, struct rentbus_bytes body, const char *expected)
{
    if (body.length < strlen(expected) || memcmp(body.data, expected, strlen(expected)) != 0)
        line->wrong = "another body";
}

static void on_reply(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct line *line = context;
    unsigned number = COMMANDS_MAX;
    line->pending = engine_savepoint(line->engine).count;
    if (route.length == sizeof number)
        memcpy(&number, route.data, sizeof number);
    expect_body(context, body, "reply");
    settle(context, number, FATE_REPLIED);
}

static void on_request(void *context, const struct waiting *request)
{
    expect_body(context, request->body, "request");
    settle(context, number_of(request->id), FATE_SERVED_AGAIN);
}

static void on_unavailable(void *context, struct rentbus_bytes route, struct rentbus_uuid id)
{
    (void)route;
    settle(context, number_of(id), FATE_UNAVAILABLE);
}

static void on_publish(void *context, struct rentbus_text type, struct rentbus_bytes bytes)
{
    struct line *line = context;
    struct rentbus_event event;
    struct rentbus_fault fault;
    uint8_t hash[RENTBUS_HASH_SIZE];
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_STRICT, &event, &fault) ||
        !rentbus_text_equal(type, event.type) ||
        (line->published && event.seq != line->published + 1))
        line->wrong = "another event";
    else if (line->published && (chain_hash(line->hash, bytes, hash) ||
                                 memcmp(hash, event.hash.data, sizeof hash) != 0))
        line->wrong = "another hash";
    line->published = event.seq;
    memcpy(line->hash, event.hash.data, sizeof line->hash);
}

static void on_log(void *context, int priority, const char *pairs)
{
    (void)priority;
    if (!strstr(pairs, "event="))
        ((struct line *)context)->wrong = "a line without an event";
}

static int open_engine(struct line *line)
{
    struct engine_settings settings = {line->directory, "main", "1.0"};
    struct engine_hooks hooks = {.context = line,
                                 .reply = on_reply,
                                 .request = on_request,
                                 .unavailable = on_unavailable,
                                 .publish = on_publish,
                                 .log = on_log};
    struct rentbus_fault fault;
    return engine_open(&settings, &hooks, &line->engine, &fault);
}

static int setup(void **state)
{
    struct line *line = calloc(1, sizeof *line);
    fault_vfs_install();
    snprintf(line->directory, sizeof line->directory, "/tmp/test_engine.XXXXXX");
    *state = line;
    return mkdtemp(line->directory) && open_engine(line) == 0 ? 0 : -1;
}

static void remove_files(const struct line *line)
{
    static const char *const names[] = {"journal.db", "archive.db", "cursors.db"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[128];
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            snprintf(path, sizeof path, "%s/%s%s", line->directory, names[i], ends[j]);
            unlink(path);
        }
}

static int teardown(void **state)
{
    struct line *line = *state;
    fault_vfs_plan((struct fault_plan){0});
    engine_close(&line->engine);
    engine_close(&line->engine);
    fault_vfs_uninstall();
    remove_files(line);
    int status = rmdir(line->directory);
    free(line);
    return status;
}

static time_t now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* Processes until the condition holds. */
static void process_until(struct line *line, bool (*done)(const struct line *line))
{
    struct pollfd event = {.fd = engine_fd(line->engine), .events = POLLIN};
    time_t deadline = now_s() + DEADLINE_S;
    for (;;) {
        engine_process(line->engine);
        if (line->wrong)
            fail_msg("%s", line->wrong);
        if (done(line))
            return;
        assert_true(now_s() < deadline);
        poll(&event, 1, 20);
    }
}

static bool is_idle(const struct line *line)
{
    return engine_idle(line->engine);
}

static struct waiting waiting_of(const unsigned *number, enum waiting_kind kind)
{
    const char *body = kind == WAITING_REPLY ? "reply" : "request";
    struct waiting waiting = {.kind = kind, .id = command_of(*number)};
    waiting.route = (struct rentbus_bytes){(const uint8_t *)number, sizeof *number};
    waiting.body = (struct rentbus_bytes){(const uint8_t *)body, strlen(body)};
    return waiting;
}

/* Puts a user of that number and leaves the reply with the engine; the status. */
static int put(struct line *line, unsigned number)
{
    char id[16];
    snprintf(id, sizeof id, "u%u", number);
    struct ledger_command command = {.op = RENTBUS_OP_user_put};
    RENTBUS_SET(&command.args.user_put, user, id, rentbus_text(id));
    struct chain_origin origin = {.has_command = true, .command = command_of(number)};
    origin.actor = rentbus_text("test");
    struct rentbus_command_result result;
    struct rentbus_fault fault;
    int status = engine_execute(line->engine, &origin, &command, NOW, &result, &fault);
    if (status)
        return status;
    line->seqs[number] = result.seq;
    struct waiting waiting = waiting_of(&number, WAITING_REPLY);
    assert_int_equal(engine_reply(line->engine, &waiting), 0);
    return 0;
}

static int find(struct line *line, unsigned number, uint64_t *seq)
{
    struct rentbus_command_result result;
    int seen = engine_command_find(line->engine, command_of(number), &result);
    if (seen == ENGINE_DURABLE)
        *seq = result.seq;
    return seen;
}

static bool has_user(const struct line *line, unsigned number)
{
    char id[16];
    struct rentbus_user user;
    snprintf(id, sizeof id, "u%u", number);
    return ledger_user_get(engine_ledger(line->engine), rentbus_text(id), &user);
}

static void test_nothing_leaves_before_it_is_durable(void **state)
{
    struct line *line = *state;
    uint64_t seq = 0;
    unsigned again = 200;
    assert_int_equal(engine_hello(line->engine, NOW), 0);
    assert_int_equal(line->published, 1);
    for (unsigned number = 0; number < 100; number++)
        assert_int_equal(put(line, number), 0);
    struct waiting request = waiting_of(&again, WAITING_REQUEST);
    assert_int_equal(engine_reply(line->engine, &request), 0);
    for (unsigned number = 0; number < 100; number++) {
        assert_int_equal(line->fates[number], FATE_NONE);
        assert_int_equal(find(line, number, &seq), ENGINE_PENDING);
        assert_true(has_user(line, number));
    }
    assert_int_equal(line->fates[again], FATE_NONE);
    assert_int_equal(line->published, 1);
    assert_int_equal(engine_durable(line->engine), 1);
    process_until(line, is_idle);
    for (unsigned number = 0; number < 100; number++) {
        assert_int_equal(line->fates[number], FATE_REPLIED);
        assert_int_equal(find(line, number, &seq), ENGINE_DURABLE);
        assert_int_equal(seq, number + 2);
    }
    assert_int_equal(line->fates[again], FATE_SERVED_AGAIN);
    assert_int_equal(line->published, 101);
    assert_int_equal(engine_commits(line->engine), 2);
    unsigned read = 201;
    struct waiting reply = waiting_of(&read, WAITING_REPLY);
    assert_int_equal(engine_reply(line->engine, &reply), 0);
    assert_int_equal(line->fates[read], FATE_REPLIED);
}

static bool is_first_replied(const struct line *line)
{
    return line->fates[1] == FATE_REPLIED;
}

static void test_the_disk_does_not_wait(void **state)
{
    struct line *line = *state;
    struct pollfd event = {.fd = engine_fd(line->engine), .events = POLLIN};
    time_t deadline = now_s() + DEADLINE_S;
    assert_false(engine_ready(line->engine));
    assert_int_equal(put(line, 1), 0);
    assert_true(engine_ready(line->engine));
    engine_process(line->engine);
    assert_int_equal(put(line, 2), 0);
    while (!engine_ready(line->engine) && now_s() < deadline)
        poll(&event, 1, 20);
    assert_true(engine_ready(line->engine));
    line->pending = 1;
    process_until(line, is_first_replied);
    assert_int_equal(line->pending, 0);
    process_until(line, is_idle);
    assert_int_equal(engine_commits(line->engine), 2);
    assert_false(engine_ready(line->engine));
}

static void seal_some_ahead(struct line *line)
{
    time_t deadline = now_s() + DEADLINE_S;
    while (!engine_seal_ahead(line->engine))
        assert_true(now_s() < deadline);
}

/* Events are sealed while those before them are written, and while more come. */
static void test_sealing_ahead(void **state)
{
    struct line *line = *state;
    assert_false(engine_seal_ahead(line->engine));
    for (unsigned number = 1; number < 200; number++)
        assert_int_equal(put(line, number), 0);
    engine_process(line->engine);
    assert_int_equal(engine_commits(line->engine), 0);
    for (unsigned number = 200; number < 230; number++)
        assert_int_equal(put(line, number), 0);
    seal_some_ahead(line);
    for (unsigned number = 230; number < 260; number++)
        assert_int_equal(put(line, number), 0);
    while (engine_seal_ahead(line->engine))
        continue;
    for (unsigned number = 260; number < 262; number++)
        assert_int_equal(put(line, number), 0);
    process_until(line, is_idle);
    assert_int_equal(line->published, 261);
    assert_int_equal(line->published, engine_durable(line->engine));
}

static void test_closing_replies_to_what_was_taken(void **state)
{
    struct line *line = *state;
    uint64_t seq;
    for (unsigned number = 0; number < 10; number++)
        assert_int_equal(put(line, number), 0);
    engine_process(line->engine); /* a commit is in flight, and more waits for the next */
    for (unsigned number = 10; number < 20; number++)
        assert_int_equal(put(line, number), 0);
    engine_close(&line->engine);
    for (unsigned number = 0; number < 20; number++)
        assert_int_equal(line->fates[number], FATE_REPLIED);
    assert_int_equal(open_engine(line), 0);
    for (unsigned number = 0; number < 20; number++) {
        assert_int_equal(find(line, number, &seq), ENGINE_DURABLE);
        assert_int_equal(seq, line->seqs[number]);
    }
}

static bool is_recovered(const struct line *line)
{
    struct line *changed = (struct line *)(uintptr_t)line;
    return line->fates[2] == FATE_UNAVAILABLE && put(changed, 400) == 0;
}

/* Whoever waits is told, the ledger forgets, and all goes on when the disk does. */
static void check_failure(struct line *line, struct fault_plan plan)
{
    uint64_t seq;
    assert_int_equal(put(line, 1), 0);
    process_until(line, is_idle);
    plan.path = "journal";
    fault_vfs_plan(plan);
    assert_int_equal(put(line, 2), 0);
    engine_process(line->engine);
    assert_int_equal(put(line, 3), 0);
    seal_some_ahead(line);
    struct pollfd event = {.fd = engine_fd(line->engine), .events = POLLIN};
    while (line->fates[2] == FATE_NONE && poll(&event, 1, DEADLINE_S * 1000) > 0)
        engine_process(line->engine);
    assert_int_equal(line->fates[2], FATE_UNAVAILABLE);
    assert_int_equal(line->fates[3], FATE_UNAVAILABLE);
    assert_int_equal(line->published, 1);
    assert_true(has_user(line, 1));
    assert_false(has_user(line, 2) || has_user(line, 3));
    assert_int_equal(find(line, 1, &seq), ENGINE_DURABLE);
    assert_int_equal(find(line, 2, &seq), ENGINE_NEW);
    assert_int_equal(put(line, 4), RENTBUS_ERROR_UNAVAILABLE);
    fault_vfs_plan((struct fault_plan){0});
    process_until(line, is_recovered);
    process_until(line, is_idle);
    assert_int_equal(line->fates[400], FATE_REPLIED);
    bool came_back = find(line, 2, &seq) == ENGINE_DURABLE;
    assert_int_equal(has_user(line, 2), came_back);
    assert_int_equal(find(line, 3, &seq), ENGINE_NEW);
    assert_int_equal(line->published, engine_durable(line->engine));
    assert_int_equal(line->published, came_back ? 3 : 2);
}

static void test_a_write_that_fails(void **state)
{
    check_failure(*state, (struct fault_plan){.write = 1, .lasting = true});
}

static void test_a_sync_that_fails(void **state)
{
    check_failure(*state, (struct fault_plan){.sync = 1, .lasting = true});
}

static void test_a_full_disk(void **state)
{
    check_failure(*state, (struct fault_plan){.has_room = true, .room = 0});
}

/* Commands until the power goes, at the n-th write, sync or truncation of the journal. */
static bool run_until_dark(struct line *line, uint64_t n)
{
    memset(line->fates, 0, sizeof line->fates);
    line->published = 0;
    fault_vfs_plan((struct fault_plan){.path = "journal", .cut = n});
    for (unsigned number = 1; number < 40 && !fault_vfs_fired(); number++) {
        if (put(line, number))
            break;
        engine_process(line->engine);
        if (number % 7 == 0) {
            struct pollfd event = {.fd = engine_fd(line->engine), .events = POLLIN};
            poll(&event, 1, 1000);
            engine_process(line->engine);
        }
    }
    engine_close(&line->engine);
    return fault_vfs_fired();
}

/* What was replied or published before a power cut is there behind it, whatever the disk lost. */
static void test_power_cuts(void **state)
{
    struct line *line = *state;
    bool fired = true;
    unsigned replied = 0;
    for (uint64_t n = 1; fired && n < 200; n++) {
        fired = run_until_dark(line, n);
        fault_vfs_lose_unsynced(n, n % 2 == 0);
        fault_vfs_plan((struct fault_plan){0});
        uint64_t published = line->published;
        assert_int_equal(open_engine(line), 0);
        assert_true(engine_durable(line->engine) >= published);
        for (unsigned number = 1; number < 40; number++) {
            uint64_t seq = 0;
            bool known = find(line, number, &seq) == ENGINE_DURABLE;
            if (line->fates[number] == FATE_REPLIED) {
                assert_true(known);
                assert_int_equal(seq, line->seqs[number]);
                replied++;
            }
            assert_int_equal(has_user(line, number), known);
        }
        engine_close(&line->engine);
        remove_files(line);
        assert_int_equal(open_engine(line), 0);
    }
    assert_false(fired);
    assert_true(replied > 100);
}

static void test_full(void **state)
{
    struct line *line = *state;
    static uint8_t body[1 << 20];
    unsigned number = 0;
    assert_false(engine_full(line->engine));
    assert_int_equal(put(line, 1), 0);
    for (number = 2; number < 100 && !engine_full(line->engine); number++) {
        struct waiting waiting = waiting_of(&number, WAITING_REQUEST);
        waiting.body = (struct rentbus_bytes){body, sizeof body};
        memcpy(body, "request", 7);
        waiting.kind = WAITING_REQUEST;
        assert_int_equal(engine_reply(line->engine, &waiting), 0);
    }
    assert_true(engine_full(line->engine));
    assert_int_equal(number, 2 + ENGINE_PENDING_BYTES_MAX / sizeof body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_leaves_before_it_is_durable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_disk_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sealing_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closing_replies_to_what_was_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_write_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_sync_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_power_cuts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
