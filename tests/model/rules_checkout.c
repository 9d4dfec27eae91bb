/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/time.h"
#include "tests/model/rules.h"

static const char *contradiction(const struct model_command *command)
{
    if (command->expires_at.given && command->loan_period.given)
        return "loan_period";
    if (command->expires_at.given && command->expires_at.value <= command->occurred_at)
        return "expires_at";
    if (command->loan_period.given && command->loan_period.value <= 0)
        return "loan_period";
    if (command->eligible.given && command->eligible.count == 0)
        return "eligible_asset_types";
    return NULL;
}

static int64_t expires_at(const struct model_state *state, const struct model_command *command)
{
    const struct model_asset *asset = model_asset(state, &command->asset_id);
    const struct model_asset_type *type = model_asset_type(state, &asset->asset_type);
    int64_t period = type ? type->loan_period : MODEL_LOAN_PERIOD_DEFAULT;
    if (command->expires_at.given)
        return command->expires_at.value;
    if (command->loan_period.given)
        period = command->loan_period.value;
    return command->occurred_at + period * RENTBUS_SECOND;
}

/* How many rentals the user has in progress; of things of one type, unless it is NULL. */
static int64_t in_progress(const struct model_state *state, const struct model_text *user_id,
                           const struct model_text *asset_type)
{
    int64_t count = 0;
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (rental->status != RENTBUS_STATUS_IN_PROGRESS ||
            !model_text_equal(&rental->user_id, user_id))
            continue;
        const struct model_asset *asset = model_asset(state, &rental->asset_id);
        count += !asset_type || (asset && model_text_equal(&asset->asset_type, asset_type));
    }
    return count;
}

/* What stands against a known user who takes a known asset. */
static struct model_reasons lending_reasons(const struct model_state *state,
                                            const struct model_user *user,
                                            const struct model_asset *asset)
{
    struct model_reasons reasons = {0};
    struct model_number user_limit = state->policy.user_limit;
    const struct model_asset_type *type = model_asset_type(state, &asset->asset_type);
    if (user->user_limit.given)
        user_limit = user->user_limit;
    if (user->block_reason.given)
        model_reason_add(&reasons, RENTBUS_REASON_USER_BLOCKED);
    if (user_limit.given && in_progress(state, &user->id, NULL) >= user_limit.value)
        model_reason_add(&reasons, RENTBUS_REASON_USER_LIMIT);
    if (type && type->user_limit.given &&
        in_progress(state, &user->id, &type->id) >= type->user_limit.value)
        model_reason_add(&reasons, RENTBUS_REASON_TYPE_LIMIT);
    return reasons;
}

static void add_missed(const struct model_state *state, const struct model_command *command,
                       const struct model_rental *old, struct model_decision *decision)
{
    struct model_event *event = model_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, old->id);
    int64_t returned_at = command->occurred_at;
    if (returned_at < old->created_at)
        returned_at = old->created_at;
    event->policy_version = model_policy_version(state);
    event->rental = *old;
    event->rental.status = RENTBUS_STATUS_COMPLETED;
    event->rental.closed_by = RENTBUS_CLOSED_BY_missed_scan;
    event->rental.returned_at = (struct model_number){true, returned_at};
    event->rental.returned_asset_id = old->asset_id;
    event->rental.rev++;
}

static void add_created(const struct model_state *state, const struct model_command *command,
                        const struct model_context *context, struct model_decision *decision)
{
    struct model_event *event =
        model_add(decision, RENTBUS_RENTAL_CREATED_EVENT, context->new_rental_id);
    event->policy_version = model_policy_version(state);
    struct model_rental *rental = &event->rental;
    rental->id = context->new_rental_id;
    rental->user_id = command->user_id;
    rental->asset_id = command->asset_id;
    rental->created_at_location_id = command->location_id;
    rental->created_at = command->occurred_at;
    rental->expires_at = expires_at(state, command);
    rental->status = RENTBUS_STATUS_IN_PROGRESS;
    rental->eligible = command->eligible.given ? command->eligible
                                               : model_default_types(state, &command->asset_id);
    rental->rev = 1;
    rental->created_seq = state->head + decision->count;
}

/* Behind the event that records the scan. */
static void judge(const struct model_state *state, const struct model_command *command,
                  const struct model_context *context, struct model_decision *decision)
{
    const enum rentbus_event_type rejected = RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT;
    const struct model_user *user = model_user(state, &command->user_id);
    const struct model_asset *asset = model_asset(state, &command->asset_id);
    struct model_reasons reasons = {0};
    if (!user)
        model_reason_add(&reasons, RENTBUS_REASON_USER_UNKNOWN);
    if (!asset)
        model_reason_add(&reasons, RENTBUS_REASON_ASSET_UNKNOWN);
    if (!user || !asset) {
        model_add_rejection(state, command, rejected, reasons, NULL, decision);
        return;
    }
    const struct model_rental *old = model_out(state, &command->asset_id);
    if (old && model_text_equal(&old->user_id, &command->user_id)) {
        model_add_rejection(state, command, rejected,
                            model_reason_alone(RENTBUS_REASON_ALREADY_OUT), old, decision);
        return;
    }
    reasons = lending_reasons(state, user, asset);
    if (reasons.count > 0) {
        model_add_rejection(state, command, rejected, reasons, NULL, decision);
        return;
    }
    if (old)
        add_missed(state, command, old, decision);
    add_created(state, command, context, decision);
}

void model_decide_checkout(const struct model_state *state, const struct model_command *command,
                           const struct model_context *context, struct model_decision *decision)
{
    const char *field = contradiction(command);
    bool known = model_asset(state, &command->asset_id) != NULL;
    if (!field && known && expires_at(state, command) > MODEL_LAST_TIME)
        field = command->loan_period.given ? "loan_period" : "timestamp";
    if (field) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, field);
        return;
    }
    struct model_event *event =
        model_add(decision, RENTBUS_RENTAL_CHECKOUT_EVENT, command->asset_id);
    event->user_id = command->user_id;
    event->asset_id = command->asset_id;
    event->location_id = command->location_id;
    event->occurred_at = command->occurred_at;
    event->expires_at = command->expires_at;
    event->loan_period = command->loan_period;
    event->eligible = command->eligible;
    judge(state, command, context, decision);
}
