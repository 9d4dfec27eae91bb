/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/view.h"
#include "sdk/protocol/time.h"

/* A return with what it names looked up. */
struct returning {
    const struct ledger_policy *policy;
    const struct ledger_scan *scan;
    const struct ledger_context *context;
    struct rentbus_text user_id;  /* given, or of the named rental; may be absent */
    struct rentbus_text asset_id; /* given, or of the named rental */
    struct rentbus_text subject;
    const struct ledger_user *user;   /* NULL: unknown, or not given */
    const struct ledger_asset *asset; /* NULL: unknown */
    struct ledger_rental *named;      /* by rental_id, when in memory */
    enum rentbus_status named_status; /* NONE when no rental is named */
};

/* The search for the rental that a return completes. */
struct matching {
    const struct ledger_name *type; /* of the returned asset */
    int64_t occurred_at;
    int64_t forgiven; /* microseconds behind expires_at that count as in time */
    const struct ledger_rental *found;
    const struct ledger_rental *expired; /* the first that failed by expiry alone */
};

/* Looks at one more candidate; false when it is the one. */
static bool matching_consider(void *context, struct ledger_rental *rental)
{
    struct matching *matching = context;

    if (!ledger_type_list_has(rental->eligible, matching->type))
        return true;
    if (matching->occurred_at <= rental->state.expires_at + matching->forgiven) {
        matching->found = rental;
        return false;
    }
    if (!matching->expired)
        matching->expired = rental;
    return true;
}

/* Those visited before are older, and go before where both end at the same time. */
static void keep_sooner(const struct ledger_rental **kept, const struct ledger_rental *rental)
{
    if (!*kept || rental->state.expires_at < (*kept)->state.expires_at)
        *kept = rental;
}

/* The same for the one that ends soonest; looks at all. */
static bool matching_consider_soonest(void *context, struct ledger_rental *rental)
{
    struct matching *matching = context;
    struct matching one = *matching;

    one.found = one.expired = NULL;
    matching_consider(&one, rental);
    if (one.found)
        keep_sooner(&matching->found, rental);
    if (one.expired)
        keep_sooner(&matching->expired, rental);
    return true;
}

/* Looks at the user's rentals in the order of the policy. */
static void matching_search(struct matching *matching, enum rentbus_return_match order,
                            const struct ledger_user *user, struct ledger_rental *exact)
{
    if (order == RENTBUS_RETURN_MATCH_soonest_expiry) {
        ledger_tree_walk(user->open, LEDGER_BY_AGE, matching_consider_soonest, matching);
        return;
    }
    if (order == RENTBUS_RETURN_MATCH_exact_asset_first && exact && exact->user == user)
        matching_consider(matching, exact);
    if (!matching->found)
        ledger_tree_walk(user->open, LEDGER_BY_AGE, matching_consider, matching);
}

/* Looks up what the scan names. False when it names a rental that nobody knows. */
static bool returning_resolve(const struct ledger *ledger, struct returning *returning)
{
    const struct ledger_scan *scan = returning->scan;
    const struct rentbus_rental *archived = returning->context->archived;

    returning->user_id = scan->user_id;
    returning->asset_id = scan->asset_id;
    if (scan->rental_id.data) {
        returning->named = ledger_find_rental(ledger, scan->rental_id);
        if (!returning->named && !archived)
            return false;
        if (!scan->user_id.data)
            returning->user_id =
                returning->named ? ledger_user_id(returning->named->user) : archived->user_id;
        if (!scan->asset_id.data)
            returning->asset_id = returning->named ? ledger_asset_id(returning->named->state.asset)
                                                   : archived->asset_id;
        returning->named_status = returning->named
                                      ? (enum rentbus_status)returning->named->state.status
                                      : archived->status;
    }
    returning->subject = scan->asset_id.data ? scan->asset_id : scan->rental_id;
    returning->user = ledger_find_user(ledger, returning->user_id);
    returning->asset = ledger_find_asset(ledger, returning->asset_id);
    return true;
}

static bool already_returned(const struct returning *returning)
{
    const struct ledger_user *returned_by = returning->asset->state.returned_by;

    if (returning->named_status == RENTBUS_STATUS_COMPLETED)
        return true;
    return returned_by && (!returning->user || returned_by == returning->user);
}

