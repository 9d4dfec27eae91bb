/* SPDX-License-Identifier: MPL-2.0 */
/* Reads of the past, with a clock of ours: who waits, who is served at once, and who in the end. */
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/api/past.h"
#include "daemon/engine/job.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"
#include "tests/unit/journal_fixture.h"

#define DEADLINE_S 30
#define REQUESTS_MAX 1024
#define NOW INT64_C(1739188800000000)

/* An api, and the replies by the numbers of their requests. */
struct desk {
    char directory[64];
    struct api *api;
    int64_t now;
    uint32_t sent;
    struct rentbus_buffer replies[REQUESTS_MAX];
    size_t answers[REQUESTS_MAX];
    struct rentbus_buffer request;
    struct rentbus_user user; /* of the last reply that was asked for */
};

static void on_send(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct desk *desk = context;
    uint32_t number = REQUESTS_MAX - 1;
    if (route.length == sizeof number)
        memcpy(&number, route.data, sizeof number);
    desk->answers[number]++;
    rentbus_buffer_clear(&desk->replies[number]);
    rentbus_buffer_append(&desk->replies[number], body.data, body.length);
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
    return ((struct desk *)context)->now;
}

static int open_desk(struct desk *desk)
{
    struct api_settings settings = {
        .engine = {desk->directory, "main", "1.0"},
        .send = on_send,
        .publish = on_publish,
        .log = on_log,
        .now = on_now,
        .context = desk,
    };
    struct rentbus_fault fault;
    return api_open(&settings, &desk->api, &fault);
}

static int setup(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    desk->now = NOW;
    snprintf(desk->directory, sizeof desk->directory, "/tmp/test_past.XXXXXX");
    *state = desk;
    return mkdtemp(desk->directory) && open_desk(desk) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"journal.db", "archive.db", "cursors.db"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct desk *desk = *state;
    char path[128];
    api_close(&desk->api);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            snprintf(path, sizeof path, "%s/%s%s", desk->directory, names[i], ends[j]);
            unlink(path);
        }
    int status = rmdir(desk->directory);
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        rentbus_buffer_release(&desk->replies[i]);
    rentbus_buffer_release(&desk->request);
    free(desk);
    return status;
}

/* Hands over what stands in desk->request, as the number `number`. */
static void hand_over(struct desk *desk, uint32_t number)
{
    struct api_message message = {
        .route = {(const uint8_t *)&number, sizeof number},
        .actor = {(const uint8_t *)"uid:1", 5},
        .body = {desk->request.data, desk->request.length},
    };
    api_handle(desk->api, &message);
}

/* Sends a request and does nothing more; its number. */
static uint32_t ask(struct desk *desk, enum rentbus_op op, const void *args)
{
    struct rentbus_buffer encoded = {0};
    struct rentbus_request request = {0};
    uint32_t number = desk->sent++;
    assert_true(number < REQUESTS_MAX);
    rentbus_encode(rentbus_op_rows[op].args, args, &encoded);
    RENTBUS_SET(&request, request, v, RENTBUS_PROTOCOL_VERSION);
    RENTBUS_SET(&request, request, op, rentbus_text(rentbus_op_rows[op].wire));
    RENTBUS_SET(&request, request, args, ((struct rentbus_bytes){encoded.data, encoded.length}));
    request.has |= RENTBUS_BIT(request, id);
    request.id = (struct rentbus_uuid){{1, (uint8_t)(number >> 8), (uint8_t)number, 1}};
    rentbus_buffer_clear(&desk->request);
    rentbus_encode(&rentbus_request_schema, &request, &desk->request);
    rentbus_buffer_release(&encoded);
    hand_over(desk, number);
    return number;
}

static bool answered(const struct desk *desk, uint32_t number)
{
    assert_true(desk->answers[number] <= 1);
    return desk->answers[number] == 1;
}

/* One round of the loop: waits for something to happen when `wait`. */
static void turn(struct desk *desk, bool wait)
{
    struct pollfd event = {.fd = api_fd(desk->api), .events = POLLIN};
    if (wait)
        poll(&event, 1, 20);
    api_process(desk->api);
}

