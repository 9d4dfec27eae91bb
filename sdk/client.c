/* SPDX-License-Identifier: MPL-2.0 */
/* The calls of <rentbus/rentbus.h> that have to do with a client. */
#include "sdk/client.h"
#include "sdk/clock.h"
#include "sdk/options.h"
#include "sdk/protocol/codec.h"
#include "sdk/request.h"

#include <errno.h>
#include <stdlib.h>

#define IN_FLIGHT_LIMIT (1 << 20)
/* Replies that no call waits for any more may stand in the queue beside those that count. */
#define REPLIES_SPARE 1024

/* ---- opening and closing ---- */

static int client_start(struct rentbus_client *client, const struct options *options)
{
    int error = wake_open(&client->wake);
    if (!error)
        error = call_table_open(&client->calls, options->in_flight_max);
    if (!error)
        error = channel_open(&client->channel, ZMQ_DEALER, options->api,
                             (int)options->in_flight_max + REPLIES_SPARE, NULL, 0);
    return error ? error : wake_watch(&client->wake, client->channel.fd);
}

int rentbus_client_open(const struct rentbus_options *options, struct rentbus_client **client)
{
    struct options chosen = options_choose(options);
    if (chosen.in_flight_max > IN_FLIGHT_LIMIT)
        return -EINVAL;
    struct rentbus_client *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    fresh->wake = (struct wake){.epoll_fd = -1, .timer_fd = -1, .bell_fd = -1};
    TAILQ_INIT(&fresh->calls.in_flight);
    fresh->in_flight_max = chosen.in_flight_max;
    fresh->gather = chosen.gather;
    fresh->timeout = (int64_t)chosen.timeout_ms * 1000;
    fresh->retry = (int64_t)chosen.retry_ms * 1000;
    fresh->next_due = CLOCK_NEVER;
    fresh->heard_at = clock_monotonic();
    fresh->args = calloc(1, request_value_size());
    fresh->value = calloc(1, request_value_size());
    int error = fresh->args && fresh->value ? client_start(fresh, &chosen) : -ENOMEM;
    if (error) {
        rentbus_client_close(&fresh);
        return error;
    }
    *client = fresh;
    return 0;
}

void rentbus_client_close(struct rentbus_client **client)
{
    if (!client || !*client)
        return;
    struct rentbus_client *closed = *client;
    engine_cancel(closed);
    channel_close(&closed->channel);
    wake_close(&closed->wake);
    call_table_close(&closed->calls);
    rentbus_buffer_release(&closed->scratch);
    rentbus_buffer_release(&closed->held);
    free(closed->args);
    free(closed->value);
    free(closed);
    *client = NULL;
}

/* ---- one call ---- */

struct waiter {
    bool done;
    int status;
    struct rentbus_client *client;
    void *result;
};

/* Keeps a copy of the bytes: the message goes, and *result points into what it is decoded from. */
static int result_hold(struct waiter *waiter, const struct rentbus_completion *completion)
{
    struct rentbus_buffer *held = &waiter->client->held;
    struct rentbus_fault unused;
    rentbus_buffer_clear(held);
    rentbus_buffer_append(held, completion->encoded.data, completion->encoded.length);
    if (held->failed)
        return -ENOMEM;
    struct rentbus_bytes bytes = {held->data, held->length};
    int error = rentbus_decode(rentbus_op_rows[completion->op].result, bytes, RENTBUS_LENIENT,
                               waiter->result, &unused);
    return error ? -EBADMSG : 0;
}

static void waiter_done(void *context, const struct rentbus_completion *completion)
{
    struct waiter *waiter = context;
    waiter->done = true;
    waiter->status = completion->status;
    if (completion->fault)
        waiter->client->fault = *completion->fault;
    if (completion->status == 0 && waiter->result)
        waiter->status = result_hold(waiter, completion);
}

/* A socket that fails for good ends the call at its deadline, so its error is let pass here. */
static void waiter_wait(struct waiter *waiter)
{
    struct rentbus_client *client = waiter->client;
    while (!waiter->done) {
        int ignored = engine_turn(client);
        if (!waiter->done)
            ignored = engine_wait(client, CLOCK_NEVER);
        (void)ignored;
    }
}

int rentbus_call(struct rentbus_client *client, enum rentbus_op op,
                 const struct rentbus_uuid *command_id, const void *args, void *result)
{
    if (!client || (unsigned)op >= RENTBUS_OP_COUNT)
        return -EINVAL;
    if (client->inside)
        return -EBUSY;
    struct waiter waiter = {.client = client, .result = result};
    int error = engine_start(client, op, command_id, args, waiter_done, &waiter);
    if (error)
        return error;
    waiter_wait(&waiter);
    engine_settle(client);
    return waiter.status;
}

const struct rentbus_fault *rentbus_client_fault(const struct rentbus_client *client)
{
    return &client->fault;
}

int rentbus_client_command_id(struct rentbus_client *client, struct rentbus_uuid *command_id)
{
    return rentbus_uuid_next(&client->ids, clock_wall(), command_id);
}

/* ---- many calls ---- */

int rentbus_call_start(struct rentbus_client *client, enum rentbus_op op,
                       const struct rentbus_uuid *command_id, const void *args,
                       rentbus_completed *done, void *context)
{
    if (!client || !done || (unsigned)op >= RENTBUS_OP_COUNT)
        return -EINVAL;
    if (client->calls.count >= client->in_flight_max)
        return -EAGAIN;
    int error = engine_start(client, op, command_id, args, done, context);
    if (!client->inside)
        engine_settle(client);
    return error;
}

size_t rentbus_client_in_flight(const struct rentbus_client *client)
{
    return client->calls.count;
}

int rentbus_client_fd(const struct rentbus_client *client)
{
    return client->wake.epoll_fd;
}

int rentbus_client_process(struct rentbus_client *client)
{
    if (client->inside)
        return -EBUSY;
    int completed = engine_turn(client);
    engine_settle(client);
    return completed;
}

int rentbus_client_wait(struct rentbus_client *client, int timeout_ms)
{
    if (client->inside)
        return -EBUSY;
    int64_t limit = timeout_ms < 0 ? CLOCK_NEVER : clock_monotonic() + (int64_t)timeout_ms * 1000;
    int completed;
    int error = 0;
    for (;;) {
        completed = engine_turn(client);
        if (completed != 0 || error || client->calls.count == 0 || clock_monotonic() >= limit)
            break;
        error = engine_wait(client, limit);
    }
    engine_settle(client);
    return completed != 0 ? completed : error;
}
