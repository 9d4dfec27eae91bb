/* SPDX-License-Identifier: MPL-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/types.h"
#include "tests/bench/ask.h"
#include "tests/bench/bus.h"
#include "tests/bench/load.h"

/* How far the slowest may be behind, in steps: the daemon drops what its peers do not take. */
#define STEP 1024
#define STEPS_AHEAD 32
#define RECEIVE_MS 30000
#define SEND_HWM 65536
/* Events whose bytes the bare publisher sends, again and again. */
#define SAMPLE 4096
#define FRAME_MAX 1024
/* Requests that the bare relay records together at most. */
#define ROUND 256

struct sample {
    size_t count;
    size_t lengths[SAMPLE];
    uint8_t frames[SAMPLE][FRAME_MAX];
};

struct audience;

struct listener {
    struct audience *audience;
    pthread_t thread;
    size_t heard;
    sem_t steps; /* that may be sent */
    atomic_bool ready;
    struct sample *sample; /* filled by one of them, NULL: not by this one */
};

struct audience {
    void *context;
    const char *endpoint;
    size_t goal;
    double started; /* when the first event was about to be sent */
    size_t allowed; /* events that may be sent, as far as all were asked */
    struct listener listeners[BUS_SUBSCRIBERS];
};

static void *listener_socket(const struct audience *audience)
{
    int timeout = RECEIVE_MS;
    int none = 0;
    void *socket = zmq_socket(audience->context, ZMQ_SUB);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "bench.", 6);
    if (zmq_connect(socket, audience->endpoint))
        load_fail("cannot connect to %s", audience->endpoint);
    return socket;
}

static void keep(struct sample *sample, zmq_msg_t *frame)
{
    size_t length = zmq_msg_size(frame);
    if (!sample || sample->count == SAMPLE || length > FRAME_MAX)
        return;
    memcpy(sample->frames[sample->count], zmq_msg_data(frame), length);
    sample->lengths[sample->count++] = length;
}

static void *listener_run(void *argument)
{
    struct listener *listener = argument;
    void *socket = listener_socket(listener->audience);
    zmq_msg_t type;
    zmq_msg_t event;
    zmq_msg_init(&type);
    zmq_msg_init(&event);
    while (listener->heard < listener->audience->goal) {
        if (zmq_msg_recv(&type, socket, 0) < 0 || zmq_msg_recv(&event, socket, 0) < 0)
            load_fail("a subscriber waits for event %zu", listener->heard);
        if (zmq_msg_size(&type) == strlen(BUS_TYPE_READY)) {
            listener->ready = true;
            continue;
        }
        keep(listener->sample, &event);
        if (++listener->heard % STEP == 0)
            sem_post(&listener->steps);
    }
    zmq_msg_close(&type);
    zmq_msg_close(&event);
    zmq_close(socket);
    return NULL;
}

static void audience_open(struct audience *audience, const char *endpoint, size_t goal,
                          struct sample *sample)
{
    memset(audience, 0, sizeof *audience);
    audience->context = zmq_ctx_new();
    audience->endpoint = endpoint;
    audience->goal = goal;
    audience->listeners[0].sample = sample;
    for (size_t i = 0; i < BUS_SUBSCRIBERS; i++) {
        audience->listeners[i].audience = audience;
        sem_init(&audience->listeners[i].steps, 0, STEPS_AHEAD);
        pthread_create(&audience->listeners[i].thread, NULL, listener_run, &audience->listeners[i]);
    }
}

static void audience_close(struct audience *audience)
{
    for (size_t i = 0; i < BUS_SUBSCRIBERS; i++) {
        pthread_join(audience->listeners[i].thread, NULL);
        sem_destroy(&audience->listeners[i].steps);
    }
    zmq_ctx_term(audience->context);
}

static bool all_ready(const struct audience *audience)
{
    for (size_t i = 0; i < BUS_SUBSCRIBERS; i++)
        if (!audience->listeners[i].ready)
            return false;
    return true;
}

static void wait_for_slowest(void *context, size_t next)
{
    struct audience *audience = context;
    if (next == 0)
        audience->started = load_clock();
    for (; audience->allowed <= next; audience->allowed += STEP)
        for (size_t i = 0; i < BUS_SUBSCRIBERS; i++)
            sem_wait(&audience->listeners[i].steps);
}

/* What the archive still has to do is not to be done beside a yardstick. */
static void settle(const struct rig *rig)
{
    void *context = zmq_ctx_new();
    void *socket = load_connect(context, rig->api);
    ask_until_archived(socket, rig->pid);
    zmq_close(socket);
    zmq_ctx_term(context);
}

static double measure_daemon(const struct rig *rig, size_t count, struct sample *sample,
                             double *cpu_us)
{
    static struct audience audience;
    audience_open(&audience, rig->events, count, sample);
    while (!all_ready(&audience))
        bus_publish(rig, BUS_TYPE_READY, 1, NULL, NULL);
    double before = rig_cpu(rig);
    bus_publish(rig, BUS_TYPE, count, wait_for_slowest, &audience);
    audience_close(&audience);
    double seconds = load_clock() - audience.started;
    settle(rig);
    *cpu_us = (rig_cpu(rig) - before) * 1e6 / (double)count;
    return (double)count / seconds;
}

