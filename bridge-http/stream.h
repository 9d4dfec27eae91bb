/* SPDX-License-Identifier: MPL-2.0 */
/* Live events for many clients: one subscriber feeds a ring of rendered events, and every stream is
 * a suspended connection with a place in it. A stream whose place is before the ring, because it
 * asked for older events or because its reader is slow, reads history page by page until it is in
 * the ring again: each event once, in order, and no more memory for a stream than one page.
 *
 * A reader that takes nothing for HTTP_IDLE_TIMEOUT seconds is dropped by libmicrohttpd; it resumes
 * with Last-Event-ID. Single-threaded. */
#ifndef RENTBUS_HTTP_STREAM_H
#define RENTBUS_HTTP_STREAM_H

#include <rentbus/rentbus.h>

#include "bridge-http/request.h"
#include "bridge-http/ring.h"

/* Events in one page of history, and bytes of its text. */
#define HTTP_PAGE_EVENTS 50
#define HTTP_PAGE_BYTES ((size_t)4 << 20)
/* Events that one round of the loop takes from the subscriber. */
#define HTTP_FEED_BATCH 256
/* Streams are woken for new events so many at a time, that requests are served in between, and so
 * many in each millisecond, unless there was a rest: while a stream waits for its turn events
 * gather, and to write ten costs hardly more than to write one. 5000 have their turn every 78 ms; a
 * few have it at once. */
#define HTTP_WAKE_SLICE ((size_t)512)
#define HTTP_WAKE_PER_MS ((size_t)64)
/* Milliseconds without an event before a heartbeat. */
#define HTTP_HEARTBEAT_MS 15000
/* Milliseconds that a client is told to wait before it connects again. */
#define HTTP_STREAM_RETRY "2000"

struct http_stream;

struct http_hub {
    struct rentbus_client *client;         /* borrowed */
    const struct rentbus_options *options; /* borrowed; of the subscriber */
    struct rentbus_subscriber *subscriber; /* NULL until the daemon's head is known */
    struct http_chunk *greeting;
    struct http_chunk *heartbeat;
    struct http_ring ring;
    struct http_stream *first, *last; /* list, in the order of opening */
    struct http_stream *turn;         /* to be woken next, if need be; NULL: all have been */
    size_t stream_count;
    size_t allowance;  /* streams that may be woken */
    int64_t earned_ms; /* up to when that is counted */
    int64_t now_ms;    /* monotonic; the owner keeps it */
    bool waking;       /* there are events that came when some had had their turn */
    bool ending;       /* streams end when they have been written */
    bool started;      /* the ring knows which event comes next */
    bool asking;       /* for the daemon's head */
    bool watched;      /* the loop watches the subscriber's fd; false after another was opened */
};

/* Zeroes and fills *hub. 0 or -ENOMEM. */
int http_hub_open(struct http_hub *hub, struct rentbus_client *client,
                  const struct rentbus_options *options) __attribute__((warn_unused_result));
/* When every stream is gone. */
void http_hub_close(struct http_hub *hub);

/* Takes what the subscriber has, at most HTTP_FEED_BATCH events. 0, or why the subscriber was of no
 * use any more and has been closed: http_hub_tick() opens another. */
int http_hub_feed(struct http_hub *hub) __attribute__((warn_unused_result));
/* Wakes the streams that wait for events, when that is due. Returns in how many milliseconds it
 * will be; 0 when it has woken some, which are to be served first; -1 when nothing waits. */
int http_hub_wake(struct http_hub *hub);
/* To be called every second or so: heartbeats, and a subscriber if there is none. 0, or why there
 * is none. */
int http_hub_tick(struct http_hub *hub) __attribute__((warn_unused_result));
/* Ends every stream, and those to come. */
void http_hub_end(struct http_hub *hub);

/* Answers a request with a stream: at once, or through the renderer of its route, by a hello. That
 * is asked for when the daemon has not been heard of yet, and by every stream that begins now: now
 * is the head that the daemon names, of which the subscriber may not have heard yet. `args` are
 * what the query says; a Last-Event-ID goes before its `from_seq` and `since`; of one thing alone
 * there is history, and no stream. Errors as http_handler. */
int http_stream_open(struct http_hub *hub, struct http_request *request,
                     const struct rentbus_events_read_args *args, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* What the renderer does with that hello. A head before events that had been heard of when it was
 * asked for is that of another ledger: streams of the old one end. */
int http_stream_hello(struct http_hub *hub, struct http_request *request,
                      const struct rentbus_hello_result *hello, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* And with the page by which a stream that begins in the past has asked whether that is still
 * there.
 */
int http_stream_tried(struct http_hub *hub, struct http_request *request,
                      struct rentbus_fault *fault) __attribute__((warn_unused_result));
/* Frees a stream that never became an answer. NULL-safe; *stream becomes NULL. */
void http_stream_destroy(struct http_stream **stream);

#endif
