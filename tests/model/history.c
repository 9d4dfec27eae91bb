/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/history.h"

#include <string.h>

#include "sdk/protocol/time.h"
#include "tests/model/rules.h"

#define MINUTE (60 * RENTBUS_SECOND)
#define HOUR (60 * MINUTE)
#define DAY RENTBUS_DAY

static const char long_id[] = "u4-0123456789012345678901234567890123456789012345678901234567890"
                              "1234567890123456789012345678901234567890123456789012345678901234";

/* Some ids begin with others, one is as long as an id may be, one is not ASCII. */
static const char *const user_ids[] = {"u1", "u2", "u", "ü3", long_id, "nobody"};
static const char *const asset_ids[] = {"a1", "a2", "a3", "a4",  "a5",     "a6",
                                        "a7", "a8", "a9", "a1x", "nothing"};
static const char *const asset_type_ids[] = {"mug", "bowl", "box", "lid"};
static const char *const location_ids[] = {"l1", "l2", "bin", "far"};
static const char *const some_names[] = {"", "Ada", "Bo"};
static const char *const import_ids[] = {"i", "i1", "i12", "i2", "i21", "i3", "i33", "i333"};

static const char *const some_reasons[] = {"lost", "broken", "late", ""};
static const char *const late_returns[] = {"reject", "flag", "forgive_within:PT12H",
                                           "forgive_within:P2D", "forgive_within:PT0S"};
static const char *const bad_late_returns[] = {
    "", "forgive", "flag ", "forgive_within:", "forgive_within:2D", "forgive_within:P1M"};

/* 9999-12-24T00:00:00Z */
#define HISTORY_LAST INT64_C(253401609600000000)

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const char *nth(const char *const *texts, size_t count, size_t index)
{
    return index < count ? texts[index] : NULL;
}

const char *history_user(size_t index)
{
    return nth(user_ids, COUNT_OF(user_ids), index);
}

const char *history_asset(size_t index)
{
    return nth(asset_ids, COUNT_OF(asset_ids), index);
}

const char *history_asset_type(size_t index)
{
    return nth(asset_type_ids, COUNT_OF(asset_type_ids), index);
}

const char *history_location(size_t index)
{
    return nth(location_ids, COUNT_OF(location_ids), index);
}

uint64_t history_random_next(struct history_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t history_random_below(struct history_random *random, size_t count)
{
    return (size_t)(history_random_next(random) % count);
}

static bool chance(struct history_random *random, unsigned percent)
{
    return history_random_below(random, 100) < percent;
}

static struct model_text pick(struct history_random *random, const char *const *texts, size_t count)
{
    return model_text(texts[history_random_below(random, count)]);
}

#define PICK(random, texts) pick(random, texts, COUNT_OF(texts))
/* Seldom the last one, which stands for what nobody has put. */
#define PICK_KNOWN(random, texts) pick(random, texts, COUNT_OF(texts) - !chance(random, 6))

static struct model_ids pick_types(struct history_random *random)
{
    struct model_ids ids = {.given = true};
    size_t count = 1 + history_random_below(random, MODEL_IDS_MAX);
    while (ids.count < count)
        ids.items[ids.count++] = PICK(random, asset_type_ids);
    return ids;
}

static const struct model_rental *pick_rental(struct history_random *random,
                                              const struct history_view *view)
{
    size_t archived = view->archive_count < 10 ? view->archive_count : 10;
    size_t count = view->state->rental_count + archived;
    if (count == 0)
        return NULL;
    size_t index = history_random_below(random, count);
    if (index < view->state->rental_count)
        return &view->state->rentals[index];
    return &view->archive[view->archive_count - 1 - history_random_below(random, archived)];
}

static const struct model_rental *pick_open(struct history_random *random,
                                            const struct history_view *view)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        const struct model_rental *rental = pick_rental(random, view);
        if (rental && rental->status == RENTBUS_STATUS_IN_PROGRESS)
            return rental;
    }
    return NULL;
}

static struct model_number number(int64_t value)
{
    return (struct model_number){true, value};
}

