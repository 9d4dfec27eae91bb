/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/api/api.h"
#include "daemon/server/accept.h"
#include "daemon/server/endpoint.h"
#include "daemon/server/log.h"
#include "daemon/server/route.h"
#include "sdk/protocol/buffer.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

/* Requests served between two looks at the other descriptors. */
#define SERVER_ROUND 1024
/* Requests that pass for simultaneous: the clock is read once for them. */
#define SERVER_MOMENT 16
/* Larger messages are cut off by libzmq, with their connection. */
#define SERVER_MESSAGE_MAX INT64_C(16 << 20)
/* What a subscriber says, a prefix of a type: libzmq keeps 32 bytes for each byte of one. */
#define SERVER_SUBSCRIPTION_MAX INT64_C(1024)
/* Replies and events that may wait for one peer; an event beyond is dropped, and its subscriber
 * finds the gap. */
#define SERVER_REPLY_HWM 100000
#define SERVER_EVENT_HWM 65536
#define SERVER_HEARTBEAT_MS 10000
#define SERVER_HANDSHAKE_MS 5000
/* What a stop may take at most, for requests that have arrived, and for replies to leave. */
#define SERVER_DRAIN_US INT64_C(2000000)
#define SERVER_LINGER_MS 2000
#define SERVER_IDLE_MS 1000
/* How long nothing is published before a heartbeat says that the feed is alive. */
#define SERVER_SILENCE_US INT64_C(1000000)

/* What may end a sleep. */
enum waker { WAKER_REQUESTS, WAKER_EVENTS, WAKER_API, WAKER_SIGNAL, WAKERS };

