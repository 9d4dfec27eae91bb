/* SPDX-License-Identifier: MPL-2.0 */
#include <poll.h>
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <string.h>

#include "sdk/protocol/codec.h"
#include "tests/bench/bus.h"
#include "tests/bench/load.h"

#define WAIT_MS 20000
#define TIMEOUT_MS 60000
#define PAUSE_MS 10
#define SETTLE_SECONDS 1.5

struct idler {
    struct rentbus_client *client;
    struct rentbus_uuid incarnation;
    char name[16];
};

static struct idler idlers[BUS_CONSUMERS];
static bool ending;

static void fetch(struct idler *idler);

static void fetched(void *context, const struct rentbus_completion *completion)
{
    if (completion->status && !ending)
        load_fail("a fetch ended with %d", completion->status);
    if (!ending)
        fetch(context);
}

static void fetch(struct idler *idler)
{
    struct rentbus_fetch_args args = {0};
    RENTBUS_SET(&args, fetch_args, id, rentbus_text(idler->name));
    RENTBUS_SET(&args, fetch_args, worker, rentbus_text("w"));
    RENTBUS_SET(&args, fetch_args, incarnation, idler->incarnation);
    RENTBUS_SET(&args, fetch_args, credit, 64);
    RENTBUS_SET(&args, fetch_args, wait_ms, WAIT_MS);
    if (rentbus_call_start(idler->client, RENTBUS_OP_consumer_fetch, NULL, &args, fetched, idler))
        load_fail("cannot fetch");
}

/* Each wants an event of its own, so that nobody looks for the same. */
static void make_consumer(struct idler *idler)
{
    char type[24];
    struct rentbus_consumer_put_args args = {0};
    snprintf(type, sizeof type, "of.%s", idler->name);
    RENTBUS_SET(&args, consumer_put_args, id, rentbus_text(idler->name));
    RENTBUS_SET(&args, consumer_put_args, types,
                ((struct rentbus_ids){.count = 1, .items = {rentbus_text(type)}}));
    if (rentbus_consumer_put(idler->client, NULL, &args, NULL))
        load_fail("cannot make a consumer");
}

static void idlers_open(struct rentbus_client *client)
{
    for (size_t i = 0; i < BUS_CONSUMERS; i++) {
        idlers[i].client = client;
        snprintf(idlers[i].name, sizeof idlers[i].name, "idle-%04zu", i);
        if (rentbus_client_command_id(client, &idlers[i].incarnation))
            load_fail("no random bytes");
        make_consumer(&idlers[i]);
    }
    for (size_t i = 0; i < BUS_CONSUMERS; i++)
        fetch(&idlers[i]);
}

/* Lets the calls go on for so long. */
static void idle_for(struct rentbus_client *client, double seconds)
{
    struct pollfd ready = {.fd = rentbus_client_fd(client), .events = POLLIN};
    double until = load_clock() + seconds;
    double left = seconds;
    while (left > 0) {
        if (poll(&ready, 1, (int)(left * 1e3) + 1) < 0 || rentbus_client_process(client) < 0)
            load_fail("the client failed");
        left = until - load_clock();
    }
}

static double share_idle(const struct rig *rig, struct rentbus_client *client, double seconds)
{
    double start = load_clock();
    double before = rig_cpu(rig);
    idle_for(client, seconds);
    return (rig_cpu(rig) - before) / (load_clock() - start);
}

static void published(void *context, const struct rentbus_completion *completion)
{
    (void)context;
    if (completion->status && !ending)
        load_fail("an event was refused: %d", completion->status);
}

static void publish_one(struct rentbus_client *client)
{
    static const uint8_t data[] = {0xa0};
    struct rentbus_buffer event = {0};
    struct rentbus_publish_args args = {0};
    struct rentbus_new_event new = {0};
    RENTBUS_SET(&new, new_event, data, ((struct rentbus_bytes){data, sizeof data}));
    RENTBUS_SET(&new, new_event, type, rentbus_text(BUS_TYPE));
    rentbus_encode(&rentbus_new_event_schema, &new, &event);
    RENTBUS_SET(&args, publish_args, events, ((struct rentbus_list){event.data, event.length, 1}));
    if (rentbus_call_start(client, RENTBUS_OP_publish, NULL, &args, published, NULL))
        load_fail("cannot publish");
    rentbus_buffer_release(&event);
}

static double share_passing(const struct rig *rig, struct rentbus_client *client, double seconds)
{
    double start = load_clock();
    double before = rig_cpu(rig);
    while (load_clock() < start + seconds) {
        publish_one(client);
        idle_for(client, PAUSE_MS / 1e3);
    }
    return (rig_cpu(rig) - before) / (load_clock() - start);
}

struct idle_figures idle_measure(const char *program, double seconds)
{
    struct rig rig;
    struct idle_figures figures;
    struct rentbus_client *client;
    rig_start(&rig, program);
    struct rentbus_options options = {
        .api = rig.api, .timeout_ms = TIMEOUT_MS, .retry_ms = TIMEOUT_MS};
    if (rentbus_client_open(&options, &client) || rentbus_hello(client, NULL, NULL, NULL))
        load_fail("the daemon does not answer");
    ending = false;
    figures.alone = share_passing(&rig, client, seconds / 4);
    double none = share_idle(&rig, client, seconds / 4);
    double memory = rig_memory(&rig);
    idlers_open(client);
    idle_for(client, SETTLE_SECONDS);
    figures.memory = rig_memory(&rig) - memory;
    figures.cpu = share_idle(&rig, client, seconds) - none;
    figures.passing = share_passing(&rig, client, seconds / 4);
    ending = true;
    rentbus_client_close(&client);
    rig_stop(&rig);
    return figures;
}
