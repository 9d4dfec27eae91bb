/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/view.h"

#include <inttypes.h>
#include <string.h>

#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

struct rentbus_text view_text(const struct model_text *text)
{
    return (struct rentbus_text){text->given ? text->text : NULL, strlen(text->text)};
}

static struct rentbus_ids view_ids(const struct model_ids *ids)
{
    struct rentbus_ids view = {.count = ids->count};
    for (size_t i = 0; i < ids->count; i++)
        view.items[i] = view_text(&ids->items[i]);
    return view;
}

static struct rentbus_ids view_reasons(const struct model_reasons *reasons)
{
    struct rentbus_ids view = {.count = reasons->count};
    for (size_t i = 0; i < reasons->count; i++)
        view.items[i] =
            rentbus_text(rentbus_word_text(&rentbus_reason_words, (int)reasons->items[i]));
    return view;
}

/* An optional field of a struct, for the three below: they set it when there is something. */
#define PLACE(view, S, name) &(view)->has, RENTBUS_BIT(S, name), &(view)->name

static void put_number(uint64_t *has, uint64_t bit, int64_t *field, struct model_number number)
{
    if (!number.given)
        return;
    *field = number.value;
    *has |= bit;
}

static void put_uint(uint64_t *has, uint64_t bit, uint64_t *field, struct model_number number)
{
    if (!number.given)
        return;
    *field = (uint64_t)number.value;
    *has |= bit;
}

static void put_text(uint64_t *has, uint64_t bit, struct rentbus_text *field,
                     const struct model_text *text)
{
    if (!text->given)
        return;
    *field = view_text(text);
    *has |= bit;
}

void view_rental(const struct model_rental *rental, struct rentbus_rental *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, rental, id, view_text(&rental->id));
    RENTBUS_SET(view, rental, rev, rental->rev);
    RENTBUS_SET(view, rental, status, rental->status);
    RENTBUS_SET(view, rental, user_id, view_text(&rental->user_id));
    RENTBUS_SET(view, rental, asset_id, view_text(&rental->asset_id));
    RENTBUS_SET(view, rental, renewals, rental->renewals);
    if (rental->closed_by != RENTBUS_CLOSED_BY_NONE)
        RENTBUS_SET(view, rental, closed_by, rental->closed_by);
    RENTBUS_SET(view, rental, created_at, rental->created_at);
    RENTBUS_SET(view, rental, expires_at, rental->expires_at);
    RENTBUS_SET(view, rental, created_seq, rental->created_seq);
    put_text(PLACE(view, rental, flag_reason), &rental->flag_reason);
    put_number(PLACE(view, rental, returned_at), rental->returned_at);
    put_text(PLACE(view, rental, returned_asset_id), &rental->returned_asset_id);
    RENTBUS_SET(view, rental, eligible_asset_types, view_ids(&rental->eligible));
    RENTBUS_SET(view, rental, created_at_location_id, view_text(&rental->created_at_location_id));
    put_text(PLACE(view, rental, returned_at_location_id), &rental->returned_at_location_id);
}

void view_user(const struct model_user *user, struct rentbus_user *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, user, id, view_text(&user->id));
    put_text(PLACE(view, user, name), &user->name);
    put_uint(PLACE(view, user, user_limit), user->user_limit);
    put_text(PLACE(view, user, block_reason), &user->block_reason);
}

void view_location(const struct model_location *location, struct rentbus_location *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, location, id, view_text(&location->id));
    put_text(PLACE(view, location, name), &location->name);
}

void view_policy(const struct model_policy *policy, struct rentbus_policy *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, policy, version, policy->version);
    RENTBUS_SET(view, policy, max_skew, policy->max_skew);
    put_uint(PLACE(view, policy, user_limit), policy->user_limit);
    RENTBUS_SET(view, policy, late_return, view_text(&policy->late_return));
    RENTBUS_SET(view, policy, return_match, policy->return_match);
    RENTBUS_SET(view, policy, renewal_grace, policy->renewal_grace);
}

