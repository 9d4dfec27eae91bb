/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/cases.h"

#include <string.h>

#include "tests/model/rules.h"

#define MODEL_CASE_ROW(name, least, text) {least, text},
const struct model_case_row model_case_rows[CASE_COUNT] = {MODEL_CASES(MODEL_CASE_ROW)};

static const struct model_event *find_event(const struct model_decision *decision,
                                            enum rentbus_event_type type)
{
    for (size_t i = 0; i < decision->count; i++)
        if (decision->events[i].type == type)
            return &decision->events[i];
    return NULL;
}

static bool rejected(const struct model_decision *decision)
{
    return find_event(decision, RENTBUS_RENTAL_RETURN_REJECTED_EVENT) ||
           find_event(decision, RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT) ||
           find_event(decision, RENTBUS_COMMAND_REJECTED_EVENT);
}

/* ---- checkouts that may be late ---- */

/* The returns of the asset that nobody answered, against a checkout that is not late. */
static void count_near(const struct model_state *state, const struct model_command *command,
                       int64_t until, size_t *counts)
{
    struct model_ids eligible = command->eligible.given
                                    ? command->eligible
                                    : model_default_types(state, &command->asset_id);
    bool fits = model_ids_contain(&eligible, &model_asset(state, &command->asset_id)->asset_type);
    for (size_t i = 0; i < state->unanswered_count; i++) {
        const struct model_unanswered *it = &state->unanswered[i];
        if (!model_text_equal(&it->asset_id, &command->asset_id))
            continue;
        bool user = !it->user_id.given || model_text_equal(&it->user_id, &command->user_id);
        bool begun = it->occurred_at >= command->occurred_at;
        bool ended = it->occurred_at > until;
        counts[CASE_NOT_LATE_USER] += !user && fits && begun && !ended;
        counts[CASE_NOT_LATE_TYPE] += user && !fits && begun && !ended;
        counts[CASE_NOT_LATE_BEFORE] += user && fits && !begun;
        counts[CASE_NOT_LATE_END] += user && fits && ended;
    }
}

/* What else the late checkout could have answered. */
static void count_choice(const struct model_state *state, const struct model_command *command,
                         const struct model_unanswered *taken, int64_t until, size_t *counts)
{
    for (size_t i = 0; i < state->unanswered_count; i++) {
        const struct model_unanswered *it = &state->unanswered[i];
        if (it == taken || !model_text_equal(&it->asset_id, &command->asset_id) ||
            it->occurred_at > until || it->occurred_at < command->occurred_at ||
            (it->user_id.given && !model_text_equal(&it->user_id, &command->user_id)))
            continue;
        counts[CASE_LATE_CHOICE]++;
        counts[CASE_LATE_TIE] += it->occurred_at == taken->occurred_at;
    }
}

static void count_late(const struct model_state *state, const struct model_command *command,
                       const struct model_decision *decision, size_t *counts)
{
    const struct model_asset *asset = model_asset(state, &command->asset_id);
    const struct model_user *user = model_user(state, &command->user_id);
    const struct model_rental *out = model_out(state, &command->asset_id);
    int64_t until = model_checkout_until(state, command);
    const struct model_unanswered *taken = model_late_for(state, command, until);
    struct model_reasons stands = model_lending_reasons(state, user, asset);
    bool missed = out && out->created_at <= command->occurred_at;
    bool own = out && model_text_equal(&out->user_id, &command->user_id);
    bool gap = find_event(decision, RENTBUS_DEVICE_GAP_EVENT) != NULL;
    bool free_then = !out || missed;
    counts[CASE_LATE_FREE] += !out;
    counts[CASE_LATE_MISSED] += missed;
    counts[CASE_LATE_OTHERS] += !free_then && !own;
    counts[CASE_LATE_OWN] += own;
    counts[CASE_LATE_STANDS] += stands.count > 0;
    counts[CASE_LATE_OVERRIDE] += command->override.given;
    counts[CASE_LATE_ANYBODY] += !taken->user_id.given;
    counts[CASE_LATE_BEGIN] += taken->occurred_at == command->occurred_at;
    counts[CASE_LATE_END] += taken->occurred_at == until;
    counts[CASE_LATE_MARKED] += free_then && !asset->returned_by.given;
    counts[CASE_LATE_MARK_KEPT] += free_then && asset->returned_by.given &&
                                   !model_text_equal(&asset->returned_by, &command->user_id);
    counts[CASE_LATE_GAP] += gap;
    counts[CASE_LATE_MISSED_GAP] += gap && missed;
    count_choice(state, command, taken, until, counts);
}

