/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "bridge-http/bridge.h"
#include "bridge-http/media.h"
#include "bridge-http/problem.h"
#include "bridge-http/reply.h"
#include "bridge-http/routes.h"
#include "bridge-http/stream.h"
#include "bridge-http/uri.h"

/* `once`: two of them are two opinions, and a proxy before us may have followed the other. */
static const struct {
    const char *name;
    bool once;
} header_rows[HTTP_HEADER_COUNT] = {
    [HTTP_HEADER_ACCEPT] = {"Accept", false},
    [HTTP_HEADER_CONTENT_LENGTH] = {"Content-Length", true},
    [HTTP_HEADER_CONTENT_TYPE] = {"Content-Type", true},
    [HTTP_HEADER_HOST] = {"Host", true},
    [HTTP_HEADER_IDEMPOTENCY_KEY] = {"Idempotency-Key", true},
    [HTTP_HEADER_IF_NONE_MATCH] = {"If-None-Match", false},
    [HTTP_HEADER_LAST_EVENT_ID] = {"Last-Event-ID", true},
    [HTTP_HEADER_ORIGIN] = {"Origin", true},
    [HTTP_HEADER_TRANSFER_ENCODING] = {"Transfer-Encoding", true},
};

struct head {
    struct http_request *request;
    enum http_header repeated; /* HTTP_HEADER_COUNT: none */
};

void *http_request_open(void *bridge, const char *target, struct MHD_Connection *connection)
{
    size_t size = strlen(target) + 1;
    struct http_request *request = malloc(sizeof(*request) + size);
    if (!request)
        return NULL;
    *request = (struct http_request){.bridge = bridge, .connection = connection};
    memcpy(request->target, target, size);
    request->bridge->requests++;
    LIST_INSERT_HEAD(&request->bridge->receiving, request, receiving);
    http_uri_split(request->target, &request->path, &request->query);
    return request;
}

/* All of it has come, or no more is wanted. */
static void request_received(struct http_request *request)
{
    if (request->phase != HTTP_PHASE_SERVED)
        LIST_REMOVE(request, receiving);
    request->phase = HTTP_PHASE_SERVED;
}

static void request_free(struct http_request *request)
{
    if (request->response)
        MHD_destroy_response(request->response);
    http_stream_destroy(&request->stream);
    http_buffer_release(&request->body);
    http_buffer_release(&request->gathered);
    free(request->asked);
    free(request);
}

void http_request_close(void *bridge, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *context;
    (void)bridge;
    (void)connection;
    (void)code;
    *context = NULL;
    if (!request)
        return;
    request->bridge->requests--;
    request_received(request);
    if (request->calling)
        request->gone = true;
    else
        request_free(request);
}

void http_request_sweep(struct http_bridge *bridge)
{
    struct http_request *request;
    char byte;
    LIST_FOREACH(request, &bridge->receiving, receiving)
    {
        int fd = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                     ->connect_fd;
        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            shutdown(fd, SHUT_RDWR);
    }
}

static enum MHD_Result header_take(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct head *head = context;
    (void)kind;
    for (size_t i = 0; i < HTTP_HEADER_COUNT; i++) {
        if (strcasecmp(name, header_rows[i].name) != 0)
            continue;
        if (!head->request->headers[i])
            head->request->headers[i] = value ? value : "";
        else if (header_rows[i].once)
            head->repeated = (enum http_header)i;
    }
    return MHD_YES;
}

static int header_fault(struct rentbus_fault *fault, int error, enum http_header header,
                        const char *message)
{
    const char *name = header_rows[header].name;
    return http_fault_set(fault, error, name, strlen(name), message);
}

static int body_fault(const struct http_request *request, struct rentbus_fault *fault)
{
    char message[64];
    snprintf(message, sizeof(message), "a body has at most %zu bytes here", request->body_max);
    return http_fault_set(fault, RENTBUS_ERROR_TOO_LARGE, "", 0, message);
}

/* What cannot be served on this connection: whoever is before us may see other borders between the
 * requests than we do. */
