/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Durable returns and reads of the real daemon beside a bare libzmq ROUTER echo of the same sizes
 * and a bare append with fdatasync, all in one run: figures and their ratios, as minimum, median
 * and maximum over the rounds.
 *
 * Usage: bench_daemon RENTBUSD [RENTALS [ROUNDS]]
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
#include "tests/bench/requests.h"
#include "tests/bench/rig.h"

#define ECHO_REPLY_SIZE 480
#define SYNC_COUNT 500
#define SYNC_SIZE 4096
#define SINGLE_COUNT 2000

static struct rig rig;
static size_t rentals = 60000;
static size_t rounds = 3;

struct echo_server {
    void *context;
    pthread_t thread;
};

static void *echo_run(void *argument)
{
    struct echo_server *server = argument;
    static char reply[ECHO_REPLY_SIZE];
    char frame[4096];
    void *socket = zmq_socket(server->context, ZMQ_ROUTER);
    int hwm = 100000;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (zmq_bind(socket, rig.bare))
        load_fail("cannot bind %s", rig.bare);
    for (;;) {
        int length = zmq_recv(socket, frame, sizeof frame, 0);
        if (length < 0)
            break;
        char body[4096];
        int size = zmq_recv(socket, body, sizeof body, 0);
        if (size < 0)
            break;
        zmq_send(socket, frame, (size_t)length, ZMQ_SNDMORE);
        zmq_send(socket, reply, sizeof reply, 0);
    }
    zmq_close(socket);
    return NULL;
}

static struct load_figures run(void *socket, load_request *request, void *context, size_t count,
                               size_t in_flight, bool check)
{
    struct load load = {.socket = socket,
                        .request = request,
                        .context = context,
                        .count = count,
                        .in_flight = in_flight,
                        .check = check};
    return load_run(&load);
}

static double sync_p50_us(void)
{
    static char page[SYNC_SIZE];
    double times[SYNC_COUNT];
    char path[128];
    snprintf(path, sizeof path, "%s/sync", rig.directory);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    for (size_t i = 0; i < SYNC_COUNT; i++) {
        double start = load_clock();
        if (fd < 0 || write(fd, page, sizeof page) != sizeof page || fdatasync(fd))
            load_fail("cannot write %s", path);
        times[i] = load_clock() - start;
        for (size_t k = i; k > 0 && times[k] < times[k - 1]; k--) {
            double swap = times[k];
            times[k] = times[k - 1];
            times[k - 1] = swap;
        }
    }
    close(fd);
    return times[SYNC_COUNT / 2] * 1e6;
}

/* The id of a rental that is out, by way of the list: there is one more than is given back. */
static void find_rental(void *socket, char id[RENTBUS_UUID_TEXT_SIZE + 1])
{
    static uint8_t reply[1 << 16];
    struct rentbus_uuid request_id = {{1}};
    struct rentbus_rental_list_args args = {0};
    struct rentbus_buffer out = {0};
    RENTBUS_SET(&args, rental_list_args, limit, 1);
    RENTBUS_SET(&args, rental_list_args, status, RENTBUS_STATUS_IN_PROGRESS);
    load_encode(RENTBUS_OP_rental_list, &request_id, &args, &out);
    zmq_send(socket, out.data, out.length, 0);
    int length = zmq_recv(socket, reply, sizeof reply, 0);
    rentbus_buffer_release(&out);
    if (length < 0)
        load_fail("no reply");
    load_find_rental(reply, (size_t)length, id);
}

enum { ECHO_256, RETURN_256, ECHO_64, GET_64, ECHO_1, SYNC, RETURN_1, ROWS };

static struct figures rows[ROWS] = {
    [ECHO_256] = {.name = "bare echo, 256 in flight, /s"},
    [RETURN_256] = {.name = "durable returns, 256 in flight, /s"},
    [ECHO_64] = {.name = "bare echo, 64 in flight, /s"},
    [GET_64] = {.name = "rental.get, 64 in flight, /s"},
    [ECHO_1] = {.name = "bare echo, 1 in flight, p50 us"},
    [SYNC] = {.name = "append 4 KiB + fdatasync, p50 us"},
    [RETURN_1] = {.name = "durable return, 1 in flight, p50 us"},
};

static void measure(void *daemon, void *bare)
{
    char rental_id[RENTBUS_UUID_TEXT_SIZE + 1];
    size_t offset = 0;
    size_t share = rentals / rounds;
    for (size_t round = 0; round < rounds; round++) {
        size_t bulk = share - SINGLE_COUNT;
        rows[ECHO_256].rounds[round] =
            run(bare, requests_give_back, &offset, bulk, 256, false).per_second;
        rows[RETURN_256].rounds[round] =
            run(daemon, requests_give_back, &offset, bulk, 256, true).per_second;
        offset += bulk;
        rows[ECHO_1].rounds[round] =
            run(bare, requests_give_back, &offset, SINGLE_COUNT, 1, false).p50_us;
        rows[SYNC].rounds[round] = sync_p50_us();
        rows[RETURN_1].rounds[round] =
            run(daemon, requests_give_back, &offset, SINGLE_COUNT, 1, true).p50_us;
        offset += SINGLE_COUNT;
        find_rental(daemon, rental_id);
        rows[ECHO_64].rounds[round] =
            run(bare, requests_get_rental, rental_id, 100000, 64, false).per_second;
        rows[GET_64].rounds[round] =
            run(daemon, requests_get_rental, rental_id, 100000, 64, true).per_second;
    }
}

static void print_table(void)
{
    figures_print_head();
    for (size_t i = 0; i < ROWS; i++)
        figures_print(&rows[i], rounds, 0);
    figures_print_ratio("returns / echo, 256 in flight", &rows[RETURN_256], &rows[ECHO_256], NULL,
                        rounds);
    figures_print_ratio("gets / echo, 64 in flight", &rows[GET_64], &rows[ECHO_64], NULL, rounds);
    figures_print_ratio("return p50 / (echo + fdatasync p50)", &rows[RETURN_1], &rows[ECHO_1],
                        &rows[SYNC], rounds);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4)
        load_fail("usage: bench_daemon RENTBUSD [RENTALS [ROUNDS]]");
    if (argc > 2)
        rentals = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        rounds = strtoul(argv[3], NULL, 10);
    if (rounds < 1 || rounds > FIGURES_ROUNDS_MAX || rentals / rounds < 2 * SINGLE_COUNT)
        load_fail("from 1 to %d rounds, of at least %d rentals each", FIGURES_ROUNDS_MAX,
                  2 * SINGLE_COUNT);
    rig_start(&rig, argv[1]);
    struct echo_server server = {.context = zmq_ctx_new()};
    void *client = zmq_ctx_new();
    void *bare = load_connect(client, rig.bare);
    void *daemon = load_connect(client, rig.api);
    pthread_create(&server.thread, NULL, echo_run, &server);

    fprintf(stderr, "preparing %zu rentals of %d users\n", rentals, REQUESTS_USERS);
    run(daemon, requests_put_user, NULL, REQUESTS_USERS, 256, true);
    run(daemon, requests_put_asset, NULL, rentals + 1, 256, true);
    run(daemon, requests_check_out, NULL, rentals + 1, 256, true);
    measure(daemon, bare);
    print_table();
    fflush(stdout);

    zmq_close(bare);
    zmq_close(daemon);
    zmq_ctx_term(client);
    zmq_ctx_shutdown(server.context);
    pthread_join(server.thread, NULL);
    zmq_ctx_term(server.context);
    rig_stop(&rig);
    return 0;
}
