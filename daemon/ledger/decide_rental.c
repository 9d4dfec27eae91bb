/* SPDX-License-Identifier: MPL-2.0 */
/* What people decide about a rental: renew, forgive, flag, unflag. */
#include "daemon/ledger/rules.h"
#include "daemon/ledger/view.h"
#include "sdk/protocol/time.h"

#define RENEWAL_MAY_OVERRIDE (LEDGER_REASON_BIT(RENTAL_EXPIRED) | LEDGER_REASON_BIT(RENEWAL_LIMIT))

/* The rental that a command names. What the archive has is over and done with. */
struct subject {
    const struct ledger_rental *rental;    /* in memory, or NULL */
    const struct rentbus_rental *archived; /* else */
};

static int find_subject(const struct ledger *ledger, const struct ledger_context *context,
                        struct rentbus_text id, struct subject *subject,
                        struct rentbus_fault *fault)
{
    subject->rental = ledger_find_rental(ledger, id);
    subject->archived = context->archived;
    if (!subject->rental && !subject->archived)
        return rentbus_fault_set(fault, RENTBUS_ERROR_NOT_FOUND, "rental_id", "no such rental");
    return 0;
}

static bool has_status(const struct subject *subject, enum rentbus_status status)
{
    return subject->rental && subject->rental->state.status == status;
}

static void add_refused(const struct ledger *ledger, const struct ledger_command *command,
                        const struct subject *subject, const struct ledger_reasons *reasons,
                        struct ledger_decision *decision)
{
    const struct rentbus_op_row *row = &rentbus_op_rows[command->op];
    const struct rentbus_text wire = {row->wire, row->wire_length};
    struct rentbus_text id =
        subject->rental ? ledger_rental_id(subject->rental) : subject->archived->id;
    struct rentbus_refused_data *data =
        &ledger_decision_add(decision, RENTBUS_COMMAND_REJECTED_EVENT, id)->data.refused_data;

    data->has = RENTBUS_BIT(refused_data, reasons) | RENTBUS_BIT(refused_data, rental);
    RENTBUS_SET(data, refused_data, op, wire);
    RENTBUS_SET(data, refused_data, reason, reasons->items[0]);
    RENTBUS_SET(data, refused_data, policy_version, ledger->policy.version);
    ledger_reasons_fill(reasons, &data->reasons);
    if (subject->rental)
        ledger_rental_view(subject->rental, &data->rental);
    else
        ledger_rental_copy(subject->archived, &data->rental);
}

/* Refuses what only an open rental allows; or, with `flagged_too`, one that is not closed. True
 * when it did. */
static bool refuse_closed(const struct ledger *ledger, const struct ledger_command *command,
                          const struct subject *subject, bool flagged_too,
                          struct ledger_decision *decision)
{
    const struct ledger_reasons reasons = {1, {RENTBUS_REASON_RENTAL_CLOSED}};

    if (has_status(subject, RENTBUS_STATUS_IN_PROGRESS) ||
        (flagged_too && has_status(subject, RENTBUS_STATUS_FLAGGED)))
        return false;
    add_refused(ledger, command, subject, &reasons, decision);
    return true;
}

/* ---- renew ---- */

static struct rentbus_text override_of(const struct rentbus_renew_args *args)
{
    return RENTBUS_HAS(args, renew_args, override) ? args->override : (struct rentbus_text){0};
}

static int check_renewal(const struct rentbus_renew_args *args, struct rentbus_fault *fault)
{
    bool has_period = RENTBUS_HAS(args, renew_args, period);

    if (has_period && RENTBUS_HAS(args, renew_args, expires_at))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "period",
                                 "give expires_at or period, not both");
    if (has_period && args->period <= 0)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "period",
                                 "must be longer than nothing");
    return ledger_override_check(override_of(args), fault);
}

/* When the rental would end. */
static int plan_renewal(const struct rentbus_renew_args *args, const struct ledger_rental *rental,
                        const struct ledger_asset_type *type, int64_t *expires_at,
                        struct rentbus_fault *fault)
{
    int64_t period = type ? type->state.renewal_period : LEDGER_LOAN_PERIOD_DEFAULT;