static void count_checkout(const struct model_state *state, const struct model_command *command,
                           const struct model_decision *decision, size_t *counts)
{
    const struct model_event *created = find_event(decision, RENTBUS_RENTAL_CREATED_EVENT);
    if (!model_user(state, &command->user_id) || !model_asset(state, &command->asset_id))
        return;
    int64_t until = model_checkout_until(state, command);
    const struct model_rental *out = model_out(state, &command->asset_id);
    bool late = model_late_for(state, command, until) != NULL;
    bool held = out && model_text_equal(&out->user_id, &command->user_id);
    if (created && created->rejected_seq.given)
        count_late(state, command, decision, counts);
    else if (late)
        counts[CASE_OUT_FIRST] += held;
    else
        count_near(state, command, until, counts);
    if (!created || created->overridden.count == 0)
        return;
    for (size_t i = 0; i < created->overridden.count; i++) {
        enum rentbus_reason reason = created->overridden.items[i];
        counts[CASE_OVERRIDE_BLOCK] += reason == RENTBUS_REASON_USER_BLOCKED;
        counts[CASE_OVERRIDE_USER_LIMIT] += reason == RENTBUS_REASON_USER_LIMIT;
        counts[CASE_OVERRIDE_TYPE_LIMIT] += reason == RENTBUS_REASON_TYPE_LIMIT;
    }
    counts[CASE_OVERRIDE_MANY] += created->overridden.count > 1;
    counts[CASE_OVERRIDE_MISSED] += out != NULL;
}

/* ---- returns ---- */

static void count_return(const struct model_state *state, const struct model_decision *decision,
                         size_t *counts)
{
    const struct model_event *reject = find_event(decision, RENTBUS_RENTAL_RETURN_REJECTED_EVENT);
    const struct model_event *complete = find_event(decision, RENTBUS_RENTAL_RETURN_COMPLETE_EVENT);
    if (reject && model_is_unanswered(state, reject)) {
        enum rentbus_reason reason = reject->reasons.items[0];
        counts[CASE_UNANSWERED_NONE] += reason == RENTBUS_REASON_NO_OPEN_RENTAL;
        counts[CASE_UNANSWERED_TYPE] += reason == RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE;
        counts[CASE_UNANSWERED_EXPIRED] += reason == RENTBUS_REASON_RENTAL_EXPIRED;
        counts[CASE_UNANSWERED_FIFTH] +=
            model_unanswered_count(state, &reject->asset_id) == MODEL_UNANSWERED_MAX;
    }
    if (!complete || complete->overridden.count == 0)
        return;
    int64_t grace;
    enum model_late late = model_late_return(&state->policy.late_return, &grace);
    counts[CASE_OVERRIDE_REJECT] += late == MODEL_LATE_REJECT;
    counts[CASE_OVERRIDE_FLAG] += late == MODEL_LATE_FLAG;
    counts[CASE_OVERRIDE_GRACE] += late == MODEL_LATE_FORGIVE;
}

/* ---- the devices ---- */

/* The hole that the scan falls into, if it does. */
static void count_hole(const struct model_device *device, uint64_t device_seq, size_t *counts)
{
    struct model_hole holes[MODEL_DEVICE_HOLES_MAX];
    size_t count = model_device_holes(device, holes);
    for (size_t i = 0; i < count; i++) {
        struct model_hole hole = holes[i];
        if (device_seq < hole.first || device_seq > hole.last)
            continue;
        bool at_first = device_seq == hole.first;
        bool at_last = device_seq == hole.last;
        counts[CASE_HOLE_FILLED] += at_first && at_last;
        counts[CASE_HOLE_SHRUNK] += at_first != at_last;
        counts[CASE_HOLE_SPLIT] += !at_first && !at_last;
    }
}

static void count_device(const struct model_state *state, const struct model_command *command,
                         const struct model_decision *decision, size_t *counts)
{
    const struct model_device *device = model_device(state, &command->device_id);
    counts[CASE_DEVICE_TIME] += command->device_time.given;
    if (!command->device_id.given)
        return;
    counts[CASE_DEVICE_FIRST] += device == NULL;
    counts[CASE_DEVICE_NEXT] += command->device_seq == model_device_last(device) + 1;
    counts[CASE_DEVICE_GAP] += find_event(decision, RENTBUS_DEVICE_GAP_EVENT) != NULL;
    counts[CASE_DEVICE_RESEND] += model_device_came(device, command->device_seq);
    counts[CASE_DEVICE_REJECTED] += rejected(decision);
    counts[CASE_DEVICE_END] += command->device_seq == (uint64_t)INT64_MAX;
    count_hole(device, command->device_seq, counts);
    if (!device || command->device_seq > device->imported)
        return;
    counts[CASE_DEVICE_IMPORT_RESEND] += model_device_came(device, command->device_seq);
    counts[CASE_DEVICE_IMPORT_HOLE] += !model_device_came(device, command->device_seq);
}

static void count_device_import(const struct model_command *command,
                                const struct model_decision *decision, size_t *counts)
{
    if (decision->events[0].type != RENTBUS_DEVICE_IMPORTED_EVENT)
        return;
    counts[CASE_DEVICE_IMPORT] += command->holes.count > 0;
    counts[CASE_DEVICE_IMPORT_MOST] += command->holes.count == RENTBUS_HOLES_MAX;
}

