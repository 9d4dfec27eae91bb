/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/body.h"

#include <errno.h>
#include <string.h>

#include "bridge-http/problem.h"

/* More than any struct that is put has. */
#define PUT_FIELDS_MAX 16

struct return_body {
    uint64_t has;
    struct rentbus_text location_id;
    int64_t return_date;
};

enum { RETURN_LOCATION, RETURN_DATE, RETURN_FIELDS };

static const struct rentbus_field return_fields[RETURN_FIELDS] = {
    [RETURN_LOCATION] = {.name = "location_id",
                         .name_length = sizeof("location_id") - 1,
                         .offset = offsetof(struct return_body, location_id),
                         .kind = RENTBUS_KIND_ID,
                         .need = RENTBUS_NEED_OPTIONAL},
    [RETURN_DATE] = {.name = "return_date",
                     .name_length = sizeof("return_date") - 1,
                     .offset = offsetof(struct return_body, return_date),
                     .kind = RENTBUS_KIND_TIME,
                     .need = RENTBUS_NEED_OPTIONAL},
};

static const struct rentbus_schema return_schema = {
    .name = "return_body",
    .fields = return_fields,
    .count = RETURN_FIELDS,
    .size = sizeof(struct return_body),
};

int http_body_args(const struct rentbus_schema *schema, struct rentbus_text body, void *args,
                   void **storage, struct rentbus_fault *fault)
{
    struct rentbus_text text = body.length > 0 ? body : rentbus_text("{}");
    return rentbus_from_json(schema, text.data, text.length, args, storage, fault);
}

int http_body_put(const struct rentbus_schema *schema, struct rentbus_text id,
                  struct rentbus_text body, void *args, void **storage, struct rentbus_fault *fault)
{
    struct rentbus_field fields[PUT_FIELDS_MAX];
    struct rentbus_schema without_id = *schema;
    size_t index = rentbus_schema_find(schema, "id", 2);
    if (schema->count > PUT_FIELDS_MAX || index == schema->count)
        return -EINVAL;
    memcpy(fields, schema->fields, schema->count * sizeof(fields[0]));
    fields[index].need = RENTBUS_NEED_OPTIONAL;
    without_id.fields = fields;
    void *held = NULL;
    int error = http_body_args(&without_id, body, args, &held, fault);
    if (error)
        return error;
    uint64_t *has = args;
    struct rentbus_text *named = (struct rentbus_text *)((char *)args + fields[index].offset);
    if ((*has & (UINT64_C(1) << index)) && !rentbus_text_equal(*named, id)) {
        rentbus_free(held);
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "id", 2,
                              "is another one than in the path");
    }
    *has |= UINT64_C(1) << index;
    *named = id;
    *storage = held;
    return 0;
}

int http_body_return(struct rentbus_text rental_id, int64_t now, struct rentbus_text body,
                     struct rentbus_return_args *args, void **storage, struct rentbus_fault *fault)
{
    struct return_body said;
    int error = http_body_args(&return_schema, body, &said, storage, fault);
    if (error)
        return error;
    *args = (struct rentbus_return_args){0};
    RENTBUS_SET(args, return_args, rental_id, rental_id);
    RENTBUS_SET(args, return_args, timestamp,
                said.has & (UINT64_C(1) << RETURN_DATE) ? said.return_date : now);
    if (said.has & (UINT64_C(1) << RETURN_LOCATION))
        RENTBUS_SET(args, return_args, location_id, said.location_id);
    return 0;
}
