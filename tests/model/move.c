/* SPDX-License-Identifier: MPL-2.0 */
/* All that a ledger knows, put and imported into an empty one, which then shows the same. */
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/ledger/decide.h"
#include "sdk/protocol/text.h"
#include "tests/model/check.h"
#include "tests/model/rules.h"

struct moving {
    struct check_report *report;
    struct ledger *ledger;
    int64_t now;
};

/* Takes a command that must change something, or find it as it asked for it. */
static bool move_by(struct moving *moving, const struct model_command *command)
{
    struct ledger_command view;
    struct ledger_decision decision = {0};
    struct rentbus_fault fault = {0};
    struct ledger_context context = {.now = moving->now,
                                     .next_seq = ledger_head(moving->ledger) + 1,
                                     .new_rental_id = rentbus_text("none")};
    const char *op = rentbus_op_rows[command->op].wire;
    view_command(command, &view);
    int code = ledger_decide(moving->ledger, &view, &context, &decision, &fault);
    if (code != 0)
        return check_fail(moving->report, "a move: %s says %d (%s)", op, code, fault.field);
    for (size_t i = 0; i < decision.count; i++) {
        int result =
            ledger_apply(moving->ledger, &decision.events[i], ledger_head(moving->ledger) + 1);
        if (result != 0)
            return check_fail(moving->report, "a move: the event of %s says %d", op, result);
    }
    return true;
}

/* ---- things ---- */

static bool move_user(struct moving *moving, const struct model_user *user)
{
    struct model_command put = {.op = RENTBUS_OP_user_put,
                                .id = user->id,
                                .name = user->name,
                                .user_limit = user->user_limit};
    struct model_command block = {
        .op = RENTBUS_OP_user_block, .id = user->id, .reason = user->block_reason};
    return move_by(moving, &put) && (!user->block_reason.given || move_by(moving, &block));
}

static bool move_asset(struct moving *moving, const struct model_asset *asset)
{
    struct model_command put = {
        .op = RENTBUS_OP_asset_put, .id = asset->id, .asset_type = asset->asset_type};
    return move_by(moving, &put);
}

static bool move_asset_type(struct moving *moving, const struct model_asset_type *type)
{
    struct model_command put = {.op = RENTBUS_OP_asset_type_put,
                                .id = type->id,
                                .user_limit = type->user_limit,
                                .loan_period = {true, type->loan_period},
                                .renewals_max = type->renewals_max,
                                .due_soon_lead = type->due_soon_lead,
                                .renewal_period = {true, type->renewal_period},
                                .eligible = type->eligible};
    return move_by(moving, &put);
}

static bool move_location(struct moving *moving, const struct model_location *location)
{
    struct model_command put = {
        .op = RENTBUS_OP_location_put, .id = location->id, .name = location->name};
    return move_by(moving, &put);
}

static bool move_policy(struct moving *moving, const struct model_policy *policy)
{
    struct model_command put = {.op = RENTBUS_OP_policy_put,
                                .user_limit = policy->user_limit,
                                .max_skew = {true, policy->max_skew},
                                .renewal_grace = {true, policy->renewal_grace},
                                .late_return = policy->late_return,
                                .return_match = policy->return_match};
    return move_by(moving, &put);
}

static bool move_things(struct moving *moving, const struct model_state *state)
{
    bool good = move_policy(moving, &state->policy);
    for (size_t i = 0; good && i < state->asset_type_count; i++)
        good = move_asset_type(moving, &state->asset_types[i]);
    for (size_t i = 0; good && i < state->location_count; i++)
        good = move_location(moving, &state->locations[i]);
    for (size_t i = 0; good && i < state->user_count; i++)
        good = move_user(moving, &state->users[i]);
    for (size_t i = 0; good && i < state->asset_count; i++)
        good = move_asset(moving, &state->assets[i]);
    return good;
}

/* ---- rentals ---- */