static void wait_for(struct desk *desk, uint32_t number)
{
    time_t end = time(NULL) + DEADLINE_S;
    turn(desk, false);
    while (!answered(desk, number)) {
        turn(desk, true);
        assert_true(time(NULL) < end);
    }
}

static struct rentbus_reply reply_to(struct desk *desk, uint32_t number)
{
    struct rentbus_bytes bytes = {desk->replies[number].data, desk->replies[number].length};
    struct rentbus_reply reply;
    struct rentbus_fault fault;
    assert_true(answered(desk, number));
    assert_int_equal(rentbus_decode(&rentbus_reply_schema, bytes, RENTBUS_STRICT, &reply, &fault),
                     0);
    return reply;
}

/* Its error code; 0 for a result. */
static int error_of(struct desk *desk, uint32_t number, const char *field)
{
    struct rentbus_reply reply = reply_to(desk, number);
    if (reply.ok)
        return 0;
    if (field)
        assert_true(rentbus_text_equal(reply.error.field, rentbus_text(field)));
    return (int)reply.error.code;
}

static void user_is(struct desk *desk, uint32_t number, const char *name)
{
    struct rentbus_reply reply = reply_to(desk, number);
    struct rentbus_user_result result;
    struct rentbus_fault fault;
    assert_true(reply.ok);
    assert_int_equal(
        rentbus_decode(&rentbus_user_result_schema, reply.result, RENTBUS_STRICT, &result, &fault),
        0);
    assert_true(rentbus_text_equal(result.user.name, rentbus_text(name)));
}

/* Puts the user "u" under a name; the request's number. */
static uint32_t begin_put(struct desk *desk, const char *name)
{
    struct rentbus_user_put_args args = {0};
    RENTBUS_SET(&args, user_put_args, id, rentbus_text("u"));
    RENTBUS_SET(&args, user_put_args, name, rentbus_text(name));
    return ask(desk, RENTBUS_OP_user_put, &args);
}

/* The same, to its end: the seq of its event. HELLO_EVENT is 1. */
static uint64_t put(struct desk *desk, const char *name)
{
    uint32_t number = begin_put(desk, name);
    wait_for(desk, number);
    assert_int_equal(error_of(desk, number, NULL), 0);
    return api_durable(desk->api);
}

static uint32_t ask_user(struct desk *desk, const uint64_t *at_seq, const int64_t *at)
{
    struct rentbus_id_args args = {0};
    RENTBUS_SET(&args, id_args, id, rentbus_text("u"));
    if (at_seq)
        RENTBUS_SET(&args, id_args, at_seq, *at_seq);
    if (at)
        RENTBUS_SET(&args, id_args, at, *at);
    return ask(desk, RENTBUS_OP_user_get, &args);
}

static uint32_t ask_seq(struct desk *desk, uint64_t seq)
{
    return ask_user(desk, &seq, NULL);
}

static uint32_t ask_time(struct desk *desk, int64_t at)
{
    return ask_user(desk, NULL, &at);
}

/* Puts "n2" to "n<count + 1>" with those seqs, a second apart. */
static void fill(struct desk *desk, unsigned count)
{
    char name[16];
    for (unsigned i = 0; i < count; i++) {
        desk->now += 1000000;
        snprintf(name, sizeof name, "n%u", i + 2);
        assert_int_equal(put(desk, name), i + 2);
    }
}

static void name_at(struct desk *desk, uint32_t number, uint64_t seq)
{
    char name[32];
    snprintf(name, sizeof name, "n%" PRIu64, seq);
    user_is(desk, number, name);
}

/* ---- tests ---- */

static void each_seq_is_as_it_was(void **state)
{
    struct desk *desk = *state;
    static const uint64_t seqs[] = {5, 5, 3, 2, 9, 4, 21, 20, 21};
    fill(desk, 20);
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
        uint32_t number = ask_seq(desk, seqs[i]);
        wait_for(desk, number);
        name_at(desk, number, seqs[i]);
    }
    for (uint64_t seq = 0; seq < 2; seq++) {
        uint32_t number = ask_seq(desk, seq);
        wait_for(desk, number);
        assert_int_equal(error_of(desk, number, "id"), RENTBUS_ERROR_NOT_FOUND);
    }
}

