/* SPDX-License-Identifier: MPL-2.0 */
/* The one consumer of the fake daemon, "c": its events are numbers from 1 on, without subjects or
 * time; leases end when the test says so. */
#ifndef RENTBUS_TEST_FAKE_CONSUMER_H
#define RENTBUS_TEST_FAKE_CONSUMER_H

#include "tests/unit/fake_daemon.h"

#include <zmq.h>

#define FAKE_CONSUMER_EVENTS_MAX 4096

/* ---- the test's side ---- */

/* Gives the fake daemon its consumer, without events. */
void fake_consumer_open(struct fake_daemon *fake);
/* Adds events, which fetches that wait get. */
void fake_consumer_add(struct fake_daemon *fake, int count);
/* The lease has ended, and another worker has the event; `done`: and has finished it. */
void fake_consumer_steal(struct fake_daemon *fake, uint64_t seq, bool done);
/* Another worker has taken over: every request of the one that there was is refused. */
void fake_consumer_fence(struct fake_daemon *fake);
/* As a daemon that was killed and started: nobody has anything in hand, and nobody waits. */
void fake_consumer_forget(struct fake_daemon *fake);
/* There is no such consumer. */
void fake_consumer_delete(struct fake_daemon *fake);

struct fake_consumer_counts {
    size_t done;      /* events that are */
    size_t leased;    /* in hands */
    size_t waiting;   /* fetches that wait */
    size_t handed;    /* deliveries, each time */
    size_t published; /* events, each once */
    size_t failures;  /* attempts that were given back */
    size_t untried;   /* events that were, without an attempt */
    size_t parked;
    size_t extended;
    size_t workers_max; /* the most names that ever fetched */
};
struct fake_consumer_counts fake_consumer_counts(struct fake_daemon *fake);
/* The error of the last nack, and its delay (-1: none); `size` bytes at most. */
int64_t fake_consumer_error(struct fake_daemon *fake, char *error, size_t size);

/* ---- the daemon's side, under its mutex ---- */

struct fake_answer {
    struct rentbus_buffer *result;
    enum rentbus_error_code code; /* 0: well */
    const char *field;
    bool later; /* fake_consumer_wake() will have it */
};

bool fake_consumer_serves(struct rentbus_text op);
void fake_consumer_serve(struct fake_daemon *fake, const struct rentbus_request *request,
                         const zmq_msg_t *identity, struct fake_answer *answer);
/* The reply to a fetch that waited, and who gets it; false when there is none. */
bool fake_consumer_wake(struct fake_daemon *fake, zmq_msg_t *identity, struct rentbus_buffer *body);
void fake_consumer_drop(struct fake_daemon *fake);

#endif
