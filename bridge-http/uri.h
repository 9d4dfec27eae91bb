/* SPDX-License-Identifier: MPL-2.0 */
/* Request targets: path, query, percent-decoding, and query parameters by the protocol's table.
 * Pure. */
#ifndef RENTBUS_HTTP_URI_H
#define RENTBUS_HTTP_URI_H

#include <rentbus/rentbus.h>

/* Cuts a request target, in place, into its path and its query (NULL when there is no `?`). The
 * scheme and authority of an absolute target are passed over. */
void http_uri_split(char *target, char **path, char **query);

/* Decodes %XX of `length` bytes into `out`, which has room for as many and may be `text` itself;
 * with `form`, + is a space. The length, or -1 for a broken escape or an encoded NUL. */
long http_uri_decode(const char *text, size_t length, bool form, char *out);

/* Reads a query into a struct of schema.h: `user_id=u1&limit=10`. Lists are given by repeating
 * their parameter, in the singular (`type=A&type=B` fills `types`). Decodes `query` in place;
 * texts of *value point into it. `query` may be NULL. 0, or INVALID_ARGUMENT with *fault, whose
 * field is the parameter. */
int http_query_read(const struct rentbus_schema *schema, char *query, void *value,
                    struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* The field of a schema that a path's parameter of this name fills: the one of that name; and of an
 * `id` where there is none, its rental_id or command_id. The schema's count if there is none. */
size_t http_path_field(const struct rentbus_schema *schema, struct rentbus_text name);

/* What a path names: its parameter, and what the braces of its pattern call that. */
struct http_named {
    struct rentbus_text name;
    struct rentbus_text value;
};

/* As http_query_read(), and the field that the path gives with it; a query must not name that one
 * too. Only ids and UUIDs are named by paths. -EINVAL: the schema has no such field. */
int http_query_read_of(const struct rentbus_schema *schema, const struct http_named *named,
                       char *query, void *value, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* Digits alone, no more than fit. */
bool http_number_parse(const char *text, size_t length, uint64_t *number);

#endif
