/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/handlers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/bridge.h"
#include "bridge-http/link.h"
#include "bridge-http/media.h"
#include "bridge-http/openapi.h"
#include "bridge-http/problem.h"
#include "bridge-http/reply.h"
#include "bridge-http/stream.h"
#include "bridge-http/uri.h"

/* Rentals in one page of those that http_list_of_user() gathers. */
#define GATHER_LIMIT 100

/* Room for the arguments of any operation. */
#define ARGUMENTS_MEMBER(name, wire, args, result, mode) struct rentbus_##args name;
union arguments {
    RENTBUS_OPS(ARGUMENTS_MEMBER)
};

static struct rentbus_text body_text(const struct http_request *request)
{
    return (struct rentbus_text){request->body.data, request->body.length};
}

/* ---- handlers ---- */

int http_read_on(struct http_request *request, struct rentbus_fault *fault)
{
    union arguments args;
    enum rentbus_op op = request->match.route->op;
    int error = http_query_read_of(rentbus_op_rows[op].args, &request->match.named, request->query,
                                   &args, fault);
    return error ? error : http_request_call(request, op, &args, fault);
}

int http_read(struct http_request *request, struct rentbus_fault *fault)
{
    union arguments args;
    enum rentbus_op op = request->match.route->op;
    int error = http_query_read(rentbus_op_rows[op].args, request->query, &args, fault);
    return error ? error : http_request_call(request, op, &args, fault);
}

/* Starts the command of the route, as a dry run if the query says so. */
static int command_call(struct http_request *request, void *args, struct rentbus_fault *fault)
{
    enum rentbus_op op = request->match.route->op;
    int error = http_body_dry_run(rentbus_op_rows[op].args, request->query, args, fault);
    return error ? error : http_request_call(request, op, args, fault);
}

int http_command(struct http_request *request, struct rentbus_fault *fault)
{
    union arguments args;
    void *storage = NULL;
    enum rentbus_op op = request->match.route->op;
    int error =
        http_body_args(rentbus_op_rows[op].args, body_text(request), &args, &storage, fault);
    if (error)
        return error;
    error = command_call(request, &args, fault);
    rentbus_free(storage);
    return error;
}

int http_command_on(struct http_request *request, struct rentbus_fault *fault)
{
    union arguments args;
    void *storage = NULL;
    enum rentbus_op op = request->match.route->op;
    int error = http_body_with_id(rentbus_op_rows[op].args, request->match.named.value,
                                  body_text(request), &args, &storage, fault);
    if (error)
        return error;
    error = command_call(request, &args, fault);
    rentbus_free(storage);
    return error;
}

int http_return_rental(struct http_request *request, struct rentbus_fault *fault)
{
    struct rentbus_return_args args;
    void *storage = NULL;
    int error = http_body_return(request->match.named.value, http_bridge_time(), body_text(request),
                                 &args, &storage, fault);
    if (error)
        return error;
    error = command_call(request, &args, fault);
    rentbus_free(storage);
    return error;
}

int http_post_batch(struct http_request *request, struct rentbus_fault *fault)
{
    struct rentbus_empty nothing;
    struct rentbus_batch_args args;
    struct rentbus_client *client = request->bridge->client;
    void *storage = NULL;
    if (!client)
        return -ECANCELED; /* the bridge is closing */
    if (request->has_key)
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "Idempotency-Key",
                              strlen("Idempotency-Key"),
                              "each command of a batch has an id of its own");
    int error = http_query_read(&rentbus_empty_schema, request->query, &nothing, fault);
    if (!error)
        error = http_body_batch(body_text(request), client, &args, &storage, fault);
    if (error)
        return error;
    error = http_request_call(request, RENTBUS_OP_batch, &args, fault);
    rentbus_free(storage);
    return error;
}

static int gather_page(struct http_request *request, struct rentbus_text cursor,
                       struct rentbus_fault *fault)
{
    struct rentbus_rental_list_args args = {0};
    RENTBUS_SET(&args, rental_list_args, user_id, request->match.named.value);
    RENTBUS_SET(&args, rental_list_args, limit, GATHER_LIMIT);
    if (RENTBUS_HAS(&request->past, at_args, at))
        RENTBUS_SET(&args, rental_list_args, at, request->past.at);
    if (RENTBUS_HAS(&request->past, at_args, at_seq))
        RENTBUS_SET(&args, rental_list_args, at_seq, request->past.at_seq);
    if (cursor.data)
        RENTBUS_SET(&args, rental_list_args, cursor, cursor);
    return http_request_call(request, RENTBUS_OP_rental_list, &args, fault);
}

int http_list_of_user(struct http_request *request, struct rentbus_fault *fault)
{
    int error = http_query_read(&rentbus_at_args_schema, request->query, &request->past, fault);
    return error ? error : gather_page(request, (struct rentbus_text){0}, fault);
}

int http_get_events(struct http_request *request, struct rentbus_fault *fault)
{
    struct rentbus_events_read_args args;
    int error = http_query_read(&rentbus_events_read_args_schema, request->query, &args, fault);
    if (error)
        return error;
    if (strcmp(request->method, "GET") == 0 &&
        http_media_prefers(request->headers[HTTP_HEADER_ACCEPT], HTTP_TYPE_STREAM))
        return http_stream_open(&request->bridge->hub, request, &args, fault);
    return http_request_call(request, RENTBUS_OP_events_read, &args, fault);
}

