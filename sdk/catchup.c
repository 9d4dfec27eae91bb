/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Each event once and in order. Two sources: history, by query, which has every event up to the
 * daemon's head; and the feed, which is fast and may lose events, at its start and later. `next` is
 * the seq that comes next, whichever source it comes from. An event of the feed is given when it is
 * the next one; when it is further on, history is read up to the head. Heartbeats tell the head
 * while nothing happens, which shows events that were lost at the end. When the feed is silent, the
 * daemon is asked for its head: if it answers although no heartbeat comes, the feed is dead, and is
 * opened anew.
 */
#include "sdk/clock.h"
#include "sdk/protocol/codec.h"
#include "sdk/subscriber.h"

#include <errno.h>
#include <string.h>

#define PAGE_EVENTS 500
/* A feed that was quiet for so long is checked; soon after its start first, when events may be lost
 * because the daemon has not heard of the subscription yet. */
#define IDLE_PAUSE_MIN INT64_C(10000)
#define IDLE_PAUSE_MAX INT64_C(1000000)
/* A feed with heartbeats, one a second, that was silent for so long is checked. */
#define SILENCE_MAX INT64_C(2500000)
/* After a query that failed. */
#define FAILURE_PAUSE INT64_C(250000)
/* So often in a row may a quiet feed have missed events before it is opened anew. */
#define MISSED_MAX 3

/* ---- what the daemon answers ---- */

static void idle_restart(struct rentbus_subscriber *subscriber, int64_t pause)
{
    subscriber->idle_pause = pause;
    subscriber->idle_at = clock_monotonic() + pause;
}

static void fail(struct rentbus_subscriber *subscriber, int status)
{
    /* 1 says that there is an event; and a query of ours is not malformed. */
    subscriber->status = status == RENTBUS_ERROR_MALFORMED ? -EBADMSG : status;
    subscriber->ask_after = clock_monotonic() + FAILURE_PAUSE;
}

static void fail_stale(struct rentbus_subscriber *subscriber)
{
    fail(subscriber, -ESTALE);
    subscriber->stale = true;
}

/* Whether the query was answered with a result. */
static bool answered(struct rentbus_subscriber *subscriber,
                     const struct rentbus_completion *completion)
{
    int status = completion->status;
    subscriber->asked = false;
    subscriber->connected = status >= 0;
    if (status == 0)
        return true;
    idle_restart(subscriber, IDLE_PAUSE_MIN);
    if (status == RENTBUS_ERROR_BUSY || status == RENTBUS_ERROR_UNAVAILABLE)
        subscriber->ask_after = clock_monotonic() + FAILURE_PAUSE;
    else if (status != -ETIMEDOUT && status != -ECANCELED)
        fail(subscriber, status);
    if (completion->fault)
        subscriber->fault = *completion->fault;
    return false;
}

/* False when the daemon has less than it had: events were given that it knows nothing of. */
static bool head_learn(struct rentbus_subscriber *subscriber, uint64_t head)
{
    if (head + 1 < subscriber->asked_next) {
        fail_stale(subscriber);
        return false;
    }
    if (head > subscriber->known_head)
        subscriber->known_head = head;
    return true;
}

/* False when it is another ledger than before. */
static bool ledger_learn(struct rentbus_subscriber *subscriber, struct rentbus_text ledger)
{
    if (subscriber->ledger[0] == '\0' && ledger.length < sizeof(subscriber->ledger)) {
        memcpy(subscriber->ledger, ledger.data, ledger.length);
        return true;
    }
    if (rentbus_text_equal(rentbus_text(subscriber->ledger), ledger))
        return true;
    fail_stale(subscriber);
    return false;
}

static void hello_done(void *context, const struct rentbus_completion *completion)
{
    struct rentbus_subscriber *subscriber = context;
    if (!answered(subscriber, completion))
        return;
    const struct rentbus_hello_result *hello = completion->result;
    if (hello->head == UINT64_MAX) {
        fail(subscriber, -EBADMSG);
        return;
    }
    if (!ledger_learn(subscriber, hello->ledger) || !head_learn(subscriber, hello->head))
        return;
    if (subscriber->next == 0)
        subscriber->next = hello->head + 1;
    subscriber->feed_dead =
        subscriber->beats && clock_monotonic() - subscriber->heard_at >= SILENCE_MAX;
    int64_t pause = 2 * subscriber->idle_pause;
    if (subscriber->beats)
        idle_restart(subscriber, SILENCE_MAX);
    else
        idle_restart(subscriber, pause < IDLE_PAUSE_MAX ? pause : IDLE_PAUSE_MAX);
}

