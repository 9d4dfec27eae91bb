/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Requests and replies on a ROUTER socket. The frames before the last one are the route: the
 * identity of the connection, those that proxies put there, and the empty frame of a REQ socket,
 * which ends it. They go back before the reply, as they came.
 */
#ifndef RENTBUS_SERVER_ROUTE_H
#define RENTBUS_SERVER_ROUTE_H

#include <zmq.h>

#include "daemon/api/api.h"

/* Frames before the body, and their bytes. */
#define ROUTE_FRAMES_MAX 8
#define ROUTE_BYTES_MAX 1024
#define ROUTE_ACTOR_SIZE 32
/* Few enough that the peers have something to do while the next ones are made. */
#define ROUTE_OUTBOX_MAX 32

/* Holds the message received last. */
struct route_reader {
    zmq_msg_t body;
    bool has_body;
    size_t route_length;
    uint8_t route[ROUTE_BYTES_MAX];
    size_t actor_length;
    char actor[ROUTE_ACTOR_SIZE];
};

/* Replies that leave together, so that libzmq's thread is woken once for all of them and writes
 * them at once. */
struct route_outbox {
    size_t replies;
    size_t ends[ROUTE_OUTBOX_MAX]; /* behind the last frame of each */
    size_t count;                  /* of frames */
    zmq_msg_t frames[ROUTE_OUTBOX_MAX * (ROUTE_FRAMES_MAX + 1)];
};

/* Zero it before the first use, but for the socket, which is borrowed. Nobody else may call libzmq
 * with that. */
struct router {
    void *socket;
    /* The last call of the socket was a receive that found nothing. Only then does its ZMQ_FD
     * become readable with the next message: any other call may take in the sign of one that has
     * come. */
    bool quiet;
    struct route_reader reader;
    struct route_outbox outbox;
};

void route_release(struct router *router);

/* Receives the next request without waiting; *message borrows from the router until the next call.
 * False when there is none. One with too long a route, or with frames behind the request, comes
 * with an empty body, and a route to the connection alone. */
bool route_receive(struct router *router, struct api_message *message);
/* Sends the body along the route, with the next flush. A peer that is gone or takes nothing loses
 * its reply. */
void route_send(struct router *router, struct rentbus_bytes route, struct rentbus_bytes body);
void route_flush(struct router *router);
/* Flushes, and sends the body. False when the peer is gone or takes nothing: a ROUTER tells that
 * when it has the option ZMQ_ROUTER_MANDATORY. One that dies in this moment loses it all the same.
 */
bool route_send_now(struct router *router, struct rentbus_bytes route, struct rentbus_bytes body);

#endif
