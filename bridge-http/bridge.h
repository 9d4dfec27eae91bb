/* SPDX-License-Identifier: MPL-2.0 */
/* The bridge: an HTTP server that is a client of rentbusd, on one thread and one epoll loop.
 *
 * It holds nothing that is not in the ledger: it may be stopped and started at any time. */
#ifndef RENTBUS_HTTP_BRIDGE_H
#define RENTBUS_HTTP_BRIDGE_H

#include <microhttpd.h>
#include <rentbus/rentbus.h>

#include "bridge-http/options.h"
#include "bridge-http/request.h"
#include "bridge-http/stream.h"

/* Seconds that a connection may be idle, or take to send a request, or to take an answer. Streams
 * without events are not idle. */
#define HTTP_IDLE_TIMEOUT 60
/* Bytes that one connection has for its request's head and for writing. */
#define HTTP_CONNECTION_MEMORY ((size_t)16 << 10)
/* Milliseconds that the daemon has for an answer about the past, for which it may have to replay
 * its journal, and after which such a request is sent again when nothing at all comes back. */
#define HTTP_PATIENT_TIMEOUT_MS 60000
#define HTTP_PATIENT_RETRY_MS 10000
/* Milliseconds that requests in flight have to end when the bridge is told to. */
#define HTTP_STOP_MS 5000
/* Descriptors beside those of the connections. */
#define HTTP_SPARE_DESCRIPTORS 64

struct http_bridge {
    struct http_options options;
    struct rentbus_options sdk;
    struct rentbus_client *client;
    struct rentbus_client *patient; /* for what may take long */
    struct http_hub hub;
    struct MHD_Daemon *server;
    int listen_fd; /* -1 once it is the server's */
    int epoll_fd;
    int signal_fd;
    int timer_fd;
    int wake_ms;     /* until streams are to be woken; -1: nothing waits */
    size_t requests; /* being received, served or answered */
    struct http_request_list receiving;
    bool stopping;         /* no new connections; ends when `requests` is 0, or at stop_at_ms */
    int64_t stop_at_ms;    /* monotonic */
    int64_t watchdog_ms;   /* between two pings of the service manager; 0: none */
    int64_t watchdog_last; /* monotonic */
    bool connected;        /* the daemon answered, as far as we have said in the log */
};

/* Microseconds since 1970. */
int64_t http_bridge_time(void);

/* Opens everything and listens. HTTP_EXIT_OK, or the exit code, with the reason logged and
 * *bridge to be closed all the same. Blocks SIGTERM and SIGINT for the process. */
enum http_exit http_bridge_open(struct http_bridge *bridge, const struct http_options *options)
    __attribute__((warn_unused_result));
/* Serves until SIGTERM or SIGINT, and then ends what is in flight. */
enum http_exit http_bridge_run(struct http_bridge *bridge) __attribute__((warn_unused_result));
void http_bridge_close(struct http_bridge *bridge);

#endif