/* The reasons to reject the scan before any matching. */
static void returning_check(const struct returning *returning, struct ledger_reasons *reasons)
{
    bool user_unknown = returning->user_id.data && !returning->user;
    int64_t latest = returning->context->now + returning->policy->max_skew;

    ledger_reasons_add(reasons, !returning->asset, RENTBUS_REASON_ASSET_UNKNOWN);
    ledger_reasons_add(reasons, user_unknown, RENTBUS_REASON_USER_UNKNOWN);
    ledger_reasons_add(reasons, returning->scan->occurred_at > latest, RENTBUS_REASON_CLOCK_SKEW);
    ledger_reasons_add(reasons, returning->asset && !user_unknown && already_returned(returning),
                       RENTBUS_REASON_ALREADY_RETURNED);
}

/* Fills `found` of *matching, or gives the reason why there is none. */
static enum rentbus_reason returning_match(const struct returning *returning,
                                           struct matching *matching)
{
    struct ledger_rental *holder = returning->asset->rental;
    const struct ledger_user *user = returning->user;

    if (returning->named_status != RENTBUS_STATUS_NONE) {
        if (returning->named && ledger_rental_open(returning->named) &&
            returning->named->user == user)
            matching_consider(matching, returning->named);
    } else if (user) {
        matching_search(matching, returning->policy->return_match, user, holder);
    } else if (holder) {
        user = holder->user;
        matching_consider(matching, holder);
    }
    if (!matching->found && returning->policy->late.flags)
        matching->found = matching->expired;
    if (matching->found)
        return RENTBUS_REASON_NONE;
    if (matching->expired)
        return RENTBUS_REASON_RENTAL_EXPIRED;
    return user && user->open ? RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE
                              : RENTBUS_REASON_NO_OPEN_RENTAL;
}

static void add_return(const struct returning *returning, struct ledger_decision *decision)
{
    const struct ledger_scan *scan = returning->scan;
    struct rentbus_return_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_EVENT, returning->subject)
             ->data.return_data;

    data->has = 0;
    RENTBUS_SET(data, return_data, occurred_at, scan->occurred_at);
    if (scan->user_id.data)
        RENTBUS_SET(data, return_data, user_id, scan->user_id);
    if (scan->asset_id.data)
        RENTBUS_SET(data, return_data, asset_id, scan->asset_id);
    if (scan->rental_id.data)
        RENTBUS_SET(data, return_data, rental_id, scan->rental_id);
    if (scan->location_id.data)
        RENTBUS_SET(data, return_data, location_id, scan->location_id);
}

static void add_rejected(const struct returning *returning, const struct ledger_reasons *reasons,
                         const struct ledger_rental *expired, struct ledger_decision *decision)
{
    const struct ledger_scan *scan = returning->scan;
    struct rentbus_rejected_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_REJECTED_EVENT, returning->subject)
             ->data.rejected_data;

    data->has = RENTBUS_BIT(rejected_data, reasons);
    ledger_reasons_fill(reasons, &data->reasons);
    RENTBUS_SET(data, rejected_data, reason, reasons->items[0]);
    RENTBUS_SET(data, rejected_data, policy_version, returning->policy->version);
    RENTBUS_SET(data, rejected_data, occurred_at, scan->occurred_at);
    if (scan->user_id.data)
        RENTBUS_SET(data, rejected_data, user_id, scan->user_id);
    if (scan->asset_id.data)
        RENTBUS_SET(data, rejected_data, asset_id, scan->asset_id);
    if (scan->location_id.data)
        RENTBUS_SET(data, rejected_data, location_id, scan->location_id);
    if (reasons->items[0] == RENTBUS_REASON_RENTAL_EXPIRED) {
        data->has |= RENTBUS_BIT(rejected_data, rental);
        ledger_rental_view(expired, &data->rental);
    }
}

