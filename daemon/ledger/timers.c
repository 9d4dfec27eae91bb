/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/timers.h"

#include "daemon/ledger/decide.h"
#include "daemon/ledger/state.h"

#include <assert.h>
#include <errno.h>

#define CAPACITY_MIN 64
/* Grows by an eighth: room that nobody uses counts as memory of each rental. */
#define GROWTH 8
/* Children of an entry: three quarters of all have none, and those of one lie side by side, which
 * spares memory accesses where a rental is removed. */
#define ARITY 4
/* Of the entries that may come next: each that is taken leaves its children in its stead. */
#define FRONTIER_MAX ((ARITY - 1) * LEDGER_DECISION_MAX + 1)

int ledger_timers_reserve(struct ledger_timers *timers, size_t count,
                          const struct ledger_memory *memory)
{
    size_t capacity = timers->capacity ? timers->capacity : CAPACITY_MIN;
    struct ledger_timer *entries;

    if (count <= timers->capacity)
        return 0;
    while (capacity < count)
        capacity += capacity / GROWTH;
    entries = memory->resize(memory->context, timers->entries, capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    timers->entries = entries;
    timers->capacity = capacity;
    return 0;
}

static bool before(const struct ledger_timer *a, const struct ledger_timer *b)
{
    if (a->due_at != b->due_at)
        return a->due_at < b->due_at;
    return a->rental->created_seq < b->rental->created_seq;
}

static void put(struct ledger_timers *timers, size_t place, struct ledger_timer timer)
{
    timers->entries[place] = timer;
    timer.rental->timer = (uint32_t)place;
}

/* Puts a timer where it belongs, `place` or above it. */
static void sift_up(struct ledger_timers *timers, size_t place, struct ledger_timer timer)
{
    while (place > 0 && before(&timer, &timers->entries[(place - 1) / ARITY])) {
        put(timers, place, timers->entries[(place - 1) / ARITY]);
        place = (place - 1) / ARITY;
    }
    put(timers, place, timer);
}

/* Which of the children comes first, or `count` when there are none. */
static size_t first_child(const struct ledger_timers *timers, size_t place)
{
    size_t first = ARITY * place + 1;
    size_t end = first + ARITY < timers->count ? first + ARITY : timers->count;

    for (size_t child = first + 1; child < end; child++)
        if (before(&timers->entries[child], &timers->entries[first]))
            first = child;
    return first < timers->count ? first : timers->count;
}

/* The same for `place` or below it. */
static void sift_down(struct ledger_timers *timers, size_t place, struct ledger_timer timer)
{
    size_t child = first_child(timers, place);

    while (child < timers->count && before(&timers->entries[child], &timer)) {
        put(timers, place, timers->entries[child]);
        place = child;
        child = first_child(timers, place);
    }
    put(timers, place, timer);
}

void ledger_timers_add(struct ledger_timers *timers, struct ledger_rental *rental)
{
    assert(timers->count < timers->capacity);
    sift_up(timers, timers->count++, (struct ledger_timer){rental->state.due_at, rental});
}

void ledger_timers_prefetch(const struct ledger_timers *timers, const struct ledger_rental *rental)
{
    size_t place = rental->timer;

    if (place == 0)
        return;
    __builtin_prefetch(&timers->entries[place], 1);
    __builtin_prefetch(&timers->entries[(place - 1) / ARITY]);
    __builtin_prefetch(&timers->entries[timers->count - 1].rental->timer, 1);
}

void ledger_timers_remove(struct ledger_timers *timers, const struct ledger_rental *rental)
{
    size_t place = rental->timer;
    struct ledger_timer last = timers->entries[--timers->count];

    if (place == timers->count)
        return;
    if (place > 0 && before(&last, &timers->entries[(place - 1) / ARITY]))
        sift_up(timers, place, last);
    else
        sift_down(timers, place, last);
}

/* Takes the first of the frontier out of it, and what follows on it into it. */
static size_t frontier_take(const struct ledger_timers *timers, size_t *frontier, size_t *count)
{
    size_t first = 0;
    size_t place;

    for (size_t i = 1; i < *count; i++)
        if (before(&timers->entries[frontier[i]], &timers->entries[frontier[first]]))
            first = i;
    place = frontier[first];
    frontier[first] = frontier[--*count];
    for (size_t i = 1; i <= ARITY && ARITY * place + i < timers->count; i++)
        frontier[(*count)++] = ARITY * place + i;
    return place;
}

/* ledger_timers_due() up to the first entry that has to move: false, and it was moved. */
static bool collect_due(struct ledger_timers *timers, int64_t now,
                        const struct ledger_rental **rentals, size_t limit, size_t *found)
{
    size_t frontier[FRONTIER_MAX] = {0};
    size_t count = timers->count > 0;

    for (*found = 0; *found < limit && count > 0;) {
        size_t place = frontier_take(timers, frontier, &count);
        struct ledger_timer timer = timers->entries[place];
        int64_t expired_at = timer.rental->state.expires_at + 1;

        if (timer.due_at > now)
            break;
        if (timer.due_at < expired_at && expired_at <= now) {
            timer.due_at = expired_at;
            sift_down(timers, place, timer);
            return false;
        }
        rentals[(*found)++] = timer.rental;
    }
    return true;
}

size_t ledger_timers_due(struct ledger_timers *timers, int64_t now,
                         const struct ledger_rental **rentals, size_t limit)
{
    size_t found;

    while (!collect_due(timers, now, rentals, limit, &found))
        ;
    return found;
}

void ledger_timers_release(struct ledger_timers *timers, const struct ledger_memory *memory)
{
    memory->resize(memory->context, timers->entries, 0);
    *timers = (struct ledger_timers){0};
}
