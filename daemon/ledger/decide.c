/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/decide.h"

#include "daemon/ledger/rules.h"
#include "daemon/ledger/view.h"

#include <assert.h>

struct ledger_event *ledger_decision_add(struct ledger_decision *decision,
                                         enum rentbus_event_type type, struct rentbus_text subject)
{
    struct ledger_event *event = &decision->events[decision->count++];

    assert(decision->count <= LEDGER_DECISION_MAX);
    event->type = type;
    event->subject = subject;
    return event;
}

struct rentbus_unchanged_data *ledger_decision_unchanged(struct ledger_decision *decision,
                                                         enum rentbus_op op,
                                                         struct rentbus_text subject)
{
    const struct rentbus_op_row *row = &rentbus_op_rows[op];
    struct rentbus_text wire = {row->wire, row->wire_length};
    struct rentbus_unchanged_data *data =
        &ledger_decision_add(decision, RENTBUS_COMMAND_UNCHANGED_EVENT, subject)
             ->data.unchanged_data;

    data->has = 0;
    RENTBUS_SET(data, unchanged_data, op, wire);
    return data;
}

void ledger_reasons_fill(const struct ledger_reasons *reasons, struct rentbus_ids *words)
{
    words->count = reasons->count;
    for (size_t i = 0; i < reasons->count; i++)
        words->items[i] = rentbus_text(rentbus_word_text(&rentbus_reason_words, reasons->items[i]));
}

int ledger_override_check(struct rentbus_text override, struct rentbus_fault *fault)
{
    if (override.data && override.length == 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "override", "must say why");
    return 0;
}

bool ledger_reasons_yield(const struct ledger_reasons *reasons, struct rentbus_text override,
                          uint32_t mask)
{
    if (!override.data)
        return false;
    for (size_t i = 0; i < reasons->count; i++)
        if ((mask & UINT32_C(1) << reasons->items[i]) == 0)
            return false;
    return true;
}

static ledger_decider *const deciders[RENTBUS_OP_COUNT] = {
    [RENTBUS_OP_rental_return] = ledger_decide_return,
    [RENTBUS_OP_rental_checkout] = ledger_decide_checkout,
    [RENTBUS_OP_rental_renew] = ledger_decide_renew,
    [RENTBUS_OP_rental_forgive] = ledger_decide_forgive,
    [RENTBUS_OP_rental_flag] = ledger_decide_flag,
    [RENTBUS_OP_rental_unflag] = ledger_decide_unflag,
    [RENTBUS_OP_user_put] = ledger_decide_user_put,
    [RENTBUS_OP_user_block] = ledger_decide_user_block,
    [RENTBUS_OP_user_unblock] = ledger_decide_user_unblock,
    [RENTBUS_OP_asset_put] = ledger_decide_asset_put,
    [RENTBUS_OP_asset_type_put] = ledger_decide_asset_type_put,
    [RENTBUS_OP_location_put] = ledger_decide_location_put,
    [RENTBUS_OP_policy_put] = ledger_decide_policy_put,
    [RENTBUS_OP_admin_import] = ledger_decide_import,
    [RENTBUS_OP_admin_import_device] = ledger_decide_import_device,
};

int ledger_decide(const struct ledger *ledger, const struct ledger_command *command,
                  const struct ledger_context *context, struct ledger_decision *decision,
                  struct rentbus_fault *fault)
{
    decision->count = 0;
    if (command->op >= RENTBUS_OP_COUNT || !deciders[command->op])
        return rentbus_fault_set(fault, RENTBUS_ERROR_UNKNOWN_OP, NULL, "not a command");
    return deciders[command->op](ledger, command, context, decision, fault);
}

void ledger_default_types(const struct ledger *ledger, const struct ledger_asset *asset,
                          struct rentbus_ids *types)
{
    struct rentbus_text own = ledger_name_text(asset->state.type);
    const struct ledger_asset_type *type = ledger_find_asset_type(ledger, own);

    if (type) {
        ledger_type_list_view(type->state.eligible, types);
    } else {
        types->count = 1;
        types->items[0] = own;
    }
}
