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

/* Digits alone, no more than fit. */
bool http_number_parse(const char *text, size_t length, uint64_t *number);

#endif
