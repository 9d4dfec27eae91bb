/* SPDX-License-Identifier: MPL-2.0 */
/* A put replaces the whole thing; one that finds it as it asks for changes nothing. */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/things.h"

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
        ledger_label_is(location->name, RENTBUS_HAS(args, location_put_args, name), args->name))
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

static int invalid(struct rentbus_fault *fault, const char *field, const char *message)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field, "%s", message);
}

/* What a put may leave out without a default. */
static void fill_optional(const struct rentbus_asset_type_put_args *args,
                          struct rentbus_asset_type *asset_type)
{
    if (RENTBUS_HAS(args, asset_type_put_args, user_limit))
        RENTBUS_SET(asset_type, asset_type, user_limit, args->user_limit);
    if (RENTBUS_HAS(args, asset_type_put_args, renewals_max))
        RENTBUS_SET(asset_type, asset_type, renewals_max, args->renewals_max);
    if (RENTBUS_HAS(args, asset_type_put_args, due_soon_lead))
        RENTBUS_SET(asset_type, asset_type, due_soon_lead, args->due_soon_lead);
}

/* The asset type as the put asks for it, with defaults for what it leaves out. */
static void fill_asset_type(const struct rentbus_asset_type_put_args *args,
                            struct rentbus_asset_type *asset_type)
{
    asset_type->has = RENTBUS_BIT(asset_type, eligible_asset_types);
    RENTBUS_SET(asset_type, asset_type, id, args->id);
    RENTBUS_SET(asset_type, asset_type, loan_period, LEDGER_LOAN_PERIOD_DEFAULT);
    if (RENTBUS_HAS(args, asset_type_put_args, loan_period))
        asset_type->loan_period = args->loan_period;
    RENTBUS_SET(asset_type, asset_type, renewal_period, asset_type->loan_period);
    if (RENTBUS_HAS(args, asset_type_put_args, renewal_period))
        asset_type->renewal_period = args->renewal_period;
    asset_type->eligible_asset_types.count = 1;
    asset_type->eligible_asset_types.items[0] = args->id;
    if (RENTBUS_HAS(args, asset_type_put_args, eligible_asset_types))
        asset_type->eligible_asset_types = args->eligible_asset_types;
    fill_optional(args, asset_type);
}

static int check_asset_type(const struct rentbus_asset_type *asset_type,
                            struct rentbus_fault *fault)
{
    if (asset_type->loan_period <= 0)
        return invalid(fault, "loan_period", "must be longer than nothing");
    if (asset_type->renewal_period <= 0)
        return invalid(fault, "renewal_period", "must be longer than nothing");
    if (asset_type->eligible_asset_types.count == 0)
        return invalid(fault, "eligible_asset_types", "must name a type");
    return 0;
}

static bool limit_is(struct ledger_limit limit, bool given, uint64_t most)
{
    return limit.given == given && (!given || limit.most == most);
}

static bool asset_type_is(const struct ledger_asset_type_state *state,
                          const struct rentbus_asset_type *wanted)
{
    bool has_lead = RENTBUS_HAS(wanted, asset_type, due_soon_lead);

    return state->loan_period == wanted->loan_period &&
           state->renewal_period == wanted->renewal_period &&
           state->has_due_soon_lead == has_lead &&
           (!has_lead || state->due_soon_lead == wanted->due_soon_lead) &&
           limit_is(state->user_limit, RENTBUS_HAS(wanted, asset_type, user_limit),
                    wanted->user_limit) &&
           limit_is(state->renewals, RENTBUS_HAS(wanted, asset_type, renewals_max),
                    wanted->renewals_max) &&
           ledger_type_list_equal(state->eligible, &wanted->eligible_asset_types);
}

int ledger_decide_asset_type_put(const struct ledger *ledger, const struct ledger_command *command,
                                 const struct ledger_context *context,
                                 struct ledger_decision *decision, struct rentbus_fault *fault)
{
    const struct rentbus_asset_type_put_args *args = &command->args.asset_type_put;
    const struct ledger_asset_type *known = ledger_find_asset_type(ledger, args->id);
    struct rentbus_asset_type wanted;
    int error;

    (void)context;
    fill_asset_type(args, &wanted);
    error = check_asset_type(&wanted, fault);
    if (error != 0)
        return error;
    if (known && asset_type_is(&known->state, &wanted))
        ledger_decision_unchanged(decision, command->op, args->id);
    else
        ledger_decision_add(
            decision, known ? RENTBUS_ASSET_TYPE_UPDATED_EVENT : RENTBUS_ASSET_TYPE_CREATED_EVENT,
            args->id)
            ->data.asset_type = wanted;
    return 0;
}
