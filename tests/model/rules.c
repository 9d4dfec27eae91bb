/* SPDX-License-Identifier: MPL-2.0 */
#include <string.h>

#include "sdk/protocol/time.h"
#include "tests/model/model.h"

#define DEFAULT_LOAN_PERIOD (INT64_C(7) * 24 * 60 * 60)

/* 9999-12-31T23:59:59.999999Z: no later time can be written. */
#define LAST_TIME INT64_C(253402300799999999)

static void refuse(struct model_decision *decision, enum rentbus_error_code error,
                   const char *field)
{
    decision->error = error;
    decision->field = field;
}

static struct model_event *add(struct model_decision *decision, enum rentbus_event_type type,
                               struct model_text subject)
{
    struct model_event *event = &decision->events[decision->count++];
    memset(event, 0, sizeof *event);
    event->type = type;
    event->subject = subject;
    return event;
}

static bool ids_contain(const struct model_ids *ids, const struct model_text *id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (model_text_equal(&ids->items[i], id))
            return true;
    return false;
}

static bool ids_equal(const struct model_ids *a, const struct model_ids *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!model_text_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

static struct model_ids ids_of_one(const struct model_text *id)
{
    struct model_ids ids = {.given = true, .count = 1};
    ids.items[0] = *id;
    return ids;
}

/* ---- returns ---- */

/* A return scan with what it leaves to be worked out. */
struct scan {
    struct model_text user_id; /* absent: nobody said who */
    struct model_text asset_id;
    const struct model_rental *named; /* by rental_id, or NULL */
    enum rentbus_matched_by matched_by;
};

static bool already_returned(const struct model_state *state, const struct scan *scan)
{
    if (scan->named && scan->named->status == RENTBUS_STATUS_COMPLETED)
        return true;
    const struct model_text *returned_by = &model_asset(state, &scan->asset_id)->returned_by;
    if (!returned_by->given)
        return false;
    return !scan->user_id.given || model_text_equal(&scan->user_id, returned_by);
}

/* Whether the rental is one that the scan may be about, but for its time and its types. */
static bool in_question(const struct scan *scan, const struct model_rental *rental)
{
    if (rental->status != RENTBUS_STATUS_IN_PROGRESS)
        return false;
    if (scan->named && !model_text_equal(&scan->named->id, &rental->id))
        return false;
    if (scan->user_id.given)
        return model_text_equal(&scan->user_id, &rental->user_id);
    return model_text_equal(&scan->asset_id, &rental->asset_id);
}

static bool older(const struct model_rental *a, const struct model_rental *b)
{
    if (a->created_at != b->created_at)
        return a->created_at < b->created_at;
    return strcmp(a->id.text, b->id.text) < 0;
}

/* The oldest rental in question that takes the type of the asset and is expired or not. */
static const struct model_rental *oldest(const struct model_state *state, const struct scan *scan,
                                         int64_t occurred_at, bool expired)
{
    const struct model_text *type = &model_asset(state, &scan->asset_id)->asset_type;
    const struct model_rental *best = NULL;
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (!in_question(scan, rental) || !ids_contain(&rental->eligible, type))
            continue;
        if ((occurred_at > rental->expires_at) != expired)
            continue;
        if (!best || older(rental, best))
            best = rental;
    }
    return best;
}

static bool has_open_rental(const struct model_state *state, const struct scan *scan)
{
    if (!scan->user_id.given)
        return model_out(state, &scan->asset_id) != NULL;
    for (size_t i = 0; i < state->rental_count; i++)
        if (state->rentals[i].status == RENTBUS_STATUS_IN_PROGRESS &&
            model_text_equal(&state->rentals[i].user_id, &scan->user_id))
            return true;
    return false;
}

