/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/fake_consumer.h"
#include "tests/unit/fake_results.h"

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#define DEADLINE_SECONDS 20
/* Events behind these are lost while a subscriber does not read. */
#define FEED_HIGH_WATER 800

/* ---- what is sent ---- */

struct sockets {
    void *context;
    void *api;
    void *events;
};

/* False: the answer comes later. */
static bool put_served(struct fake_daemon *fake, const struct rentbus_request *request,
                       const zmq_msg_t *identity, struct rentbus_buffer *result,
                       struct rentbus_reply *reply)
{
    struct fake_answer answer = {.result = result};
    fake_consumer_serve(fake, request, identity, &answer);
    RENTBUS_SET(reply, reply, ok, answer.code == 0);
    if (answer.code) {
        RENTBUS_SET(&reply->error, error, code, answer.code);
        RENTBUS_SET(&reply->error, error, field, rentbus_text(answer.field));
        RENTBUS_SET(&reply->error, error, message, rentbus_text("as told"));
        reply->has |= RENTBUS_BIT(reply, error);
    } else {
        RENTBUS_SET(reply, reply, result, ((struct rentbus_bytes){result->data, result->length}));
    }
    return !answer.later;
}

static void put_error(enum fake_mood mood, struct rentbus_reply *reply)
{
    struct rentbus_error *error = &reply->error;
    enum rentbus_error_code code = mood == FAKE_BUSY          ? RENTBUS_ERROR_BUSY
                                   : mood == FAKE_UNAVAILABLE ? RENTBUS_ERROR_UNAVAILABLE
                                                              : RENTBUS_ERROR_PERMISSION_DENIED;
    RENTBUS_SET(error, error, code, code);
    RENTBUS_SET(error, error, message, rentbus_text("as told"));
    if (mood == FAKE_BUSY)
        RENTBUS_SET(error, error, retry_after_ms, 20);
    if (mood == FAKE_DENYING)
        RENTBUS_SET(error, error, field, rentbus_text("actor"));
    RENTBUS_SET(reply, reply, ok, false);
    reply->has |= RENTBUS_BIT(reply, error);
}

/* False: there is none yet. */
static bool put_reply(struct fake_daemon *fake, const struct rentbus_request *request,
                      const zmq_msg_t *identity, struct rentbus_buffer *out)
{
    struct rentbus_buffer result = {0};
    struct rentbus_reply reply = {0};
    RENTBUS_SET(&reply, reply, v, 1);
    RENTBUS_SET(&reply, reply, id, request->id);
    if (fake->mood == FAKE_OTHER_ID)
        reply.id.bytes[8] ^= 0x20;
    bool refused =
        fake->mood == FAKE_BUSY || fake->mood == FAKE_UNAVAILABLE || fake->mood == FAKE_DENYING;
    bool now = true;
    if (refused) {
        put_error(fake->mood, &reply);
    } else if (fake->consumer && fake_consumer_serves(request->op)) {
        now = put_served(fake, request, identity, &result, &reply);
    } else {
        fake_result_put(fake, request, &result);
        RENTBUS_SET(&reply, reply, ok, true);
        RENTBUS_SET(&reply, reply, result, ((struct rentbus_bytes){result.data, result.length}));
    }
    if (fake->mood == FAKE_NO_REPLY)
        reply.has = RENTBUS_BIT(reply, id);
    rentbus_encode(&rentbus_reply_schema, &reply, out);
    rentbus_buffer_release(&result);
    return now;
}

/* ---- requests ---- */

static void send_frames(void *socket, zmq_msg_t *identity, const struct rentbus_buffer *body,
                        bool one_more)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, identity);
    if (zmq_msg_send(&copy, socket, ZMQ_SNDMORE) < 0)
        zmq_msg_close(&copy);
    zmq_send(socket, body->data, body->length, one_more ? ZMQ_SNDMORE : 0);
    if (one_more)
        zmq_send(socket, "", 0, 0);
}

static void answer(struct fake_daemon *fake, void *socket, zmq_msg_t *identity,
                   const struct rentbus_request *request)
{
    struct rentbus_buffer body = {0};
    bool now = true;
    if (fake->mood == FAKE_GARBAGE)
        rentbus_buffer_append(&body, "\xff\x00\xbf", 3);
    else
        now = put_reply(fake, request, identity, &body);
    if (now && fake->mood != FAKE_SILENT)
        send_frames(socket, identity, &body, fake->mood == FAKE_TWO_FRAMES);
    if (now && fake->mood == FAKE_TWICE)
        send_frames(socket, identity, &body, false);
    rentbus_buffer_release(&body);
    if (fake->mood_count > 0 && --fake->mood_count == 0)
        fake->mood = FAKE_WELL;
}

