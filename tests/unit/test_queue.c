/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/bus/queue.h"
#include "sdk/protocol/text.h"

#define SECOND INT64_C(1000000)

static struct queue *queue;

static int set_up(void **state)
{
    (void)state;
    queue = queue_create(100);
    return queue ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    queue_destroy(&queue);
    queue_destroy(&queue);
    return 0;
}

static void offer(uint64_t seq, uint64_t subject)
{
    assert_int_equal(queue_offer(queue, seq, subject, 0), 0);
}

static struct queue_delivery take(uint32_t worker, int64_t due)
{
    struct queue_delivery delivery = {0};
    assert_true(queue_take(queue, worker, due, &delivery));
    return delivery;
}

static void takes_none(void)
{
    struct queue_delivery delivery;
    assert_int_equal(queue_ready(queue), 0);
    assert_false(queue_take(queue, 1, SECOND, &delivery));
}

static void ack(struct queue_delivery delivery)
{
    assert_int_equal(queue_ack(queue, delivery.worker, delivery.seq, delivery.lease), QUEUE_DONE);
}

static void try_later(struct queue_delivery delivery, int64_t at)
{
    queue_retry(queue, delivery.seq, at, at - 1, rentbus_text("broken"));
}

static void test_cursor(void **state)
{
    (void)state;
    assert_int_equal(queue_cursor(queue), 100);
    queue_pass(queue, 110);
    assert_int_equal(queue_cursor(queue), 110);
    offer(112, 1);
    offer(113, 2);
    queue_pass(queue, 120);
    assert_int_equal(queue_cursor(queue), 111);
    assert_int_equal(queue_oldest(queue), 112);
    struct queue_delivery first = take(1, SECOND);
    struct queue_delivery second = take(1, SECOND);
    takes_none();
    ack(second);
    assert_int_equal(queue_cursor(queue), 111);
    ack(first);
    assert_int_equal(queue_cursor(queue), 120);
    assert_int_equal(queue_oldest(queue), 0);
    queue_pass(queue, 90);
    assert_int_equal(queue_seen(queue), 120);
}

static void test_subjects_stay_in_order(void **state)
{
    (void)state;
    offer(101, 7);
    offer(102, 7);
    offer(103, 8);
    offer(104, 7);
    struct queue_delivery first = take(1, SECOND);
    struct queue_delivery other = take(2, SECOND);
    assert_int_equal(first.seq, 101);
    assert_int_equal(other.seq, 103);
    takes_none();
    try_later(first, 5 * SECOND);
    takes_none();
    ack(other);
    assert_false(queue_expire(queue, 5 * SECOND - 1, &other));
    takes_none();
    assert_false(queue_expire(queue, 5 * SECOND, &other));
    first = take(2, 9 * SECOND);
    assert_int_equal(first.seq, 101);
    assert_int_equal(first.attempt, 2);
    const struct queue_failure *failure = queue_failures(queue, 101);
    assert_int_equal(failure->length, strlen("broken"));
    assert_memory_equal(failure->error, "broken", failure->length);
    assert_null(failure->next);
    ack(first);
    assert_int_equal(take(1, 9 * SECOND).seq, 102);
    takes_none();
}

static void test_verdicts(void **state)
{
    (void)state;
    struct queue_delivery found;
    offer(101, 1);
    assert_int_equal(queue_ack(queue, 1, 101, 1), QUEUE_UNKNOWN);
    assert_int_equal(queue_ack(queue, 1, 999, 1), QUEUE_UNKNOWN);
    struct queue_delivery first = take(1, 2 * SECOND);
    assert_int_equal(queue_ack(queue, 2, 101, first.lease), QUEUE_FOREIGN);
    assert_int_equal(queue_ack(queue, 1, 101, first.lease + 1), QUEUE_EXPIRED);
    assert_int_equal(queue_extend(queue, 2, 101, first.lease, 9 * SECOND), QUEUE_FOREIGN);
    assert_int_equal(queue_extend(queue, 1, 101, first.lease, 4 * SECOND), QUEUE_DONE);
    assert_int_equal(queue_timer(queue), 4 * SECOND);
    assert_false(queue_expire(queue, 4 * SECOND - 1, &found));
    assert_true(queue_expire(queue, 4 * SECOND, &found));
    assert_int_equal(found.lease, first.lease);
    try_later(found, 5 * SECOND);
    assert_int_equal(queue_ack(queue, 1, 101, first.lease), QUEUE_EXPIRED);
    assert_false(queue_expire(queue, 5 * SECOND, &found));
    struct queue_delivery second = take(2, 9 * SECOND);
    assert_int_equal(queue_ack(queue, 1, 101, first.lease), QUEUE_FOREIGN);
    ack(second);
    assert_int_equal(queue_ack(queue, 2, 101, second.lease), QUEUE_UNKNOWN);
    assert_int_equal(queue_cursor(queue), 101);
}

static void test_release(void **state)
{
    (void)state;
    offer(101, 1);
    offer(102, 2);
    struct queue_delivery mine = take(1, SECOND);
    struct queue_delivery theirs = take(2, SECOND);
    queue_release(queue, 1);
    assert_int_equal(queue_ack(queue, 1, 101, mine.lease), QUEUE_EXPIRED);
    ack(theirs);
    mine = take(3, SECOND);
    assert_int_equal(mine.seq, 101);
    assert_int_equal(mine.attempt, 1);
}

