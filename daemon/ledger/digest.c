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
    DIGEST_POLICY,
    DIGEST_RENTAL,
    DIGEST_DEVICE,
    DIGEST_UNANSWERED
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

static uint64_t digest_limit(uint64_t digest, struct ledger_limit limit)
{
    return digest_number(digest_number(digest, limit.given), limit.given ? limit.most : 0);
}

static uint64_t digest_user(const struct ledger_key *thing)
{
    const struct ledger_user *user = (const struct ledger_user *)thing;
    const struct ledger_user_state *state = &user->state;
    uint64_t digest = digest_text(DIGEST_USER, ledger_user_id(user));

    digest = digest_text(digest, ledger_label_text(state->name));
    digest = digest_text(digest, ledger_label_text(state->block_reason));
    return digest_limit(digest, state->limit);
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
    const struct ledger_asset_type_state *state = &asset_type->state;
    uint64_t digest = digest_text(DIGEST_TYPE, id);

    digest = digest_number(digest, (uint64_t)state->loan_period);
    digest = digest_number(digest, (uint64_t)state->renewal_period);
    digest = digest_number(digest, state->has_due_soon_lead);
    digest = digest_number(digest, state->has_due_soon_lead ? (uint64_t)state->due_soon_lead : 0);
    digest = digest_limit(digest, state->user_limit);
    digest = digest_limit(digest, state->renewals);
    return digest_types(digest, state->eligible);
}

static uint64_t digest_location(const struct ledger_key *thing)
{
    const struct ledger_location *location = (const struct ledger_location *)thing;
    struct rentbus_text id = {location->id, thing->length};

    return digest_text(digest_text(DIGEST_PLACE, id), ledger_label_text(location->name));
}

static uint64_t digest_device(const struct ledger_key *thing)
{
    const struct ledger_device *device = (const struct ledger_device *)thing;
    struct rentbus_text id = {device->id, thing->length};
    uint64_t digest = digest_number(digest_text(DIGEST_DEVICE, id), device->seq);

    return device->hole_count == 0
               ? digest
               : ledger_hash(digest, device->holes, device->hole_count * sizeof(*device->holes));
}

static uint64_t digest_unanswered(const struct ledger_unanswered *unanswered)
{
    const struct rentbus_text none = {0};
    uint64_t digest = digest_text(DIGEST_UNANSWERED, ledger_asset_id(unanswered->asset));

    for (size_t i = 0; i < unanswered->count; i++) {
        const struct ledger_unanswered_return *item = &unanswered->items[i];

        digest = digest_number(digest, item->seq);
        digest = digest_number(digest, (uint64_t)item->occurred_at);
        digest = digest_text(digest, item->user ? ledger_user_id(item->user) : none);
        digest = digest_text(digest, ledger_name_text(item->location));
    }
    return digest;
}

static uint64_t digest_all_unanswered(const struct ledger_table *unanswered)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < unanswered->capacity; i++)
        if (unanswered->slots[i].item)
            sum += digest_unanswered((const struct ledger_unanswered *)unanswered->slots[i].item);
    return sum;
}

static uint64_t digest_flagged(uint64_t digest, const struct ledger_rental_state *state)
{
    const struct rentbus_text none = {0};

    digest = digest_text(digest, ledger_name_text(state->flag_reason));
    digest = digest_number(digest, state->closed_by);
    digest = digest_number(digest, state->has_returned_at);
    digest = digest_number(digest, state->has_returned_at ? (uint64_t)state->returned_at : 0);
    digest = digest_text(digest, ledger_name_text(state->returned_location));
    return digest_text(digest,
                       state->returned_asset ? ledger_asset_id(state->returned_asset) : none);
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
    digest = digest_number(digest, state->renewals);
    digest = digest_number(digest, (uint64_t)state->due_at);
    return ledger_rental_open(rental) ? digest : digest_flagged(digest, state);
}

static uint64_t digest_policy(const struct ledger_policy *policy)
{
    uint64_t digest = digest_number(DIGEST_POLICY, policy->version);

    digest = digest_number(digest, policy->user_limit);
    digest = digest_number(digest, (uint64_t)policy->max_skew);
    digest = digest_number(digest, (uint64_t)policy->renewal_grace);
    digest = digest_number(digest, (uint64_t)policy->return_match);
    return digest_text(digest, ledger_name_text(policy->late_return));
}

static uint64_t digest_counts(const struct ledger *ledger)
{
    const uint64_t counts[] = {ledger->users.count,       ledger->assets.count,
                               ledger->asset_types.count, ledger->locations.count,
                               ledger->devices.count,     ledger->rental_count,
                               ledger->open_count,        ledger->flagged.count};

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
    uint64_t sum = digest_counts(ledger) + digest_policy(&ledger->policy);

    sum += digest_registry(&ledger->users, digest_user);
    sum += digest_registry(&ledger->assets, digest_asset);
    sum += digest_registry(&ledger->asset_types, digest_asset_type);
    sum += digest_registry(&ledger->locations, digest_location);
    sum += digest_registry(&ledger->devices, digest_device);
    sum += digest_all_unanswered(&ledger->unanswered);
    for (size_t i = 0; i < ledger->created.count; i++) {
        const struct ledger_rental *rental = ledger->created.entries[i].rental;

        if (rental &&
            (ledger_rental_open(rental) || rental->state.status == RENTBUS_STATUS_FLAGGED))
            sum += digest_rental(rental);
    }
    return sum;
}