static void request_note(struct fake_daemon *fake, const struct rentbus_request *request)
{
    size_t i = fake->requests++ % FAKE_REQUESTS_MAX;
    fake->ids[i] = request->id;
    rentbus_buffer_clear(&fake->args);
    rentbus_buffer_append(&fake->args, request->args.data, request->args.length);
    snprintf(fake->ops[i], sizeof(fake->ops[i]), "%.*s", RENTBUS_TEXT_ARGS(request->op));
}

/* False when there is none. */
static bool request_take(struct fake_daemon *fake, void *socket)
{
    zmq_msg_t identity;
    zmq_msg_t body;
    zmq_msg_init(&identity);
    zmq_msg_init(&body);
    bool taken = zmq_msg_recv(&identity, socket, ZMQ_DONTWAIT) >= 0 &&
                 zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) >= 0;
    struct rentbus_buffer scratch = {0};
    struct rentbus_request request;
    struct rentbus_fault fault;
    struct rentbus_bytes bytes = {zmq_msg_data(&body), zmq_msg_size(&body)};
    if (taken && rentbus_decode_message(&rentbus_request_schema, bytes, &rentbus_request_limits,
                                        RENTBUS_STRICT, &scratch, &request, &fault) == 0) {
        request_note(fake, &request);
        answer(fake, socket, &identity, &request);
    }
    rentbus_buffer_release(&scratch);
    zmq_msg_close(&identity);
    zmq_msg_close(&body);
    return taken;
}

/* Fetches that waited, and need not any longer. */
static void waiting_answer(struct fake_daemon *fake, void *socket)
{
    struct rentbus_buffer body = {0};
    zmq_msg_t identity;
    while (fake->consumer && fake_consumer_wake(fake, &identity, &body)) {
        send_frames(socket, &identity, &body, false);
        zmq_msg_close(&identity);
        rentbus_buffer_clear(&body);
    }
    rentbus_buffer_release(&body);
}

/* ---- events ---- */

static void subscriptions_take(struct fake_daemon *fake, void *socket)
{
    char byte;
    int length;
    while ((length = zmq_recv(socket, &byte, 1, ZMQ_DONTWAIT)) >= 0) {
        if (length > 0)
            fake->subscribers += byte == 1 ? 1 : -1;
    }
}

static void event_send(struct fake_daemon *fake, void *socket, uint64_t seq)
{
    struct rentbus_buffer body = {0};
    const char *type = fake->journal[seq - 1].type;
    fake_event_put(fake, seq, &body);
    if (zmq_send(socket, type, strlen(type), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        zmq_send(socket, body.data, body.length, 0);
    else
        fake->overflowed++;
    rentbus_buffer_release(&body);
}

/* [HEARTBEAT][{"head": …, "time": …}] */
static void beat_send(struct fake_daemon *fake, void *socket)
{
    struct rentbus_buffer body = {0};
    rentbus_cbor_write_map(&body, 2);
    rentbus_cbor_write_text(&body, "head", 4);
    rentbus_cbor_write_uint(&body, fake->head);
    rentbus_cbor_write_text(&body, "time", 4);
    rentbus_cbor_write_text(&body, "1970-01-01T00:00:00Z", 20);
    zmq_send(socket, "HEARTBEAT", 9, ZMQ_SNDMORE);
    zmq_send(socket, body.data, body.length, 0);
    rentbus_buffer_release(&body);
}

static void events_send(struct fake_daemon *fake, void *socket)
{
    static const int times[] = {[FAKE_DELIVER] = 1, [FAKE_LOSE] = 0, [FAKE_DELIVER_TWICE] = 2};
    for (; fake->published < fake->head; fake->published++) {
        int left = times[fake->journal[fake->published].delivery];
        while (socket && left-- > 0)
            event_send(fake, socket, fake->published + 1);
    }
    for (; socket && fake->beats > 0; fake->beats--)
        beat_send(fake, socket);
    for (; socket && fake->junk > 0; fake->junk--) {
        bool two = fake->junk % 2;
        if (zmq_send(socket, "JUNK", 4, ZMQ_DONTWAIT | (two ? ZMQ_SNDMORE : 0)) >= 0 && two)
            zmq_send(socket, "\xbf\xff\xff", 3, 0);
    }
}

/* ---- the thread ---- */

static void *socket_bind(void *context, int type, const char *endpoint)
{
    int zero = 0;
    int one = 1;
    int high_water = type == ZMQ_XPUB ? FEED_HIGH_WATER : 0;
    void *socket = zmq_socket(context, type);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
    zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water, sizeof(high_water));
    zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof(zero));
    /* What a full queue would swallow is refused: so it can be counted. */
    if (type == ZMQ_XPUB)
        zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &one, sizeof(one));
    if (zmq_bind(socket, endpoint) == 0)
        return socket;
    zmq_close(socket);
    return NULL;
}

