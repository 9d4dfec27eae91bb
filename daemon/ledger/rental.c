/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/things.h"

#include "sdk/protocol/time.h"

#include <errno.h>
#include <string.h>

static size_t rental_size(size_t id_length)
{
    return offsetof(struct ledger_rental, id) + id_length;
}

void ledger_rental_state_release(struct ledger *ledger, const struct ledger_rental_state *state)
{
    ledger_name_release(ledger, state->returned_location);
    ledger_name_release(ledger, state->flag_reason);
}

void ledger_rental_free(struct ledger *ledger, struct ledger_rental *rental)
{
    if (!rental)
        return;
    ledger_name_release(ledger, rental->created_location);
    ledger_rental_state_release(ledger, &rental->state);
    ledger_type_list_release(ledger, rental->eligible);
    ledger_pool_give(&ledger->pool, rental, rental_size(rental->key.length));
}

static struct ledger_rental_state rental_state(const struct ledger *ledger,
                                               const struct rentbus_rental *data, uint64_t seq)
{
    bool open = data->status == RENTBUS_STATUS_IN_PROGRESS;
    bool has_returned_at = RENTBUS_HAS(data, rental, returned_at);
    bool has_asset = RENTBUS_HAS(data, rental, returned_asset_id);

    return (struct ledger_rental_state){
        .asset = ledger_find_asset(ledger, data->asset_id),
        .returned_asset = has_asset ? ledger_find_asset(ledger, data->returned_asset_id) : NULL,
        .expires_at = data->expires_at,
        .due_at = LEDGER_NEVER,
        .returned_at = has_returned_at ? data->returned_at : 0,
        .closed_seq = open ? 0 : seq,
        .rev = (uint32_t)data->rev,
        .renewals = (uint32_t)data->renewals,
        .status = (uint8_t)data->status,
        .closed_by = RENTBUS_HAS(data, rental, closed_by) ? (uint8_t)data->closed_by : 0,
        .has_returned_at = has_returned_at,
    };
}

/* Fills in the words that the rental shares with others. */
static bool rental_intern(struct ledger *ledger, const struct rentbus_rental *data,
                          struct ledger_rental *rental)
{
    if (RENTBUS_HAS(data, rental, flag_reason)) {
        rental->state.flag_reason = ledger_name_intern(ledger, data->flag_reason);
        if (!rental->state.flag_reason)
            return false;
    }
    rental->created_location = ledger_name_intern(ledger, data->created_at_location_id);
    rental->eligible = ledger_type_list_intern(ledger, &data->eligible_asset_types);
    if (RENTBUS_HAS(data, rental, returned_at_location_id)) {
        rental->state.returned_location = ledger_name_intern(ledger, data->returned_at_location_id);
        if (!rental->state.returned_location)
            return false;
    }
    return rental->created_location && rental->eligible;
}

int ledger_rental_create(struct ledger *ledger, const struct rentbus_rental *data, uint64_t seq,
                         struct ledger_rental **rental)
{
    struct ledger_rental_state state = rental_state(ledger, data, seq);
    struct ledger_user *user = ledger_find_user(ledger, data->user_id);
    struct ledger_rental *made;

    if (!user || !state.asset ||
        (RENTBUS_HAS(data, rental, returned_asset_id) && !state.returned_asset))
        return -EBADMSG;
    state.due_at = ledger_due_at(ledger, state.asset, state.expires_at);
    made = ledger_pool_take(&ledger->pool, rental_size(data->id.length));
    if (!made)
        return -ENOMEM;
    *made = (struct ledger_rental){
        .key = {ledger_hash_text(ledger, data->id), (uint16_t)data->id.length},
        .user = user,
        .created_at = data->created_at,
        .created_seq = seq,
        .state = state,
    };
    memcpy(made->id, data->id.data, data->id.length);
    if (!rental_intern(ledger, data, made)) {
        ledger_rental_free(ledger, made);
        return -ENOMEM;
    }
    *rental = made;
    return 0;
}

