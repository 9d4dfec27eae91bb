/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/apply.h"
#include "daemon/ledger/things.h"

#include <errno.h>

/* The rental's state, with references of the caller's. */
static struct ledger_rental_state rental_state(const struct ledger_rental *rental)
{
    ledger_name_retain(rental->state.returned_location);
    ledger_name_retain(rental->state.flag_reason);
    return rental->state;
}

/* *name is NULL for an absent text. */
static int name_intern(struct ledger *ledger, bool present, struct rentbus_text text,
                       struct ledger_name **name)
{
    *name = present ? ledger_name_intern(ledger, text) : NULL;
    return present && !*name ? -ENOMEM : 0;
}

/* An imported rental tells of its asset what the return that ended it would have told. */
static void mark_imported(struct ledger *ledger, const struct ledger_rental *rental)
{
    const struct ledger_rental_state *state = &rental->state;
    struct ledger_asset *back = state->returned_asset ? state->returned_asset : state->asset;
    bool returned = state->closed_by == RENTBUS_CLOSED_BY_return_scan ||
                    state->closed_by == RENTBUS_CLOSED_BY_late_checkout;

    if (returned && state->status != RENTBUS_STATUS_FORGIVEN && !back->rental)
        ledger_change_mark(ledger, back, rental->user);
}

