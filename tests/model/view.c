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
    if (rental->returned_at.given)
        RENTBUS_SET(view, rental, returned_at, rental->returned_at.value);
    if (rental->returned_asset_id.given)
        RENTBUS_SET(view, rental, returned_asset_id, view_text(&rental->returned_asset_id));
    RENTBUS_SET(view, rental, eligible_asset_types, view_ids(&rental->eligible));
    RENTBUS_SET(view, rental, created_at_location_id, view_text(&rental->created_at_location_id));
    if (rental->returned_at_location_id.given)
        RENTBUS_SET(view, rental, returned_at_location_id,
                    view_text(&rental->returned_at_location_id));
}

void view_user(const struct model_named *user, struct rentbus_user *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, user, id, view_text(&user->id));
    if (user->name.given)
        RENTBUS_SET(view, user, name, view_text(&user->name));
}

void view_location(const struct model_named *location, struct rentbus_location *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, location, id, view_text(&location->id));
    if (location->name.given)
        RENTBUS_SET(view, location, name, view_text(&location->name));
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
    RENTBUS_SET(view, asset_type, loan_period, type->loan_period);
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
                                 .occurred_at = command->occurred_at,
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
    if (command->loan_period.given)
        RENTBUS_SET(view, asset_type_put_args, loan_period, command->loan_period.value);
    if (command->eligible.given)
        RENTBUS_SET(view, asset_type_put_args, eligible_asset_types, view_ids(&command->eligible));
}

static void view_import(const struct model_rental *import, struct rentbus_import_args *view)
{
    RENTBUS_SET(view, import_args, id, view_text(&import->id));
    RENTBUS_SET(view, import_args, status, import->status);
    RENTBUS_SET(view, import_args, user_id, view_text(&import->user_id));
    RENTBUS_SET(view, import_args, asset_id, view_text(&import->asset_id));
    RENTBUS_SET(view, import_args, created_at, import->created_at);
    RENTBUS_SET(view, import_args, expires_at, import->expires_at);
    if (import->returned_at.given)
        RENTBUS_SET(view, import_args, returned_at, import->returned_at.value);
    RENTBUS_SET(view, import_args, eligible_asset_types, view_ids(&import->eligible));
    RENTBUS_SET(view, import_args, created_at_location_id,
                view_text(&import->created_at_location_id));
    if (import->returned_at_location_id.given)
        RENTBUS_SET(view, import_args, returned_at_location_id,
                    view_text(&import->returned_at_location_id));
}

void view_command(const struct model_command *command, struct ledger_command *view)
{
    memset(view, 0, sizeof *view);
    view->op = command->op;
    switch (command->op) {
    case RENTBUS_OP_user_put:
        RENTBUS_SET(&view->args.user_put, user, id, view_text(&command->id));
        if (command->name.given)
            RENTBUS_SET(&view->args.user_put, user, name, view_text(&command->name));
        break;
    case RENTBUS_OP_location_put:
        RENTBUS_SET(&view->args.location_put, location, id, view_text(&command->id));
        if (command->name.given)
            RENTBUS_SET(&view->args.location_put, location, name, view_text(&command->name));
        break;
    case RENTBUS_OP_asset_put:
        RENTBUS_SET(&view->args.asset_put, asset_put_args, id, view_text(&command->id));
        RENTBUS_SET(&view->args.asset_put, asset_put_args, asset_type,
                    view_text(&command->asset_type));
        break;
    case RENTBUS_OP_asset_type_put:
        view_asset_type_put(command, &view->args.asset_type_put);
        break;
    case RENTBUS_OP_admin_import:
        view_import(&command->import, &view->args.admin_import);
        break;
    default:
        view_scan(command, &view->args.scan);
        break;
    }
}

/* ---- events ---- */

