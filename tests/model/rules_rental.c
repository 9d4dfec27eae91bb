/* SPDX-License-Identifier: MPL-2.0 */
/* What a person does to a rental that is there: renew, forgive, flag, unflag. */
#include "sdk/protocol/time.h"
#include "tests/model/rules.h"

/* The rental that the command names, or NULL and the command is refused. */
static const struct model_rental *find(const struct model_state *state,
                                       const struct model_command *command,
                                       const struct model_context *context,
                                       struct model_decision *decision)
{
    const struct model_rental *rental = model_rental(state, &command->rental_id);
    if (!rental)
        rental = context->archived;
    if (!rental)
        model_refuse(decision, RENTBUS_ERROR_NOT_FOUND, "rental_id");
    return rental;
}

static void reject(const struct model_state *state, const struct model_command *command,
                   const struct model_rental *rental, struct model_reasons reasons,
                   struct model_decision *decision)
{
    struct model_event *event = model_add(decision, RENTBUS_COMMAND_REJECTED_EVENT, rental->id);
    event->op = command->op;
    event->reasons = reasons;
    event->policy_version = model_policy_version(state);
    event->has_rental = true;
    event->rental = *rental;
}

static struct model_event *add_change(struct model_decision *decision, enum rentbus_event_type type,
                                      const struct model_rental *rental)
{
    struct model_event *event = model_add(decision, type, rental->id);
    event->rental = *rental;
    event->rental.rev++;
    return event;
}

/* ---- renew ---- */

static const struct model_asset_type *type_of(const struct model_state *state,
                                              const struct model_rental *rental)
{
    return model_asset_type(state, &model_asset(state, &rental->asset_id)->asset_type);
}

static int64_t renewed_until(const struct model_state *state, const struct model_command *command,
                             const struct model_rental *rental)
{
    const struct model_asset_type *type = type_of(state, rental);
    int64_t period = type ? type->renewal_period : MODEL_LOAN_PERIOD_DEFAULT;
    if (command->expires_at.given)
        return command->expires_at.value;
    if (command->period.given)
        period = command->period.value;
    return rental->expires_at + period * RENTBUS_SECOND;
}

static struct model_reasons renewal_reasons(const struct model_state *state,
                                            const struct model_rental *rental, int64_t until,
                                            int64_t now)
{
    struct model_reasons reasons = {0};
    const struct model_asset_type *type = type_of(state, rental);
    if (now - rental->expires_at > state->policy.renewal_grace * RENTBUS_SECOND)
        model_reason_add(&reasons, RENTBUS_REASON_RENTAL_EXPIRED);
    if (type && type->renewals_max.given && rental->renewals >= (uint64_t)type->renewals_max.value)
        model_reason_add(&reasons, RENTBUS_REASON_RENEWAL_LIMIT);
    if (until <= rental->expires_at)
        model_reason_add(&reasons, RENTBUS_REASON_NOT_LATER);
    return reasons;
}

void model_decide_renew(const struct model_state *state, const struct model_command *command,
                        const struct model_context *context, struct model_decision *decision)
{
    static const struct model_reasons allowed = {
        2, {RENTBUS_REASON_RENTAL_EXPIRED, RENTBUS_REASON_RENEWAL_LIMIT}};
    if (command->period.given && (command->expires_at.given || command->period.value <= 0)) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "period");
        return;
    }
    if (model_refuse_override(command, decision))
        return;
    const struct model_rental *rental = find(state, command, context, decision);
    if (!rental)
        return;
    if (rental->status != RENTBUS_STATUS_IN_PROGRESS) {
        reject(state, command, rental, model_reason_alone(RENTBUS_REASON_RENTAL_CLOSED), decision);
        return;
    }
    int64_t until = renewed_until(state, command, rental);
    if (until > MODEL_LAST_TIME) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "period");
        return;
    }
    struct model_reasons reasons = renewal_reasons(state, rental, until, context->now);
    bool overridden = model_overrides(command, &reasons, &allowed);
    if (reasons.count > 0 && !overridden) {
        reject(state, command, rental, reasons, decision);
        return;
    }
    struct model_event *event = add_change(decision, RENTBUS_RENTAL_RENEWED_EVENT, rental);
    event->previous_expires_at = rental->expires_at;
    event->policy_version = model_policy_version(state);
    event->rental.expires_at = until;
    event->rental.renewals++;
    if (overridden)
        model_set_override(command, &reasons, event);
}

/* ---- forgive, flag, unflag ---- */

void model_decide_forgive(const struct model_state *state, const struct model_command *command,
                          const struct model_context *context, struct model_decision *decision)
{
    const struct model_rental *rental = find(state, command, context, decision);
    if (!rental)
        return;
    if (model_final(rental->status)) {
        reject(state, command, rental, model_reason_alone(RENTBUS_REASON_RENTAL_CLOSED), decision);
        return;
    }
    struct model_event *event = add_change(decision, RENTBUS_RENTAL_FORGIVEN_EVENT, rental);
    event->judged = command->reason;
    event->rental.status = RENTBUS_STATUS_FORGIVEN;
    if (rental->status == RENTBUS_STATUS_IN_PROGRESS)
        event->rental.closed_by = RENTBUS_CLOSED_BY_forgive;
}

void model_decide_flag(const struct model_state *state, const struct model_command *command,
                       const struct model_context *context, struct model_decision *decision)
{
    const struct model_rental *rental = find(state, command, context, decision);
    if (!rental)
        return;
    if (rental->status != RENTBUS_STATUS_IN_PROGRESS) {
        reject(state, command, rental, model_reason_alone(RENTBUS_REASON_RENTAL_CLOSED), decision);
        return;
    }
    struct model_event *event = add_change(decision, RENTBUS_RENTAL_FLAGGED_EVENT, rental);
    event->judged = command->reason;
    event->rental.status = RENTBUS_STATUS_FLAGGED;
    event->rental.flag_reason = command->reason;
    event->rental.closed_by = RENTBUS_CLOSED_BY_flag;
}

void model_decide_unflag(const struct model_state *state, const struct model_command *command,
                         const struct model_context *context, struct model_decision *decision)
{
    const struct model_rental *rental = find(state, command, context, decision);
    if (!rental)
        return;
    if (rental->status != RENTBUS_STATUS_FLAGGED) {
        reject(state, command, rental, model_reason_alone(RENTBUS_REASON_NOT_FLAGGED), decision);
        return;
    }
    if (!rental->returned_at.given && model_out(state, &rental->asset_id)) {
        reject(state, command, rental, model_reason_alone(RENTBUS_REASON_ASSET_OUT), decision);
        return;
    }
    struct model_event *event = add_change(decision, RENTBUS_RENTAL_UNFLAGGED_EVENT, rental);
    event->rental.flag_reason = (struct model_text){0};
    if (rental->returned_at.given) {
        event->rental.status = RENTBUS_STATUS_COMPLETED;
        return;
    }
    event->rental.status = RENTBUS_STATUS_IN_PROGRESS;
    event->rental.closed_by = RENTBUS_CLOSED_BY_NONE;
    /* An import may have said where a thing was returned and not when. */
    event->rental.returned_at_location_id = (struct model_text){0};
}
