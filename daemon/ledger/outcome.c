/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/decide.h"

#include "daemon/ledger/view.h"

#include <string.h>

static void result_rental(struct rentbus_command_result *result,
                          const struct rentbus_rental *rental)
{
    result->has |= RENTBUS_BIT(command_result, rental);
    ledger_rental_copy(rental, &result->rental);
}

/* Journals from before there were several reasons have only the one. */
static void result_reasons(struct rentbus_command_result *result, enum rentbus_reason reason,
                           const struct rentbus_ids *reasons)
{
    RENTBUS_SET(result, command_result, reason, reason);
    result->has |= RENTBUS_BIT(command_result, reasons);
    result->reasons.count = reasons->count;
    memcpy(result->reasons.items, reasons->items, reasons->count * sizeof(reasons->items[0]));
    if (reasons->count == 0) {
        result->reasons.count = 1;
        result->reasons.items[0] =
            rentbus_text(rentbus_word_text(&rentbus_reason_words, (int)reason));
    }
}

static void outcome_complete(const struct ledger_event *event,
                             struct rentbus_command_result *result)
{
    const struct rentbus_complete_data *data = &event->data.complete_data;

    result_rental(result, &data->rental);
    if (RENTBUS_HAS(data, complete_data, matched_by))
        RENTBUS_SET(result, command_result, matched_by, data->matched_by);
}

/* That a user takes out what the user has is no failure: the rental that there is, is the answer.
 */
static void outcome_rejected(const struct ledger_event *event,
                             struct rentbus_command_result *result)
{
    const struct rentbus_rejected_data *data = &event->data.rejected_data;

    if (RENTBUS_HAS(data, rejected_data, rental))
        result_rental(result, &data->rental);
    if (data->reason == RENTBUS_REASON_ALREADY_OUT)
        RENTBUS_SET(result, command_result, outcome, RENTBUS_OUTCOME_ALREADY_OUT);
    else
        result_reasons(result, data->reason, &data->reasons);
}

static void outcome_refused(const struct ledger_event *event, struct rentbus_command_result *result)
{
    const struct rentbus_refused_data *data = &event->data.refused_data;

    if (RENTBUS_HAS(data, refused_data, rental))
        result_rental(result, &data->rental);
    result_reasons(result, data->reason, &data->reasons);
}

static void outcome_renewed(const struct ledger_event *event, struct rentbus_command_result *result)
{
    result_rental(result, &event->data.renewed_data.rental);
}

static void outcome_judged(const struct ledger_event *event, struct rentbus_command_result *result)
{
    result_rental(result, &event->data.judged_data.rental);
}

static void outcome_rental(const struct ledger_event *event, struct rentbus_command_result *result)
{
    result_rental(result, &event->data.rental_data.rental);
}

static void outcome_unchanged(const struct ledger_event *event,
                              struct rentbus_command_result *result)
{
    const struct rentbus_unchanged_data *data = &event->data.unchanged_data;

    if (RENTBUS_HAS(data, unchanged_data, rental))
        result_rental(result, &data->rental);
}

/* What an event says beyond its outcome. */
static void (*const details[])(const struct ledger_event *, struct rentbus_command_result *) = {
    [RENTBUS_RENTAL_RETURN_COMPLETE_EVENT] = outcome_complete,
    [RENTBUS_RENTAL_RETURN_REJECTED_EVENT] = outcome_rejected,
    [RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT] = outcome_rejected,
    [RENTBUS_RENTAL_CREATED_EVENT] = outcome_rental,
    [RENTBUS_RENTAL_IMPORTED_EVENT] = outcome_rental,
    [RENTBUS_RENTAL_RENEWED_EVENT] = outcome_renewed,
    [RENTBUS_RENTAL_FORGIVEN_EVENT] = outcome_judged,
    [RENTBUS_RENTAL_FLAGGED_EVENT] = outcome_judged,
    [RENTBUS_RENTAL_UNFLAGGED_EVENT] = outcome_judged,
    [RENTBUS_COMMAND_REJECTED_EVENT] = outcome_refused,
    [RENTBUS_COMMAND_UNCHANGED_EVENT] = outcome_unchanged,
};

void ledger_outcome(const struct ledger_event *events, size_t count, uint64_t last_seq,
                    struct rentbus_command_result *result)
{
    const struct ledger_event *deciding = NULL;

    for (size_t i = 0; i < count; i++)
        if (rentbus_event_rows[events[i].type].outcome != RENTBUS_OUTCOME_NONE)
            deciding = &events[i];
    result->has = 0;
    RENTBUS_SET(result, command_result, seq, last_seq);
    if (count > 0 && events[0].type == RENTBUS_EVENT_NONE)
        RENTBUS_SET(result, command_result, outcome, RENTBUS_OUTCOME_CREATED);
    if (!deciding)
        return;
    RENTBUS_SET(result, command_result, outcome, rentbus_event_rows[deciding->type].outcome);
    if ((size_t)deciding->type < sizeof(details) / sizeof(details[0]) && details[deciding->type])
        details[deciding->type](deciding, result);
}