/* Whether the page can be the answer to what was asked. */
static bool page_sound(const struct rentbus_subscriber *subscriber)
{
    const struct rentbus_event_page *page = &subscriber->page;
    bool bounded = page->head < UINT64_MAX && page->next_seq <= page->head + 1;
    bool goes_on = page->next_seq > subscriber->asked_next || page->next_seq == page->head + 1;
    return bounded && page->next_seq > 0 && page->next_seq >= subscriber->asked_next && goes_on;
}

static void read_done(void *context, const struct rentbus_completion *completion)
{
    struct rentbus_subscriber *subscriber = context;
    if (!answered(subscriber, completion))
        return;
    const struct rentbus_event_page *page = completion->result;
    if (page->head < UINT64_MAX && !head_learn(subscriber, page->head))
        return;
    struct rentbus_buffer *bytes = &subscriber->page_bytes;
    rentbus_buffer_clear(bytes);
    rentbus_buffer_append(bytes, completion->encoded.data, completion->encoded.length);
    if (bytes->failed) {
        fail(subscriber, -ENOMEM);
        return;
    }
    struct rentbus_bytes copy = {bytes->data, bytes->length};
    struct rentbus_fault unused;
    int error = rentbus_decode(&rentbus_event_page_schema, copy, RENTBUS_LENIENT, &subscriber->page,
                               &unused);
    if (error || !page_sound(subscriber)) {
        fail(subscriber, -EBADMSG);
        return;
    }
    subscriber->page_position = 0;
    subscriber->page_open = true;
}

/* ---- asking ---- */

static int ask(struct rentbus_subscriber *subscriber, enum rentbus_op op, const void *args,
               rentbus_completed *done)
{
    int error = rentbus_call_start(subscriber->client, op, NULL, args, done, subscriber);
    if (error)
        return error;
    subscriber->asked = true;
    subscriber->asked_at = clock_monotonic();
    subscriber->asked_next = subscriber->next;
    return 0;
}

static int ask_history(struct rentbus_subscriber *subscriber)
{
    struct rentbus_events_read_args *args = &subscriber->read;
    if (subscriber->next > 0) {
        args->has &= ~RENTBUS_BIT(events_read_args, since);
        RENTBUS_SET(args, events_read_args, from_seq, subscriber->next);
    }
    return ask(subscriber, RENTBUS_OP_events_read, args, read_done);
}

/* Asks what has to be known now, if anything. */
static int ask_if_due(struct rentbus_subscriber *subscriber)
{
    int64_t now = clock_monotonic();
    if (subscriber->asked || now < subscriber->ask_after)
        return 0;
    if (subscriber->filling)
        return ask_history(subscriber);
    if (subscriber->next == 0 || now >= subscriber->idle_at)
        return ask(subscriber, RENTBUS_OP_hello, NULL, hello_done);
    return 0;
}

int64_t catchup_due(const struct rentbus_subscriber *subscriber)
{
    if (subscriber->asked)
        return CLOCK_NEVER;
    bool waiting = !subscriber->filling && subscriber->next > 0;
    int64_t due = waiting ? subscriber->idle_at : 0;
    return due > subscriber->ask_after ? due : subscriber->ask_after;
}

/* ---- giving ---- */

static bool type_wanted(const struct rentbus_subscriber *subscriber, struct rentbus_text type)
{
    char **wanted = subscriber->types;
    if (!*wanted)
        return true;
    while (*wanted && !rentbus_text_equal(rentbus_text(*wanted), type))
        wanted++;
    return *wanted != NULL;
}

/* Counts the event, and says whether it is for the user. */
static bool event_pass(struct rentbus_subscriber *subscriber, const struct rentbus_event *event)
{
    subscriber->next = event->seq + 1;
    if (subscriber->since_open && event->time < subscriber->since)
        return false;
    subscriber->since_open = false;
    return type_wanted(subscriber, event->type);
}

/* Whether history can have this event here. Without a filter of types it has every one. */
static bool page_event_sound(const struct rentbus_subscriber *subscriber,
                             const struct rentbus_event *event)
{
    bool filtered = RENTBUS_HAS(&subscriber->read, events_read_args, types);
    if (event->seq >= subscriber->page.next_seq || event->seq < subscriber->next)
        return false;
    return filtered || subscriber->next == 0 || event->seq == subscriber->next;
}

/* Whether history can end here. */
static bool page_end_sound(const struct rentbus_subscriber *subscriber)
{
    bool filtered = RENTBUS_HAS(&subscriber->read, events_read_args, types);
    return filtered || subscriber->next == 0 || subscriber->next == subscriber->page.next_seq;
}

/* The page is at its end: the feed goes on from here, or another page does. */
static void page_finish(struct rentbus_subscriber *subscriber)
{
    subscriber->page_open = false;
    subscriber->next = subscriber->page.next_seq;
    subscriber->filling = subscriber->next <= subscriber->page.head;
    if (!subscriber->filling)
        idle_restart(subscriber, subscriber->idle_pause);
}