/* What a put says of an asset: who has it is not for a put to say. */
static void view_asset_put(const struct model_asset *asset, struct rentbus_asset *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, asset, id, view_text(&asset->id));
    RENTBUS_SET(view, asset, asset_type, view_text(&asset->asset_type));
}

void view_asset(const struct model_state *state, const struct model_asset *asset,
                struct rentbus_asset *view)
{
    const struct model_rental *out = model_out(state, &asset->id);
    view_asset_put(asset, view);
    if (out)
        RENTBUS_SET(view, asset, rental_id, view_text(&out->id));
}

void view_asset_type(const struct model_asset_type *type, struct rentbus_asset_type *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, asset_type, id, view_text(&type->id));
    put_uint(PLACE(view, asset_type, user_limit), type->user_limit);
    RENTBUS_SET(view, asset_type, loan_period, type->loan_period);
    put_uint(PLACE(view, asset_type, renewals_max), type->renewals_max);
    put_number(PLACE(view, asset_type, due_soon_lead), type->due_soon_lead);
    RENTBUS_SET(view, asset_type, renewal_period, type->renewal_period);
    RENTBUS_SET(view, asset_type, eligible_asset_types, view_ids(&type->eligible));
}

void view_filter(const struct model_filter *filter, struct ledger_rental_filter *view)
{
    *view = (struct ledger_rental_filter){.user_id = view_text(&filter->user_id),
                                          .asset_id = view_text(&filter->asset_id),
                                          .status = filter->status,
                                          .has_expired = filter->has_expired,
                                          .expired = filter->expired,
                                          .now = filter->now};
}

/* ---- commands ---- */

static void view_scan(const struct model_command *command, struct ledger_scan *view)
{
    *view = (struct ledger_scan){.user_id = view_text(&command->user_id),
                                 .asset_id = view_text(&command->asset_id),
                                 .rental_id = view_text(&command->rental_id),
                                 .location_id = view_text(&command->location_id),
                                 .override = view_text(&command->override),
                                 .device_id = view_text(&command->device_id),
                                 .device_seq = command->device_seq,
                                 .occurred_at = command->occurred_at,
                                 .has_device_time = command->device_time.given,
                                 .device_time = command->device_time.value,
                                 .has_expires_at = command->expires_at.given,
                                 .expires_at = command->expires_at.value,
                                 .has_loan_period = command->loan_period.given,
                                 .loan_period = command->loan_period.value,
                                 .has_eligible_asset_types = command->eligible.given,
                                 .eligible_asset_types = view_ids(&command->eligible)};
}

static void view_asset_type_put(const struct model_command *command,
                                struct rentbus_asset_type_put_args *view)
{
    RENTBUS_SET(view, asset_type_put_args, id, view_text(&command->id));
    put_uint(PLACE(view, asset_type_put_args, user_limit), command->user_limit);
    put_number(PLACE(view, asset_type_put_args, loan_period), command->loan_period);
    put_uint(PLACE(view, asset_type_put_args, renewals_max), command->renewals_max);
    put_number(PLACE(view, asset_type_put_args, due_soon_lead), command->due_soon_lead);
    put_number(PLACE(view, asset_type_put_args, renewal_period), command->renewal_period);
    if (command->eligible.given)
        RENTBUS_SET(view, asset_type_put_args, eligible_asset_types, view_ids(&command->eligible));
}

/* Encoded into `out`, which the list borrows. */
static struct rentbus_list view_holes(const struct model_holes *holes, struct rentbus_buffer *out)
{
    rentbus_buffer_clear(out);
    for (size_t i = 0; i < holes->count; i++) {
        struct rentbus_device_hole hole = {0};
        RENTBUS_SET(&hole, device_hole, first, holes->items[i].first);
        RENTBUS_SET(&hole, device_hole, last, holes->items[i].last);
        rentbus_encode(&rentbus_device_hole_schema, &hole, out);
    }
    return (struct rentbus_list){out->data, out->length, holes->count};
}

/* Good until the next one. */
static void view_import_device(const struct model_command *command,
                               struct rentbus_import_device_args *view)
{
    static struct rentbus_buffer holes;
    RENTBUS_SET(view, import_device_args, id, view_text(&command->device_id));
    if (command->holes.count > 0)
        RENTBUS_SET(view, import_device_args, holes, view_holes(&command->holes, &holes));
    RENTBUS_SET(view, import_device_args, device_seq, command->device_seq);
}

