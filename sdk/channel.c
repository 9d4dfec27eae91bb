/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/channel.h"
#include "sdk/context.h"
#include "sdk/protocol/cbor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MS 50
#define RECONNECT_MAX_MS 1000
#define CONNECT_TIMEOUT_MS 5000
#define HANDSHAKE_MS 5000
/* A tcp peer that vanished without a word is noticed after these two. */
#define HEARTBEAT_MS 5000
#define HEARTBEAT_TIMEOUT_MS 10000

struct socket_option {
    int name;
    int value;
};

static int socket_set(void *socket, int type, int high_water)
{
    const struct socket_option options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, type == ZMQ_SUB ? 0 : high_water},
        {ZMQ_RCVHWM, high_water},
        {ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
        {ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS},
        {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS},
        {ZMQ_IPV6, 1},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof(int)) != 0)
            return -errno;
    }
    int64_t longest = (int64_t)rentbus_reply_limits.bytes;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &longest, sizeof(longest)) == 0 ? 0 : -errno;
}

static int socket_subscribe(void *socket, char *const *prefixes)
{
    for (; *prefixes; prefixes++) {
        if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, *prefixes, strlen(*prefixes)) != 0)
            return -errno;
    }
    return 0;
}

/* What libzmq says of an endpoint that it cannot read. */
static int connect_error(int error)
{
    return error == EPROTONOSUPPORT || error == ENOCOMPATPROTO ? -EINVAL : -error;
}

static int socket_start(const struct channel *channel, void *socket, int *fd)
{
    int error = socket_set(socket, channel->type, channel->high_water);
    if (!error)
        error = socket_subscribe(socket, channel->prefixes);
    if (error)
        return error;
    if (zmq_connect(socket, channel->endpoint) != 0)
        return connect_error(errno);
    size_t size = sizeof(*fd);
    return zmq_getsockopt(socket, ZMQ_FD, fd, &size) == 0 ? 0 : -errno;
}

/* ---- lost connections ---- */

/* Has libzmq tell `monitor` when the socket loses its connection. The endpoint is of this one
 * alone. */
static int monitor_connect(void *socket, void *monitor, int *fd)
{
    static atomic_uint_fast64_t count;
    char endpoint[64];
    size_t size = sizeof(*fd);
    int unlimited = 0;
    snprintf(endpoint, sizeof(endpoint), "inproc://rentbus-monitor-%" PRIuFAST64,
             atomic_fetch_add(&count, 1));
    if (zmq_setsockopt(monitor, ZMQ_RCVHWM, &unlimited, sizeof(unlimited)) != 0 ||
        zmq_socket_monitor(socket, endpoint, ZMQ_EVENT_DISCONNECTED) != 0 ||
        zmq_connect(monitor, endpoint) != 0 || zmq_getsockopt(monitor, ZMQ_FD, fd, &size) != 0)
        return -errno;
    return 0;
}

/* The socket must be told before its monitor goes: libzmq's thread, which serves every client,
 * would wait for ever for somebody to take what it has to tell. */
static void monitor_end(void *socket, void *monitor)
{
    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(monitor);
}

static int monitor_open(struct channel *channel)
{
    void *monitor = zmq_socket(channel->context, ZMQ_PAIR);
    if (!monitor)
        return -errno;
    int fd = -1;
    int error = monitor_connect(channel->socket, monitor, &fd);
    if (error) {
        monitor_end(channel->socket, monitor);
        return error;
    }
    channel->monitor = monitor;
    channel->monitor_fd = fd;
    return 0;
}

static void monitor_close(struct channel *channel)
{
    if (channel->monitor)
        monitor_end(channel->socket, channel->monitor);
    channel->monitor = NULL;
    channel->monitor_fd = -1;
}

int channel_watch(struct channel *channel)
{
    if (channel->watched)
        return -EALREADY;
    channel->watched = true;
    return monitor_open(channel);
}

