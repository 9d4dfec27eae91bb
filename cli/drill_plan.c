/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/drill_plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Events that come again together, and events that another one waits for, at most. */
#define TOGETHER_MAX 8

/* SplitMix64. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned random_below(uint64_t *state, unsigned count)
{
    return (unsigned)(random_next(state) % count);
}

static unsigned random_moment(uint64_t *state)
{
    return random_below(state, DRILL_MOMENT_MAX);
}

static int step_add(struct drill_plan *plan, struct drill_step step)
{
    if (plan->count == plan->capacity) {
        size_t capacity = plan->capacity ? 2 * plan->capacity : 64;
        struct drill_step *grown = realloc(plan->steps, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        plan->steps = grown;
        plan->capacity = capacity;
    }
    plan->steps[plan->count++] = step;
    return 0;
}

static int baseline_make(struct drill_plan *plan, const size_t *lanes, size_t count,
                         uint64_t *random)
{
    int error = 0;
    (void)lanes;
    (void)random;
    for (size_t i = 0; i < count && error == 0; i++)
        error = step_add(plan, (struct drill_step){i, DRILL_PLAIN, 0, 1});
    return error;
}

/* What a daemon does that was killed before it had noted the last acknowledgements: it gives the
 * events again from some point on, in their order. */
static int duplicates_make(struct drill_plan *plan, const size_t *lanes, size_t count,
                           uint64_t *random)
{
    int error = 0;
    (void)lanes;
    for (size_t first = 0; first < count;) {
        size_t end = first + 1 + random_below(random, TOGETHER_MAX);
        if (end > count)
            end = count;
        for (size_t i = first; i < end && error == 0; i++) {
            error = step_add(plan, (struct drill_step){i, DRILL_PLAIN, 0, 1});
            if (error == 0 && random_below(random, 2) == 0)
                error = step_add(plan, (struct drill_step){i, DRILL_AGAIN, 0, 1});
        }
        for (size_t i = first; i < end && error == 0; i++)
            error = step_add(plan, (struct drill_step){i, DRILL_AGAIN, 0, 1});
        if (error)
            return error;
        first = end;
    }
    return 0;
}

static int crashes_make(struct drill_plan *plan, const size_t *lanes, size_t count,
                        uint64_t *random)
{
    int error = 0;
    (void)lanes;
    for (size_t i = 0; i < count && error == 0; i++) {
        unsigned attempt = 1;
        unsigned kills = random_below(random, 4) == 0 ? 2 : 1;
        for (; attempt <= kills && error == 0; attempt++)
            error =
                step_add(plan, (struct drill_step){i, DRILL_KILL, random_moment(random), attempt});
        if (error == 0)
            error = step_add(plan, (struct drill_step){i, DRILL_AGAIN, 0, attempt});
    }
    return error;
}

static int stops_make(struct drill_plan *plan, const size_t *lanes, size_t count, uint64_t *random)
{
    int error = 0;
    (void)lanes;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = step_add(plan, (struct drill_step){i, DRILL_STOP, random_moment(random), 1});
        if (error == 0)
            error = step_add(plan, (struct drill_step){i, DRILL_AGAIN, 0, 2});
    }
    return error;
}

/* Which events have still to be given. */
struct waiting {
    const size_t *lanes;
    size_t count;
    size_t first;  /* all before it were given */
    size_t given;  /* how many were */
    size_t newest; /* of those, behind the last one */
    bool *done;
    bool *seen;         /* it was decided whether it waits */
    size_t *held_until; /* of each lane: until so many were given */
};

/* The next one: the first whose lane does not wait, or the first. */
static size_t waiting_next(struct waiting *waiting, uint64_t *random)
{
    for (size_t i = waiting->first; i < waiting->count; i++) {
        size_t *held = &waiting->held_until[waiting->lanes[i]];
        if (waiting->done[i] || *held > waiting->given)
            continue;
        bool wait = !waiting->seen[i] && random_below(random, 4) == 0;
        waiting->seen[i] = true;
        if (!wait)
            return i;
        *held = waiting->given + 1 + random_below(random, TOGETHER_MAX);
    }
    return waiting->first;
}

static int waiting_give(struct waiting *waiting, struct drill_plan *plan, uint64_t *random)
{
    size_t i = waiting_next(waiting, random);
    struct drill_step step = {i, i < waiting->newest ? DRILL_LATE : DRILL_PLAIN, 0, 1};
    if (step.fault == DRILL_PLAIN && random_below(random, 2) == 0) {
        step.fault = DRILL_OVERLAP;
        step.moment = random_moment(random);
    }
    waiting->done[i] = true;
    waiting->given++;
    if (waiting->newest < i + 1)
        waiting->newest = i + 1;
    while (waiting->first < waiting->count && waiting->done[waiting->first])
        waiting->first++;
    return step_add(plan, step);
}

static int delays_make(struct drill_plan *plan, const size_t *lanes, size_t count, uint64_t *random)
{
    struct waiting waiting = {.lanes = lanes, .count = count};
    int error = 0;
    waiting.done = calloc(count, sizeof(*waiting.done));
    waiting.seen = calloc(count, sizeof(*waiting.seen));
    waiting.held_until = calloc(count, sizeof(*waiting.held_until));
    if (count > 0 && (!waiting.done || !waiting.seen || !waiting.held_until))
        error = -ENOMEM;
    while (error == 0 && waiting.first < count)
        error = waiting_give(&waiting, plan, random);
    free(waiting.held_until);
    free(waiting.seen);
    free(waiting.done);
    return error;
}

static const struct {
    const char *text;
    int (*make)(struct drill_plan *plan, const size_t *lanes, size_t count, uint64_t *random);
} phases[DRILL_PHASE_COUNT] = {
    [DRILL_BASELINE] = {"baseline", baseline_make},
    [DRILL_DUPLICATES] = {"duplicates", duplicates_make},
    [DRILL_CRASHES] = {"crashes", crashes_make},
    [DRILL_DELAYS] = {"delays", delays_make},
    [DRILL_STOPS] = {"stops", stops_make},
};

int drill_plan_make(struct drill_plan *plan, enum drill_phase phase, const size_t *lanes,
                    size_t count, uint64_t seed)
{
    uint64_t random = seed + phase;
    random = random_next(&random);
    plan->count = 0;
    return phases[phase].make(plan, lanes, count, &random);
}

void drill_plan_release(struct drill_plan *plan)
{
    free(plan->steps);
    *plan = (struct drill_plan){0};
}

const char *drill_phase_text(enum drill_phase phase)
{
    return phases[phase].text;
}

const char *drill_fault_text(enum drill_fault fault)
{
    static const char *const texts[] = {
        [DRILL_PLAIN] = "plain", [DRILL_AGAIN] = "again",     [DRILL_KILL] = "kill",
        [DRILL_LATE] = "late",   [DRILL_OVERLAP] = "overlap", [DRILL_STOP] = "stop",
    };
    return texts[fault];
}
