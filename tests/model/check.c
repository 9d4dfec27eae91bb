/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/ledger/decide.h"
#include "sdk/protocol/text.h"

bool check_fail(struct check_report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
    return false;
}

bool check_same(struct check_report *report, const char *what, const struct rentbus_schema *schema,
                const void *expected, const void *actual)
{
    const char *field = view_difference(schema, expected, actual);
    if (!field)
        return true;
    FILE *out = fmemopen(report->text, sizeof report->text, "w");
    if (!out)
        return false;
    fprintf(out, "%s differs in %s\n  model:  ", what, field);
    view_print(out, schema, expected);
    fprintf(out, "\n  ledger: ");
    view_print(out, schema, actual);
    fclose(out);
    return false;
}

/* ---- counts ---- */

static bool check_number(struct check_report *report, const char *what, uint64_t expected,
                         uint64_t actual)
{
    if (expected == actual)
        return true;
    return check_fail(report, "%s: model %" PRIu64 ", ledger %" PRIu64, what, expected, actual);
}

static bool check_counts(struct check_report *report, const struct ledger *ledger,
                         const struct model_state *state, int64_t now)
{
    struct ledger_counts counts = ledger_counts(ledger);
    size_t open = model_status_count(state, RENTBUS_STATUS_IN_PROGRESS);
    size_t flagged = model_status_count(state, RENTBUS_STATUS_FLAGGED);
    return check_number(report, "head", state->head, ledger_head(ledger)) &&
           check_number(report, "users", state->user_count, counts.users) &&
           check_number(report, "assets", state->asset_count, counts.assets) &&
           check_number(report, "asset types", state->asset_type_count, counts.asset_types) &&
           check_number(report, "locations", state->location_count, counts.locations) &&
           check_number(report, "devices", state->device_count, counts.devices) &&
           check_number(report, "rentals", state->rentals_ever, counts.rentals) &&
           check_number(report, "open rentals", open, counts.open) &&
           check_number(report, "flagged rentals", flagged, counts.flagged) &&
           check_number(report, "closed rentals in memory", state->rental_count - open - flagged,
                        counts.closed_in_memory) &&
           check_number(report, "expired rentals", model_expired_count(state, now),
                        ledger_expired_count(ledger, now));
}

/* ---- one thing by its id ---- */

static bool check_found(struct check_report *report, const char *what, const char *id,
                        bool expected, bool actual)
{
    if (expected == actual)
        return true;
    return check_fail(report, "%s \"%s\": model %s it, ledger %s", what, id,
                      expected ? "has" : "does not have", actual ? "has" : "does not have");
}

static bool check_user(struct check_report *report, const struct ledger *ledger,
                       const struct model_state *state, const char *id)
{
    struct model_text text = model_text(id);
    const struct model_user *known = model_user(state, &text);
    struct rentbus_user expected;
    struct rentbus_user actual;
    bool found = ledger_user_get(ledger, view_text(&text), &actual);
    if (!check_found(report, "user", id, known, found) || !found)
        return !known == !found;
    view_user(known, &expected);
    return check_same(report, "user", &rentbus_user_schema, &expected, &actual);
}

static bool check_asset(struct check_report *report, const struct ledger *ledger,
                        const struct model_state *state, const char *id)
{
    struct model_text text = model_text(id);
    const struct model_asset *known = model_asset(state, &text);
    struct rentbus_asset expected;
    struct rentbus_asset actual;
    bool found = ledger_asset_get(ledger, view_text(&text), &actual);
    if (!check_found(report, "asset", id, known, found) || !found)
        return !known == !found;
    view_asset(state, known, &expected);
    return check_same(report, "asset", &rentbus_asset_schema, &expected, &actual);
}