static void test_hold_and_again(void **state)
{
    (void)state;
    offer(101, 1);
    offer(102, 1);
    struct queue_delivery first = take(1, SECOND);
    queue_hold(queue, first.seq);
    takes_none();
    assert_int_equal(queue_timer(queue), INT64_MAX);
    queue_finish(queue, 101);
    queue_finish(queue, 101);
    assert_int_equal(queue_cursor(queue), 101);
    assert_int_equal(queue_again(queue, 101, 1), 0);
    assert_int_equal(queue_again(queue, 101, 1), 0);
    assert_int_equal(queue_cursor(queue), 101);
    assert_int_equal(queue_oldest(queue), 101);
    first = take(1, SECOND);
    assert_int_equal(first.seq, 102);
    takes_none();
    ack(first);
    assert_int_equal(queue_cursor(queue), 102);
    first = take(1, SECOND);
    assert_int_equal(first.seq, 101);
    assert_int_equal(first.attempt, 1);
    ack(first);
    assert_int_equal(queue_counts(queue).pending, 0);
    assert_int_equal(queue_oldest(queue), 0);
    assert_int_equal(queue_again(queue, 101, 1), 0);
    assert_int_equal(take(1, SECOND).seq, 101);
}

/* ---- against a plain list ---- */

#define EVENTS 600
#define SUBJECTS 40
#define WORKERS 3

struct known {
    uint64_t subject;
    bool done;
    bool out;
    int64_t until; /* of its lease or wait */
    struct queue_delivery delivery;
    uint32_t attempts;
};

struct world {
    struct known events[EVENTS];
    size_t count;
    int64_t now;
    unsigned seed;
};

/* The first that a worker may have: nothing of its subject before it is undone. */
static size_t expected(const struct world *world)
{
    bool busy[SUBJECTS] = {false};
    for (size_t i = 0; i < world->count; i++) {
        const struct known *event = &world->events[i];
        if (event->done)
            continue;
        if (!busy[event->subject] && !event->out && event->until <= world->now)
            return i;
        busy[event->subject] = true;
    }
    return world->count;
}

static uint64_t expected_cursor(const struct world *world)
{
    size_t i = 0;
    while (i < world->count && world->events[i].done)
        i++;
    return 100 + i;
}

static void let_time_pass(struct world *world)
{
    struct queue_delivery ended;
    world->now += rand_r(&world->seed) % SECOND;
    while (queue_expire(queue, world->now, &ended)) {
        struct known *event = &world->events[ended.seq - 101];
        assert_true(event->out && event->until <= world->now);
        assert_int_equal(ended.lease, event->delivery.lease);
        event->out = false;
        event->until = world->now + SECOND;
        queue_retry(queue, ended.seq, event->until, world->now, rentbus_text("late"));
    }
    for (size_t i = 0; i < world->count; i++)
        assert_false(world->events[i].out && world->events[i].until <= world->now);
}

static void take_one(struct world *world)
{
    struct queue_delivery delivery;
    uint32_t worker = 1 + (uint32_t)rand_r(&world->seed) % WORKERS;
    int64_t due = world->now + 1 + rand_r(&world->seed) % (3 * SECOND);
    size_t first = expected(world);
    bool taken = queue_take(queue, worker, due, &delivery);
    assert_int_equal(taken, first < world->count);
    if (!taken)
        return;
    struct known *event = &world->events[first];
    assert_int_equal(delivery.seq, 101 + first);
    assert_int_equal(delivery.attempt, ++event->attempts);
    event->delivery = delivery;
    event->out = true;
    event->until = due;
}

static void end_one(struct world *world)
{
    size_t at = (size_t)rand_r(&world->seed) % (world->count + 1);
    struct known *event = &world->events[at];
    const struct queue_delivery *delivery = &event->delivery;
    if (at == world->count || !event->out)
        return;
    if (rand_r(&world->seed) % 4 == 0) {
        event->until = world->now + SECOND;
        event->out = false;
        try_later(*delivery, event->until);
        return;
    }
    ack(*delivery);
    event->out = false;
    event->done = true;
}

static void test_random(void **state)
{
    static struct world world;
    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        queue_destroy(&queue);
        queue = queue_create(100);
        world = (struct world){.seed = seed};
        for (size_t step = 0; step < 600 || expected_cursor(&world) < 100 + world.count; step++) {
            if (world.count < EVENTS && step < 600 && rand_r(&world.seed) % 2) {
                struct known *event = &world.events[world.count++];
                event->subject = (uint64_t)rand_r(&world.seed) % SUBJECTS;
                offer(100 + world.count, event->subject);
            }
            let_time_pass(&world);
            take_one(&world);
            take_one(&world);
            end_one(&world);
            end_one(&world);
            assert_int_equal(queue_cursor(queue), expected_cursor(&world));
        }
        assert_int_equal(queue_counts(queue).pending, 0);
    }
}

static void count_one(void *context, uint64_t seq, bool done, uint32_t attempts)
{
    size_t *counts = context;
    (void)seq;
    counts[done] += 1;
    counts[2] += attempts;
}

static void test_visit(void **state)
{
    (void)state;
    size_t counts[3] = {0};
    for (uint64_t seq = 101; seq <= 1100; seq++)
        offer(seq, seq);
    struct queue_delivery first = take(1, SECOND);
    for (size_t i = 0; i < 10; i++)
        ack(take(1, SECOND));
    try_later(first, SECOND);
    queue_visit(queue, count_one, counts);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 10);
    assert_int_equal(queue_cursor(queue), 100);
    assert_int_equal(queue_counts(queue).pending, 990);
    assert_int_equal(queue_counts(queue).delayed, 1);
}

static void test_window(void **state)
{
    (void)state;
    for (uint64_t seq = 101; seq <= 100 + QUEUE_WINDOW_MAX; seq++) {
        assert_false(queue_full(queue));
        offer(seq, seq % 1000);
    }
    assert_true(queue_full(queue));
    ack(take(1, SECOND));
    assert_false(queue_full(queue));
    assert_int_equal(queue_ready(queue), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_subjects_stay_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_release, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hold_and_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_visit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