/* Why the scan completes nothing, or NONE with *match; *expired for RENTAL_EXPIRED. */
static enum rentbus_reason judge(const struct model_state *state,
                                 const struct model_command *command,
                                 const struct model_context *context, const struct scan *scan,
                                 const struct model_rental **match,
                                 const struct model_rental **expired)
{
    if (!model_asset(state, &scan->asset_id))
        return RENTBUS_REASON_ASSET_UNKNOWN;
    if (scan->user_id.given && !model_user(state, &scan->user_id))
        return RENTBUS_REASON_USER_UNKNOWN;
    if (command->occurred_at > context->now + context->max_skew)
        return RENTBUS_REASON_CLOCK_SKEW;
    if (already_returned(state, scan))
        return RENTBUS_REASON_ALREADY_RETURNED;
    *match = oldest(state, scan, command->occurred_at, false);
    if (*match)
        return RENTBUS_REASON_NONE;
    *expired = oldest(state, scan, command->occurred_at, true);
    if (*expired)
        return RENTBUS_REASON_RENTAL_EXPIRED;
    if (has_open_rental(state, scan))
        return RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE;
    return RENTBUS_REASON_NO_OPEN_RENTAL;
}

static void add_rejection(struct model_decision *decision, enum rentbus_event_type type,
                          const struct model_command *command, enum rentbus_reason reason,
                          const struct model_rental *rental)
{
    struct model_event *event = add(decision, type, decision->events[0].subject);
    event->reason = reason;
    event->user_id = command->user_id;
    event->asset_id = command->asset_id;
    event->location_id = command->location_id;
    event->occurred_at = command->occurred_at;
    event->has_rental = rental != NULL;
    if (rental)
        event->rental = *rental;
}

static void add_completion(const struct model_state *state, const struct model_command *command,
                           const struct scan *scan, const struct model_rental *match,
                           struct model_decision *decision)
{
    struct model_event *complete = add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, match->id);
    complete->matched_by = scan->matched_by;
    complete->rental = *match;
    complete->rental.status = RENTBUS_STATUS_COMPLETED;
    complete->rental.closed_by = RENTBUS_CLOSED_BY_return_scan;
    complete->rental.returned_at = (struct model_number){true, command->occurred_at};
    complete->rental.returned_at_location_id = command->location_id;
    complete->rental.returned_asset_id = scan->asset_id;
    complete->rental.rev++;

    const struct model_rental *other = model_out(state, &scan->asset_id);
    if (!other || other == match)
        return;
    if (!model_text_equal(&other->user_id, &match->user_id)) {
        complete->conflict_rental_id = other->id;
        return;
    }
    struct model_event *swapped = add(decision, RENTBUS_RENTAL_ASSET_SWAPPED_EVENT, other->id);
    swapped->rental = *other;
    swapped->rental.asset_id = match->asset_id;
    swapped->rental.rev++;
    swapped->previous_asset_id = scan->asset_id;
}

static void decide_return(const struct model_state *state, const struct model_command *command,
                          const struct model_context *context, struct model_decision *decision)
{
    struct scan scan = {.user_id = command->user_id,
                        .asset_id = command->asset_id,
                        .matched_by = command->user_id.given ? RENTBUS_MATCHED_BY_oldest
                                                             : RENTBUS_MATCHED_BY_last_holder};
    if (command->rental_id.given) {
        scan.named = model_rental(state, &command->rental_id);
        if (!scan.named)
            scan.named = context->archived;
        if (!scan.named) {
            refuse(decision, RENTBUS_ERROR_NOT_FOUND, "rental_id");
            return;
        }
        scan.matched_by = RENTBUS_MATCHED_BY_rental_id;
        if (!scan.user_id.given)
            scan.user_id = scan.named->user_id;
        if (!scan.asset_id.given)
            scan.asset_id = scan.named->asset_id;
    }

    struct model_event *event =
        add(decision, RENTBUS_RENTAL_RETURN_EVENT,
            command->asset_id.given ? command->asset_id : command->rental_id);
    event->user_id = command->user_id;
    event->asset_id = command->asset_id;
    event->rental_id = command->rental_id;
    event->location_id = command->location_id;
    event->occurred_at = command->occurred_at;

    const struct model_rental *match = NULL;
    const struct model_rental *expired = NULL;
    enum rentbus_reason reason = judge(state, command, context, &scan, &match, &expired);
    if (reason != RENTBUS_REASON_NONE)
        add_rejection(decision, RENTBUS_RENTAL_RETURN_REJECTED_EVENT, command, reason, expired);
    else
        add_completion(state, command, &scan, match, decision);
}

