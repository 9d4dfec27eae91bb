/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/uuid.h"

#define LOAD_TIMEOUT_MS 30000

void load_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

double load_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void *load_connect(void *context, const char *endpoint)
{
    int timeout = LOAD_TIMEOUT_MS;
    int hwm = 100000;
    int linger = 0;
    void *socket = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_connect(socket, endpoint))
        load_fail("cannot connect to %s: %s", endpoint, zmq_strerror(zmq_errno()));
    return socket;
}

void load_encode(enum rentbus_op op, const struct rentbus_uuid *id, const void *args,
                 struct rentbus_buffer *out)
{
    struct rentbus_buffer encoded = {0};
    struct rentbus_request request = {0};
    rentbus_encode(rentbus_op_rows[op].args, args, &encoded);
    RENTBUS_SET(&request, request, v, RENTBUS_PROTOCOL_VERSION);
    RENTBUS_SET(&request, request, id, *id);
    RENTBUS_SET(&request, request, op, rentbus_text(rentbus_op_rows[op].wire));
    RENTBUS_SET(&request, request, args, ((struct rentbus_bytes){encoded.data, encoded.length}));
    rentbus_encode(&rentbus_request_schema, &request, out);
    rentbus_buffer_release(&encoded);
}

/* The reply to a request that could be served begins {v: 1, id: 16 bytes, ok: true}. */
bool load_says_ok(const uint8_t *reply, size_t length)
{
    static const uint8_t ok[] = {0x62, 'o', 'k', 0xf5};
    return length > 28 && memcmp(reply + 24, ok, sizeof ok) == 0;
}

void load_find_rental(const uint8_t *reply, size_t length, char id[RENTBUS_UUID_TEXT_SIZE + 1])
{
    static const char key[] = "\x62id\x78\x24";
    const size_t size = sizeof key - 1;
    const uint8_t *found = memmem(reply, length, key, size);
    if (!found || found + size + RENTBUS_UUID_TEXT_SIZE > reply + length)
        load_fail("there is no rental in a reply");
    memcpy(id, found + size, RENTBUS_UUID_TEXT_SIZE);
    id[RENTBUS_UUID_TEXT_SIZE] = '\0';
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The bytes of all replies. They come in the order of the requests: the daemon serves one
 * connection in order. */
static size_t pump(const struct load *load, const struct rentbus_buffer *requests,
                   const size_t *ends, double *sent, double *latencies)
{
    static uint8_t reply[1 << 20];
    size_t bytes = 0;
    size_t next = 0;
    for (size_t done = 0; done < load->count; done++) {
        while (next < load->count && next - done < load->in_flight) {
            size_t start = next ? ends[next - 1] : 0;
            if (load->before)
                load->before(load->context, next);
            sent[next] = load_clock();
            if (zmq_send(load->socket, requests->data + start, ends[next] - start, 0) < 0)
                load_fail("cannot send: %s", zmq_strerror(zmq_errno()));
            next++;
        }
        int length = zmq_recv(load->socket, reply, sizeof reply, 0);
        if (length < 0)
            load_fail("no reply: %s", zmq_strerror(zmq_errno()));
        if (load->check && !load_says_ok(reply, (size_t)length))
            load_fail("request %zu was refused", done);
        latencies[done] = load_clock() - sent[done];
        bytes += (size_t)length;
    }
    return bytes;
}

struct load_figures load_run(const struct load *load)
{
    struct rentbus_uuid_source ids = {0};
    struct rentbus_buffer requests = {0};
    size_t *ends = calloc(load->count, sizeof *ends);
    double *sent = calloc(load->count, sizeof *sent);
    double *latencies = calloc(load->count, sizeof *latencies);
    if (!ends || !sent || !latencies)
        load_fail("out of memory");
    for (size_t i = 0; i < load->count; i++) {
        struct timespec now;
        struct rentbus_uuid id;
        clock_gettime(CLOCK_REALTIME, &now);
        if (rentbus_uuid_next(&ids, now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000, &id))
            load_fail("no random bytes");
        load->request(load->context, i, &id, &requests);
        ends[i] = requests.length;
    }
    double start = load_clock();
    size_t bytes = pump(load, &requests, ends, sent, latencies);
    double seconds = load_clock() - start;
    qsort(latencies, load->count, sizeof *latencies, compare);
    struct load_figures figures = {
        .per_second = (double)load->count / seconds,
        .p50_us = latencies[load->count / 2] * 1e6,
        .p99_us = latencies[load->count * 99 / 100] * 1e6,
        .p999_us = latencies[load->count * 999 / 1000] * 1e6,
        .reply_size = bytes / load->count,
    };
    free(ends);
    free(sent);
    free(latencies);
    rentbus_buffer_release(&requests);
    return figures;
}
