/* SPDX-License-Identifier: MPL-2.0 */
#include "bridge-http/body.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge-http/problem.h"
#include "bridge-http/uri.h"

/* More than any struct that is named by a path has. */
#define FIELDS_MAX 16

struct return_body {
    uint64_t has;
    bool dry_run;
    struct rentbus_text override;
    struct rentbus_text device_id;
    uint64_t device_seq;
    struct rentbus_text location_id;
    int64_t return_date;
    int64_t clock_offset_ms;
};

enum {
    RETURN_DRY_RUN,
    RETURN_OVERRIDE,
    RETURN_DEVICE,
    RETURN_DEVICE_SEQ,
    RETURN_LOCATION,
    RETURN_DATE,
    RETURN_CLOCK_OFFSET,
    RETURN_FIELDS
};

#define RETURN_FIELD(member, kind_)                                                                \
    {                                                                                              \
        .name = #member, .name_length = sizeof(#member) - 1,                                       \
        .offset = offsetof(struct return_body, member), .kind = RENTBUS_KIND_##kind_,              \
        .need = RENTBUS_NEED_OPTIONAL                                                              \
    }

static const struct rentbus_field return_fields[RETURN_FIELDS] = {
    [RETURN_DRY_RUN] = RETURN_FIELD(dry_run, BOOL),
    [RETURN_OVERRIDE] = RETURN_FIELD(override, TEXT),
    [RETURN_DEVICE] = RETURN_FIELD(device_id, ID),
    [RETURN_DEVICE_SEQ] = RETURN_FIELD(device_seq, UINT),
    [RETURN_LOCATION] = RETURN_FIELD(location_id, ID),
    [RETURN_DATE] = RETURN_FIELD(return_date, TIME),
    [RETURN_CLOCK_OFFSET] = RETURN_FIELD(clock_offset_ms, INT),
};

const struct rentbus_schema http_return_schema = {
    .name = "return_body",
    .fields = return_fields,
    .count = RETURN_FIELDS,
    .size = sizeof(struct return_body),
};

struct command_query {
    uint64_t has;
    bool dry_run;
};

static const struct rentbus_field query_field = {.name = "dry_run",
                                                 .name_length = sizeof("dry_run") - 1,
                                                 .offset = offsetof(struct command_query, dry_run),
                                                 .kind = RENTBUS_KIND_BOOL,
                                                 .need = RENTBUS_NEED_OPTIONAL};

static const struct rentbus_schema query_schema = {.name = "command_query",
                                                   .fields = &query_field,
                                                   .count = 1,
                                                   .size = sizeof(struct command_query)};

int http_body_args(const struct rentbus_schema *schema, struct rentbus_text body, void *args,
                   void **storage, struct rentbus_fault *fault)
{
    struct rentbus_text text = body.length > 0 ? body : rentbus_text("{}");
    return rentbus_from_json(schema, text.data, text.length, args, storage, fault);
}

int http_body_with_id(const struct rentbus_schema *schema, struct rentbus_text id,
                      struct rentbus_text body, void *args, void **storage,
                      struct rentbus_fault *fault)
{
    struct rentbus_field fields[FIELDS_MAX];
    struct rentbus_schema without_id = *schema;
    size_t index = http_path_field(schema, rentbus_text("id"));
    if (schema->count > FIELDS_MAX || index == schema->count)
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
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, fields[index].name,
                              fields[index].name_length, "is another one than in the path");
    }
    *has |= UINT64_C(1) << index;
    *named = id;
    *storage = held;
    return 0;
}

static bool said_has(const struct return_body *said, int field)
{
    return said->has >> field & 1;
}