/* ---- checkouts ---- */

static const char *checkout_contradiction(const struct model_command *command)
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

static void add_missed(struct model_decision *decision, const struct model_command *command,
                       const struct model_rental *old)
{
    struct model_event *event = add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, old->id);
    int64_t returned_at = command->occurred_at;
    if (returned_at < old->created_at)
        returned_at = old->created_at;
    event->rental = *old;
    event->rental.status = RENTBUS_STATUS_COMPLETED;
    event->rental.closed_by = RENTBUS_CLOSED_BY_missed_scan;
    event->rental.returned_at = (struct model_number){true, returned_at};
    event->rental.returned_asset_id = old->asset_id;
    event->rental.rev++;
}

static int64_t expires_at(const struct model_state *state, const struct model_command *command)
{
    const struct model_asset *asset = model_asset(state, &command->asset_id);
    const struct model_asset_type *type = model_asset_type(state, &asset->asset_type);
    int64_t period = type ? type->loan_period : DEFAULT_LOAN_PERIOD;
    if (command->expires_at.given)
        return command->expires_at.value;
    if (command->loan_period.given)
        period = command->loan_period.value;
    return command->occurred_at + period * RENTBUS_SECOND;
}

static struct model_ids default_types(const struct model_state *state,
                                      const struct model_asset *asset)
{
    const struct model_asset_type *type = model_asset_type(state, &asset->asset_type);
    return type ? type->eligible : ids_of_one(&asset->asset_type);
}

static void add_created(const struct model_state *state, const struct model_command *command,
                        const struct model_context *context, struct model_decision *decision)
{
    struct model_event *event = add(decision, RENTBUS_RENTAL_CREATED_EVENT, context->new_rental_id);
    struct model_rental *rental = &event->rental;
    rental->id = context->new_rental_id;
    rental->user_id = command->user_id;
    rental->asset_id = command->asset_id;
    rental->created_at_location_id = command->location_id;
    rental->created_at = command->occurred_at;
    rental->expires_at = expires_at(state, command);
    rental->status = RENTBUS_STATUS_IN_PROGRESS;
    if (command->eligible.given)
        rental->eligible = command->eligible;
    else
        rental->eligible = default_types(state, model_asset(state, &command->asset_id));
    rental->rev = 1;
    rental->created_seq = state->head + decision->count;
}

static void decide_checkout(const struct model_state *state, const struct model_command *command,
                            const struct model_context *context, struct model_decision *decision)
{
    const char *field = checkout_contradiction(command);
    bool known = model_asset(state, &command->asset_id) != NULL;
    if (!field && known && expires_at(state, command) > LAST_TIME)
        field = command->loan_period.given ? "loan_period" : "timestamp";
    if (field) {
        refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, field);
        return;
    }
    struct model_event *event = add(decision, RENTBUS_RENTAL_CHECKOUT_EVENT, command->asset_id);
    event->user_id = command->user_id;
    event->asset_id = command->asset_id;
    event->location_id = command->location_id;
    event->occurred_at = command->occurred_at;
    event->expires_at = command->expires_at;
    event->loan_period = command->loan_period;
    event->eligible = command->eligible;

    const enum rentbus_event_type rejected = RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT;
    if (!model_user(state, &command->user_id)) {
        add_rejection(decision, rejected, command, RENTBUS_REASON_USER_UNKNOWN, NULL);
        return;
    }
    if (!model_asset(state, &command->asset_id)) {
        add_rejection(decision, rejected, command, RENTBUS_REASON_ASSET_UNKNOWN, NULL);
        return;
    }
    const struct model_rental *old = model_out(state, &command->asset_id);
    if (old && model_text_equal(&old->user_id, &command->user_id)) {
        add_rejection(decision, rejected, command, RENTBUS_REASON_ALREADY_OUT, old);
        return;
    }
    if (old)
        add_missed(decision, command, old);
    add_created(state, command, context, decision);
}

