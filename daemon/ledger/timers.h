/* SPDX-License-Identifier: MPL-2.0 */
/* Open rentals by the time at which something is to be told of them: a heap in which each rental
 * knows its place. Adding and removing cost little more than a step or two: most rentals are
 * added last in order, and what takes the place of a removed one seldom moves far. */
#ifndef RENTBUS_LEDGER_TIMERS_H
#define RENTBUS_LEDGER_TIMERS_H

#include "daemon/ledger/memory.h"

struct ledger_rental;

struct ledger_timer {
    int64_t due_at; /* microseconds since 1970 */
    struct ledger_rental *rental;
};

/* Ordered by due_at, then by created_seq. Zeroed at first. */
struct ledger_timers {
    struct ledger_timer *entries;
    size_t count;
    size_t capacity;
};

/* Makes room for `count` in all. 0, or -ENOMEM. */
int ledger_timers_reserve(struct ledger_timers *timers, size_t count,
                          const struct ledger_memory *memory) __attribute__((warn_unused_result));
/* Adds a rental at its state's due_at; needs a ledger_timers_reserve() before. */
void ledger_timers_add(struct ledger_timers *timers, struct ledger_rental *rental);
/* Asks early for the memory that the removal of the rental will touch. */
void ledger_timers_prefetch(const struct ledger_timers *timers, const struct ledger_rental *rental);
/* Removes a rental that is in it. */
void ledger_timers_remove(struct ledger_timers *timers, const struct ledger_rental *rental);
/* Finds the first `limit` at most that are due at `now`, in order, and returns how many. Rentals
 * whose warning was slept through are moved to where they have expired. */
size_t ledger_timers_due(struct ledger_timers *timers, int64_t now,
                         const struct ledger_rental **rentals, size_t limit);
void ledger_timers_release(struct ledger_timers *timers, const struct ledger_memory *memory);

#endif
