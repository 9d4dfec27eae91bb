/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/view.h"
#include "sdk/protocol/time.h"

/* A rental as a checkout asks for it. */
struct loan {
    int64_t expires_at;
    const struct rentbus_ids *given; /* eligible types, or NULL */
};

static int check_scan(const struct ledger_scan *scan, struct rentbus_fault *fault)
{
    if (scan->has_expires_at && scan->has_loan_period)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "loan_period",
                                 "give expires_at or loan_period, not both");
    if (scan->has_expires_at && scan->expires_at <= scan->occurred_at)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "expires_at",
                                 "must be after the checkout");
    if (scan->has_loan_period && scan->loan_period <= 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "loan_period",
                                 "must be longer than nothing");
    if (scan->has_eligible_asset_types && scan->eligible_asset_types.count == 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "eligible_asset_types",
                                 "must name a type");
    return 0;
}

static int plan_loan(const struct ledger *ledger, const struct ledger_scan *scan,
                     const struct ledger_asset *asset, struct loan *loan,
                     struct rentbus_fault *fault)
{
    const struct ledger_asset_type *type =
        ledger_find_asset_type(ledger, ledger_name_text(asset->state.type));
    int64_t period = type ? type->state.loan_period : LEDGER_LOAN_PERIOD_DEFAULT;

    if (scan->has_loan_period)
        period = scan->loan_period;
    loan->given = scan->has_eligible_asset_types ? &scan->eligible_asset_types : NULL;
    loan->expires_at = scan->expires_at;
    if (scan->has_expires_at)
        return 0;
    if (period > (LEDGER_TIME_LAST - scan->occurred_at) / RENTBUS_SECOND)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT,
                                 scan->has_loan_period ? "loan_period" : "timestamp",
                                 "the loan would end after the year 9999");
    loan->expires_at = scan->occurred_at + period * RENTBUS_SECOND;
    return 0;
}

static void copy_types(const struct rentbus_ids *from, struct rentbus_ids *to)
{
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->items[i] = from->items[i];
}

static void add_checkout(const struct ledger_scan *scan, struct ledger_decision *decision)
{
    struct rentbus_checkout_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_CHECKOUT_EVENT, scan->asset_id)
             ->data.checkout_data;

    data->has = 0;
    RENTBUS_SET(data, checkout_data, user_id, scan->user_id);
    RENTBUS_SET(data, checkout_data, asset_id, scan->asset_id);
    RENTBUS_SET(data, checkout_data, location_id, scan->location_id);
    RENTBUS_SET(data, checkout_data, occurred_at, scan->occurred_at);
    if (scan->has_expires_at)
        RENTBUS_SET(data, checkout_data, expires_at, scan->expires_at);
    if (scan->has_loan_period)
        RENTBUS_SET(data, checkout_data, loan_period, scan->loan_period);
    if (scan->has_eligible_asset_types) {
        data->has |= RENTBUS_BIT(checkout_data, eligible_asset_types);
        copy_types(&scan->eligible_asset_types, &data->eligible_asset_types);
    }
}

static void add_rejected(const struct ledger *ledger, const struct ledger_scan *scan,
                         const struct ledger_reasons *reasons, const struct ledger_rental *existing,
                         struct ledger_decision *decision)
{
    struct rentbus_rejected_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT, scan->asset_id)
             ->data.rejected_data;

    data->has = RENTBUS_BIT(rejected_data, reasons);
    ledger_reasons_fill(reasons, &data->reasons);
    RENTBUS_SET(data, rejected_data, reason, reasons->items[0]);
    RENTBUS_SET(data, rejected_data, policy_version, ledger->policy.version);
    RENTBUS_SET(data, rejected_data, user_id, scan->user_id);
    RENTBUS_SET(data, rejected_data, asset_id, scan->asset_id);
    RENTBUS_SET(data, rejected_data, location_id, scan->location_id);
    RENTBUS_SET(data, rejected_data, occurred_at, scan->occurred_at);
    if (reasons->items[0] == RENTBUS_REASON_ALREADY_OUT) {
        data->has |= RENTBUS_BIT(rejected_data, rental);
        ledger_rental_view(existing, &data->rental);
    }
}

/* The asset is here to be taken, so it came back: nobody knows where, or when before now. */
static void add_missed(const struct ledger *ledger, const struct ledger_scan *scan,
                       const struct ledger_rental *rental, struct ledger_decision *decision)
{
    struct rentbus_complete_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT,
                             ledger_rental_id(rental))
             ->data.complete_data;
    struct rentbus_rental *view = &data->rental;
    int64_t returned_at =
        scan->occurred_at > rental->created_at ? scan->occurred_at : rental->created_at;

    data->has = RENTBUS_BIT(complete_data, rental);
    RENTBUS_SET(data, complete_data, policy_version, ledger->policy.version);
    ledger_rental_view(rental, view);
    RENTBUS_SET(view, rental, rev, rental->state.rev + UINT64_C(1));
    RENTBUS_SET(view, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(view, rental, closed_by, RENTBUS_CLOSED_BY_missed_scan);
    RENTBUS_SET(view, rental, returned_at, returned_at);
    RENTBUS_SET(view, rental, returned_asset_id, ledger_asset_id(rental->state.asset));
}

