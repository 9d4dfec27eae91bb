/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Many event streams over HTTP while requests go on: events are published at a steady rate, every
 * stream gets each, and the time from when an event was to be published until a stream has it is
 * measured at each of them.
 *
 * Usage: bench_streams RENTBUSD RENTBUS_HTTP [STREAMS [EVENTS_A_SECOND [SECONDS]]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sdk/protocol/codec.h"
#include "tests/bench/load.h"
#include "tests/bench/rig.h"

#define EVENTS_MAX 100000
#define BUCKETS 20000 /* of a tenth of a millisecond */
#define MARK "\nid: "
#define MARK_LENGTH (sizeof MARK - 1)
/* A number that may be cut off, with the mark before it. */
#define TAIL_MAX (MARK_LENGTH + 24)
#define READ_MAX (256 << 10)

struct stream {
    int fd;
    size_t tail_length;
    char tail[TAIL_MAX];
    uint64_t last;
};

struct histogram {
    size_t count;
    size_t buckets[BUCKETS + 1];
};

static struct rig rig;
static struct sockaddr_in address;
static size_t stream_count = 5000;
static size_t per_second = 200;
static size_t seconds = 10;
static uint64_t first_seq;
static double start;
static struct histogram deliveries;
static struct histogram requests;
static size_t doubles_or_gaps;

static void histogram_add(struct histogram *histogram, double elapsed)
{
    size_t bucket = elapsed <= 0 ? 0 : (size_t)(elapsed * 1e4);
    histogram->buckets[bucket < BUCKETS ? bucket : BUCKETS]++;
    histogram->count++;
}

/* Milliseconds. */
static double histogram_at(const struct histogram *histogram, double share)
{
    size_t wanted = (size_t)((double)histogram->count * share);
    size_t seen = 0;
    size_t bucket = 0;
    for (; bucket < BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > wanted)
            break;
    }
    return (double)(bucket + 1) / 10;
}

/* ---- the bridge ---- */

static int bridge_connect(const char *head)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address))
        load_fail("cannot connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(fd, head, strlen(head), 0) != (ssize_t)strlen(head))
        load_fail("cannot send");
    return fd;
}

/* ---- streams ---- */

static void stream_saw(struct stream *stream, uint64_t seq, double now)
{
    if (seq < first_seq)
        return;
    doubles_or_gaps += stream->last != 0 && seq != stream->last + 1;
    stream->last = seq;
    histogram_add(&deliveries, now - start - (double)(seq - first_seq) / (double)per_second);
}

/* Finds the events in what came; an id that may go on is kept for the next time. */
static void stream_scan(struct stream *stream, const char *text, size_t length, double now)
{
    const char *at = text;
    const char *end = text + length;
    const char *mark;
    while ((mark = memmem(at, (size_t)(end - at), MARK, MARK_LENGTH)) != NULL) {
        const char *digits = mark + MARK_LENGTH;
        const char *stop = memchr(digits, '\n', (size_t)(end - digits));
        at = mark;
        if (!stop)
            break;
        stream_saw(stream, strtoull(digits, NULL, 10), now);
        at = stop;
    }
    size_t left = (size_t)(end - at);
    stream->tail_length = left < TAIL_MAX ? left : TAIL_MAX;
    memcpy(stream->tail, end - stream->tail_length, stream->tail_length);
}

/* 64 bits of an id do not straddle two reads unseen: the tail is put before what comes. */
static void stream_take(struct stream *stream)
{
    static char buffer[TAIL_MAX + READ_MAX];
    memcpy(buffer, stream->tail, stream->tail_length);
    ssize_t got = recv(stream->fd, buffer + stream->tail_length, READ_MAX, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        load_fail("a stream ended");
    if (got > 0)
        stream_scan(stream, buffer, stream->tail_length + (size_t)got, load_clock());
}

static struct stream *streams_open(int epoll_fd)
{
    static const char head[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n"
                               "Accept: text/event-stream\r\n\r\n";
    struct stream *streams = calloc(stream_count, sizeof *streams);
    if (!streams)
        load_fail("out of memory");
    for (size_t i = 0; i < stream_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &streams[i]};
        streams[i].fd = bridge_connect(head);
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, streams[i].fd, &event))
            load_fail("cannot watch a stream");
    }
    return streams;
}

/* The greeting of a stream shows that it is open. */
static void streams_await(int epoll_fd)
{
    struct epoll_event events[256];
    size_t open = 0;
    while (open < stream_count) {
        int count = epoll_wait(epoll_fd, events, 256, 30000);
        if (count <= 0)
            load_fail("only %zu streams open", open);
        for (int i = 0; i < count; i++) {
            struct stream *stream = events[i].data.ptr;
            bool fresh = stream->tail_length == 0;
            stream_take(stream);
            open += fresh;
        }
    }
}

static size_t streams_behind(const struct stream *streams, uint64_t last)
{
    size_t behind = 0;
    for (size_t i = 0; i < stream_count; i++)
        behind += streams[i].last < last;
    return behind;
}

static void streams_follow(int epoll_fd, const struct stream *streams, uint64_t last)
{
    struct epoll_event events[256];
    double deadline = start + (double)seconds + 30;
    double check = start + (double)seconds;
    for (;;) {
        int count = epoll_wait(epoll_fd, events, 256, 100);
        for (int i = 0; i < count; i++)
            stream_take(events[i].data.ptr);
        double now = load_clock();
        if (now >= check && streams_behind(streams, last) == 0)
            break;
        if (now >= check)
            check = now + 0.1;
        if (now > deadline)
            load_fail("%zu streams lack events", streams_behind(streams, last));
    }
}

