/* SPDX-License-Identifier: MPL-2.0 */
/* Each handler checks that the event can follow, then takes all the memory that it needs, then
 * changes the ledger, which cannot fail. */
#include "daemon/ledger/ledger.h"

#include "daemon/ledger/things.h"

#include <errno.h>

typedef int apply_handler(struct ledger *ledger, const struct ledger_event *event, uint64_t seq);

/* Sets or clears the mark of an asset that it came back by a return scan. */
static void asset_mark(struct ledger *ledger, struct ledger_asset *asset,
                       struct ledger_user *returned_by)
{
    struct ledger_asset_state state = {asset->state.type, returned_by};

    if (asset->state.returned_by == returned_by)
        return;
    ledger_name_retain(state.type);
    ledger_change_asset(ledger, asset, &state);
}

/* The rental's state, with references of the caller's. */
static struct ledger_rental_state rental_state(const struct ledger_rental *rental)
{
    ledger_name_retain(rental->state.returned_location);
    return rental->state;
}

static int apply_rental_added(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_rental *data = &event->data.rental_data.rental;
    struct ledger_rental *rental;
    int error;

    if (data->created_seq != seq || ledger_find_rental(ledger, data->id))
        return -EBADMSG;
    error = ledger_table_reserve(&ledger->rentals, &ledger->memory);
    if (error == 0)
        error = ledger_sequence_reserve(&ledger->created, &ledger->memory);
    if (error == 0)
        error = ledger_rental_create(ledger, data, seq, &rental);
    if (error < 0)
        return error;
    if (ledger_rental_open(rental) && rental->state.asset->rental) {
        ledger_rental_free(ledger, rental);
        return -EBADMSG;
    }
    ledger_change_add_rental(ledger, rental);
    if (ledger_rental_open(rental))
        asset_mark(ledger, rental->state.asset, NULL);
    return 0;
}

/* A checkout by the user who holds the asset makes no new rental, but shows that the user has it.
 */
static int apply_checkout(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_checkout_data *data = &event->data.checkout_data;
    struct ledger_asset *asset = ledger_find_asset(ledger, data->asset_id);

    (void)seq;
    if (asset && asset->rental &&
        rentbus_text_equal(ledger_user_id(asset->rental->user), data->user_id))
        asset_mark(ledger, asset, NULL);
    return 0;
}

/* The rental that an event changes: open, and one revision behind the event. */
static struct ledger_rental *open_rental(const struct ledger *ledger,
                                         const struct rentbus_rental *data)
{
    struct ledger_rental *rental = ledger_find_rental(ledger, data->id);

    if (!rental || !ledger_rental_open(rental) || data->rev != rental->state.rev + UINT64_C(1))
        return NULL;
    return rental;
}

static int apply_complete(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_rental *data = &event->data.complete_data.rental;
    struct ledger_rental *rental = open_rental(ledger, data);
    struct ledger_asset *returned = ledger_find_asset(ledger, data->returned_asset_id);
    struct ledger_rental_state state;

    if (!rental || !returned || data->status == RENTBUS_STATUS_IN_PROGRESS)
        return -EBADMSG;
    state = rental->state;
    state.returned_location = NULL;
    if (RENTBUS_HAS(data, rental, returned_at_location_id)) {
        state.returned_location = ledger_name_intern(ledger, data->returned_at_location_id);
        if (!state.returned_location)
            return -ENOMEM;
    }
    state.status = (uint8_t)data->status;
    state.closed_by = (uint8_t)data->closed_by;
    state.closed_seq = seq;
    state.has_returned_at = RENTBUS_HAS(data, rental, returned_at);
    state.returned_at = data->returned_at;
    state.returned_asset = returned;
    state.rev++;
    ledger_change_rental(ledger, rental, &state);
    if (data->closed_by == RENTBUS_CLOSED_BY_return_scan)
        asset_mark(ledger, returned, rental->user);
    return 0;
}

