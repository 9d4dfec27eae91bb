/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/view.h"

#include "daemon/ledger/things.h"

#include <string.h>

static void view_closed(const struct ledger_rental_state *state, struct rentbus_rental *view)
{
    if (state->closed_by != RENTBUS_CLOSED_BY_NONE)
        RENTBUS_SET(view, rental, closed_by, (enum rentbus_closed_by)state->closed_by);
    if (state->flag_reason)
        RENTBUS_SET(view, rental, flag_reason, ledger_name_text(state->flag_reason));
    if (state->has_returned_at)
        RENTBUS_SET(view, rental, returned_at, state->returned_at);
    if (state->returned_asset)
        RENTBUS_SET(view, rental, returned_asset_id, ledger_asset_id(state->returned_asset));
    if (state->returned_location)
        RENTBUS_SET(view, rental, returned_at_location_id,
                    ledger_name_text(state->returned_location));
}

void ledger_rental_view(const struct ledger_rental *rental, struct rentbus_rental *view)
{
    const struct ledger_rental_state *state = &rental->state;

    view->has = RENTBUS_BIT(rental, eligible_asset_types);
    RENTBUS_SET(view, rental, id, ledger_rental_id(rental));
    RENTBUS_SET(view, rental, rev, state->rev);
    RENTBUS_SET(view, rental, status, (enum rentbus_status)state->status);
    RENTBUS_SET(view, rental, user_id, ledger_user_id(rental->user));
    RENTBUS_SET(view, rental, asset_id, ledger_asset_id(state->asset));
    RENTBUS_SET(view, rental, renewals, state->renewals);
    RENTBUS_SET(view, rental, created_at, rental->created_at);
    RENTBUS_SET(view, rental, expires_at, state->expires_at);
    RENTBUS_SET(view, rental, created_seq, rental->created_seq);
    RENTBUS_SET(view, rental, created_at_location_id, ledger_name_text(rental->created_location));
    ledger_type_list_view(rental->eligible, &view->eligible_asset_types);
    if (!ledger_rental_open(rental))
        view_closed(state, view);
}

void ledger_user_view(const struct ledger_user *user, struct rentbus_user *view)
{
    const struct ledger_user_state *state = &user->state;

    view->has = 0;
    RENTBUS_SET(view, user, id, ledger_user_id(user));
    if (state->name)
        RENTBUS_SET(view, user, name, ledger_label_text(state->name));
    if (state->limit.given)
        RENTBUS_SET(view, user, user_limit, state->limit.most);
    if (state->block_reason)
        RENTBUS_SET(view, user, block_reason, ledger_label_text(state->block_reason));
}

void ledger_asset_view(const struct ledger_asset *asset, struct rentbus_asset *view)
{
    view->has = 0;
    RENTBUS_SET(view, asset, id, ledger_asset_id(asset));
    RENTBUS_SET(view, asset, asset_type, ledger_name_text(asset->state.type));
    if (asset->rental)
        RENTBUS_SET(view, asset, rental_id, ledger_rental_id(asset->rental));
}

void ledger_asset_type_view(const struct ledger_asset_type *asset_type,
                            struct rentbus_asset_type *view)
{
    const struct ledger_asset_type_state *state = &asset_type->state;
    struct rentbus_text id = {asset_type->id, asset_type->key.length};

    view->has = RENTBUS_BIT(asset_type, eligible_asset_types);
    RENTBUS_SET(view, asset_type, id, id);
    RENTBUS_SET(view, asset_type, loan_period, state->loan_period);
    RENTBUS_SET(view, asset_type, renewal_period, state->renewal_period);
    if (state->has_due_soon_lead)
        RENTBUS_SET(view, asset_type, due_soon_lead, state->due_soon_lead);
    if (state->user_limit.given)
        RENTBUS_SET(view, asset_type, user_limit, state->user_limit.most);
    if (state->renewals.given)
        RENTBUS_SET(view, asset_type, renewals_max, state->renewals.most);
    ledger_type_list_view(state->eligible, &view->eligible_asset_types);
}

void ledger_location_view(const struct ledger_location *location, struct rentbus_location *view)
{
    struct rentbus_text id = {location->id, location->key.length};

    view->has = 0;
    RENTBUS_SET(view, location, id, id);
    if (location->name)
        RENTBUS_SET(view, location, name, ledger_label_text(location->name));
}

void ledger_rental_copy(const struct rentbus_rental *from, struct rentbus_rental *to)
{
    const struct rentbus_ids *types = &from->eligible_asset_types;
    size_t list = offsetof(struct rentbus_rental, eligible_asset_types);
    size_t items = list + offsetof(struct rentbus_ids, items);
    size_t behind = list + sizeof(*types);

    memcpy(to, from, items + types->count * sizeof(types->items[0]));
    memcpy((char *)to + behind, (const char *)from + behind, sizeof(*from) - behind);
}

bool ledger_rental_get(const struct ledger *ledger, struct rentbus_text id,
                       struct rentbus_rental *rental)
{
    const struct ledger_rental *found = ledger_find_rental(ledger, id);

    if (found)
        ledger_rental_view(found, rental);
    return found != NULL;
}

bool ledger_user_get(const struct ledger *ledger, struct rentbus_text id, struct rentbus_user *user)
{
    const struct ledger_user *found = ledger_find_user(ledger, id);

    if (found)
        ledger_user_view(found, user);
    return found != NULL;
}

bool ledger_asset_get(const struct ledger *ledger, struct rentbus_text id,
                      struct rentbus_asset *asset)
{
    const struct ledger_asset *found = ledger_find_asset(ledger, id);

    if (found)
        ledger_asset_view(found, asset);
    return found != NULL;
}

bool ledger_asset_type_get(const struct ledger *ledger, struct rentbus_text id,
                           struct rentbus_asset_type *asset_type)
{
    const struct ledger_asset_type *found = ledger_find_asset_type(ledger, id);

    if (found)
        ledger_asset_type_view(found, asset_type);
    return found != NULL;
}

bool ledger_location_get(const struct ledger *ledger, struct rentbus_text id,
                         struct rentbus_location *location)
{
    const struct ledger_location *found = ledger_find_location(ledger, id);

    if (found)
        ledger_location_view(found, location);
    return found != NULL;
}