static bool check_asset_type(struct check_report *report, const struct ledger *ledger,
                             const struct model_state *state, const char *id)
{
    struct model_text text = model_text(id);
    const struct model_asset_type *known = model_asset_type(state, &text);
    struct rentbus_asset_type expected;
    struct rentbus_asset_type actual;
    bool found = ledger_asset_type_get(ledger, view_text(&text), &actual);
    if (!check_found(report, "asset type", id, known, found) || !found)
        return !known == !found;
    view_asset_type(known, &expected);
    return check_same(report, "asset type", &rentbus_asset_type_schema, &expected, &actual);
}

static bool check_location(struct check_report *report, const struct ledger *ledger,
                           const struct model_state *state, const char *id)
{
    struct model_text text = model_text(id);
    const struct model_location *known = model_location(state, &text);
    struct rentbus_location expected;
    struct rentbus_location actual;
    bool found = ledger_location_get(ledger, view_text(&text), &actual);
    if (!check_found(report, "location", id, known, found) || !found)
        return !known == !found;
    view_location(known, &expected);
    return check_same(report, "location", &rentbus_location_schema, &expected, &actual);
}

bool check_same_device(struct check_report *report, const struct model_device *expected,
                       const struct ledger_device_view *actual)
{
    const char *id = expected->id.text;
    struct model_hole holes[MODEL_DEVICE_HOLES_MAX];
    size_t count = model_device_holes(expected, holes);
    if (!rentbus_text_equal(view_text(&expected->id), actual->id))
        return check_fail(report, "device: model \"%s\", ledger \"%.*s\"", id,
                          RENTBUS_TEXT_ARGS(actual->id));
    for (size_t i = 0; i < count && i < actual->hole_count; i++)
        if (actual->holes[i].first != holes[i].first || actual->holes[i].last != holes[i].last)
            return check_fail(report,
                              "device %s, hole %zu: model %" PRIu64 " to %" PRIu64
                              ", ledger %" PRIu64 " to %" PRIu64,
                              id, i + 1, holes[i].first, holes[i].last, actual->holes[i].first,
                              actual->holes[i].last);
    return check_number(report, "holes of a device", count, actual->hole_count) &&
           check_number(report, "device_seq", model_device_last(expected), actual->device_seq) &&
           check_number(report, "missing scans of a device", model_device_missing(expected),
                        actual->missing);
}

static bool check_device(struct check_report *report, const struct ledger *ledger,
                         const struct model_state *state, const char *id)
{
    struct model_text text = model_text(id);
    const struct model_device *known = model_device(state, &text);
    struct ledger_device_view actual;
    bool found = ledger_device_get(ledger, view_text(&text), &actual);
    if (!check_found(report, "device", id, known, found) || !found)
        return !known == !found;
    return check_same_device(report, known, &actual);
}

static bool check_rental(struct check_report *report, const struct ledger *ledger,
                         const struct model_state *state, const char *id)
{
    struct model_text text = model_text(id);
    const struct model_rental *known = model_rental(state, &text);
    struct rentbus_rental expected;
    struct rentbus_rental actual;
    bool found = ledger_rental_get(ledger, view_text(&text), &actual);
    if (!check_found(report, "rental", id, known, found) || !found)
        return !known == !found;
    view_rental(known, &expected);
    return check_same(report, "rental", &rentbus_rental_schema, &expected, &actual);
}

static bool check_policy(struct check_report *report, const struct ledger *ledger,
                         const struct model_state *state)
{
    struct rentbus_policy expected;
    struct rentbus_policy actual;
    view_policy(&state->policy, &expected);
    ledger_policy_get(ledger, &actual);
    return check_same(report, "the policy", &rentbus_policy_schema, &expected, &actual);
}

/* The ledger need not find twice that a warning was slept through, nor remember that it found it:
 * it may count such warnings or not. */
static bool check_timer(struct check_report *report, const struct ledger *ledger,
                        const struct model_state *state, int64_t now)
{
    int64_t all = model_timer_next(state, INT64_MIN);
    int64_t left = model_timer_next(state, now);
    int64_t actual = ledger_timer_next(ledger);
    if (actual >= all && actual <= left)
        return true;
    return check_fail(report,
                      "ledger_timer_next: model %" PRId64 " to %" PRId64 ", ledger %" PRId64, all,
                      left, actual);
}

