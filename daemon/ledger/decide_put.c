/* SPDX-License-Identifier: MPL-2.0 */
/* A put replaces the whole thing; one that finds it as it asks for changes nothing. */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/things.h"

/* Whether a label says what a put asks for, `given` or nothing. */
static bool label_is(const struct ledger_label *label, bool given, struct rentbus_text text)
{
    return given ? label && rentbus_text_equal(ledger_label_text(label), text) : !label;
}

static void fill_user(const struct rentbus_user_put_args *args, const struct ledger_user *known,
                      struct rentbus_user *user)
{
    (void)known;
    user->has = 0;
    RENTBUS_SET(user, user, id, args->id);
    if (RENTBUS_HAS(args, user_put_args, name))
        RENTBUS_SET(user, user, name, args->name);
    if (RENTBUS_HAS(args, user_put_args, user_limit))
        RENTBUS_SET(user, user, user_limit, args->user_limit);
}

int ledger_decide_user_put(const struct ledger *ledger, const struct ledger_command *command,
                           const struct ledger_context *context, struct ledger_decision *decision,
                           struct rentbus_fault *fault)
{
    const struct rentbus_user_put_args *args = &command->args.user_put;
    const struct ledger_user *user = ledger_find_user(ledger, args->id);

    (void)context;
    (void)fault;
    if (user && label_is(user->name, RENTBUS_HAS(args, user_put_args, name), args->name))
        ledger_decision_unchanged(decision, command->op, args->id);
    else
        fill_user(
            args, user,
            &ledger_decision_add(
                 decision, user ? RENTBUS_USER_UPDATED_EVENT : RENTBUS_USER_CREATED_EVENT, args->id)
                 ->data.user);
    return 0;
}

static void fill_location(const struct rentbus_location_put_args *args,
                          struct rentbus_location *location)
{
    location->has = 0;
    RENTBUS_SET(location, location, id, args->id);
    if (RENTBUS_HAS(args, location_put_args, name))
        RENTBUS_SET(location, location, name, args->name);
}

int ledger_decide_location_put(const struct ledger *ledger, const struct ledger_command *command,
                               const struct ledger_context *context,
                               struct ledger_decision *decision, struct rentbus_fault *fault)
{
    const struct rentbus_location_put_args *args = &command->args.location_put;
    const struct ledger_location *location = ledger_find_location(ledger, args->id);

    (void)context;
    (void)fault;
    if (location &&
        label_is(location->name, RENTBUS_HAS(args, location_put_args, name), args->name))
        ledger_decision_unchanged(decision, command->op, args->id);
    else
        fill_location(args, &ledger_decision_add(decision,
                                                 location ? RENTBUS_LOCATION_UPDATED_EVENT
                                                          : RENTBUS_LOCATION_CREATED_EVENT,
                                                 args->id)
                                 ->data.location);
    return 0;
}

int ledger_decide_asset_put(const struct ledger *ledger, const struct ledger_command *command,
                            const struct ledger_context *context, struct ledger_decision *decision,
                            struct rentbus_fault *fault)
{
    const struct rentbus_asset_put_args *args = &command->args.asset_put;
    const struct ledger_asset *asset = ledger_find_asset(ledger, args->id);
    struct rentbus_asset *data;

    (void)context;
    (void)fault;
    if (asset && rentbus_text_equal(ledger_name_text(asset->state.type), args->asset_type)) {
        ledger_decision_unchanged(decision, command->op, args->id);
        return 0;
    }
    data = &ledger_decision_add(decision,
                                asset ? RENTBUS_ASSET_UPDATED_EVENT : RENTBUS_ASSET_CREATED_EVENT,
                                args->id)
                ->data.asset;
    data->has = 0;
    RENTBUS_SET(data, asset, id, args->id);
    RENTBUS_SET(data, asset, asset_type, args->asset_type);
    return 0;
}

/* The asset type as the put asks for it, with defaults for what it leaves out. */
static int asset_type_fill(const struct rentbus_asset_type_put_args *args,
                           struct rentbus_asset_type *asset_type, struct rentbus_fault *fault)
{
    asset_type->has = 0;
    RENTBUS_SET(asset_type, asset_type, id, args->id);
    RENTBUS_SET(asset_type, asset_type, loan_period, LEDGER_LOAN_PERIOD_DEFAULT);
    if (RENTBUS_HAS(args, asset_type_put_args, loan_period))
        asset_type->loan_period = args->loan_period;
    if (asset_type->loan_period <= 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "loan_period",
                                 "must be longer than nothing");
    asset_type->has |= RENTBUS_BIT(asset_type, eligible_asset_types);
    asset_type->eligible_asset_types.count = 1;
    asset_type->eligible_asset_types.items[0] = args->id;
    if (RENTBUS_HAS(args, asset_type_put_args, eligible_asset_types))
        asset_type->eligible_asset_types = args->eligible_asset_types;
    if (asset_type->eligible_asset_types.count == 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "eligible_asset_types",
                                 "must name a type");
    return 0;
}

int ledger_decide_asset_type_put(const struct ledger *ledger, const struct ledger_command *command,
                                 const struct ledger_context *context,
                                 struct ledger_decision *decision, struct rentbus_fault *fault)
{
    const struct rentbus_asset_type_put_args *args = &command->args.asset_type_put;
    const struct ledger_asset_type *known = ledger_find_asset_type(ledger, args->id);
    struct rentbus_asset_type asset_type;
    int error = asset_type_fill(args, &asset_type, fault);

    (void)context;
    if (error != 0)
        return error;
    if (known && known->loan_period == asset_type.loan_period &&
        ledger_type_list_equal(known->eligible, &asset_type.eligible_asset_types))
        ledger_decision_unchanged(decision, command->op, args->id);
    else
        ledger_decision_add(
            decision, known ? RENTBUS_ASSET_TYPE_UPDATED_EVENT : RENTBUS_ASSET_TYPE_CREATED_EVENT,
            args->id)
            ->data.asset_type = asset_type;
    return 0;
}