int ledger_apply_rental_added(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_rental_data *data = &event->data.rental_data;
    struct ledger_rental *rental;
    int error;

    if (data->rental.created_seq != seq || ledger_find_rental(ledger, data->rental.id))
        return -EBADMSG;
    error = ledger_rental_reserve(ledger);
    if (error == 0)
        error = ledger_rental_create(ledger, &data->rental, seq, &rental);
    if (error != 0)
        return error;
    rental->state.late = RENTBUS_HAS(data, rental_data, rejected_seq);
    if (ledger_rental_open(rental) && !rental->state.late && rental->state.asset->rental) {
        ledger_rental_free(ledger, rental);
        return -EBADMSG;
    }
    ledger_change_add_rental(ledger, rental);
    if (!ledger_rental_open(rental))
        mark_imported(ledger, rental);
    else if (!rental->state.late)
        ledger_change_mark(ledger, rental->state.asset, NULL);
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

/* What a return tells of the rental: it is closed, and came back like that. */
static int returned_state(struct ledger *ledger, const struct rentbus_rental *data,
                          struct ledger_rental_state *state)
{
    if (name_intern(ledger, RENTBUS_HAS(data, rental, flag_reason), data->flag_reason,
                    &state->flag_reason) < 0)
        return -ENOMEM;
    if (name_intern(ledger, RENTBUS_HAS(data, rental, returned_at_location_id),
                    data->returned_at_location_id, &state->returned_location) < 0) {
        ledger_name_release(ledger, state->flag_reason);
        return -ENOMEM;
    }
    state->status = (uint8_t)data->status;
    state->closed_by = (uint8_t)data->closed_by;
    state->has_returned_at = RENTBUS_HAS(data, rental, returned_at);
    state->returned_at = data->returned_at;
    state->rev++;
    return 0;
}

/* What a return tells of an asset: whose rental it completed. One that was answered late tells
 * nothing where more is known. */
static void mark_returned(struct ledger *ledger, struct ledger_asset *returned,
                          const struct ledger_rental *rental)
{
    if (rental->state.closed_by == RENTBUS_CLOSED_BY_return_scan ||
        (rental->state.late && !returned->rental && !returned->state.returned_by))
        ledger_change_mark(ledger, returned, rental->user);
}

int ledger_apply_complete(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_complete_data *complete = &event->data.complete_data;
    const struct rentbus_rental *data = &complete->rental;
    struct ledger_rental *rental = open_rental(ledger, data);
    struct ledger_asset *returned = ledger_find_asset(ledger, data->returned_asset_id);
    struct ledger_unanswered *unanswered = NULL;
    struct ledger_unanswered *rest = NULL;
    struct ledger_rental_state state;

    if (!rental || !returned || data->status == RENTBUS_STATUS_IN_PROGRESS ||
        rental->state.late != (data->closed_by == RENTBUS_CLOSED_BY_late_checkout))
        return -EBADMSG;
    if (rental->state.late) {
        unanswered = ledger_unanswered_find(ledger, returned);
        if (!RENTBUS_HAS(complete, complete_data, rejected_seq) ||
            !ledger_unanswered_of(unanswered, complete->rejected_seq))
            return -EBADMSG;
        if (ledger_unanswered_without(ledger, unanswered, complete->rejected_seq, &rest) < 0)
            return -ENOMEM;
    }
    state = rental->state;
    if (returned_state(ledger, data, &state) < 0) {
        ledger_unanswered_free(ledger, rest);
        return -ENOMEM;
    }
    state.closed_seq = seq;
    state.returned_asset = returned;
    ledger_change_rental(ledger, rental, &state);
    if (unanswered)
        ledger_change_unanswered(ledger, unanswered, rest);
    mark_returned(ledger, returned, rental);
    return 0;
}

int ledger_apply_swapped(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
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
    ledger_change_mark(ledger, asset, NULL);
    return 0;
}

int ledger_apply_renewed(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_rental *data = &event->data.renewed_data.rental;
    struct ledger_rental *rental = open_rental(ledger, data);
    struct ledger_rental_state state;

    (void)seq;
    if (!rental || data->renewals != rental->state.renewals + UINT64_C(1))
        return -EBADMSG;
    state = rental_state(rental);
    state.expires_at = data->expires_at;
    state.due_at = ledger_due_at(ledger, state.asset, state.expires_at);
    state.renewals++;
    state.rev++;
    ledger_change_rental(ledger, rental, &state);
    return 0;
}

#define STATUS_BIT(status) (1U << RENTBUS_STATUS_##status)

/* From which status to which a person may bring a rental, by the event that says so. */
static const struct {
    enum rentbus_event_type type;
    unsigned from;
    unsigned to;
} judgements[] = {
    {RENTBUS_RENTAL_FORGIVEN_EVENT, STATUS_BIT(IN_PROGRESS) | STATUS_BIT(FLAGGED),
     STATUS_BIT(FORGIVEN)},
    {RENTBUS_RENTAL_FLAGGED_EVENT, STATUS_BIT(IN_PROGRESS), STATUS_BIT(FLAGGED)},
    {RENTBUS_RENTAL_UNFLAGGED_EVENT, STATUS_BIT(FLAGGED),
     STATUS_BIT(IN_PROGRESS) | STATUS_BIT(COMPLETED)},
};

static bool may_judge(const struct ledger_rental *rental, enum rentbus_event_type type,
                      const struct rentbus_rental *data)
{
    for (size_t i = 0; i < sizeof(judgements) / sizeof(judgements[0]); i++)
        if (judgements[i].type == type)
            return (judgements[i].from & 1U << rental->state.status) != 0 &&
                   (judgements[i].to & 1U << data->status) != 0;
    return false;
}

int ledger_apply_judged(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    const struct rentbus_rental *data = &event->data.judged_data.rental;
    struct ledger_rental *rental = ledger_find_rental(ledger, data->id);
    bool opens = data->status == RENTBUS_STATUS_IN_PROGRESS;
    struct ledger_rental_state state;

    if (!rental || data->rev != rental->state.rev + UINT64_C(1) ||
        !may_judge(rental, event->type, data) || (opens && rental->state.asset->rental))
        return -EBADMSG;
    state = rental->state;
    if (name_intern(ledger, RENTBUS_HAS(data, rental, flag_reason), data->flag_reason,
                    &state.flag_reason) < 0)
        return -ENOMEM;
    if (opens) {
        state.returned_asset = NULL;
        state.returned_location = NULL;
    }
    ledger_name_retain(state.returned_location);
    state.status = (uint8_t)data->status;
    state.closed_by = RENTBUS_HAS(data, rental, closed_by) ? (uint8_t)data->closed_by : 0;
    state.closed_seq = opens ? 0 : seq;
    state.rev++;
    ledger_change_rental(ledger, rental, &state);
    if (opens)
        ledger_change_mark(ledger, rental->state.asset, NULL);
    return 0;
}

/* The rental was told of, at its present revision and end: from now on the next thing, if any, is
 * due. */
static int apply_timer(struct ledger *ledger, const struct ledger_event *event, bool expired)
{
    const struct rentbus_rental *data = &event->data.rental_data.rental;
    struct ledger_rental *rental = ledger_find_rental(ledger, data->id);
    struct ledger_rental_state state;

    if (!rental || !ledger_rental_open(rental) || data->rev != rental->state.rev ||
        rental->state.due_at == LEDGER_NEVER ||
        (!expired && rental->state.due_at > rental->state.expires_at))
        return -EBADMSG;
    state = rental_state(rental);
    state.due_at = expired ? LEDGER_NEVER : state.expires_at + 1;
    ledger_change_rental(ledger, rental, &state);
    return 0;
}

int ledger_apply_due_soon(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    (void)seq;
    return apply_timer(ledger, event, false);
}

int ledger_apply_expired(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
{
    (void)seq;
    return apply_timer(ledger, event, true);
}
