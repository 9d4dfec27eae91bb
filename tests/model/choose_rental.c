/* SPDX-License-Identifier: MPL-2.0 */
/* Imports, and commands about a rental that is there. */
#include "tests/model/choose.h"

#include "tests/model/rules.h"

static const char *const import_ids[] = {"i", "i1", "i12", "i2", "i21", "i3", "i33", "i333"};

/* What an export of another ledger says, and others do not. */
static void choose_import_rest(struct history_random *random, struct model_command *command)
{
    struct model_rental *import = &command->import;
    bool open = import->status == RENTBUS_STATUS_IN_PROGRESS;
    if (choose_chance(random, 40))
        command->import_rev = choose_number(
            choose_chance(random, 5) ? 0 : 1 + (int64_t)history_random_below(random, 9));
    if (choose_chance(random, 40))
        command->import_renewals = choose_number((int64_t)history_random_below(random, 4));
    if (choose_chance(random, 3))
        command->import_rev = choose_number(MODEL_COUNT_MAX + choose_chance(random, 50));
    if (choose_chance(random, 3))
        command->import_renewals = choose_number(MODEL_COUNT_MAX + choose_chance(random, 50));
    if (choose_chance(random, open ? 6 : 65))
        import->closed_by = (enum rentbus_closed_by)(RENTBUS_CLOSED_BY_return_scan +
                                                     (int)history_random_below(random, 5));
    if (choose_chance(random, open ? 6 : 30))
        import->flag_reason = choose_reason(random);
    if (choose_chance(random, open ? 6 : import->returned_at.given ? 50 : 30))
        import->returned_asset_id =
            choose_chance(random, 12) ? model_text("nothing") : choose_asset(random);
}

void choose_import(struct history_random *random, const struct history_view *view,
                   struct history_step *step)
{
    struct model_rental *import = &step->command.import;
    step->command.op = RENTBUS_OP_admin_import;
    import->id = CHOOSE_PICK(random, import_ids);
    if (choose_chance(random, 50))
        import->id = step->new_rental_id;
    const struct model_rental *known = choose_any_rental(random, view);
    if (known && choose_chance(random, 20))
        import->id = known->id;
    import->user_id = choose_user(random);
    import->asset_id = choose_asset(random);
    import->created_at = choose_time(random, view, step->now);
    import->expires_at =
        import->created_at + (int64_t)history_random_below(random, 60) * CHOOSE_HOUR;
    import->created_at_location_id = choose_location(random);
    import->eligible = choose_types(random);
    if (choose_chance(random, 3))
        import->eligible = (struct model_ids){.given = true};
    import->status =
        (enum rentbus_status)(RENTBUS_STATUS_IN_PROGRESS + (int)history_random_below(random, 4));
    if (choose_chance(random, 30))
        import->status = RENTBUS_STATUS_IN_PROGRESS;
    bool open = import->status == RENTBUS_STATUS_IN_PROGRESS;
    if (choose_chance(random, open ? 6 : 85))
        import->returned_at = choose_number(
            import->created_at + (int64_t)history_random_below(random, 60) * CHOOSE_HOUR);
    if (choose_chance(random, open ? 6 : 60))
        import->returned_at_location_id = choose_location(random);
    if (import->returned_at.value > MODEL_LAST_TIME)
        import->returned_at.value = MODEL_LAST_TIME;
    if (import->expires_at > MODEL_LAST_TIME)
        import->expires_at = MODEL_LAST_TIME;
    if (import->created_at > MODEL_LAST_TIME)
        import->created_at = MODEL_LAST_TIME;
    choose_import_rest(random, &step->command);
}

/* ---- commands about a rental that is there ---- */

static const struct model_rental *pick_status(struct history_random *random,
                                              const struct history_view *view,
                                              enum rentbus_status status)
{
    size_t count = view->state->rental_count;
    size_t start = count ? history_random_below(random, count) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct model_rental *rental = &view->state->rentals[(start + i) % count];
        if (rental->status == status)
            return rental;
    }
    return NULL;
}

/* Mostly one of that status. */
static const struct model_rental *name_rental(struct history_random *random,
                                              const struct history_view *view,
                                              enum rentbus_status status,
                                              struct model_command *command)
{
    const struct model_rental *rental = choose_chance(random, 85)
                                            ? pick_status(random, view, status)
                                            : choose_any_rental(random, view);
    command->rental_id = rental && !choose_chance(random, 3) ? rental->id : model_text("never");
    return rental;
}

void choose_renew(struct history_random *random, const struct history_view *view,
                  struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = RENTBUS_OP_rental_renew;
    const struct model_rental *rental =
        name_rental(random, view, RENTBUS_STATUS_IN_PROGRESS, command);
    for (int attempt = 0; attempt < 3 && rental && step->now > rental->expires_at; attempt++)
        rental = name_rental(random, view, RENTBUS_STATUS_IN_PROGRESS, command);
    if (rental && choose_chance(random, 40))
        command->expires_at = choose_number(
            rental->expires_at + ((int64_t)history_random_below(random, 30) - 4) * CHOOSE_HOUR);
    if (rental && choose_chance(random, 6))
        command->expires_at =
            choose_number(rental->expires_at + (int64_t)history_random_below(random, 2));
    /* No later time can be said. */
    if (command->expires_at.value > MODEL_LAST_TIME)
        command->expires_at = choose_number(MODEL_LAST_TIME);
    if (choose_chance(random, command->expires_at.given ? 6 : 40))
        command->period =
            choose_number((int64_t)history_random_below(random, 40) * CHOOSE_HOUR / RENTBUS_SECOND);
    command->override = choose_override(random);
    if (!command->override.given)
        command->override = choose_override(random);
    if (command->period.given && choose_chance(random, 3))
        command->period = choose_number(RENTBUS_DURATION_MAX);
}

void choose_judgement(struct history_random *random, const struct history_view *view,
                      struct history_step *step)
{
    struct model_command *command = &step->command;
    size_t choice = history_random_below(random, 100);
    if (choice < 45) {
        command->op = RENTBUS_OP_rental_flag;
        name_rental(random, view, RENTBUS_STATUS_IN_PROGRESS, command);
    } else if (choice < 80) {
        command->op = RENTBUS_OP_rental_unflag;
        name_rental(random, view, RENTBUS_STATUS_FLAGGED, command);
    } else {
        command->op = RENTBUS_OP_rental_forgive;
        name_rental(random, view,
                    choose_chance(random, 50) ? RENTBUS_STATUS_FLAGGED : RENTBUS_STATUS_IN_PROGRESS,
                    command);
    }
    if (command->op != RENTBUS_OP_rental_unflag)
        command->reason = choose_reason(random);
}