    if (RENTBUS_HAS(args, renew_args, expires_at)) {
        *expires_at = args->expires_at;
        return 0;
    }
    if (RENTBUS_HAS(args, renew_args, period))
        period = args->period;
    if (period > (LEDGER_TIME_LAST - rental->state.expires_at) / RENTBUS_SECOND)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "period",
                                 "the rental would end after the year 9999");
    *expires_at = rental->state.expires_at + period * RENTBUS_SECOND;
    return 0;
}

/* All the rules that stand against a renewal until then. */
static void check_rules(const struct ledger *ledger, const struct ledger_rental *rental,
                        const struct ledger_asset_type *type, int64_t expires_at, int64_t now,
                        struct ledger_reasons *reasons)
{
    const struct ledger_rental_state *state = &rental->state;
    bool limited = type && type->state.renewals.given;

    ledger_reasons_add(reasons, now > state->expires_at + ledger->policy.renewal_grace,
                       RENTBUS_REASON_RENTAL_EXPIRED);
    ledger_reasons_add(reasons, limited && state->renewals >= type->state.renewals.most,
                       RENTBUS_REASON_RENEWAL_LIMIT);
    ledger_reasons_add(reasons, expires_at <= state->expires_at, RENTBUS_REASON_NOT_LATER);
}

/* Against the reasons, if there are any. */
static void add_renewed(const struct ledger *ledger, const struct ledger_rental *rental,
                        int64_t expires_at, const struct ledger_reasons *reasons,
                        struct rentbus_text override, struct ledger_decision *decision)
{
    struct rentbus_renewed_data *data =
        &ledger_decision_add(decision, RENTBUS_RENTAL_RENEWED_EVENT, ledger_rental_id(rental))
             ->data.renewed_data;
    struct rentbus_rental *view = &data->rental;

    data->has = RENTBUS_BIT(renewed_data, rental);
    ledger_rental_view(rental, view);
    RENTBUS_SET(view, rental, rev, rental->state.rev + UINT64_C(1));
    RENTBUS_SET(view, rental, expires_at, expires_at);
    RENTBUS_SET(view, rental, renewals, rental->state.renewals + UINT64_C(1));
    RENTBUS_SET(data, renewed_data, previous_expires_at, rental->state.expires_at);
    RENTBUS_SET(data, renewed_data, policy_version, ledger->policy.version);
    if (reasons->count == 0)
        return;
    RENTBUS_SET(data, renewed_data, override, override);
    data->has |= RENTBUS_BIT(renewed_data, overridden);
    ledger_reasons_fill(reasons, &data->overridden);
}

int ledger_decide_renew(const struct ledger *ledger, const struct ledger_command *command,
                        const struct ledger_context *context, struct ledger_decision *decision,
                        struct rentbus_fault *fault)
{
    const struct rentbus_renew_args *args = &command->args.rental_renew;
    struct rentbus_text override = override_of(args);
    const struct ledger_asset_type *type;
    struct ledger_reasons reasons = {0};
    struct subject subject;
    int64_t expires_at = 0;
    int error = check_renewal(args, fault);

    if (error == 0)
        error = find_subject(ledger, context, args->rental_id, &subject, fault);
    if (error != 0)
        return error;
    if (refuse_closed(ledger, command, &subject, false, decision))
        return 0;
    type =
        ledger_find_asset_type(ledger, ledger_name_text(subject.rental->state.asset->state.type));
    error = plan_renewal(args, subject.rental, type, &expires_at, fault);
    if (error != 0)
        return error;
    check_rules(ledger, subject.rental, type, expires_at, context->now, &reasons);
    if (reasons.count > 0 && !ledger_reasons_yield(&reasons, override, RENEWAL_MAY_OVERRIDE))
        add_refused(ledger, command, &subject, &reasons, decision);
    else
        add_renewed(ledger, subject.rental, expires_at, &reasons, override, decision);
    return 0;
}

/* ---- forgive, flag, unflag ---- */

/* The rental one revision later, for the event to change further. */
static struct rentbus_judged_data *add_judged(const struct ledger_rental *rental,
                                              enum rentbus_event_type type,
                                              enum rentbus_status status,
                                              struct ledger_decision *decision)
{
    struct rentbus_judged_data *data =
        &ledger_decision_add(decision, type, ledger_rental_id(rental))->data.judged_data;

