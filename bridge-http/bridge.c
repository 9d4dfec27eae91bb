/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/bridge.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "bridge-http/log.h"
#include "bridge-http/request.h"

#define TICK_MS 1000
/* Rounds of libmicrohttpd that an answer takes to be written, and some more. */
#define CLOSING_ROUNDS 16

enum source {
    SOURCE_SERVER,
    SOURCE_CLIENT,
    SOURCE_PATIENT,
    SOURCE_SUBSCRIBER,
    SOURCE_SIGNAL,
    SOURCE_TIMER
};

int64_t http_bridge_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * RENTBUS_SECOND + now.tv_nsec / 1000;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- opening ---- */

static enum http_exit system_failed(const char *what, int error)
{
    http_log(HTTP_LOG_ERROR, "%s: %s", what, strerror(error));
    return HTTP_EXIT_SYSTEM;
}

static int watch(const struct http_bridge *bridge, int fd, enum source source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = source};
    return epoll_ctl(bridge->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Fewer connections than asked for, where the system allows no more descriptors. */
static void descriptors_raise(struct http_bridge *bridge)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)bridge->options.connections_max + HTTP_SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    rlim_t spare = HTTP_SPARE_DESCRIPTORS;
    bridge->options.connections_max =
        limit.rlim_cur > spare ? (unsigned)(limit.rlim_cur - spare) : 1;
    http_log(HTTP_LOG_WARNING, "the system allows %u connections only",
             bridge->options.connections_max);
}

static enum http_exit timers_open(struct http_bridge *bridge)
{
    sigset_t signals;
    uint64_t watchdog_us = 0;
    int64_t tick = TICK_MS;
    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        bridge->watchdog_ms = (int64_t)(watchdog_us / 2000) + 1;
    if (bridge->watchdog_ms && bridge->watchdog_ms < tick)
        tick = bridge->watchdog_ms;
    struct timespec period = {.tv_sec = tick / 1000, .tv_nsec = tick % 1000 * 1000000};
    struct itimerspec timer = {.it_interval = period, .it_value = period};
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return system_failed("signals", errno);
    bridge->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bridge->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    bridge->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (bridge->epoll_fd < 0 || bridge->signal_fd < 0 || bridge->timer_fd < 0 ||
        timerfd_settime(bridge->timer_fd, 0, &timer, NULL) < 0 ||
        watch(bridge, bridge->signal_fd, SOURCE_SIGNAL) ||
        watch(bridge, bridge->timer_fd, SOURCE_TIMER))
        return system_failed("event loop", errno);
    return HTTP_EXIT_OK;
}

static int patient_open(struct http_bridge *bridge)
{
    struct rentbus_options options = bridge->sdk;
    options.timeout_ms = HTTP_PATIENT_TIMEOUT_MS;
    options.retry_ms = HTTP_PATIENT_RETRY_MS;
    int error = rentbus_client_open(&options, &bridge->patient);
    return error ? error : watch(bridge, rentbus_client_fd(bridge->patient), SOURCE_PATIENT);
}

static enum http_exit client_open(struct http_bridge *bridge)
{
    struct rentbus_subscriber *probe = NULL;
    struct rentbus_subscription plain = {.plain = true};
    bridge->sdk = (struct rentbus_options){
        .api = bridge->options.api,
        .events = bridge->options.events,
        /* One for each connection, and a few of our own. */
        .in_flight_max = bridge->options.connections_max + 16,
        .gather = true,
    };
    int error = rentbus_client_open(&bridge->sdk, &bridge->client);
    /* Only a subscriber looks at the other endpoint, and ours is opened later. */
    if (!error)
        error = rentbus_subscriber_open(&bridge->sdk, &plain, &probe);
    rentbus_subscriber_close(&probe);
    if (error == -EINVAL) {
        http_log(HTTP_LOG_ERROR,
                 "an endpoint is none such as ipc:///run/rentbus/api.sock: see --api and --events");
        return HTTP_EXIT_CONFIG;
    }
    if (!error)
        error = http_hub_open(&bridge->hub, bridge->client, &bridge->sdk);
    if (!error)
        error = watch(bridge, rentbus_client_fd(bridge->client), SOURCE_CLIENT);
    if (!error)
        error = patient_open(bridge);
    return error ? system_failed("client", -error) : HTTP_EXIT_OK;
}

