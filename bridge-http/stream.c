/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/hub.h"
#include "bridge-http/media.h"
#include "bridge-http/problem.h"
#include "bridge-http/reply.h"
#include "bridge-http/uri.h"

/* libmicrohttpd's buffer for clients of HTTP/1.0; the others are written to without it. */
#define STREAM_BLOCK 1024

static struct http_stream *stream_new(struct http_hub *hub, struct MHD_Connection *connection,
                                      const struct rentbus_ids *types)
{
    size_t bytes = 0;
    for (size_t i = 0; i < types->count; i++)
        bytes += types->items[i].length;
    struct http_stream *stream =
        calloc(1, sizeof(*stream) + types->count * sizeof(stream->types[0]) + bytes);
    if (!stream)
        return NULL;
    stream->hub = hub;
    stream->connection = connection;
    stream->type_count = types->count;
    char *next = (char *)&stream->types[types->count];
    for (size_t i = 0; i < types->count; i++) {
        struct rentbus_text type = types->items[i];
        memcpy(next, type.data, type.length);
        stream->types[i] = (struct rentbus_text){next, type.length};
        next += type.length;
    }
    return stream;
}

void http_stream_destroy(struct http_stream **stream)
{
    if (*stream) {
        http_chunk_drop(&(*stream)->chunk);
        http_chunk_drop(&(*stream)->page);
        free(*stream);
    }
    *stream = NULL;
}

/* The response is gone, and with it the stream, unless a call will still come back to it. */
static void stream_gone(void *context)
{
    struct http_stream *stream = context;
    http_hub_remove(stream->hub, stream);
    if (stream->paging)
        stream->gone = true;
    else
        http_stream_destroy(&stream);
}

void http_stream_resume(struct http_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    stream->turn = true;
    MHD_resume_connection(stream->connection);
}

static bool stream_wants(const struct http_stream *stream, struct rentbus_text type)
{
    for (size_t i = 0; i < stream->type_count; i++)
        if (rentbus_text_equal(stream->types[i], type))
            return true;
    return stream->type_count == 0;
}

static bool stream_in_ring(const struct http_stream *stream)
{
    return !stream->has_since && stream->next_seq >= stream->hub->ring.first;
}

bool http_stream_ready(struct http_stream *stream)
{
    struct http_chunk *chunk;
    if (stream->paging || !stream_in_ring(stream))
        return !stream->paging;
    while ((chunk = http_ring_get(&stream->hub->ring, stream->next_seq)) != NULL) {
        if (stream_wants(stream, chunk->type))
            return true;
        stream->next_seq++;
    }
    return false;
}

/* ---- history ---- */

static int page_render(struct http_stream *stream, const struct rentbus_event_page *page)
{
    struct http_buffer text = {0};
    struct rentbus_event event;
    size_t position = 0;
    int more;
    int error = 0;
    uint64_t next_seq = page->next_seq;
    while (!error && (more = rentbus_list_next(&page->events, &rentbus_event_schema, &position,
                                               &event)) != 0) {
        error = more < 0 ? more : http_sse_append(&text, &event, HTTP_PAGE_BYTES);
        if (error == -EFBIG && text.length > 0) {
            next_seq = event.seq;
            error = 0;
            break;
        }
    }
    if (!error && text.length > 0) {
        stream->page = http_chunk_bytes(text.data, text.length);
        error = stream->page ? 0 : -ENOMEM;
    }
    http_buffer_release(&text);
    if (!error) {
        stream->next_seq = next_seq;
        stream->has_since = false;
    }
    return error;
}

/* Errors that pass while the daemon starts again. The SDK has tried for its timeout already. */
static bool passes(int error)
{
    return error == -ETIMEDOUT || error == RENTBUS_ERROR_UNAVAILABLE || error == RENTBUS_ERROR_BUSY;
}