static void add_created(const struct ledger *ledger, const struct ledger_scan *scan,
                        const struct ledger_context *context, const struct ledger_asset *asset,
                        const struct loan *loan, struct ledger_decision *decision)
{
    struct rentbus_rental_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_CREATED_EVENT, context->new_rental_id)
             ->data.rental_data;
    struct rentbus_rental *rental = &data->rental;

    data->has = RENTBUS_BIT(rental_data, rental);
    RENTBUS_SET(data, rental_data, policy_version, ledger->policy.version);
    rental->has = RENTBUS_BIT(rental, eligible_asset_types);
    RENTBUS_SET(rental, rental, id, context->new_rental_id);
    RENTBUS_SET(rental, rental, rev, 1);
    RENTBUS_SET(rental, rental, status, RENTBUS_STATUS_IN_PROGRESS);
    RENTBUS_SET(rental, rental, user_id, scan->user_id);
    RENTBUS_SET(rental, rental, asset_id, scan->asset_id);
    RENTBUS_SET(rental, rental, renewals, 0);
    RENTBUS_SET(rental, rental, created_at, scan->occurred_at);
    RENTBUS_SET(rental, rental, expires_at, loan->expires_at);
    RENTBUS_SET(rental, rental, created_seq, context->next_seq + decision->count - 1);
    RENTBUS_SET(rental, rental, created_at_location_id, scan->location_id);
    if (loan->given)
        copy_types(loan->given, &rental->eligible_asset_types);
    else
        ledger_default_types(ledger, asset, &rental->eligible_asset_types);
}

static bool user_limit_reached(const struct ledger *ledger, const struct ledger_user *user)
{
    if (user->state.limit.given)
        return user->open_count >= user->state.limit.most;
    return ledger->policy.user_limit > 0 && user->open_count >= ledger->policy.user_limit;
}

/* Counts a user's rentals of assets of one type. */
struct type_count {
    const struct ledger_name *type;
    uint64_t most;
    uint64_t count;
};

/* False when there are as many as there may be. */
static bool type_count_visit(void *context, struct ledger_rental *rental)
{
    struct type_count *count = context;

    count->count += rental->state.asset->state.type == count->type;
    return count->count < count->most;
}

static bool type_limit_reached(const struct ledger *ledger, const struct ledger_user *user,
                               const struct ledger_asset *asset)
{
    const struct ledger_asset_type *type =
        ledger_find_asset_type(ledger, ledger_name_text(asset->state.type));
    struct type_count count = {.type = asset->state.type};

    if (!type || !type->state.user_limit.given)
        return false;
    count.most = type->state.user_limit.most;
    return count.most == 0 ||
           !ledger_tree_walk(user->open, LEDGER_BY_AGE, type_count_visit, &count);
}

/* All the rules that stand against the checkout. */
static void check_rules(const struct ledger *ledger, const struct ledger_user *user,
                        const struct ledger_asset *asset, struct ledger_reasons *reasons)
{
    ledger_reasons_add(reasons, !user, RENTBUS_REASON_USER_UNKNOWN);
    ledger_reasons_add(reasons, !asset, RENTBUS_REASON_ASSET_UNKNOWN);
    if (!user || !asset)
        return;
    if (asset->rental && asset->rental->user == user) {
        ledger_reasons_add(reasons, true, RENTBUS_REASON_ALREADY_OUT);
        return;
    }
    ledger_reasons_add(reasons, user->state.block_reason != NULL, RENTBUS_REASON_USER_BLOCKED);
    ledger_reasons_add(reasons, user_limit_reached(ledger, user), RENTBUS_REASON_USER_LIMIT);
    ledger_reasons_add(reasons, type_limit_reached(ledger, user, asset), RENTBUS_REASON_TYPE_LIMIT);
}

int ledger_decide_checkout(const struct ledger *ledger, const struct ledger_command *command,
                           const struct ledger_context *context, struct ledger_decision *decision,
                           struct rentbus_fault *fault)
{
    const struct ledger_scan *scan = &command->args.scan;
    const struct ledger_user *user = ledger_find_user(ledger, scan->user_id);
    const struct ledger_asset *asset = ledger_find_asset(ledger, scan->asset_id);
    struct ledger_reasons reasons = {0};
    struct loan loan = {0};
    int error = check_scan(scan, fault);

    if (error == 0 && asset)
        error = plan_loan(ledger, scan, asset, &loan, fault);
    if (error != 0)
        return error;
    check_rules(ledger, user, asset, &reasons);
    add_checkout(scan, decision);
    if (reasons.count > 0) {
        add_rejected(ledger, scan, &reasons, asset ? asset->rental : NULL, decision);
        return 0;
    }
    if (asset->rental)
        add_missed(ledger, scan, asset->rental, decision);
    add_created(ledger, scan, context, asset, &loan, decision);
    return 0;
}