static void return_take(const struct return_body *said, struct rentbus_return_args *args)
{
    if (said_has(said, RETURN_LOCATION))
        RENTBUS_SET(args, return_args, location_id, said->location_id);
    if (said_has(said, RETURN_DRY_RUN))
        RENTBUS_SET(args, return_args, dry_run, said->dry_run);
    if (said_has(said, RETURN_OVERRIDE))
        RENTBUS_SET(args, return_args, override, said->override);
    if (said_has(said, RETURN_DEVICE))
        RENTBUS_SET(args, return_args, device_id, said->device_id);
    if (said_has(said, RETURN_DEVICE_SEQ))
        RENTBUS_SET(args, return_args, device_seq, said->device_seq);
    if (said_has(said, RETURN_CLOCK_OFFSET))
        RENTBUS_SET(args, return_args, clock_offset_ms, said->clock_offset_ms);
}

int http_body_return(struct rentbus_text rental_id, int64_t now, struct rentbus_text body,
                     struct rentbus_return_args *args, void **storage, struct rentbus_fault *fault)
{
    struct return_body said;
    void *held = NULL;
    int error = http_body_args(&http_return_schema, body, &said, &held, fault);
    if (error)
        return error;
    const struct rentbus_field *offset = &return_fields[RETURN_CLOCK_OFFSET];
    /* Our own clock is not that of the device. */
    if (said_has(&said, RETURN_CLOCK_OFFSET) && !said_has(&said, RETURN_DATE)) {
        rentbus_free(held);
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, offset->name,
                              offset->name_length, "needs a return_date");
    }
    *args = (struct rentbus_return_args){0};
    RENTBUS_SET(args, return_args, rental_id, rental_id);
    RENTBUS_SET(args, return_args, timestamp,
                said_has(&said, RETURN_DATE) ? said.return_date : now);
    return_take(&said, args);
    *storage = held;
    return 0;
}

/* ---- batches ---- */

static int id_give(json_t *command, struct rentbus_client *client)
{
    struct rentbus_uuid id;
    char text[RENTBUS_UUID_TEXT_SIZE + 1];
    const json_t *given = json_object_get(command, "id");
    if (!json_is_object(command) || (given && !json_is_null(given)))
        return 0;
    int error = rentbus_client_command_id(client, &id);
    if (error)
        return error;
    rentbus_uuid_format(id, text);
    return json_object_set_new(command, "id", json_string(text)) ? -ENOMEM : 0;
}

static int ids_give(const json_t *batch, struct rentbus_client *client)
{
    const json_t *commands = json_object_get(batch, "commands");
    int error = 0;
    for (size_t i = 0; !error && i < json_array_size(commands); i++)
        error = id_give(json_array_get(commands, i), client);
    return error;
}

int http_body_batch(struct rentbus_text body, struct rentbus_client *client,
                    struct rentbus_batch_args *args, void **storage, struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = &rentbus_batch_args_schema;
    json_t *batch =
        json_loadb(body.data ? body.data : "", body.length, JSON_REJECT_DUPLICATES, NULL);
    if (!batch)
        return http_body_args(schema, body, args, storage, fault); /* which says what is wrong */
    int error = ids_give(batch, client);
    char *text = error ? NULL : json_dumps(batch, JSON_COMPACT);
    json_decref(batch);
    if (!text)
        return error ? error : -ENOMEM;
    error = http_body_args(schema, rentbus_text(text), args, storage, fault);
    free(text);
    return error;
}

/* ---- queries ---- */

int http_body_dry_run(const struct rentbus_schema *schema, char *query, void *args,
                      struct rentbus_fault *fault)
{
    struct command_query said;
    size_t index = rentbus_schema_find(schema, query_field.name, query_field.name_length);
    int error = http_query_read(&query_schema, query, &said, fault);
    if (error || !said.has)
        return error;
    if (index == schema->count)
        return -EINVAL;
    uint64_t *has = args;
    uint64_t bit = UINT64_C(1) << index;
    bool *member = (bool *)((char *)args + schema->fields[index].offset);
    if ((*has & bit) && *member != said.dry_run)
        return http_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, query_field.name,
                              query_field.name_length, "is another one than in the body");
    *has |= bit;
    *member = said.dry_run;
    return 0;
}
