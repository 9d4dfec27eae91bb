/* SPDX-License-Identifier: MPL-2.0 */
/* Media types: what a client accepts and what a body says it is (RFC 9110). Pure. */
#ifndef RENTBUS_HTTP_MEDIA_H
#define RENTBUS_HTTP_MEDIA_H

#include <stdbool.h>

#define HTTP_TYPE_JSON "application/json"
#define HTTP_TYPE_CBOR "application/cbor"
#define HTTP_TYPE_STREAM "text/event-stream"
#define HTTP_TYPE_PROBLEM "application/problem+json"

/* Whether an Accept header (NULL when there is none) puts `type` above JSON. A type counts only
 * where it is named: a wildcard stays with JSON. */
bool http_media_prefers(const char *accept, const char *type);

/* Whether a body of this Content-Type (NULL when there is none) is read as JSON. The type that curl
 * sends with -d by default counts as not said. */
bool http_media_is_json(const char *content_type);

#endif