static enum rentbus_matched_by matched_by(const struct returning *returning,
                                          const struct ledger_rental *rental)
{
    enum rentbus_return_match order = returning->policy->return_match;

    if (returning->scan->rental_id.data)
        return RENTBUS_MATCHED_BY_rental_id;
    if (!returning->user)
        return RENTBUS_MATCHED_BY_last_holder;
    if (order == RENTBUS_RETURN_MATCH_soonest_expiry)
        return RENTBUS_MATCHED_BY_soonest_expiry;
    return order == RENTBUS_RETURN_MATCH_exact_asset_first && rental == returning->asset->rental
               ? RENTBUS_MATCHED_BY_exact_asset
               : RENTBUS_MATCHED_BY_oldest;
}

static void add_swapped(const struct ledger_rental *other, const struct ledger_rental *completed,
                        struct ledger_decision *decision)
{
    struct rentbus_swapped_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_ASSET_SWAPPED_EVENT, ledger_rental_id(other))
             ->data.swapped_data;

    data->has = RENTBUS_BIT(swapped_data, rental);
    ledger_rental_view(other, &data->rental);
    RENTBUS_SET(&data->rental, rental, rev, other->state.rev + UINT64_C(1));
    RENTBUS_SET(&data->rental, rental, asset_id, ledger_asset_id(completed->state.asset));
    RENTBUS_SET(data, swapped_data, previous_asset_id, ledger_asset_id(other->state.asset));
}

/* Completes the rental, or flags the one that is late; what else the asset was out on is swapped or
 * named as a conflict. */
static void add_completed(const struct returning *returning, const struct ledger_rental *rental,
                          bool late, struct ledger_decision *decision)
{
    const struct ledger_scan *scan = returning->scan;
    const struct ledger_rental *other = returning->asset->rental;
    struct rentbus_complete_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT,
                             ledger_rental_id(rental))
             ->data.complete_data;
    struct rentbus_rental *view = &data->rental;

    data->has = RENTBUS_BIT(complete_data, rental);
    ledger_rental_view(rental, view);
    RENTBUS_SET(view, rental, rev, rental->state.rev + UINT64_C(1));
    RENTBUS_SET(view, rental, status, late ? RENTBUS_STATUS_FLAGGED : RENTBUS_STATUS_COMPLETED);
    if (late)
        RENTBUS_SET(view, rental, flag_reason, rentbus_text("late"));
    RENTBUS_SET(view, rental, closed_by, RENTBUS_CLOSED_BY_return_scan);
    RENTBUS_SET(view, rental, returned_at, scan->occurred_at);
    RENTBUS_SET(view, rental, returned_asset_id, ledger_asset_id(returning->asset));
    if (scan->location_id.data)
        RENTBUS_SET(view, rental, returned_at_location_id, scan->location_id);
    RENTBUS_SET(data, complete_data, matched_by, matched_by(returning, rental));
    RENTBUS_SET(data, complete_data, policy_version, returning->policy->version);
    if (!other || other == rental)
        return;
    if (other->user == rental->user)
        add_swapped(other, rental, decision);
    else
        RENTBUS_SET(data, complete_data, conflict_rental_id, ledger_rental_id(other));
}

int ledger_decide_return(const struct ledger *ledger, const struct ledger_command *command,
                         const struct ledger_context *context, struct ledger_decision *decision,
                         struct rentbus_fault *fault)
{
    const struct ledger_scan *scan = &command->args.scan;
    struct returning returning = {.policy = &ledger->policy, .scan = scan, .context = context};
    struct matching matching = {
        .occurred_at = scan->occurred_at,
        .forgiven = ledger->policy.late.forgiven * RENTBUS_SECOND,
    };
    struct ledger_reasons reasons = {0};
    enum rentbus_reason unmatched;

    if (!returning_resolve(ledger, &returning))
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "rental_id", "no such rental");
    returning_check(&returning, &reasons);
    if (reasons.count == 0) {
        matching.type = returning.asset->state.type;
        unmatched = returning_match(&returning, &matching);
        ledger_reasons_add(&reasons, unmatched != RENTBUS_REASON_NONE, unmatched);
    }
    add_return(&returning, decision);
    if (reasons.count == 0)
        add_completed(&returning, matching.found, matching.found == matching.expired, decision);
    else
        add_rejected(&returning, &reasons, matching.expired, decision);
    return 0;
}
