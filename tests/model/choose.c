/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/choose.h"

#include "tests/model/rules.h"

static const char long_id[] = "u4-0123456789012345678901234567890123456789012345678901234567890"
                              "1234567890123456789012345678901234567890123456789012345678901234";

/* Some ids begin with others, one is as long as an id may be, one is not ASCII. */
static const char *const user_ids[] = {"u1", "u2", "u", "ü3", long_id, "nobody"};
static const char *const asset_ids[] = {"a1", "a2", "a3", "a4",  "a5",     "a6",
                                        "a7", "a8", "a9", "a1x", "nothing"};
static const char *const asset_type_ids[] = {"mug", "bowl", "box", "lid"};
static const char *const location_ids[] = {"l1", "l2", "bin", "far"};

/* The first few scan from the beginning, the others when they have been imported. */
static const char *const device_ids[] = {"d1", "d2", "d",  "ö",  "i1", "i2",       "i3",
                                         "i4", "i5", "i6", "i7", "i8", "no device"};
#define SCANNING 4
static const char *const some_overrides[] = {
    "the desk knows her", "x", "ja", "so be it", "why not", "again", "paid", "lent by hand", ""};
static const char *const some_reasons[] = {"lost", "broken", "late", ""};

static const char *nth(const char *const *texts, size_t count, size_t index)
{
    return index < count ? texts[index] : NULL;
}

const char *history_user(size_t index)
{
    return nth(user_ids, CHOOSE_COUNT_OF(user_ids), index);
}

const char *history_asset(size_t index)
{
    return nth(asset_ids, CHOOSE_COUNT_OF(asset_ids), index);
}

const char *history_asset_type(size_t index)
{
    return nth(asset_type_ids, CHOOSE_COUNT_OF(asset_type_ids), index);
}

const char *history_location(size_t index)
{
    return nth(location_ids, CHOOSE_COUNT_OF(location_ids), index);
}

const char *history_device(size_t index)
{
    return nth(device_ids, CHOOSE_COUNT_OF(device_ids), index);
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

bool choose_chance(struct history_random *random, unsigned percent)
{
    return history_random_below(random, 100) < percent;
}

struct model_number choose_number(int64_t value)
{
    return (struct model_number){true, value};
}

struct model_text choose_text(struct history_random *random, const char *const *texts, size_t count)
{
    return model_text(texts[history_random_below(random, count)]);
}

/* Seldom the last one, which stands for what nobody has put. */
static struct model_text choose_known(struct history_random *random, const char *const *texts,
                                      size_t count)
{
    return choose_text(random, texts, count - !choose_chance(random, 6));
}

struct model_text choose_user(struct history_random *random)
{
    return choose_known(random, user_ids, CHOOSE_COUNT_OF(user_ids));
}

struct model_text choose_user_to_put(struct history_random *random)
{
    return choose_text(random, user_ids, CHOOSE_COUNT_OF(user_ids) - 1);
}

struct model_text choose_asset(struct history_random *random)
{
    return choose_known(random, asset_ids, CHOOSE_COUNT_OF(asset_ids));
}

struct model_text choose_asset_to_put(struct history_random *random)
{
    return choose_text(random, asset_ids, CHOOSE_COUNT_OF(asset_ids) - 1);
}

struct model_text choose_asset_type(struct history_random *random)
{
    return CHOOSE_PICK(random, asset_type_ids);
}

struct model_text choose_location(struct history_random *random)
{
    return CHOOSE_PICK(random, location_ids);
}

struct model_text choose_device(struct history_random *random)
{
    return choose_text(random, device_ids, SCANNING);
}

struct model_text choose_device_to_import(struct history_random *random)
{
    return choose_text(random, device_ids, CHOOSE_COUNT_OF(device_ids) - 1);
}

struct model_text choose_reason(struct history_random *random)
{
    return CHOOSE_PICK(random, some_reasons);
}

struct model_text choose_override(struct history_random *random)
{
    return choose_chance(random, 18) ? CHOOSE_PICK(random, some_overrides) : (struct model_text){0};
}

struct model_ids choose_types(struct history_random *random)
{
    struct model_ids ids = {.given = true};
    size_t count = 1 + history_random_below(random, MODEL_IDS_MAX);
    while (ids.count < count)
        ids.items[ids.count++] = choose_asset_type(random);
    return ids;
}

const struct model_rental *choose_any_rental(struct history_random *random,
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

const struct model_rental *choose_open_rental(struct history_random *random,
                                              const struct history_view *view)
{
    for (int attempt = 0; attempt < 8; attempt++) {
        const struct model_rental *rental = choose_any_rental(random, view);
        if (rental && rental->status == RENTBUS_STATUS_IN_PROGRESS)
            return rental;
    }
    return NULL;
}

/* How long behind its end a rental is taken back by the policy, microseconds. */
static int64_t late_grace(const struct history_view *view)
{
    int64_t grace;
    model_late_return(&view->state->policy.late_return, &grace);
    return grace * RENTBUS_SECOND;
}

int64_t choose_time(struct history_random *random, const struct history_view *view, int64_t now)
{
    const struct model_rental *open;
    int64_t max_skew = view->state->policy.max_skew * RENTBUS_SECOND;
    switch (history_random_below(random, 20)) {
    case 0:
    case 1:
        return now - (int64_t)history_random_below(random, 5) * CHOOSE_DAY;
    case 2:
    case 3:
        return now - (int64_t)history_random_below(random, 48) * CHOOSE_HOUR;
    case 4:
        return now + max_skew;
    case 5:
        return now + max_skew + 1;
    case 6:
        return now + (int64_t)history_random_below(random, 4) * CHOOSE_DAY;
    case 7:
    case 8:
        open = choose_open_rental(random, view);
        return open ? open->expires_at + (int64_t)history_random_below(random, 3) - 1 : now;
    case 9:
        open = choose_open_rental(random, view);
        return open ? open->expires_at + late_grace(view) +
                          (int64_t)history_random_below(random, 3) - 1
                    : now;
    default:
        return now;
    }
}
