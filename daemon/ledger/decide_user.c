/* SPDX-License-Identifier: MPL-2.0 */
/* Users: a put replaces all but a block, which has commands of its own. Every event tells all of
 * the user. */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/things.h"
#include "daemon/ledger/view.h"

int ledger_decide_user_put(const struct ledger *ledger, const struct ledger_command *command,
                           const struct ledger_context *context, struct ledger_decision *decision,
                           struct rentbus_fault *fault)
{
    const struct rentbus_user_put_args *args = &command->args.user_put;
    const struct ledger_user *known = ledger_find_user(ledger, args->id);
    bool has_name = RENTBUS_HAS(args, user_put_args, name);
    bool has_limit = RENTBUS_HAS(args, user_put_args, user_limit);
    struct rentbus_user *user;

    (void)context;
    (void)fault;
    if (known && ledger_label_is(known->state.name, has_name, args->name) &&
        known->state.limit.given == has_limit &&
        (!has_limit || known->state.limit.most == args->user_limit)) {
        ledger_decision_unchanged(decision, command->op, args->id);
        return 0;
    }
    user = &ledger_decision_add(
                decision, known ? RENTBUS_USER_UPDATED_EVENT : RENTBUS_USER_CREATED_EVENT, args->id)
                ->data.user;
    user->has = 0;
    RENTBUS_SET(user, user, id, args->id);
    if (has_name)
        RENTBUS_SET(user, user, name, args->name);
    if (has_limit)
        RENTBUS_SET(user, user, user_limit, args->user_limit);
    if (known && known->state.block_reason)
        RENTBUS_SET(user, user, block_reason, ledger_label_text(known->state.block_reason));
    return 0;
}

static int unknown_user(struct rentbus_fault *fault)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "id", "no such user");
}

int ledger_decide_user_block(const struct ledger *ledger, const struct ledger_command *command,
                             const struct ledger_context *context, struct ledger_decision *decision,
                             struct rentbus_fault *fault)
{
    const struct rentbus_user_block_args *args = &command->args.user_block;
    const struct ledger_user *known = ledger_find_user(ledger, args->id);
    struct rentbus_user *user;

    (void)context;
    if (!known)
        return unknown_user(fault);
    if (ledger_label_is(known->state.block_reason, true, args->reason)) {
        ledger_decision_unchanged(decision, command->op, args->id);
        return 0;
    }
    user = &ledger_decision_add(decision, RENTBUS_USER_BLOCKED_EVENT, args->id)->data.user;
    ledger_user_view(known, user);
    RENTBUS_SET(user, user, block_reason, args->reason);
    return 0;
}

int ledger_decide_user_unblock(const struct ledger *ledger, const struct ledger_command *command,
                               const struct ledger_context *context,
                               struct ledger_decision *decision, struct rentbus_fault *fault)
{
    const struct rentbus_user_unblock_args *args = &command->args.user_unblock;
    const struct ledger_user *known = ledger_find_user(ledger, args->id);
    struct rentbus_user *user;

    (void)context;
    if (!known)
        return unknown_user(fault);
    if (!known->state.block_reason) {
        ledger_decision_unchanged(decision, command->op, args->id);
        return 0;
    }
    user = &ledger_decision_add(decision, RENTBUS_USER_UNBLOCKED_EVENT, args->id)->data.user;
    ledger_user_view(known, user);
    user->has &= ~RENTBUS_BIT(user, block_reason);
    return 0;
}
