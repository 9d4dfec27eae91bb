/* SPDX-License-Identifier: MPL-2.0 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/server/route.h"

#define PATIENCE_MS 10000

struct line {
    void *context;
    void *dealer;
    struct router router;
};

static int setup(void **state)
{
    struct line *line = calloc(1, sizeof *line);
    int linger = 0;
    line->context = zmq_ctx_new();
    line->router.socket = zmq_socket(line->context, ZMQ_ROUTER);
    line->dealer = zmq_socket(line->context, ZMQ_DEALER);
    zmq_setsockopt(line->router.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(line->dealer, ZMQ_LINGER, &linger, sizeof linger);
    *state = line;
    return zmq_bind(line->router.socket, "inproc://line") ||
           zmq_connect(line->dealer, "inproc://line");
}

static int teardown(void **state)
{
    struct line *line = *state;
    route_release(&line->router);
    route_release(&line->router);
    zmq_close(line->dealer);
    zmq_close(line->router.socket);
    zmq_ctx_term(line->context);
    free(line);
    return 0;
}

/* Sends `count` frames of `size` bytes, each of its number, and `body` behind them. */
static void send_frames(struct line *line, size_t count, size_t size, const char *body)
{
    uint8_t frame[2048];
    assert_true(size <= sizeof frame);
    for (size_t i = 0; i < count; i++) {
        memset(frame, (int)i, size);
        assert_int_equal(zmq_send(line->dealer, frame, size, ZMQ_SNDMORE), size);
    }
    assert_int_equal(zmq_send(line->dealer, body, strlen(body), 0), strlen(body));
}

static bool receive(struct line *line, struct api_message *message)
{
    zmq_pollitem_t item = {.socket = line->router.socket, .events = ZMQ_POLLIN};
    while (zmq_poll(&item, 1, PATIENCE_MS) > 0)
        if (route_receive(&line->router, message))
            return true;
    return false;
}

static void reply(struct line *line, struct rentbus_bytes route, const char *body)
{
    route_send(&line->router, route, (struct rentbus_bytes){(const uint8_t *)body, strlen(body)});
}

