/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/rules.h"

#include <string.h>

void model_refuse(struct model_decision *decision, enum rentbus_error_code error, const char *field)
{
    decision->error = error;
    decision->field = field;
}

struct model_event *model_add(struct model_decision *decision, enum rentbus_event_type type,
                              struct model_text subject)
{
    struct model_event *event = &decision->events[decision->count++];
    memset(event, 0, sizeof *event);
    event->type = type;
    event->subject = subject;
    return event;
}

void model_add_unchanged(struct model_decision *decision, const struct model_command *command,
                         struct model_text subject, const struct model_rental *rental)
{
    struct model_event *event = model_add(decision, RENTBUS_COMMAND_UNCHANGED_EVENT, subject);
    event->op = command->op;
    event->has_rental = rental != NULL;
    if (rental)
        event->rental = *rental;
}

void model_add_rejection(const struct model_state *state, const struct model_command *command,
                         enum rentbus_event_type type, struct model_reasons reasons,
                         const struct model_rental *rental, struct model_decision *decision)
{
    struct model_event *event = model_add(decision, type, decision->events[0].subject);
    event->reasons = reasons;
    event->policy_version = model_policy_version(state);
    event->user_id = command->user_id;
    event->asset_id = command->asset_id;
    event->location_id = command->location_id;
    event->occurred_at = command->occurred_at;
    event->has_rental = rental != NULL;
    if (rental)
        event->rental = *rental;
}

bool model_overrides(const struct model_command *command, const struct model_reasons *reasons,
                     const struct model_reasons *allowed)
{
    for (size_t i = 0; i < reasons->count; i++) {
        bool found = false;
        for (size_t j = 0; j < allowed->count; j++)
            found = found || reasons->items[i] == allowed->items[j];
        if (!found)
            return false;
    }
    return command->override.given && reasons->count > 0;
}

bool model_refuse_override(const struct model_command *command, struct model_decision *decision)
{
    bool empty = command->override.given && command->override.text[0] == '\0';
    if (empty)
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "override");
    return empty;
}

void model_set_override(const struct model_command *command, const struct model_reasons *reasons,
                        struct model_event *event)
{
    event->override = command->override;
    event->overridden = *reasons;
}

struct model_number model_policy_version(const struct model_state *state)
{
    return (struct model_number){true, (int64_t)state->policy.version};
}

void model_reason_add(struct model_reasons *reasons, enum rentbus_reason reason)
{
    reasons->items[reasons->count++] = reason;
}

struct model_reasons model_reason_alone(enum rentbus_reason reason)
{
    return (struct model_reasons){1, {reason}};
}

bool model_ids_contain(const struct model_ids *ids, const struct model_text *id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (model_text_equal(&ids->items[i], id))
            return true;
    return false;
}

bool model_ids_equal(const struct model_ids *a, const struct model_ids *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!model_text_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

struct model_ids model_ids_of_one(const struct model_text *id)
{
    struct model_ids ids = {.given = true, .count = 1};
    ids.items[0] = *id;
    return ids;
}

struct model_ids model_default_types(const struct model_state *state,
                                     const struct model_text *asset_id)
{
    const struct model_asset *asset = model_asset(state, asset_id);
    const struct model_asset_type *type = model_asset_type(state, &asset->asset_type);
    return type ? type->eligible : model_ids_of_one(&asset->asset_type);
}

bool model_number_equal(struct model_number a, struct model_number b)
{
    return a.given == b.given && (!a.given || a.value == b.value);
}

static model_decider *const deciders[RENTBUS_OP_COUNT] = {
    [RENTBUS_OP_rental_return] = model_decide_return,
    [RENTBUS_OP_rental_checkout] = model_decide_checkout,
    [RENTBUS_OP_rental_renew] = model_decide_renew,
    [RENTBUS_OP_rental_forgive] = model_decide_forgive,
    [RENTBUS_OP_rental_flag] = model_decide_flag,
    [RENTBUS_OP_rental_unflag] = model_decide_unflag,
    [RENTBUS_OP_user_put] = model_decide_user_put,
    [RENTBUS_OP_user_block] = model_decide_user_block,
    [RENTBUS_OP_user_unblock] = model_decide_user_unblock,
    [RENTBUS_OP_asset_put] = model_decide_asset_put,
    [RENTBUS_OP_asset_type_put] = model_decide_asset_type_put,
    [RENTBUS_OP_location_put] = model_decide_location_put,
    [RENTBUS_OP_policy_put] = model_decide_policy_put,
    [RENTBUS_OP_admin_import] = model_decide_import,
    [RENTBUS_OP_admin_import_device] = model_decide_import_device,
};

void model_decide(const struct model_state *state, const struct model_command *command,
                  const struct model_context *context, struct model_decision *decision)
{
    decision->error = RENTBUS_ERROR_NONE;
    decision->field = "";
    decision->count = 0;
    deciders[command->op](state, command, context, decision);
}

static enum rentbus_outcome outcome_of(const struct model_event *event)
{
    switch (event->type) {
    case RENTBUS_RENTAL_RETURN_EVENT:
    case RENTBUS_RENTAL_CHECKOUT_EVENT:
    case RENTBUS_RENTAL_ASSET_SWAPPED_EVENT:
    case RENTBUS_DEVICE_GAP_EVENT:
        return RENTBUS_OUTCOME_NONE;
    case RENTBUS_RENTAL_RETURN_COMPLETE_EVENT:
        return RENTBUS_OUTCOME_COMPLETED;
    case RENTBUS_RENTAL_RETURN_REJECTED_EVENT:
    case RENTBUS_COMMAND_REJECTED_EVENT:
        return RENTBUS_OUTCOME_REJECTED;
    case RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT:
        return event->reasons.items[0] == RENTBUS_REASON_ALREADY_OUT ? RENTBUS_OUTCOME_ALREADY_OUT
                                                                     : RENTBUS_OUTCOME_REJECTED;
    case RENTBUS_COMMAND_UNCHANGED_EVENT:
        return RENTBUS_OUTCOME_UNCHANGED;
    case RENTBUS_RENTAL_CREATED_EVENT:
    case RENTBUS_RENTAL_IMPORTED_EVENT:
    case RENTBUS_DEVICE_IMPORTED_EVENT:
    case RENTBUS_USER_CREATED_EVENT:
    case RENTBUS_ASSET_CREATED_EVENT:
    case RENTBUS_ASSET_TYPE_CREATED_EVENT:
    case RENTBUS_LOCATION_CREATED_EVENT:
        return RENTBUS_OUTCOME_CREATED;
    default:
        return RENTBUS_OUTCOME_UPDATED;
    }
}

void model_outcome(const struct model_decision *decision, struct model_result *result)
{
    memset(result, 0, sizeof *result);
    for (size_t i = 0; i < decision->count; i++) {
        const struct model_event *event = &decision->events[i];
        enum rentbus_outcome outcome = outcome_of(event);
        if (outcome == RENTBUS_OUTCOME_NONE)
            continue;
        result->outcome = outcome;
        result->matched_by = event->matched_by;
        result->reasons =
            outcome == RENTBUS_OUTCOME_ALREADY_OUT ? (struct model_reasons){0} : event->reasons;
        result->rental = event->rental;
        result->has_rental = event->has_rental || event->rental.id.given;
    }
}