int http_get_livez(struct http_request *request, struct rentbus_fault *fault)
{
    static const char text[] = "{\"status\":\"ok\"}";
    (void)fault;
    http_reply_static(request, MHD_HTTP_OK, HTTP_TYPE_JSON, text, sizeof(text) - 1);
    return 0;
}

int http_get_only(struct http_request *request, struct rentbus_fault *fault)
{
    struct rentbus_empty nothing = {0};
    return http_request_call(request, request->match.route->op, &nothing, fault);
}

int http_get_openapi(struct http_request *request, struct rentbus_fault *fault)
{
    (void)fault;
    http_reply_static(request, MHD_HTTP_OK, HTTP_TYPE_JSON, http_openapi, http_openapi_length);
    return 0;
}

/* ---- renderers ---- */

int http_render_result(struct http_request *request, const struct rentbus_completion *completion,
                       struct rentbus_fault *fault)
{
    (void)fault;
    return http_reply_struct(request, MHD_HTTP_OK, rentbus_op_rows[completion->op].result,
                             completion->result);
}

/* Whether an If-None-Match (RFC 9110, section 13.1.2) names the tag, or any. */
static bool tag_matches(const char *header, const char *tag)
{
    return header && (strcmp(header, "*") == 0 || strstr(header, tag));
}

static int render_rental(struct http_request *request, const struct rentbus_rental *rental)
{
    char tag[32];
    int error = 0;
    snprintf(tag, sizeof(tag), "\"%" PRIu64 "\"", rental->rev);
    if (tag_matches(request->headers[HTTP_HEADER_IF_NONE_MATCH], tag))
        http_reply_static(request, MHD_HTTP_NOT_MODIFIED, NULL, "", 0);
    else
        error = http_reply_struct(request, MHD_HTTP_OK, &rentbus_rental_schema, rental);
    http_reply_header(request, "ETag", tag);
    /* The form depends on it. */
    http_reply_header(request, "Vary", "Accept");
    return error;
}

int http_render_thing(struct http_request *request, const struct rentbus_completion *completion,
                      struct rentbus_fault *fault)
{
    const struct rentbus_field *field = &rentbus_op_rows[completion->op].result->fields[0];
    const void *thing = (const char *)completion->result + field->offset;
    (void)fault;
    if (field->schema == &rentbus_rental_schema)
        return render_rental(request, thing);
    return http_reply_struct(request, MHD_HTTP_OK, field->schema, thing);
}

int http_render_command(struct http_request *request, const struct rentbus_completion *completion,
                        struct rentbus_fault *fault)
{
    static const char prefix[] = "/commands/";
    char location[sizeof(prefix) + RENTBUS_UUID_TEXT_SIZE];
    const struct rentbus_command_result *result = completion->result;
    /* There is nothing to find again. */
    if (RENTBUS_HAS(result, command_result, dry_run) && result->dry_run)
        return http_render_result(request, completion, fault);
    int error =
        http_reply_struct(request, MHD_HTTP_ACCEPTED, &rentbus_command_result_schema, result);
    memcpy(location, prefix, sizeof(prefix) - 1);
    rentbus_uuid_format(completion->command_id, location + sizeof(prefix) - 1);
    http_reply_header(request, "Location", location);
    return error;
}

static int gather_rentals(struct http_buffer *buffer, const struct rentbus_list *rentals)
{
    struct rentbus_rental rental;
    size_t position = 0;
    int more;
    while ((more = rentbus_list_next(rentals, &rentbus_rental_schema, &position, &rental)) > 0) {
        char *json = rentbus_to_json(&rentbus_rental_schema, &rental);
        if (!json)
            return -ENOMEM;
        http_buffer_append(buffer, buffer->length ? "," : "[", 1, HTTP_GATHERED_MAX);
        int error = http_buffer_append(buffer, json, strlen(json), HTTP_GATHERED_MAX);
        rentbus_free(json);
        if (error)
            return error;
    }
    return more;
}

int http_render_of_user(struct http_request *request, const struct rentbus_completion *completion,
                        struct rentbus_fault *fault)
{
    const struct rentbus_rental_page *page = completion->result;
    struct http_buffer *buffer = &request->gathered;
    int error = gather_rentals(buffer, &page->rentals);
    if (error == -EFBIG)
        return http_fault_set(fault, RENTBUS_ERROR_TOO_LARGE, "", 0,
                              "too many for one answer: page with GET /rentals?user_id=");
    if (error)
        return error;
    if (RENTBUS_HAS(page, rental_page, cursor))
        return gather_page(request, page->cursor, fault);
    error = buffer->length ? 0 : http_buffer_append(buffer, "[", 1, HTTP_GATHERED_MAX);
    if (!error)
        error = http_buffer_append(buffer, "]", 1, SIZE_MAX);
    if (error)
        return error;
    http_reply_bytes(request, MHD_HTTP_OK, HTTP_TYPE_JSON, buffer->data, buffer->length, free);
    *buffer = (struct http_buffer){0};
    return 0;
}

int http_render_events(struct http_request *request, const struct rentbus_completion *completion,
                       struct rentbus_fault *fault)
{
    if (completion->op == RENTBUS_OP_hello)
        return http_stream_hello(&request->bridge->hub, request, completion->result, fault);
    if (request->stream)
        return http_stream_tried(&request->bridge->hub, request, fault);
    const struct rentbus_event_page *page = completion->result;
    int error = http_render_result(request, completion, fault);
    if (error || page->next_seq > page->head)
        return error;
    char *link = http_link_next(request->path, request->asked, page->next_seq);
    /* Without it, the page's next_seq says the same. */
    if (link)
        http_reply_header(request, "Link", link);
    free(link);
    return 0;
}