struct server {
    const struct config *config;
    struct api *api;
    void *context;
    struct router requests;
    void *events;
    bool events_quiet; /* as router.quiet */
    struct pollfd wakers[WAKERS];
    int signal_fd;
    int data_lock;
    int api_lock;
    int events_lock;
    int64_t now;         /* microseconds since 1970, as of this moment */
    int64_t watchdog_us; /* between two signs of life; 0: nobody watches */
    int64_t next_sign;
    int64_t published_at; /* when the last event or heartbeat was, by the monotonic clock */
    bool published;       /* an event, in this round */
    size_t subscriptions; /* to different types: without one, nobody listens */
    struct rentbus_buffer heartbeat;
    bool stopping;
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void look_at_clock(struct server *server)
{
    server->now = clock_us(CLOCK_REALTIME);
}

static int64_t server_now(void *context)
{
    const struct server *server = context;
    return server->now;
}

static void server_send(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct server *server = context;
    route_send(&server->requests, route, body);
}

static void server_flush(void *context)
{
    struct server *server = context;
    route_flush(&server->requests);
}

/* XPUB hands up the first subscription to a type, and the end of its last; a round at most, and any
 * other message too. */
static void count_subscriptions(struct server *server)
{
    for (int left = SERVER_ROUND; left > 0; left--) {
        char byte;
        int length = zmq_recv(server->events, &byte, sizeof byte, ZMQ_DONTWAIT);
        server->events_quiet = length < 0 && zmq_errno() == EAGAIN;
        if (length < 0)
            return;
        if (length > 0 && byte == 1)
            server->subscriptions++;
        else if (length > 0 && byte == 0 && server->subscriptions > 0)
            server->subscriptions--;
    }
}

static bool server_send_now(void *context, struct rentbus_bytes route, struct rentbus_bytes body)
{
    struct server *server = context;
    return route_send_now(&server->requests, route, body);
}

static void server_publish(void *context, struct rentbus_text type, struct rentbus_bytes event)
{
    struct server *server = context;
    if (server->subscriptions == 0 && !server->published)
        count_subscriptions(server);
    server->published = true;
    if (server->subscriptions == 0)
        return;
    server->events_quiet = false;
    zmq_send(server->events, type.data, type.length, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    zmq_send(server->events, event.data, event.length, ZMQ_DONTWAIT);
}

static int64_t heartbeat_left_us(const struct server *server)
{
    int64_t left = server->published_at + SERVER_SILENCE_US - clock_us(CLOCK_MONOTONIC);
    return left > 0 ? left : 0;
}

/* No event: it is not recorded, and whoever does not know it passes over its type. */
static void give_heartbeat(struct server *server)
{
    struct rentbus_buffer *out = &server->heartbeat;
    char time[RENTBUS_TIME_TEXT_SIZE];
    if (heartbeat_left_us(server) > 0)
        return;
    size_t length = rentbus_time_format(server_now(server), time);
    rentbus_buffer_clear(out);
    rentbus_cbor_write_map(out, 2);
    rentbus_cbor_write_text(out, "head", 4);
    rentbus_cbor_write_uint(out, api_durable(server->api));
    rentbus_cbor_write_text(out, "time", 4);
    rentbus_cbor_write_text(out, time, length);
    if (!out->failed)
        server_publish(server, rentbus_text(BUS_HEARTBEAT_TYPE),
                       (struct rentbus_bytes){out->data, out->length});
}

static void server_log(void *context, int priority, const char *pairs)
{
    (void)context;
    log_line(priority, "%s", pairs);
}

static int set_option(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static void *open_socket(struct server *server, int type, int hwm, int64_t message_max)
{
    void *socket = zmq_socket(server->context, type);
    if (!socket)
        return NULL;
    int failed = set_option(socket, ZMQ_SNDHWM, hwm) || set_option(socket, ZMQ_RCVHWM, hwm) ||
                 set_option(socket, ZMQ_LINGER, SERVER_LINGER_MS) ||
                 set_option(socket, ZMQ_HANDSHAKE_IVL, SERVER_HANDSHAKE_MS) ||
                 set_option(socket, ZMQ_HEARTBEAT_IVL, SERVER_HEARTBEAT_MS) ||
                 set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, 3 * SERVER_HEARTBEAT_MS) ||
                 set_option(socket, ZMQ_IPV6, 1) ||
                 zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max);
    if (failed) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

static int fail(const char *what, const char *name, int status, const struct rentbus_fault *fault)
{
    const char *problem = status > 0 && fault ? fault->message : strerror(-status);
    if (status == -EBADMSG)
        problem = "the journal is damaged";
    log_line(LOG_ERR, "event=start_failed what=%s name=\"%s\" error=\"%s\"", what, name, problem);
    if (status == RENTBUS_ERROR_UNAVAILABLE)
        return EX_TEMPFAIL;
    if (status > 0)
        return EX_CONFIG;
    return status == -EIO || status == -ENOSPC || status == -EBADMSG ? EX_IOERR : EX_OSERR;
}

static int lock_data(struct server *server)
{
    const char *data = server->config->data;
    struct rentbus_fault fault;
    char path[PATH_MAX];
    if (mkdir(data, 0750) && errno != EEXIST)
        return fail("data", data, -errno, NULL);
    snprintf(path, sizeof path, "%s/lock", data);
    int status = endpoint_lock(path, &server->data_lock, &fault);
    return status ? fail("data", data, status, &fault) : 0;
}

static int bind_socket(void **socket, const char *endpoint, int *lock, const char *what)
{
    struct rentbus_fault fault;
    if (!*socket)
        return fail(what, endpoint, -zmq_errno(), NULL);
    int status = endpoint_bind(*socket, endpoint, lock, &fault);
    return status ? fail(what, endpoint, status, &fault) : 0;
}

/* Everything but serving: whoever finds the data or an endpoint in use must leave no trace. */
static int open_server(struct server *server)
{
    const struct config *config = server->config;
    struct rentbus_fault fault;
    int status = lock_data(server);
    if (status)
        return status;
    server->context = zmq_ctx_new();
    if (!server->context)
        return fail("context", "", -zmq_errno(), NULL);
    zmq_ctx_set(server->context, ZMQ_MAX_SOCKETS, 16);
    server->events = open_socket(server, ZMQ_XPUB, SERVER_EVENT_HWM, SERVER_SUBSCRIPTION_MAX);
    status = bind_socket(&server->events, config->events, &server->events_lock, "events");
    if (status)
        return status;
    void **requests = &server->requests.socket;
    *requests = open_socket(server, ZMQ_ROUTER, SERVER_REPLY_HWM, SERVER_MESSAGE_MAX);
    if (*requests && set_option(*requests, ZMQ_ROUTER_MANDATORY, 1))
        return fail("api", config->api, -zmq_errno(), NULL);
    status = bind_socket(requests, config->api, &server->api_lock, "api");
    if (status)
        return status;
    struct api_settings settings = {
        .engine = {config->data, config->ledger, RENTBUS_VERSION,
                   config->stall_after * INT64_C(1000000), config->snapshot_every,
                   config->archive_lag},
        .access = &config->access,
        .send = server_send,
        .flush = server_flush,
        .send_now = server_send_now,
        .publish = server_publish,
        .log = server_log,
        .now = server_now,
        .context = server,
    };
    status = api_open(&settings, &server->api, &fault);
    return status ? fail("data", config->data, status, &fault) : 0;
}

static void close_server(struct server *server)
{
    api_close(&server->api);
    if (server->requests.socket) {
        route_flush(&server->requests);
        zmq_close(server->requests.socket);
    }
    if (server->events)
        zmq_close(server->events);
    if (server->context)
        zmq_ctx_term(server->context);
    route_release(&server->requests);
    rentbus_buffer_release(&server->heartbeat);
    endpoint_release(server->config->api, &server->api_lock);
    endpoint_release(server->config->events, &server->events_lock);
    int *fds[] = {&server->data_lock, &server->signal_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
}

static void note_published(struct server *server)
{
    if (server->published)
        server->published_at = clock_us(CLOCK_MONOTONIC);
    server->published = false;
}

/* Goes on with what the engine has at hand. */
static void process(struct server *server)
{
    server_flush(server);
    look_at_clock(server);
    api_process(server->api);
    server_flush(server);
}

/* Serves requests until a receive finds none, *left of them were made, or a commit waits for what
 * follows it. Whether there was one. */
static bool serve_some(struct server *server, int *left)
{
    struct api_message message;
    int served = 0;
    while (!server->requests.quiet && (*left)-- > 0 && route_receive(&server->requests, &message)) {
        if (served % SERVER_MOMENT == 0)
            look_at_clock(server);
        api_handle(server->api, &message);
        if (++served % SERVER_MOMENT == 0 && api_ready(server->api))
            break;
    }
    return served > 0;
}

/* Serves requests until there are none, a round at most, and what has become of earlier ones. False
 * when there was none. */
static bool serve_round(struct server *server)
{
    int left = SERVER_ROUND;
    bool any = serve_some(server, &left);
    process(server);
    while (!server->requests.quiet && left > 0)
        if (serve_some(server, &left))
            process(server);
    return any;
}

static void take_signal(struct server *server)
{
    struct signalfd_siginfo signal;
    if (read(server->signal_fd, &signal, sizeof signal) != sizeof signal)
        return;
    log_line(LOG_NOTICE, "event=stopping signal=%" PRIu32, signal.ssi_signo);
    server->stopping = true;
}

static void give_sign_of_life(struct server *server)
{
    int64_t now = clock_us(CLOCK_MONOTONIC);
    if (!server->watchdog_us || now < server->next_sign)
        return;
    sd_notify(0, "WATCHDOG=1");
    server->next_sign = now + server->watchdog_us;
}

/* How long to wait for something to happen: until the next timer or heartbeat, to the millisecond,
 * but not longer than `idle_ms`, in which the clock may have been set. */
static long patience_ms(struct server *server, long idle_ms)
{
    int64_t due = api_timer(server->api);
    look_at_clock(server);
    int64_t now = server->now;
    if (due <= now)
        return 0;
    int64_t silence_us = heartbeat_left_us(server);
    int64_t left_us = due - now < silence_us ? due - now : silence_us;
    int64_t left_ms = left_us > 0 ? (left_us - 1) / 1000 + 1 : 0;
    return left_ms < idle_ms ? (long)left_ms : idle_ms;
}

/* Sleeps until there is something to do: only while both sockets are quiet, so that nothing can
 * have come whose sign was taken in already. */
static void wait_for_work(struct server *server, long idle_ms)
{
    struct pollfd *wakers = server->wakers;
    if (!server->events_quiet)
        count_subscriptions(server);
    bool quiet = server->requests.quiet && server->events_quiet;
    int woken = 0;
    while (quiet && woken == 0 && api_work_ahead(server->api))
        woken = poll(wakers, WAKERS, 0);
    if (woken == 0)
        poll(wakers, WAKERS, quiet ? (int)patience_ms(server, idle_ms) : 0);
    if (wakers[WAKER_REQUESTS].revents)
        server->requests.quiet = false;
    if (wakers[WAKER_EVENTS].revents)
        server->events_quiet = false;
}

static int descriptor(void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;
    zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return fd;
}

static void run(struct server *server)
{
    const int fds[WAKERS] = {
        [WAKER_REQUESTS] = descriptor(server->requests.socket),
        [WAKER_EVENTS] = descriptor(server->events),
        [WAKER_API] = api_fd(server->api),
        [WAKER_SIGNAL] = server->signal_fd,
    };
    for (size_t i = 0; i < WAKERS; i++)
        server->wakers[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    long idle_ms = SERVER_IDLE_MS;
    if (server->watchdog_us && server->watchdog_us / 1000 < idle_ms)
        idle_ms = server->watchdog_us / 1000;
    while (!server->stopping && !api_broken(server->api)) {
        wait_for_work(server, idle_ms);
        serve_round(server);
        if (server->wakers[WAKER_SIGNAL].revents)
            take_signal(server);
        give_sign_of_life(server);
        give_heartbeat(server);
        note_published(server);
    }
}

/* Answers what has arrived. No zmq_unbind(): it ends the connections too, and with them the
 * replies.
 */
static void drain(struct server *server)
{
    int64_t until = clock_us(CLOCK_MONOTONIC) + SERVER_DRAIN_US;
    do
        server->requests.quiet = false;
    while (clock_us(CLOCK_MONOTONIC) < until && serve_round(server));
}

static int open_signals(struct server *server)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    /* A file over its size limit is a failed write like any other. */
    signal(SIGXFSZ, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
        return EX_OSERR;
    server->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return server->signal_fd < 0 ? EX_OSERR : 0;
}

/* A descriptor for each client: take as many as the system lets us have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    accept_set_descriptors(setrlimit(RLIMIT_NOFILE, &limit) ? before : limit.rlim_max);
}

static void announce(struct server *server)
{
    char endpoint[CONFIG_ENDPOINT_SIZE];
    char events[CONFIG_ENDPOINT_SIZE];
    size_t length = sizeof endpoint;
    uint64_t watchdog;
    zmq_getsockopt(server->requests.socket, ZMQ_LAST_ENDPOINT, endpoint, &length);
    length = sizeof events;
    zmq_getsockopt(server->events, ZMQ_LAST_ENDPOINT, events, &length);
    log_line(LOG_NOTICE,
             "event=ready version=" RENTBUS_VERSION " ledger=%s head=%" PRIu64
             " api=%s events=%s data=\"%s\"",
             server->config->ledger, api_durable(server->api), endpoint, events,
             server->config->data);
    if (sd_watchdog_enabled(0, &watchdog) > 0)
        server->watchdog_us = (int64_t)(watchdog / 2);
    sd_notifyf(0, "READY=1\nSTATUS=Serving ledger %s on %s", server->config->ledger, endpoint);
}

int server_run(const struct config *config)
{
    struct server server = {.now = clock_us(CLOCK_REALTIME),
                            .config = config,
                            .signal_fd = -1,
                            .data_lock = -1,
                            .api_lock = -1,
                            .events_lock = -1};
    raise_descriptor_limit();
    int status = open_signals(&server);
    if (status == 0)
        status = open_server(&server);
    if (status == 0) {
        announce(&server);
        run(&server);
        sd_notify(0, "STOPPING=1");
        if (api_broken(server.api))
            status = EX_SOFTWARE;
        else
            drain(&server);
    }
    close_server(&server);
    if (status == 0)
        log_line(LOG_NOTICE, "event=stopped");
    return status;
}