bool channel_lost(struct channel *channel)
{
    bool lost = false;
    char frame[256];
    /* Each event has two frames: the first is all that there is to know, that there was one. */
    while (zmq_recv(channel->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) >= 0)
        lost = true;
    return lost;
}

/* ---- the socket ---- */

int channel_reopen(struct channel *channel)
{
    void *socket = zmq_socket(channel->context, channel->type);
    if (!socket)
        return -errno;
    int fd = -1;
    int error = socket_start(channel, socket, &fd);
    if (error) {
        zmq_close(socket);
        return error;
    }
    monitor_close(channel);
    if (channel->socket)
        zmq_close(channel->socket);
    channel->socket = socket;
    channel->fd = fd;
    /* Without a monitor, what is lost is noticed later. */
    if (channel->watched)
        (void)!monitor_open(channel);
    return 0;
}

static int channel_copy(struct channel *channel, const char *endpoint, const char *const *prefixes,
                        size_t prefix_count)
{
    channel->endpoint = strdup(endpoint);
    channel->prefixes = calloc(prefix_count + 1, sizeof(*channel->prefixes));
    if (!channel->endpoint || !channel->prefixes)
        return -ENOMEM;
    for (size_t i = 0; i < prefix_count; i++) {
        channel->prefixes[i] = strdup(prefixes[i]);
        if (!channel->prefixes[i])
            return -ENOMEM;
    }
    return 0;
}

static bool endpoint_known(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "tcp://", 6) == 0;
}

int channel_open(struct channel *channel, int type, const char *endpoint, int high_water,
                 const char *const *prefixes, size_t prefix_count)
{
    struct channel fresh = {.fd = -1, .monitor_fd = -1, .type = type, .high_water = high_water};
    if (!endpoint_known(endpoint))
        return -EINVAL;
    int error = channel_copy(&fresh, endpoint, prefixes, prefix_count);
    if (!error) {
        fresh.context = context_acquire();
        error = fresh.context ? channel_reopen(&fresh) : -errno;
    }
    if (error) {
        channel_close(&fresh);
        return error;
    }
    *channel = fresh;
    return 0;
}

void channel_close(struct channel *channel)
{
    monitor_close(channel);
    if (channel->socket)
        zmq_close(channel->socket);
    if (channel->context)
        context_release();
    for (char **prefix = channel->prefixes; prefix && *prefix; prefix++)
        free(*prefix);
    free(channel->prefixes);
    free(channel->endpoint);
    *channel = (struct channel){.fd = -1, .monitor_fd = -1};
}

int channel_send(struct channel *channel, const void *data, size_t length)
{
    int sent;
    do
        sent = zmq_send(channel->socket, data, length, ZMQ_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static int frame_receive(struct channel *channel, zmq_msg_t *frame)
{
    int length;
    do
        length = zmq_msg_recv(frame, channel->socket, ZMQ_DONTWAIT);
    while (length < 0 && errno == EINTR);
    return length < 0 ? -errno : 0;
}

/* The frames of a message arrive together, so none of these waits. */
static int frames_drop(struct channel *channel, zmq_msg_t *frame)
{
    while (zmq_msg_more(frame)) {
        int error = frame_receive(channel, frame);
        if (error)
            return error;
    }
    return -EBADMSG;
}

int channel_receive(struct channel *channel, zmq_msg_t *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = frame_receive(channel, &frames[i]);
        if (error)
            return error == -EAGAIN ? 0 : error;
        bool last = i + 1 == count;
        if (!last && !zmq_msg_more(&frames[i]))
            return -EBADMSG;
        if (last && zmq_msg_more(&frames[i]))
            return frames_drop(channel, &frames[i]);
    }
    return 1;
}

bool channel_ready(struct channel *channel)
{
    int events = 0;
    size_t size = sizeof(events);
    return zmq_getsockopt(channel->socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & (ZMQ_POLLIN | ZMQ_POLLOUT)) != 0;
}