/* How long behind its end a rental is taken back by the policy, microseconds. */
static int64_t late_grace(const struct history_view *view)
{
    int64_t grace;
    model_late_return(&view->state->policy.late_return, &grace);
    return grace * RENTBUS_SECOND;
}

/* When a device says that it was: mostly now, often earlier, at times on the very edge. */
static int64_t pick_time(struct history_random *random, const struct history_view *view,
                         const struct history_step *step)
{
    const struct model_rental *open;
    int64_t max_skew = view->state->policy.max_skew * RENTBUS_SECOND;
    switch (history_random_below(random, 20)) {
    case 0:
    case 1:
        return step->now - (int64_t)history_random_below(random, 5) * DAY;
    case 2:
    case 3:
        return step->now - (int64_t)history_random_below(random, 48) * HOUR;
    case 4:
        return step->now + max_skew;
    case 5:
        return step->now + max_skew + 1;
    case 6:
        return step->now + (int64_t)history_random_below(random, 4) * DAY;
    case 7:
    case 8:
        open = pick_open(random, view);
        return open ? open->expires_at + (int64_t)history_random_below(random, 3) - 1 : step->now;
    case 9:
        open = pick_open(random, view);
        return open ? open->expires_at + late_grace(view) +
                          (int64_t)history_random_below(random, 3) - 1
                    : step->now;
    default:
        return step->now;
    }
}

/* ---- commands ---- */

static void choose_return_by_rental(struct history_random *random, const struct history_view *view,
                                    struct model_command *command)
{
    const struct model_rental *rental =
        chance(random, 60) ? pick_open(random, view) : pick_rental(random, view);
    command->rental_id = rental ? rental->id : model_text("r");
    if (chance(random, 6))
        command->rental_id = model_text("never");
    if (chance(random, 60))
        command->asset_id = (struct model_text){0};
    if (chance(random, 60))
        command->user_id = (struct model_text){0};
    else if (rental && chance(random, 60))
        command->user_id = rental->user_id;
}

static void choose_return(struct history_random *random, const struct history_view *view,
                          struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = RENTBUS_OP_rental_return;
    command->asset_id = PICK_KNOWN(random, asset_ids);
    if (!model_out(view->state, &command->asset_id) && chance(random, 50))
        command->asset_id = PICK_KNOWN(random, asset_ids);
    command->user_id = PICK_KNOWN(random, user_ids);
    if (chance(random, 75))
        command->location_id = PICK(random, location_ids);
    command->occurred_at = pick_time(random, view, step);

    const struct model_rental *out = model_out(view->state, &command->asset_id);
    const struct model_asset *asset = model_asset(view->state, &command->asset_id);
    if (out && chance(random, 50))
        command->user_id = out->user_id;
    else if (asset && asset->returned_by.given && chance(random, 30))
        command->user_id = asset->returned_by;
    if (chance(random, 20))
        choose_return_by_rental(random, view, command);
    else if (chance(random, 25))
        command->user_id = (struct model_text){0};
}

static void choose_checkout(struct history_random *random, const struct history_view *view,
                            struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = RENTBUS_OP_rental_checkout;
    command->asset_id = PICK_KNOWN(random, asset_ids);
    if (model_out(view->state, &command->asset_id) && chance(random, 80))
        command->asset_id = PICK_KNOWN(random, asset_ids);
    command->user_id = PICK_KNOWN(random, user_ids);
    command->location_id = PICK(random, location_ids);
    command->occurred_at = pick_time(random, view, step);
    if (chance(random, 30))
        command->expires_at = (struct model_number){
            true, command->occurred_at + (int64_t)history_random_below(random, 40) * HOUR};
    const struct model_rental *other = chance(random, 12) ? pick_open(random, view) : NULL;
    if (other && other->expires_at > command->occurred_at)
        command->expires_at = number(other->expires_at);
    /* So late that the loan may end behind the last year that a time can have. */
    if (chance(random, 1))
        command->occurred_at = HISTORY_LAST - (int64_t)history_random_below(random, 40) * DAY;
    if (chance(random, command->expires_at.given ? 8 : 30))
        command->loan_period = (struct model_number){
            true, (int64_t)history_random_below(random, 40) * HOUR / RENTBUS_SECOND};
    if (chance(random, 40))
        command->eligible = pick_types(random);
    if (chance(random, 3))
        command->eligible = (struct model_ids){.given = true};
    const struct model_rental *out = model_out(view->state, &command->asset_id);
    if (out && chance(random, 10))
        command->user_id = out->user_id;
}