/* ---- events and requests ---- */

static void published(void *context, const struct rentbus_completion *completion)
{
    size_t *answered = context;
    if (completion->status)
        load_fail("an event was refused: %d", completion->status);
    ++*answered;
}

static void publish_one(struct rentbus_client *client, size_t *answered)
{
    static const uint8_t data[] = {0xa0};
    struct rentbus_buffer event = {0};
    struct rentbus_publish_args args = {0};
    struct rentbus_new_event new = {0};
    RENTBUS_SET(&new, new_event, data, ((struct rentbus_bytes){data, sizeof data}));
    RENTBUS_SET(&new, new_event, type, rentbus_text("bench.tick"));
    rentbus_encode(&rentbus_new_event_schema, &new, &event);
    RENTBUS_SET(&args, publish_args, events, ((struct rentbus_list){event.data, event.length, 1}));
    if (rentbus_call_start(client, RENTBUS_OP_publish, NULL, &args, published, answered))
        load_fail("cannot publish");
    rentbus_buffer_release(&event);
}

static void request_one(int fd)
{
    static const char head[] = "GET /users/nobody HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char reply[4096];
    double sent = load_clock();
    if (send(fd, head, sizeof head - 1, 0) < 0 || recv(fd, reply, sizeof reply, 0) <= 0)
        load_fail("a request failed");
    histogram_add(&requests, load_clock() - sent);
}

/* Waits until then, or until something comes. Whether it is time. */
static bool wait_until(double time, int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    double left = time - load_clock();
    if (left <= 0)
        return true;
    struct timespec pause = {.tv_nsec = (long)(left * 1e9)};
    if (ppoll(&ready, 1, &pause, NULL) < 0)
        load_fail("cannot wait: %s", strerror(errno));
    return load_clock() >= time;
}

/* A request after each event, as the time allows. */
static void *requests_run(void *argument)
{
    const atomic_bool *ended = argument;
    int fd = bridge_connect("");
    while (!*ended) {
        double next = load_clock() + 1.0 / (double)per_second;
        request_one(fd);
        while (!wait_until(next, fd))
            continue;
    }
    close(fd);
    return NULL;
}

static void *publisher_run(void *argument)
{
    struct rentbus_client *client = argument;
    size_t count = seconds * per_second;
    size_t sent = 0;
    size_t answered = 0;
    while (answered < count) {
        double next = sent < count ? start + (double)sent / (double)per_second : load_clock() + 1;
        if (wait_until(next, rentbus_client_fd(client)) && sent < count) {
            publish_one(client, &answered);
            sent++;
        }
        if (rentbus_client_process(client) < 0)
            load_fail("the client failed");
    }
    return NULL;
}

/* ---- the run ---- */

static double cpu_of(pid_t pid)
{
    struct rig process = {.pid = pid};
    return rig_cpu(&process);
}

static void run(pid_t bridge, struct rentbus_client *client)
{
    atomic_bool ended = false;
    pthread_t publisher;
    pthread_t requester;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct stream *streams = streams_open(epoll_fd);
    streams_await(epoll_fd);
    double bridge_cpu = cpu_of(bridge);
    double daemon_cpu = rig_cpu(&rig);
    start = load_clock();
    if (pthread_create(&publisher, NULL, publisher_run, client) ||
        pthread_create(&requester, NULL, requests_run, &ended))
        load_fail("no thread");
    streams_follow(epoll_fd, streams, first_seq + seconds * per_second - 1);
    double elapsed = load_clock() - start;
    pthread_join(publisher, NULL);
    ended = true;
    pthread_join(requester, NULL);
    printf("%zu streams, %zu events a second for %zu s\n", stream_count, per_second, seconds);
    printf("  deliveries %zu (%.0f /s), out of order %zu\n", deliveries.count,
           (double)deliveries.count / elapsed, doubles_or_gaps);
    printf("  delivery ms p50 %.1f p99 %.1f max %.1f\n", histogram_at(&deliveries, 0.5),
           histogram_at(&deliveries, 0.99), histogram_at(&deliveries, 0.9999999));
    printf("  requests %zu, ms p50 %.1f p99 %.1f\n", requests.count, histogram_at(&requests, 0.5),
           histogram_at(&requests, 0.99));
    printf("  CPU s/s: bridge %.2f daemon %.2f\n", (cpu_of(bridge) - bridge_cpu) / elapsed,
           (rig_cpu(&rig) - daemon_cpu) / elapsed);
    free(streams);
}

int main(int argc, char **argv)
{
    struct rentbus_client *client;
    struct rentbus_hello_result hello;
    struct rlimit files;
    if (argc < 3)
        load_fail("usage: bench_streams RENTBUSD RENTBUS_HTTP [STREAMS [RATE [SECONDS]]]");
    if (argc > 3)
        stream_count = strtoul(argv[3], NULL, 10);
    if (argc > 4)
        per_second = strtoul(argv[4], NULL, 10);
    if (argc > 5)
        seconds = strtoul(argv[5], NULL, 10);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    rig_start(&rig, argv[1]);
    struct rentbus_options options = {.api = rig.api, .timeout_ms = 60000, .retry_ms = 60000};
    if (rentbus_client_open(&options, &client) || rentbus_hello(client, NULL, NULL, &hello))
        load_fail("the daemon does not answer");
    first_seq = hello.head + 1;
    pid_t bridge = rig_bridge(&rig, argv[2], &address);
    run(bridge, client);
    rentbus_client_close(&client);
    rig_end(bridge, SIGTERM);
    rig_stop(&rig);
    return 0;
}
