/* SPDX-License-Identifier: MPL-2.0 */
/* What is put, and users who are blocked. */
#include "tests/model/choose.h"

static const char *const some_names[] = {"", "Ada", "Bo"};
static const char *const late_returns[] = {"reject", "flag", "forgive_within:PT12H",
                                           "forgive_within:P2D", "forgive_within:PT0S"};
static const char *const bad_late_returns[] = {
    "", "forgive", "flag ", "forgive_within:", "forgive_within:2D", "forgive_within:P1M"};

void choose_block(struct history_random *random, const struct history_view *view,
                  struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = choose_chance(random, 25) ? RENTBUS_OP_user_block : RENTBUS_OP_user_unblock;
    command->id = choose_user(random);
    if (command->op != RENTBUS_OP_user_block)
        return;
    const struct model_user *known = model_user(view->state, &command->id);
    bool again = known && known->block_reason.given && choose_chance(random, 40);
    command->reason = again ? known->block_reason : choose_reason(random);
}

/* A limit is generous more often than not, or the histories come to a stop. */
static struct model_number pick_limit(struct history_random *random)
{
    static const int64_t limits[] = {0, 1, 2, 2, 3, 4, 5, 6, 8};
    return choose_number(limits[history_random_below(random, CHOOSE_COUNT_OF(limits))]);
}

/* The type as it is. */
static void repeat_asset_type(const struct model_asset_type *type, struct model_command *command)
{
    command->user_limit = type->user_limit;
    command->loan_period = choose_number(type->loan_period);
    command->renewals_max = type->renewals_max;
    command->due_soon_lead = type->due_soon_lead;
    command->renewal_period = choose_number(type->renewal_period);
    command->eligible = type->eligible;
}

static void choose_asset_type_put(struct history_random *random, const struct history_view *view,
                                  struct model_command *command)
{
    command->id = choose_asset_type(random);
    const struct model_asset_type *known = model_asset_type(view->state, &command->id);
    if (known && choose_chance(random, 25)) {
        repeat_asset_type(known, command);
        if (choose_chance(random, 60))
            return;
    }
    if (choose_chance(random, 60))
        command->loan_period = choose_number((int64_t)history_random_below(random, 4) * 20 *
                                             CHOOSE_HOUR / RENTBUS_SECOND);
    if (choose_chance(random, 60))
        command->eligible = choose_types(random);
    if (choose_chance(random, 3))
        command->eligible = (struct model_ids){.given = true};
    if (choose_chance(random, 25))
        command->user_limit = pick_limit(random);
    if (choose_chance(random, 50))
        command->renewals_max = choose_number((int64_t)history_random_below(random, 4));
    if (choose_chance(random, 40))
        command->renewal_period = choose_number((int64_t)history_random_below(random, 12) * 3 *
                                                CHOOSE_HOUR / RENTBUS_SECOND);
    if (choose_chance(random, 70))
        command->due_soon_lead = choose_number((int64_t)history_random_below(random, 6) * 4 *
                                               CHOOSE_HOUR / RENTBUS_SECOND);
}

void choose_policy_put(struct history_random *random, const struct history_view *view,
                       struct history_step *step)
{
    struct model_command *command = &step->command;
    (void)view;
    static const int64_t skews[] = {300, 300, 300, 0, 3600};
    command->op = RENTBUS_OP_policy_put;
    if (choose_chance(random, 30))
        command->max_skew =
            choose_number(skews[history_random_below(random, CHOOSE_COUNT_OF(skews))]);
    if (choose_chance(random, 30))
        command->renewal_grace = choose_number((int64_t)history_random_below(random, 4) * 6 *
                                               CHOOSE_HOUR / RENTBUS_SECOND);
    if (choose_chance(random, 30))
        command->user_limit = choose_chance(random, 60) ? choose_number(0) : pick_limit(random);
    if (choose_chance(random, 50))
        command->late_return = CHOOSE_PICK(random, late_returns);
    if (choose_chance(random, 5))
        command->late_return = CHOOSE_PICK(random, bad_late_returns);
    if (choose_chance(random, 40))
        command->return_match = (enum rentbus_return_match)(RENTBUS_RETURN_MATCH_oldest +
                                                            (int)history_random_below(random, 3));
}

void choose_put(struct history_random *random, const struct history_view *view,
                struct history_step *step)
{
    struct model_command *command = &step->command;
    static const enum rentbus_op ops[] = {RENTBUS_OP_user_put, RENTBUS_OP_asset_put,
                                          RENTBUS_OP_asset_put, RENTBUS_OP_asset_type_put,
                                          RENTBUS_OP_location_put};
    command->op = ops[history_random_below(random, CHOOSE_COUNT_OF(ops))];
    switch (command->op) {
    case RENTBUS_OP_user_put:
        command->id = choose_user_to_put(random);
        if (choose_chance(random, 25))
            command->user_limit = pick_limit(random);
        break;
    case RENTBUS_OP_asset_put:
        command->id = choose_asset_to_put(random);
        command->asset_type = choose_asset_type(random);
        break;
    case RENTBUS_OP_asset_type_put:
        choose_asset_type_put(random, view, command);
        break;
    default:
        command->id = choose_location(random);
        break;
    }
    bool named = command->op == RENTBUS_OP_user_put || command->op == RENTBUS_OP_location_put;
    if (named && choose_chance(random, 70))
        command->name = CHOOSE_PICK(random, some_names);
}
