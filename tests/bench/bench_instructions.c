/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The same reads and returns each time, through the api and without sockets, for a tool that counts
 * instructions: measure() is called twice, for COUNT reads and for COUNT durable returns. See
 * tests/bench/instructions. Prints how many events there are in the end.
 *
 * Usage: bench_instructions COUNT
 */
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/api/api.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "tests/bench/requests.h"
#include "tests/bench/rig.h"

#define REQUESTS_MAX 100000
/* Requests that one round of the server takes, and that one commit takes. */
#define ROUND 256
#define POLL_MS 60000
#define SETTLE_POLL_MS 20
#define SETTLE_US (120 * INT64_C(1000000))

struct bench {
    struct api *api;
    size_t count;
    struct rentbus_buffer requests;
    size_t ends[REQUESTS_MAX];
    uint64_t ids; /* given out */
    size_t replies;
    size_t refused;
    uint64_t head;     /* of the last stats */
    uint64_t archived; /* of the last stats */
    size_t rentals;
    char rental_ids[REQUESTS_MAX][RENTBUS_UUID_TEXT_SIZE + 1];
};

static struct bench bench;

/* ---- the server's part ---- */

static int64_t on_now(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void on_publish(void *context, struct rentbus_text type, struct rentbus_bytes event)
{
    (void)context;
    (void)type;
    (void)event;
}

static void on_log(void *context, int priority, const char *pairs)
{
    (void)context;
    if (priority <= 4)
        load_fail("%s", pairs);
}

static void keep_rental(struct rentbus_bytes body)
{
    if (bench.rentals == REQUESTS_MAX)
        load_fail("there are too many rentals");
    load_find_rental(body.data, body.length, bench.rental_ids[bench.rentals++]);
}

static void keep_stats(struct rentbus_bytes body)
{
    struct rentbus_reply reply;
    struct rentbus_stats_result stats;
    struct rentbus_fault fault;
    if (rentbus_decode(&rentbus_reply_schema, body, RENTBUS_LENIENT, &reply, &fault) ||
        rentbus_decode(&rentbus_stats_result_schema, reply.result, RENTBUS_LENIENT, &stats, &fault))
        load_fail("stats cannot be read");
    bench.head = stats.head;
    bench.archived = stats.archived_seq;
}

static void (*also)(struct rentbus_bytes body);

static void on_send(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    (void)context;
    (void)route;
    bench.replies++;
    if (!load_says_ok(body.data, body.length))
        bench.refused++;
    if (also)
        also(body);
}

static void wait_for_replies(size_t count)
{
    struct pollfd ready = {.fd = api_fd(bench.api), .events = POLLIN};
    api_process(bench.api);
    while (bench.replies < count) {
        if (poll(&ready, 1, POLL_MS) != 1)
            load_fail("no reply");
        api_process(bench.api);
    }
}

/* ---- requests ---- */

/* Ids as those of version 7, the same ones in every run. */
static struct rentbus_uuid next_id(void)
{
    struct rentbus_uuid id = {{0x01, 0x94, 0xf0, 0, 0, 0, 0x70, 0, 0x80}};
    bench.ids++;
    for (size_t i = 0; i < 6; i++)
        id.bytes[15 - i] = (uint8_t)(bench.ids >> (8 * i));
    return id;
}

static void encode_all(load_request *request, void *context, size_t count)
{
    rentbus_buffer_clear(&bench.requests);
    for (size_t i = 0; i < count; i++) {
        struct rentbus_uuid id = next_id();
        request(context, i, &id, &bench.requests);
        bench.ends[i] = bench.requests.length;
    }
    if (bench.requests.failed)
        load_fail("out of memory");
    bench.replies = 0;
}

static void serve(size_t from, size_t until)
{
    for (size_t i = from; i < until; i++) {
        size_t start = i ? bench.ends[i - 1] : 0;
        struct api_message message = {
            .route = {(const uint8_t *)"route", 5},
            .actor = {(const uint8_t *)"uid:1000", 8},
            .body = {bench.requests.data + start, bench.ends[i] - start},
        };
        api_handle(bench.api, &message);
    }
}

static void serve_all(size_t count)
{
    for (size_t from = 0; from < count; from += ROUND) {
        size_t until = from + ROUND < count ? from + ROUND : count;
        serve(from, until);
        wait_for_replies(until);
    }
}

static void do_all(load_request *request, void *context, size_t count)
{
    encode_all(request, context, count);
    serve_all(count);
}

/* What is counted: a function of its own, so that a tool finds it. */
__attribute__((noinline)) static void measure(size_t count)
{
    serve_all(count);
}

/* ---- the order of things ---- */

static void get_rental(void *context, size_t index, const struct rentbus_uuid *id,
                       struct rentbus_buffer *out)
{
    size_t first = *(size_t *)context;
    requests_get_rental(bench.rental_ids[first + index], index, id, out);
}

static void ask_stats(void *context, size_t index, const struct rentbus_uuid *id,
                      struct rentbus_buffer *out)
{
    struct rentbus_stats_args args = {0};
    (void)context;
    (void)index;
    load_encode(RENTBUS_OP_stats, id, &args, out);
}

/*
 * Until the archive has all there is, so that nothing of it falls into what is measured. The word
 * that it has come further may have been heard before the stats were read: hence the short waits.
 */
static void settle(void)
{
    struct pollfd ready = {.fd = api_fd(bench.api), .events = POLLIN};
    int64_t deadline = on_now(NULL) + SETTLE_US;
    also = keep_stats;
    do {
        do_all(ask_stats, NULL, 1);
        if (bench.archived < bench.head && on_now(NULL) > deadline)
            load_fail("the archive does not follow");
        poll(&ready, 1, SETTLE_POLL_MS);
        api_process(bench.api);
    } while (bench.archived < bench.head);
    also = NULL;
}

/* The first half as much is there for what grows once. */
static void run(size_t count)
{
    size_t warm = count / 2;
    do_all(requests_put_user, NULL, REQUESTS_USERS);
    do_all(requests_put_asset, NULL, warm + count);
    also = keep_rental;
    do_all(requests_check_out, NULL, warm + count);
    also = NULL;
    do_all(get_rental, &(size_t){0}, warm);
    do_all(requests_give_back, NULL, warm);
    settle();
    encode_all(get_rental, &warm, count);
    measure(count);
    encode_all(requests_give_back, &warm, count);
    measure(count);
    settle();
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/rentbus-bench-XXXXXX";
    struct rentbus_fault fault;
    struct api_settings settings = {
        .engine = {.directory = directory, .ledger = "main", .version = RENTBUS_VERSION},
        .send = on_send,
        .publish = on_publish,
        .log = on_log,
        .now = on_now,
    };
    size_t count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (count < 2 || count + count / 2 > REQUESTS_MAX)
        load_fail("usage: bench_instructions COUNT");
    if (sodium_init() < 0 || !mkdtemp(directory) || api_open(&settings, &bench.api, &fault))
        load_fail("cannot open a ledger in %s", directory);
    run(count);
    api_close(&bench.api);
    if (bench.refused > 0)
        load_fail("%zu requests were refused", bench.refused);
    rig_remove(directory);
    printf("events %" PRIu64 "\n", bench.head);
    return 0;
}
