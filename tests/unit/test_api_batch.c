/* SPDX-License-Identifier: MPL-2.0 */
/* A batch that comes when the archive is too far behind: it is told to wait as a whole, and sent
 * again it does each of its commands once. */
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

#include "daemon/api/api.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "tests/unit/fault_vfs.h"

#define DEADLINE_S 60
#define NOW INT64_C(1739188800000000)
#define BEHIND_MAX 100
#define COMMANDS 300

struct desk {
    char directory[64];
    struct api *api;
    uint8_t request;
    bool answered;
    struct rentbus_buffer reply;
};

static void on_send(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct desk *desk = context;
    (void)route;
    assert_false(desk->answered);
    desk->answered = true;
    rentbus_buffer_clear(&desk->reply);
    rentbus_buffer_append(&desk->reply, body.data, body.length);
}

static void on_publish(void *context, struct rentbus_text type, struct rentbus_bytes event)
{
    (void)context;
    (void)type;
    (void)event;
}

static void on_log(void *context, int priority, const char *pairs)
{
    (void)context;
    (void)priority;
    (void)pairs;
}

static int64_t on_now(void *context)
{
    (void)context;
    return NOW;
}

static int setup(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct rentbus_fault fault;
    fault_vfs_install();
    snprintf(desk->directory, sizeof desk->directory, "/tmp/test_api_batch.XXXXXX");
    *state = desk;
    if (!mkdtemp(desk->directory))
        return -1;
    struct api_settings settings = {
        .engine = {.directory = desk->directory,
                   .ledger = "main",
                   .version = "1.0",
                   .unarchived_max = BEHIND_MAX},
        .send = on_send,
        .publish = on_publish,
        .log = on_log,
        .now = on_now,
        .context = desk,
    };
    return api_open(&settings, &desk->api, &fault);
}

