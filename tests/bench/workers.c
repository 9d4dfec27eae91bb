/* SPDX-License-Identifier: MPL-2.0 */
#include <pthread.h>
#include <rentbus/rentbus.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "tests/bench/bus.h"
#include "tests/bench/load.h"

#define CREDIT 256
#define WAIT_MS 100
#define TIMEOUT_MS 60000
#define ECHO_MAX (1 << 20)
/* A request of the yardstick: what it asks for, in its first bytes, and padding. */
#define FETCH_SIZE 128
#define ACK_REPLY_SIZE 48
#define BARE_SECONDS 2.0

static void make_consumer(const struct rig *rig, const char *name)
{
    struct rentbus_client *client;
    struct rentbus_options options = {.api = rig->api};
    struct rentbus_consumer_put_args args = {0};
    RENTBUS_SET(&args, consumer_put_args, id, rentbus_text(name));
    RENTBUS_SET(&args, consumer_put_args, start, RENTBUS_BEGINNING_first);
    RENTBUS_SET(&args, consumer_put_args, types,
                ((struct rentbus_ids){.count = 1, .items = {rentbus_text(BUS_TYPE)}}));
    if (rentbus_client_open(&options, &client) || rentbus_consumer_put(client, NULL, &args, NULL))
        load_fail("cannot make a consumer");
    rentbus_client_close(&client);
}

/* ---- fetch and ack alone ---- */

struct crew {
    const struct rig *rig;
    const char *consumer;
    size_t goal;
    atomic_size_t done;
    atomic_size_t fetches; /* that brought something */
    atomic_size_t bytes;   /* of these */
};

struct hand {
    struct crew *crew;
    struct rentbus_client *client;
    struct rentbus_uuid incarnation;
    struct rentbus_buffer acks;
    char name[8];
    pthread_t thread;
};

static void fetch(struct hand *hand);

static void acked(void *context, const struct rentbus_completion *completion)
{
    const struct rentbus_ack_result *result = completion->result;
    struct hand *hand = context;
    if (completion->status)
        load_fail("an acknowledgement was refused: %d", completion->status);
    hand->crew->done += result->acked;
}

static void acknowledge(struct hand *hand, const struct rentbus_list *deliveries)
{
    struct rentbus_delivery delivery;
    struct rentbus_ack_args args = {0};
    size_t position = 0;
    rentbus_buffer_clear(&hand->acks);
    while (rentbus_list_next(deliveries, &rentbus_delivery_schema, &position, &delivery) == 1) {
        struct rentbus_lease_ref ref = {0};
        RENTBUS_SET(&ref, lease_ref, seq, delivery.event.seq);
        RENTBUS_SET(&ref, lease_ref, lease, delivery.lease);
        rentbus_encode(&rentbus_lease_ref_schema, &ref, &hand->acks);
    }
    RENTBUS_SET(&args, ack_args, id, rentbus_text(hand->crew->consumer));
    RENTBUS_SET(&args, ack_args, worker, rentbus_text(hand->name));
    RENTBUS_SET(&args, ack_args, incarnation, hand->incarnation);
    RENTBUS_SET(&args, ack_args, acks,
                ((struct rentbus_list){hand->acks.data, hand->acks.length, deliveries->count}));
    if (rentbus_call_start(hand->client, RENTBUS_OP_consumer_ack, NULL, &args, acked, hand))
        load_fail("cannot acknowledge");
}

static void fetched(void *context, const struct rentbus_completion *completion)
{
    const struct rentbus_fetch_result *result = completion->result;
    struct hand *hand = context;
    if (completion->status)
        load_fail("a fetch was refused: %d", completion->status);
    if (result->deliveries.count > 0) {
        hand->crew->fetches++;
        hand->crew->bytes += completion->encoded.length;
        acknowledge(hand, &result->deliveries);
    }
    if (hand->crew->done < hand->crew->goal)
        fetch(hand);
}

static void fetch(struct hand *hand)
{
    struct rentbus_fetch_args args = {0};
    RENTBUS_SET(&args, fetch_args, id, rentbus_text(hand->crew->consumer));
    RENTBUS_SET(&args, fetch_args, worker, rentbus_text(hand->name));
    RENTBUS_SET(&args, fetch_args, incarnation, hand->incarnation);
    RENTBUS_SET(&args, fetch_args, credit, CREDIT);
    RENTBUS_SET(&args, fetch_args, wait_ms, WAIT_MS);
    if (rentbus_call_start(hand->client, RENTBUS_OP_consumer_fetch, NULL, &args, fetched, hand))
        load_fail("cannot fetch");
}

static void *hand_run(void *argument)
{
    struct hand *hand = argument;
    fetch(hand);
    while (rentbus_client_in_flight(hand->client) > 0)
        if (rentbus_client_wait(hand->client, -1) < 0)
            load_fail("the client failed");
    return NULL;
}

