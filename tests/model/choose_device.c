/* SPDX-License-Identifier: MPL-2.0 */
/* Imports of devices. */
#include "tests/model/choose.h"

/* The next hole that may stand behind `before`. */
static struct model_hole choose_hole(struct history_random *random, uint64_t before)
{
    struct model_hole hole = {.first = before + 1 + (before > 0) + history_random_below(random, 4)};
    hole.last = hole.first + history_random_below(random, 5);
    return hole;
}

/* Makes of good holes such as are not. */
static void choose_wrong(struct history_random *random, struct model_command *command)
{
    struct model_holes *holes = &command->holes;
    size_t index = history_random_below(random, holes->count);
    struct model_hole *hole = &holes->items[index];
    switch (history_random_below(random, 5)) {
    case 0:
        hole->first = index > 0 ? holes->items[index - 1].last + 1 : 0;
        break;
    case 1:
        hole->first = index > 0 ? holes->items[index - 1].last : 0;
        break;
    case 2:
        hole->last = hole->first - 1;
        break;
    case 3:
        command->device_seq = holes->items[holes->count - 1].last;
        break;
    default:
        command->device_seq = 0;
        break;
    }
}

void choose_import_device(struct history_random *random, const struct history_view *view,
                          struct history_step *step)
{
    struct model_command *command = &step->command;
    struct model_holes *holes = &command->holes;
    uint64_t before = 0;
    size_t count = history_random_below(random, 6);
    (void)view;
    command->op = RENTBUS_OP_admin_import_device;
    command->device_id = choose_device_to_import(random);
    if (choose_chance(random, 25))
        count = RENTBUS_HOLES_MAX + choose_chance(random, 30);
    while (holes->count < count) {
        holes->items[holes->count] = choose_hole(random, before);
        before = holes->items[holes->count++].last;
    }
    command->device_seq = before + 1 + history_random_below(random, 8);
    if (choose_chance(random, 5))
        command->device_seq = (uint64_t)INT64_MAX - history_random_below(random, 2);
    if (count > 0 && choose_chance(random, 25))
        choose_wrong(random, command);
}
