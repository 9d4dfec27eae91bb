/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/things.h"

#include "daemon/ledger/devices.h"

#include <string.h>

struct ledger_label *ledger_label_create(struct ledger *ledger, struct rentbus_text text)
{
    struct ledger_label *label =
        ledger_pool_take(&ledger->pool, sizeof(struct ledger_label) + text.length);

    if (!label)
        return NULL;
    label->length = (uint16_t)text.length;
    if (text.length > 0)
        memcpy(label->data, text.data, text.length);
    return label;
}

void ledger_label_free(struct ledger *ledger, struct ledger_label *label)
{
    if (label)
        ledger_pool_give(&ledger->pool, label, sizeof(struct ledger_label) + label->length);
}

struct rentbus_text ledger_label_text(const struct ledger_label *label)
{
    return label ? (struct rentbus_text){label->data, label->length} : (struct rentbus_text){0};
}

bool ledger_label_is(const struct ledger_label *label, bool given, struct rentbus_text text)
{
    return given ? label && rentbus_text_equal(ledger_label_text(label), text) : !label;
}

void ledger_user_state_release(struct ledger *ledger, const struct ledger_user_state *state)
{
    ledger_label_free(ledger, state->name);
    ledger_label_free(ledger, state->block_reason);
}

/* A zeroed thing of `size` bytes with its key and, behind them, its id. */
static void *thing_create(struct ledger *ledger, size_t size, struct rentbus_text id)
{
    struct ledger_key *thing = ledger_pool_take(&ledger->pool, size + id.length);

    if (!thing)
        return NULL;
    memset(thing, 0, size);
    *thing = (struct ledger_key){ledger_hash_text(ledger, id), (uint16_t)id.length};
    memcpy((char *)thing + size, id.data, id.length);
    return thing;
}

struct ledger_user *ledger_user_create(struct ledger *ledger, struct rentbus_text id,
                                       const struct ledger_user_state *state)
{
    struct ledger_user *user = thing_create(ledger, offsetof(struct ledger_user, id), id);

    if (user)
        user->state = *state;
    else
        ledger_user_state_release(ledger, state);
    return user;
}

struct ledger_location *ledger_location_create(struct ledger *ledger, struct rentbus_text id,
                                               struct ledger_label *name)
{
    struct ledger_location *location =
        thing_create(ledger, offsetof(struct ledger_location, id), id);

    if (location)
        location->name = name;
    else
        ledger_label_free(ledger, name);
    return location;
}

struct ledger_asset *ledger_asset_create(struct ledger *ledger, struct rentbus_text id,
                                         struct ledger_name *type)
{
    struct ledger_asset *asset = thing_create(ledger, offsetof(struct ledger_asset, id), id);

    if (asset)
        asset->state.type = type;
    else
        ledger_name_release(ledger, type);
    return asset;
}

struct ledger_asset_type *ledger_asset_type_create(struct ledger *ledger, struct rentbus_text id,
                                                   const struct ledger_asset_type_state *state)
{
    struct ledger_asset_type *asset_type =
        thing_create(ledger, offsetof(struct ledger_asset_type, id), id);

    if (asset_type)
        asset_type->state = *state;
    else
        ledger_type_list_release(ledger, state->eligible);
    return asset_type;
}

struct ledger_device *ledger_device_create(struct ledger *ledger, struct rentbus_text id)
{
    return thing_create(ledger, offsetof(struct ledger_device, id), id);
}

void ledger_thing_free(struct ledger *ledger, const struct ledger_registry *registry,
                       struct ledger_key *thing)
{
    if (registry == &ledger->users)
        ledger_user_state_release(ledger, &((struct ledger_user *)thing)->state);
    else if (registry == &ledger->locations)
        ledger_label_free(ledger, ((struct ledger_location *)thing)->name);
    else if (registry == &ledger->assets)
        ledger_name_release(ledger, ((struct ledger_asset *)thing)->state.type);
    else if (registry == &ledger->devices)
        ledger_device_release((struct ledger_device *)thing, &ledger->memory);
    else
        ledger_type_list_release(ledger, ((struct ledger_asset_type *)thing)->state.eligible);
    ledger_pool_give(&ledger->pool, thing, registry->table.id_offset + thing->length);
}
