/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/returning.h"

#include "sdk/protocol/time.h"

/* Whether the rental could be completed: behind, until it turns out to be the one. */
static enum rentbus_verdict weigh(const struct ledger_returning *returning,
                                  const struct ledger_rental *rental)
{
    int64_t forgiven = returning->policy->late.forgiven * RENTBUS_SECOND;

    if (!ledger_type_list_has(rental->eligible, returning->asset->state.type))
        return RENTBUS_VERDICT_not_eligible;
    return returning->scan->occurred_at <= rental->state.expires_at + forgiven
               ? RENTBUS_VERDICT_behind
               : RENTBUS_VERDICT_expired;
}

/* Looks at one more candidate; false when it is the one. */
static bool consider(void *context, struct ledger_rental *rental)
{
    struct ledger_returning *returning = context;
    enum rentbus_verdict verdict = weigh(returning, rental);

    if (verdict == RENTBUS_VERDICT_behind)
        returning->found = rental;
    else if (verdict == RENTBUS_VERDICT_expired && !returning->expired)
        returning->expired = rental;
    return !returning->found;
}

/* Those visited before are older, and go before where both end at the same time. */
static void keep_sooner(const struct ledger_rental **kept, const struct ledger_rental *rental)
{
    if (!*kept || rental->state.expires_at < (*kept)->state.expires_at)
        *kept = rental;
}

/* The same for the one that ends soonest; looks at all. */
static bool consider_soonest(void *context, struct ledger_rental *rental)
{
    struct ledger_returning *returning = context;
    enum rentbus_verdict verdict = weigh(returning, rental);

    if (verdict == RENTBUS_VERDICT_behind)
        keep_sooner(&returning->found, rental);
    else if (verdict == RENTBUS_VERDICT_expired)
        keep_sooner(&returning->expired, rental);
    return true;
}

/* Looks up what the scan names. False when it names a rental that nobody knows. */
static bool resolve(const struct ledger *ledger, struct ledger_returning *returning)
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

static bool already_returned(const struct ledger_returning *returning)
{
    const struct ledger_user *returned_by = returning->asset->state.returned_by;

    if (returning->named_status == RENTBUS_STATUS_COMPLETED)
        return true;
    return returned_by && (!returning->user || returned_by == returning->user);
}

/* The reasons to reject the scan before any search. */
static void check(struct ledger_returning *returning)
{
    struct ledger_reasons *reasons = &returning->reasons;
    bool user_unknown = returning->user_id.data && !returning->user;
    int64_t latest = returning->context->now + returning->policy->max_skew;

    ledger_reasons_add(reasons, !returning->asset, RENTBUS_REASON_ASSET_UNKNOWN);
    ledger_reasons_add(reasons, user_unknown, RENTBUS_REASON_USER_UNKNOWN);
    ledger_reasons_add(reasons, returning->scan->occurred_at > latest, RENTBUS_REASON_CLOCK_SKEW);
    ledger_reasons_add(reasons, returning->asset && !user_unknown && already_returned(returning),
                       RENTBUS_REASON_ALREADY_RETURNED);
}

/* Whose rentals may be completed, and which of them has a place of its own. */
static void prepare(struct ledger_returning *returning)
{
    struct ledger_rental *holder = returning->asset->rental;
    struct ledger_rental *named = returning->named;
    bool names_rental = returning->named_status != RENTBUS_STATUS_NONE;

    returning->matched = true;
    returning->narrow = names_rental || !returning->user;
    returning->whose = returning->user;
    if (!returning->user && holder)
        returning->whose = holder->user;
    if (names_rental)
        returning->only = named && ledger_rental_open(named) ? named : NULL;
    else if (returning->narrow ||
             returning->policy->return_match == RENTBUS_RETURN_MATCH_exact_asset_first)
        returning->only = holder;
    if (returning->only && returning->only->user != returning->whose)
        returning->only = NULL;
}

/* Fills `found`, or gives the reason why there is none. */
static enum rentbus_reason match(struct ledger_returning *returning)
{
    if (returning->only)
        consider(returning, returning->only);
    if (!returning->narrow && !returning->found)
        ledger_tree_walk(returning->whose->open, LEDGER_BY_AGE,
                         returning->policy->return_match == RENTBUS_RETURN_MATCH_soonest_expiry
                             ? consider_soonest
                             : consider,
                         returning);
    if (!returning->found && returning->expired) {
        returning->overrides = returning->scan->override.data != NULL;
        returning->flags = !returning->overrides && returning->policy->late.flags;
        if (!returning->overrides && !returning->flags)
            return RENTBUS_REASON_RENTAL_EXPIRED;
        returning->found = returning->expired;
    }
    if (returning->found)
        return RENTBUS_REASON_NONE;
    return returning->whose && returning->whose->open ? RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE
                                                      : RENTBUS_REASON_NO_OPEN_RENTAL;
}

bool ledger_returning_search(const struct ledger *ledger, const struct ledger_scan *scan,
                             const struct ledger_context *context,
                             struct ledger_returning *returning)
{
    enum rentbus_reason unmatched;

    *returning =
        (struct ledger_returning){.policy = &ledger->policy, .scan = scan, .context = context};
    if (!resolve(ledger, returning))
        return false;
    check(returning);
    if (returning->reasons.count > 0)
        return true;
    prepare(returning);
    unmatched = match(returning);
    ledger_reasons_add(&returning->reasons, unmatched != RENTBUS_REASON_NONE, unmatched);
    return true;
}

enum rentbus_verdict ledger_returning_verdict(const struct ledger_returning *returning,
                                              const struct ledger_rental *rental)
{
    if (rental == returning->found)
        return RENTBUS_VERDICT_chosen;
    if (returning->narrow && rental != returning->only)
        return RENTBUS_VERDICT_not_named;
    return weigh(returning, rental);
}