static void choose_import(struct history_random *random, const struct history_view *view,
                          struct history_step *step)
{
    struct model_rental *import = &step->command.import;
    step->command.op = RENTBUS_OP_admin_import;
    import->id = PICK(random, import_ids);
    if (chance(random, 50))
        import->id = step->new_rental_id;
    const struct model_rental *known = pick_rental(random, view);
    if (known && chance(random, 20))
        import->id = known->id;
    import->user_id = PICK_KNOWN(random, user_ids);
    import->asset_id = PICK_KNOWN(random, asset_ids);
    import->created_at = pick_time(random, view, step);
    import->expires_at = import->created_at + (int64_t)history_random_below(random, 60) * HOUR;
    import->created_at_location_id = PICK(random, location_ids);
    import->eligible = pick_types(random);
    if (chance(random, 3))
        import->eligible = (struct model_ids){.given = true};
    import->status =
        (enum rentbus_status)(RENTBUS_STATUS_IN_PROGRESS + (int)history_random_below(random, 4));
    if (chance(random, 30))
        import->status = RENTBUS_STATUS_IN_PROGRESS;
    bool open = import->status == RENTBUS_STATUS_IN_PROGRESS;
    if (chance(random, open ? 6 : 85))
        import->returned_at = (struct model_number){
            true, import->created_at + (int64_t)history_random_below(random, 60) * HOUR};
    if (chance(random, open ? 6 : 60))
        import->returned_at_location_id = PICK(random, location_ids);
}

/* ---- commands about a rental that is there ---- */

static const struct model_rental *pick_status(struct history_random *random,
                                              const struct history_view *view,
                                              enum rentbus_status status)
{
    size_t count = view->state->rental_count;
    size_t start = count ? history_random_below(random, count) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct model_rental *rental = &view->state->rentals[(start + i) % count];
        if (rental->status == status)
            return rental;
    }
    return NULL;
}

/* Mostly one of that status. */
static const struct model_rental *name_rental(struct history_random *random,
                                              const struct history_view *view,
                                              enum rentbus_status status,
                                              struct model_command *command)
{
    const struct model_rental *rental =
        chance(random, 85) ? pick_status(random, view, status) : pick_rental(random, view);
    command->rental_id = rental && !chance(random, 3) ? rental->id : model_text("never");
    return rental;
}

static void choose_renew(struct history_random *random, const struct history_view *view,
                         struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = RENTBUS_OP_rental_renew;
    const struct model_rental *rental =
        name_rental(random, view, RENTBUS_STATUS_IN_PROGRESS, command);
    for (int attempt = 0; attempt < 3 && rental && step->now > rental->expires_at; attempt++)
        rental = name_rental(random, view, RENTBUS_STATUS_IN_PROGRESS, command);
    if (rental && chance(random, 40))
        command->expires_at =
            number(rental->expires_at + ((int64_t)history_random_below(random, 30) - 4) * HOUR);
    if (rental && chance(random, 6))
        command->expires_at = number(rental->expires_at + (int64_t)history_random_below(random, 2));
    /* No later time can be said. */
    if (command->expires_at.value > MODEL_LAST_TIME)
        command->expires_at = number(MODEL_LAST_TIME);
    if (chance(random, command->expires_at.given ? 6 : 40))
        command->period = number((int64_t)history_random_below(random, 40) * HOUR / RENTBUS_SECOND);
    if (command->period.given && chance(random, 3))
        command->period = number(RENTBUS_DURATION_MAX);
}

