/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/hub.h"

#include <errno.h>

static const char greeting_text[] = "retry: " HTTP_STREAM_RETRY "\n\n";
static const char heartbeat_text[] = ":\n\n";

int http_hub_open(struct http_hub *hub, struct rentbus_client *client,
                  const struct rentbus_options *options)
{
    *hub = (struct http_hub){.client = client, .options = options};
    hub->greeting = http_chunk_bytes(greeting_text, sizeof(greeting_text) - 1);
    hub->heartbeat = http_chunk_bytes(heartbeat_text, sizeof(heartbeat_text) - 1);
    if (hub->greeting && hub->heartbeat)
        return 0;
    http_hub_close(hub);
    return -ENOMEM;
}

void http_hub_close(struct http_hub *hub)
{
    rentbus_subscriber_close(&hub->subscriber);
    http_ring_release(&hub->ring);
    http_chunk_drop(&hub->greeting);
    http_chunk_drop(&hub->heartbeat);
}

/* ---- the list ---- */

void http_hub_add(struct http_hub *hub, struct http_stream *stream)
{
    stream->previous = hub->last;
    stream->next = NULL;
    stream->written_ms = hub->now_ms;
    if (hub->last)
        hub->last->next = stream;
    else
        hub->first = stream;
    hub->last = stream;
    hub->stream_count++;
}

void http_hub_remove(struct http_hub *hub, struct http_stream *stream)
{
    hub->stream_count--;
    if (hub->turn == stream)
        hub->turn = stream->next;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        hub->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    else
        hub->last = stream->previous;
}

/* ---- the subscriber ---- */

static int subscriber_open(struct http_hub *hub)
{
    struct rentbus_subscription from = {.start = RENTBUS_START_SEQ, .seq = hub->ring.next};
    if (hub->subscriber)
        return 0;
    hub->watched = false;
    return rentbus_subscriber_open(hub->options, &from, &hub->subscriber);
}

int http_hub_start(struct http_hub *hub, uint64_t head)
{
    if (!hub->started) {
        http_ring_start(&hub->ring, head + 1);
        hub->started = true;
    }
    return subscriber_open(hub);
}

static void head_completed(void *context, const struct rentbus_completion *completion)
{
    struct http_hub *hub = context;
    const struct rentbus_hello_result *hello = completion->result;
    hub->asking = false;
    /* A subscriber that cannot be opened now is tried again with the next tick. */
    if (completion->status == 0 && http_hub_start(hub, hello->head) != 0)
        hub->subscriber = NULL;
}

static int head_ask(struct http_hub *hub)
{
    struct rentbus_empty nothing = {0};
    if (hub->asking)
        return 0;
    int error =
        rentbus_call_start(hub->client, RENTBUS_OP_hello, NULL, &nothing, head_completed, hub);
    hub->asking = error == 0;
    return error;
}

/* How many streams may be woken now: so many for each millisecond that has passed, and all of them
 * after a rest. */
static size_t wake_allowance(struct http_hub *hub)
{
    size_t most = hub->stream_count + HTTP_WAKE_SLICE;
    size_t earned = (size_t)(hub->now_ms - hub->earned_ms) * HTTP_WAKE_PER_MS;
    hub->earned_ms = hub->now_ms;
    hub->allowance = hub->allowance + earned < most ? hub->allowance + earned : most;
    return hub->allowance;
}

int http_hub_wake(struct http_hub *hub)
{
    size_t woken = 0;
    if (!hub->turn && hub->waking) {
        hub->turn = hub->first;
        hub->waking = false;
    }
    if (!hub->turn)
        return -1;
    size_t allowance = wake_allowance(hub);
    size_t needed = hub->stream_count < HTTP_WAKE_SLICE ? hub->stream_count : HTTP_WAKE_SLICE;
    if (allowance < needed)
        return (int)((needed - allowance - 1) / HTTP_WAKE_PER_MS + 1);
    for (; hub->turn && woken < HTTP_WAKE_SLICE; hub->turn = hub->turn->next) {
        if (!hub->turn->suspended || !http_stream_ready(hub->turn))
            continue;
        http_stream_resume(hub->turn);
        woken++;
    }
    hub->allowance -= woken;
    return woken > 0 || hub->turn || hub->waking ? 0 : -1;
}

void http_hub_forget(struct http_hub *hub)
{
    rentbus_subscriber_close(&hub->subscriber);
    hub->started = false;
    for (struct http_stream *stream = hub->first; stream; stream = stream->next) {
        stream->failed = true;
        http_stream_resume(stream);
    }
}

int http_hub_feed(struct http_hub *hub)
{
    struct rentbus_event event;
    int status = 0;
    int count = 0;
    if (!hub->subscriber)
        return 0;
    for (; count < HTTP_FEED_BATCH; count++) {
        status = rentbus_subscriber_next(hub->subscriber, 0, &event);
        if (status != 1)
            break;
        if (event.seq < hub->ring.next)
            continue;
        /* Without the memory for it, streams find it in history. */
        struct http_chunk *chunk = http_chunk_event(&event);
        if (chunk)
            http_ring_push(&hub->ring, event.seq, chunk);
        else
            http_ring_start(&hub->ring, event.seq + 1);
    }
    hub->waking |= count > 0;
    if (status != 0 && status != 1)
        rentbus_subscriber_close(&hub->subscriber);
    if (status == -ESTALE)
        http_hub_forget(hub);
    return status == 1 ? 0 : status;
}

static void heartbeats_send(struct http_hub *hub)
{
    for (struct http_stream *stream = hub->first; stream; stream = stream->next) {
        if (hub->now_ms - stream->written_ms < HTTP_HEARTBEAT_MS)
            continue;
        stream->written_ms = hub->now_ms;
        /* One that is not suspended has more to write than its reader takes. */
        stream->beat = stream->suspended;
        http_stream_resume(stream);
    }
}

int http_hub_tick(struct http_hub *hub)
{
    heartbeats_send(hub);
    if (hub->subscriber || hub->ending)
        return 0;
    return hub->started ? subscriber_open(hub) : head_ask(hub);
}

void http_hub_end(struct http_hub *hub)
{
    hub->ending = true;
    for (struct http_stream *stream = hub->first; stream; stream = stream->next)
        http_stream_resume(stream);
}