static void view_import(const struct model_command *command, struct rentbus_import_args *view)
{
    const struct model_rental *import = &command->import;
    put_uint(PLACE(view, import_args, rev), command->import_rev);
    put_uint(PLACE(view, import_args, renewals), command->import_renewals);
    if (import->closed_by != RENTBUS_CLOSED_BY_NONE)
        RENTBUS_SET(view, import_args, closed_by, import->closed_by);
    put_text(PLACE(view, import_args, flag_reason), &import->flag_reason);
    put_text(PLACE(view, import_args, returned_asset_id), &import->returned_asset_id);
    RENTBUS_SET(view, import_args, id, view_text(&import->id));
    RENTBUS_SET(view, import_args, status, import->status);
    RENTBUS_SET(view, import_args, user_id, view_text(&import->user_id));
    RENTBUS_SET(view, import_args, asset_id, view_text(&import->asset_id));
    RENTBUS_SET(view, import_args, created_at, import->created_at);
    RENTBUS_SET(view, import_args, expires_at, import->expires_at);
    put_number(PLACE(view, import_args, returned_at), import->returned_at);
    RENTBUS_SET(view, import_args, eligible_asset_types, view_ids(&import->eligible));
    RENTBUS_SET(view, import_args, created_at_location_id,
                view_text(&import->created_at_location_id));
    put_text(PLACE(view, import_args, returned_at_location_id), &import->returned_at_location_id);
}

static void view_user_put(const struct model_command *command, struct rentbus_user_put_args *view)
{
    RENTBUS_SET(view, user_put_args, id, view_text(&command->id));
    put_text(PLACE(view, user_put_args, name), &command->name);
    put_uint(PLACE(view, user_put_args, user_limit), command->user_limit);
}

static void view_policy_put(const struct model_command *command,
                            struct rentbus_policy_put_args *view)
{
    put_number(PLACE(view, policy_put_args, max_skew), command->max_skew);
    put_uint(PLACE(view, policy_put_args, user_limit), command->user_limit);
    put_text(PLACE(view, policy_put_args, late_return), &command->late_return);
    if (command->return_match != RENTBUS_RETURN_MATCH_NONE)
        RENTBUS_SET(view, policy_put_args, return_match, command->return_match);
    put_number(PLACE(view, policy_put_args, renewal_grace), command->renewal_grace);
}

static void view_renew(const struct model_command *command, struct rentbus_renew_args *view)
{
    RENTBUS_SET(view, renew_args, rental_id, view_text(&command->rental_id));
    put_text(PLACE(view, renew_args, override), &command->override);
    put_number(PLACE(view, renew_args, period), command->period);
    put_number(PLACE(view, renew_args, expires_at), command->expires_at);
}

static void view_judgement(const struct model_command *command, struct rentbus_reason_args *view)
{
    RENTBUS_SET(view, reason_args, rental_id, view_text(&command->rental_id));
    RENTBUS_SET(view, reason_args, reason, view_text(&command->reason));
}

static void view_thing_command(const struct model_command *command, struct ledger_command *view)
{
    struct rentbus_text id = view_text(&command->id);
    switch (command->op) {
    case RENTBUS_OP_user_put:
        view_user_put(command, &view->args.user_put);
        break;
    case RENTBUS_OP_user_block:
        RENTBUS_SET(&view->args.user_block, user_block_args, id, id);
        RENTBUS_SET(&view->args.user_block, user_block_args, reason, view_text(&command->reason));
        break;
    case RENTBUS_OP_user_unblock:
        RENTBUS_SET(&view->args.user_unblock, user_unblock_args, id, id);
        break;
    case RENTBUS_OP_location_put:
        RENTBUS_SET(&view->args.location_put, location_put_args, id, id);
        put_text(PLACE(&view->args.location_put, location_put_args, name), &command->name);
        break;
    case RENTBUS_OP_asset_put:
        RENTBUS_SET(&view->args.asset_put, asset_put_args, id, id);
        RENTBUS_SET(&view->args.asset_put, asset_put_args, asset_type,
                    view_text(&command->asset_type));
        break;
    case RENTBUS_OP_asset_type_put:
        view_asset_type_put(command, &view->args.asset_type_put);
        break;
    default:
        view_policy_put(command, &view->args.policy_put);
        break;
    }
}

