/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/server/route.h"

#include <errno.h>
#include <string.h>

/* In a route each frame stands behind its length, in two bytes. */
#define FRAME_HEAD sizeof(uint16_t)

void route_release(struct router *router)
{
    if (router->reader.has_body)
        zmq_msg_close(&router->reader.body);
    router->reader.has_body = false;
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
#define UID_DIGITS_MAX 20

static void append_actor(struct route_reader *reader, const char *text, size_t length)
{
    memcpy(reader->actor + reader->actor_length, text, length);
    reader->actor_length += length;
}

/* The principal of a connection: the user of an ipc peer; nobody in particular for tcp, which
 * serves this machine only. */
static void set_actor(struct route_reader *reader)
{
    const char *address = zmq_msg_gets(&reader->body, "Peer-Address");
    size_t prefix = strlen(PEER_PREFIX);
    size_t digits = 0;
    if (address && strncmp(address, PEER_PREFIX, prefix) == 0)
        while (address[prefix + digits] >= '0' && address[prefix + digits] <= '9')
            digits++;
    reader->actor_length = 0;
    if (digits > 0 && digits <= UID_DIGITS_MAX && address[prefix + digits] == ':') {
        append_actor(reader, "uid:", 4);
        append_actor(reader, address + prefix, digits);
    } else {
        append_actor(reader, "anonymous", 9);
    }
}

/* A message that is no request is answered as an empty one would be, and as far as its way back is
 * sure: to the connection, and through the empty frame of a REQ socket behind it. */
static void make_empty(struct route_reader *reader, size_t sure)
{
    zmq_msg_close(&reader->body);
    zmq_msg_init(&reader->body);
    reader->route_length = sure;
}

static bool receive(struct router *router)
{
    struct route_reader *reader = &router->reader;
    bool whole = true;
    bool delimited = false;
    size_t sure = 0;
    int frames = 0;
    router->quiet = false;
    reader->route_length = 0;
    for (;;) {
        if (zmq_msg_recv(&reader->body, router->socket, ZMQ_DONTWAIT) < 0) {
            router->quiet = zmq_errno() == EAGAIN;
            return false;
        }
        if (!zmq_msg_more(&reader->body))
            break;
        bool empty = frames > 0 && zmq_msg_size(&reader->body) == 0;
        whole =
            whole && !delimited && frames < ROUTE_FRAMES_MAX && add_frame(reader, &reader->body);
        if (whole && (frames == 0 || (frames == 1 && empty)))
            sure = reader->route_length;
        delimited = delimited || empty;
        frames++;
    }
    if (!whole)
        make_empty(reader, sure);
    return true;
}

bool route_receive(struct router *router, struct api_message *message)
{
    struct route_reader *reader = &router->reader;
    if (!reader->has_body)
        zmq_msg_init(&reader->body);
    reader->has_body = true;
    if (!receive(router))
        return false;
    set_actor(reader);
    message->route = (struct rentbus_bytes){reader->route, reader->route_length};
    message->actor = (struct rentbus_bytes){(const uint8_t *)reader->actor, reader->actor_length};
    message->body =
        (struct rentbus_bytes){zmq_msg_data(&reader->body), zmq_msg_size(&reader->body)};
    return true;
}

static bool put_frame(struct route_outbox *outbox, const uint8_t *data, size_t length)
{
    zmq_msg_t *frame = &outbox->frames[outbox->count];
    if (zmq_msg_init_size(frame, length))
        return false;
    if (length > 0)
        memcpy(zmq_msg_data(frame), data, length);
    outbox->count++;
    return true;
}

static bool put_reply(struct route_outbox *outbox, struct rentbus_bytes route,
                      struct rentbus_bytes body)
{
    const uint8_t *at = route.data;
    const uint8_t *end = route.data + route.length;
    while (at < end) {
        uint16_t length;
        memcpy(&length, at, sizeof length);
        if (!put_frame(outbox, at + FRAME_HEAD, length))
            return false;
        at += FRAME_HEAD + length;
    }
    return put_frame(outbox, body.data, body.length);
}

void route_send(struct router *router, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct route_outbox *outbox = &router->outbox;
    size_t before = outbox->count;
    if (put_reply(outbox, route, body))
        outbox->ends[outbox->replies++] = outbox->count;
    else
        while (outbox->count > before)
            zmq_msg_close(&outbox->frames[--outbox->count]);
    if (outbox->replies == ROUTE_OUTBOX_MAX)
        route_flush(router);
}

/* The frames from `first` up to `end`, as one message; the rest of one that is refused is lost.
 */
static bool send_frames(struct router *router, zmq_msg_t *first, const zmq_msg_t *end)
{
    bool sent = true;
    router->quiet = false;
    for (zmq_msg_t *frame = first; frame < end; frame++) {
        int more = frame + 1 < end ? ZMQ_SNDMORE : 0;
        sent = sent && zmq_msg_send(frame, router->socket, more | ZMQ_DONTWAIT) >= 0;
        if (!sent)
            zmq_msg_close(frame);
    }
    return sent;
}

void route_flush(struct router *router)
{
    struct route_outbox *outbox = &router->outbox;
    size_t start = 0;
    for (size_t i = 0; i < outbox->replies; i++) {
        send_frames(router, &outbox->frames[start], &outbox->frames[outbox->ends[i]]);
        start = outbox->ends[i];
    }
    outbox->replies = 0;
    outbox->count = 0;
}

bool route_send_now(struct router *router, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct route_outbox *outbox = &router->outbox;
    route_flush(router);
    bool sent = put_reply(outbox, route, body);
    if (sent)
        sent = send_frames(router, outbox->frames, &outbox->frames[outbox->count]);
    else
        while (outbox->count > 0)
            zmq_msg_close(&outbox->frames[--outbox->count]);
    outbox->count = 0;
    return sent;
}
