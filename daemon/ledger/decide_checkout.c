/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/late.h"
#include "daemon/ledger/view.h"
#include "sdk/protocol/time.h"

#define MAY_BE_OVERRIDDEN                                                                          \
    (LEDGER_REASON_BIT(USER_BLOCKED) | LEDGER_REASON_BIT(USER_LIMIT) |                             \
     LEDGER_REASON_BIT(TYPE_LIMIT))

/* A checkout, with what it names looked up and what follows from that. */
struct taking {
    const struct ledger *ledger;
    const struct ledger_scan *scan;
    const struct ledger_user *user;                  /* NULL: unknown */
    const struct ledger_asset *asset;                /* NULL: unknown */
    struct ledger_loan loan;                         /* when the asset is known */
    const struct ledger_unanswered_return *answered; /* it comes late, or NULL */
    struct ledger_reasons reasons;
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
    return ledger_override_check(scan->override, fault);
}

static void copy_types(const struct rentbus_ids *from, struct rentbus_ids *to)
{
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->items[i] = from->items[i];
}

static int plan_loan(struct taking *taking, struct rentbus_fault *fault)
{
    const struct ledger_scan *scan = taking->scan;
    const struct ledger_asset_type *type =
        ledger_find_asset_type(taking->ledger, ledger_name_text(taking->asset->state.type));
    struct ledger_loan *loan = &taking->loan;
    int64_t period = type ? type->state.loan_period : LEDGER_LOAN_PERIOD_DEFAULT;

    if (scan->has_loan_period)
        period = scan->loan_period;
    if (scan->has_eligible_asset_types)
        copy_types(&scan->eligible_asset_types, &loan->types);
    else
        ledger_default_types(taking->ledger, taking->asset, &loan->types);
    loan->created_at = scan->occurred_at;
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
    if (scan->has_device_time)
        RENTBUS_SET(data, checkout_data, device_time, scan->device_time);
    if (scan->device_id.data) {
        RENTBUS_SET(data, checkout_data, device_id, scan->device_id);
        RENTBUS_SET(data, checkout_data, device_seq, scan->device_seq);
    }
}

static void add_rejected(const struct taking *taking, struct ledger_decision *decision)
{
    const struct ledger_scan *scan = taking->scan;
    const struct ledger_reasons *reasons = &taking->reasons;
    struct rentbus_rejected_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT, scan->asset_id)
             ->data.rejected_data;

    data->has = RENTBUS_BIT(rejected_data, reasons);
    ledger_reasons_fill(reasons, &data->reasons);
    RENTBUS_SET(data, rejected_data, reason, reasons->items[0]);
    RENTBUS_SET(data, rejected_data, policy_version, taking->ledger->policy.version);
    RENTBUS_SET(data, rejected_data, user_id, scan->user_id);
    RENTBUS_SET(data, rejected_data, asset_id, scan->asset_id);
    RENTBUS_SET(data, rejected_data, location_id, scan->location_id);
    RENTBUS_SET(data, rejected_data, occurred_at, scan->occurred_at);
    if (reasons->items[0] == RENTBUS_REASON_ALREADY_OUT) {
        data->has |= RENTBUS_BIT(rejected_data, rental);
        ledger_rental_view(taking->asset->rental, &data->rental);
    }
}

/* The asset is here to be taken, so it came back: nobody knows where, or when before now. */
static void add_missed(const struct taking *taking, struct ledger_decision *decision)
{
    const struct ledger_rental *rental = taking->asset->rental;
    int64_t occurred_at = taking->scan->occurred_at;
    struct rentbus_complete_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT,
                             ledger_rental_id(rental))
             ->data.complete_data;
    struct rentbus_rental *view = &data->rental;
    int64_t returned_at = occurred_at > rental->created_at ? occurred_at : rental->created_at;

    data->has = RENTBUS_BIT(complete_data, rental);
    RENTBUS_SET(data, complete_data, policy_version, taking->ledger->policy.version);
    RENTBUS_SET(data, complete_data, asset_type, ledger_name_text(taking->asset->state.type));
    ledger_rental_view(rental, view);
    RENTBUS_SET(view, rental, rev, rental->state.rev + UINT64_C(1));
    RENTBUS_SET(view, rental, status, RENTBUS_STATUS_COMPLETED);
    RENTBUS_SET(view, rental, closed_by, RENTBUS_CLOSED_BY_missed_scan);
    RENTBUS_SET(view, rental, returned_at, returned_at);
    RENTBUS_SET(view, rental, returned_asset_id, ledger_asset_id(taking->asset));
}