static void page_completed(void *context, const struct rentbus_completion *completion)
{
    struct http_stream *stream = context;
    int error = completion->status;
    stream->paging = false;
    if (stream->gone) {
        http_stream_destroy(&stream);
        return;
    }
    if (!error)
        error = page_render(stream, completion->result);
    stream->failed = error && !passes(error);
    http_stream_resume(stream);
}

static void page_ask(struct http_stream *stream)
{
    struct rentbus_events_read_args args = {0};
    RENTBUS_SET(&args, events_read_args, limit, HTTP_PAGE_EVENTS);
    if (stream->has_since)
        RENTBUS_SET(&args, events_read_args, since, stream->since);
    else
        RENTBUS_SET(&args, events_read_args, from_seq, stream->next_seq);
    if (stream->type_count > 0) {
        args.types.count = stream->type_count;
        memcpy(args.types.items, stream->types, stream->type_count * sizeof(stream->types[0]));
        args.has |= RENTBUS_BIT(events_read_args, types);
    }
    int error = rentbus_call_start(stream->hub->client, RENTBUS_OP_events_read, NULL, &args,
                                   page_completed, stream);
    stream->paging = error == 0;
    stream->failed = error != 0;
}

/* ---- what is written ---- */

/* From the ring: the next event, and those behind it when it wants all of them. */
static struct http_chunk *stream_take(struct http_stream *stream)
{
    struct http_ring *ring = &stream->hub->ring;
    if (stream->type_count == 0)
        return http_ring_take(ring, &stream->next_seq);
    return http_chunk_hold(http_ring_get(ring, stream->next_seq++));
}

/* Puts what comes next into stream->chunk, if there is anything. */
static bool stream_next(struct http_stream *stream)
{
    if (stream->chunk)
        return true;
    if (stream->hub->ending || stream->failed)
        return false;
    if (stream->page) {
        stream->chunk = stream->page;
        stream->page = NULL;
    } else if (http_stream_ready(stream)) {
        if (!stream_in_ring(stream))
            page_ask(stream);
        else if (stream->turn)
            stream->chunk = stream_take(stream);
        else
            stream->hub->waking = true;
    }
    if (!stream->chunk && stream->beat)
        stream->chunk = http_chunk_hold(stream->hub->heartbeat);
    stream->beat = false;
    return stream->chunk != NULL;
}

static ssize_t stream_read(void *context, uint64_t position, char *buffer, size_t room)
{
    struct http_stream *stream = context;
    size_t used = 0;
    (void)position;
    while (used < room && stream_next(stream)) {
        size_t left = stream->chunk->length - stream->offset;
        size_t length = left < room - used ? left : room - used;
        memcpy(buffer + used, stream->chunk->data + stream->offset, length);
        used += length;
        stream->offset += length;
        if (length == left) {
            http_chunk_drop(&stream->chunk);
            stream->offset = 0;
        }
    }
    /* What comes while that is written has time until the next turn: to write it by itself would
     * cost as much as to write it with what comes then. */
    stream->turn = used == room;
    if (used > 0) {
        stream->written_ms = stream->hub->now_ms;
        return (ssize_t)used;
    }
    if (stream->failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream->hub->ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->suspended = true;
    MHD_suspend_connection(stream->connection);
    return 0;
}

/* ---- opening ---- */

static void stream_answer(struct http_hub *hub, struct http_request *request)
{
    struct http_stream *stream = request->stream;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, stream, stream_gone);
    if (!response)
        return;
    stream->chunk = http_chunk_hold(hub->greeting);
    http_hub_add(hub, stream);
    request->stream = NULL;
    request->response = response;
    request->status = MHD_HTTP_OK;
    http_reply_header(request, "Content-Type", HTTP_TYPE_STREAM);
    http_reply_header(request, "Cache-Control", "no-store");
    /* nginx would hold back what is not a whole buffer. */
    http_reply_header(request, "X-Accel-Buffering", "no");
}

