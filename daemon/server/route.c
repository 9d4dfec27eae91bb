/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/server/route.h"

#include <stdio.h>
#include <string.h>

/* In a route each frame stands behind its length, in two bytes. */
#define FRAME_HEAD sizeof(uint16_t)

void route_reader_release(struct route_reader *reader)
{
    if (reader->has_body)
        zmq_msg_close(&reader->body);
    reader->has_body = false;
}

static bool add_frame(struct route_reader *reader, zmq_msg_t *frame)
{
    size_t size = zmq_msg_size(frame);
    if (reader->route_length + FRAME_HEAD + size > sizeof reader->route)
        return false;
    uint16_t length = (uint16_t)size;
    memcpy(reader->route + reader->route_length, &length, sizeof length);
    memcpy(reader->route + reader->route_length + FRAME_HEAD, zmq_msg_data(frame), size);
    reader->route_length += FRAME_HEAD + size;
    return true;
}

/* What libzmq notes of an ipc peer: "localhost:uid:gid:pid". Of a tcp peer it notes a numeric
 * address, which may have colons too. */
#define PEER_PREFIX "localhost:"

/* The principal of a connection: the user of an ipc peer; nobody in particular for tcp, which
 * serves this machine only. */
static void set_actor(struct route_reader *reader)
{
    const char *address = zmq_msg_gets(&reader->body, "Peer-Address");
    size_t prefix = strlen(PEER_PREFIX);
    bool local = address && strncmp(address, PEER_PREFIX, prefix) == 0;
    size_t digits = local ? strspn(address + prefix, "0123456789") : 0;
    if (digits > 0 && address[prefix + digits] == ':')
        snprintf(reader->actor, sizeof reader->actor, "uid:%.*s", (int)digits, address + prefix);
    else
        snprintf(reader->actor, sizeof reader->actor, "anonymous");
}

/* Receives one message, its last frame into `body`: 1; 0 when its route is too long; -1 when there
 * is none. */
static int receive(void *socket, struct route_reader *reader)
{
    bool fits = true;
    int frames = 0;
    reader->route_length = 0;
    for (;;) {
        if (zmq_msg_recv(&reader->body, socket, ZMQ_DONTWAIT) < 0)
            return -1;
        if (!zmq_msg_more(&reader->body))
            return fits;
        fits = fits && frames++ < ROUTE_FRAMES_MAX && add_frame(reader, &reader->body);
    }
}

bool route_receive(void *socket, struct route_reader *reader, struct api_message *message)
{
    int received;
    if (!reader->has_body)
        zmq_msg_init(&reader->body);
    reader->has_body = true;
    do {
        received = receive(socket, reader);
    } while (received == 0);
    if (received < 0)
        return false;
    set_actor(reader);
    message->route = (struct rentbus_bytes){reader->route, reader->route_length};
    message->actor = (struct rentbus_bytes){(const uint8_t *)reader->actor, strlen(reader->actor)};
    message->body =
        (struct rentbus_bytes){zmq_msg_data(&reader->body), zmq_msg_size(&reader->body)};
    return true;
}

void route_send(void *socket, struct rentbus_bytes route, struct rentbus_bytes body)
{
    const uint8_t *at = route.data;
    const uint8_t *end = route.data + route.length;
    while (at < end) {
        uint16_t length;
        memcpy(&length, at, sizeof length);
        if (zmq_send(socket, at + FRAME_HEAD, length, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
            return;
        at += FRAME_HEAD + length;
    }
    zmq_send(socket, body.data, body.length, ZMQ_DONTWAIT);
}
