/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/drill_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS 60
#define SEEDS 200

/* Events 0, 3, 6... are of lane 0, and so on. */
static size_t lanes[EVENTS];

static int lanes_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < EVENTS; i++)
        lanes[i] = i % 3;
    return 0;
}

static struct drill_plan make(enum drill_phase phase, uint64_t seed)
{
    struct drill_plan plan = {0};
    assert_int_equal(drill_plan_make(&plan, phase, lanes, EVENTS, seed), 0);
    for (size_t i = 0; i < plan.count; i++) {
        assert_true(plan.steps[i].event < EVENTS);
        assert_true(plan.steps[i].moment < DRILL_MOMENT_MAX);
        assert_true(plan.steps[i].attempt >= 1);
    }
    return plan;
}

/* How often each event is given under that fault. */
static void count(const struct drill_plan *plan, enum drill_fault fault, size_t counts[EVENTS])
{
    memset(counts, 0, EVENTS * sizeof(*counts));
    for (size_t i = 0; i < plan->count; i++)
        counts[plan->steps[i].event] += plan->steps[i].fault == fault;
}

static bool equal(const struct drill_plan *a, const struct drill_plan *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++) {
        const struct drill_step *x = &a->steps[i];
        const struct drill_step *y = &b->steps[i];
        same = x->event == y->event && x->fault == y->fault && x->moment == y->moment &&
               x->attempt == y->attempt;
    }
    return same;
}

static void test_a_seed_decides(void **state)
{
    (void)state;
    for (int phase = 0; phase < DRILL_PHASE_COUNT; phase++) {
        struct drill_plan a = make((enum drill_phase)phase, 7);
        struct drill_plan b = make((enum drill_phase)phase, 7);
        struct drill_plan c = make((enum drill_phase)phase, 8);
        assert_true(equal(&a, &b));
        assert_int_equal(equal(&a, &c), phase == DRILL_BASELINE);
        drill_plan_release(&a);
        drill_plan_release(&b);
        drill_plan_release(&c);
    }
}

static void test_baseline(void **state)
{
    (void)state;
    struct drill_plan plan = make(DRILL_BASELINE, 1);
    assert_int_equal(plan.count, EVENTS);
    for (size_t i = 0; i < plan.count; i++) {
        assert_int_equal(plan.steps[i].event, i);
        assert_int_equal(plan.steps[i].fault, DRILL_PLAIN);
    }
    drill_plan_release(&plan);
}

/* Each once and at least once more; what comes again later comes in order with what was behind it,
 * as it does when acknowledgements were lost: the last one of a lane is the last word. */
static void test_duplicates(void **state)
{
    size_t plain[EVENTS];
    size_t again[EVENTS];
    size_t at_once = 0;
    size_t later = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct drill_plan plan = make(DRILL_DUPLICATES, seed);
        size_t newest = 0;
        count(&plan, DRILL_PLAIN, plain);
        count(&plan, DRILL_AGAIN, again);
        for (size_t i = 0; i < EVENTS; i++) {
            assert_int_equal(plain[i], 1);
            assert_in_range(again[i], 1, 2);
        }
        for (size_t i = 1; i < plan.count; i++) {
            const struct drill_step *step = &plan.steps[i];
            newest = step->event > newest ? step->event : newest;
            at_once += step->event == step[-1].event;
            later += step->event < newest;
            assert_true(step->event >= step[-1].event || newest - step->event < 8);
            assert_true(step->event <= step[-1].event + 1);
        }
        assert_int_equal(plan.steps[plan.count - 1].event, EVENTS - 1);
        drill_plan_release(&plan);
    }
    assert_true(at_once > SEEDS && later > SEEDS);
}

/* Each is killed once or twice, and given again behind it, with the attempts counted. */
static void test_crashes(void **state)
{
    size_t twice = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct drill_plan plan = make(DRILL_CRASHES, seed);
        size_t at = 0;
        for (size_t event = 0; event < EVENTS; event++) {
            unsigned kills = 0;
            for (; plan.steps[at].fault == DRILL_KILL; at++) {
                assert_int_equal(plan.steps[at].event, event);
                assert_int_equal(plan.steps[at].attempt, ++kills);
            }
            assert_in_range(kills, 1, 2);
            twice += kills == 2;
            assert_int_equal(plan.steps[at].fault, DRILL_AGAIN);
            assert_int_equal(plan.steps[at].event, event);
            assert_int_equal(plan.steps[at++].attempt, kills + 1);
        }
        assert_int_equal(at, plan.count);
        drill_plan_release(&plan);
    }
    assert_in_range(twice, SEEDS * EVENTS / 8, SEEDS * EVENTS / 2);
}

static void test_stops(void **state)
{
    (void)state;
    struct drill_plan plan = make(DRILL_STOPS, 3);
    assert_int_equal(plan.count, 2 * EVENTS);
    for (size_t i = 0; i < plan.count; i++) {
        assert_int_equal(plan.steps[i].event, i / 2);
        assert_int_equal(plan.steps[i].fault, i % 2 ? DRILL_AGAIN : DRILL_STOP);
        assert_int_equal(plan.steps[i].attempt, i % 2 + 1);
    }
    drill_plan_release(&plan);
}

/* Each once; those of a lane in order; late are those that a younger one has overtaken. */
static size_t delays_check(uint64_t seed, size_t *overlaps)
{
    struct drill_plan plan = make(DRILL_DELAYS, seed);
    size_t next[3] = {0};
    size_t newest = 0;
    size_t late = 0;
    assert_int_equal(plan.count, EVENTS);
    for (size_t i = 0; i < plan.count; i++) {
        const struct drill_step *step = &plan.steps[i];
        size_t lane = lanes[step->event];
        assert_true(step->event + 1 > next[lane]);
        next[lane] = step->event + 1;
        assert_int_equal(step->fault == DRILL_LATE, step->event < newest);
        newest = step->event > newest ? step->event : newest;
        late += step->fault == DRILL_LATE;
        *overlaps += step->fault == DRILL_OVERLAP;
    }
    drill_plan_release(&plan);
    return late;
}

static void test_delays(void **state)
{
    size_t late = 0;
    size_t overlaps = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        late += delays_check(seed, &overlaps);
    assert_in_range(late, SEEDS, SEEDS * EVENTS / 2);
    assert_in_range(overlaps, SEEDS, SEEDS * EVENTS / 2);
    memset(lanes, 0, sizeof(lanes));
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        assert_int_equal(delays_check(seed, &overlaps), 0);
    lanes_set(NULL);
}

static void test_nothing(void **state)
{
    (void)state;
    for (int phase = 0; phase < DRILL_PHASE_COUNT; phase++) {
        struct drill_plan plan = {0};
        assert_int_equal(drill_plan_make(&plan, (enum drill_phase)phase, lanes, 0, 1), 0);
        assert_int_equal(plan.count, 0);
        drill_plan_release(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_decides), cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_duplicates),     cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_stops),          cmocka_unit_test(test_delays),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, lanes_set, NULL);
}
