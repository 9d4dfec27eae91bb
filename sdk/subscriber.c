/* SPDX-License-Identifier: MPL-2.0 */
/* The calls of <rentbus/rentbus.h> that have to do with a subscriber. */
#include "sdk/subscriber.h"
#include "sdk/clock.h"
#include "sdk/options.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Events that wait in the feed while history is read; what does not fit is read from history. */
#define FEED_HIGH_WATER 16384
#define QUERIES_MAX 1

/* ---- opening and closing ---- */

/* The daemon leaves out other types if it can be told so. */
static void types_tell(struct rentbus_subscriber *subscriber, size_t count)
{
    struct rentbus_ids *ids = &subscriber->read.types;
    if (count == 0 || count > RENTBUS_IDS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        ids->items[i] = rentbus_text(subscriber->types[i]);
        if (!rentbus_type_valid(ids->items[i]))
            return;
    }
    ids->count = count;
    subscriber->read.has |= RENTBUS_BIT(events_read_args, types);
}

static int types_copy(struct rentbus_subscriber *subscriber,
                      const struct rentbus_subscription *subscription)
{
    subscriber->types = calloc(subscription->type_count + 1, sizeof(*subscriber->types));
    if (!subscriber->types)
        return -ENOMEM;
    for (size_t i = 0; i < subscription->type_count; i++) {
        subscriber->types[i] = strdup(subscription->types[i]);
        if (!subscriber->types[i])
            return -ENOMEM;
    }
    types_tell(subscriber, subscription->type_count);
    return 0;
}

static int feed_open(struct rentbus_subscriber *subscriber, const char *endpoint,
                     const struct rentbus_subscription *subscription)
{
    static const char *const everything[] = {""};
    bool by_type = subscriber->plain && subscription->type_count > 0;
    const char *const *prefixes = by_type ? subscription->types : everything;
    size_t count = by_type ? subscription->type_count : 1;
    int error =
        channel_open(&subscriber->feed, ZMQ_SUB, endpoint, FEED_HIGH_WATER, prefixes, count);
    return error ? error : wake_watch(&subscriber->wake, subscriber->feed.fd);
}

static int catchup_open(struct rentbus_subscriber *subscriber,
                        const struct rentbus_options *options,
                        const struct rentbus_subscription *subscription)
{
    struct rentbus_options own = {0};
    if (options)
        own = *options;
    own.in_flight_max = QUERIES_MAX;
    own.gather = false;
    int error = types_copy(subscriber, subscription);
    if (!error)
        error = rentbus_client_open(&own, &subscriber->client);
    if (!error)
        error = wake_watch(&subscriber->wake, rentbus_client_fd(subscriber->client));
    if (error)
        return error;
    subscriber->retry = (int64_t)options_choose(options).retry_ms * 1000;
    catchup_begin(subscriber, subscription);
    struct rentbus_event none;
    bool given = false;
    /* The first query goes out now, and not when somebody asks for the first event. */
    return catchup_step(subscriber, &none, &given);
}

int rentbus_subscriber_open(const struct rentbus_options *options,
                            const struct rentbus_subscription *subscription,
                            struct rentbus_subscriber **subscriber)
{
    if (!subscription || subscription->start > RENTBUS_START_TIME)
        return -EINVAL;
    struct rentbus_subscriber *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    fresh->wake = (struct wake){.epoll_fd = -1, .timer_fd = -1, .bell_fd = -1};
    fresh->plain = subscription->plain;
    zmq_msg_init(&fresh->frames[0]);
    zmq_msg_init(&fresh->frames[1]);
    int error = wake_open(&fresh->wake);
    if (!error)
        error = feed_open(fresh, options_choose(options).events, subscription);
    if (!error && !fresh->plain)
        error = catchup_open(fresh, options, subscription);
    if (error) {
        rentbus_subscriber_close(&fresh);
        return error;
    }
    wake_ring(&fresh->wake, true);
    *subscriber = fresh;
    return 0;
}

void rentbus_subscriber_close(struct rentbus_subscriber **subscriber)
{
    if (!subscriber || !*subscriber)
        return;
    struct rentbus_subscriber *closed = *subscriber;
    rentbus_client_close(&closed->client);
    channel_close(&closed->feed);
    wake_close(&closed->wake);
    zmq_msg_close(&closed->frames[0]);
    zmq_msg_close(&closed->frames[1]);
    rentbus_buffer_release(&closed->scratch);
    rentbus_buffer_release(&closed->page_bytes);
    for (char **type = closed->types; type && *type; type++)
        free(*type);
    free(closed->types);
    free(closed);
    *subscriber = NULL;
}

/* ---- events ---- */

struct heartbeat {
    uint64_t has;
    uint64_t head;
};

/* What else it says is passed over. */
static const struct rentbus_field heartbeat_fields[] = {
    {"head", 4, offsetof(struct heartbeat, head), RENTBUS_KIND_UINT, RENTBUS_NEED_REQUIRED, NULL,
     NULL},
};
static const struct rentbus_schema heartbeat_schema = {"heartbeat", heartbeat_fields, 1,
                                                       sizeof(struct heartbeat)};