static int apply_swapped(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_swapped_data *data = &event->data.swapped_data;
    struct ledger_rental *rental = open_rental(ledger, &data->rental);
    struct ledger_asset *asset = ledger_find_asset(ledger, data->rental.asset_id);
    struct ledger_rental_state state;

    (void)seq;
    if (!rental || !asset || asset->rental ||
        !rentbus_text_equal(ledger_asset_id(rental->state.asset), data->previous_asset_id))
        return -EBADMSG;
    state = rental_state(rental);
    state.asset = asset;
    state.rev++;
    ledger_change_rental(ledger, rental, &state);
    asset_mark(ledger, asset, NULL);
    return 0;
}

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

static int apply_user_created(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_user *data = &event->data.user;
    struct ledger_label *name;
    struct ledger_user *user;

    (void)seq;
    if (ledger_find_user(ledger, data->id))
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->users, &ledger->memory) < 0 ||
        label_create(ledger, RENTBUS_HAS(data, user, name), data->name, &name) < 0)
        return -ENOMEM;
    user = ledger_user_create(ledger, data->id, name);
    return thing_add(ledger, &ledger->users, user ? &user->key : NULL);
}

static int apply_user_updated(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_user *data = &event->data.user;
    struct ledger_user *user = ledger_find_user(ledger, data->id);
    struct ledger_label *name;

    (void)seq;
    if (!user)
        return -EBADMSG;
    if (label_create(ledger, RENTBUS_HAS(data, user, name), data->name, &name) < 0)
        return -ENOMEM;
    ledger_change_label(ledger, &user->name, name);
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

static int apply_asset_type_created(struct ledger *ledger, const struct ledger_event *event,
                                    uint64_t seq)
{
    const struct rentbus_asset_type *data = &event->data.asset_type;
    struct ledger_asset_type *asset_type;
    struct ledger_type_list *eligible;

    (void)seq;
    if (ledger_find_asset_type(ledger, data->id))
        return -EBADMSG;
    if (ledger_registry_reserve(&ledger->asset_types, &ledger->memory) < 0)
        return -ENOMEM;
    eligible = ledger_type_list_intern(ledger, &data->eligible_asset_types);
    if (!eligible)
        return -ENOMEM;
    asset_type = ledger_asset_type_create(ledger, data->id, data->loan_period, eligible);
    return thing_add(ledger, &ledger->asset_types, asset_type ? &asset_type->key : NULL);
}

static int apply_asset_type_updated(struct ledger *ledger, const struct ledger_event *event,
                                    uint64_t seq)
{
    const struct rentbus_asset_type *data = &event->data.asset_type;
    struct ledger_asset_type *asset_type = ledger_find_asset_type(ledger, data->id);
    struct ledger_type_list *eligible;

    (void)seq;
    if (!asset_type)
        return -EBADMSG;
    eligible = ledger_type_list_intern(ledger, &data->eligible_asset_types);
    if (!eligible)
        return -ENOMEM;
    ledger_change_asset_type(ledger, asset_type, data->loan_period, eligible);
    return 0;
}

/* Types that are not here only move the head. */
static apply_handler *const handlers[] = {
    [RENTBUS_RENTAL_RETURN_COMPLETE_EVENT] = apply_complete,
    [RENTBUS_RENTAL_ASSET_SWAPPED_EVENT] = apply_swapped,
    [RENTBUS_RENTAL_CHECKOUT_EVENT] = apply_checkout,
    [RENTBUS_RENTAL_CREATED_EVENT] = apply_rental_added,
    [RENTBUS_RENTAL_IMPORTED_EVENT] = apply_rental_added,
    [RENTBUS_USER_CREATED_EVENT] = apply_user_created,
    [RENTBUS_USER_UPDATED_EVENT] = apply_user_updated,
    [RENTBUS_ASSET_CREATED_EVENT] = apply_asset_created,
    [RENTBUS_ASSET_UPDATED_EVENT] = apply_asset_updated,
    [RENTBUS_ASSET_TYPE_CREATED_EVENT] = apply_asset_type_created,
    [RENTBUS_ASSET_TYPE_UPDATED_EVENT] = apply_asset_type_updated,
    [RENTBUS_LOCATION_CREATED_EVENT] = apply_location_created,
    [RENTBUS_LOCATION_UPDATED_EVENT] = apply_location_updated,
};

int ledger_apply(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    apply_handler *handler = NULL;
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
