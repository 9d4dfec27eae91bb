/* SPDX-License-Identifier: MPL-2.0 */
/* Every thing has a digest of its own, over its fields in order; the ledger's is their sum, so that
 * it does not depend on where things lie. */
#include "daemon/ledger/ledger.h"

#include "daemon/ledger/things.h"

enum digest_kind {
    DIGEST_COUNTS,
    DIGEST_USER,
    DIGEST_ASSET,
    DIGEST_TYPE,
    DIGEST_PLACE,
    DIGEST_RENTAL
};

static uint64_t digest_number(uint64_t digest, uint64_t number)
{
    return ledger_hash(digest, &number, sizeof(number));
}

/* An absent text differs from an empty one. */
static uint64_t digest_text(uint64_t digest, struct rentbus_text text)
{
    if (!text.data)
        return digest_number(digest, 0);
    return ledger_hash(digest_number(digest, text.length + 1), text.data, text.length);
}

static uint64_t digest_types(uint64_t digest, const struct ledger_type_list *list)
{
    size_t count = ledger_type_list_count(list);

    digest = digest_number(digest, count);
    for (size_t i = 0; i < count; i++)
        digest = digest_text(digest, ledger_name_text(list->items[i]));
    return digest;
}

static uint64_t digest_user(const struct ledger_key *thing)
{
    const struct ledger_user *user = (const struct ledger_user *)thing;

    return digest_text(digest_text(DIGEST_USER, ledger_user_id(user)),
                       ledger_label_text(user->name));
}

static uint64_t digest_asset(const struct ledger_key *thing)
{
    const struct ledger_asset *asset = (const struct ledger_asset *)thing;
    const struct ledger_user *returned_by = asset->state.returned_by;
    const struct rentbus_text none = {0};
    uint64_t digest = digest_text(DIGEST_ASSET, ledger_asset_id(asset));

    digest = digest_text(digest, ledger_name_text(asset->state.type));
    digest = digest_text(digest, asset->rental ? ledger_rental_id(asset->rental) : none);
    return digest_text(digest, returned_by ? ledger_user_id(returned_by) : none);
}

static uint64_t digest_asset_type(const struct ledger_key *thing)
{
    const struct ledger_asset_type *asset_type = (const struct ledger_asset_type *)thing;
    struct rentbus_text id = {asset_type->id, thing->length};
    uint64_t digest =
        digest_number(digest_text(DIGEST_TYPE, id), (uint64_t)asset_type->loan_period);

    return digest_types(digest, asset_type->eligible);
}

static uint64_t digest_location(const struct ledger_key *thing)
{
    const struct ledger_location *location = (const struct ledger_location *)thing;
    struct rentbus_text id = {location->id, thing->length};

    return digest_text(digest_text(DIGEST_PLACE, id), ledger_label_text(location->name));
}

static uint64_t digest_rental(const struct ledger_rental *rental)
{
    const struct ledger_rental_state *state = &rental->state;
    uint64_t digest = digest_text(DIGEST_RENTAL, ledger_rental_id(rental));

    digest = digest_text(digest, ledger_user_id(rental->user));
    digest = digest_text(digest, ledger_asset_id(state->asset));
    digest = digest_text(digest, ledger_name_text(rental->created_location));
    digest = digest_types(digest, rental->eligible);
    digest = digest_number(digest, (uint64_t)rental->created_at);
    digest = digest_number(digest, (uint64_t)state->expires_at);
    digest = digest_number(digest, rental->created_seq);
    digest = digest_number(digest, state->rev);
    return digest_number(digest, state->renewals);
}

static uint64_t digest_counts(const struct ledger *ledger)
{
    const uint64_t counts[] = {ledger->users.count,       ledger->assets.count,
                               ledger->asset_types.count, ledger->locations.count,
                               ledger->rental_count,      ledger->open_count};

    return ledger_hash(DIGEST_COUNTS, counts, sizeof(counts));
}

static uint64_t digest_registry(const struct ledger_registry *registry,
                                uint64_t (*digest)(const struct ledger_key *thing))
{
    uint64_t sum = 0;

    for (size_t i = 0; i < registry->count; i++)
        sum += digest(registry->items[i]);
    return sum;
}

uint64_t ledger_digest(const struct ledger *ledger)
{
    uint64_t sum = digest_counts(ledger);

    sum += digest_registry(&ledger->users, digest_user);
    sum += digest_registry(&ledger->assets, digest_asset);
    sum += digest_registry(&ledger->asset_types, digest_asset_type);
    sum += digest_registry(&ledger->locations, digest_location);
    for (size_t i = 0; i < ledger->created.count; i++) {
        const struct ledger_rental *rental = ledger->created.entries[i].rental;

        if (rental && ledger_rental_open(rental))
            sum += digest_rental(rental);
    }
    return sum;
}
