/* SPDX-License-Identifier: MPL-2.0 */
/* Random histories: a rollback gives the state before, a replay gives the state that is. */
#include "daemon/ledger/state.h"
#include "tests/unit/ledger_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool timer_before(const struct ledger_timer *a, const struct ledger_timer *b)
{
    return a->due_at < b->due_at ||
           (a->due_at == b->due_at && a->rental->created_seq < b->rental->created_seq);
}

/* That the timers are those of the open rentals that have something to be told of, in order. */
static void must_have_its_timers(const struct ledger *ledger)
{
    const struct ledger_timers *timers = &ledger->timers;
    size_t expected = 0;

    for (size_t i = 0; i < ledger->created.count; i++) {
        const struct ledger_rental *rental = ledger->created.entries[i].rental;

        if (!rental || !ledger_rental_open(rental) || rental->state.due_at == LEDGER_NEVER)
            continue;
        expected++;
        assert_in_range(rental->timer, 0, timers->count - 1);
        assert_ptr_equal(timers->entries[rental->timer].rental, rental);
        assert_true(timers->entries[rental->timer].due_at == rental->state.due_at ||
                    timers->entries[rental->timer].due_at == rental->state.expires_at + 1);
    }
    assert_int_equal(timers->count, expected);
    for (size_t i = 1; i < timers->count; i++)
        assert_false(timer_before(&timers->entries[i], &timers->entries[(i - 1) / 4]));
}

static void must_equal(const struct rentbus_buffer *a, const struct rentbus_buffer *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->data, b->data, a->length);
}

static void a_rollback_gives_the_state_before(void **state)
{
    struct rentbus_buffer before = {0};
    struct rentbus_buffer after = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();

        for (int round = 0; round < 30; round++) {
            unsigned rentals;

            ledger_random_commands(&random, world, ledger_random_below(&random, 30));
            ledger_durable(world->ledger, ledger_head(world->ledger));
            if (ledger_random_below(&random, 2) == 0)
                ledger_archived(
                    world->ledger,
                    ledger_random_below(&random, 2 + (unsigned)ledger_head(world->ledger)));
            ledger_print(world->ledger, &before);
            rentals = world->rentals;
            ledger_random_commands(&random, world, ledger_random_below(&random, 60));
            must_have_its_timers(world->ledger);
            ledger_rollback(world->ledger);
            world->rentals = rentals;
            must_have_its_timers(world->ledger);
            ledger_print(world->ledger, &after);
            must_equal(&before, &after);
        }
        world_destroy(&world);
    }
    rentbus_buffer_release(&before);
    rentbus_buffer_release(&after);
}

/* Also to a place between what is durable and the head, step by step. */
static void a_rollback_stops_where_it_is_told(void **state)
{
    static struct rentbus_buffer at[3];
    struct rentbus_buffer after = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();
        uint64_t heads[3];

        ledger_random_commands(&random, world, 100);
        ledger_durable(world->ledger, ledger_head(world->ledger));
        for (size_t i = 0; i < 3; i++) {
            heads[i] = ledger_head(world->ledger);
            ledger_print(world->ledger, &at[i]);
            ledger_random_commands(&random, world, 1 + ledger_random_below(&random, 40));
        }
        for (size_t i = 3; i-- > 0;) {
            ledger_rollback_to(world->ledger, i > 0 ? heads[i] : 0);
            assert_int_equal(ledger_head(world->ledger), heads[i]);
            ledger_print(world->ledger, &after);
            must_equal(&at[i], &after);
        }
        ledger_rollback_to(world->ledger, heads[2]);
        assert_int_equal(ledger_head(world->ledger), heads[0]);
        world_destroy(&world);
    }
    for (size_t i = 0; i < 3; i++)
        rentbus_buffer_release(&at[i]);
    rentbus_buffer_release(&after);
}

static void a_replay_gives_the_same_state(void **state)
{
    struct rentbus_buffer live = {0};
    struct rentbus_buffer replayed = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        struct world *world = world_create();
        struct ledger *again = ledger_create();
        uint64_t middle;

        ledger_random_commands(&random, world, 400);
        middle = ledger_head(world->ledger) / 2;
        assert_int_equal(world_replay(world, 1, ledger_head(world->ledger), again), 0);
        ledger_print(world->ledger, &live);
        ledger_print(again, &replayed);
        must_equal(&live, &replayed);
        /* What was taken back can come again. */
        ledger_durable(again, middle);
        ledger_rollback(again);
        assert_int_equal(ledger_head(again), middle);
        assert_int_equal(world_replay(world, middle + 1, ledger_head(world->ledger), again), 0);
        ledger_print(again, &replayed);
        must_equal(&live, &replayed);
        ledger_destroy(&again);
        world_destroy(&world);
    }
    rentbus_buffer_release(&live);
    rentbus_buffer_release(&replayed);
}

/* What is rare has to come often enough that the tests above mean something. */
static void random_histories_come_upon_everything(void **state)
{
    uint64_t random = 3;
    struct world *world = world_create();
    unsigned late = 0;
    unsigned missed = 0;
    unsigned overridden = 0;
    unsigned resent = 0;
    unsigned gaps = 0;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct ledger_command command = ledger_random_command(&random, world);

        if (world_run(world, &command) != 0)
            continue;
        for (size_t event = 0; event < world->decision.count; event++) {
            const struct ledger_event *made = &world->decision.events[event];
            const struct rentbus_complete_data *data = &made->data.complete_data;
            const struct rentbus_unchanged_data *unchanged = &made->data.unchanged_data;

            gaps += made->type == RENTBUS_DEVICE_GAP_EVENT;
            resent += made->type == RENTBUS_COMMAND_UNCHANGED_EVENT &&
                      RENTBUS_HAS(unchanged, unchanged_data, device_seq);
            if (made->type != RENTBUS_RENTAL_RETURN_COMPLETE_EVENT)
                continue;
            late += data->rental.closed_by == RENTBUS_CLOSED_BY_late_checkout;
            missed += data->rental.closed_by == RENTBUS_CLOSED_BY_missed_scan;
            overridden += RENTBUS_HAS(data, complete_data, overridden);
            assert_true(RENTBUS_HAS(data, complete_data, asset_type));
        }
    }
    assert_in_range(late, 20, UINT32_MAX);
    assert_in_range(missed, 20, UINT32_MAX);
    assert_in_range(overridden, 5, UINT32_MAX);
    assert_in_range(resent, 20, UINT32_MAX);
    assert_in_range(gaps, 20, UINT32_MAX);
    world_destroy(&world);
}

static void the_archive_does_not_show_in_the_digest(void **state)
{
    uint64_t random = 77;
    struct world *world = world_create();
    struct ledger *again = ledger_create();

    (void)state;
    ledger_random_commands(&random, world, 2000);
    ledger_archived(again, UINT64_MAX);
    for (uint64_t seq = 1; seq <= ledger_head(world->ledger); seq++) {
        assert_int_equal(world_replay(world, seq, seq, again), 0);
        ledger_durable(again, seq);
    }
    assert_int_equal(ledger_digest(again), ledger_digest(world->ledger));
    assert_int_equal(ledger_counts(again).closed_in_memory, 0);
    assert_int_equal(ledger_counts(again).rentals, ledger_counts(world->ledger).rentals);
    ledger_destroy(&again);
    world_destroy(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollback_gives_the_state_before),
        cmocka_unit_test(a_rollback_stops_where_it_is_told),
        cmocka_unit_test(a_replay_gives_the_same_state),
        cmocka_unit_test(random_histories_come_upon_everything),
        cmocka_unit_test(the_archive_does_not_show_in_the_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
