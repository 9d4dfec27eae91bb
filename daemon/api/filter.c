/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/api/filter.h"

#include <stddef.h>

#include "sdk/protocol/text.h"

/* A field of the arguments and the field of a rental that it is about, with their bits in `has`. */
struct column {
    uint64_t asked;
    size_t argument;
    uint64_t present;
    size_t field;
};

#define COLUMN(name, of)                                                                           \
    {                                                                                              \
        RENTBUS_BIT(rental_list_args, name), offsetof(struct rentbus_rental_list_args, name),      \
            RENTBUS_BIT(rental, of), offsetof(struct rentbus_rental, of)                           \
    }

static const struct column texts[] = {
    COLUMN(user_id, user_id),
    COLUMN(asset_id, asset_id),
    COLUMN(flag_reason, flag_reason),
    COLUMN(returned_asset_id, returned_asset_id),
    COLUMN(created_at_location_id, created_at_location_id),
    COLUMN(returned_at_location_id, returned_at_location_id),
};

static const struct column froms[] = {
    COLUMN(created_from, created_at),
    COLUMN(expires_from, expires_at),
    COLUMN(returned_from, returned_at),
};

static const struct column untils[] = {
    COLUMN(created_until, created_at),
    COLUMN(expires_until, expires_at),
    COLUMN(returned_until, returned_at),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What an argument and its field hold, and whether they go together. */
typedef bool compare_function(const void *argument, const void *field);

static bool text_is(const void *argument, const void *field)
{
    const struct rentbus_text *wanted = argument;
    const struct rentbus_text *found = field;
    return rentbus_text_equal(*wanted, *found);
}

static bool time_is_from(const void *argument, const void *field)
{
    return *(const int64_t *)field >= *(const int64_t *)argument;
}

static bool time_is_before(const void *argument, const void *field)
{
    return *(const int64_t *)field < *(const int64_t *)argument;
}

static bool columns_match(const struct column *columns, size_t count, compare_function *compare,
                          const struct rentbus_rental_list_args *args,
                          const struct rentbus_rental *rental)
{
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &columns[i];
        if (!(args->has & column->asked))
            continue;
        if (!(rental->has & column->present) ||
            !compare((const char *)args + column->argument, (const char *)rental + column->field))
            return false;
    }
    return true;
}

static bool words_match(const struct rentbus_rental_list_args *args,
                        const struct rentbus_rental *rental)
{
    if (RENTBUS_HAS(args, rental_list_args, status) && args->status != rental->status)
        return false;
    if (RENTBUS_HAS(args, rental_list_args, renewals) && args->renewals != rental->renewals)
        return false;
    return !RENTBUS_HAS(args, rental_list_args, closed_by) ||
           (RENTBUS_HAS(rental, rental, closed_by) && args->closed_by == rental->closed_by);
}

static bool expiry_matches(const struct rentbus_rental_list_args *args, int64_t now,
                           const struct rentbus_rental *rental)
{
    return !RENTBUS_HAS(args, rental_list_args, expired) ||
           (rental->status == RENTBUS_STATUS_IN_PROGRESS &&
            (now > rental->expires_at) == args->expired);
}

static bool types_match(const struct rentbus_rental_list_args *args,
                        const struct rentbus_rental *rental)
{
    const struct rentbus_ids *types = &rental->eligible_asset_types;
    if (!RENTBUS_HAS(args, rental_list_args, eligible_asset_type))
        return true;
    for (size_t i = 0; i < types->count; i++)
        if (rentbus_text_equal(types->items[i], args->eligible_asset_type))
            return true;
    return false;
}

bool filter_looks(const struct rentbus_rental_list_args *args)
{
    const uint64_t found_by =
        RENTBUS_BIT(rental_list_args, user_id) | RENTBUS_BIT(rental_list_args, asset_id) |
        RENTBUS_BIT(rental_list_args, status) | RENTBUS_BIT(rental_list_args, limit) |
        RENTBUS_BIT(rental_list_args, cursor) | RENTBUS_BIT(rental_list_args, at) |
        RENTBUS_BIT(rental_list_args, at_seq);
    return (args->has & ~found_by) != 0;
}

bool filter_is_hot(const struct rentbus_rental_list_args *args)
{
    return RENTBUS_HAS(args, rental_list_args, expired) ||
           (RENTBUS_HAS(args, rental_list_args, status) &&
            (args->status == RENTBUS_STATUS_IN_PROGRESS || args->status == RENTBUS_STATUS_FLAGGED));
}

bool filter_matches(const struct rentbus_rental_list_args *args, int64_t now,
                    const struct rentbus_rental *rental)
{
    return words_match(args, rental) && expiry_matches(args, now, rental) &&
           types_match(args, rental) && columns_match(texts, COUNT(texts), text_is, args, rental) &&
           columns_match(froms, COUNT(froms), time_is_from, args, rental) &&
           columns_match(untils, COUNT(untils), time_is_before, args, rental);
}