static void choose_judgement(struct history_random *random, const struct history_view *view,
                             struct history_step *step)
{
    struct model_command *command = &step->command;
    size_t choice = history_random_below(random, 100);
    if (choice < 45) {
        command->op = RENTBUS_OP_rental_flag;
        name_rental(random, view, RENTBUS_STATUS_IN_PROGRESS, command);
    } else if (choice < 80) {
        command->op = RENTBUS_OP_rental_unflag;
        name_rental(random, view, RENTBUS_STATUS_FLAGGED, command);
    } else {
        command->op = RENTBUS_OP_rental_forgive;
        name_rental(random, view,
                    chance(random, 50) ? RENTBUS_STATUS_FLAGGED : RENTBUS_STATUS_IN_PROGRESS,
                    command);
    }
    if (command->op != RENTBUS_OP_rental_unflag)
        command->reason = PICK(random, some_reasons);
}

static void choose_block(struct history_random *random, const struct history_view *view,
                         struct history_step *step)
{
    struct model_command *command = &step->command;
    command->op = chance(random, 25) ? RENTBUS_OP_user_block : RENTBUS_OP_user_unblock;
    command->id = PICK_KNOWN(random, user_ids);
    if (command->op != RENTBUS_OP_user_block)
        return;
    const struct model_user *known = model_user(view->state, &command->id);
    bool again = known && known->block_reason.given && chance(random, 40);
    command->reason = again ? known->block_reason : PICK(random, some_reasons);
}

/* ---- puts ---- */

/* A limit is generous more often than not, or the histories come to a stop. */
static struct model_number pick_limit(struct history_random *random)
{
    static const int64_t limits[] = {0, 1, 2, 2, 3, 4, 5, 6, 8};
    return number(limits[history_random_below(random, COUNT_OF(limits))]);
}

/* The type as it is. */
static void repeat_asset_type(const struct model_asset_type *type, struct model_command *command)
{
    command->user_limit = type->user_limit;
    command->loan_period = number(type->loan_period);
    command->renewals_max = type->renewals_max;
    command->due_soon_lead = type->due_soon_lead;
    command->renewal_period = number(type->renewal_period);
    command->eligible = type->eligible;
}

static void choose_asset_type_put(struct history_random *random, const struct history_view *view,
                                  struct model_command *command)
{
    command->id = PICK(random, asset_type_ids);
    const struct model_asset_type *known = model_asset_type(view->state, &command->id);
    if (known && chance(random, 25)) {
        repeat_asset_type(known, command);
        if (chance(random, 60))
            return;
    }
    if (chance(random, 60))
        command->loan_period =
            number((int64_t)history_random_below(random, 4) * 20 * HOUR / RENTBUS_SECOND);
    if (chance(random, 60))
        command->eligible = pick_types(random);
    if (chance(random, 3))
        command->eligible = (struct model_ids){.given = true};
    if (chance(random, 25))
        command->user_limit = pick_limit(random);
    if (chance(random, 50))
        command->renewals_max = number((int64_t)history_random_below(random, 4));
    if (chance(random, 40))
        command->renewal_period =
            number((int64_t)history_random_below(random, 12) * 3 * HOUR / RENTBUS_SECOND);
    if (chance(random, 70))
        command->due_soon_lead =
            number((int64_t)history_random_below(random, 6) * 4 * HOUR / RENTBUS_SECOND);
}

static void choose_policy_put(struct history_random *random, struct model_command *command)
{
    static const int64_t skews[] = {300, 300, 300, 0, 3600};
    command->op = RENTBUS_OP_policy_put;
    if (chance(random, 30))
        command->max_skew = number(skews[history_random_below(random, COUNT_OF(skews))]);
    if (chance(random, 30))
        command->renewal_grace =
            number((int64_t)history_random_below(random, 4) * 6 * HOUR / RENTBUS_SECOND);
    if (chance(random, 30))
        command->user_limit = chance(random, 60) ? number(0) : pick_limit(random);
    if (chance(random, 50))
        command->late_return = PICK(random, late_returns);
    if (chance(random, 5))
        command->late_return = PICK(random, bad_late_returns);
    if (chance(random, 40))
        command->return_match = (enum rentbus_return_match)(RENTBUS_RETURN_MATCH_oldest +
                                                            (int)history_random_below(random, 3));
}