static double measure_raw(struct crew *crew)
{
    struct hand hands[BUS_WORKERS] = {0};
    struct rentbus_options options = {
        .api = crew->rig->api, .timeout_ms = TIMEOUT_MS, .retry_ms = TIMEOUT_MS};
    double start = load_clock();
    for (size_t i = 0; i < BUS_WORKERS; i++) {
        hands[i].crew = crew;
        snprintf(hands[i].name, sizeof hands[i].name, "w%zu", i);
        if (rentbus_client_open(&options, &hands[i].client) ||
            rentbus_client_command_id(hands[i].client, &hands[i].incarnation))
            load_fail("cannot open a client");
        pthread_create(&hands[i].thread, NULL, hand_run, &hands[i]);
    }
    for (size_t i = 0; i < BUS_WORKERS; i++)
        pthread_join(hands[i].thread, NULL);
    double seconds = load_clock() - start;
    for (size_t i = 0; i < BUS_WORKERS; i++) {
        rentbus_client_close(&hands[i].client);
        rentbus_buffer_release(&hands[i].acks);
    }
    return (double)crew->done / seconds;
}

/* ---- the worker of the SDK ---- */

static enum rentbus_handled handle(void *context, struct rentbus_handling *handling)
{
    struct crew *crew = context;
    (void)handling;
    if (++crew->done == crew->goal)
        rentbus_worker_stop();
    return RENTBUS_HANDLED;
}

static double measure_run(struct crew *crew)
{
    struct rentbus_options connection = {.api = crew->rig->api};
    struct rentbus_worker_options options = {.connection = &connection,
                                             .consumer = crew->consumer,
                                             .worker = "w",
                                             .credit = CREDIT,
                                             .threads = BUS_WORKERS};
    double start = load_clock();
    if (rentbus_worker_run(&options, handle, crew))
        load_fail("the workers failed");
    return (double)crew->done / (load_clock() - start);
}

/* ---- the same bytes over a bare ROUTER ---- */

struct echo {
    void *context;
    const char *endpoint;
    size_t fetch_size; /* bytes of the answer to a fetch */
    size_t ack_size;
    double until;
    atomic_size_t fetches;
};

static void *echo_run(void *argument)
{
    static char reply[ECHO_MAX];
    struct echo *echo = argument;
    char route[256];
    void *socket = zmq_socket(echo->context, ZMQ_ROUTER);
    if (zmq_bind(socket, echo->endpoint))
        load_fail("cannot bind %s", echo->endpoint);
    for (int length; (length = zmq_recv(socket, route, sizeof route, 0)) >= 0;) {
        static char body[ECHO_MAX];
        if (zmq_recv(socket, body, sizeof body, 0) < 0)
            break;
        zmq_send(socket, route, (size_t)length, ZMQ_SNDMORE);
        zmq_send(socket, reply, body[0] == 'f' ? echo->fetch_size : ACK_REPLY_SIZE, 0);
    }
    zmq_close(socket);
    return NULL;
}

static void *asker_run(void *argument)
{
    static const char request[ECHO_MAX];
    static const char fetch_request[FETCH_SIZE] = "f";
    struct echo *echo = argument;
    zmq_msg_t reply;
    void *context = zmq_ctx_new();
    void *socket = load_connect(context, echo->endpoint);
    zmq_msg_init(&reply);
    zmq_send(socket, fetch_request, sizeof fetch_request, 0);
    while (load_clock() < echo->until) {
        if (zmq_msg_recv(&reply, socket, 0) < 0)
            load_fail("no reply");
        if (zmq_msg_size(&reply) == ACK_REPLY_SIZE)
            continue;
        echo->fetches++;
        zmq_send(socket, request, echo->ack_size, 0);
        zmq_send(socket, fetch_request, sizeof fetch_request, 0);
    }
    zmq_msg_close(&reply);
    zmq_close(socket);
    zmq_ctx_term(context);
    return NULL;
}

/* Fetches a second. */
static double measure_bare(struct echo *echo)
{
    pthread_t server;
    pthread_t askers[BUS_WORKERS];
    echo->context = zmq_ctx_new();
    pthread_create(&server, NULL, echo_run, echo);
    echo->until = load_clock() + BARE_SECONDS;
    for (size_t i = 0; i < BUS_WORKERS; i++)
        pthread_create(&askers[i], NULL, asker_run, echo);
    for (size_t i = 0; i < BUS_WORKERS; i++)
        pthread_join(askers[i], NULL);
    zmq_ctx_shutdown(echo->context);
    pthread_join(server, NULL);
    zmq_ctx_term(echo->context);
    return (double)echo->fetches / BARE_SECONDS;
}

struct workers_figures workers_measure(const struct rig *rig, size_t count)
{
    static unsigned rounds;
    char name[2][16];
    struct workers_figures figures;
    snprintf(name[0], sizeof name[0], "raw-%u", rounds);
    snprintf(name[1], sizeof name[1], "run-%u", rounds++);
    struct crew raw = {.rig = rig, .consumer = name[0], .goal = count};
    make_consumer(rig, name[0]);
    figures.raw = measure_raw(&raw);
    struct crew run = {.rig = rig, .consumer = name[1], .goal = count};
    make_consumer(rig, name[1]);
    figures.run = measure_run(&run);
    double batch = (double)count / (double)raw.fetches;
    struct echo echo = {.endpoint = rig->bare,
                        .fetch_size = raw.bytes / raw.fetches,
                        .ack_size =
                            (size_t)(batch * (double)sizeof "\xa2\x63seq\x1a....\x65lease.")};
    if (echo.fetch_size > ECHO_MAX || echo.ack_size > ECHO_MAX)
        load_fail("a fetch is too long");
    figures.bare = measure_bare(&echo) * batch;
    return figures;
}
