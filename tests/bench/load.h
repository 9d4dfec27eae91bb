/* SPDX-License-Identifier: MPL-2.0 */
/* A closed-loop load over a DEALER socket: a fixed number of requests in flight, as fast as replies
 * come. Shared by the benchmarks; exits with a message on any failure. */
#ifndef RENTBUS_BENCH_LOAD_H
#define RENTBUS_BENCH_LOAD_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/schema.h"
#include "sdk/protocol/types.h"

/* Encodes request number `index`, whose id is *id. */
typedef void load_request(void *context, size_t index, const struct rentbus_uuid *id,
                          struct rentbus_buffer *out);

/* Called before request number `index` is sent. */
typedef void load_before(void *context, size_t index);

struct load {
    void *socket;
    load_request *request;
    load_before *before; /* NULL: nothing */
    void *context;       /* of both */
    size_t count;        /* requests */
    size_t in_flight;    /* at once */
    bool check;          /* every reply must say ok: true */
};

struct load_figures {
    double per_second;
    double p50_us;
    double p99_us;
    double p999_us;
    size_t reply_size; /* mean, in bytes */
};

/* Seconds on the monotonic clock. */
double load_clock(void);
/* Encodes all requests first, so that only sending and receiving is timed. */
struct load_figures load_run(const struct load *load);
void load_encode(enum rentbus_op op, const struct rentbus_uuid *id, const void *args,
                 struct rentbus_buffer *out);
/* Whether a reply is one to a request that could be served. */
bool load_says_ok(const uint8_t *reply, size_t length);
/* The id of the first rental in a reply. */
void load_find_rental(const uint8_t *reply, size_t length, char id[RENTBUS_UUID_TEXT_SIZE + 1]);
/* A DEALER connected to the endpoint. */
void *load_connect(void *context, const char *endpoint);
void load_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
