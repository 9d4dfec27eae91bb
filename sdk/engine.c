/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What drives the calls of a client. A call is sent once it is started; it is sent again when it
 * stays without an answer, over a new connection if the old one is silent altogether; and it ends
 * with its reply or at its deadline. Commands are idempotent by their id, so to send one again is
 * always safe.
 */
#include "sdk/client.h"
#include "sdk/clock.h"
#include "sdk/request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* Messages taken in one turn, so that a flood does not keep the caller. */
#define TURN_MESSAGES_MAX 8192
/* Deadlines are looked at no more often than this. */
#define TICK INT64_C(10000)
/* A call without an answer is sent again after retry_ms, then after 2, 4 and 8 times as long. */
#define RETRY_DOUBLINGS_MAX 3
/* Between tries of a daemon that is UNAVAILABLE, or that is BUSY and does not say for how long. */
#define PAUSE INT64_C(50000)
#define PAUSE_DOUBLINGS_MAX 5
/* No daemon lets a fetch wait for longer. */
#define WAIT_MAX_MS 60000

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t doubled(int64_t period, uint32_t times, uint32_t times_max)
{
    return period << (times < times_max ? times : times_max);
}

/* ---- the end of a call ---- */

static void call_end(struct rentbus_client *client, struct call *call,
                     const struct rentbus_completion *end)
{
    struct rentbus_completion completion = *end;
    completion.op = call->op;
    completion.command_id = call->id;
    call_remove(&client->calls, call);
    bool inside = client->inside;
    client->inside = true;
    client->ended_resends = call->resends;
    call->done(call->context, &completion);
    client->inside = inside;
    call_release(&client->calls, call);
}

static void call_fail(struct rentbus_client *client, struct call *call, int status)
{
    struct rentbus_completion end = {.status = status};
    if (status > 0)
        end.fault = &call->fault;
    call_end(client, call, &end);
}

/* ---- sending ---- */

static void call_due(struct rentbus_client *client, struct call *call, int64_t due)
{
    call->due = earlier(due, call->deadline);
    client->next_due = earlier(client->next_due, call->due);
}

/* 0 when it was sent or has to wait for room. */
static int call_send(struct rentbus_client *client, struct call *call, int64_t now)
{
    int error = channel_send(&client->channel, call->request.data, call->request.length);
    /* libzmq may have looked at its descriptor on the way. */
    client->work_left = true;
    if (error == -EAGAIN)
        return 0;
    if (error)
        return error;
    call_set_state(&client->calls, call, CALL_SENT);
    call_due(client, call,
             now + call->wait + doubled(client->retry, call->resends, RETRY_DOUBLINGS_MAX));
    return 0;
}

static int queue_flush(struct rentbus_client *client, int64_t now)
{
    struct call *call;
    while ((call = TAILQ_FIRST(&client->calls.queued))) {
        int error = call_send(client, call, now);
        if (error || call->state == CALL_QUEUED)
            return error;
    }
    return 0;
}

/* A fetch waits at the daemon. That the connection broke meanwhile has to be seen: nothing else
 * says that its answer will never come. Without it, the fetch is sent again when it has waited. */
static int64_t call_wait(struct rentbus_client *client, enum rentbus_op op, const void *args)
{
    const struct rentbus_fetch_args *fetch = args;
    if (op != RENTBUS_OP_consumer_fetch || !RENTBUS_HAS(fetch, fetch_args, wait_ms))
        return 0;
    int ignored = channel_watch(&client->channel);
    if (!ignored)
        ignored = wake_watch(&client->wake, client->channel.monitor_fd);
    (void)ignored;
    return (int64_t)(fetch->wait_ms < WAIT_MAX_MS ? fetch->wait_ms : WAIT_MAX_MS) * 1000;
}

