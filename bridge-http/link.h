/* SPDX-License-Identifier: MPL-2.0 */
/* Link headers (RFC 8288): where the next page of events is. Pure. */
#ifndef RENTBUS_HTTP_LINK_H
#define RENTBUS_HTTP_LINK_H

#include <stdint.h>

/* Bytes, with the NUL: a head has little room. */
#define HTTP_LINK_MAX 4096

/* </path?limit=2&from_seq=7>; rel="next", of a page that was asked for with this path and query,
 * both still percent-encoded (`query` may be NULL): all that the query says, but for where the page
 * begins. To be given to free(); NULL when it does not fit, or when out of memory. */
char *http_link_next(const char *path, const char *query, uint64_t next_seq);

#endif