static bool check_gets(struct check_report *report, const struct ledger *ledger,
                       const struct model_state *state, struct history_random *random,
                       bool thorough)
{
    const char *id;
    size_t count = state->rental_count;
    for (size_t i = 0; (id = history_user(i)); i++)
        if (!check_user(report, ledger, state, id))
            return false;
    for (size_t i = 0; (id = history_asset(i)); i++)
        if (!check_asset(report, ledger, state, id))
            return false;
    for (size_t i = 0; (id = history_asset_type(i)); i++)
        if (!check_asset_type(report, ledger, state, id))
            return false;
    for (size_t i = 0; (id = history_location(i)); i++)
        if (!check_location(report, ledger, state, id))
            return false;
    for (size_t i = 0; (id = history_device(i)); i++)
        if (!check_device(report, ledger, state, id))
            return false;
    /* All of them stand in the lists: a few by their id are enough. */
    for (size_t i = 0; i < (thorough || count < 8 ? count : 8); i++) {
        size_t index = thorough || count < 8 ? i : history_random_below(random, count);
        if (!check_rental(report, ledger, state, state->rentals[index].id.text))
            return false;
    }
    /* Whatever it was once: rolled back, archived, in memory, or never used. */
    for (unsigned i = 0; i < 4; i++) {
        struct model_text any = history_rental_id((unsigned)history_random_below(random, 2000));
        if (!check_rental(report, ledger, state, any.text))
            return false;
    }
    return true;
}

bool check_state(struct check_report *report, const struct ledger *ledger,
                 const struct model_state *state, int64_t now, struct history_random *random,
                 bool thorough)
{
    return check_counts(report, ledger, state, now) && check_policy(report, ledger, state) &&
           check_timer(report, ledger, state, now) &&
           check_gets(report, ledger, state, random, thorough) &&
           check_lists(report, ledger, state, now, random, thorough);
}

/* ---- what holds of every state ---- */

static bool fields_fit_status(const struct model_rental *rental)
{
    if (rental->status == RENTBUS_STATUS_IN_PROGRESS)
        return !rental->returned_at.given && !rental->returned_at_location_id.given &&
               !rental->returned_asset_id.given && !rental->flag_reason.given &&
               rental->closed_by == RENTBUS_CLOSED_BY_NONE && rental->closed_seq == 0;
    if (rental->status == RENTBUS_STATUS_COMPLETED && !rental->returned_at.given)
        return false;
    if (rental->returned_asset_id.given && !rental->returned_at.given)
        return false;
    return rental->closed_seq >= rental->created_seq;
}

static bool check_unanswered(struct check_report *report, const struct model_state *state)
{
    for (size_t i = 0; i < state->unanswered_count; i++) {
        const struct model_unanswered *it = &state->unanswered[i];
        if (model_unanswered_count(state, &it->asset_id) > MODEL_UNANSWERED_MAX)
            return check_fail(report, "asset %s has too many unanswered returns",
                              it->asset_id.text);
        if (it->seq > state->head || (i > 0 && it->seq <= state->unanswered[i - 1].seq))
            return check_fail(report, "an unanswered return is out of order");
    }
    return true;
}

static bool fields_fit_event(const struct model_event *event)
{
    const struct model_rental *rental = &event->rental;
    if (event->type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT) {
        bool late = rental->closed_by == RENTBUS_CLOSED_BY_late_checkout;
        bool matched = rental->closed_by == RENTBUS_CLOSED_BY_return_scan;
        if (!event->returned_type.given || !rental->returned_asset_id.given ||
            event->rejected_seq.given != late ||
            (event->matched_by != RENTBUS_MATCHED_BY_NONE) != matched)
            return false;
    }
    if (event->override.given != (event->overridden.count > 0))
        return false;
    if (rental->status == RENTBUS_STATUS_COMPLETED)
        return !rental->flag_reason.given;
    return rental->status != RENTBUS_STATUS_FLAGGED || rental->flag_reason.given;
}