    data->has = RENTBUS_BIT(judged_data, rental);
    ledger_rental_view(rental, &data->rental);
    RENTBUS_SET(&data->rental, rental, rev, rental->state.rev + UINT64_C(1));
    RENTBUS_SET(&data->rental, rental, status, status);
    return data;
}

int ledger_decide_forgive(const struct ledger *ledger, const struct ledger_command *command,
                          const struct ledger_context *context, struct ledger_decision *decision,
                          struct rentbus_fault *fault)
{
    const struct rentbus_reason_args *args = &command->args.rental_forgive;
    struct rentbus_judged_data *data;
    struct subject subject;
    int error = find_subject(ledger, context, args->rental_id, &subject, fault);

    if (error != 0)
        return error;
    if (refuse_closed(ledger, command, &subject, true, decision))
        return 0;
    data = add_judged(subject.rental, RENTBUS_RENTAL_FORGIVEN_EVENT, RENTBUS_STATUS_FORGIVEN,
                      decision);
    RENTBUS_SET(data, judged_data, reason, args->reason);
    if (ledger_rental_open(subject.rental))
        RENTBUS_SET(&data->rental, rental, closed_by, RENTBUS_CLOSED_BY_forgive);
    return 0;
}

int ledger_decide_flag(const struct ledger *ledger, const struct ledger_command *command,
                       const struct ledger_context *context, struct ledger_decision *decision,
                       struct rentbus_fault *fault)
{
    const struct rentbus_reason_args *args = &command->args.rental_flag;
    struct rentbus_judged_data *data;
    struct subject subject;
    int error = find_subject(ledger, context, args->rental_id, &subject, fault);

    if (error != 0)
        return error;
    if (refuse_closed(ledger, command, &subject, false, decision))
        return 0;
    data =
        add_judged(subject.rental, RENTBUS_RENTAL_FLAGGED_EVENT, RENTBUS_STATUS_FLAGGED, decision);
    RENTBUS_SET(data, judged_data, reason, args->reason);
    RENTBUS_SET(&data->rental, rental, flag_reason, args->reason);
    RENTBUS_SET(&data->rental, rental, closed_by, RENTBUS_CLOSED_BY_flag);
    return 0;
}

/* A rental whose asset came back is done; any other is open again. */
static void add_unflagged(const struct ledger_rental *rental, struct ledger_decision *decision)
{
    bool opens = !rental->state.has_returned_at;
    struct rentbus_rental *view =
        &add_judged(rental, RENTBUS_RENTAL_UNFLAGGED_EVENT,
                    opens ? RENTBUS_STATUS_IN_PROGRESS : RENTBUS_STATUS_COMPLETED, decision)
             ->rental;

    view->has &= ~RENTBUS_BIT(rental, flag_reason);
    if (opens)
        view->has &= ~(RENTBUS_BIT(rental, closed_by) | RENTBUS_BIT(rental, returned_asset_id) |
                       RENTBUS_BIT(rental, returned_at_location_id));
}

int ledger_decide_unflag(const struct ledger *ledger, const struct ledger_command *command,
                         const struct ledger_context *context, struct ledger_decision *decision,
                         struct rentbus_fault *fault)
{
    const struct rentbus_unflag_args *args = &command->args.rental_unflag;
    struct ledger_reasons reasons = {0};
    struct subject subject;
    int error = find_subject(ledger, context, args->rental_id, &subject, fault);

    if (error != 0)
        return error;
    if (!has_status(&subject, RENTBUS_STATUS_FLAGGED))
        ledger_reasons_add(&reasons, true, RENTBUS_REASON_NOT_FLAGGED);
    else
        ledger_reasons_add(
            &reasons, !subject.rental->state.has_returned_at && subject.rental->state.asset->rental,
            RENTBUS_REASON_ASSET_OUT);
    if (reasons.count > 0)
        add_refused(ledger, command, &subject, &reasons, decision);
    else
        add_unflagged(subject.rental, decision);
    return 0;
}
