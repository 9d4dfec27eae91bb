/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/returning.h"
#include "daemon/ledger/view.h"

static void add_return(const struct ledger_returning *returning, struct ledger_decision *decision)
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
    if (scan->has_device_time)
        RENTBUS_SET(data, return_data, device_time, scan->device_time);
    if (scan->device_id.data) {
        RENTBUS_SET(data, return_data, device_id, scan->device_id);
        RENTBUS_SET(data, return_data, device_seq, scan->device_seq);
    }
}

static void add_rejected(const struct ledger_returning *returning, struct ledger_decision *decision)
{
    const struct ledger_reasons *reasons = &returning->reasons;
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
        ledger_rental_view(returning->expired, &data->rental);
    }
}

static enum rentbus_matched_by matched_by(const struct ledger_returning *returning,
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
static void add_completed(const struct ledger_returning *returning,
                          struct ledger_decision *decision)
{
    const struct ledger_scan *scan = returning->scan;
    const struct ledger_rental *rental = returning->found;
    const struct ledger_rental *other = returning->asset->rental;
    struct rentbus_complete_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT,
                             ledger_rental_id(rental))
             ->data.complete_data;
    struct rentbus_rental *view = &data->rental;
    const struct ledger_reasons overridden = {1, {RENTBUS_REASON_RENTAL_EXPIRED}};

    data->has = RENTBUS_BIT(complete_data, rental);
    ledger_rental_view(rental, view);
    RENTBUS_SET(view, rental, rev, rental->state.rev + UINT64_C(1));
    RENTBUS_SET(view, rental, status,
                returning->flags ? RENTBUS_STATUS_FLAGGED : RENTBUS_STATUS_COMPLETED);
    if (returning->flags)
        RENTBUS_SET(view, rental, flag_reason, rentbus_text("late"));
    RENTBUS_SET(view, rental, closed_by, RENTBUS_CLOSED_BY_return_scan);
    RENTBUS_SET(view, rental, returned_at, scan->occurred_at);
    RENTBUS_SET(view, rental, returned_asset_id, ledger_asset_id(returning->asset));
    if (scan->location_id.data)
        RENTBUS_SET(view, rental, returned_at_location_id, scan->location_id);
    RENTBUS_SET(data, complete_data, asset_type, ledger_name_text(returning->asset->state.type));
    RENTBUS_SET(data, complete_data, matched_by, matched_by(returning, rental));
    RENTBUS_SET(data, complete_data, policy_version, returning->policy->version);
    if (returning->overrides) {
        RENTBUS_SET(data, complete_data, override, scan->override);
        data->has |= RENTBUS_BIT(complete_data, overridden);
        ledger_reasons_fill(&overridden, &data->overridden);
    }
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
    struct ledger_returning returning;
    int error = ledger_override_check(scan->override, fault);

    if (error != 0)
        return error;
    if (!ledger_returning_search(ledger, scan, context, &returning))
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "rental_id", "no such rental");
    if (ledger_decide_resent(ledger, command, decision))
        return 0;
    add_return(&returning, decision);
    if (returning.found)
        add_completed(&returning, decision);
    else
        add_rejected(&returning, decision);
    ledger_decide_gap(ledger, scan, decision);
    return 0;
}
