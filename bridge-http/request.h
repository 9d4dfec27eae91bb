/* SPDX-License-Identifier: MPL-2.0 */
/* One HTTP request, from its first byte to its answer. Everything runs on the bridge's one thread.
 *
 * libmicrohttpd calls http_request_serve() once with the head, then with each piece of the body,
 * then at the end, where the route's handler runs. A handler that has started a call leaves the
 * connection suspended; the completion sets the answer and resumes it, and libmicrohttpd asks once
 * more. */
#ifndef RENTBUS_HTTP_REQUEST_H
#define RENTBUS_HTTP_REQUEST_H

#include <microhttpd.h>
#include <rentbus/rentbus.h>
#include <sys/queue.h>

#include "bridge-http/body.h"
#include "bridge-http/buffer.h"
#include "bridge-http/router.h"

/* A body beyond its limit is read, and thrown away, up to here, so that its sender gets to see the
 * answer; beyond that the connection is cut. Bytes. */
#define HTTP_BODY_DRAIN_MAX ((size_t)2 << 20)

struct http_bridge;
struct http_stream;

enum http_header {
    HTTP_HEADER_ACCEPT,
    HTTP_HEADER_CONTENT_LENGTH,
    HTTP_HEADER_CONTENT_TYPE,
    HTTP_HEADER_HOST,
    HTTP_HEADER_IDEMPOTENCY_KEY,
    HTTP_HEADER_IF_NONE_MATCH,
    HTTP_HEADER_LAST_EVENT_ID,
    HTTP_HEADER_ORIGIN,
    HTTP_HEADER_TRANSFER_ENCODING,
    HTTP_HEADER_COUNT,
};

enum http_phase {
    HTTP_PHASE_HEAD,   /* nothing but the target is known */
    HTTP_PHASE_BODY,   /* the body is coming in */
    HTTP_PHASE_SERVED, /* its handler runs or has run, or its head has been refused */
};

LIST_HEAD(http_request_list, http_request);

struct http_request {
    struct http_bridge *bridge;
    struct MHD_Connection *connection;
    LIST_ENTRY(http_request) receiving; /* the bridge's, until it is served */
    enum http_phase phase;
    char *path;         /* still percent-encoded */
    char *query;        /* may be NULL; decoded in place by who reads it */
    char *asked;        /* owned; of a page of events, the query as it came, or NULL */
    const char *method; /* headers and method: libmicrohttpd's, as long as the request */
    const char *headers[HTTP_HEADER_COUNT];
    struct http_buffer body;
    size_t body_max; /* bytes of body that are kept */
    size_t received; /* bytes of body, kept or not */
    struct http_match match;
    bool has_key;
    struct rentbus_uuid key;     /* Idempotency-Key */
    bool calling;                /* a call is in flight */
    bool suspended;              /* until the call completes */
    bool gone;                   /* the connection is; free it when the call completes */
    struct http_buffer gathered; /* of handlers that make several calls */
    struct rentbus_at_args past; /* of the same: when they ask about */
    struct http_stream *stream;  /* owned until it is the answer */
    unsigned status;
    struct MHD_Response *response; /* owned; the answer, when there is one */
    char target[];                 /* path and query are parts of it */
};

/* Callbacks for libmicrohttpd; `bridge` is their closure, *context the request. */
void *http_request_open(void *bridge, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_request_serve(void *bridge, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_size, void **context);
void http_request_close(void *bridge, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code);

/* Cuts the connections whose clients have gone without having sent all of a request: libmicrohttpd
 * does not see the end when it comes with the last bytes, and would wait for HTTP_IDLE_TIMEOUT. */
void http_request_sweep(struct http_bridge *bridge);

/* Starts a call whose result the route's renderer answers with. Errors as rentbus_call_start();
 * with *fault when positive. */
int http_request_call(struct http_request *request, enum rentbus_op op, const void *args,
                      struct rentbus_fault *fault) __attribute__((warn_unused_result));

#endif
