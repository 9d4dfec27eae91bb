/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/router.h"

#include <stdio.h>
#include <string.h>

#include "bridge-http/problem.h"

/* What a pattern's braces take from a path. */
struct span {
    const char *name;
    size_t name_length;
    const char *text;
    size_t length;
};

static bool pattern_match(const char *pattern, const char *path, struct span *span)
{
    *span = (struct span){0};
    for (;;) {
        size_t wanted = strcspn(pattern, "/");
        size_t length = strcspn(path, "/");
        if (pattern[0] == '{') {
            if (length == 0)
                return false;
            *span = (struct span){pattern + 1, wanted - 2, path, length};
        } else if (wanted != length || memcmp(pattern, path, length) != 0) {
            return false;
        }
        pattern += wanted;
        path += length;
        if (*pattern != *path)
            return false;
        if (*pattern == '\0')
            return true;
        pattern++;
        path++;
    }
}

static bool method_serves(const char *offered, const char *asked)
{
    return strcmp(offered, asked) == 0 ||
           (strcmp(offered, "GET") == 0 && strcmp(asked, "HEAD") == 0);
}

static void allow_add(char allow[HTTP_ALLOW_SIZE], const char *method)
{
    size_t length = strlen(allow);
    snprintf(allow + length, HTTP_ALLOW_SIZE - length, "%s%s", length ? ", " : "",
             strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

static int parameter_take(struct http_match *match, const struct span *span,
                          struct rentbus_fault *fault)
{
    char decoded[3 * RENTBUS_ID_MAX];
    long length = span->length > sizeof(decoded)
                      ? -1
                      : http_uri_decode(span->text, span->length, false, decoded);
    struct rentbus_text text = {match->storage, length < 0 ? 0 : (size_t)length};
    if (text.length > 0 && text.length <= sizeof(match->storage))
        memcpy(match->storage, decoded, text.length);
    if (text.length > sizeof(match->storage) || !rentbus_id_valid(text))
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, span->name, span->name_length,
                              "must be an id of 1 to 128 bytes of UTF-8, percent-encoded");
    match->named = (struct http_named){{span->name, span->name_length}, text};
    return 0;
}

int http_router_match(const struct http_route *routes, size_t count, const char *method,
                      const char *path, struct http_match *match, struct rentbus_fault *fault)
{
    struct span span;
    match->route = NULL;
    match->named = (struct http_named){0};
    match->allow[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (!pattern_match(routes[i].pattern, path, &span))
            continue;
        if (!method_serves(routes[i].method, method)) {
            allow_add(match->allow, routes[i].method);
            continue;
        }
        match->route = &routes[i];
        return span.name ? parameter_take(match, &span, fault) : 0;
    }
    if (match->allow[0])
        return http_fault_set(fault, HTTP_REFUSAL_METHOD, "", 0, "this path has other methods");
    return http_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "", 0, "there is nothing at this path");
}