/* ---- puts and imports ---- */

static void add_unchanged(struct model_decision *decision, const struct model_command *command,
                          struct model_text subject, const struct model_rental *rental)
{
    struct model_event *event = add(decision, RENTBUS_COMMAND_UNCHANGED_EVENT, subject);
    event->op = command->op;
    event->has_rental = rental != NULL;
    if (rental)
        event->rental = *rental;
}

static void decide_named(const struct model_named *known, const struct model_command *command,
                         enum rentbus_event_type created, enum rentbus_event_type updated,
                         struct model_decision *decision)
{
    if (known && model_text_equal(&known->name, &command->name)) {
        add_unchanged(decision, command, command->id, NULL);
        return;
    }
    struct model_event *event = add(decision, known ? updated : created, command->id);
    event->named = (struct model_named){command->id, command->name};
}

static void decide_asset_put(const struct model_state *state, const struct model_command *command,
                             struct model_decision *decision)
{
    const struct model_asset *known = model_asset(state, &command->id);
    if (known && model_text_equal(&known->asset_type, &command->asset_type)) {
        add_unchanged(decision, command, command->id, NULL);
        return;
    }
    struct model_event *event = add(
        decision, known ? RENTBUS_ASSET_UPDATED_EVENT : RENTBUS_ASSET_CREATED_EVENT, command->id);
    event->asset.id = command->id;
    event->asset.asset_type = command->asset_type;
}

static void decide_asset_type_put(const struct model_state *state,
                                  const struct model_command *command,
                                  struct model_decision *decision)
{
    if (command->loan_period.given && command->loan_period.value <= 0) {
        refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "loan_period");
        return;
    }
    if (command->eligible.given && command->eligible.count == 0) {
        refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, "eligible_asset_types");
        return;
    }
    struct model_asset_type put = {
        .id = command->id,
        .loan_period =
            command->loan_period.given ? command->loan_period.value : DEFAULT_LOAN_PERIOD,
        .eligible = command->eligible.given ? command->eligible : ids_of_one(&command->id)};
    const struct model_asset_type *known = model_asset_type(state, &command->id);
    if (known && known->loan_period == put.loan_period &&
        ids_equal(&known->eligible, &put.eligible)) {
        add_unchanged(decision, command, command->id, NULL);
        return;
    }
    add(decision, known ? RENTBUS_ASSET_TYPE_UPDATED_EVENT : RENTBUS_ASSET_TYPE_CREATED_EVENT,
        command->id)
        ->asset_type = put;
}

static const char *import_contradiction(const struct model_rental *import)
{
    if (import->expires_at <= import->created_at)
        return "expires_at";
    if (import->status == RENTBUS_STATUS_COMPLETED && !import->returned_at.given)
        return "returned_at";
    if (import->status == RENTBUS_STATUS_IN_PROGRESS && import->returned_at.given)
        return "returned_at";
    if (import->status == RENTBUS_STATUS_IN_PROGRESS && import->returned_at_location_id.given)
        return "returned_at_location_id";
    return NULL;
}

