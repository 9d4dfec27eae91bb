/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/bridge.h"
#include "bridge-http/media.h"
#include "bridge-http/problem.h"

static void response_take(struct http_request *request, unsigned status, const char *type,
                          struct MHD_Response *response)
{
    if (request->response)
        MHD_destroy_response(request->response);
    request->response = response;
    request->status = status;
    if (type)
        http_reply_header(request, "Content-Type", type);
    if (request->bridge->stopping)
        http_reply_header(request, "Connection", "close");
}

void http_reply_bytes(struct http_request *request, unsigned status, const char *type, void *data,
                      size_t length, MHD_ContentReaderFreeCallback release)
{
    struct MHD_Response *response = NULL;
    if (data)
        response = MHD_create_response_from_buffer_with_free_callback(length, data, release);
    if (!response)
        release(data);
    response_take(request, status, type, response);
}

/* libmicrohttpd's buffers are not const, but one that is persistent is only read. */
static void *borrowed(const char *data)
{
    union {
        const char *in;
        void *out;
    } both = {data};
    return both.out;
}

void http_reply_static(struct http_request *request, unsigned status, const char *type,
                       const char *data, size_t length)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, borrowed(data), MHD_RESPMEM_PERSISTENT);
    response_take(request, status, type, response);
}

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
    if (request->response && MHD_add_response_header(request->response, name, value) != MHD_YES) {
        MHD_destroy_response(request->response);
        request->response = NULL;
    }
}

int http_reply_struct(struct http_request *request, unsigned status,
                      const struct rentbus_schema *schema, const void *value)
{
    if (http_media_prefers(request->headers[HTTP_HEADER_ACCEPT], HTTP_TYPE_CBOR)) {
        uint8_t *bytes = NULL;
        size_t length = 0;
        int error = rentbus_to_cbor(schema, value, &bytes, &length);
        if (!error)
            http_reply_bytes(request, status, HTTP_TYPE_CBOR, bytes, length, rentbus_free);
        return error;
    }
    char *json = rentbus_to_json(schema, value);
    if (!json)
        return -ENOMEM;
    http_reply_bytes(request, status, HTTP_TYPE_JSON, json, strlen(json), rentbus_free);
    return 0;
}

void http_reply_problem(struct http_request *request, int error, const struct rentbus_fault *fault)
{
    const struct http_problem *problem = http_problem_find(error);
    const struct rentbus_fault *told = error > 0 ? fault : NULL;
    char *json = http_problem_json(problem, told);
    char text[16];
    http_reply_bytes(request, problem->status, HTTP_TYPE_PROBLEM, json, json ? strlen(json) : 0,
                     free);
    if (http_problem_retry(problem, told)) {
        snprintf(text, sizeof(text), "%u", http_problem_retry(problem, told));
        http_reply_header(request, "Retry-After", text);
    }
    if (problem->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        http_reply_header(request, "Allow", request->match.allow);
    if (problem->status == MHD_HTTP_UNAUTHORIZED)
        http_reply_header(request, "WWW-Authenticate", "Bearer");
}
