/* SPDX-License-Identifier: MPL-2.0 */
/* Scans. */
#include "tests/model/choose.h"

#include <string.h>

#include "tests/model/rules.h"

/* 9999-12-24T00:00:00Z */
#define LAST INT64_C(253401609600000000)

/* ---- of any scan ---- */

/* One of the numbers that did not come: the first, the last or any one of a hole. */
static uint64_t choose_missing(struct history_random *random, const struct model_device *device)
{
    struct model_hole holes[MODEL_DEVICE_HOLES_MAX];
    size_t count = model_device_holes(device, holes);
    uint64_t last = model_device_last(device);
    if (count == 0)
        return last < (uint64_t)INT64_MAX ? last + 1 : last;
    struct model_hole hole = holes[history_random_below(random, count)];
    switch (history_random_below(random, 4)) {
    case 0:
        return hole.first;
    case 1:
        return hole.last;
    default:
        return hole.first + history_random_next(random) % (hole.last - hole.first + 1);
    }
}

/* One that came, or may have come elsewhere; 1 where none did. */
static uint64_t choose_came(struct history_random *random, const struct model_device *device)
{
    if (!device)
        return 1;
    if (device->imported > 0 && (device->scan_count == 0 || choose_chance(random, 50)))
        return 1 + history_random_next(random) % device->imported;
    return device->scans[history_random_below(random, device->scan_count)];
}

static uint64_t choose_device_seq(struct history_random *random, const struct model_device *device)
{
    uint64_t last = model_device_last(device);
    switch (history_random_below(random, 10)) {
    case 0:
    case 1:
    case 5:
        return last + 2 + history_random_below(random, 6);
    case 2:
    case 3:
    case 4:
        return choose_missing(random, device);
    case 6:
        return choose_came(random, device);
    default:
        return last + 1;
    }
}

static void choose_scan(struct history_random *random, const struct history_view *view,
                        struct model_command *command)
{
    command->override = choose_override(random);
    /* No later time can be said. */
    if (command->occurred_at > MODEL_LAST_TIME)
        command->occurred_at = MODEL_LAST_TIME;
    if (command->expires_at.value > MODEL_LAST_TIME)
        command->expires_at.value = MODEL_LAST_TIME;
    if (choose_chance(random, 15))
        command->device_time = choose_number(
            command->occurred_at +
            ((int64_t)history_random_below(random, 7200000) - 3600000) * (RENTBUS_SECOND / 1000));
    if (command->device_time.value > MODEL_LAST_TIME)
        command->device_time = choose_number(MODEL_LAST_TIME);
    if (!choose_chance(random, 40))
        return;
    command->device_id = choose_device(random);
    size_t known = view->state->device_count;
    if (known > 0 && choose_chance(random, 40))
        command->device_id = view->state->devices[history_random_below(random, known)].id;
    const struct model_device *device = model_device(view->state, &command->device_id);
    bool ended = model_device_last(device) > (uint64_t)INT64_MAX - 8;
    command->device_seq =
        ended ? choose_missing(random, device) : choose_device_seq(random, device);
    /* One of them comes to the end of the numbers that a message can hold. */
    if (choose_chance(random, 2) && strcmp(command->device_id.text, "ö") == 0)
        command->device_seq = (uint64_t)INT64_MAX - history_random_below(random, 2);
}

/* ---- returns ---- */

static void choose_return_by_rental(struct history_random *random, const struct history_view *view,
                                    struct model_command *command)
{
    const struct model_rental *rental = choose_chance(random, 60) ? choose_open_rental(random, view)
                                                                  : choose_any_rental(random, view);
    command->rental_id = rental ? rental->id : model_text("r");
    if (choose_chance(random, 6))
        command->rental_id = model_text("never");
    if (choose_chance(random, 60))
        command->asset_id = (struct model_text){0};
    if (choose_chance(random, 60))
        command->user_id = (struct model_text){0};
    else if (rental && choose_chance(random, 60))
        command->user_id = rental->user_id;
}

