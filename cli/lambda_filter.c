/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_filter.h"

#include <jansson.h>

static const char *text_of(const json_t *map, const char *name)
{
    return json_string_value(json_object_get(map, name));
}

static const char *first_of(const char *a, const char *b)
{
    return a ? a : b;
}

struct lambda_subjects lambda_subjects_of(struct rentbus_text type, const json_t *data)
{
    const json_t *rental = json_object_get(data, "rental");
    const char *id = text_of(data, "id");
    struct lambda_subjects found = {
        .user_id = first_of(text_of(data, "user_id"), text_of(rental, "user_id")),
        .location_id = first_of(text_of(data, "location_id"),
                                first_of(text_of(rental, "returned_at_location_id"),
                                         text_of(rental, "created_at_location_id"))),
        .asset_type = text_of(data, "asset_type"),
        .asset_id = first_of(text_of(data, "asset_id"), text_of(rental, "asset_id")),
    };
    if (rentbus_text_begins(type, "USER_"))
        found.user_id = first_of(found.user_id, id);
    if (rentbus_text_begins(type, "LOCATION_"))
        found.location_id = first_of(found.location_id, id);
    if (rentbus_text_begins(type, "ASSET_TYPE_"))
        found.asset_type = first_of(found.asset_type, id);
    return found;
}

bool lambda_id_is(struct rentbus_text id, const char *text)
{
    return text && strlen(text) == id.length && memcmp(text, id.data, id.length) == 0;
}
