/* SPDX-License-Identifier: MPL-2.0 */
/* Things, the policy, and rentals of other systems. */
#include <string.h>

#include "sdk/protocol/time.h"
#include "tests/model/rules.h"

#define FORGIVE_WITHIN "forgive_within:"

/* ---- users ---- */

void model_decide_user_put(const struct model_state *state, const struct model_command *command,
                           const struct model_context *context, struct model_decision *decision)
{
    (void)context;
    const struct model_user *known = model_user(state, &command->id);
    if (known && model_text_equal(&known->name, &command->name) &&
        model_number_equal(known->user_limit, command->user_limit)) {
        model_add_unchanged(decision, command, command->id, NULL);
        return;
    }
    struct model_event *event = model_add(
        decision, known ? RENTBUS_USER_UPDATED_EVENT : RENTBUS_USER_CREATED_EVENT, command->id);
    event->user.id = command->id;
    event->user.name = command->name;
    event->user.user_limit = command->user_limit;
    if (known)
        event->user.block_reason = known->block_reason;
}

static void decide_block(const struct model_state *state, const struct model_command *command,
                         enum rentbus_event_type type, struct model_decision *decision)
{
    const struct model_user *known = model_user(state, &command->id);
    if (!known) {
        model_refuse(decision, RENTBUS_ERROR_NOT_FOUND, "id");
        return;
    }
    if (model_text_equal(&known->block_reason, &command->reason)) {
        model_add_unchanged(decision, command, command->id, NULL);
        return;
    }
    struct model_event *event = model_add(decision, type, command->id);
    event->user = *known;
    event->user.block_reason = command->reason;
}

void model_decide_user_block(const struct model_state *state, const struct model_command *command,
                             const struct model_context *context, struct model_decision *decision)
{
    (void)context;
    decide_block(state, command, RENTBUS_USER_BLOCKED_EVENT, decision);
}

/* To take the block away is to block for no reason: the command has none. */
void model_decide_user_unblock(const struct model_state *state, const struct model_command *command,
                               const struct model_context *context, struct model_decision *decision)
{
    (void)context;
    decide_block(state, command, RENTBUS_USER_UNBLOCKED_EVENT, decision);
}

/* ---- locations, assets, asset types ---- */

void model_decide_location_put(const struct model_state *state, const struct model_command *command,
                               const struct model_context *context, struct model_decision *decision)
{
    (void)context;
    const struct model_location *known = model_location(state, &command->id);
    if (known && model_text_equal(&known->name, &command->name)) {
        model_add_unchanged(decision, command, command->id, NULL);
        return;
    }
    model_add(decision, known ? RENTBUS_LOCATION_UPDATED_EVENT : RENTBUS_LOCATION_CREATED_EVENT,
              command->id)
        ->location = (struct model_location){command->id, command->name};
}

void model_decide_asset_put(const struct model_state *state, const struct model_command *command,
                            const struct model_context *context, struct model_decision *decision)
{
    (void)context;
    const struct model_asset *known = model_asset(state, &command->id);
    if (known && model_text_equal(&known->asset_type, &command->asset_type)) {
        model_add_unchanged(decision, command, command->id, NULL);
        return;
    }
    struct model_event *event = model_add(
        decision, known ? RENTBUS_ASSET_UPDATED_EVENT : RENTBUS_ASSET_CREATED_EVENT, command->id);
    event->asset.id = command->id;
    event->asset.asset_type = command->asset_type;
}

static const char *asset_type_contradiction(const struct model_command *command)
{
    if (command->loan_period.given && command->loan_period.value <= 0)
        return "loan_period";
    if (command->renewal_period.given && command->renewal_period.value <= 0)
        return "renewal_period";
    if (command->eligible.given && command->eligible.count == 0)
        return "eligible_asset_types";
    return NULL;
}

static bool asset_type_equal(const struct model_asset_type *a, const struct model_asset_type *b)
{
    return a->loan_period == b->loan_period && a->renewal_period == b->renewal_period &&
           model_number_equal(a->user_limit, b->user_limit) &&
           model_number_equal(a->renewals_max, b->renewals_max) &&
           model_number_equal(a->due_soon_lead, b->due_soon_lead) &&
           model_ids_equal(&a->eligible, &b->eligible);
}

void model_decide_asset_type_put(const struct model_state *state,
                                 const struct model_command *command,
                                 const struct model_context *context,
                                 struct model_decision *decision)
{
    (void)context;
    const char *field = asset_type_contradiction(command);
    if (field) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, field);
        return;
    }
    struct model_asset_type put = {
        .id = command->id,
        .user_limit = command->user_limit,
        .loan_period =
            command->loan_period.given ? command->loan_period.value : MODEL_LOAN_PERIOD_DEFAULT,
        .renewals_max = command->renewals_max,
        .due_soon_lead = command->due_soon_lead,
        .eligible = command->eligible.given ? command->eligible : model_ids_of_one(&command->id)};
    put.renewal_period =
        command->renewal_period.given ? command->renewal_period.value : put.loan_period;
    const struct model_asset_type *known = model_asset_type(state, &command->id);
    if (known && asset_type_equal(known, &put)) {
        model_add_unchanged(decision, command, command->id, NULL);
        return;
    }
    model_add(decision, known ? RENTBUS_ASSET_TYPE_UPDATED_EVENT : RENTBUS_ASSET_TYPE_CREATED_EVENT,
              command->id)
        ->asset_type = put;
}