static int head_check(const struct http_request *request, const char *version,
                      enum http_header repeated, struct rentbus_fault *fault)
{
    const char *encoding = request->headers[HTTP_HEADER_TRANSFER_ENCODING];
    const char *length = request->headers[HTTP_HEADER_CONTENT_LENGTH];
    uint64_t bytes = 0;
    if (repeated != HTTP_HEADER_COUNT)
        return header_fault(fault, RENTBUS_ERROR_MALFORMED, repeated, "is given twice");
    /* libmicrohttpd answers these itself, but calls us all the same. */
    if (!request->headers[HTTP_HEADER_HOST] && strcmp(version, MHD_HTTP_VERSION_1_0) != 0)
        return header_fault(fault, RENTBUS_ERROR_MALFORMED, HTTP_HEADER_HOST, "is missing");
    if (length && !http_number_parse(length, strlen(length), &bytes))
        return header_fault(fault, RENTBUS_ERROR_MALFORMED, HTTP_HEADER_CONTENT_LENGTH,
                            "must be a number");
    if (encoding && length)
        return header_fault(fault, RENTBUS_ERROR_MALFORMED, HTTP_HEADER_TRANSFER_ENCODING,
                            "must not stand beside Content-Length");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return header_fault(fault, RENTBUS_ERROR_MALFORMED, HTTP_HEADER_TRANSFER_ENCODING,
                            "must be chunked");
    return bytes > HTTP_BODY_DRAIN_MAX ? body_fault(request, fault) : 0;
}

static enum MHD_Result request_send(struct http_request *request)
{
    struct MHD_Response *response = request->response;
    if (!response)
        return MHD_NO;
    request->response = NULL;
    enum MHD_Result sent = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return sent;
}

/* A body may come with each of them. */
static bool is_write(const char *method)
{
    return strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0 ||
           strcmp(method, "DELETE") == 0;
}

/* Known before the body comes in; who is refused later anyway may not send much. */
static size_t body_limit(const struct http_request *request)
{
    struct http_match match;
    struct rentbus_fault unused;
    if (!is_write(request->method) ||
        http_router_match(http_routes, http_route_count, request->method, request->path, &match,
                          &unused) != 0)
        return HTTP_BODY_MAX;
    bool many = match.route->op == RENTBUS_OP_batch || match.route->op == RENTBUS_OP_publish;
    return many ? HTTP_BATCH_MAX : HTTP_BODY_MAX;
}

/* An answer in the first call closes the connection: it is for heads that head_check() refuses. */
static enum MHD_Result request_begin(struct http_request *request, const char *method,
                                     const char *version)
{
    struct rentbus_fault fault;
    struct head head = {request, HTTP_HEADER_COUNT};
    request->method = method;
    request->body_max = body_limit(request);
    request->phase = HTTP_PHASE_BODY;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, header_take, &head);
    int error = head_check(request, version, head.repeated, &fault);
    if (!error)
        return MHD_YES;
    request_received(request);
    http_reply_problem(request, error, &fault);
    return request_send(request);
}

static enum MHD_Result request_receive(struct http_request *request, const char *upload,
                                       size_t *upload_size)
{
    request->received += *upload_size;
    if (request->received > HTTP_BODY_DRAIN_MAX)
        return MHD_NO;
    http_buffer_append(&request->body, upload, *upload_size, request->body_max);
    *upload_size = 0;
    return MHD_YES;
}

/* A web page of another site may not make its visitor's browser write here. */
static bool is_foreign(const struct http_request *request)
{
    const char *origin = request->headers[HTTP_HEADER_ORIGIN];
    const char *host = request->headers[HTTP_HEADER_HOST];
    const char *authority = origin ? strstr(origin, "://") : NULL;
    return origin && (!authority || !host || strcasecmp(authority + 3, host) != 0);
}