bool check_invariants(struct check_report *report, const struct model_state *state)
{
    for (size_t i = 0; i < state->rental_count; i++) {
        const struct model_rental *rental = &state->rentals[i];
        if (!fields_fit_status(rental))
            return check_fail(report, "rental %s does not fit its status", rental->id.text);
        if (rental->rev == 0 || rental->expires_at <= rental->created_at ||
            rental->created_seq == 0 || rental->created_seq > state->head)
            return check_fail(report, "rental %s has impossible numbers", rental->id.text);
        if (i > 0 && rental->created_seq <= state->rentals[i - 1].created_seq)
            return check_fail(report, "rental %s is out of order", rental->id.text);
        if (!model_user(state, &rental->user_id) || !model_asset(state, &rental->asset_id))
            return check_fail(report, "rental %s names what nobody put", rental->id.text);
        if (rental->status == RENTBUS_STATUS_IN_PROGRESS &&
            model_out(state, &rental->asset_id) != rental)
            return check_fail(report, "asset %s is on two open rentals", rental->asset_id.text);
    }
    return check_unanswered(report, state);
}

bool check_step(struct check_report *report, const struct model_state *before,
                const struct model_event *event)
{
    static const struct model_rental none = {.status = RENTBUS_STATUS_NONE};
    const struct model_rental *rental = &event->rental;
    bool rejects = event->reasons.count > 0 || event->type == RENTBUS_COMMAND_UNCHANGED_EVENT;
    if (!rental->id.given || rejects)
        return true;
    const struct model_rental *old = model_rental(before, &rental->id);
    if (!old)
        old = &none;
    const struct model_move *move = model_move_find(old->status, event->type, rental->status);
    if (!move)
        return check_fail(report, "rental %s: no such move: %s from %s to %s", rental->id.text,
                          rentbus_word_text(&rentbus_event_type_words, (int)event->type),
                          rentbus_word_text(&rentbus_status_words, (int)old->status),
                          rentbus_word_text(&rentbus_status_words, (int)rental->status));
    /* What another system knew need not be what the ledger would have said of it. */
    if (event->type == RENTBUS_RENTAL_IMPORTED_EVENT)
        return true;
    if (!fields_fit_event(event))
        return check_fail(report, "rental %s does not fit its event", rental->id.text);
    if (rental->rev != old->rev + !move->same_rev)
        return check_fail(report, "rental %s: rev went from %" PRIu64 " to %" PRIu64,
                          rental->id.text, old->rev, rental->rev);
    if (old->expires_at > rental->expires_at)
        return check_fail(report, "rental %s ends earlier than it did", rental->id.text);
    return true;
}

bool check_has_effect(const struct model_state *before, const struct model_event *event)
{
    const struct model_rental *out;
    const struct model_asset *asset;
    switch (event->type) {
    case RENTBUS_RENTAL_CHECKOUT_EVENT:
        out = model_out(before, &event->asset_id);
        asset = model_asset(before, &event->asset_id);
        return event->device_id.given || (out && asset->returned_by.given &&
                                          model_text_equal(&out->user_id, &event->user_id));
    case RENTBUS_RENTAL_RETURN_EVENT:
        return event->device_id.given;
    case RENTBUS_RENTAL_RETURN_REJECTED_EVENT:
        return model_is_unanswered(before, event);
    case RENTBUS_EVENT_NONE:
    case RENTBUS_HELLO_EVENT:
    case RENTBUS_JOURNAL_TRIMMED_EVENT:
    case RENTBUS_DEVICE_GAP_EVENT:
    case RENTBUS_RENTAL_CHECKOUT_REJECTED_EVENT:
    case RENTBUS_COMMAND_REJECTED_EVENT:
    case RENTBUS_COMMAND_UNCHANGED_EVENT:
        return false;
    default:
        return true;
    }
}