static void decide_import(const struct model_state *state, const struct model_command *command,
                          const struct model_context *context, struct model_decision *decision)
{
    const struct model_rental *import = &command->import;
    const struct model_rental *known = model_rental(state, &import->id);
    if (!known)
        known = context->archived;
    const char *field = import_contradiction(import);
    if (known)
        add_unchanged(decision, command, import->id, known);
    else if (field)
        refuse(decision, RENTBUS_ERROR_INVALID_ARGUMENT, field);
    else if (!model_user(state, &import->user_id))
        refuse(decision, RENTBUS_ERROR_NOT_FOUND, "user_id");
    else if (!model_asset(state, &import->asset_id))
        refuse(decision, RENTBUS_ERROR_NOT_FOUND, "asset_id");
    else if (import->status == RENTBUS_STATUS_IN_PROGRESS && model_out(state, &import->asset_id))
        refuse(decision, RENTBUS_ERROR_CONFLICT, "asset_id");
    else {
        struct model_event *event = add(decision, RENTBUS_RENTAL_IMPORTED_EVENT, import->id);
        event->rental = *import;
        event->rental.rev = 1;
        event->rental.created_seq = state->head + 1;
        if (import->eligible.count == 0)
            event->rental.eligible = default_types(state, model_asset(state, &import->asset_id));
    }
}

void model_decide(const struct model_state *state, const struct model_command *command,
                  const struct model_context *context, struct model_decision *decision)
{
    decision->error = RENTBUS_ERROR_NONE;
    decision->field = "";
    decision->count = 0;
    switch (command->op) {
    case RENTBUS_OP_rental_return:
        decide_return(state, command, context, decision);
        break;
    case RENTBUS_OP_rental_checkout:
        decide_checkout(state, command, context, decision);
        break;
    case RENTBUS_OP_user_put:
        decide_named(model_user(state, &command->id), command, RENTBUS_USER_CREATED_EVENT,
                     RENTBUS_USER_UPDATED_EVENT, decision);
        break;
    case RENTBUS_OP_location_put:
        decide_named(model_location(state, &command->id), command, RENTBUS_LOCATION_CREATED_EVENT,
                     RENTBUS_LOCATION_UPDATED_EVENT, decision);
        break;
    case RENTBUS_OP_asset_put:
        decide_asset_put(state, command, decision);
        break;
    case RENTBUS_OP_asset_type_put:
        decide_asset_type_put(state, command, decision);
        break;
    case RENTBUS_OP_admin_import:
        decide_import(state, command, context, decision);
        break;
    default:
        break;
    }
}

static enum rentbus_outcome outcome_of(const struct model_event *event)
{
    switch (event->type) {
    case RENTBUS_RENTAL_RETURN_EVENT:
    case RENTBUS_RENTAL_CHECKOUT_EVENT:
    case RENTBUS_RENTAL_ASSET_SWAPPED_EVENT:
        return RENTBUS_OUTCOME_NONE;
    case RENTBUS_RENTAL_RETURN_COMPLETE_EVENT:
        return RENTBUS_OUTCOME_COMPLETED;
    case RENTBUS_RENTAL_RETURN_REJECTED_EVENT:
        return RENTBUS_OUTCOME_REJECTED;
    case RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT:
        return event->reason == RENTBUS_REASON_ALREADY_OUT ? RENTBUS_OUTCOME_ALREADY_OUT
                                                           : RENTBUS_OUTCOME_REJECTED;
    case RENTBUS_COMMAND_UNCHANGED_EVENT:
        return RENTBUS_OUTCOME_UNCHANGED;
    case RENTBUS_USER_UPDATED_EVENT:
    case RENTBUS_ASSET_UPDATED_EVENT:
    case RENTBUS_ASSET_TYPE_UPDATED_EVENT:
    case RENTBUS_LOCATION_UPDATED_EVENT:
        return RENTBUS_OUTCOME_UPDATED;
    default:
        return RENTBUS_OUTCOME_CREATED;
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
        result->reason =
            outcome == RENTBUS_OUTCOME_ALREADY_OUT ? RENTBUS_REASON_NONE : event->reason;
        result->rental = event->rental;
        result->has_rental = event->has_rental || event->rental.id.given;
    }
}
