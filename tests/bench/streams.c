/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/streams.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <rentbus/rentbus.h>
#include <signal.h>
#include <stdatomic.h>
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

#define BUCKETS 20000 /* of a tenth of a millisecond */
#define MARK "\nid: "
#define MARK_LENGTH (sizeof MARK - 1)
/* A number that may be cut off, with the mark before it. */
#define TAIL_MAX (MARK_LENGTH + 24)
#define READ_MAX (256 << 10)
/* Files that are open beside the streams. */
#define FILES_SPARE 128
#define PAUSE 0.001 /* seconds */
/* At first the connections are new, and the memory for them: that does not count. */
#define WARM_UP_SECONDS 1

struct stream {
    int fd;
    bool begun;       /* its head has passed */
    size_t chunk;     /* bytes of the chunk that are still to come */
    size_t announced; /* of the chunk whose length is being read */
    size_t tail_length;
    char tail[TAIL_MAX];
    uint64_t last;
};

struct histogram {
    size_t count;
    size_t buckets[BUCKETS + 1];
};

static struct streams_load load;
static struct sockaddr_in address;
static uint64_t first_seq;
static double start;
static struct histogram deliveries;
static struct histogram requests;

/* What was to be sent at that time, in seconds behind the start. */
static void histogram_add(struct histogram *histogram, double sent, double elapsed)
{
    if (sent < WARM_UP_SECONDS)
        return;
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

/* Waits until then, or until something comes there, unless it is negative. Whether it is time. */
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
    if (seq != (stream->last ? stream->last + 1 : first_seq))
        load_fail("event %zu came after %zu", (size_t)seq, (size_t)stream->last);
    stream->last = seq;
    double sent = (double)(seq - first_seq) / (double)load.per_second;
    histogram_add(&deliveries, sent, now - start - sent);
}

/* The next one behind `at`. Events of one kind are as long as each other: mostly it is as far from
 * there as the last one was, so that to look for it costs less than to send it. */
static const char *mark_find(const char *at, const char *end)
{
    static size_t distance;
    if (distance + MARK_LENGTH <= (size_t)(end - at) &&
        memcmp(at + distance, MARK, MARK_LENGTH) == 0)
        return at + distance;
    const char *mark = memmem(at, (size_t)(end - at), MARK, MARK_LENGTH);
    if (mark)
        distance = (size_t)(mark - at);
    return mark;
}

/* The end of its line; NULL when that has not come. */
static const char *number_take(const char *at, const char *end, uint64_t *number)
{
    for (*number = 0; at < end && *at != '\n'; at++)
        *number = 10 * *number + (uint64_t)(*at - '0');
    return at < end ? at : NULL;
}

/* Finds the events in a piece of the text, behind which there is room for none; what the last piece
 * ended with is put before it, and what this one ends with is kept. */
static void stream_scan(struct stream *stream, char *text, size_t length, double now)
{
    const char *at = memcpy(text - stream->tail_length, stream->tail, stream->tail_length);
    const char *end = text + length;
    const char *mark;
    while ((mark = mark_find(at, end)) != NULL) {
        uint64_t seq;
        const char *stop = number_take(mark + MARK_LENGTH, end, &seq);
        at = mark;
        if (!stop)
            break;
        stream_saw(stream, seq, now);
        at = stop;
    }
    size_t left = (size_t)(end - at);
    stream->tail_length = left < TAIL_MAX ? left : TAIL_MAX;
    memcpy(stream->tail, end - stream->tail_length, stream->tail_length);
}

/* A byte between two chunks: of the length of the next one, or of the ends of lines around it. */
static void stream_announce(struct stream *stream, char byte)
{
    const char digit[] = {byte, '\0'};
    if (byte == '\n') {
        stream->chunk = stream->announced;
        stream->announced = 0;
    } else if (byte != '\r') {
        stream->announced = 16 * stream->announced + strtoul(digit, NULL, 16);
    }
}

/* Takes apart what came into chunks. There is room for a tail before it. */
static void stream_take_chunks(struct stream *stream, char *at, const char *end)
{
    double now = load_clock();
    while (at < end) {
        size_t left = (size_t)(end - at);
        size_t length = stream->chunk < left ? stream->chunk : left;
        if (length == 0) {
            stream_announce(stream, *at++);
            continue;
        }
        stream_scan(stream, at, length, now);
        stream->chunk -= length;
        at += length;
    }
}