/* Its place in the list is another. */
static bool check_moved(struct moving *moving, const struct model_rental *rental)
{
    struct rentbus_rental expected;
    struct rentbus_rental actual;
    view_rental(rental, &expected);
    if (!ledger_rental_get(moving->ledger, expected.id, &actual))
        return check_fail(moving->report, "a move: rental %s is lost", rental->id.text);
    expected.created_seq = actual.created_seq;
    return check_same(moving->report, "a moved rental", &rentbus_rental_schema, &expected, &actual);
}

/* Numbers that came to more than an import may say end there. */
static uint64_t at_most(uint64_t number)
{
    return number < (uint64_t)MODEL_COUNT_MAX ? number : (uint64_t)MODEL_COUNT_MAX;
}

static bool move_rental(struct moving *moving, const struct model_rental *rental)
{
    struct model_command import = {.op = RENTBUS_OP_admin_import, .import = *rental};
    import.import.rev = at_most(rental->rev);
    import.import.renewals = at_most(rental->renewals);
    import.import_rev = (struct model_number){true, (int64_t)import.import.rev};
    import.import_renewals = (struct model_number){true, (int64_t)import.import.renewals};
    return move_by(moving, &import) && check_moved(moving, &import.import);
}

/* Those that are out, or the others. */
static bool move_rentals(struct moving *moving, const struct model_rental *rentals, size_t count,
                         bool open)
{
    for (size_t i = 0; i < count; i++)
        if ((rentals[i].status == RENTBUS_STATUS_IN_PROGRESS) == open &&
            !move_rental(moving, &rentals[i]))
            return false;
    return true;
}

static bool check_assets(struct moving *moving, const struct model_state *state)
{
    for (size_t i = 0; i < state->asset_count; i++) {
        struct rentbus_asset expected;
        struct rentbus_asset actual;
        view_asset(state, &state->assets[i], &expected);
        if (!ledger_asset_get(moving->ledger, expected.id, &actual))
            return check_fail(moving->report, "a move: asset %s is lost", state->assets[i].id.text);
        if (!check_same(moving->report, "a moved asset", &rentbus_asset_schema, &expected, &actual))
            return false;
    }
    return true;
}

/* ---- devices ---- */

/* An export says no more holes than an import takes. */
static bool move_device(struct moving *moving, const struct model_device *device)
{
    struct model_command import = {.op = RENTBUS_OP_admin_import_device,
                                   .device_id = device->id,
                                   .device_seq = model_device_last(device)};
    struct model_hole holes[MODEL_DEVICE_HOLES_MAX];
    struct ledger_device_view actual;
    import.holes.count = model_device_holes(device, holes);
    if (import.holes.count > RENTBUS_HOLES_MAX)
        return true;
    for (size_t i = 0; i < import.holes.count; i++)
        import.holes.items[i] = holes[i];
    if (!move_by(moving, &import))
        return false;
    if (!ledger_device_get(moving->ledger, view_text(&device->id), &actual))
        return check_fail(moving->report, "a move: device %s is lost", device->id.text);
    return check_same_device(moving->report, device, &actual);
}

static bool move_devices(struct moving *moving, const struct model_state *state)
{
    for (size_t i = 0; i < state->device_count; i++)
        if (!move_device(moving, &state->devices[i]))
            return false;
    return true;
}

bool check_move(struct check_report *report, const struct model_state *state,
                const struct model_rental *archive, size_t archive_count, int64_t now)
{
    struct moving moving = {.report = report, .ledger = ledger_create(), .now = now};
    if (!moving.ledger)
        abort();
    bool good = move_things(&moving, state) && move_devices(&moving, state) &&
                move_rentals(&moving, archive, archive_count, false) &&
                move_rentals(&moving, state->rentals, state->rental_count, now % 2 == 0) &&
                move_rentals(&moving, state->rentals, state->rental_count, now % 2 != 0) &&
                check_assets(&moving, state);
    uint64_t rentals = state->rental_count + archive_count;
    if (good && ledger_counts(moving.ledger).rentals != rentals)
        good = check_fail(report, "a move: %" PRIu64 " rentals came to %" PRIu64, rentals,
                          ledger_counts(moving.ledger).rentals);
    ledger_destroy(&moving.ledger);
    return good;
}
