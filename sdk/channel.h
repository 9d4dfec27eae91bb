/* SPDX-License-Identifier: MPL-2.0 */
/* A libzmq socket connected to the daemon that can be thrown away and opened anew. Never blocks.
 * One thread. */
#ifndef RENTBUS_CHANNEL_H
#define RENTBUS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <zmq.h>

struct channel {
    void *context;
    void *socket;
    int fd; /* ZMQ_FD: edge-triggered, and another one after channel_reopen() */
    int type;
    int high_water; /* messages that libzmq queues in each direction */
    char *endpoint;
    char **prefixes; /* what a SUB subscribes to, NULL at the end */
    bool watched;
    void *monitor;  /* tells of lost connections; NULL when nobody watches */
    int monitor_fd; /* as `fd` */
};

/* Opens a ZMQ_DEALER or a ZMQ_SUB; `prefixes` are for the SUB. Everything is copied. 0, -EINVAL for
 * an endpoint that is none, or another negative errno. */
int channel_open(struct channel *channel, int type, const char *endpoint, int high_water,
                 const char *const *prefixes, size_t prefix_count)
    __attribute__((warn_unused_result));
/* NULL-safe in its parts: a zeroed channel may be closed. */
void channel_close(struct channel *channel);
/* A fresh connection: what was queued in either direction is gone. When it fails, the old one
 * stays. */
int channel_reopen(struct channel *channel) __attribute__((warn_unused_result));

/* From now on channel_lost() tells. 0; -EALREADY when it does so already; or another negative
 * errno.
 */
int channel_watch(struct channel *channel) __attribute__((warn_unused_result));
/* Whether a connection was lost since it was asked last. */
bool channel_lost(struct channel *channel);

/* Sends one frame: 0, -EAGAIN when the queue is full, or another negative errno. */
int channel_send(struct channel *channel, const void *data, size_t length)
    __attribute__((warn_unused_result));
/* Receives a message of exactly `count` frames into initialized `frames`. 1; 0 when there is none;
 * -EBADMSG when there was one of another count, which is gone; or another negative errno. */
int channel_receive(struct channel *channel, zmq_msg_t *frames, size_t count)
    __attribute__((warn_unused_result));
/* Whether a frame can be sent or received now. */
bool channel_ready(struct channel *channel);

#endif
