/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/rules.h"

static void fill_policy(const struct rentbus_policy_put_args *args, struct rentbus_policy *policy)
{
    if (RENTBUS_HAS(args, policy_put_args, max_skew))
        policy->max_skew = args->max_skew;
    if (RENTBUS_HAS(args, policy_put_args, late_return))
        policy->late_return = args->late_return;
    if (RENTBUS_HAS(args, policy_put_args, return_match))
        policy->return_match = args->return_match;
    if (RENTBUS_HAS(args, policy_put_args, renewal_grace))
        policy->renewal_grace = args->renewal_grace;
    if (RENTBUS_HAS(args, policy_put_args, user_limit))
        RENTBUS_SET(policy, policy, user_limit, args->user_limit);
    if (RENTBUS_HAS(policy, policy, user_limit) && policy->user_limit == 0)
        policy->has &= ~RENTBUS_BIT(policy, user_limit);
}

static bool policies_equal(const struct rentbus_policy *a, const struct rentbus_policy *b)
{
    return a->has == b->has && a->max_skew == b->max_skew && a->renewal_grace == b->renewal_grace &&
           a->return_match == b->return_match &&
           rentbus_text_equal(a->late_return, b->late_return) &&
           (!RENTBUS_HAS(a, policy, user_limit) || a->user_limit == b->user_limit);
}

int ledger_decide_policy_put(const struct ledger *ledger, const struct ledger_command *command,
                             const struct ledger_context *context, struct ledger_decision *decision,
                             struct rentbus_fault *fault)
{
    const struct rentbus_policy_put_args *args = &command->args.policy_put;
    const struct rentbus_text none = {0};
    struct ledger_late_return late;
    struct rentbus_policy_data *data;
    struct rentbus_policy old;
    struct rentbus_policy new;

    if (RENTBUS_HAS(args, policy_put_args, late_return) &&
        !ledger_late_return_parse(args->late_return, &late))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "late_return",
                                 "must be reject, flag or forgive_within: and a duration");
    ledger_policy_get(ledger, &old);
    new = old;
    fill_policy(args, &new);
    if (policies_equal(&old, &new)) {
        ledger_decision_unchanged(decision, command->op, none);
        return 0;
    }
    data = &ledger_decision_add(decision, RENTBUS_POLICY_UPDATED_EVENT, none)->data.policy_data;
    data->has = RENTBUS_BIT(policy_data, policy);
    data->policy = new;
    data->policy.version = context->next_seq;
    return 0;
}
