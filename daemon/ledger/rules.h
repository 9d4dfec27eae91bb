/* SPDX-License-Identifier: MPL-2.0 */
/* What the deciders of the single commands share. Each decider appends its events to *decision,
 * whose count is 0 before, and returns as ledger_decide() does. */
#ifndef RENTBUS_LEDGER_RULES_H
#define RENTBUS_LEDGER_RULES_H

#include "daemon/ledger/decide.h"
#include "daemon/ledger/state.h"

typedef int ledger_decider(const struct ledger *ledger, const struct ledger_command *command,
                           const struct ledger_context *context, struct ledger_decision *decision,
                           struct rentbus_fault *fault);

ledger_decider ledger_decide_return;
ledger_decider ledger_decide_checkout;
ledger_decider ledger_decide_import;
ledger_decider ledger_decide_import_device;
ledger_decider ledger_decide_renew;
ledger_decider ledger_decide_forgive;
ledger_decider ledger_decide_flag;
ledger_decider ledger_decide_unflag;
ledger_decider ledger_decide_user_put;
ledger_decider ledger_decide_user_block;
ledger_decider ledger_decide_user_unblock;
ledger_decider ledger_decide_asset_put;
ledger_decider ledger_decide_asset_type_put;
ledger_decider ledger_decide_location_put;
ledger_decider ledger_decide_policy_put;

/* 9999-12-31T23:59:59.999999Z, the last time that has a text. */
#define LEDGER_TIME_LAST INT64_C(253402300799999999)

/* The most rules that can stand against one command. */
#define LEDGER_REASONS_MAX 4

/* The rules that stand against a command, the first first. Zeroed at first. */
struct ledger_reasons {
    size_t count;
    enum rentbus_reason items[LEDGER_REASONS_MAX];
};

/* Adds the reason when it holds. */
static inline void ledger_reasons_add(struct ledger_reasons *reasons, bool holds,
                                      enum rentbus_reason reason)
{
    if (holds)
        reasons->items[reasons->count++] = reason;
}

/* Refuses an override that says nothing: INVALID_ARGUMENT. */
int ledger_override_check(struct rentbus_text override, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));
/* Whether the override, where there is one, does away with all the reasons: those in the mask, of
 * LEDGER_REASON_BIT()s, may be overridden. */
bool ledger_reasons_yield(const struct ledger_reasons *reasons, struct rentbus_text override,
                          uint32_t mask);
#define LEDGER_REASON_BIT(name) (UINT32_C(1) << RENTBUS_REASON_##name)

/* The reasons as words. */
void ledger_reasons_fill(const struct ledger_reasons *reasons, struct rentbus_ids *words);

/* The types that may come back for the asset where nobody named any: those of its type, else the
 * type itself. */
void ledger_default_types(const struct ledger *ledger, const struct ledger_asset *asset,
                          struct rentbus_ids *types);
/* The next event of the decision, its data uninitialized. */
struct ledger_event *ledger_decision_add(struct ledger_decision *decision,
                                         enum rentbus_event_type type, struct rentbus_text subject);
/* Whether the scan came already by the sequence of its device; if so, says that nothing changes. */
bool ledger_decide_resent(const struct ledger *ledger, const struct ledger_command *command,
                          struct ledger_decision *decision);
/* When scans of the device before this one have not come, says so: the last event of a decision. */
void ledger_decide_gap(const struct ledger *ledger, const struct ledger_scan *scan,
                       struct ledger_decision *decision);
/* A COMMAND_UNCHANGED_EVENT; returns its data, without a rental. */
struct rentbus_unchanged_data *ledger_decision_unchanged(struct ledger_decision *decision,
                                                         enum rentbus_op op,
                                                         struct rentbus_text subject);

#endif