static void add_created(const struct taking *taking, const struct ledger_context *context,
                        struct ledger_decision *decision)
{
    const struct ledger_scan *scan = taking->scan;
    struct rentbus_rental_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_CREATED_EVENT, context->new_rental_id)
             ->data.rental_data;
    struct rentbus_rental *rental = &data->rental;

    data->has = RENTBUS_BIT(rental_data, rental);
    RENTBUS_SET(data, rental_data, policy_version, taking->ledger->policy.version);
    rental->has = RENTBUS_BIT(rental, eligible_asset_types);
    RENTBUS_SET(rental, rental, id, context->new_rental_id);
    RENTBUS_SET(rental, rental, rev, 1);
    RENTBUS_SET(rental, rental, status, RENTBUS_STATUS_IN_PROGRESS);
    RENTBUS_SET(rental, rental, user_id, scan->user_id);
    RENTBUS_SET(rental, rental, asset_id, scan->asset_id);
    RENTBUS_SET(rental, rental, renewals, 0);
    RENTBUS_SET(rental, rental, created_at, scan->occurred_at);
    RENTBUS_SET(rental, rental, expires_at, taking->loan.expires_at);
    RENTBUS_SET(rental, rental, created_seq, context->next_seq + decision->count - 1);
    RENTBUS_SET(rental, rental, created_at_location_id, scan->location_id);
    copy_types(&taking->loan.types, &rental->eligible_asset_types);
    if (taking->reasons.count > 0) {
        RENTBUS_SET(data, rental_data, override, scan->override);
        data->has |= RENTBUS_BIT(rental_data, overridden);
        ledger_reasons_fill(&taking->reasons, &data->overridden);
    }
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

/* All the rules that stand against the checkout. What comes late has happened already: only a
 * rental of the user's that was open then shows that it is no loan of its own. */
static void check_rules(struct taking *taking)
{
    const struct ledger *ledger = taking->ledger;
    const struct ledger_user *user = taking->user;
    const struct ledger_asset *asset = taking->asset;
    struct ledger_reasons *reasons = &taking->reasons;
    const struct ledger_rental *own = NULL;

    ledger_reasons_add(reasons, !user, RENTBUS_REASON_USER_UNKNOWN);
    ledger_reasons_add(reasons, !asset, RENTBUS_REASON_ASSET_UNKNOWN);
    if (!user || !asset)
        return;
    if (asset->rental && asset->rental->user == user)
        own = asset->rental;
    if (!own || own->created_at > taking->scan->occurred_at)
        taking->answered = ledger_late_return(ledger, user, asset, &taking->loan);
    if (taking->answered)
        return;
    if (own) {
        ledger_reasons_add(reasons, true, RENTBUS_REASON_ALREADY_OUT);
        return;
    }
    ledger_reasons_add(reasons, user->state.block_reason != NULL, RENTBUS_REASON_USER_BLOCKED);
    ledger_reasons_add(reasons, user_limit_reached(ledger, user), RENTBUS_REASON_USER_LIMIT);
    ledger_reasons_add(reasons, type_limit_reached(ledger, user, asset), RENTBUS_REASON_TYPE_LIMIT);
}

/* A rental that began after a late checkout keeps the asset. */
static bool shows_missed_scan(const struct taking *taking)
{
    const struct ledger_rental *rental = taking->asset->rental;

    return rental && (!taking->answered || rental->created_at <= taking->scan->occurred_at);
}

static void add_outcome(const struct taking *taking, const struct ledger_context *context,
                        struct ledger_decision *decision)
{
    const struct ledger_reasons *reasons = &taking->reasons;
    bool known = taking->user && taking->asset;

    if (!known || (reasons->count > 0 &&
                   !ledger_reasons_yield(reasons, taking->scan->override, MAY_BE_OVERRIDDEN))) {
        add_rejected(taking, decision);
        return;
    }
    if (shows_missed_scan(taking))
        add_missed(taking, decision);
    add_created(taking, context, decision);
    if (taking->answered)
        ledger_decide_late(taking->ledger, taking->asset, taking->answered, decision);
}

int ledger_decide_checkout(const struct ledger *ledger, const struct ledger_command *command,
                           const struct ledger_context *context, struct ledger_decision *decision,
                           struct rentbus_fault *fault)
{
    const struct ledger_scan *scan = &command->args.scan;
    struct taking taking = {
        .ledger = ledger,
        .scan = scan,
        .user = ledger_find_user(ledger, scan->user_id),
        .asset = ledger_find_asset(ledger, scan->asset_id),
    };
    int error = check_scan(scan, fault);

    if (error == 0 && taking.asset)
        error = plan_loan(&taking, fault);
    if (error != 0)
        return error;
    if (ledger_decide_resent(ledger, command, decision))
        return 0;
    check_rules(&taking);
    add_checkout(scan, decision);
    add_outcome(&taking, context, decision);
    ledger_decide_gap(ledger, scan, decision);
    return 0;
}
