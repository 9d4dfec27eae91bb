/* SPDX-License-Identifier: MPL-2.0 */
/* Devices that come with what another ledger knew of their sequences. */
#include "tests/unit/ledger_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct world *world = world_create();

    world_user(world, "ann");
    world_asset(world, "box1", "box");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    world_destroy((struct world **)state);
    return 0;
}

/* Holes as the pairs of their first and last numbers, encoded into `bytes`. */
static struct ledger_command import(const char *device, uint64_t seq, const uint64_t (*pairs)[2],
                                    size_t count, struct rentbus_buffer *bytes)
{
    struct ledger_command command = {.op = RENTBUS_OP_admin_import_device};
    struct rentbus_import_device_args *args = &command.args.admin_import_device;

    rentbus_buffer_clear(bytes);
    for (size_t i = 0; i < count; i++) {
        struct rentbus_device_hole hole = {0};

        RENTBUS_SET(&hole, device_hole, first, pairs[i][0]);
        RENTBUS_SET(&hole, device_hole, last, pairs[i][1]);
        rentbus_encode(&rentbus_device_hole_schema, &hole, bytes);
    }
    RENTBUS_SET(args, import_device_args, id, rentbus_text(device));
    RENTBUS_SET(args, import_device_args, device_seq, seq);
    if (count > 0)
        RENTBUS_SET(args, import_device_args, holes,
                    ((struct rentbus_list){bytes->data, bytes->length, count}));
    return command;
}

static const uint64_t some_holes[][2] = {{1, 2}, {4, 4}, {7, 9}};