void choose_return(struct history_random *random, const struct history_view *view,
                   struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = RENTBUS_OP_rental_return;
    command->asset_id = choose_asset(random);
    if (!model_out(view->state, &command->asset_id) && choose_chance(random, 50))
        command->asset_id = choose_asset(random);
    command->user_id = choose_user(random);
    if (choose_chance(random, 75))
        command->location_id = choose_location(random);
    command->occurred_at = choose_time(random, view, step->now);

    for (size_t i = 0; i < view->state->unanswered_count; i++)
        if (model_text_equal(&view->state->unanswered[i].asset_id, &command->asset_id) &&
            choose_chance(random, 4))
            command->occurred_at = view->state->unanswered[i].occurred_at;

    const struct model_rental *out = model_out(view->state, &command->asset_id);
    const struct model_asset *asset = model_asset(view->state, &command->asset_id);
    if (out && choose_chance(random, 50))
        command->user_id = out->user_id;
    else if (asset && asset->returned_by.given && choose_chance(random, 30))
        command->user_id = asset->returned_by;
    if (choose_chance(random, 20))
        choose_return_by_rental(random, view, command);
    else if (choose_chance(random, 25))
        command->user_id = (struct model_text){0};
    choose_scan(random, view, command);
}

/* ---- checkouts ---- */

/* More often than not one of a thing that is out on a rental that began before. */
static const struct model_unanswered *choose_unanswered(struct history_random *random,
                                                        const struct model_state *state)
{
    const struct model_unanswered *it = NULL;
    for (int attempt = 0; attempt < 6; attempt++) {
        it = &state->unanswered[history_random_below(random, state->unanswered_count)];
        const struct model_rental *out = model_out(state, &it->asset_id);
        if (out && out->created_at <= it->occurred_at)
            break;
    }
    return it;
}

/* One that may come behind its return: somewhere before it, or on an edge of what counts. */
static void choose_late(struct history_random *random, const struct history_view *view,
                        struct model_command *command)
{
    const struct model_state *state = view->state;
    if (state->unanswered_count == 0)
        return;
    const struct model_unanswered *it = choose_unanswered(random, state);
    const struct model_rental *out = model_out(state, &it->asset_id);
    command->asset_id = it->asset_id;
    if (it->user_id.given && !choose_chance(random, 8))
        command->user_id = it->user_id;
    else if (out && choose_chance(random, 40))
        command->user_id = out->user_id;
    command->occurred_at =
        it->occurred_at - (int64_t)history_random_below(random, 30) * CHOOSE_HOUR;
    if (out && out->created_at <= it->occurred_at && choose_chance(random, 60))
        command->occurred_at = out->created_at + (int64_t)history_random_below(random, 3) - 1;
    else if (choose_chance(random, 15))
        command->occurred_at = it->occurred_at + (int64_t)history_random_below(random, 3) - 1;
    if (choose_chance(random, 60)) {
        command->expires_at = (struct model_number){0};
        command->loan_period = (struct model_number){0};
    }
    if (choose_chance(random, 20))
        command->expires_at =
            choose_number(it->occurred_at + (int64_t)history_random_below(random, 3) - 1);
    if (choose_chance(random, 70))
        command->eligible = (struct model_ids){0};
}

void choose_checkout(struct history_random *random, const struct history_view *view,
                     struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = RENTBUS_OP_rental_checkout;
    command->asset_id = choose_asset(random);
    if (model_out(view->state, &command->asset_id) && choose_chance(random, 80))
        command->asset_id = choose_asset(random);
    command->user_id = choose_user(random);
    command->location_id = choose_location(random);
    command->occurred_at = choose_time(random, view, step->now);
    if (choose_chance(random, 30))
        command->expires_at = choose_number(
            command->occurred_at + (int64_t)history_random_below(random, 40) * CHOOSE_HOUR);
    const struct model_rental *other =
        choose_chance(random, 12) ? choose_open_rental(random, view) : NULL;
    if (other && other->expires_at > command->occurred_at)
        command->expires_at = choose_number(other->expires_at);
    /* So late that the loan may end behind the last year that a time can have. */
    if (choose_chance(random, 1))
        command->occurred_at = LAST - (int64_t)history_random_below(random, 40) * CHOOSE_DAY;
    if (choose_chance(random, command->expires_at.given ? 8 : 30))
        command->loan_period =
            choose_number((int64_t)history_random_below(random, 40) * CHOOSE_HOUR / RENTBUS_SECOND);
    if (choose_chance(random, 40))
        command->eligible = choose_types(random);
    if (choose_chance(random, 3))
        command->eligible = (struct model_ids){.given = true};
    const struct model_rental *out = model_out(view->state, &command->asset_id);
    if (out && choose_chance(random, 10))
        command->user_id = out->user_id;
    if (choose_chance(random, 30))
        choose_late(random, view, command);
    choose_scan(random, view, command);
}