static enum http_exit server_open(struct http_bridge *bridge)
{
    bridge->server = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_request_serve, bridge,
        MHD_OPTION_LISTEN_SOCKET, bridge->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, http_request_open,
        bridge, MHD_OPTION_NOTIFY_COMPLETED, http_request_close, bridge,
        MHD_OPTION_CONNECTION_LIMIT, bridge->options.connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, bridge->options.connections_per_ip,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_TIMEOUT,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        bridge->server ? MHD_get_daemon_info(bridge->server, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (bridge->server)
        bridge->listen_fd = -1; /* the server's from now on */
    int error = info ? watch(bridge, info->epoll_fd, SOURCE_SERVER) : -EIO;
    return error ? system_failed("HTTP server", -error) : HTTP_EXIT_OK;
}

static enum http_exit listen_open(struct http_bridge *bridge)
{
    char text[HTTP_ADDRESS_TEXT_SIZE];
    bridge->listen_fd = http_listen(&bridge->options.listen);
    http_address_format(&bridge->options.listen, text);
    if (bridge->listen_fd < 0) {
        http_log(HTTP_LOG_ERROR, "cannot listen on %s: %s", text,
                 bridge->listen_fd == -EADDRINUSE ? "another program does already"
                                                  : strerror(-bridge->listen_fd));
        return HTTP_EXIT_UNAVAILABLE;
    }
    enum http_exit code = server_open(bridge);
    if (code == HTTP_EXIT_OK)
        http_log(HTTP_LOG_INFO, "listening on http://%s", text);
    return code;
}

enum http_exit http_bridge_open(struct http_bridge *bridge, const struct http_options *options)
{
    *bridge = (struct http_bridge){
        .options = *options, .listen_fd = -1, .epoll_fd = -1, .signal_fd = -1, .timer_fd = -1};
    descriptors_raise(bridge);
    enum http_exit code = timers_open(bridge);
    if (code == HTTP_EXIT_OK)
        code = client_open(bridge);
    if (code == HTTP_EXIT_OK)
        code = listen_open(bridge);
    return code;
}

/* ---- the loop ---- */

static void daemon_watch(struct http_bridge *bridge)
{
    bool connected = bridge->hub.subscriber && rentbus_subscriber_connected(bridge->hub.subscriber);
    if (connected == bridge->connected)
        return;
    bridge->connected = connected;
    http_log(connected ? HTTP_LOG_INFO : HTTP_LOG_WARNING,
             connected ? "the daemon answers" : "the daemon does not answer");
}

static void tick(struct http_bridge *bridge)
{
    uint64_t expirations;
    ssize_t size = read(bridge->timer_fd, &expirations, sizeof(expirations));
    (void)size; /* readable or not, what is due is due */
    int error = http_hub_tick(&bridge->hub);
    if (error)
        http_log(HTTP_LOG_WARNING, "no live events: %s",
                 error < 0 ? strerror(-error)
                           : rentbus_word_text(&rentbus_error_code_words, error));
    daemon_watch(bridge);
    http_request_sweep(bridge);
    if (bridge->watchdog_ms && bridge->hub.now_ms - bridge->watchdog_last >= bridge->watchdog_ms) {
        sd_notify(0, "WATCHDOG=1");
        bridge->watchdog_last = bridge->hub.now_ms;
    }
}

static void stop(struct http_bridge *bridge)
{
    struct signalfd_siginfo info;
    ssize_t size = read(bridge->signal_fd, &info, sizeof(info));
    if (size != (ssize_t)sizeof(info) || bridge->stopping)
        return;
    sd_notify(0, "STOPPING=1");
    http_log(HTTP_LOG_INFO, "stopping: %zu requests and streams are open", bridge->requests);
    bridge->stopping = true;
    bridge->stop_at_ms = bridge->hub.now_ms + HTTP_STOP_MS;
    /* Those who have connected already are still served. */
    MHD_run(bridge->server);
    MHD_socket listening = MHD_quiesce_daemon(bridge->server);
    if (listening >= 0)
        close(listening);
    http_hub_end(&bridge->hub);
    http_request_sweep(bridge);
}

static int feed(struct http_bridge *bridge)
{
    int error = http_hub_feed(&bridge->hub);
    if (error)
        http_log(HTTP_LOG_WARNING, "live events broke off: %s",
                 error < 0 ? strerror(-error)
                           : rentbus_word_text(&rentbus_error_code_words, error));
    return 0;
}

static int source_serve(struct http_bridge *bridge, enum source source)
{
    switch (source) {
    case SOURCE_CLIENT:
        return rentbus_client_process(bridge->client);
    case SOURCE_PATIENT:
        return rentbus_client_process(bridge->patient);
    case SOURCE_SUBSCRIBER:
        return feed(bridge);
    case SOURCE_SIGNAL:
        stop(bridge);
        return 0;
    case SOURCE_TIMER:
        tick(bridge);
        return 0;
    case SOURCE_SERVER:
        break;
    }
    return 0;
}

/* Milliseconds until the server or the streams have something to do; -1: only when something comes.
 */
static int loop_timeout(const struct http_bridge *bridge, int wake)
{
    MHD_UNSIGNED_LONG_LONG due = 0;
    if (MHD_get_timeout(bridge->server, &due) != MHD_YES || due >= TICK_MS)
        return wake;
    return wake < 0 || (int)due < wake ? (int)due : wake;
}

static int loop_wait(struct http_bridge *bridge, int timeout)
{
    struct epoll_event events[8];
    int count = epoll_wait(bridge->epoll_fd, events, 8, timeout);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    bridge->hub.now_ms = monotonic_ms();
    for (int i = 0; i < count; i++) {
        int error = source_serve(bridge, events[i].data.u32);
        if (error < 0)
            return error;
    }
    return 0;
}

static int server_run(struct http_bridge *bridge)
{
    return MHD_run(bridge->server) == MHD_YES ? 0 : -EIO;
}

static int loop_turn(struct http_bridge *bridge, int timeout)
{
    int error = loop_wait(bridge, timeout);
    return error ? error : server_run(bridge);
}

static int loop_once(struct http_bridge *bridge)
{
    if (bridge->hub.subscriber && !bridge->hub.watched) {
        int error = watch(bridge, rentbus_subscriber_fd(bridge->hub.subscriber), SOURCE_SUBSCRIBER);
        if (error && error != -EEXIST)
            return error;
        bridge->hub.watched = true;
    }
    int error = loop_turn(bridge, loop_timeout(bridge, bridge->wake_ms));
    bridge->wake_ms = error ? 0 : http_hub_wake(&bridge->hub);
    if (error || bridge->wake_ms != 0)
        return error;
    /* Calls of the requests that have just come are sent before the streams are written. In its
     * first round libmicrohttpd asks for what to write. */
    error = loop_turn(bridge, 0);
    return error ? error : server_run(bridge);
}

enum http_exit http_bridge_run(struct http_bridge *bridge)
{
    int error = 0;
    bridge->hub.now_ms = monotonic_ms();
    tick(bridge);
    sd_notify(0, "READY=1");
    while (!error && !(bridge->stopping &&
                       (bridge->requests == 0 || bridge->hub.now_ms >= bridge->stop_at_ms)))
        error = loop_once(bridge);
    if (bridge->requests > 0)
        http_log(HTTP_LOG_WARNING, "%zu requests and streams did not end in time",
                 bridge->requests);
    return error ? system_failed("event loop", -error) : HTTP_EXIT_OK;
}

/* ---- closing ---- */

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void http_bridge_close(struct http_bridge *bridge)
{
    http_hub_end(&bridge->hub);
    /* Calls that are in flight answer their requests with 503 now: libmicrohttpd cannot stop while
     * a connection is suspended. */
    rentbus_client_close(&bridge->client);
    rentbus_client_close(&bridge->patient);
    if (bridge->server) {
        for (int i = 0; i < CLOSING_ROUNDS && bridge->requests > 0; i++)
            MHD_run(bridge->server);
        MHD_stop_daemon(bridge->server);
    }
    http_hub_close(&bridge->hub);
    fd_close(&bridge->listen_fd);
    fd_close(&bridge->timer_fd);
    fd_close(&bridge->signal_fd);
    fd_close(&bridge->epoll_fd);
}