/* ---- the policy ---- */

enum model_late model_late_return(const struct model_text *text, int64_t *grace)
{
    size_t prefix = strlen(FORGIVE_WITHIN);
    *grace = 0;
    if (strcmp(text->text, "reject") == 0)
        return MODEL_LATE_REJECT;
    if (strcmp(text->text, "flag") == 0)
        return MODEL_LATE_FLAG;
    if (strncmp(text->text, FORGIVE_WITHIN, prefix) != 0)
        return MODEL_LATE_INVALID;
    struct rentbus_text duration = {text->text + prefix, strlen(text->text) - prefix};
    return rentbus_duration_parse(duration, grace) ? MODEL_LATE_FORGIVE : MODEL_LATE_INVALID;
}

static bool policy_equal(const struct model_policy *a, const struct model_policy *b)
{
    return a->max_skew == b->max_skew && a->renewal_grace == b->renewal_grace &&
           a->return_match == b->return_match && model_number_equal(a->user_limit, b->user_limit) &&
           model_text_equal(&a->late_return, &b->late_return);
}

void model_decide_policy_put(const struct model_state *state, const struct model_command *command,
                             const struct model_context *context, struct model_decision *decision)
{
    (void)context;
    int64_t grace;
    struct model_policy put = state->policy;
    if (command->late_return.given &&
        model_late_return(&command->late_return, &grace) == MODEL_LATE_INVALID) {
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "late_return");
        return;
    }
    if (command->max_skew.given)
        put.max_skew = command->max_skew.value;
    if (command->renewal_grace.given)
        put.renewal_grace = command->renewal_grace.value;
    if (command->late_return.given)
        put.late_return = command->late_return;
    if (command->return_match != RENTBUS_RETURN_MATCH_NONE)
        put.return_match = command->return_match;
    if (command->user_limit.given)
        put.user_limit =
            command->user_limit.value == 0 ? (struct model_number){0} : command->user_limit;
    if (policy_equal(&put, &state->policy)) {
        model_add_unchanged(decision, command, (struct model_text){0}, NULL);
        return;
    }
    put.version = state->head + 1;
    model_add(decision, RENTBUS_POLICY_UPDATED_EVENT, (struct model_text){0})->policy = put;
}

/* ---- imports ---- */

static const char *import_contradiction(const struct model_command *command)
{
    const struct model_rental *import = &command->import;
    bool open = import->status == RENTBUS_STATUS_IN_PROGRESS;
    if (command->import_rev.given &&
        (command->import_rev.value < 1 || command->import_rev.value > MODEL_COUNT_MAX))
        return "rev";
    if (command->import_renewals.given && command->import_renewals.value > MODEL_COUNT_MAX)
        return "renewals";
    if (import->expires_at <= import->created_at)
        return "expires_at";
    if (import->status == RENTBUS_STATUS_COMPLETED && !import->returned_at.given)
        return "returned_at";
    if (open && import->returned_at.given)
        return "returned_at";
    if (open && import->returned_at_location_id.given)
        return "returned_at_location_id";
    if (open && import->closed_by != RENTBUS_CLOSED_BY_NONE)
        return "closed_by";
    if (open && import->flag_reason.given)
        return "flag_reason";
    if (open && import->returned_asset_id.given)
        return "returned_asset_id";
    if (import->returned_asset_id.given && !import->returned_at.given)
        return "returned_asset_id";
    return NULL;
}

void model_decide_import(const struct model_state *state, const struct model_command *command,
                         const struct model_context *context, struct model_decision *decision)
{
    const struct model_rental *import = &command->import;
    const struct model_rental *known = model_rental(state, &import->id);
    if (!known)
        known = context->archived;
    const char *field = import_contradiction(command);
    if (known)
        model_add_unchanged(decision, command, import->id, known);
    else if (field)
        model_refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, field);
    else if (!model_user(state, &import->user_id))
        model_refuse(decision, RENTBUS_ERROR_NOT_FOUND, "user_id");
    else if (!model_asset(state, &import->asset_id))
        model_refuse(decision, RENTBUS_ERROR_NOT_FOUND, "asset_id");
    else if (import->returned_asset_id.given && !model_asset(state, &import->returned_asset_id))
        model_refuse(decision, RENTBUS_ERROR_NOT_FOUND, "returned_asset_id");
    else if (import->status == RENTBUS_STATUS_IN_PROGRESS && model_out(state, &import->asset_id))
        model_refuse(decision, RENTBUS_ERROR_CONFLICT, "asset_id");
    else {
        struct model_event *event = model_add(decision, RENTBUS_RENTAL_IMPORTED_EVENT, import->id);
        event->rental = *import;
        event->rental.rev = command->import_rev.given ? (uint64_t)command->import_rev.value : 1;
        event->rental.renewals =
            command->import_renewals.given ? (uint64_t)command->import_renewals.value : 0;
        event->rental.created_seq = state->head + 1;
        const struct model_text *back =
            import->returned_asset_id.given ? &import->returned_asset_id : &import->asset_id;
        if (import->returned_at.given)
            event->returned_type = model_asset(state, back)->asset_type;
        if (import->eligible.count == 0)
            event->rental.eligible = model_default_types(state, &import->asset_id);
    }
}
