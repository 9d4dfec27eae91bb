/* SPDX-License-Identifier: MPL-2.0 */
/* openapi.json, put into the program when it is built. */
#ifndef RENTBUS_HTTP_OPENAPI_H
#define RENTBUS_HTTP_OPENAPI_H

#include <stddef.h>

extern const char http_openapi[];
extern const size_t http_openapi_length;

#endif