int engine_start(struct rentbus_client *client, enum rentbus_op op,
                 const struct rentbus_uuid *command_id, const void *args, rentbus_completed *done,
                 void *context)
{
    struct rentbus_uuid id;
    int error = 0;
    if (client->closing)
        return -ECANCELED;
    if (command_id)
        id = *command_id;
    else
        error = rentbus_client_command_id(client, &id);
    if (error)
        return error;
    if (call_find(&client->calls, &id))
        return -EALREADY;
    struct call *call = call_acquire(&client->calls);
    if (!call)
        return -ENOMEM;
    error = request_encode(op, &id, args, client->args, &call->request, &client->fault);
    if (error) {
        call_release(&client->calls, call);
        return error;
    }
    int64_t now = clock_monotonic();
    call->op = op;
    call->id = id;
    call->done = done;
    call->context = context;
    call->wait = call_wait(client, op, args);
    call->deadline = now + client->timeout + call->wait;
    bool first = TAILQ_EMPTY(&client->calls.queued);
    call_insert(&client->calls, call);
    call_due(client, call, call->deadline);
    /* What cannot be sent now is tried again with the others. */
    if (client->gather || (first && call_send(client, call, now) != 0))
        client->work_left = true;
    return 0;
}

/* ---- receiving ---- */

/* The daemon is there and asks to come again later; false when that is past the deadline. */
static bool call_pause(struct rentbus_client *client, struct call *call, int64_t now)
{
    int64_t pause = doubled(PAUSE, call->pauses, PAUSE_DOUBLINGS_MAX);
    if (call->fault.retry_after_ms > 0)
        pause = (int64_t)call->fault.retry_after_ms * 1000;
    if (now + pause >= call->deadline)
        return false;
    call->pauses++;
    call_set_state(&client->calls, call, CALL_PAUSED);
    call_due(client, call, now + pause);
    return true;
}

static bool status_passes(int status)
{
    return status == RENTBUS_ERROR_BUSY || status == RENTBUS_ERROR_UNAVAILABLE;
}

/* The number of calls that it completes. */
static int message_take(struct rentbus_client *client, zmq_msg_t *message, int64_t now)
{
    struct rentbus_bytes bytes = {zmq_msg_data(message), zmq_msg_size(message)};
    struct rentbus_reply reply;
    rentbus_buffer_clear(&client->scratch);
    if (!reply_decode(bytes, &client->scratch, &reply))
        return 0;
    client->heard_at = now;
    struct call *call = call_find(&client->calls, &reply.id);
    if (!call)
        return 0;
    int status =
        reply_status(&reply, rentbus_op_rows[call->op].result, client->value, &call->fault);
    if (status_passes(status) && call_pause(client, call, now))
        return 0;
    if (status != 0) {
        call_fail(client, call, status);
        return 1;
    }
    struct rentbus_completion end = {.result = client->value, .encoded = reply.result};
    call_end(client, call, &end);
    return 1;
}

/* Until there is none left, or for one turn. */
static int messages_take(struct rentbus_client *client, int64_t now)
{
    int completed = 0;
    zmq_msg_t message;
    zmq_msg_init(&message);
    int received = 1;
    for (int i = 0; i < TURN_MESSAGES_MAX && received != 0; i++) {
        received = channel_receive(&client->channel, &message, 1);
        if (received > 0)
            completed += message_take(client, &message, now);
        else if (received < 0 && received != -EBADMSG)
            break;
    }
    zmq_msg_close(&message);
    client->work_left = received != 0;
    bool failed = received < 0 && received != -EBADMSG;
    return failed && completed == 0 ? received : completed;
}

/* ---- time ---- */

/* All that was sent on the connection before is sent again on a new one. */
static int reconnect(struct rentbus_client *client, int64_t now)
{
    struct channel *channel = &client->channel;
    wake_unwatch(&client->wake, channel->fd);
    if (channel->monitor)
        wake_unwatch(&client->wake, channel->monitor_fd);
    int error = channel_reopen(channel);
    int watch_error = wake_watch(&client->wake, channel->fd);
    if (!watch_error && channel->monitor)
        watch_error = wake_watch(&client->wake, channel->monitor_fd);
    if (error || watch_error)
        return error ? error : watch_error;
    client->heard_at = now;
    struct call *call;
    TAILQ_FOREACH(call, &client->calls.in_flight, in_flight)
    {
        if (call->state != CALL_SENT)
            continue;
        call->resends++;
        call_set_state(&client->calls, call, CALL_QUEUED);
        call->due = call->deadline;
    }
    return 0;
}

