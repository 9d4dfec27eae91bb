/* SPDX-License-Identifier: MPL-2.0 */
/* A subscriber from inside: what subscriber.c and catchup.c know of it. One thread. */
#ifndef RENTBUS_SUBSCRIBER_H
#define RENTBUS_SUBSCRIBER_H

#include "sdk/channel.h"
#include "sdk/protocol/buffer.h"
#include "sdk/wake.h"

#include <rentbus/rentbus.h>

struct rentbus_subscriber {
    struct wake wake;
    struct channel feed;
    bool plain;
    uint64_t seq; /* of the event given last */

    /* The event from the feed: it points into the second frame, or into `scratch`. */
    zmq_msg_t frames[2];
    struct rentbus_buffer scratch;
    struct rentbus_event live;
    uint64_t beat_head; /* of the last heartbeat: what the daemon had published before it */
    bool feed_left;     /* it was not read to its end */

    /* Everything below is of a catch-up subscriber. */
    struct rentbus_client *client;
    char **types; /* NULL at the end */
    struct rentbus_events_read_args read;
    bool since_open; /* nothing recorded at `since` or later was seen yet */
    int64_t since;

    uint64_t next;       /* seq of the event that comes next; 0: not known yet */
    uint64_t known_head; /* the daemon has events up to here at least */
    bool filling;        /* events are read from history, the feed waits */
    struct rentbus_buffer page_bytes;
    struct rentbus_event_page page;
    size_t page_position;
    bool page_open; /* more events in it, perhaps */

    bool asked; /* a query is on its way; it was asked at that time, for events from that seq on */
    int64_t asked_at;
    uint64_t asked_next;
    int64_t ask_after; /* no query earlier: the last one failed */
    int64_t idle_at;   /* nothing came until then: ask for the head */
    int64_t idle_pause;
    int64_t retry;
    bool beats;       /* the feed has brought a heartbeat, so it is never silent for long */
    int64_t heard_at; /* the feed brought something */
    uint32_t missed;  /* times in a row that a query knew more than the feed had brought */
    bool feed_dead;   /* to be opened anew */
    bool connected;
    int status;                 /* for the next call of rentbus_subscriber_next() */
    bool stale;                 /* status stays */
    struct rentbus_fault fault; /* of the last status that was positive */
    char ledger[RENTBUS_ID_MAX + 1];
};

/* Messages of the feed that are passed over in one step, so that a flood does not keep the caller.
 */
#define FEED_STEP_MAX 4096

/* Takes the next well-formed event from the feed into `live`: 1; FEED_BEAT when it is a heartbeat,
 * which a plain subscriber passes over; 0 when there is none or `feed_left` is set; or a negative
 * errno. */
#define FEED_BEAT 2
int feed_receive(struct rentbus_subscriber *subscriber) __attribute__((warn_unused_result));

/* ---- catchup.c ---- */

/* Sets where to begin. */
void catchup_begin(struct rentbus_subscriber *subscriber,
                   const struct rentbus_subscription *subscription);
/* Goes on without waiting. 0 with *given true and *event, or with *given false when nothing more
 * can be done now; otherwise an error as of rentbus_subscriber_next(). */
int catchup_step(struct rentbus_subscriber *subscriber, struct rentbus_event *event, bool *given)
    __attribute__((warn_unused_result));
/* When it has something to do although nothing arrives. */
int64_t catchup_due(const struct rentbus_subscriber *subscriber);

#endif