/* Whether there may be more. */
static bool stream_take_some(struct stream *stream)
{
    static char buffer[TAIL_MAX + READ_MAX];
    char *at = buffer + TAIL_MAX;
    ssize_t got = recv(stream->fd, at, READ_MAX, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        load_fail("a stream ended");
    const char *end = at + (got > 0 ? got : 0);
    if (got > 0 && !stream->begun) {
        at = memmem(at, (size_t)got, "\r\n\r\n", 4);
        if (!at)
            load_fail("a stream begins with half a head");
        at += 4;
        stream->begun = true;
    }
    stream_take_chunks(stream, at, end);
    return got == READ_MAX;
}

/* All that has come: of what has, epoll tells once. */
static void stream_take(struct stream *stream)
{
    while (stream_take_some(stream))
        continue;
}

static struct stream *streams_open(int epoll_fd)
{
    static const char head[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n"
                               "Accept: text/event-stream\r\n\r\n";
    struct stream *streams = calloc(load.streams, sizeof *streams);
    if (!streams)
        load_fail("out of memory");
    for (size_t i = 0; i < load.streams; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &streams[i]};
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
    while (open < load.streams) {
        int count = epoll_wait(epoll_fd, events, 256, 30000);
        if (count <= 0)
            load_fail("only %zu streams open", open);
        for (int i = 0; i < count; i++) {
            struct stream *stream = events[i].data.ptr;
            bool fresh = !stream->begun;
            stream_take(stream);
            open += fresh;
        }
    }
}

static size_t streams_behind(const struct stream *streams, uint64_t last)
{
    size_t behind = 0;
    for (size_t i = 0; i < load.streams; i++)
        behind += streams[i].last < last;
    return behind;
}

/* Who waits for each piece by itself has every send wake him, which the bridge would pay for: what
 * comes within a millisecond is taken together, up to that much later than it came. */
static void streams_follow(int epoll_fd, const struct stream *streams, uint64_t last)
{
    struct epoll_event events[256];
    double deadline = start + (double)load.seconds + 30;
    double check = start + (double)load.seconds;
    for (;;) {
        int count = epoll_wait(epoll_fd, events, 256, 0);
        for (int i = 0; i < count; i++)
            stream_take(events[i].data.ptr);
        if (count < 256)
            wait_until(load_clock() + PAUSE, -1);
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
    histogram_add(&requests, sent - start, load_clock() - sent);
}

/* A request after each event, as the time allows. */
static void *requests_run(void *argument)
{
    const atomic_bool *ended = argument;
    int fd = bridge_connect("");
    while (!*ended) {
        double next = load_clock() + 1.0 / (double)load.per_second;
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
    size_t count = load.seconds * load.per_second;
    size_t sent = 0;
    size_t answered = 0;
    while (answered < count) {
        double next =
            sent < count ? start + (double)sent / (double)load.per_second : load_clock() + 1;
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

static void streams_close(struct stream *streams)
{
    for (size_t i = 0; i < load.streams; i++)
        close(streams[i].fd);
    free(streams);
}

static void run(struct rentbus_client *client)
{
    atomic_bool ended = false;
    pthread_t publisher;
    pthread_t requester;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct stream *streams = streams_open(epoll_fd);
    streams_await(epoll_fd);
    start = load_clock();
    if (pthread_create(&publisher, NULL, publisher_run, client) ||
        pthread_create(&requester, NULL, requests_run, &ended))
        load_fail("no thread");
    streams_follow(epoll_fd, streams, first_seq + load.seconds * load.per_second - 1);
    pthread_join(publisher, NULL);
    ended = true;
    pthread_join(requester, NULL);
    streams_close(streams);
    close(epoll_fd);
}

bool streams_allowed(size_t streams)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_max < streams + FILES_SPARE)
        return false;
    files.rlim_cur = files.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

struct streams_figures streams_measure(const char *daemon, const char *bridge,
                                       const struct streams_load *asked)
{
    static struct rig rig;
    struct rentbus_client *client;
    struct rentbus_hello_result hello;
    load = *asked;
    load.seconds += WARM_UP_SECONDS;
    deliveries = (struct histogram){0};
    requests = (struct histogram){0};
    rig_start(&rig, daemon);
    struct rentbus_options options = {.api = rig.api, .timeout_ms = 60000, .retry_ms = 60000};
    if (rentbus_client_open(&options, &client) || rentbus_hello(client, NULL, NULL, &hello))
        load_fail("the daemon does not answer");
    first_seq = hello.head + 1;
    pid_t pid = rig_bridge(&rig, bridge, &address);
    run(client);
    rentbus_client_close(&client);
    rig_end(pid, SIGTERM);
    rig_stop(&rig);
    return (struct streams_figures){
        .p50 = histogram_at(&deliveries, 0.5),
        .p99 = histogram_at(&deliveries, 0.99),
        .request_p99 = histogram_at(&requests, 0.99),
    };
}
