/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The ledger as it was. A thread of its own replays the journal into a ledger of its own, while the
 * daemon goes on; whoever asks meanwhile waits, and is served as soon as that ledger is there. It
 * is kept while it is used: the same seq is served at once, a later one by replaying onward, an
 * earlier one by replaying from the first event on.
 *
 * The ledger belongs to that thread while it replays, and to the caller's else. All functions are
 * for the one thread that owns the api.
 */
#ifndef RENTBUS_API_PAST_H
#define RENTBUS_API_PAST_H

#include "daemon/api/call.h"
#include "daemon/archive/tally.h"

/* Requests that wait; one more is answered BUSY. */
#define PAST_WAITING_MAX 64
#define PAST_BUSY_RETRY_MS 1000
/* A longer request cannot wait, in bytes: a read that says more says it in other bytes than it
 * needs. */
#define PAST_REQUEST_MAX 65536
/* How long the ledger is kept that nobody asks for, in microseconds. */
#define PAST_IDLE_US INT64_C(60000000)

struct past;

/* NULL when out of memory. */
struct past *past_create(struct api *api);
/* Cancels the replay; whoever waits, or asks later, gets UNAVAILABLE. */
void past_stop(struct past *past);
/* NULL-safe; stop it first. */
void past_destroy(struct past **past);

/* Takes what the thread has done, serves who waited for it, and goes on with the next. */
void past_process(struct past *past);
/* When past_process() should be called next if nothing else happens, in microseconds since 1970;
 * INT64_MAX when there is no such time. */
int64_t past_timer(const struct past *past);
/* Nobody waits. */
bool past_idle(const struct past *past);

/* Makes the ledger as it was behind the event `seq`, a durable one, that of the call, with the
 * returns up to there, and the time of that event its `now`: 0. API_LATER: the request is served
 * anew when that can be. JOURNAL_TRIMMED: nobody knows any more. Or BUSY, or another refusal. */
int past_ask(struct api_call *call, uint64_t seq) __attribute__((warn_unused_result));

#endif
