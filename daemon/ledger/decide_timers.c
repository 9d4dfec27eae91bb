/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/view.h"

int64_t ledger_timer_next(const struct ledger *ledger)
{
    return ledger->timers.count > 0 ? ledger->timers.entries[0].due_at : LEDGER_NEVER;
}

void ledger_decide_timers(struct ledger *ledger, const struct ledger_context *context,
                          struct ledger_decision *decision)
{
    const struct ledger_rental *due[LEDGER_DECISION_MAX];
    size_t count = ledger_timers_due(&ledger->timers, context->now, due, LEDGER_DECISION_MAX);

    decision->count = 0;
    for (size_t i = 0; i < count; i++) {
        bool expired = context->now > due[i]->state.expires_at;
        struct rentbus_rental_data *data =
            &ledger_decision_add(
                 decision, expired ? RENTBUS_RENTAL_EXPIRED_EVENT : RENTBUS_RENTAL_DUE_SOON_EVENT,
                 ledger_rental_id(due[i]))
                 ->data.rental_data;

        data->has = RENTBUS_BIT(rental_data, rental);
        ledger_rental_view(due[i], &data->rental);
    }
}