static void expect_reply(struct line *line, size_t count, size_t size, const char *body)
{
    uint8_t frame[2048];
    uint8_t expected[2048];
    int timeout = PATIENCE_MS;
    zmq_setsockopt(line->dealer, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    for (size_t i = 0; i < count; i++) {
        memset(expected, (int)i, size);
        assert_int_equal(zmq_recv(line->dealer, frame, sizeof frame, 0), size);
        assert_memory_equal(frame, expected, size);
    }
    assert_int_equal(zmq_recv(line->dealer, frame, sizeof frame, 0), strlen(body));
    assert_memory_equal(frame, body, strlen(body));
}

static void test_the_route_leads_back(void **state)
{
    struct line *line = *state;
    static const size_t shapes[][2] = {{0, 0}, {1, 0}, {1, 1}, {3, 1}, {7, 100}, {2, 490}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct api_message message;
        send_frames(line, shapes[i][0], shapes[i][1], "question");
        assert_true(receive(line, &message));
        assert_int_equal(message.body.length, strlen("question"));
        assert_memory_equal(message.body.data, "question", message.body.length);
        reply(line, message.route, "answer");
        route_flush(&line->router);
        expect_reply(line, shapes[i][0], shapes[i][1], "answer");
    }
}

static void test_an_empty_body(void **state)
{
    struct line *line = *state;
    struct api_message message;
    send_frames(line, 1, 0, "");
    assert_true(receive(line, &message));
    assert_int_equal(message.body.length, 0);
    route_send(&line->router, message.route, (struct rentbus_bytes){NULL, 0});
    route_flush(&line->router);
    expect_reply(line, 1, 0, "");
}

static void test_what_is_no_request_is_empty(void **state)
{
    struct line *line = *state;
    static const size_t shapes[][2] = {{2, 0}, {ROUTE_FRAMES_MAX, 0}, {40, 1}, {1, 1024}, {3, 400}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct api_message message;
        send_frames(line, shapes[i][0], shapes[i][1], "lost");
        assert_true(receive(line, &message));
        assert_int_equal(message.body.length, 0);
        assert_false(route_receive(&line->router, &message));
        reply(line, message.route, "no");
        route_flush(&line->router);
        expect_reply(line, shapes[i][1] == 0 ? 1 : 0, 0, "no");
    }
}

/* inproc has no peer that could be told. */
static void test_the_actor_is_nobody_in_particular(void **state)
{
    struct line *line = *state;
    struct api_message message;
    send_frames(line, 0, 0, "x");
    assert_true(receive(line, &message));
    assert_int_equal(message.actor.length, strlen("anonymous"));
    assert_memory_equal(message.actor.data, "anonymous", message.actor.length);
}

static void test_a_peer_that_is_gone_loses_its_reply(void **state)
{
    struct line *line = *state;
    static const uint8_t route[] = {3, 0, 'w', 'h', 'o', 0, 0};
    reply(line, (struct rentbus_bytes){route, sizeof route}, "lost");
    struct api_message message;
    send_frames(line, 0, 0, "next");
    assert_true(receive(line, &message));
    reply(line, message.route, "answer");
    route_flush(&line->router);
    expect_reply(line, 0, 0, "answer");
}

static void test_replies_leave_together_in_their_order(void **state)
{
    struct line *line = *state;
    struct api_message message;
    char body[24];
    send_frames(line, 2, 3, "question");
    assert_true(receive(line, &message));
    for (int i = 0; i < 2 * ROUTE_OUTBOX_MAX + 1; i++) {
        snprintf(body, sizeof body, "answer %d", i);
        reply(line, message.route, body);
    }
    assert_int_equal(line->router.outbox.replies, 1);
    for (int i = 0; i < 2 * ROUTE_OUTBOX_MAX; i++) {
        snprintf(body, sizeof body, "answer %d", i);
        expect_reply(line, 2, 3, body);
    }
    route_flush(&line->router);
    snprintf(body, sizeof body, "answer %d", 2 * ROUTE_OUTBOX_MAX);
    expect_reply(line, 2, 3, body);
    route_flush(&line->router);
    assert_int_equal(zmq_recv(line->dealer, body, sizeof body, ZMQ_DONTWAIT), -1);
}

static bool readable(struct router *router, int milliseconds)
{
    struct pollfd fd = {.events = POLLIN};
    size_t size = sizeof fd.fd;
    zmq_getsockopt(router->socket, ZMQ_FD, &fd.fd, &size);
    return poll(&fd, 1, milliseconds) == 1;
}

/* A reply takes in the sign of the request that has come meanwhile, once libzmq has not looked for
 * longer than its patience. */
static void test_it_is_quiet_when_the_next_request_will_show(void **state)
{
    struct line *line = *state;
    struct router *router = &line->router;
    struct api_message message;
    assert_false(router->quiet);
    assert_false(route_receive(router, &message));
    assert_true(router->quiet);
    for (int i = 0; i < 100; i++) {
        send_frames(line, 0, 0, "first");
        assert_true(readable(router, PATIENCE_MS));
        assert_true(route_receive(router, &message));
        assert_false(router->quiet);
        reply(line, message.route, "answer");
        assert_false(route_receive(router, &message));
        assert_true(router->quiet);
        send_frames(line, 0, 0, "second");
        assert_true(readable(router, PATIENCE_MS));
        route_flush(router);
        assert_false(router->quiet);
        assert_true(route_receive(router, &message));
        assert_true(route_send_now(router, message.route, message.body));
        assert_false(route_receive(router, &message));
        assert_true(router->quiet);
        assert_false(readable(router, 0));
        route_flush(router);
        assert_true(router->quiet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_route_leads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_request_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_actor_is_nobody_in_particular, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_peer_that_is_gone_loses_its_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replies_leave_together_in_their_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_it_is_quiet_when_the_next_request_will_show, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