void view_command(const struct model_command *command, struct ledger_command *view)
{
    memset(view, 0, sizeof *view);
    view->op = command->op;
    switch (command->op) {
    case RENTBUS_OP_rental_return:
    case RENTBUS_OP_rental_checkout:
        view_scan(command, &view->args.scan);
        break;
    case RENTBUS_OP_rental_renew:
        view_renew(command, &view->args.rental_renew);
        break;
    case RENTBUS_OP_rental_forgive:
        view_judgement(command, &view->args.rental_forgive);
        break;
    case RENTBUS_OP_rental_flag:
        view_judgement(command, &view->args.rental_flag);
        break;
    case RENTBUS_OP_rental_unflag:
        RENTBUS_SET(&view->args.rental_unflag, unflag_args, rental_id,
                    view_text(&command->rental_id));
        break;
    case RENTBUS_OP_admin_import:
        view_import(command, &view->args.admin_import);
        break;
    case RENTBUS_OP_admin_import_device:
        view_import_device(command, &view->args.admin_import_device);
        break;
    default:
        view_thing_command(command, view);
        break;
    }
}

/* ---- events ---- */

static void view_return(const struct model_event *event, struct rentbus_return_data *view)
{
    put_text(PLACE(view, return_data, user_id), &event->user_id);
    put_text(PLACE(view, return_data, asset_id), &event->asset_id);
    put_text(PLACE(view, return_data, rental_id), &event->rental_id);
    put_text(PLACE(view, return_data, device_id), &event->device_id);
    if (event->device_id.given)
        RENTBUS_SET(view, return_data, device_seq, event->device_seq);
    put_number(PLACE(view, return_data, device_time), event->device_time);
    put_text(PLACE(view, return_data, location_id), &event->location_id);
    RENTBUS_SET(view, return_data, occurred_at, event->occurred_at);
}

static void view_complete(const struct model_event *event, struct rentbus_complete_data *view)
{
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(complete_data, rental);
    put_text(PLACE(view, complete_data, override), &event->override);
    put_text(PLACE(view, complete_data, asset_type), &event->returned_type);
    if (event->matched_by != RENTBUS_MATCHED_BY_NONE)
        RENTBUS_SET(view, complete_data, matched_by, event->matched_by);
    if (event->overridden.count > 0)
        RENTBUS_SET(view, complete_data, overridden, view_reasons(&event->overridden));
    put_uint(PLACE(view, complete_data, rejected_seq), event->rejected_seq);
    put_uint(PLACE(view, complete_data, policy_version), event->policy_version);
    put_text(PLACE(view, complete_data, conflict_rental_id), &event->conflict_rental_id);
}

static void view_rejected(const struct model_event *event, struct rentbus_rejected_data *view)
{
    RENTBUS_SET(view, rejected_data, reason, event->reasons.items[0]);
    RENTBUS_SET(view, rejected_data, reasons, view_reasons(&event->reasons));
    put_uint(PLACE(view, rejected_data, policy_version), event->policy_version);
    if (event->has_rental) {
        view_rental(&event->rental, &view->rental);
        view->has |= RENTBUS_BIT(rejected_data, rental);
    }
    put_text(PLACE(view, rejected_data, user_id), &event->user_id);
    put_text(PLACE(view, rejected_data, asset_id), &event->asset_id);
    put_text(PLACE(view, rejected_data, location_id), &event->location_id);
    RENTBUS_SET(view, rejected_data, occurred_at, event->occurred_at);
}

static void view_swapped(const struct model_event *event, struct rentbus_swapped_data *view)
{
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(swapped_data, rental);
    RENTBUS_SET(view, swapped_data, previous_asset_id, view_text(&event->previous_asset_id));
}