/* An XPUB that all have subscribed to. */
static void *bare_socket(void *context, const char *endpoint)
{
    int hwm = SEND_HWM;
    char subscription[16];
    void *socket = zmq_socket(context, ZMQ_XPUB);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
    /* Each of them is told of. */
    int every = 1;
    zmq_setsockopt(socket, ZMQ_XPUB_VERBOSE, &every, sizeof every);
    if (zmq_bind(socket, endpoint))
        load_fail("cannot bind %s", endpoint);
    for (size_t i = 0; i < BUS_SUBSCRIBERS; i++)
        if (zmq_recv(socket, subscription, sizeof subscription, 0) < 0)
            load_fail("nobody subscribes");
    return socket;
}

static void send_event(void *socket, const struct sample *sample, size_t index)
{
    size_t number = index % sample->count;
    zmq_send(socket, BUS_TYPE, strlen(BUS_TYPE), ZMQ_SNDMORE);
    zmq_send(socket, sample->frames[number], sample->lengths[number], 0);
}

static double measure_bare(const struct rig *rig, size_t count, const struct sample *sample)
{
    static struct audience audience;
    void *context = zmq_ctx_new();
    audience_open(&audience, rig->bare, count, NULL);
    void *socket = bare_socket(context, rig->bare);
    for (size_t i = 0; i < count; i++) {
        wait_for_slowest(&audience, i);
        send_event(socket, sample, i);
    }
    audience_close(&audience);
    double seconds = load_clock() - audience.started;
    zmq_close(socket);
    zmq_ctx_term(context);
    return (double)count / seconds;
}

/* ---- a bare relay, which does nothing with a request but what no daemon can leave out ---- */

struct relay {
    void *requests;
    void *events;
    const struct sample *sample;
    int file;
    size_t left; /* requests to come */
    size_t sent; /* events */
    zmq_msg_t clients[ROUND];
    struct rentbus_buffer bytes;
};

/* Takes the requests that are there, and waits for the first: how many. */
static size_t relay_receive(struct relay *relay)
{
    size_t count = 0;
    zmq_msg_t body;
    zmq_msg_init(&body);
    while (count < ROUND && count < relay->left) {
        zmq_msg_init(&relay->clients[count]);
        if (zmq_msg_recv(&relay->clients[count], relay->requests, count ? ZMQ_DONTWAIT : 0) < 0)
            break;
        zmq_msg_recv(&body, relay->requests, 0);
        count++;
    }
    zmq_msg_close(&body);
    return count;
}

static void relay_record(struct relay *relay, size_t events)
{
    const struct sample *sample = relay->sample;
    rentbus_buffer_clear(&relay->bytes);
    for (size_t i = 0; i < events; i++) {
        size_t number = (relay->sent + i) % sample->count;
        rentbus_buffer_append(&relay->bytes, sample->frames[number], sample->lengths[number]);
    }
    ssize_t written = write(relay->file, relay->bytes.data, relay->bytes.length);
    if (written != (ssize_t)relay->bytes.length || fdatasync(relay->file))
        load_fail("cannot write");
}

static void relay_answer(struct relay *relay, size_t requests)
{
    /* As load_says_ok() wants it. */
    static const char reply[64] = {[24] = '\x62', 'o', 'k', '\xf5'};
    for (size_t i = 0; i < requests; i++) {
        zmq_msg_send(&relay->clients[i], relay->requests, ZMQ_SNDMORE);
        zmq_send(relay->requests, reply, sizeof reply, 0);
    }
}

static void *relay_run(void *argument)
{
    struct relay *relay = argument;
    while (relay->left > 0) {
        size_t requests = relay_receive(relay);
        size_t events = requests * RENTBUS_PUBLISH_MAX;
        relay_record(relay, events);
        for (size_t i = 0; i < events; i++)
            send_event(relay->events, relay->sample, relay->sent++);
        relay_answer(relay, requests);
        relay->left -= requests;
    }
    return NULL;
}

static void *relay_requests(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    if (zmq_bind(socket, endpoint))
        load_fail("cannot bind %s", endpoint);
    return socket;
}

static double measure_relay(const struct rig *rig, size_t count, const struct sample *sample)
{
    static struct audience audience;
    static struct relay relay;
    struct rig bare = *rig;
    char path[sizeof rig->directory + 8];
    pthread_t thread;
    snprintf(bare.api, sizeof bare.api, "ipc://%s/relay.sock", rig->directory);
    snprintf(path, sizeof path, "%s/relay", rig->directory);
    void *context = zmq_ctx_new();
    audience_open(&audience, rig->bare, count, NULL);
    relay = (struct relay){
        .requests = relay_requests(context, bare.api),
        .events = bare_socket(context, rig->bare),
        .sample = sample,
        .file = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600),
        .left = (count + RENTBUS_PUBLISH_MAX - 1) / RENTBUS_PUBLISH_MAX,
    };
    pthread_create(&thread, NULL, relay_run, &relay);
    bus_publish(&bare, BUS_TYPE, count, wait_for_slowest, &audience);
    audience_close(&audience);
    double seconds = load_clock() - audience.started;
    pthread_join(thread, NULL);
    close(relay.file);
    rentbus_buffer_release(&relay.bytes);
    zmq_close(relay.requests);
    zmq_close(relay.events);
    zmq_ctx_term(context);
    return (double)count / seconds;
}

struct fanout_figures fanout_measure(const struct rig *rig, size_t count)
{
    struct sample *sample = calloc(1, sizeof *sample);
    if (!sample)
        load_fail("out of memory");
    struct fanout_figures figures;
    figures.daemon = measure_daemon(rig, count, sample, &figures.cpu_us);
    figures.bare = measure_bare(rig, count, sample);
    figures.relay = measure_relay(rig, count, sample);
    free(sample);
    return figures;
}
