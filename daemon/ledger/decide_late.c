/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/late.h"
#include "daemon/ledger/view.h"

static bool has_type(const struct ledger_loan *loan, const struct ledger_asset *asset)
{
    for (size_t i = 0; i < loan->types.count; i++)
        if (rentbus_text_equal(loan->types.items[i], ledger_name_text(asset->state.type)))
            return true;
    return false;
}

static bool answers(const struct ledger_loan *loan, const struct ledger_user *user,
                    const struct ledger_unanswered_return *item)
{
    return (!item->user || item->user == user) && loan->created_at <= item->occurred_at &&
           item->occurred_at <= loan->expires_at;
}

const struct ledger_unanswered_return *ledger_late_return(const struct ledger *ledger,
                                                          const struct ledger_user *user,
                                                          const struct ledger_asset *asset,
                                                          const struct ledger_loan *loan)
{
    const struct ledger_unanswered *unanswered = ledger_unanswered_find(ledger, asset);
    const struct ledger_unanswered_return *first = NULL;

    if (!unanswered || !has_type(loan, asset))
        return NULL;
    for (size_t i = 0; i < unanswered->count; i++) {
        const struct ledger_unanswered_return *item = &unanswered->items[i];

        if (answers(loan, user, item) && (!first || item->occurred_at < first->occurred_at))
            first = item;
    }
    return first;
}

void ledger_decide_late(const struct ledger *ledger, const struct ledger_asset *asset,
                        const struct ledger_unanswered_return *answered,
                        struct ledger_decision *decision)
{
    struct rentbus_rental_data *created = &decision->events[decision->count - 1].data.rental_data;
    struct rentbus_complete_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT, created->rental.id)
             ->data.complete_data;
    struct rentbus_rental *rental = &data->rental;

    RENTBUS_SET(created, rental_data, rejected_seq, answered->seq);
    data->has = RENTBUS_BIT(complete_data, rental);
    RENTBUS_SET(data, complete_data, policy_version, ledger->policy.version);
    RENTBUS_SET(data, complete_data, asset_type, ledger_name_text(asset->state.type));
    RENTBUS_SET(data, complete_data, rejected_seq, answered->seq);
    ledger_rental_copy(&created->rental, rental);
    RENTBUS_SET(rental, rental, rev, created->rental.rev + 1);
    RENTBUS_SET(rental, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(rental, rental, closed_by, RENTBUS_CLOSED_BY_late_checkout);
    RENTBUS_SET(rental, rental, returned_at, answered->occurred_at);
    RENTBUS_SET(rental, rental, returned_asset_id, ledger_asset_id(asset));
    if (answered->location)
        RENTBUS_SET(rental, rental, returned_at_location_id, ledger_name_text(answered->location));
}
