/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/ledger.h"

#include "daemon/ledger/view.h"

struct listing {
    const struct ledger_rental_filter *filter;
    const struct ledger_asset *asset;
    uint64_t after;
    ledger_rental_visitor *visit;
    void *context;
};

static bool listing_matches(const struct listing *listing, const struct ledger_rental *rental)
{
    const struct ledger_rental_filter *filter = listing->filter;

    if (listing->asset && rental->state.asset != listing->asset)
        return false;
    if (filter->status != RENTBUS_STATUS_NONE && rental->state.status != filter->status)
        return false;
    return !filter->has_expired || (ledger_rental_open(rental) &&
                                    (filter->now > rental->state.expires_at) == filter->expired);
}

static bool listing_visit(void *context, struct ledger_rental *rental)
{
    const struct listing *listing = context;
    struct rentbus_rental view;

    if (!listing_matches(listing, rental))
        return true;
    ledger_rental_view(rental, &view);
    return listing->visit(listing->context, &view);
}

/* Of the rentals of the chain that name the asset, and `next` when there is one, the first behind
 * `after`. */
static struct ledger_rental *chain_next(const struct ledger_chain *chain,
                                        const struct ledger_asset *asset, uint64_t after,
                                        struct ledger_rental *next)
{
    struct ledger_rental *rental = chain->first;

    for (; rental; rental = rental->links[LEDGER_BY_AGE].right)
        if (rental->state.asset == asset && rental->created_seq > after &&
            (!next || rental->created_seq < next->created_seq))
            next = rental;
    return next;
}

/* The rental of a late checkout is open between two events, the last one that there is, and its
 * asset does not know it. */
static struct ledger_rental *late_of(const struct ledger *ledger, const struct ledger_asset *asset)
{
    const struct ledger_sequence *created = &ledger->created;
    struct ledger_rental *last =
        created->count > 0 ? created->entries[created->count - 1].rental : NULL;
    bool late = last && last->state.late && ledger_rental_open(last);

    return late && last->state.asset == asset ? last : NULL;
}

/* Of the rentals in memory that name the asset, the next one behind `after`. */
static struct ledger_rental *asset_next(const struct ledger *ledger,
                                        const struct ledger_asset *asset, uint64_t after)
{
    struct ledger_rental *open = asset->rental;
    struct ledger_rental *next = open && open->created_seq > after ? open : NULL;
    struct ledger_rental *late = late_of(ledger, asset);

    if (!next && late && late->created_seq > after)
        next = late;
    next = chain_next(&ledger->flagged, asset, after, next);
    return chain_next(&ledger->closed, asset, after, next);
}

/* An asset has at most one open rental; few are flagged, and few closed ones wait for the archive.
 */
static void list_of_asset(const struct ledger *ledger, struct listing *listing)
{
    struct ledger_rental *rental = asset_next(ledger, listing->asset, listing->after);

    while (rental && listing_visit(listing, rental))
        rental = asset_next(ledger, listing->asset, rental->created_seq);
}

static void list_of_all(const struct ledger *ledger, struct listing *listing)
{
    const struct ledger_sequence *created = &ledger->created;
    enum rentbus_status status = listing->filter->status;
    bool any = status == RENTBUS_STATUS_NONE || status == RENTBUS_STATUS_IN_PROGRESS;

    if (status == RENTBUS_STATUS_FLAGGED)
        any = ledger->flagged.count > 0;
    else if (!any)
        any = ledger->closed.count > 0;
    if (!any)
        return;
    for (size_t i = ledger_sequence_after(created, listing->after); i < created->count; i++)
        if (created->entries[i].rental && !listing_visit(listing, created->entries[i].rental))
            return;
}

void ledger_rental_list(const struct ledger *ledger, const struct ledger_rental_filter *filter,
                        uint64_t after, ledger_rental_visitor *visit, void *context)
{
    struct ledger_user *user = ledger_find_user(ledger, filter->user_id);
    struct listing listing = {
        .filter = filter,
        .asset = ledger_find_asset(ledger, filter->asset_id),
        .after = after,
        .visit = visit,
        .context = context,
    };

    if ((filter->user_id.data && !user) || (filter->asset_id.data && !listing.asset))
        return;
    if (user)
        ledger_tree_walk_after(user->rentals, after, listing_visit, &listing);
    else if (listing.asset)
        list_of_asset(ledger, &listing);
    else
        list_of_all(ledger, &listing);
}

void ledger_user_list(const struct ledger *ledger, uint64_t after, ledger_user_visitor *visit,
                      void *context)
{
    for (uint64_t i = after; i < ledger->users.count; i++) {
        struct rentbus_user view;

        ledger_user_view((const struct ledger_user *)ledger->users.items[i], &view);
        if (!visit(context, &view))
            return;
    }
}

void ledger_asset_list(const struct ledger *ledger, uint64_t after, ledger_asset_visitor *visit,
                       void *context)
{
    for (uint64_t i = after; i < ledger->assets.count; i++) {
        struct rentbus_asset view;

        ledger_asset_view((const struct ledger_asset *)ledger->assets.items[i], &view);
        if (!visit(context, &view))
            return;
    }
}

void ledger_asset_type_list(const struct ledger *ledger, uint64_t after,
                            ledger_asset_type_visitor *visit, void *context)
{
    for (uint64_t i = after; i < ledger->asset_types.count; i++) {
        struct rentbus_asset_type view;

        ledger_asset_type_view((const struct ledger_asset_type *)ledger->asset_types.items[i],
                               &view);
        if (!visit(context, &view))
            return;
    }
}

void ledger_location_list(const struct ledger *ledger, uint64_t after,
                          ledger_location_visitor *visit, void *context)
{
    for (uint64_t i = after; i < ledger->locations.count; i++) {
        struct rentbus_location view;

        ledger_location_view((const struct ledger_location *)ledger->locations.items[i], &view);
        if (!visit(context, &view))
            return;
    }
}

uint64_t ledger_expired_count(const struct ledger *ledger, int64_t now)
{
    uint64_t count = 0;

    for (size_t i = 0; i < ledger->created.count; i++) {
        const struct ledger_rental *rental = ledger->created.entries[i].rental;

        if (rental && ledger_rental_open(rental) && rental->state.expires_at < now)
            count++;
    }
    return count;
}