static int beat_decode(struct rentbus_subscriber *subscriber)
{
    static const char topic[] = "HEARTBEAT";
    zmq_msg_t *frames = subscriber->frames;
    struct rentbus_bytes bytes = {zmq_msg_data(&frames[1]), zmq_msg_size(&frames[1])};
    struct rentbus_fault unused;
    struct heartbeat beat;
    if (subscriber->plain || zmq_msg_size(&frames[0]) != strlen(topic) ||
        memcmp(zmq_msg_data(&frames[0]), topic, strlen(topic)) != 0)
        return -EBADMSG;
    rentbus_buffer_clear(&subscriber->scratch);
    if (rentbus_decode_message(&heartbeat_schema, bytes, &rentbus_reply_limits, RENTBUS_LENIENT,
                               &subscriber->scratch, &beat, &unused) ||
        beat.head == UINT64_MAX)
        return -EBADMSG;
    subscriber->beat_head = beat.head;
    return FEED_BEAT;
}

static int feed_decode(struct rentbus_subscriber *subscriber)
{
    zmq_msg_t *frame = &subscriber->frames[1];
    struct rentbus_bytes bytes = {zmq_msg_data(frame), zmq_msg_size(frame)};
    struct rentbus_fault unused;
    rentbus_buffer_clear(&subscriber->scratch);
    int error =
        rentbus_decode_message(&rentbus_event_schema, bytes, &rentbus_reply_limits, RENTBUS_LENIENT,
                               &subscriber->scratch, &subscriber->live, &unused);
    return error ? beat_decode(subscriber) : 1;
}

/* What is no event is passed over: what is lost by that shows as a gap. */
int feed_receive(struct rentbus_subscriber *subscriber)
{
    subscriber->feed_left = false;
    for (int i = 0; i < FEED_STEP_MAX; i++) {
        int received = channel_receive(&subscriber->feed, subscriber->frames, 2);
        if (received > 0)
            received = feed_decode(subscriber);
        if (received != -EBADMSG)
            return received;
    }
    subscriber->feed_left = true;
    return 0;
}

static int subscriber_step(struct rentbus_subscriber *subscriber, struct rentbus_event *event,
                           bool *given)
{
    if (!subscriber->plain)
        return catchup_step(subscriber, event, given);
    int received = feed_receive(subscriber);
    if (received <= 0)
        return received;
    *event = subscriber->live;
    *given = true;
    subscriber->connected = true;
    return 0;
}

/* Waits until a step may give more: 0, or a negative errno. */
static int subscriber_wait(struct rentbus_subscriber *subscriber, int64_t limit)
{
    int64_t due = subscriber->plain ? CLOCK_NEVER : catchup_due(subscriber);
    int timeout = clock_poll_timeout(due < limit ? due : limit, clock_monotonic());
    struct pollfd poll_fd = {.fd = subscriber->wake.epoll_fd, .events = POLLIN};
    return poll(&poll_fd, 1, timeout) < 0 ? -errno : 0;
}

/* What is not taken from the feed now must not keep its descriptor readable, and does not need to:
 * it is taken when history has been read, whose arrival is told. */
static void subscriber_settle(struct rentbus_subscriber *subscriber, bool more)
{
    if (!subscriber->plain && !more) {
        if (subscriber->filling || subscriber->next == 0)
            (void)channel_ready(&subscriber->feed);
        /* Nor must the client, by an answer that came twice, or the deadline of one that came. */
        if (!subscriber->asked)
            (void)!rentbus_client_process(subscriber->client);
        wake_clear(&subscriber->wake, clock_monotonic());
        int64_t due = catchup_due(subscriber);
        if (due != CLOCK_NEVER)
            wake_at(&subscriber->wake, due);
    }
    wake_ring(&subscriber->wake, more);
}

int rentbus_subscriber_next(struct rentbus_subscriber *subscriber, int timeout_ms,
                            struct rentbus_event *event)
{
    int64_t limit = timeout_ms < 0 ? CLOCK_NEVER : 0;
    if (timeout_ms > 0)
        limit = clock_monotonic() + (int64_t)timeout_ms * 1000;
    struct rentbus_event found;
    bool given = false;
    int error = subscriber_step(subscriber, &found, &given);
    while (!error && !given && limit > 0 && clock_monotonic() < limit) {
        subscriber_settle(subscriber, subscriber->feed_left);
        error = subscriber_wait(subscriber, limit);
        if (!error)
            error = subscriber_step(subscriber, &found, &given);
    }
    subscriber_settle(subscriber, given || error || subscriber->feed_left);
    if (error)
        return error;
    if (!given)
        return 0;
    *event = found;
    subscriber->seq = found.seq;
    return 1;
}

bool rentbus_subscriber_connected(const struct rentbus_subscriber *subscriber)
{
    bool waits = subscriber->asked && clock_monotonic() - subscriber->asked_at > subscriber->retry;
    return subscriber->connected && !waits;
}

int rentbus_subscriber_fd(const struct rentbus_subscriber *subscriber)
{
    return subscriber->wake.epoll_fd;
}

const struct rentbus_fault *rentbus_subscriber_fault(const struct rentbus_subscriber *subscriber)
{
    return &subscriber->fault;
}

uint64_t rentbus_subscriber_seq(const struct rentbus_subscriber *subscriber)
{
    return subscriber->seq;
}
