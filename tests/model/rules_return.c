/* SPDX-License-Identifier: MPL-2.0 */
#include <string.h>

#include "sdk/protocol/time.h"
#include "tests/model/rules.h"

/* A return scan with what it leaves to be worked out. */
struct scan {
    struct model_text user_id; /* absent: nobody said who */
    struct model_text asset_id;
    int64_t occurred_at;
    const struct model_rental *named; /* by rental_id, or NULL */
    enum rentbus_return_match match;
    enum model_late late;
    int64_t late_grace; /* seconds */
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

/* The reasons that need no look at the rentals. */
static struct model_reasons scan_reasons(const struct model_state *state, const struct scan *scan,
                                         int64_t now)
{
    struct model_reasons reasons = {0};
    bool asset_known = model_asset(state, &scan->asset_id) != NULL;
    bool user_known = !scan->user_id.given || model_user(state, &scan->user_id);
    if (!asset_known)
        model_reason_add(&reasons, RENTBUS_REASON_ASSET_UNKNOWN);
    if (!user_known)
        model_reason_add(&reasons, RENTBUS_REASON_USER_UNKNOWN);
    if (scan->occurred_at - now > state->policy.max_skew * RENTBUS_SECOND)
        model_reason_add(&reasons, RENTBUS_REASON_CLOCK_SKEW);
    if (asset_known && user_known && already_returned(state, scan))
        model_reason_add(&reasons, RENTBUS_REASON_ALREADY_RETURNED);
    return reasons;
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

/* Whether a rental is taken before another one. */
static bool before(const struct scan *scan, const struct model_rental *a,
                   const struct model_rental *b)
{
    if (scan->match == RENTBUS_RETURN_MATCH_exact_asset_first) {
        bool exact_a = model_text_equal(&a->asset_id, &scan->asset_id);
        bool exact_b = model_text_equal(&b->asset_id, &scan->asset_id);
        if (exact_a != exact_b)
            return exact_a;
    }
    if (scan->match == RENTBUS_RETURN_MATCH_soonest_expiry && a->expires_at != b->expires_at)
        return a->expires_at < b->expires_at;
    if (a->created_at != b->created_at)
        return a->created_at < b->created_at;
    return strcmp(a->id.text, b->id.text) < 0;
}

/* The first of the rentals in question that take the type of the asset and are late or not. */
static const struct model_rental *first(const struct model_state *state, const struct scan *scan,
                                        bool late)
{
    const struct model_text *type = &model_asset(state, &scan->asset_id)->asset_type;
    const struct model_rental *best = NULL;
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (!in_question(scan, rental) || !model_ids_contain(&rental->eligible, type))
            continue;
        int64_t over = scan->occurred_at - rental->expires_at;
        if ((over > scan->late_grace * RENTBUS_SECOND) != late)
            continue;
        if (!best || before(scan, rental, best))
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

static enum rentbus_matched_by matched_by(const struct scan *scan, const struct model_rental *match)
{
    if (scan->named)
        return RENTBUS_MATCHED_BY_rental_id;
    if (!scan->user_id.given)
        return RENTBUS_MATCHED_BY_last_holder;
    if (scan->match == RENTBUS_RETURN_MATCH_soonest_expiry)
        return RENTBUS_MATCHED_BY_soonest_expiry;
    if (scan->match == RENTBUS_RETURN_MATCH_exact_asset_first &&
        model_text_equal(&match->asset_id, &scan->asset_id))
        return RENTBUS_MATCHED_BY_exact_asset;
    return RENTBUS_MATCHED_BY_oldest;
}

/* How the scan ends a rental. */
enum ending { IN_TIME, OVERRIDDEN, FLAGGED };

static void add_completion(const struct model_state *state, const struct model_command *command,
                           const struct scan *scan, const struct model_rental *match,
                           enum ending ending, struct model_decision *decision)
{
    bool flagged = ending == FLAGGED;
    struct model_reasons expired = model_reason_alone(RENTBUS_REASON_RENTAL_EXPIRED);
    struct model_event *complete =
        model_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, match->id);
    complete->matched_by = matched_by(scan, match);
    complete->policy_version = model_policy_version(state);
    complete->returned_type = model_asset(state, &scan->asset_id)->asset_type;
    if (ending == OVERRIDDEN)
        model_set_override(command, &expired, complete);
    complete->rental = *match;
    complete->rental.status = flagged ? RENTBUS_STATUS_FLAGGED : RENTBUS_STATUS_COMPLETED;
    if (flagged)
        complete->rental.flag_reason = model_text("late");
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
    struct model_event *swapped =
        model_add(decision, RENTBUS_RENTAL_ASSET_SWAPPED_EVENT, other->id);
    swapped->rental = *other;
    swapped->rental.asset_id = match->asset_id;
    swapped->rental.rev++;
    swapped->previous_asset_id = scan->asset_id;
}

/* Behind the reasons that need no look at the rentals. */
static void match_scan(const struct model_state *state, const struct model_command *command,
                       const struct scan *scan, struct model_decision *decision)
{
    const struct model_rental *match = first(state, scan, false);
    const struct model_rental *late = first(state, scan, true);
    enum rentbus_reason reason = RENTBUS_REASON_NO_OPEN_RENTAL;
    if (match) {
        add_completion(state, command, scan, match, IN_TIME, decision);
        return;
    }
    if (late && (command->override.given || scan->late == MODEL_LATE_FLAG)) {
        add_completion(state, command, scan, late, command->override.given ? OVERRIDDEN : FLAGGED,
                       decision);
        return;
    }
    if (late)
        reason = RENTBUS_REASON_RENTAL_EXPIRED;
    else if (has_open_rental(state, scan))
        reason = RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE;
    model_add_rejection(state, command, RENTBUS_RENTAL_RETURN_REJECTED_EVENT,
                        model_reason_alone(reason), late, decision);
}

/* False when it names a rental that nobody knows. */
static bool read_scan(const struct model_state *state, const struct model_command *command,
                      const struct model_context *context, struct scan *scan)
{
    *scan = (struct scan){.user_id = command->user_id,
                          .asset_id = command->asset_id,
                          .occurred_at = command->occurred_at,
                          .match = state->policy.return_match};
    scan->late = model_late_return(&state->policy.late_return, &scan->late_grace);
    if (!command->rental_id.given)
        return true;
    scan->named = model_rental(state, &command->rental_id);
    if (!scan->named)
        scan->named = context->archived;
    if (!scan->named)
        return false;
    if (!scan->user_id.given)
        scan->user_id = scan->named->user_id;
    if (!scan->asset_id.given)
        scan->asset_id = scan->named->asset_id;
    return true;
}

void model_decide_return(const struct model_state *state, const struct model_command *command,
                         const struct model_context *context, struct model_decision *decision)
{
    struct scan scan;
    if (model_refuse_override(command, decision))
        return;
    if (!read_scan(state, command, context, &scan)) {
        model_refuse(decision, RENTBUS_ERROR_NOT_FOUND, "rental_id");
        return;
    }
    if (model_add_resend(state, command, decision))
        return;

    struct model_event *event =
        model_add(decision, RENTBUS_RENTAL_RETURN_EVENT,
                  command->asset_id.given ? command->asset_id : command->rental_id);
    model_set_scan(command, event);
    event->rental_id = command->rental_id;

    struct model_reasons reasons = scan_reasons(state, &scan, context->now);
    if (reasons.count > 0)
        model_add_rejection(state, command, RENTBUS_RENTAL_RETURN_REJECTED_EVENT, reasons, NULL,
                            decision);
    else
        match_scan(state, command, &scan, decision);
    model_add_gap(state, command, decision);
}

/* ---- why a return came to what it did ---- */

/* The next of the open rentals of a user that are in question or not, behind `after` or the first;
 * NULL behind the last. */
static const struct model_rental *next_candidate(const struct model_state *state,
                                                 const struct scan *scan,
                                                 const struct model_text *user_id, bool asked,
                                                 const struct model_rental *after)
{
    const struct model_rental *next = NULL;
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (rental->status != RENTBUS_STATUS_IN_PROGRESS ||
            !model_text_equal(&rental->user_id, user_id) || in_question(scan, rental) != asked)
            continue;
        if ((!after || before(scan, after, rental)) && (!next || before(scan, rental, next)))
            next = rental;
    }
    return next;
}

static enum rentbus_verdict verdict(const struct model_state *state, const struct scan *scan,
                                    const struct model_rental *chosen,
                                    const struct model_rental *rental)
{
    if (rental == chosen)
        return RENTBUS_VERDICT_chosen;
    if (!model_ids_contain(&rental->eligible, &model_asset(state, &scan->asset_id)->asset_type))
        return RENTBUS_VERDICT_not_eligible;
    bool late = scan->occurred_at - rental->expires_at > scan->late_grace * RENTBUS_SECOND;
    return late ? RENTBUS_VERDICT_expired : RENTBUS_VERDICT_behind;
}

size_t model_candidates(const struct model_state *state, const struct model_command *command,
                        const struct model_context *context, struct model_candidate *candidates)
{
    struct scan scan;
    size_t count = 0;
    if (!read_scan(state, command, context, &scan) ||
        scan_reasons(state, &scan, context->now).count > 0)
        return 0;
    const struct model_rental *out = model_out(state, &scan.asset_id);
    const struct model_text *user_id = scan.user_id.given ? &scan.user_id : NULL;
    if (!user_id && out)
        user_id = &out->user_id;
    if (!user_id)
        return 0;
    const struct model_rental *chosen = first(state, &scan, false);
    if (!chosen && (command->override.given || scan.late == MODEL_LATE_FLAG))
        chosen = first(state, &scan, true);
    const struct model_rental *rental = NULL;
    while ((rental = next_candidate(state, &scan, user_id, true, rental)))
        candidates[count++] =
            (struct model_candidate){rental, verdict(state, &scan, chosen, rental)};
    /* Nobody chooses among these: they stand by their age. */
    scan.match = RENTBUS_RETURN_MATCH_oldest;
    while ((rental = next_candidate(state, &scan, user_id, false, rental)))
        candidates[count++] = (struct model_candidate){rental, RENTBUS_VERDICT_not_named};
    return count;
}