static void socket_set_up(void **socket, void *context, bool up, int type, const char *endpoint)
{
    if (up && !*socket)
        *socket = socket_bind(context, type, endpoint);
    if (!up && *socket) {
        zmq_close(*socket);
        unlink(endpoint + strlen("ipc://"));
        *socket = NULL;
    }
}

/* False when it is told to end. */
static bool turn(struct fake_daemon *fake, struct sockets *sockets)
{
    pthread_mutex_lock(&fake->mutex);
    socket_set_up(&sockets->api, sockets->context, fake->up, ZMQ_ROUTER, fake->api);
    bool feed = fake->up && fake->feed_up;
    if (!feed)
        fake->subscribers = 0;
    socket_set_up(&sockets->events, sockets->context, feed, ZMQ_XPUB, fake->events);
    if (sockets->events)
        subscriptions_take(fake, sockets->events);
    events_send(fake, sockets->events);
    while (sockets->api && request_take(fake, sockets->api))
        continue;
    if (sockets->api)
        waiting_answer(fake, sockets->api);
    bool running = fake->running;
    pthread_cond_broadcast(&fake->turned);
    pthread_mutex_unlock(&fake->mutex);
    return running;
}

static void *run(void *context)
{
    struct fake_daemon *fake = context;
    struct sockets sockets = {.context = zmq_ctx_new()};
    while (turn(fake, &sockets)) {
        zmq_pollitem_t items[3] = {{.fd = fake->bell, .events = ZMQ_POLLIN}};
        int count = 1;
        if (sockets.api)
            items[count++] = (zmq_pollitem_t){.socket = sockets.api, .events = ZMQ_POLLIN};
        if (sockets.events)
            items[count++] = (zmq_pollitem_t){.socket = sockets.events, .events = ZMQ_POLLIN};
        zmq_poll(items, count, -1);
        eventfd_t rings;
        (void)!eventfd_read(fake->bell, &rings);
    }
    socket_set_up(&sockets.api, sockets.context, false, ZMQ_ROUTER, fake->api);
    socket_set_up(&sockets.events, sockets.context, false, ZMQ_XPUB, fake->events);
    zmq_ctx_term(sockets.context);
    return NULL;
}

/* ---- the test's side ---- */

/* Lets the thread see what was changed. */
void fake_daemon_unlock(struct fake_daemon *fake)
{
    pthread_mutex_unlock(&fake->mutex);
    eventfd_write(fake->bell, 1);
}

typedef bool condition(struct fake_daemon *fake, const char *op, size_t count);

static void await(struct fake_daemon *fake, condition *holds, const char *op, size_t count)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += DEADLINE_SECONDS;
    int error = 0;
    pthread_mutex_lock(&fake->mutex);
    bool held = holds(fake, op, count);
    while (!held && !error) {
        error = pthread_cond_timedwait(&fake->turned, &fake->mutex, &end);
        held = holds(fake, op, count);
    }
    pthread_mutex_unlock(&fake->mutex);
    assert_true(held);
}

static bool everything_sent(struct fake_daemon *fake, const char *op, size_t count)
{
    (void)op;
    (void)count;
    return fake->published == fake->head && fake->junk == 0 && fake->beats == 0;
}

struct fake_daemon *fake_daemon_start(void)
{
    struct fake_daemon *fake = calloc(1, sizeof(*fake));
    assert_non_null(fake);
    snprintf(fake->directory, sizeof(fake->directory), "/tmp/rentbus-test-XXXXXX");
    assert_non_null(mkdtemp(fake->directory));
    snprintf(fake->api, sizeof(fake->api), "ipc://%s/api", fake->directory);
    snprintf(fake->events, sizeof(fake->events), "ipc://%s/events", fake->directory);
    pthread_mutex_init(&fake->mutex, NULL);
    pthread_cond_init(&fake->turned, NULL);
    fake->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fake->running = true;
    fake->up = true;
    fake->feed_up = true;
    fake->ledger = "test";
    assert_int_equal(pthread_create(&fake->thread, NULL, run, fake), 0);
    return fake;
}

void fake_daemon_stop(struct fake_daemon **fake)
{
    struct fake_daemon *stopped = *fake;
    pthread_mutex_lock(&stopped->mutex);
    stopped->running = false;
    fake_daemon_unlock(stopped);
    pthread_join(stopped->thread, NULL);
    pthread_cond_destroy(&stopped->turned);
    pthread_mutex_destroy(&stopped->mutex);
    close(stopped->bell);
    rentbus_buffer_release(&stopped->args);
    rentbus_buffer_release(&stopped->result);
    fake_consumer_drop(stopped);
    rmdir(stopped->directory);
    free(stopped);
    *fake = NULL;
}