static void view_checkout(const struct model_event *event, struct rentbus_checkout_data *view)
{
    RENTBUS_SET(view, checkout_data, user_id, view_text(&event->user_id));
    RENTBUS_SET(view, checkout_data, asset_id, view_text(&event->asset_id));
    put_text(PLACE(view, checkout_data, device_id), &event->device_id);
    if (event->device_id.given)
        RENTBUS_SET(view, checkout_data, device_seq, event->device_seq);
    put_number(PLACE(view, checkout_data, device_time), event->device_time);
    put_number(PLACE(view, checkout_data, expires_at), event->expires_at);
    put_number(PLACE(view, checkout_data, loan_period), event->loan_period);
    RENTBUS_SET(view, checkout_data, location_id, view_text(&event->location_id));
    RENTBUS_SET(view, checkout_data, occurred_at, event->occurred_at);
    if (event->eligible.given)
        RENTBUS_SET(view, checkout_data, eligible_asset_types, view_ids(&event->eligible));
}

static void view_unchanged(const struct model_event *event, struct rentbus_unchanged_data *view)
{
    RENTBUS_SET(view, unchanged_data, op, rentbus_text(rentbus_op_rows[event->op].wire));
    if (event->has_rental) {
        view_rental(&event->rental, &view->rental);
        view->has |= RENTBUS_BIT(unchanged_data, rental);
    }
    put_text(PLACE(view, unchanged_data, device_id), &event->device_id);
    if (event->device_id.given)
        RENTBUS_SET(view, unchanged_data, device_seq, event->device_seq);
}

/* Good until the next one. */
static void view_imported_device(const struct model_event *event, struct rentbus_device *view)
{
    static struct rentbus_buffer holes;
    uint64_t missing = 0;
    for (size_t i = 0; i < event->holes.count; i++)
        missing += event->holes.items[i].last - event->holes.items[i].first + 1;
    RENTBUS_SET(view, device, id, view_text(&event->device_id));
    RENTBUS_SET(view, device, holes, view_holes(&event->holes, &holes));
    RENTBUS_SET(view, device, missing, missing);
    RENTBUS_SET(view, device, device_seq, event->device_seq);
}

static void view_gap(const struct model_event *event, struct rentbus_gap_data *view)
{
    RENTBUS_SET(view, gap_data, device_id, view_text(&event->device_id));
    RENTBUS_SET(view, gap_data, first_missing, event->missing.first);
    RENTBUS_SET(view, gap_data, last_missing, event->missing.last);
}

static void view_rental_data(const struct model_event *event, struct rentbus_rental_data *view)
{
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(rental_data, rental);
    put_text(PLACE(view, rental_data, override), &event->override);
    put_text(PLACE(view, rental_data, asset_type), &event->returned_type);
    if (event->overridden.count > 0)
        RENTBUS_SET(view, rental_data, overridden, view_reasons(&event->overridden));
    put_uint(PLACE(view, rental_data, rejected_seq), event->rejected_seq);
    put_uint(PLACE(view, rental_data, policy_version), event->policy_version);
}

static void view_renewed(const struct model_event *event, struct rentbus_renewed_data *view)
{
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(renewed_data, rental);
    put_text(PLACE(view, renewed_data, override), &event->override);
    if (event->overridden.count > 0)
        RENTBUS_SET(view, renewed_data, overridden, view_reasons(&event->overridden));
    put_uint(PLACE(view, renewed_data, policy_version), event->policy_version);
    RENTBUS_SET(view, renewed_data, previous_expires_at, event->previous_expires_at);
}

static void view_judged(const struct model_event *event, struct rentbus_judged_data *view)
{
    put_text(PLACE(view, judged_data, reason), &event->judged);
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(judged_data, rental);
}

static void view_refused(const struct model_event *event, struct rentbus_refused_data *view)
{
    RENTBUS_SET(view, refused_data, op, rentbus_text(rentbus_op_rows[event->op].wire));
    RENTBUS_SET(view, refused_data, reason, event->reasons.items[0]);
    RENTBUS_SET(view, refused_data, reasons, view_reasons(&event->reasons));
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(refused_data, rental);
    put_uint(PLACE(view, refused_data, policy_version), event->policy_version);
}

