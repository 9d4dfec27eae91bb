/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What a consumer has yet to do: events in the order of their seqs, of which a worker takes one
 * under a lease and acknowledges it, or fails and tries it again later. Events of one subject go
 * out one after the other, whatever the number of workers; those of others go on meanwhile.
 *
 * Pure: no clock and no I/O; times are microseconds since 1970 and are given. Not thread-safe.
 */
#ifndef RENTBUS_BUS_QUEUE_H
#define RENTBUS_BUS_QUEUE_H

#include <stdbool.h>

#include "sdk/protocol/types.h"

/* Events that may be known and not done. A subject whose event keeps failing holds back its own
 * events alone until there are so many of them; what is done takes no room. */
#define QUEUE_WINDOW_MAX 65536
/* Failures of one event that are remembered: the last ones. */
#define QUEUE_FAILURES_MAX 16

struct queue;

/* An event in the hands of a worker. Every taking has a lease of its own: the number tells it from
 * earlier ones. */
struct queue_delivery {
    uint64_t seq;
    uint32_t lease;
    uint32_t worker;
    uint32_t attempt; /* this one included: 1 at first */
};

/* Why an attempt came to nothing, the first one first. */
struct queue_failure {
    struct queue_failure *next;
    int64_t at;
    uint16_t length;
    char error[];
};

enum queue_verdict {
    QUEUE_DONE,
    QUEUE_UNKNOWN, /* no such event is in anyone's hands: done already, waiting, or never seen */
    QUEUE_FOREIGN, /* it is in the hands of another worker */
    QUEUE_EXPIRED, /* this worker's lease has ended, and the event was taken again since */
};

/* Everything up to `cursor` is done, but for what queue_again() tells. `leases`: those that were
 * given out before, by a queue that this one replaces. NULL when out of memory. */
struct queue *queue_create(uint64_t cursor, uint32_t leases);
void queue_destroy(struct queue **queue);
uint32_t queue_leases(const struct queue *queue);

/* ---- what comes in, in the order of seqs ---- */

/* The seq up to which everything has been looked at: offer what is behind it. */
uint64_t queue_seen(const struct queue *queue);
bool queue_full(const struct queue *queue);
/* One more event to do, behind queue_seen(). `subject` is a hash; events whose hashes are equal
 * stay in order. 0, or -ENOMEM with nothing changed. */
int queue_offer(struct queue *queue, uint64_t seq, uint64_t subject)
    __attribute__((warn_unused_result));
/* Nothing else up to `seq` is to be done. */
void queue_pass(struct queue *queue, uint64_t seq);
/* An event that was seen is to be done all the same, behind what its subject has waiting: one that
 * a queue before this one had, and tried `attempts` times, or one that somebody `asked` for. When
 * it is there already nothing changes. 0, or -ENOMEM. */
int queue_again(struct queue *queue, uint64_t seq, uint64_t subject, uint32_t attempts, bool asked)
    __attribute__((warn_unused_result));

/* ---- what goes out ---- */

/* Events that could be taken now. */
size_t queue_ready(const struct queue *queue);
/* Takes the first of them until `due`. False when there is none. */
bool queue_take(struct queue *queue, uint32_t worker, int64_t due, struct queue_delivery *delivery);
/* The event is done. */
enum queue_verdict queue_ack(struct queue *queue, uint32_t worker, uint64_t seq, uint32_t lease);
/* The same for a lease that was checked, or for an event in any other state. False when there is no
 * such event. */
bool queue_finish(struct queue *queue, uint64_t seq);
/* What the worker has in its hands of the leases from `first` to `last`, in the order of seqs, at
 * most `most`; how many they are. */
size_t queue_held(const struct queue *queue, uint32_t worker, uint32_t first, uint32_t last,
                  struct queue_delivery *deliveries, size_t most);
/* The lease ends at `due` instead. */
enum queue_verdict queue_extend(struct queue *queue, uint32_t worker, uint64_t seq, uint32_t lease,
                                int64_t due);
/* What a lease stands for: QUEUE_DONE and *delivery when it is that of the worker. */
enum queue_verdict queue_check(const struct queue *queue, uint32_t worker, uint64_t seq,
                               uint32_t lease, struct queue_delivery *delivery);
/* The event in hand, which failed, waits until `at` for its next attempt. The failure is noted; it
 * is not when memory is out. */
void queue_retry(struct queue *queue, uint64_t seq, int64_t at, int64_t now,
                 struct rentbus_text error);
/* The event in hand is nobody's until queue_finish() or queue_unhold(): that it is done, or parked,
 * is being recorded. */
void queue_hold(struct queue *queue, uint64_t seq);
/* Gives what the worker has in its hands back, at once: its attempts do not count. */
void queue_release(struct queue *queue, uint32_t worker);
/* The same for one event. */
void queue_return(struct queue *queue, uint64_t seq);
/* Every event that is held is in hand again, as it was: what was to be recorded was not. */
void queue_unhold(struct queue *queue);
const struct queue_failure *queue_failures(const struct queue *queue, uint64_t seq);

/* ---- time ---- */

/* The next time at which a lease ends or a wait is over; INT64_MAX when there is none. */
int64_t queue_timer(const struct queue *queue);
/* Makes ready what has waited until `now`, and finds a lease that has ended: true, with *delivery
 * in hand as before; decide with queue_retry() or queue_hold(), and call again. */
bool queue_expire(struct queue *queue, int64_t now, struct queue_delivery *delivery);

/* ---- what is to be seen of it ---- */

/* Everything up to here is done. */
uint64_t queue_cursor(const struct queue *queue);
/* Known events that are not done; of those, in the hands of workers; and waiting for another try.
 */
struct queue_counts {
    size_t pending;
    size_t leased;
    size_t delayed;
};
struct queue_counts queue_counts(const struct queue *queue);
/* The seq of the oldest event that is not done; of the next one behind `seq`, which is not done
 * either. 0 when there is none. */
uint64_t queue_oldest(const struct queue *queue);
uint64_t queue_newer(const struct queue *queue, uint64_t seq);
bool queue_has(const struct queue *queue, uint64_t seq);
/* It is in nobody's hands, and nobody asked for it. */
bool queue_idle(const struct queue *queue, uint64_t seq);

/* Sees what is not done, in the order of seqs: what a new queue at queue_seen() is to be told by
 * queue_again(). */
typedef void queue_visitor(void *context, uint64_t seq, uint32_t attempts, bool asked);
void queue_visit(const struct queue *queue, queue_visitor *visit, void *context);

#endif
