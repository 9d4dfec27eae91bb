/* SPDX-License-Identifier: MPL-2.0 */
/* The same GET over and over on connections that are kept, of the bridge and of a bare
 * libmicrohttpd. */
#ifndef RENTBUS_BENCH_HTTP_H
#define RENTBUS_BENCH_HTTP_H

#include "tests/bench/desk.h"

#define HTTP_CONNECTIONS 64

/* Answers a second. */
struct http_figures {
    double bridge; /* to GET /rentals/{id} */
    double bare;   /* with a static answer of the same length, from the same kind of loop */
};
struct http_figures http_measure(struct desk *desk, const char *bridge, size_t count);

/* The bare server, what the program itself is with `--static SIZE`; does not return. */
void http_serve(size_t size) __attribute__((noreturn));

#endif