void fake_daemon_mood(struct fake_daemon *fake, enum fake_mood mood, int count)
{
    pthread_mutex_lock(&fake->mutex);
    fake->mood = mood;
    fake->mood_count = count;
    pthread_mutex_unlock(&fake->mutex);
}

void fake_daemon_result(struct fake_daemon *fake, const struct rentbus_schema *schema,
                        const void *result)
{
    pthread_mutex_lock(&fake->mutex);
    rentbus_buffer_clear(&fake->result);
    rentbus_encode(schema, result, &fake->result);
    pthread_mutex_unlock(&fake->mutex);
}

void fake_daemon_args(struct fake_daemon *fake, const struct rentbus_schema *schema,
                      struct rentbus_buffer *bytes, void *args)
{
    struct rentbus_fault fault;
    pthread_mutex_lock(&fake->mutex);
    rentbus_buffer_clear(bytes);
    rentbus_buffer_append(bytes, fake->args.data, fake->args.length);
    pthread_mutex_unlock(&fake->mutex);
    struct rentbus_bytes copy = {bytes->data, bytes->length};
    assert_int_equal(rentbus_decode(schema, copy, RENTBUS_STRICT, args, &fault), 0);
}

static bool sockets_are(struct fake_daemon *fake, const char *op, size_t up)
{
    (void)op;
    return (access(fake->api + strlen("ipc://"), F_OK) == 0) == (up & 1) &&
           (access(fake->events + strlen("ipc://"), F_OK) == 0) == (up >> 1 & 1);
}

static void set_up(struct fake_daemon *fake, bool up, bool feed_up)
{
    pthread_mutex_lock(&fake->mutex);
    fake->up = up;
    fake->feed_up = feed_up;
    fake_daemon_unlock(fake);
    await(fake, sockets_are, NULL, (size_t)up | (size_t)(up && feed_up) << 1);
}

void fake_daemon_up(struct fake_daemon *fake, bool up)
{
    set_up(fake, up, true);
}

void fake_daemon_feed_up(struct fake_daemon *fake, bool up)
{
    set_up(fake, true, up);
}

void fake_daemon_publish(struct fake_daemon *fake, const char *type, int count,
                         enum fake_delivery delivery)
{
    pthread_mutex_lock(&fake->mutex);
    for (int i = 0; i < count && fake->head < FAKE_EVENTS_MAX; i++)
        fake->journal[fake->head++] = (struct fake_event){type, delivery};
    fake_daemon_unlock(fake);
    await(fake, everything_sent, NULL, 0);
}

void fake_daemon_junk(struct fake_daemon *fake, int count)
{
    pthread_mutex_lock(&fake->mutex);
    fake->junk = (size_t)count;
    fake_daemon_unlock(fake);
    await(fake, everything_sent, NULL, 0);
}

size_t fake_daemon_overflowed(struct fake_daemon *fake)
{
    pthread_mutex_lock(&fake->mutex);
    size_t overflowed = fake->overflowed;
    pthread_mutex_unlock(&fake->mutex);
    return overflowed;
}

void fake_daemon_beat(struct fake_daemon *fake)
{
    pthread_mutex_lock(&fake->mutex);
    fake->beats = 1;
    fake_daemon_unlock(fake);
    await(fake, everything_sent, NULL, 0);
}

void fake_daemon_replace(struct fake_daemon *fake, const char *ledger, int count)
{
    pthread_mutex_lock(&fake->mutex);
    fake->ledger = ledger;
    fake->head = 0;
    fake->published = 0;
    pthread_mutex_unlock(&fake->mutex);
    fake_daemon_publish(fake, "T", count, FAKE_LOSE);
}

static size_t requests_count(struct fake_daemon *fake, const char *op)
{
    size_t count = 0;
    for (size_t i = 0; i < fake->requests && i < FAKE_REQUESTS_MAX; i++)
        count += !op || strcmp(fake->ops[i], op) == 0;
    return count;
}

size_t fake_daemon_requests(struct fake_daemon *fake, const char *op)
{
    pthread_mutex_lock(&fake->mutex);
    size_t count = requests_count(fake, op);
    pthread_mutex_unlock(&fake->mutex);
    return count;
}

static bool requests_reach(struct fake_daemon *fake, const char *op, size_t count)
{
    return requests_count(fake, op) >= count;
}

void fake_daemon_await(struct fake_daemon *fake, const char *op, size_t count)
{
    await(fake, requests_reach, op, count);
}

static bool subscribers_reach(struct fake_daemon *fake, const char *op, size_t count)
{
    (void)op;
    return fake->subscribers >= count;
}

void fake_daemon_await_subscriber(struct fake_daemon *fake)
{
    await(fake, subscribers_reach, NULL, 1);
}
