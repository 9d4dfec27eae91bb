/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/view.h"

static int invalid(struct rentbus_fault *fault, const char *field, const char *message)
{
    return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field, "%s", message);
}

/* What the ledger counts from there on must not run over. */
#define COUNT_MAX INT32_MAX

static int check_counts(const struct rentbus_import_args *args, struct rentbus_fault *fault)
{
    if (RENTBUS_HAS(args, import_args, rev) && (args->rev == 0 || args->rev > COUNT_MAX))
        return invalid(fault, "rev", "must be from 1 to 2147483647");
    if (RENTBUS_HAS(args, import_args, renewals) && args->renewals > COUNT_MAX)
        return invalid(fault, "renewals", "must be at most 2147483647");
    return 0;
}

/* What only a rental that is not open any more has. */
static int check_open(const struct rentbus_import_args *args, struct rentbus_fault *fault)
{
    static const struct {
        uint64_t bit;
        const char *field;
    } later[] = {
        {RENTBUS_BIT(import_args, returned_at), "returned_at"},
        {RENTBUS_BIT(import_args, returned_at_location_id), "returned_at_location_id"},
        {RENTBUS_BIT(import_args, closed_by), "closed_by"},
        {RENTBUS_BIT(import_args, flag_reason), "flag_reason"},
        {RENTBUS_BIT(import_args, returned_asset_id), "returned_asset_id"},
    };

    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        if ((args->has & later[i].bit) != 0)
            return invalid(fault, later[i].field, "a rental IN_PROGRESS has none");
    return 0;
}

static int check_args(const struct rentbus_import_args *args, struct rentbus_fault *fault)
{
    bool has_returned_at = RENTBUS_HAS(args, import_args, returned_at);

    if (args->expires_at <= args->created_at)
        return invalid(fault, "expires_at", "must be after created_at");
    if (args->status == RENTBUS_STATUS_IN_PROGRESS)
        return check_open(args, fault);
    if (args->status == RENTBUS_STATUS_COMPLETED && !has_returned_at)
        return invalid(fault, "returned_at", "a COMPLETED rental has one");
    if (RENTBUS_HAS(args, import_args, returned_asset_id) && !has_returned_at)
        return invalid(fault, "returned_asset_id", "needs a returned_at");
    return 0;
}

static int check_ledger(const struct ledger *ledger, const struct rentbus_import_args *args,
                        struct rentbus_fault *fault)
{
    const struct ledger_asset *asset = ledger_find_asset(ledger, args->asset_id);

    if (!ledger_find_user(ledger, args->user_id))
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "user_id", "no such user");
    if (!asset)
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "asset_id", "no such asset");
    if (RENTBUS_HAS(args, import_args, returned_asset_id) &&
        !ledger_find_asset(ledger, args->returned_asset_id))
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "returned_asset_id",
                                 "no such asset");
    if (args->status == RENTBUS_STATUS_IN_PROGRESS && asset->rental)
        return rentbus_fault_set(fault, RENTBUS_ERROR_CONFLICT, "asset_id",
                                 "out on another rental in progress");
    return 0;
}

/* Whether the rental is known already; if so, says that nothing changes. */
static bool decide_known(const struct ledger *ledger, const struct ledger_command *command,
                         const struct ledger_context *context, struct ledger_decision *decision)
{
    struct rentbus_text id = command->args.admin_import.id;
    const struct ledger_rental *known = ledger_find_rental(ledger, id);
    struct rentbus_unchanged_data *data;

    if (!known && !context->archived)
        return false;
    data = ledger_decision_unchanged(decision, command->op, id);
    data->has |= RENTBUS_BIT(unchanged_data, rental);
    if (known)
        ledger_rental_view(known, &data->rental);
    else
        ledger_rental_copy(context->archived, &data->rental);
    return true;
}

/* How the rental ended, where that is known. */
static void fill_closed(const struct rentbus_import_args *args, struct rentbus_rental *rental)
{
    if (RENTBUS_HAS(args, import_args, closed_by))
        RENTBUS_SET(rental, rental, closed_by, args->closed_by);
    if (RENTBUS_HAS(args, import_args, flag_reason))
        RENTBUS_SET(rental, rental, flag_reason, args->flag_reason);
    if (RENTBUS_HAS(args, import_args, returned_at))
        RENTBUS_SET(rental, rental, returned_at, args->returned_at);
    if (RENTBUS_HAS(args, import_args, returned_asset_id))
        RENTBUS_SET(rental, rental, returned_asset_id, args->returned_asset_id);
    if (RENTBUS_HAS(args, import_args, returned_at_location_id))
        RENTBUS_SET(rental, rental, returned_at_location_id, args->returned_at_location_id);
}

static struct rentbus_text returned_type(const struct ledger *ledger,
                                         const struct rentbus_import_args *args)
{
    bool other = RENTBUS_HAS(args, import_args, returned_asset_id);
    const struct ledger_asset *asset =
        ledger_find_asset(ledger, other ? args->returned_asset_id : args->asset_id);
    return ledger_name_text(asset->state.type);
}

static void add_imported(const struct ledger *ledger, const struct rentbus_import_args *args,
                         uint64_t seq, struct ledger_decision *decision)
{
    struct rentbus_rental_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_IMPORTED_EVENT, args->id)->data.rental_data;
    struct rentbus_rental *rental = &data->rental;

    data->has = RENTBUS_BIT(rental_data, rental);
    rental->has = 0;
    RENTBUS_SET(rental, rental, id, args->id);
    RENTBUS_SET(rental, rental, rev, RENTBUS_HAS(args, import_args, rev) ? args->rev : 1);
    RENTBUS_SET(rental, rental, status, args->status);
    RENTBUS_SET(rental, rental, user_id, args->user_id);
    RENTBUS_SET(rental, rental, asset_id, args->asset_id);
    RENTBUS_SET(rental, rental, renewals,
                RENTBUS_HAS(args, import_args, renewals) ? args->renewals : 0);
    RENTBUS_SET(rental, rental, created_at, args->created_at);
    RENTBUS_SET(rental, rental, expires_at, args->expires_at);
    RENTBUS_SET(rental, rental, created_seq, seq);
    rental->has |= RENTBUS_BIT(rental, eligible_asset_types);
    if (args->eligible_asset_types.count > 0)
        rental->eligible_asset_types = args->eligible_asset_types;
    else
        ledger_default_types(ledger, ledger_find_asset(ledger, args->asset_id),
                             &rental->eligible_asset_types);
    RENTBUS_SET(rental, rental, created_at_location_id, args->created_at_location_id);
    fill_closed(args, rental);
    if (RENTBUS_HAS(args, import_args, returned_at))
        RENTBUS_SET(data, rental_data, asset_type, returned_type(ledger, args));
}

int ledger_decide_import(const struct ledger *ledger, const struct ledger_command *command,
                         const struct ledger_context *context, struct ledger_decision *decision,
                         struct rentbus_fault *fault)
{
    const struct rentbus_import_args *args = &command->args.admin_import;
    int error;

    if (decide_known(ledger, command, context, decision))
        return 0;
    error = check_counts(args, fault);
    if (error == 0)
        error = check_args(args, fault);
    if (error == 0)
        error = check_ledger(ledger, args, fault);
    if (error == 0)
        add_imported(ledger, args, context->next_seq, decision);
    return error;
}