static int stream_place(struct http_stream *stream, const char *last_event_id,
                        const struct rentbus_events_read_args *args, struct rentbus_fault *fault)
{
    uint64_t last = 0;
    if (last_event_id) {
        if (!http_number_parse(last_event_id, strlen(last_event_id), &last) || last == UINT64_MAX)
            return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "Last-Event-ID", 13,
                                  "must be the id of an event of this stream, a number");
        stream->next_seq = last + 1;
    } else if (RENTBUS_HAS(args, events_read_args, from_seq)) {
        stream->next_seq = args->from_seq ? args->from_seq : 1;
    } else if (RENTBUS_HAS(args, events_read_args, since)) {
        stream->has_since = true;
        stream->since = args->since;
    } else {
        stream->from_now = true;
        stream->next_seq = stream->hub->started ? stream->hub->ring.next : 0;
    }
    return 0;
}

/* Whether the stream begins with what only the daemon can give: it may no longer be there, and then
 * that is the answer. */
static bool stream_in_past(const struct http_stream *stream)
{
    return !stream->from_now && !stream_in_ring(stream);
}

static int stream_try(struct http_request *request, struct rentbus_fault *fault)
{
    const struct http_stream *stream = request->stream;
    struct rentbus_events_read_args args = {0};
    RENTBUS_SET(&args, events_read_args, limit, 1);
    if (stream->has_since)
        RENTBUS_SET(&args, events_read_args, since, stream->since);
    else
        RENTBUS_SET(&args, events_read_args, from_seq, stream->next_seq);
    return http_request_call(request, RENTBUS_OP_events_read, &args, fault);
}

int http_stream_tried(struct http_hub *hub, struct http_request *request,
                      struct rentbus_fault *fault)
{
    struct rentbus_empty nothing = {0};
    if (!hub->started)
        return http_request_call(request, RENTBUS_OP_hello, &nothing, fault);
    stream_answer(hub, request);
    return 0;
}

/* What comes is told apart by its type alone. */
static int stream_refuse(const struct rentbus_events_read_args *args, struct rentbus_fault *fault)
{
    static const int histories[] = {RENTBUS_FIELD_events_read_args_rental_id,
                                    RENTBUS_FIELD_events_read_args_user_id,
                                    RENTBUS_FIELD_events_read_args_asset_id};
    for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++) {
        const struct rentbus_field *field = &rentbus_events_read_args_schema.fields[histories[i]];
        if (args->has >> histories[i] & 1)
            return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field->name,
                                  field->name_length, "is for pages, not for streams");
    }
    return 0;
}

int http_stream_open(struct http_hub *hub, struct http_request *request,
                     const struct rentbus_events_read_args *args, struct rentbus_fault *fault)
{
    struct rentbus_empty nothing = {0};
    int error = stream_refuse(args, fault);
    if (error)
        return error;
    request->stream = stream_new(hub, request->connection, &args->types);
    if (!request->stream)
        return -ENOMEM;
    error = stream_place(request->stream, request->headers[HTTP_HEADER_LAST_EVENT_ID], args, fault);
    if (error)
        return error;
    if (!hub->started || request->stream->from_now)
        return http_request_call(request, RENTBUS_OP_hello, &nothing, fault);
    if (stream_in_past(request->stream))
        return stream_try(request, fault);
    stream_answer(hub, request);
    return 0;
}

int http_stream_hello(struct http_hub *hub, struct http_request *request,
                      const struct rentbus_hello_result *hello, struct rentbus_fault *fault)
{
    struct http_stream *stream = request->stream;
    if (stream->from_now) {
        /* Unless the hub has begun anew meanwhile. */
        if (hub->started && hello->head + 1 < stream->next_seq &&
            stream->next_seq <= hub->ring.next)
            http_hub_forget(hub);
        stream->next_seq = hello->head + 1;
    }
    int error = http_hub_start(hub, hello->head);
    if (!error && stream_in_past(stream))
        return stream_try(request, fault);
    if (!error)
        stream_answer(hub, request);
    return error;
}
