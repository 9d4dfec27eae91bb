/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/bus.h"

#include <stdio.h>
#include <zmq.h>

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"
#include "tests/bench/load.h"

#define SUBJECTS 4096
#define IN_FLIGHT 256

struct feed {
    const char *type;
    bus_pace *pace;
    void *context;
};

static void encode_event(const char *type, size_t number, struct rentbus_buffer *out)
{
    char subject[32];
    struct rentbus_buffer data = {0};
    struct rentbus_new_event event = {0};
    int length = snprintf(subject, sizeof subject, "subject-%04zu", number % SUBJECTS);
    rentbus_cbor_write_map(&data, 2);
    rentbus_cbor_write_text(&data, "number", 6);
    rentbus_cbor_write_uint(&data, number);
    rentbus_cbor_write_text(&data, "user_id", 7);
    rentbus_cbor_write_text(&data, subject, (size_t)length);
    RENTBUS_SET(&event, new_event, data, ((struct rentbus_bytes){data.data, data.length}));
    RENTBUS_SET(&event, new_event, type, rentbus_text(type));
    RENTBUS_SET(&event, new_event, subject, rentbus_text(subject));
    rentbus_encode(&rentbus_new_event_schema, &event, out);
    rentbus_buffer_release(&data);
}

static void encode_request(void *context, size_t index, const struct rentbus_uuid *id,
                           struct rentbus_buffer *out)
{
    const struct feed *feed = context;
    struct rentbus_buffer events = {0};
    struct rentbus_publish_args args = {0};
    for (size_t i = 0; i < RENTBUS_PUBLISH_MAX; i++)
        encode_event(feed->type, index * RENTBUS_PUBLISH_MAX + i, &events);
    RENTBUS_SET(&args, publish_args, events,
                ((struct rentbus_list){events.data, events.length, RENTBUS_PUBLISH_MAX}));
    load_encode(RENTBUS_OP_publish, id, &args, out);
    rentbus_buffer_release(&events);
}

static void before_request(void *context, size_t index)
{
    const struct feed *feed = context;
    if (feed->pace)
        feed->pace(feed->context, index * RENTBUS_PUBLISH_MAX);
}

void bus_publish(const struct rig *rig, const char *type, size_t count, bus_pace *pace,
                 void *context)
{
    struct feed feed = {type, pace, context};
    void *zmq = zmq_ctx_new();
    struct load load = {
        .socket = load_connect(zmq, rig->api),
        .request = encode_request,
        .before = before_request,
        .context = &feed,
        .count = (count + RENTBUS_PUBLISH_MAX - 1) / RENTBUS_PUBLISH_MAX,
        .in_flight = IN_FLIGHT,
        .check = true,
    };
    load_run(&load);
    zmq_close(load.socket);
    zmq_ctx_term(zmq);
}