static void what_is_there_is_served_at_once(void **state)
{
    struct desk *desk = *state;
    fill(desk, 5);
    uint32_t number = ask_seq(desk, 4);
    assert_false(answered(desk, number));
    wait_for(desk, number);
    number = ask_seq(desk, 4);
    assert_true(answered(desk, number));
    name_at(desk, number, 4);
    /* Also while something waits for the disk. */
    uint32_t waiting = begin_put(desk, "later");
    number = ask_seq(desk, 4);
    assert_true(answered(desk, number));
    assert_false(answered(desk, waiting));
    number = ask_seq(desk, 5);
    assert_false(answered(desk, number));
    wait_for(desk, number);
    name_at(desk, number, 5);
    wait_for(desk, waiting);
}

static void those_who_wait_are_all_served(void **state)
{
    struct desk *desk = *state;
    uint32_t numbers[PAST_WAITING_MAX];
    uint64_t seqs[PAST_WAITING_MAX];
    fill(desk, 30);
    for (size_t i = 0; i < PAST_WAITING_MAX; i++) {
        seqs[i] = 2 + i * 17 % 30;
        numbers[i] = ask_seq(desk, seqs[i]);
        assert_false(answered(desk, numbers[i]));
    }
    uint32_t beyond = ask_seq(desk, 7);
    assert_int_equal(error_of(desk, beyond, NULL), RENTBUS_ERROR_BUSY);
    assert_true(reply_to(desk, beyond).error.retry_after_ms > 0);
    assert_false(api_idle(desk->api));
    for (size_t i = 0; i < PAST_WAITING_MAX; i++) {
        wait_for(desk, numbers[i]);
        name_at(desk, numbers[i], seqs[i]);
    }
    assert_true(api_idle(desk->api));
    beyond = ask_seq(desk, 7);
    wait_for(desk, beyond);
    name_at(desk, beyond, 7);
}

static void the_daemon_goes_on_meanwhile(void **state)
{
    struct desk *desk = *state;
    uint32_t asked[200];
    fill(desk, 50);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t now = ask_user(desk, NULL, NULL);
        asked[i] = ask_seq(desk, 2 + i * 7 % 50);
        uint64_t seq = put(desk, "busy");
        assert_int_equal(seq, 52 + i);
        wait_for(desk, now);
        assert_int_equal(error_of(desk, now, NULL), 0);
    }
    for (unsigned i = 0; i < 200; i++) {
        wait_for(desk, asked[i]);
        if (error_of(desk, asked[i], NULL) != RENTBUS_ERROR_BUSY)
            name_at(desk, asked[i], 2 + i * 7 % 50);
    }
}

static void a_time_is_that_of_the_last_event(void **state)
{
    struct desk *desk = *state;
    fill(desk, 5); /* the event n at NOW + (n - 1) s */
    for (int64_t seq = 2; seq < 6; seq++) {
        int64_t at = NOW + (seq - 1) * 1000000;
        const int64_t times[] = {at - 1, at, at + 1, at + 999999};
        for (size_t i = 0; i < 4; i++) {
            uint32_t number = ask_time(desk, times[i]);
            wait_for(desk, number);
            if (seq == 2 && i == 0)
                assert_int_equal(error_of(desk, number, "id"), RENTBUS_ERROR_NOT_FOUND);
            else
                name_at(desk, number, (uint64_t)seq - (i == 0));
        }
    }
}

