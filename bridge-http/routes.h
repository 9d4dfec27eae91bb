/* SPDX-License-Identifier: MPL-2.0 */
/* Every path that the bridge serves, in one table; openapi.json says the same for people, and a
 * test compares them. */
#ifndef RENTBUS_HTTP_ROUTES_H
#define RENTBUS_HTTP_ROUTES_H

#include "bridge-http/router.h"

extern const struct http_route http_routes[];
extern const size_t http_route_count;

#endif