static void choose_put(struct history_random *random, const struct history_view *view,
                       struct model_command *command)
{
    static const enum rentbus_op ops[] = {RENTBUS_OP_user_put, RENTBUS_OP_asset_put,
                                          RENTBUS_OP_asset_put, RENTBUS_OP_asset_type_put,
                                          RENTBUS_OP_location_put};
    command->op = ops[history_random_below(random, COUNT_OF(ops))];
    switch (command->op) {
    case RENTBUS_OP_user_put:
        command->id = pick(random, user_ids, COUNT_OF(user_ids) - 1);
        if (chance(random, 25))
            command->user_limit = pick_limit(random);
        break;
    case RENTBUS_OP_asset_put:
        command->id = pick(random, asset_ids, COUNT_OF(asset_ids) - 1);
        command->asset_type = PICK(random, asset_type_ids);
        break;
    case RENTBUS_OP_asset_type_put:
        choose_asset_type_put(random, view, command);
        break;
    default:
        command->id = PICK(random, location_ids);
        break;
    }
    bool named = command->op == RENTBUS_OP_user_put || command->op == RENTBUS_OP_location_put;
    if (named && chance(random, 70))
        command->name = PICK(random, some_names);
}

/* ---- steps ---- */

struct model_text history_rental_id(unsigned number)
{
    char id[24];
    snprintf(id, sizeof id, "r%u%s", number / 3, &"xx"[number % 3]);
    return model_text(id);
}

/* Mostly time stands still, so that many rentals are of the same age; at times it goes on to where
 * a timer or a grace begins or ends, and not farther than some days. */
static void pass_time(struct history_random *random, const struct history_view *view, int64_t *now)
{
    if (chance(random, 15)) {
        *now += (int64_t)history_random_below(random, 12) * HOUR;
        return;
    }
    const struct model_rental *open = chance(random, 20) ? pick_open(random, view) : NULL;
    if (!open)
        return;
    int64_t edge = open->expires_at;
    switch (history_random_below(random, 3)) {
    case 0:
        edge += view->state->policy.renewal_grace * RENTBUS_SECOND;
        break;
    case 1:
        if (open->due_soon_at.given)
            edge = open->due_soon_at.value;
        break;
    default:
        break;
    }
    edge += (int64_t)history_random_below(random, 3) - 1;
    if (edge > *now && edge - *now < 2 * DAY)
        *now = edge;
}

static void choose_command(struct history_random *random, const struct history_view *view,
                           struct history_step *step)
{
    size_t choice = history_random_below(random, 100);
    step->dry = chance(random, 4);
    if (choice < 34)
        choose_return(random, view, step);
    else if (choice < 63)
        choose_checkout(random, view, step);
    else if (choice < 68)
        choose_import(random, view, step);
    else if (choice < 77)
        choose_renew(random, view, step);
    else if (choice < 86)
        choose_judgement(random, view, step);
    else if (choice < 89)
        choose_block(random, view, step);
    else if (choice < 92)
        choose_policy_put(random, &step->command);
    else
        choose_put(random, view, &step->command);
}

void history_choose(struct history_random *random, const struct history_view *view, unsigned number,
                    int64_t *now, struct history_step *step)
{
    memset(step, 0, sizeof *step);
    pass_time(random, view, now);
    step->number = number;
    step->now = *now;
    step->new_rental_id = history_rental_id(number);

    size_t choice = history_random_below(random, 1000);
    if (number < 60 && chance(random, 80)) {
        choose_put(random, view, &step->command);
        return;
    }
    step->back = chance(random, 60) ? 0 : history_random_below(random, 6);
    if (choice < 810)
        choose_command(random, view, step);
    else if (choice < 860)
        step->kind = HISTORY_TIMERS;
    else if (choice < 935)
        step->kind = HISTORY_DURABLE;
    else if (choice < 948)
        step->kind = HISTORY_ROLLBACK;
    else if (choice < 961)
        step->kind = HISTORY_ROLLBACK_TO;
    else if (choice < 979)
        step->kind = HISTORY_ARCHIVE;
    else if (choice < 987)
        step->kind = HISTORY_HELLO;
    else if (choice < 995)
        step->kind = HISTORY_FOREIGN;
    else
        step->kind = HISTORY_REPLAY;
}