int64_t ledger_due_at(const struct ledger *ledger, const struct ledger_asset *asset,
                      int64_t expires_at)
{
    const struct ledger_asset_type *type =
        ledger_find_asset_type(ledger, ledger_name_text(asset->state.type));

    if (!type || !type->state.has_due_soon_lead)
        return expires_at + 1;
    return expires_at - type->state.due_soon_lead * RENTBUS_SECOND;
}

/* Where a rental that is not open belongs. */
static struct ledger_chain *chain_of(struct ledger *ledger, const struct ledger_rental *rental)
{
    return rental->state.status == RENTBUS_STATUS_FLAGGED ? &ledger->flagged : &ledger->closed;
}

static void chain_insert(struct ledger_chain *chain, struct ledger_rental *rental)
{
    struct ledger_rental *earlier = chain->last;
    struct ledger_rental *later = NULL;

    while (earlier && earlier->state.closed_seq > rental->state.closed_seq) {
        later = earlier;
        earlier = earlier->links[LEDGER_BY_AGE].left;
    }
    rental->links[LEDGER_BY_AGE] = (struct ledger_link){earlier, later};
    *(earlier ? &earlier->links[LEDGER_BY_AGE].right : &chain->first) = rental;
    *(later ? &later->links[LEDGER_BY_AGE].left : &chain->last) = rental;
    chain->count++;
}

static void chain_remove(struct ledger_chain *chain, struct ledger_rental *rental)
{
    struct ledger_rental *earlier = rental->links[LEDGER_BY_AGE].left;
    struct ledger_rental *later = rental->links[LEDGER_BY_AGE].right;

    *(earlier ? &earlier->links[LEDGER_BY_AGE].right : &chain->first) = later;
    *(later ? &later->links[LEDGER_BY_AGE].left : &chain->last) = earlier;
    chain->count--;
}

void ledger_rental_link(struct ledger *ledger, struct ledger_rental *rental)
{
    if (!ledger_rental_open(rental)) {
        chain_insert(chain_of(ledger, rental), rental);
        return;
    }
    ledger_tree_insert(&rental->user->open, LEDGER_BY_AGE, rental);
    rental->user->open_count++;
    if (!rental->state.late)
        rental->state.asset->rental = rental;
    ledger->open_count++;
    if (rental->state.due_at != LEDGER_NEVER)
        ledger_timers_add(&ledger->timers, rental);
}

void ledger_rental_unlink(struct ledger *ledger, struct ledger_rental *rental)
{
    if (!ledger_rental_open(rental)) {
        chain_remove(chain_of(ledger, rental), rental);
        return;
    }
    if (rental->state.due_at != LEDGER_NEVER)
        ledger_timers_prefetch(&ledger->timers, rental);
    ledger_tree_remove(&rental->user->open, LEDGER_BY_AGE, rental);
    rental->user->open_count--;
    if (!rental->state.late)
        rental->state.asset->rental = NULL;
    ledger->open_count--;
    if (rental->state.due_at != LEDGER_NEVER)
        ledger_timers_remove(&ledger->timers, rental);
}

int ledger_rental_reserve(struct ledger *ledger)
{
    int error = ledger_table_reserve(&ledger->rentals, &ledger->memory);

    if (error == 0)
        error = ledger_sequence_reserve(&ledger->created, &ledger->memory);
    /* Any rental in memory may come to be open again. */
    if (error == 0)
        error = ledger_timers_reserve(&ledger->timers, ledger->rentals.count + 1, &ledger->memory);
    return error;
}

void ledger_rental_enter(struct ledger *ledger, struct ledger_rental *rental)
{
    ledger_table_insert(&ledger->rentals, &rental->key);
    ledger_sequence_add(&ledger->created, rental);
    ledger_tree_insert(&rental->user->rentals, LEDGER_BY_SEQ, rental);
}

void ledger_rental_leave(struct ledger *ledger, struct ledger_rental *rental)
{
    ledger_table_remove(&ledger->rentals, &rental->key);
    ledger_sequence_remove(&ledger->created, rental);
    ledger_tree_remove(&rental->user->rentals, LEDGER_BY_SEQ, rental);
}