static void page_give(struct rentbus_subscriber *subscriber, struct rentbus_event *event,
                      bool *given)
{
    while (subscriber->page_open && !*given) {
        struct rentbus_event found;
        int got = rentbus_list_next(&subscriber->page.events, &rentbus_event_schema,
                                    &subscriber->page_position, &found);
        bool sound =
            got > 0 ? page_event_sound(subscriber, &found) : got == 0 && page_end_sound(subscriber);
        if (!sound) {
            subscriber->page_open = false;
            fail(subscriber, -EBADMSG);
        } else if (got == 0) {
            page_finish(subscriber);
        } else if (event_pass(subscriber, &found)) {
            *event = found;
            *given = true;
        }
    }
}

/* The feed brought something: it is well for a while. */
static void feed_heard(struct rentbus_subscriber *subscriber)
{
    subscriber->missed = 0;
    subscriber->heard_at = clock_monotonic();
    idle_restart(subscriber, subscriber->beats ? SILENCE_MAX : IDLE_PAUSE_MAX);
}

/* Everything up to its head was sent before it. */
static void beat_take(struct rentbus_subscriber *subscriber)
{
    subscriber->beats = true;
    feed_heard(subscriber);
    if (subscriber->beat_head > subscriber->known_head)
        subscriber->known_head = subscriber->beat_head;
    /* An old one, or a ledger that has lost events: the daemon knows. */
    if (subscriber->beat_head + 1 < subscriber->next)
        subscriber->idle_at = subscriber->heard_at;
}

static int feed_give(struct rentbus_subscriber *subscriber, struct rentbus_event *event,
                     bool *given)
{
    for (int i = 0; i < FEED_STEP_MAX && !subscriber->filling; i++) {
        int received = feed_receive(subscriber);
        if (received <= 0)
            return received;
        if (received == FEED_BEAT) {
            beat_take(subscriber);
            continue;
        }
        feed_heard(subscriber);
        if (subscriber->live.seq < subscriber->next)
            continue;
        /* This one is read from history too: what is published is in it. */
        subscriber->filling = subscriber->live.seq > subscriber->next;
        if (!subscriber->filling && event_pass(subscriber, &subscriber->live)) {
            *event = subscriber->live;
            *given = true;
            return 0;
        }
    }
    subscriber->feed_left = !subscriber->filling;
    return 0;
}

static int feed_reopen(struct rentbus_subscriber *subscriber)
{
    wake_unwatch(&subscriber->wake, subscriber->feed.fd);
    int error = channel_reopen(&subscriber->feed);
    int watch_error = wake_watch(&subscriber->wake, subscriber->feed.fd);
    subscriber->missed = 0;
    subscriber->feed_dead = false;
    /* Until it beats again nothing is known of it. */
    subscriber->beats = false;
    idle_restart(subscriber, IDLE_PAUSE_MIN);
    return error ? error : watch_error;
}

/* The feed has no more: has the daemon? */
static int fill_missed(struct rentbus_subscriber *subscriber)
{
    bool missed = subscriber->next <= subscriber->known_head;
    subscriber->filling = missed;
    subscriber->missed += missed;
    bool dead = subscriber->feed_dead || subscriber->missed >= MISSED_MAX;
    return dead ? feed_reopen(subscriber) : 0;
}

/* What failed and was not told yet. */
static int status_take(struct rentbus_subscriber *subscriber)
{
    int status = subscriber->status;
    if (!subscriber->stale)
        subscriber->status = 0;
    return status;
}

int catchup_step(struct rentbus_subscriber *subscriber, struct rentbus_event *event, bool *given)
{
    int error = 0;
    int processed = subscriber->asked ? rentbus_client_process(subscriber->client) : 0;
    if (processed < 0)
        return processed;
    page_give(subscriber, event, given);
    if (!*given && !subscriber->filling && subscriber->next > 0) {
        error = feed_give(subscriber, event, given);
        if (!error && !*given && !subscriber->filling && !subscriber->feed_left)
            error = fill_missed(subscriber);
    }
    if (error || *given)
        return error;
    if (subscriber->status)
        return status_take(subscriber);
    return ask_if_due(subscriber);
}

void catchup_begin(struct rentbus_subscriber *subscriber,
                   const struct rentbus_subscription *subscription)
{
    struct rentbus_events_read_args *args = &subscriber->read;
    RENTBUS_SET(args, events_read_args, limit, PAGE_EVENTS);
    subscriber->filling = subscription->start != RENTBUS_START_NOW;
    if (subscription->start == RENTBUS_START_SEQ)
        subscriber->next = subscription->seq > 0 ? subscription->seq : 1;
    if (subscription->start == RENTBUS_START_TIME) {
        RENTBUS_SET(args, events_read_args, since, subscription->time);
        subscriber->since = subscription->time;
        subscriber->since_open = true;
    }
    idle_restart(subscriber, IDLE_PAUSE_MIN);
}
