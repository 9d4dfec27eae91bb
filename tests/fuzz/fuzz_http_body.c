/* SPDX-License-Identifier: MPL-2.0 */
/* What the bridge reads of a request, by its own code: the body of a return, a checkout and a put,
 * the path, and the query. The first byte picks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/body.h"
#include "bridge-http/link.h"
#include "bridge-http/media.h"
#include "bridge-http/routes.h"
#include "bridge-http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rentbus_schema *schema, int error, const void *value, void *storage)
{
    if (error == 0) {
        /* What was taken can be said again. */
        char *json = rentbus_to_json(schema, value);
        if (!json)
            abort();
        rentbus_free(json);
        rentbus_free(storage);
    } else if (storage) {
        abort();
    }
}

static void fuzz_return(struct rentbus_text text)
{
    struct rentbus_return_args args;
    struct rentbus_fault fault;
    void *storage = NULL;
    int error = http_body_return(rentbus_text("r1"), 0, text, &args, &storage, &fault);
    check(&rentbus_return_args_schema, error, &args, storage);
}

static void fuzz_checkout(struct rentbus_text text)
{
    struct rentbus_checkout_args args;
    struct rentbus_fault fault;
    void *storage = NULL;
    int error = http_body_args(&rentbus_checkout_args_schema, text, &args, &storage, &fault);
    check(&rentbus_checkout_args_schema, error, &args, storage);
}

static void fuzz_put(struct rentbus_text text)
{
    struct rentbus_asset_type_put_args args;
    struct rentbus_fault fault;
    void *storage = NULL;
    int error = http_body_with_id(&rentbus_asset_type_put_args_schema, rentbus_text("t1"), text,
                                  &args, &storage, &fault);
    check(&rentbus_asset_type_put_args_schema, error, &args, storage);
}

/* Exactly as long as the text, so that a read beyond its NUL is seen. */
static char *copy_make(struct rentbus_text text)
{
    char *copy = malloc(text.length + 1);
    if (!copy)
        abort();
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

static void fuzz_link(const char *path, const char *query)
{
    char *link = http_link_next(path, query, UINT64_MAX);
    if (link && (strlen(link) >= HTTP_LINK_MAX || strpbrk(link, "\r\n") ||
                 strchr(link, '>') != strrchr(link, '>')))
        abort();
    free(link);
}

#define ARGUMENTS_MEMBER(name, wire, args, result, mode) struct rentbus_##args name;

/* As http_read_on() does. */
static void fuzz_named(const struct http_match *match, char *query)
{
    union {
        RENTBUS_OPS(ARGUMENTS_MEMBER)
    } args;
    struct rentbus_fault fault;
    const struct rentbus_schema *schema = rentbus_op_rows[match->route->op].args;
    int error = http_query_read_of(schema, &match->named, query, &args, &fault);
    if (error < 0)
        abort();
    check(schema, error, &args, NULL);
}

static void fuzz_target(struct rentbus_text text)
{
    char *copy = copy_make(text);
    char *path;
    char *query;
    struct http_match match;
    struct rentbus_fault fault;
    struct rentbus_events_read_args args;
    http_uri_split(copy, &path, &query);
    fuzz_link(path, query);
    if (http_router_match(http_routes, http_route_count, "GET", path, &match, &fault) == 0 &&
        match.named.value.data) {
        if (!rentbus_id_valid(match.named.value))
            abort();
        fuzz_named(&match, query);
    } else {
        int error = http_query_read(&rentbus_events_read_args_schema, query, &args, &fault);
        check(&rentbus_events_read_args_schema, error, &args, NULL);
    }
    free(copy);
}

static void fuzz_media(struct rentbus_text text)
{
    char *copy = copy_make(text);
    if (http_media_prefers(copy, HTTP_TYPE_CBOR) && !strchr(copy, '/'))
        abort();
    (void)http_media_is_json(copy);
    free(copy);
}

static void (*const targets[])(struct rentbus_text text) = {fuzz_return, fuzz_checkout, fuzz_put,
                                                            fuzz_target, fuzz_media};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct rentbus_text text = {(const char *)data + 1, size - 1};
    targets[data[0] % (sizeof(targets) / sizeof(targets[0]))](text);
    return 0;
}