static void view_rental_event(const struct model_event *event, struct ledger_event *view)
{
    switch (event->type) {
    case RENTBUS_RENTAL_RETURN_EVENT:
        view_return(event, &view->data.return_data);
        break;
    case RENTBUS_RENTAL_RETURN_COMPLETE_EVENT:
        view_complete(event, &view->data.complete_data);
        break;
    case RENTBUS_RENTAL_RETURN_REJECTED_EVENT:
    case RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT:
        view_rejected(event, &view->data.rejected_data);
        break;
    case RENTBUS_RENTAL_ASSET_SWAPPED_EVENT:
        view_swapped(event, &view->data.swapped_data);
        break;
    case RENTBUS_RENTAL_CHECKOUT_EVENT:
        view_checkout(event, &view->data.checkout_data);
        break;
    case RENTBUS_RENTAL_RENEWED_EVENT:
        view_renewed(event, &view->data.renewed_data);
        break;
    case RENTBUS_RENTAL_FORGIVEN_EVENT:
    case RENTBUS_RENTAL_FLAGGED_EVENT:
    case RENTBUS_RENTAL_UNFLAGGED_EVENT:
        view_judged(event, &view->data.judged_data);
        break;
    default:
        view_rental_data(event, &view->data.rental_data);
        break;
    }
}

void view_event(const struct model_event *event, struct ledger_event *view)
{
    memset(view, 0, sizeof *view);
    view->type = event->type;
    view->subject = view_text(&event->subject);
    switch (event->type) {
    case RENTBUS_EVENT_NONE:
    case RENTBUS_HELLO_EVENT:
    case RENTBUS_JOURNAL_TRIMMED_EVENT:
        break;
    case RENTBUS_USER_CREATED_EVENT:
    case RENTBUS_USER_UPDATED_EVENT:
    case RENTBUS_USER_BLOCKED_EVENT:
    case RENTBUS_USER_UNBLOCKED_EVENT:
        view_user(&event->user, &view->data.user);
        break;
    case RENTBUS_LOCATION_CREATED_EVENT:
    case RENTBUS_LOCATION_UPDATED_EVENT:
        view_location(&event->location, &view->data.location);
        break;
    case RENTBUS_ASSET_CREATED_EVENT:
    case RENTBUS_ASSET_UPDATED_EVENT:
        view_asset_put(&event->asset, &view->data.asset);
        break;
    case RENTBUS_ASSET_TYPE_CREATED_EVENT:
    case RENTBUS_ASSET_TYPE_UPDATED_EVENT:
        view_asset_type(&event->asset_type, &view->data.asset_type);
        break;
    case RENTBUS_POLICY_UPDATED_EVENT:
        view_policy(&event->policy, &view->data.policy_data.policy);
        view->data.policy_data.has |= RENTBUS_BIT(policy_data, policy);
        break;
    case RENTBUS_COMMAND_REJECTED_EVENT:
        view_refused(event, &view->data.refused_data);
        break;
    case RENTBUS_COMMAND_UNCHANGED_EVENT:
        view_unchanged(event, &view->data.unchanged_data);
        break;
    case RENTBUS_DEVICE_GAP_EVENT:
        view_gap(event, &view->data.gap_data);
        break;
    case RENTBUS_DEVICE_IMPORTED_EVENT:
        view_imported_device(event, &view->data.device);
        break;
    default:
        view_rental_event(event, view);
        break;
    }
}

void view_result(const struct model_result *result, uint64_t seq,
                 struct rentbus_command_result *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, command_result, seq, seq);
    RENTBUS_SET(view, command_result, outcome, result->outcome);
    if (result->reasons.count > 0) {
        RENTBUS_SET(view, command_result, reason, result->reasons.items[0]);
        RENTBUS_SET(view, command_result, reasons, view_reasons(&result->reasons));
    }
    if (result->matched_by != RENTBUS_MATCHED_BY_NONE)
        RENTBUS_SET(view, command_result, matched_by, result->matched_by);
    if (result->has_rental) {
        view_rental(&result->rental, &view->rental);
        view->has |= RENTBUS_BIT(command_result, rental);
    }
}
