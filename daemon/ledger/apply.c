/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/apply.h"

#include "daemon/ledger/things.h"
#include "sdk/protocol/time.h"

#include <errno.h>

/* *label is NULL for an absent name. */
static int label_create(struct ledger *ledger, bool present, struct rentbus_text name,
                        struct ledger_label **label)
{
    *label = present ? ledger_label_create(ledger, name) : NULL;
    return present && !*label ? -ENOMEM : 0;
}

/* Adds what a maker returned. */
static int thing_add(struct ledger *ledger, struct ledger_registry *registry,
                     struct ledger_key *thing)
{
    if (!thing)
        return -ENOMEM;
    ledger_change_add(ledger, registry, thing);
    return 0;
}

/* A user's state as an event tells of it. */
static int user_state(struct ledger *ledger, const struct rentbus_user *data,
                      struct ledger_user_state *state)
{
    bool has_limit = RENTBUS_HAS(data, user, user_limit);

    state->limit = (struct ledger_limit){has_limit ? data->user_limit : 0, has_limit};
    if (label_create(ledger, RENTBUS_HAS(data, user, name), data->name, &state->name) < 0)
        return -ENOMEM;
    if (label_create(ledger, RENTBUS_HAS(data, user, block_reason), data->block_reason,
                     &state->block_reason) < 0) {
        ledger_label_free(ledger, state->name);
        return -ENOMEM;
    }
    return 0;
}

static int apply_user_created(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_user *data = &event->data.user;
    struct ledger_user_state state;
    struct ledger_user *user;

    (void)seq;
    if (ledger_find_user(ledger, data->id))
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->users, &ledger->memory) < 0 ||
        user_state(ledger, data, &state) < 0)
        return -ENOMEM;
    user = ledger_user_create(ledger, data->id, &state);
    return thing_add(ledger, &ledger->users, user ? &user->key : NULL);
}

/* Updated, blocked or unblocked: the event tells all there is. */
static int apply_user_updated(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_user *data = &event->data.user;
    struct ledger_user *user = ledger_find_user(ledger, data->id);
    struct ledger_user_state state;

    (void)seq;
    if (!user)
        return -EBADMSG;
    if (user_state(ledger, data, &state) < 0)
        return -ENOMEM;
    ledger_change_user(ledger, user, &state);
    return 0;
}

static int apply_location_created(struct ledger *ledger, const struct ledger_event *event,
                                  uint64_t seq)
{
    const struct rentbus_location *data = &event->data.location;
    struct ledger_location *location;
    struct ledger_label *name;

    (void)seq;
    if (ledger_find_location(ledger, data->id))
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->locations, &ledger->memory) < 0 ||
        label_create(ledger, RENTBUS_HAS(data, location, name), data->name, &name) < 0)
        return -ENOMEM;
    location = ledger_location_create(ledger, data->id, name);
    return thing_add(ledger, &ledger->locations, location ? &location->key : NULL);
}

static int apply_location_updated(struct ledger *ledger, const struct ledger_event *event,
                                  uint64_t seq)
{
    const struct rentbus_location *data = &event->data.location;
    struct ledger_location *location = ledger_find_location(ledger, data->id);
    struct ledger_label *name;

    (void)seq;
    if (!location)
        return -EBADMSG;
    if (label_create(ledger, RENTBUS_HAS(data, location, name), data->name, &name) < 0)
        return -ENOMEM;
    ledger_change_label(ledger, &location->name, name);
    return 0;
}

static int apply_asset_created(struct ledger *ledger, const struct ledger_event *event,
                               uint64_t seq)
{
    const struct rentbus_asset *data = &event->data.asset;
    struct ledger_asset *asset;
    struct ledger_name *type;

    (void)seq;
    if (ledger_find_asset(ledger, data->id))
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->assets, &ledger->memory) < 0)
        return -ENOMEM;
    type = ledger_name_intern(ledger, data->asset_type);
    if (!type)
        return -ENOMEM;
    asset = ledger_asset_create(ledger, data->id, type);
    return thing_add(ledger, &ledger->assets, asset ? &asset->key : NULL);
}

static int apply_asset_updated(struct ledger *ledger, const struct ledger_event *event,
                               uint64_t seq)
{
    const struct rentbus_asset *data = &event->data.asset;
    struct ledger_asset *asset = ledger_find_asset(ledger, data->id);
    struct ledger_asset_state state;

    (void)seq;
    if (!asset)
        return -EBADMSG;
    state = asset->state;
    state.type = ledger_name_intern(ledger, data->asset_type);
    if (!state.type)
        return -ENOMEM;
    ledger_change_asset(ledger, asset, &state);
    return 0;
}

/* Likewise of an asset type. */
static int asset_type_state(struct ledger *ledger, const struct rentbus_asset_type *data,
                            struct ledger_asset_type_state *state)
{
    bool has_lead = RENTBUS_HAS(data, asset_type, due_soon_lead);
    bool has_limit = RENTBUS_HAS(data, asset_type, user_limit);
    bool has_renewals = RENTBUS_HAS(data, asset_type, renewals_max);