static void a_device_goes_on_behind_an_import(void **state)
{
    struct world *world = *state;
    struct rentbus_buffer bytes = {0};
    struct ledger_command command = import("bin", 10, some_holes, 3, &bytes);
    const struct rentbus_device *data = &world->decision.events[0].data.device;

    assert_int_equal(world_run(world, &command), 0);
    world_events_are(world, "DEVICE_IMPORTED_EVENT");
    assert_int_equal(world->result.outcome, RENTBUS_OUTCOME_CREATED);
    assert_true(says(world->decision.events[0].subject, "bin"));
    assert_true(says(data->id, "bin") && data->device_seq == 10 && data->missing == 6);
    assert_int_equal(data->holes.count, 3);
    world_device_is(world, "bin", "10: 1-2 4-4 7-9");
    assert_int_equal(world_device_return(world, "bin", 10), RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(world_device_return(world, "bin", 3), RENTBUS_OUTCOME_UNCHANGED);
    assert_int_equal(world_device_return(world, "bin", 4), RENTBUS_OUTCOME_REJECTED);
    assert_int_equal(world_device_return(world, "bin", 8), RENTBUS_OUTCOME_REJECTED);
    assert_null(world_event(world, RENTBUS_DEVICE_GAP_EVENT));
    world_device_is(world, "bin", "10: 1-2 7-7 9-9");
    world_device_return(world, "bin", 11);
    assert_null(world_event(world, RENTBUS_DEVICE_GAP_EVENT));
    world_device_return(world, "bin", 13);
    assert_non_null(world_event(world, RENTBUS_DEVICE_GAP_EVENT));
    command = import("desk", INT64_MAX, NULL, 0, &bytes);
    assert_int_equal(world_run(world, &command), 0);
    world_device_is(world, "desk", "9223372036854775807:");
    rentbus_buffer_release(&bytes);
}

static void a_known_device_stays_as_it_is(void **state)
{
    struct world *world = *state;
    struct rentbus_buffer bytes = {0};
    const struct rentbus_unchanged_data *data = &world->decision.events[0].data.unchanged_data;
    struct ledger_command command = import("bin", 10, some_holes, 3, &bytes);

    world_device_return(world, "bin", 2);
    assert_int_equal(world_run(world, &command), 0);
    world_events_are(world, "COMMAND_UNCHANGED_EVENT");
    assert_true(says(world->decision.events[0].subject, "bin"));
    assert_true(says(data->op, "admin.import_device"));
    assert_true(says(data->device_id, "bin") && data->device_seq == 10);
    assert_int_equal(data->has, RENTBUS_BIT(unchanged_data, op) |
                                    RENTBUS_BIT(unchanged_data, device_id) |
                                    RENTBUS_BIT(unchanged_data, device_seq));
    world_device_is(world, "bin", "2: 1-1");
    rentbus_buffer_release(&bytes);
}

static void must_refuse(struct world *world, const struct ledger_command *command,
                        const char *field)
{
    assert_int_equal(world_decide(world, command), RENTBUS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(world->fault.field, field);
}

static void an_import_that_cannot_be_is_refused(void **state)
{
    static const uint64_t bad[][2][2] = {
        {{0, 1}, {4, 4}}, {{4, 4}, {1, 2}},  {{1, 2}, {3, 4}},   {{1, 3}, {3, 4}},
        {{1, 1}, {5, 4}}, {{1, 1}, {9, 10}}, {{1, 1}, {12, 12}}, {{2, 1}, {5, 5}},
    };
    struct world *world = *state;
    struct rentbus_buffer bytes = {0};
    struct ledger_command command = import("bin", 0, NULL, 0, &bytes);

    must_refuse(world, &command, "device_seq");
    command = import("bin", (uint64_t)INT64_MAX + 1, NULL, 0, &bytes);
    must_refuse(world, &command, "device_seq");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        command = import("bin", 10, bad[i], 2, &bytes);
        must_refuse(world, &command, "holes");
    }
    world_device_return(world, "bin", 1);
    must_refuse(world, &command, "holes");
    rentbus_buffer_release(&bytes);
}

static void an_import_takes_a_hundred_holes(void **state)
{
    struct world *world = *state;
    struct rentbus_buffer bytes = {0};
    uint64_t many[RENTBUS_HOLES_MAX + 1][2];
    struct ledger_device_view view;
    struct ledger_command command;

    for (size_t i = 0; i <= RENTBUS_HOLES_MAX; i++)
        many[i][0] = many[i][1] = 2 * i + 1;
    command = import("bin", 1000, many, RENTBUS_HOLES_MAX + 1, &bytes);
    must_refuse(world, &command, "holes");
    command = import("bin", 1000, many, RENTBUS_HOLES_MAX, &bytes);
    assert_int_equal(world_run(world, &command), 0);
    assert_true(ledger_device_get(world->ledger, rentbus_text("bin"), &view));
    assert_int_equal(view.hole_count, RENTBUS_HOLES_MAX);
    assert_true(view.missing == RENTBUS_HOLES_MAX);
    world_device_return(world, "bin", 1002);
    assert_true(ledger_device_get(world->ledger, rentbus_text("bin"), &view));
    assert_int_equal(view.hole_count, RENTBUS_HOLES_MAX + 1);
    rentbus_buffer_release(&bytes);
}

static void an_import_is_taken_back_and_replayed(void **state)
{
    struct world *world = *state;
    struct rentbus_buffer bytes = {0};
    struct ledger_command command = import("bin", 10, some_holes, 3, &bytes);
    uint64_t before = ledger_digest(world->ledger);
    uint64_t head = ledger_head(world->ledger);
    struct ledger *replayed = ledger_create();
    uint64_t imported;

    ledger_durable(world->ledger, head);
    assert_int_equal(world_run(world, &command), 0);
    imported = ledger_digest(world->ledger);
    assert_true(imported != before);
    world_device_return(world, "bin", 8);
    assert_int_equal(world_replay(world, 1, ledger_head(world->ledger), replayed), 0);
    assert_true(ledger_digest(replayed) == ledger_digest(world->ledger));
    ledger_rollback_to(world->ledger, head + 1);
    assert_true(ledger_digest(world->ledger) == imported);
    world_device_is(world, "bin", "10: 1-2 4-4 7-9");
    ledger_rollback(world->ledger);
    assert_true(ledger_digest(world->ledger) == before);
    assert_int_equal(ledger_counts(world->ledger).devices, 0);
    ledger_destroy(&replayed);
    rentbus_buffer_release(&bytes);
}

static void an_import_that_cannot_follow_is_seen(void **state)
{
    struct world *world = *state;
    struct rentbus_buffer bytes = {0};
    struct ledger_command command = import("bin", 10, some_holes, 3, &bytes);
    struct ledger_event *event = &world->decision.events[0];
    struct rentbus_device *data = &event->data.device;

    assert_int_equal(world_decide(world, &command), 0);
    data->missing++;
    assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1), -EBADMSG);
    data->missing--;
    data->device_seq = 9;
    assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1), -EBADMSG);
    data->device_seq = 10;
    assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1), 0);
    assert_int_equal(ledger_apply(world->ledger, event, ledger_head(world->ledger) + 1), -EBADMSG);
    rentbus_buffer_release(&bytes);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_goes_on_behind_an_import),    TEST(a_known_device_stays_as_it_is),
        TEST(an_import_that_cannot_be_is_refused),  TEST(an_import_takes_a_hundred_holes),
        TEST(an_import_is_taken_back_and_replayed), TEST(an_import_that_cannot_follow_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
