/* SPDX-License-Identifier: MPL-2.0 */
/* The same GET over and over on connections that are kept, of the bridge, of a bare bridge, and of
 * a bare libmicrohttpd. */
#ifndef RENTBUS_BENCH_HTTP_H
#define RENTBUS_BENCH_HTTP_H

#include "tests/bench/desk.h"

#define HTTP_CONNECTIONS 64

/* Answers a second. */
struct http_figures {
    double bridge;      /* to GET /rentals/{id} */
    double bare;        /* with a static answer of the same length, from the same kind of loop */
    double bare_bridge; /* the same, when a bare echo has answered as many bytes as the daemon */
};
struct http_figures http_measure(struct desk *desk, const char *bridge, size_t count);

/* Whom a bare bridge asks, and with how many bytes. */
struct http_question {
    const char *endpoint;
    size_t size;
};
/* The bare server, what the program itself is with `--static SIZE`, and with `--bridge SIZE
 * QUESTION_SIZE ENDPOINT`; asks nobody without a question. Does not return. */
void http_serve(size_t size, const struct http_question *question) __attribute__((noreturn));

#endif
