/* SPDX-License-Identifier: MPL-2.0 */
/* A worker from inside: what worker.c, errand.c and run.c know of it. One thread. */
#ifndef RENTBUS_WORKER_H
#define RENTBUS_WORKER_H

#include "sdk/protocol/buffer.h"
#include "sdk/wake.h"

#include <rentbus/rentbus.h>

#include <stdatomic.h>
#include <sys/queue.h>

/* Acknowledgements that go out in one request at most. */
#define WORKER_ACKS_MAX 500

/* Something to be said about events in hand, until the daemon has answered. */
struct errand {
    TAILQ_ENTRY(errand) link;
    struct rentbus_worker *worker;
    enum rentbus_op op; /* consumer_ack, consumer_nack or consumer_extend */
    struct rentbus_uuid id;
    bool started; /* it is with the client */
    uint32_t tries;
    bool repeated;                /* another errand has tried the same */
    struct rentbus_buffer leases; /* rentbus_lease_ref_schema */
    size_t lease_count;
    struct rentbus_buffer publish; /* rentbus_new_event_schema */
    size_t publish_count;
    struct rentbus_lease_ref lease; /* its only event, where there is only one */
    struct rentbus_buffer error;    /* of a nack */
    int64_t delay_ms;
    uint32_t lease_ms; /* of an extend */
    bool fatal;
    bool untried;
};

TAILQ_HEAD(errand_list, errand);

struct rentbus_worker {
    struct wake wake;
    struct rentbus_client *client;
    char consumer[RENTBUS_ID_MAX + 1];
    char name[RENTBUS_ID_MAX + 1];
    struct rentbus_uuid incarnation;
    uint32_t credit;
    uint32_t wait_ms;
    int64_t timeout; /* microseconds */
    /* Of rentbus_worker_run(), NULL otherwise: next() gives -ECANCELED when one of them is set. */
    const atomic_bool *stop_wanted;
    const atomic_bool *run_failed;
    int64_t stop_at; /* the stop that was wanted waits no longer */

    /* Events that were fetched and not given yet: they point into `page_bytes`. */
    unsigned fetching;   /* calls of this kind on their way */
    int64_t fetch_after; /* no fetch earlier: the last one failed */
    struct rentbus_buffer page_bytes;
    struct rentbus_list page;
    size_t page_position;
    size_t page_left;
    int64_t page_at; /* it came then */
    uint32_t window; /* events that are fetched at a time */

    /* Events in hand, in the order in which they were given. */
    struct rentbus_lease_ref *held;
    size_t held_count;
    int64_t given_at;

    /* Acknowledgements that wait for company. */
    struct rentbus_buffer acks;
    size_t ack_count;
    struct rentbus_lease_ref ack_last;
    int64_t flush_at; /* CLOCK_NEVER when there are none */

    struct errand_list errands;
    size_t errand_count;
    size_t publishing;    /* of them, those that publish */
    int64_t errand_after; /* those that are not with the client are tried again then */

    uint64_t lost;
    int status; /* for the next call of rentbus_worker_next() */
    bool stale; /* status stays */
    bool closing;
    bool handing_back;
    struct rentbus_fault fault;
};

/* ---- errand.c ---- */

/* Takes the event out of hand and acknowledges it with others: 0, -ENOENT or -ENOMEM. */
int errand_gather(struct rentbus_worker *worker, struct rentbus_lease_ref lease, int64_t now)
    __attribute__((warn_unused_result));
/* Sends the acknowledgements that were gathered, and errands whose time has come. */
void errand_send(struct rentbus_worker *worker, bool flush, int64_t now);
/* When errand_send() has something to do by itself. */
int64_t errand_due(const struct rentbus_worker *worker);
/* A fresh errand about one event, which errand_add() or errand_drop() ends; NULL when out of
 * memory. */
struct errand *errand_create_single(struct rentbus_worker *worker, enum rentbus_op op,
                                    struct rentbus_lease_ref lease);
/* 0 when it is on its way; otherwise it is gone, and worker->fault says why when it is a positive
 * code. */
int errand_add(struct rentbus_worker *worker, struct errand *errand)
    __attribute__((warn_unused_result));
void errand_drop(struct errand *errand);
/* Adds events to publish, and checks them as the daemon will: 0, a positive code with
 * worker->fault, or -ENOMEM. */
int errand_publish(struct errand *errand, const struct rentbus_new_event *events, size_t count)
    __attribute__((warn_unused_result));
/* Takes as much of the text as fits, cut in front of a character. NULL: nothing. */
void errand_explain(struct errand *errand, const char *error);
/* Forgets all that was to be said. */
void errand_clear(struct rentbus_worker *worker);

/* ---- worker.c ---- */

/* The name that is given, or one of the host and the process: RENTBUS_ID_MAX bytes and a NUL at
 * most. False when it is no id. */
bool worker_name(const char *given, char *name);

/* The place of the event in `held`, or `held_count`. */
size_t worker_find(const struct rentbus_worker *worker, struct rentbus_lease_ref lease);
void worker_forget(struct rentbus_worker *worker, size_t place);
/* Notes what went wrong: for next() to tell, and the worker is of no use any more when it is
 * another one's turn. */
void worker_fail(struct rentbus_worker *worker, int status, const struct rentbus_fault *fault);
/* Whether the daemon said that a newer worker of the name has taken over. */
bool worker_fenced(int status, const struct rentbus_fault *fault);

#endif