/* The daemon that calls waited at is gone, and with it all that it knew of them: libzmq connects
 * again by itself, and they are sent again. */
static void calls_wait_anew(struct rentbus_client *client)
{
    struct call *call;
    TAILQ_FOREACH(call, &client->calls.in_flight, in_flight)
    {
        if (call->wait == 0 || call->state != CALL_SENT)
            continue;
        call->resends++;
        call_set_state(&client->calls, call, CALL_QUEUED);
        call->due = call->deadline;
    }
}

/* True when the call is over. */
static bool call_expire(struct rentbus_client *client, struct call *call, int64_t now)
{
    if (now < call->deadline)
        return false;
    int status = call->state == CALL_PAUSED ? (int)call->fault.code : -ETIMEDOUT;
    call_fail(client, call, status);
    return true;
}

/* A call whose time has come and that is not over: sends it again. */
static int call_retry(struct rentbus_client *client, struct call *call, int64_t now)
{
    if (call->state == CALL_SENT) {
        if (now - client->heard_at >= client->retry)
            return reconnect(client, now);
        call->resends++;
    }
    if (call->state != CALL_QUEUED)
        call_set_state(&client->calls, call, CALL_QUEUED);
    call->due = call->deadline;
    return 0;
}

/* Looks at every call once. The number of calls completed, or a negative errno. */
static int calls_expire(struct rentbus_client *client, int64_t now)
{
    int completed = 0;
    int error = 0;
    client->next_due = CLOCK_NEVER;
    struct call *next;
    for (struct call *call = TAILQ_FIRST(&client->calls.in_flight); call; call = next) {
        int retried = 0;
        next = TAILQ_NEXT(call, in_flight);
        if (call->due <= now && call_expire(client, call, now)) {
            /* Its callback may have started one behind the last. */
            completed++;
            continue;
        }
        if (call->due <= now)
            retried = call_retry(client, call, now);
        error = error ? error : retried;
        client->next_due = earlier(client->next_due, call->due);
    }
    if (client->next_due != CLOCK_NEVER && client->next_due < now + TICK)
        client->next_due = now + TICK;
    return completed > 0 ? completed : error;
}

/* ---- turns ---- */

static int turn_once(struct rentbus_client *client, int64_t now)
{
    /* An answer that has arrived counts, however late it is looked at. */
    int received = messages_take(client, now);
    int expired = now >= client->next_due ? calls_expire(client, now) : 0;
    int error = queue_flush(client, now);
    if (expired > 0 || received > 0)
        return (expired > 0 ? expired : 0) + (received > 0 ? received : 0);
    if (expired < 0)
        return expired;
    return received < 0 ? received : error;
}

int engine_turn(struct rentbus_client *client)
{
    int64_t now = clock_monotonic();
    wake_clear(&client->wake, now);
    if (client->channel.monitor && channel_lost(&client->channel))
        calls_wait_anew(client);
    int completed = turn_once(client, now);
    /* Room may have come while it was being told that there is none. */
    if (completed >= 0 && !TAILQ_EMPTY(&client->calls.queued) && channel_ready(&client->channel))
        client->work_left = true;
    return completed;
}

int engine_wait(const struct rentbus_client *client, int64_t limit)
{
    if (client->work_left)
        return 0;
    int timeout = clock_poll_timeout(earlier(limit, client->next_due), clock_monotonic());
    struct pollfd poll_fds[] = {
        {.fd = client->channel.fd, .events = POLLIN},
        {.fd = client->channel.monitor_fd, .events = POLLIN},
    };
    return poll(poll_fds, client->channel.monitor ? 2 : 1, timeout) < 0 ? -errno : 0;
}

void engine_settle(struct rentbus_client *client)
{
    wake_ring(&client->wake, client->work_left);
    if (client->next_due != CLOCK_NEVER)
        wake_at(&client->wake, client->next_due);
}

void engine_cancel(struct rentbus_client *client)
{
    client->closing = true;
    struct call *call;
    while ((call = TAILQ_FIRST(&client->calls.in_flight)))
        call_fail(client, call, -ECANCELED);
}