    *state = (struct ledger_asset_type_state){
        .loan_period = data->loan_period,
        .renewal_period = RENTBUS_HAS(data, asset_type, renewal_period) ? data->renewal_period
                                                                        : data->loan_period,
        .due_soon_lead = has_lead ? data->due_soon_lead : 0,
        .has_due_soon_lead = has_lead,
        .user_limit = {has_limit ? data->user_limit : 0, has_limit},
        .renewals = {has_renewals ? data->renewals_max : 0, has_renewals},
        .eligible = ledger_type_list_intern(ledger, &data->eligible_asset_types),
    };
    return state->eligible ? 0 : -ENOMEM;
}

static int apply_asset_type_created(struct ledger *ledger, const struct ledger_event *event,
                                    uint64_t seq)
{
    const struct rentbus_asset_type *data = &event->data.asset_type;
    struct ledger_asset_type_state state;
    struct ledger_asset_type *asset_type;

    (void)seq;
    if (ledger_find_asset_type(ledger, data->id))
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->asset_types, &ledger->memory) < 0 ||
        asset_type_state(ledger, data, &state) < 0)
        return -ENOMEM;
    asset_type = ledger_asset_type_create(ledger, data->id, &state);
    return thing_add(ledger, &ledger->asset_types, asset_type ? &asset_type->key : NULL);
}

static int apply_asset_type_updated(struct ledger *ledger, const struct ledger_event *event,
                                    uint64_t seq)
{
    const struct rentbus_asset_type *data = &event->data.asset_type;
    struct ledger_asset_type *asset_type = ledger_find_asset_type(ledger, data->id);
    struct ledger_asset_type_state state;

    (void)seq;
    if (!asset_type)
        return -EBADMSG;
    if (asset_type_state(ledger, data, &state) < 0)
        return -ENOMEM;
    ledger_change_asset_type(ledger, asset_type, &state);
    return 0;
}

static int apply_policy(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_policy *data = &event->data.policy_data.policy;
    struct ledger_policy policy = {
        .version = seq,
        .user_limit = RENTBUS_HAS(data, policy, user_limit) ? data->user_limit : 0,
        .max_skew = data->max_skew * RENTBUS_SECOND,
        .renewal_grace = data->renewal_grace * RENTBUS_SECOND,
        .return_match = data->return_match,
    };

    if (data->version != seq || !ledger_late_return_parse(data->late_return, &policy.late))
        return -EBADMSG;
    policy.late_return = ledger_name_intern(ledger, data->late_return);
    if (!policy.late_return)
        return -ENOMEM;
    ledger_change_policy(ledger, &policy);
    return 0;
}

/* Types that are not here only move the head. */
static ledger_apply_handler *const handlers[] = {
    [RENTBUS_RENTAL_RETURN_EVENT] = ledger_apply_return,
    [RENTBUS_RENTAL_RETURN_REJECTED_EVENT] = ledger_apply_return_rejected,
    [RENTBUS_RENTAL_RETURN_COMPLETE_EVENT] = ledger_apply_complete,
    [RENTBUS_RENTAL_ASSET_SWAPPED_EVENT] = ledger_apply_swapped,
    [RENTBUS_RENTAL_CHECKOUT_EVENT] = ledger_apply_checkout,
    [RENTBUS_RENTAL_CREATED_EVENT] = ledger_apply_rental_added,
    [RENTBUS_RENTAL_IMPORTED_EVENT] = ledger_apply_rental_added,
    [RENTBUS_RENTAL_RENEWED_EVENT] = ledger_apply_renewed,
    [RENTBUS_RENTAL_FORGIVEN_EVENT] = ledger_apply_judged,
    [RENTBUS_RENTAL_FLAGGED_EVENT] = ledger_apply_judged,
    [RENTBUS_RENTAL_UNFLAGGED_EVENT] = ledger_apply_judged,
    [RENTBUS_RENTAL_DUE_SOON_EVENT] = ledger_apply_due_soon,
    [RENTBUS_RENTAL_EXPIRED_EVENT] = ledger_apply_expired,
    [RENTBUS_USER_CREATED_EVENT] = apply_user_created,
    [RENTBUS_USER_UPDATED_EVENT] = apply_user_updated,
    [RENTBUS_USER_BLOCKED_EVENT] = apply_user_updated,
    [RENTBUS_USER_UNBLOCKED_EVENT] = apply_user_updated,
    [RENTBUS_ASSET_CREATED_EVENT] = apply_asset_created,
    [RENTBUS_ASSET_UPDATED_EVENT] = apply_asset_updated,
    [RENTBUS_ASSET_TYPE_CREATED_EVENT] = apply_asset_type_created,
    [RENTBUS_ASSET_TYPE_UPDATED_EVENT] = apply_asset_type_updated,
    [RENTBUS_LOCATION_CREATED_EVENT] = apply_location_created,
    [RENTBUS_LOCATION_UPDATED_EVENT] = apply_location_updated,
    [RENTBUS_POLICY_UPDATED_EVENT] = apply_policy,
    [RENTBUS_DEVICE_IMPORTED_EVENT] = ledger_apply_device_imported,
};

int ledger_apply(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    ledger_apply_handler *handler = NULL;
    int error;

    if (seq != ledger->head + 1)
        return -EBADMSG;
    if ((size_t)event->type < sizeof(handlers) / sizeof(handlers[0]))
        handler = handlers[event->type];
    if (handler) {
        error = ledger_undo_reserve(ledger);
        if (error == 0)
            error = handler(ledger, event, seq);
        if (error < 0)
            return error;
    }
    ledger->head = seq;
    return 0;
}
