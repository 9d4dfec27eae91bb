/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/rules.h"

/* What is to be told of a rental next, and when: NONE when there is nothing. */
static enum rentbus_event_type next_told(const struct model_rental *rental, int64_t now,
                                         int64_t *due)
{
    if (rental->status != RENTBUS_STATUS_IN_PROGRESS || rental->told_expired)
        return RENTBUS_EVENT_NONE;
    if (rental->due_soon_at.given && !rental->told_due_soon && now <= rental->expires_at) {
        *due = rental->due_soon_at.value;
        return RENTBUS_RENTAL_DUE_SOON_EVENT;
    }
    *due = rental->expires_at + 1;
    return RENTBUS_RENTAL_EXPIRED_EVENT;
}

int64_t model_timer_next(const struct model_state *state, int64_t now)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < state->rental_count; i++) {
        int64_t due;
        if (next_told(&state->rentals[i], now, &due) != RENTBUS_EVENT_NONE && due < first)
            first = due;
    }
    return first;
}

/* The first thing due at `now` among those that the decision does not hold yet. */
static const struct model_rental *first_due(const struct model_state *state, int64_t now,
                                            const bool *taken, enum rentbus_event_type *type)
{
    const struct model_rental *first = NULL;
    int64_t first_at = INT64_MAX;
    for (size_t i = 0; i < state->rental_count; i++) {
        int64_t due;
        enum rentbus_event_type next = next_told(&state->rentals[i], now, &due);
        /* Rentals stand in the order of created_seq: of two that are due at once the first wins. */
        if (taken[i] || next == RENTBUS_EVENT_NONE || due > now || due >= first_at)
            continue;
        first = &state->rentals[i];
        first_at = due;
        *type = next;
    }
    return first;
}

void model_decide_timers(const struct model_state *state, int64_t now,
                         struct model_decision *decision)
{
    bool taken[MODEL_RENTALS_MAX] = {false};
    decision->error = RENTBUS_ERROR_NONE;
    decision->field = "";
    decision->count = 0;
    while (decision->count < MODEL_EVENTS_MAX) {
        enum rentbus_event_type type;
        const struct model_rental *rental = first_due(state, now, taken, &type);
        if (!rental)
            return;
        taken[rental - state->rentals] = true;
        struct model_event *event = model_add(decision, type, rental->id);
        event->rental = *rental;
        event->rental.told_due_soon |= type == RENTBUS_RENTAL_DUE_SOON_EVENT;
        event->rental.told_expired |= type == RENTBUS_RENTAL_EXPIRED_EVENT;
    }
}
