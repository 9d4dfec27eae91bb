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

int64_t model_checkout_until(const struct model_state *state, const struct model_command *command)
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

struct model_reasons model_lending_reasons(const struct model_state *state,
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
    event->returned_type = model_asset(state, &old->asset_id)->asset_type;
    event->rental = *old;
    event->rental.status = RENTBUS_STATUS_COMPLETED;
    event->rental.closed_by = RENTBUS_CLOSED_BY_missed_scan;
    event->rental.returned_at = (struct model_number){true, returned_at};
    event->rental.returned_asset_id = old->asset_id;
    event->rental.rev++;
}

static struct model_ids eligible_types(const struct model_state *state,
                                       const struct model_command *command)
{
    return command->eligible.given ? command->eligible
                                   : model_default_types(state, &command->asset_id);
}

static struct model_event *add_created(const struct model_state *state,
                                       const struct model_command *command,
                                       const struct model_context *context,
                                       struct model_decision *decision)
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
    rental->expires_at = model_checkout_until(state, command);
    rental->status = RENTBUS_STATUS_IN_PROGRESS;
    rental->eligible = eligible_types(state, command);
    rental->rev = 1;
    rental->created_seq = state->head + decision->count;
    return event;
}

/* ---- a checkout that comes behind its return ---- */

const struct model_unanswered *model_late_for(const struct model_state *state,
                                              const struct model_command *command,
                                              int64_t expires_at)
{
    const struct model_unanswered *best = NULL;
    struct model_ids eligible = eligible_types(state, command);
    if (!model_ids_contain(&eligible, &model_asset(state, &command->asset_id)->asset_type))
        return NULL;
    /* They stand in the order of their seqs: of two of one time the first is taken. */
    for (size_t i = 0; i < state->unanswered_count; i++) {
        const struct model_unanswered *it = &state->unanswered[i];
        if (!model_text_equal(&it->asset_id, &command->asset_id))
            continue;
        if (it->user_id.given && !model_text_equal(&it->user_id, &command->user_id))
            continue;
        if (it->occurred_at < command->occurred_at || it->occurred_at > expires_at)
            continue;
        if (!best || it->occurred_at < best->occurred_at)
            best = it;
    }
    return best;
}

static void add_late(const struct model_state *state, const struct model_command *command,
                     const struct model_context *context, const struct model_unanswered *answered,
                     struct model_decision *decision)
{
    const struct model_rental *old = model_out(state, &command->asset_id);
    if (old && old->created_at <= command->occurred_at)
        add_missed(state, command, old, decision);
    struct model_number seq = {true, (int64_t)answered->seq};
    struct model_event *created = add_created(state, command, context, decision);
    created->rejected_seq = seq;
    struct model_event *event =
        model_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, context->new_rental_id);
    event->policy_version = model_policy_version(state);
    event->rejected_seq = seq;
    event->returned_type = model_asset(state, &command->asset_id)->asset_type;
    event->rental = created->rental;
    event->rental.status = RENTBUS_STATUS_COMPLETED;
    event->rental.closed_by = RENTBUS_CLOSED_BY_late_checkout;
    event->rental.returned_at = (struct model_number){true, answered->occurred_at};
    event->rental.returned_at_location_id = answered->location_id;
    event->rental.returned_asset_id = command->asset_id;
    event->rental.rev = 2;
}

/* ---- what a checkout comes to ---- */

static void lend(const struct model_state *state, const struct model_command *command,
                 const struct model_context *context, struct model_decision *decision)
{
    static const struct model_reasons allowed = {
        3, {RENTBUS_REASON_USER_BLOCKED, RENTBUS_REASON_USER_LIMIT, RENTBUS_REASON_TYPE_LIMIT}};
    struct model_reasons reasons = model_lending_reasons(
        state, model_user(state, &command->user_id), model_asset(state, &command->asset_id));
    bool overridden = model_overrides(command, &reasons, &allowed);
    if (reasons.count > 0 && !overridden) {
        model_add_rejection(state, command, RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT, reasons, NULL,
                            decision);
        return;
    }
    const struct model_rental *old = model_out(state, &command->asset_id);
    if (old)
        add_missed(state, command, old, decision);
    struct model_event *created = add_created(state, command, context, decision);
    if (overridden)
        model_set_override(command, &reasons, created);
}

/* Behind the event that records the scan. */
static void judge(const struct model_state *state, const struct model_command *command,
                  const struct model_context *context, struct model_decision *decision)
{
    const enum rentbus_event_type rejected = RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT;
    struct model_reasons reasons = {0};
    if (!model_user(state, &command->user_id))
        model_reason_add(&reasons, RENTBUS_REASON_USER_UNKNOWN);
    if (!model_asset(state, &command->asset_id))
        model_reason_add(&reasons, RENTBUS_REASON_ASSET_UNKNOWN);
    if (reasons.count > 0) {
        model_add_rejection(state, command, rejected, reasons, NULL, decision);
        return;
    }
    const struct model_rental *old = model_out(state, &command->asset_id);
    bool held = old && model_text_equal(&old->user_id, &command->user_id);
    const struct model_unanswered *answered =
        model_late_for(state, command, model_checkout_until(state, command));
    if (held && (old->created_at <= command->occurred_at || !answered))
        model_add_rejection(state, command, rejected,
                            model_reason_alone(RENTBUS_REASON_ALREADY_OUT), old, decision);
    else if (answered)
        add_late(state, command, context, answered, decision);
    else
        lend(state, command, context, decision);
}

void model_decide_checkout(const struct model_state *state, const struct model_command *command,
                           const struct model_context *context, struct model_decision *decision)
{
    const char *field = contradiction(command);
    bool known = model_asset(state, &command->asset_id) != NULL;
    if (!field && known && model_checkout_until(state, command) > MODEL_LAST_TIME)
        field = command->loan_period.given ? "loan_period" : "timestamp";
    if (field) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, field);
        return;
    }
    if (model_refuse_override(command, decision) || model_add_resend(state, command, decision))
        return;
    struct model_event *event =
        model_add(decision, RENTBUS_RENTAL_CHECKOUT_EVENT, command->asset_id);
    model_set_scan(command, event);
    event->expires_at = command->expires_at;
    event->loan_period = command->loan_period;
    event->eligible = command->eligible;
    judge(state, command, context, decision);
    model_add_gap(state, command, decision);
}
