/* SPDX-License-Identifier: MPL-2.0 */
/* Which route a method and a path mean. Pure. */
#ifndef RENTBUS_HTTP_ROUTER_H
#define RENTBUS_HTTP_ROUTER_H

#include <rentbus/rentbus.h>

#include "bridge-http/uri.h"

/* Longest value of an Allow header, and its NUL. */
#define HTTP_ALLOW_SIZE 64

struct http_request;

/* Serves a request. 0: answered, or to be answered by a call in flight; else an error for
 * http_problem_find(), positive ones with *fault. */
typedef int http_handler(struct http_request *request, struct rentbus_fault *fault);

/* Turns the result of a call into the answer. Errors as above. */
typedef int http_renderer(struct http_request *request, const struct rentbus_completion *completion,
                          struct rentbus_fault *fault);

struct http_route {
    const char *method;  /* GET serves HEAD too */
    const char *pattern; /* "/rentals/users/{user_id}": at most one segment in braces, an id */
    http_handler *handle;
    enum rentbus_op op; /* what the handler calls, if anything */
    http_renderer *render;
};

struct http_match {
    const struct http_route *route;
    struct http_named named; /* the decoded segment; its bytes are in `storage` */
    char storage[RENTBUS_ID_MAX];
    char allow[HTTP_ALLOW_SIZE]; /* the methods of the path, when the method was refused */
};

/* Finds the route of a request. `path` is as it came, still percent-encoded. 0 with *match; or with
 * *fault: NOT_FOUND, HTTP_REFUSAL_METHOD (and match->allow), INVALID_ARGUMENT for a segment that is
 * no id. */
int http_router_match(const struct http_route *routes, size_t count, const char *method,
                      const char *path, struct http_match *match, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

#endif
