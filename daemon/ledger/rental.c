/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/things.h"

#include <errno.h>
#include <string.h>

static size_t rental_size(size_t id_length)
{
    return offsetof(struct ledger_rental, id) + id_length;
}

void ledger_rental_free(struct ledger *ledger, struct ledger_rental *rental)
{
    if (!rental)
        return;
    ledger_name_release(ledger, rental->created_location);
    ledger_name_release(ledger, rental->state.returned_location);
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

static void closed_insert(struct ledger *ledger, struct ledger_rental *rental)
{
    struct ledger_rental *earlier = ledger->closed_last;
    struct ledger_rental *later = NULL;

    while (earlier && earlier->state.closed_seq > rental->state.closed_seq) {
        later = earlier;
        earlier = earlier->links[LEDGER_BY_AGE].left;
    }
    rental->links[LEDGER_BY_AGE] = (struct ledger_link){earlier, later};
    *(earlier ? &earlier->links[LEDGER_BY_AGE].right : &ledger->closed_first) = rental;
    *(later ? &later->links[LEDGER_BY_AGE].left : &ledger->closed_last) = rental;
    ledger->closed_count++;
}

static void closed_remove(struct ledger *ledger, struct ledger_rental *rental)
{
    struct ledger_rental *earlier = rental->links[LEDGER_BY_AGE].left;
    struct ledger_rental *later = rental->links[LEDGER_BY_AGE].right;

    *(earlier ? &earlier->links[LEDGER_BY_AGE].right : &ledger->closed_first) = later;
    *(later ? &later->links[LEDGER_BY_AGE].left : &ledger->closed_last) = earlier;
    ledger->closed_count--;
}

void ledger_rental_link(struct ledger *ledger, struct ledger_rental *rental)
{
    if (!ledger_rental_open(rental)) {
        closed_insert(ledger, rental);
        return;
    }
    ledger_tree_insert(&rental->user->open, LEDGER_BY_AGE, rental);
    rental->state.asset->rental = rental;
    ledger->open_count++;
}

void ledger_rental_unlink(struct ledger *ledger, struct ledger_rental *rental)
{
    if (!ledger_rental_open(rental)) {
        closed_remove(ledger, rental);
        return;
    }
    ledger_tree_remove(&rental->user->open, LEDGER_BY_AGE, rental);
    rental->state.asset->rental = NULL;
    ledger->open_count--;
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