static void view_return(const struct model_event *event, struct rentbus_return_data *view)
{
    if (event->user_id.given)
        RENTBUS_SET(view, return_data, user_id, view_text(&event->user_id));
    if (event->asset_id.given)
        RENTBUS_SET(view, return_data, asset_id, view_text(&event->asset_id));
    if (event->rental_id.given)
        RENTBUS_SET(view, return_data, rental_id, view_text(&event->rental_id));
    if (event->location_id.given)
        RENTBUS_SET(view, return_data, location_id, view_text(&event->location_id));
    RENTBUS_SET(view, return_data, occurred_at, event->occurred_at);
}

static void view_complete(const struct model_event *event, struct rentbus_complete_data *view)
{
    view_rental(&event->rental, &view->rental);
    view->has |= RENTBUS_BIT(complete_data, rental);
    if (event->matched_by != RENTBUS_MATCHED_BY_NONE)
        RENTBUS_SET(view, complete_data, matched_by, event->matched_by);
    if (event->conflict_rental_id.given)
        RENTBUS_SET(view, complete_data, conflict_rental_id, view_text(&event->conflict_rental_id));
}

static void view_rejected(const struct model_event *event, struct rentbus_rejected_data *view)
{
    RENTBUS_SET(view, rejected_data, reason, event->reason);
    if (event->has_rental) {
        view_rental(&event->rental, &view->rental);
        view->has |= RENTBUS_BIT(rejected_data, rental);
    }
    if (event->user_id.given)
        RENTBUS_SET(view, rejected_data, user_id, view_text(&event->user_id));
    if (event->asset_id.given)
        RENTBUS_SET(view, rejected_data, asset_id, view_text(&event->asset_id));
    if (event->location_id.given)
        RENTBUS_SET(view, rejected_data, location_id, view_text(&event->location_id));
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
    if (event->expires_at.given)
        RENTBUS_SET(view, checkout_data, expires_at, event->expires_at.value);
    if (event->loan_period.given)
        RENTBUS_SET(view, checkout_data, loan_period, event->loan_period.value);
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
}

void view_event(const struct model_event *event, struct ledger_event *view)
{
    memset(view, 0, sizeof *view);
    view->type = event->type;
    view->subject = view_text(&event->subject);
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
    case RENTBUS_RENTAL_CREATED_EVENT:
    case RENTBUS_RENTAL_IMPORTED_EVENT:
        view_rental(&event->rental, &view->data.rental_data.rental);
        view->data.rental_data.has |= RENTBUS_BIT(rental_data, rental);
        break;
    case RENTBUS_USER_CREATED_EVENT:
    case RENTBUS_USER_UPDATED_EVENT:
        view_user(&event->named, &view->data.user);
        break;
    case RENTBUS_LOCATION_CREATED_EVENT:
    case RENTBUS_LOCATION_UPDATED_EVENT:
        view_location(&event->named, &view->data.location);
        break;
    case RENTBUS_ASSET_CREATED_EVENT:
    case RENTBUS_ASSET_UPDATED_EVENT:
        view_asset_put(&event->asset, &view->data.asset);
        break;
    case RENTBUS_ASSET_TYPE_CREATED_EVENT:
    case RENTBUS_ASSET_TYPE_UPDATED_EVENT:
        view_asset_type(&event->asset_type, &view->data.asset_type);
        break;
    default:
        view_unchanged(event, &view->data.unchanged_data);
        break;
    }
}

void view_result(const struct model_result *result, uint64_t seq,
                 struct rentbus_command_result *view)
{
    memset(view, 0, sizeof *view);
    RENTBUS_SET(view, command_result, seq, seq);
    RENTBUS_SET(view, command_result, outcome, result->outcome);
    if (result->reason != RENTBUS_REASON_NONE)
        RENTBUS_SET(view, command_result, reason, result->reason);
    if (result->matched_by != RENTBUS_MATCHED_BY_NONE)
        RENTBUS_SET(view, command_result, matched_by, result->matched_by);
    if (result->has_rental) {
        view_rental(&result->rental, &view->rental);
        view->has |= RENTBUS_BIT(command_result, rental);
    }
}