static int write_check(struct http_request *request, struct rentbus_fault *fault)
{
    const char *key = request->headers[HTTP_HEADER_IDEMPOTENCY_KEY];
    if (is_foreign(request))
        return header_fault(fault, RENTBUS_ERROR_PERMISSION_DENIED, HTTP_HEADER_ORIGIN,
                            "pages of other sites may not write here");
    if (request->body.error == -EFBIG)
        return body_fault(request, fault);
    if (request->body.error)
        return request->body.error;
    if (!http_media_is_json(request->headers[HTTP_HEADER_CONTENT_TYPE]))
        return header_fault(fault, HTTP_REFUSAL_MEDIA, HTTP_HEADER_CONTENT_TYPE,
                            "must be application/json");
    if (key && !rentbus_uuid_parse(rentbus_text(key), &request->key))
        return header_fault(fault, RENTBUS_ERROR_INVALID_ARGUMENT, HTTP_HEADER_IDEMPOTENCY_KEY,
                            "must be a UUID");
    request->has_key = key != NULL;
    return 0;
}

static int request_dispatch(struct http_request *request, struct rentbus_fault *fault)
{
    int error = http_router_match(http_routes, http_route_count, request->method, request->path,
                                  &request->match, fault);
    if (!error && is_write(request->method))
        error = write_check(request, fault);
    if (error)
        return error;
    if (request->match.route->op == RENTBUS_OP_events_read && request->query) {
        request->asked = strdup(request->query);
        if (!request->asked)
            return -ENOMEM;
    }
    return request->match.route->handle(request, fault);
}

enum MHD_Result http_request_serve(void *bridge, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_size, void **context)
{
    struct http_request *request = *context;
    struct rentbus_fault fault;
    (void)bridge;
    (void)url;
    if (!request)
        return MHD_NO;
    if (request->phase == HTTP_PHASE_HEAD)
        return request_begin(request, method, version);
    if (*upload_size > 0)
        return request_receive(request, upload, upload_size);
    if (request->phase == HTTP_PHASE_BODY) {
        request_received(request);
        int error = request_dispatch(request, &fault);
        if (error)
            http_reply_problem(request, error, &fault);
        /* We are asked again at once, and suspend then. A connection that is suspended here would
         * be read from when it is resumed, before we are asked, and a client that has shut down its
         * side would get no answer. */
        if (request->calling)
            return MHD_YES;
    }
    if (!request->calling)
        return request_send(request);
    request->suspended = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

static void call_completed(void *context, const struct rentbus_completion *completion)
{
    struct http_request *request = context;
    struct rentbus_fault fault = {0};
    int error = completion->status;
    request->calling = false;
    if (request->gone) {
        request_free(request);
        return;
    }
    if (completion->fault)
        fault = *completion->fault;
    if (!error)
        error = request->match.route->render(request, completion, &fault);
    if (error)
        http_reply_problem(request, error, &fault);
    if (!request->calling && request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->connection);
    }
}

/* Whether it asks for what the daemon does not have at hand: the past, and what led to it. */
static bool call_is_long(enum rentbus_op op, const void *args)
{
    static const char *const times[] = {"at", "at_seq"};
    const struct rentbus_op_row *row = &rentbus_op_rows[op];
    for (size_t i = 0; row->mode == RENTBUS_MODE_READ && i < 2; i++) {
        size_t index = rentbus_schema_find(row->args, times[i], strlen(times[i]));
        if (*(const uint64_t *)args >> index & 1)
            return true;
    }
    return op == RENTBUS_OP_explain;
}

int http_request_call(struct http_request *request, enum rentbus_op op, const void *args,
                      struct rentbus_fault *fault)
{
    const struct rentbus_uuid *key =
        request->has_key && rentbus_op_rows[op].mode == RENTBUS_MODE_COMMAND ? &request->key : NULL;
    struct rentbus_client *client =
        call_is_long(op, args) ? request->bridge->patient : request->bridge->client;
    if (!client)
        return -ECANCELED; /* the bridge is closing */
    int error = rentbus_call_start(client, op, key, args, call_completed, request);
    if (error > 0)
        *fault = *rentbus_client_fault(client);
    request->calling = error == 0;
    return error;
}