/* ---- the rest ---- */

static void count_renewal(const struct model_command *command,
                          const struct model_decision *decision, size_t *counts)
{
    const struct model_event *event = &decision->events[0];
    bool both = event->overridden.count > 1;
    counts[CASE_OVERRIDE_RENEW_BOTH] += both;
    if (event->overridden.count == 1) {
        enum rentbus_reason reason = event->overridden.items[0];
        counts[CASE_OVERRIDE_RENEW_EXPIRED] += reason == RENTBUS_REASON_RENTAL_EXPIRED;
        counts[CASE_OVERRIDE_RENEW_LIMIT] += reason == RENTBUS_REASON_RENEWAL_LIMIT;
    }
    counts[CASE_OVERRIDE_RENEW_NOT] += command->override.given && event->reasons.count > 1;
}

static void count_override(const struct model_command *command,
                           const struct model_decision *decision, size_t *counts)
{
    bool traced = false;
    for (size_t i = 0; i < decision->count; i++)
        traced = traced || decision->events[i].override.given;
    if (!command->override.given || traced)
        return;
    if (rejected(decision))
        counts[CASE_OVERRIDE_VAIN]++;
    else
        counts[CASE_OVERRIDE_NOTHING]++;
}

static void count_import(const struct model_state *state, const struct model_command *command,
                         const struct model_decision *decision, size_t *counts)
{
    const struct model_rental *rental = &decision->events[0].rental;
    if (decision->events[0].type != RENTBUS_RENTAL_IMPORTED_EVENT)
        return;
    const struct model_text *returned_id =
        rental->returned_asset_id.given ? &rental->returned_asset_id : &rental->asset_id;
    bool back = rental->closed_by == RENTBUS_CLOSED_BY_return_scan ||
                rental->closed_by == RENTBUS_CLOSED_BY_late_checkout;
    bool out = model_out(state, returned_id) != NULL;
    back = back && rental->status != RENTBUS_STATUS_FORGIVEN;
    counts[CASE_IMPORT_REV] += command->import_rev.given;
    counts[CASE_IMPORT_MARK] += back && !out;
    counts[CASE_IMPORT_MARK_ASSET] +=
        back && !out && !model_text_equal(returned_id, &rental->asset_id);
    counts[CASE_IMPORT_MARK_OUT] += back && out;
}

static void count_refusal(const struct model_command *command,
                          const struct model_decision *decision, size_t *counts)
{
    const char *field = decision->field;
    bool open = command->import.status == RENTBUS_STATUS_IN_PROGRESS;
    bool ends = strcmp(field, "closed_by") == 0 || strcmp(field, "flag_reason") == 0 ||
                strcmp(field, "returned_asset_id") == 0;
    bool not_found = decision->error == RENTBUS_ERROR_NOT_FOUND;
    counts[CASE_OVERRIDE_EMPTY] += strcmp(field, "override") == 0;
    counts[CASE_DEVICE_IMPORT_MANY] += command->holes.count > RENTBUS_HOLES_MAX;
    if (command->op != RENTBUS_OP_admin_import)
        return;
    counts[CASE_IMPORT_NO_REV] += strcmp(field, "rev") == 0 && command->import_rev.value == 0;
    counts[CASE_IMPORT_MANY] += (strcmp(field, "rev") == 0 && command->import_rev.value > 0) ||
                                strcmp(field, "renewals") == 0;
    counts[CASE_IMPORT_OPEN] += open && ends;
    counts[CASE_IMPORT_NOT_RETURNED] += !open && ends && !not_found;
    counts[CASE_IMPORT_ASSET_UNKNOWN] += ends && not_found;
}

void model_cases_count(const struct model_state *state, const struct model_command *command,
                       const struct model_decision *decision, size_t *counts)
{
    if (decision->error != RENTBUS_ERROR_NONE) {
        count_refusal(command, decision, counts);
        return;
    }
    bool scan =
        command->op == RENTBUS_OP_rental_return || command->op == RENTBUS_OP_rental_checkout;
    bool resend = scan && decision->events[0].type == RENTBUS_COMMAND_UNCHANGED_EVENT;
    if (scan)
        count_device(state, command, decision, counts);
    if (resend)
        return;
    count_override(command, decision, counts);
    if (command->op == RENTBUS_OP_rental_return)
        count_return(state, decision, counts);
    else if (command->op == RENTBUS_OP_rental_checkout)
        count_checkout(state, command, decision, counts);
    else if (command->op == RENTBUS_OP_rental_renew)
        count_renewal(command, decision, counts);
    else if (command->op == RENTBUS_OP_admin_import)
        count_import(state, command, decision, counts);
    else if (command->op == RENTBUS_OP_admin_import_device)
        count_device_import(command, decision, counts);
}