static void what_is_not_durable_is_waited_for(void **state)
{
    struct desk *desk = *state;
    fill(desk, 3);
    desk->now += 1000000;
    uint32_t command = begin_put(desk, "new");
    uint32_t before = ask_time(desk, desk->now - 1);
    uint32_t with = ask_time(desk, desk->now);
    desk->now += 10;
    uint32_t behind = begin_put(desk, "newer");
    wait_for(desk, before);
    name_at(desk, before, 4);
    wait_for(desk, with);
    user_is(desk, with, "new");
    wait_for(desk, command);
    wait_for(desk, behind);
    /* On its way to the disk, too. */
    for (unsigned i = 0; i < 20; i++) {
        char name[16];
        desk->now += 1000000;
        snprintf(name, sizeof name, "on its way %u", i);
        command = begin_put(desk, name);
        turn(desk, false);
        with = ask_time(desk, desk->now);
        wait_for(desk, with);
        user_is(desk, with, name);
        wait_for(desk, command);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct desk *desk = *state;
    uint64_t seq = 4;
    int64_t at = NOW;
    fill(desk, 3);
    uint32_t number = ask_user(desk, &seq, &at);
    assert_int_equal(error_of(desk, number, "at_seq"), RENTBUS_ERROR_INVALID_ARGUMENT);
    number = ask_seq(desk, 5);
    assert_int_equal(error_of(desk, number, "at_seq"), RENTBUS_ERROR_INVALID_ARGUMENT);
    number = ask_seq(desk, UINT64_MAX);
    assert_int_equal(error_of(desk, number, "at_seq"), RENTBUS_ERROR_INVALID_ARGUMENT);
    number = ask_time(desk, desk->now + 1);
    assert_int_equal(error_of(desk, number, "at"), RENTBUS_ERROR_INVALID_ARGUMENT);
    number = ask_time(desk, desk->now);
    wait_for(desk, number);
    name_at(desk, number, 4);
}

static bool is_kept(struct desk *desk, uint64_t seq)
{
    uint32_t number = ask_seq(desk, seq);
    bool kept = answered(desk, number);
    wait_for(desk, number);
    name_at(desk, number, seq);
    return kept;
}

static void what_nobody_asks_for_is_freed(void **state)
{
    struct desk *desk = *state;
    fill(desk, 5);
    assert_false(is_kept(desk, 3));
    int64_t used_at = desk->now;
    assert_true(api_timer(desk->api) == used_at + PAST_IDLE_US);
    desk->now += PAST_IDLE_US - 1;
    turn(desk, false);
    assert_true(is_kept(desk, 3));
    assert_true(api_timer(desk->api) == used_at + 2 * PAST_IDLE_US - 1);
    desk->now += PAST_IDLE_US;
    turn(desk, false);
    assert_true(api_timer(desk->api) == INT64_MAX);
    assert_false(is_kept(desk, 3));
    /* The clock may be set back. */
    desk->now -= 1000 * PAST_IDLE_US;
    turn(desk, false);
    assert_true(is_kept(desk, 3));
    desk->now += PAST_IDLE_US;
    turn(desk, false);
    assert_false(is_kept(desk, 3));
}

static void a_stop_answers_those_who_wait(void **state)
{
    struct desk *desk = *state;
    fill(desk, 20);
    uint32_t first = ask_seq(desk, 20);
    turn(desk, false); /* the replay begins */
    for (uint64_t seq = 2; seq < 10; seq++)
        assert_false(answered(desk, ask_seq(desk, seq)));
    desk->now += 1;
    uint32_t last = begin_put(desk, "last");
    uint32_t held = ask_time(desk, desk->now);
    api_close(&desk->api);
    for (uint32_t number = first; number < last; number++)
        if (number != first || error_of(desk, number, NULL) != 0)
            assert_int_equal(error_of(desk, number, NULL), RENTBUS_ERROR_UNAVAILABLE);
    assert_int_equal(error_of(desk, last, NULL), 0);
    assert_int_equal(error_of(desk, held, NULL), RENTBUS_ERROR_UNAVAILABLE);
    assert_int_equal(open_desk(desk), 0);
    first = ask_seq(desk, 20);
    wait_for(desk, first);
    name_at(desk, first, 20);
}

/* The request of the last ask(), its text cut into as many empty pieces as it takes to be long. */
static void blow_up(struct desk *desk, size_t length)
{
    static const uint8_t piece[9] = {0x7b}; /* the longest way to say nothing */
    struct rentbus_buffer *request = &desk->request;
    uint8_t *at = memmem(request->data, request->length, "\x62op\x68user.get", 12);
    assert_non_null(at);
    assert_int_equal(request->data[0], 0xa4);
    struct rentbus_buffer long_one = {0};
    size_t before = (size_t)(at - request->data) + 3;
    rentbus_buffer_append(&long_one, request->data, before);
    rentbus_buffer_append(&long_one, "\x7f", 1);
    for (size_t i = 0; i < length; i += sizeof piece)
        rentbus_buffer_append(&long_one, piece, sizeof piece);
    rentbus_buffer_append(&long_one, at + 3, 9);
    rentbus_buffer_append(&long_one, "\xff", 1);
    rentbus_buffer_append(&long_one, at + 12, request->length - before - 9);
    rentbus_buffer_release(request);
    *request = long_one;
}

static void a_long_request_cannot_wait(void **state)
{
    struct desk *desk = *state;
    fill(desk, 5);
    uint32_t number = ask_seq(desk, 3);
    wait_for(desk, number);
    number = ask_seq(desk, 3);
    blow_up(desk, PAST_REQUEST_MAX);
    desk->answers[number] = 0;
    hand_over(desk, number);
    name_at(desk, number, 3); /* nothing to wait for */
    number = ask_seq(desk, 2);
    wait_for(desk, number);
    number = ask_seq(desk, 4);
    blow_up(desk, PAST_REQUEST_MAX);
    uint32_t other = desk->sent++;
    hand_over(desk, other);
    assert_int_equal(error_of(desk, other, NULL), RENTBUS_ERROR_TOO_LARGE);
    wait_for(desk, number);
    name_at(desk, number, 4);
}

/* A journal that cannot be read is no reason to fail those who ask for what is before. */
static void a_damaged_journal_fails_who_needs_it(void **state)
{
    struct desk *desk = *state;
    char path[128];
    fill(desk, 8);
    snprintf(path, sizeof path, "%s/journal.db", desk->directory);
    journal_fixture_sql(path, "UPDATE block SET sum = sum + 1 WHERE first_seq <= 6 AND "
                              "first_seq + count > 6");
    uint32_t bad = ask_seq(desk, 8);
    turn(desk, false); /* the replay begins */
    uint32_t good = ask_seq(desk, 3);
    uint32_t worse = ask_seq(desk, 9);
    wait_for(desk, bad);
    wait_for(desk, good);
    wait_for(desk, worse);
    name_at(desk, good, 3);
    assert_int_equal(error_of(desk, bad, NULL), RENTBUS_ERROR_INTERNAL);
    assert_int_equal(error_of(desk, worse, NULL), RENTBUS_ERROR_INTERNAL);
    assert_int_equal(put(desk, "well"), 10);
}

/* Ends when it is told to, or with the test. */
static void until_cancelled(void *context)
{
    struct job *job = context;
    time_t end = time(NULL) + DEADLINE_S;
    while (!job_cancelled(job) && time(NULL) < end)
        sched_yield();
}

static void work_is_told_to_end(void **state)
{
    int fd = api_fd(((struct desk *)*state)->api);
    struct job job = {0};
    time_t start = time(NULL);
    assert_false(job_take(&job));
    job_stop(&job);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(job_start(&job, fd, until_cancelled, &job), 0);
        assert_false(job_take(&job));
        job_stop(&job);
        assert_false(job_take(&job));
    }
    assert_true(time(NULL) - start < DEADLINE_S / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(each_seq_is_as_it_was),
        TEST(what_is_there_is_served_at_once),
        TEST(those_who_wait_are_all_served),
        TEST(the_daemon_goes_on_meanwhile),
        TEST(a_time_is_that_of_the_last_event),
        TEST(what_is_not_durable_is_waited_for),
        TEST(what_makes_no_sense_is_refused),
        TEST(what_nobody_asks_for_is_freed),
        TEST(a_stop_answers_those_who_wait),
        TEST(a_long_request_cannot_wait),
        TEST(a_damaged_journal_fails_who_needs_it),
        TEST(work_is_told_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