static int teardown(void **state)
{
    static const char *const names[] = {"journal.db", "archive.db", "cursors.db"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct desk *desk = *state;
    char path[128];
    fault_vfs_plan((struct fault_plan){0});
    api_close(&desk->api);
    fault_vfs_uninstall();
    for (size_t i = 0; i < 9; i++) {
        snprintf(path, sizeof path, "%s/%s%s", desk->directory, names[i / 3], ends[i % 3]);
        unlink(path);
    }
    int status = rmdir(desk->directory);
    rentbus_buffer_release(&desk->reply);
    free(desk);
    return status;
}

static void turn(struct desk *desk, time_t end)
{
    struct pollfd event = {.fd = api_fd(desk->api), .events = POLLIN};
    assert_true(time(NULL) < end);
    poll(&event, 1, 20);
    api_process(desk->api);
}

/* Sends a request and waits for its reply, which is good until the next. */
static struct rentbus_reply ask(struct desk *desk, enum rentbus_op op, const void *args)
{
    struct rentbus_buffer encoded = {0};
    struct rentbus_buffer bytes = {0};
    struct rentbus_request request = {0};
    struct rentbus_reply reply;
    struct rentbus_fault fault;
    time_t end = time(NULL) + DEADLINE_S;
    rentbus_encode(rentbus_op_rows[op].args, args, &encoded);
    RENTBUS_SET(&request, request, v, RENTBUS_PROTOCOL_VERSION);
    RENTBUS_SET(&request, request, id, ((struct rentbus_uuid){{2, ++desk->request}}));
    RENTBUS_SET(&request, request, op, rentbus_text(rentbus_op_rows[op].wire));
    RENTBUS_SET(&request, request, args, ((struct rentbus_bytes){encoded.data, encoded.length}));
    rentbus_encode(&rentbus_request_schema, &request, &bytes);
    struct api_message message = {
        .route = {(const uint8_t *)"r", 1},
        .actor = {(const uint8_t *)"uid:1", 5},
        .body = {bytes.data, bytes.length},
    };
    desk->answered = false;
    api_handle(desk->api, &message);
    while (!desk->answered)
        turn(desk, end);
    rentbus_buffer_release(&encoded);
    rentbus_buffer_release(&bytes);
    assert_int_equal(rentbus_decode(&rentbus_reply_schema,
                                    (struct rentbus_bytes){desk->reply.data, desk->reply.length},
                                    RENTBUS_STRICT, &reply, &fault),
                     0);
    return reply;
}

static struct rentbus_stats_result stats(struct desk *desk)
{
    struct rentbus_stats_args args = {0};
    struct rentbus_stats_result stats;
    struct rentbus_fault fault;
    struct rentbus_reply reply = ask(desk, RENTBUS_OP_stats, &args);
    assert_true(reply.ok);
    assert_int_equal(
        rentbus_decode(&rentbus_stats_result_schema, reply.result, RENTBUS_LENIENT, &stats, &fault),
        0);
    return stats;
}

/* Puts a user with each of its commands. */
static void make_batch(bool atomic, struct rentbus_batch_args *args,
                       struct rentbus_buffer *commands)
{
    struct rentbus_buffer encoded = {0};
    for (unsigned i = 0; i < COMMANDS; i++) {
        char user[16];
        struct rentbus_user_put_args put = {0};
        struct rentbus_batch_command command = {0};
        struct rentbus_uuid id = {{1, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
        snprintf(user, sizeof user, "user-%u", i);
        RENTBUS_SET(&put, user_put_args, id, rentbus_text(user));
        rentbus_buffer_clear(&encoded);
        rentbus_encode(&rentbus_user_put_args_schema, &put, &encoded);
        RENTBUS_SET(&command, batch_command, id, id);
        RENTBUS_SET(&command, batch_command, op, rentbus_text("user.put"));
        RENTBUS_SET(&command, batch_command, args,
                    ((struct rentbus_bytes){encoded.data, encoded.length}));
        rentbus_encode(&rentbus_batch_command_schema, &command, commands);
    }
    rentbus_buffer_release(&encoded);
    *args = (struct rentbus_batch_args){0};
    RENTBUS_SET(args, batch_args, commands,
                ((struct rentbus_list){commands->data, commands->length, COMMANDS}));
    if (atomic)
        RENTBUS_SET(args, batch_args, atomic, true);
}

static void check_busy(const struct rentbus_reply *reply)
{
    assert_false(reply->ok);
    assert_int_equal(reply->error.code, RENTBUS_ERROR_BUSY);
    assert_true(RENTBUS_HAS(&reply->error, error, retry_after_ms));
    assert_in_range(reply->error.retry_after_ms, 1, 10000);
}

/* Each reply as of a command that was done, and each command done once. */
static void check_done(struct desk *desk, const struct rentbus_reply *reply)
{
    struct rentbus_batch_result result;
    struct rentbus_batch_reply each;
    struct rentbus_fault fault;
    size_t position = 0;
    size_t count = 0;
    assert_true(reply->ok);
    assert_int_equal(rentbus_decode(&rentbus_batch_result_schema, reply->result, RENTBUS_LENIENT,
                                    &result, &fault),
                     0);
    while (rentbus_list_next(&result.replies, &rentbus_batch_reply_schema, &position, &each) == 1) {
        assert_true(each.ok);
        assert_int_equal(each.result.outcome, RENTBUS_OUTCOME_CREATED);
        count++;
    }
    assert_int_equal(count, COMMANDS);
    struct rentbus_stats_result now = stats(desk);
    assert_int_equal(now.users, COMMANDS);
    assert_int_equal(now.head, 1 + COMMANDS);
}

/* Sends it until there is room for all of it: a batch goes on where it was. */
static void test_a_batch_waits_as_a_whole(void **state)
{
    struct desk *desk = *state;
    struct rentbus_buffer commands = {0};
    struct rentbus_batch_args args;
    make_batch(false, &args, &commands);
    fault_vfs_plan((struct fault_plan){.path = "archive", .has_room = true});
    struct rentbus_reply reply = ask(desk, RENTBUS_OP_batch, &args);
    check_busy(&reply);
    assert_in_range(stats(desk).users, BEHIND_MAX / 2, BEHIND_MAX + 1);
    reply = ask(desk, RENTBUS_OP_batch, &args);
    check_busy(&reply);

    fault_vfs_plan((struct fault_plan){0});
    time_t end = time(NULL) + DEADLINE_S;
    do {
        turn(desk, end);
        reply = ask(desk, RENTBUS_OP_batch, &args);
    } while (!reply.ok);
    check_done(desk, &reply);
    rentbus_buffer_release(&commands);
}

/* One that is all or nothing comes to nothing for now. */
static void test_an_atomic_batch_waits_and_does_nothing(void **state)
{
    struct desk *desk = *state;
    struct rentbus_buffer commands = {0};
    struct rentbus_batch_args args;
    make_batch(true, &args, &commands);
    struct rentbus_reply reply = ask(desk, RENTBUS_OP_batch, &args);
    check_busy(&reply);
    assert_int_equal(stats(desk).users, 0);
    assert_int_equal(stats(desk).head, 1);
    rentbus_buffer_release(&commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_batch_waits_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_atomic_batch_waits_and_does_nothing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
