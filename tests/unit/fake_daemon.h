/* SPDX-License-Identifier: MPL-2.0 */
/* A daemon for tests of the SDK, in a thread of the test: it answers as it is told to, or not at
 * all. Its journal is a list of events, seq n recorded at second n of 1970. Made of bare libzmq. */
#ifndef RENTBUS_TEST_FAKE_DAEMON_H
#define RENTBUS_TEST_FAKE_DAEMON_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/schema.h"

#include <pthread.h>

#define FAKE_EVENTS_MAX 8192
#define FAKE_REQUESTS_MAX 8192

/* How requests are answered. */
enum fake_mood {
    FAKE_WELL,
    FAKE_SILENT,
    FAKE_BUSY, /* retry_after_ms 20 */
    FAKE_UNAVAILABLE,
    FAKE_DENYING,    /* PERMISSION_DENIED, field "actor" */
    FAKE_GARBAGE,    /* bytes that are no CBOR, and then no answer */
    FAKE_OTHER_ID,   /* well, but for another request */
    FAKE_TWO_FRAMES, /* well, with a frame too many */
    FAKE_TWICE,      /* well, two times */
    FAKE_NO_REPLY,   /* a map that has the id, and is no reply */
    FAKE_ODD_RESULT, /* a result that does not fit the operation */
    FAKE_HOLE,       /* pages of history without their first event */
    FAKE_STILL,      /* pages of history that do not go on */
};

enum fake_delivery { FAKE_DELIVER, FAKE_LOSE, FAKE_DELIVER_TWICE };

struct fake_event {
    const char *type;
    enum fake_delivery delivery;
};

struct fake_consumer;

struct fake_daemon {
    char directory[64];
    char api[96];
    char events[96];
    pthread_t thread;
    int bell;
    pthread_mutex_t mutex; /* over everything below */
    pthread_cond_t turned; /* it has looked at everything again */
    bool running;
    enum fake_mood mood;
    int mood_count; /* requests that it still lasts for */
    bool up;        /* whether its sockets shall be bound */
    bool feed_up;   /* and that of the events */
    const char *ledger;
    struct fake_event journal[FAKE_EVENTS_MAX];
    size_t head;
    size_t published;
    struct rentbus_uuid ids[FAKE_REQUESTS_MAX];
    char ops[FAKE_REQUESTS_MAX][24];
    size_t requests;
    struct rentbus_buffer args;   /* of the last request */
    struct rentbus_buffer result; /* as the test wants it; empty: that of a command */
    size_t junk;                  /* messages of the feed that are no events, to be sent */
    size_t beats;                 /* heartbeats to be sent */
    size_t subscribers;
    size_t overflowed;              /* events that found the feed's queue full, and were lost */
    struct fake_consumer *consumer; /* NULL: there is none */
};

/* Starts and stops; both must be called from the test's thread. */
struct fake_daemon *fake_daemon_start(void);
void fake_daemon_stop(struct fake_daemon **fake);

/* The next `count` requests are answered in this way, and those behind them well. */
void fake_daemon_mood(struct fake_daemon *fake, enum fake_mood mood, int count);
/* What is answered to every operation but hello, events.read and batch from now on. */
void fake_daemon_result(struct fake_daemon *fake, const struct rentbus_schema *schema,
                        const void *result);
/* The arguments of the last request, decoded; they point into `bytes`. */
void fake_daemon_args(struct fake_daemon *fake, const struct rentbus_schema *schema,
                      struct rentbus_buffer *bytes, void *args);
/* Unbinds the sockets, or binds them again; returns when it is done. */
void fake_daemon_up(struct fake_daemon *fake, bool up);
/* The same for the socket of the events alone. */
void fake_daemon_feed_up(struct fake_daemon *fake, bool up);
/* Adds events to the journal; returns when they are published. `type` is a literal. */
void fake_daemon_publish(struct fake_daemon *fake, const char *type, int count,
                         enum fake_delivery delivery);
/* Sends messages over the feed that are no events. */
void fake_daemon_junk(struct fake_daemon *fake, int count);
/* Events that were lost because nobody read the feed. */
size_t fake_daemon_overflowed(struct fake_daemon *fake);
/* Sends a heartbeat. */
void fake_daemon_beat(struct fake_daemon *fake);
/* Another journal, of `count` events. */
void fake_daemon_replace(struct fake_daemon *fake, const char *ledger, int count);
/* Ends what began with the mutex locked, and lets the thread see what was changed. */
void fake_daemon_unlock(struct fake_daemon *fake);
/* Requests of an operation so far; NULL: of all. */
size_t fake_daemon_requests(struct fake_daemon *fake, const char *op);
/* Waits until that many have come; fails the test after some seconds. */
void fake_daemon_await(struct fake_daemon *fake, const char *op, size_t count);
void fake_daemon_await_subscriber(struct fake_daemon *fake);

#endif
