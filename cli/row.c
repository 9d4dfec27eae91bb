/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/row.h"

#include "cli/content_id.h"
#include "cli/field.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

const struct cli_row_type cli_row_types[CLI_ROW_KIND_COUNT] = {
    [CLI_ROW_POLICY] = {"policy", NULL, RENTBUS_OP_policy_put, RENTBUS_OP_policy_get},
    [CLI_ROW_ASSET_TYPE] = {"asset_type", NULL, RENTBUS_OP_asset_type_put,
                            RENTBUS_OP_asset_type_list},
    [CLI_ROW_LOCATION] = {"location", NULL, RENTBUS_OP_location_put, RENTBUS_OP_location_list},
    [CLI_ROW_USER] = {"user", "users", RENTBUS_OP_user_put, RENTBUS_OP_user_list},
    [CLI_ROW_BLOCK] = {"block", NULL, RENTBUS_OP_user_block, RENTBUS_OP_user_list},
    [CLI_ROW_ASSET] = {"asset", "assets", RENTBUS_OP_asset_put, RENTBUS_OP_asset_list},
    [CLI_ROW_DEVICE] = {"device", NULL, RENTBUS_OP_admin_import_device, RENTBUS_OP_device_list},
    [CLI_ROW_RENTAL] = {"rental", "rentals", RENTBUS_OP_admin_import, RENTBUS_OP_rental_list},
};

const struct rentbus_schema *cli_row_schema(const struct cli_row *row)
{
    return rentbus_op_rows[cli_row_types[row->kind].put].args;
}

struct rentbus_text cli_row_id(const struct cli_row *row)
{
    const struct rentbus_schema *schema = cli_row_schema(row);
    size_t index = rentbus_schema_find(schema, "id", 2);
    const char *args = (const char *)&row->args;
    if (index == schema->count || !(row->args.user.has & (UINT64_C(1) << index)))
        return (struct rentbus_text){0};
    return *(const struct rentbus_text *)(const void *)(args + schema->fields[index].offset);
}

void cli_row_release(struct cli_row *row)
{
    json_decref(row->texts);
    row->texts = NULL;
    rentbus_free(row->maps);
    row->maps = NULL;
}

static int kind_find(const json_t *kind, struct cli_row *row, struct rentbus_fault *fault)
{
    const char *name = json_string_value(kind);
    for (int i = 0; name && i < CLI_ROW_KIND_COUNT; i++) {
        if (strcmp(name, cli_row_types[i].name) == 0) {
            row->kind = (enum cli_row_kind)i;
            return 0;
        }
    }
    return cli_fault_set(
        fault, RENTBUS_ERROR_INVALID_ARGUMENT, "kind",
        "must be policy, asset_type, location, user, block, asset, device or rental");
}

/* The holes of a device, read as the protocol reads them into memory that the row keeps. */
static int holes_set(struct cli_row *row, const json_t *holes, struct rentbus_fault *fault)
{
    struct rentbus_import_device_args args;
    json_t *alone = json_pack("{s:s, s:i, s:O}", "id", "-", "device_seq", 1, "holes", holes);
    char *text = alone ? json_dumps(alone, JSON_COMPACT) : NULL;
    json_decref(alone);
    if (!text)
        return -ENOMEM;
    int status = rentbus_from_json(&rentbus_import_device_args_schema, text, strlen(text), &args,
                                   &row->maps, fault);
    free(text);
    if (status == 0 && RENTBUS_HAS(&args, import_device_args, holes))
        RENTBUS_SET(&row->args.device, import_device_args, holes, args.holes);
    return status;
}

static int member_set(struct cli_row *row, const char *name, const json_t *member,
                      struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = cli_row_schema(row);
    size_t index = rentbus_schema_find(schema, name, strlen(name));
    if (index == schema->count)
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, name,
                             "is no member of this kind");
    if (schema->fields[index].kind == RENTBUS_KIND_MAPS)
        return holes_set(row, member, fault);
    return cli_field_set_json(schema, index, member, &row->args, fault);
}

static int members_set(struct cli_row *row, struct rentbus_fault *fault)
{
    const char *name;
    json_t *member;
    /* The id first, so that reports about the others can name it. */
    member = json_object_get(row->texts, "id");
    int status = member ? member_set(row, "id", member, fault) : 0;
    json_object_foreach(row->texts, name, member) if (status == 0 && strcmp(name, "kind") != 0)
        status = member_set(row, name, member, fault);
    return status ? status : cli_row_check(row, fault);
}

int cli_row_parse(struct rentbus_text line, struct cli_row *row, struct rentbus_fault *fault)
{
    json_error_t error;
    row->texts = json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES, &error);
    if (!row->texts && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (!row->texts)
        return cli_fault_set(fault, RENTBUS_ERROR_MALFORMED, NULL, "column %d: %.150s",
                             error.column, error.text);
    if (!json_is_object(row->texts))
        return cli_fault_set(fault, RENTBUS_ERROR_MALFORMED, NULL, "is no JSON object");
    int status = kind_find(json_object_get(row->texts, "kind"), row, fault);
    return status ? status : members_set(row, fault);
}

/* A list of ids in a column is JSON, of which the row keeps the texts. */
static int ids_set(struct cli_row *row, size_t field, struct rentbus_text text,
                   struct rentbus_fault *fault)
{
    json_t *json =
        json_loadb(text.data ? text.data : "", text.length, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT,
                             cli_row_schema(row)->fields[field].name,
                             "must be a JSON array of ids, as in [\"mug\"]");
    json_decref(row->texts);
    row->texts = json;
    return cli_field_set_json(cli_row_schema(row), field, json, &row->args, fault);
}

int cli_row_set(struct cli_row *row, size_t field, struct rentbus_text text,
                struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = cli_row_schema(row);
    if (schema->fields[field].kind == RENTBUS_KIND_IDS)
        return ids_set(row, field, text, fault);
    return cli_field_set(schema, field, text, &row->args, fault);
}

int cli_row_check(const struct cli_row *row, struct rentbus_fault *fault)
{
    return cli_field_require(cli_row_schema(row), &row->args, fault);
}

int cli_row_command_id(const struct cli_row *row, struct rentbus_uuid *command_id)
{
    const struct rentbus_op_row *op = &rentbus_op_rows[cli_row_types[row->kind].put];
    uint8_t *cbor;
    size_t length;
    int error = rentbus_to_cbor(op->args, &row->args, &cbor, &length);
    if (error)
        return error;
    *command_id =
        cli_content_id((struct rentbus_bytes){(const uint8_t *)op->wire, op->wire_length + 1},
                       (struct rentbus_bytes){cbor, length});
    rentbus_free(cbor);
    return 0;
}

bool cli_row_made_of(enum cli_row_kind kind, const void *thing)
{
    if (kind == CLI_ROW_POLICY)
        return ((const struct rentbus_policy *)thing)->version > 0;
    if (kind == CLI_ROW_BLOCK)
        return RENTBUS_HAS((const struct rentbus_user *)thing, user, block_reason);
    return true;
}

bool cli_row_complete(enum cli_row_kind kind, const void *thing)
{
    const struct rentbus_device *device = thing;
    struct rentbus_device_hole hole;
    uint64_t listed = 0;
    size_t position = 0;
    if (kind != CLI_ROW_DEVICE)
        return true;
    while (rentbus_list_next(&device->holes, &rentbus_device_hole_schema, &position, &hole) == 1)
        listed += hole.last - hole.first + 1;
    return listed == device->missing;
}

/* How many bytes a field is, by its kind; 0: no row has such a field. */
static const size_t sizes[] = {
    [RENTBUS_KIND_ID] = sizeof(struct rentbus_text),
    [RENTBUS_KIND_TEXT] = sizeof(struct rentbus_text),
    [RENTBUS_KIND_QR] = sizeof(struct rentbus_text),
    [RENTBUS_KIND_IDS] = sizeof(struct rentbus_ids),
    [RENTBUS_KIND_TIME] = sizeof(int64_t),
    [RENTBUS_KIND_DURATION] = sizeof(int64_t),
    [RENTBUS_KIND_UINT] = sizeof(uint64_t),
    [RENTBUS_KIND_INT] = sizeof(int64_t),
    [RENTBUS_KIND_BOOL] = sizeof(bool),
    [RENTBUS_KIND_WORD] = sizeof(enum rentbus_status),
    [RENTBUS_KIND_MAPS] = sizeof(struct rentbus_list),
    [RENTBUS_KIND_ANY] = 0,
};

static void field_copy(struct cli_row *row, size_t to, const struct rentbus_schema *schema,
                       size_t from, const void *thing)
{
    const struct rentbus_field *field = &cli_row_schema(row)->fields[to];
    const struct rentbus_field *given = &schema->fields[from];
    if (!(*(const uint64_t *)thing & (UINT64_C(1) << from)) || field->kind != given->kind)
        return;
    memcpy((char *)&row->args + field->offset, (const char *)thing + given->offset,
           sizes[field->kind]);
    row->args.user.has |= UINT64_C(1) << to;
}

/* The fields that a row takes of a thing. Where the names differ, and where no limit has to be
 * said, it is seen to here. */
static void fields_copy(struct cli_row *row, const struct rentbus_schema *schema, const void *thing)
{
    const struct rentbus_schema *taken = cli_row_schema(row);
    for (size_t to = 0; to < taken->count; to++) {
        const char *name = taken->fields[to].name;
        if (row->kind == CLI_ROW_BLOCK && strcmp(name, "reason") == 0 && schema != taken)
            name = "block_reason";
        size_t from = rentbus_schema_find(schema, name, strlen(name));
        if (from < schema->count)
            field_copy(row, to, schema, from, thing);
    }
    if (row->kind == CLI_ROW_POLICY && !RENTBUS_HAS(&row->args.policy, policy_put_args, user_limit))
        RENTBUS_SET(&row->args.policy, policy_put_args, user_limit, 0);
}

char *cli_row_format(enum cli_row_kind kind, const struct rentbus_schema *schema, const void *thing)
{
    struct cli_row row = {.kind = kind};
    char *text = NULL;
    fields_copy(&row, schema, thing);
    char *json = rentbus_to_json(cli_row_schema(&row), &row.args);
    bool empty = json && json[1] == '}';
    if (json && asprintf(&text, "{\"kind\":\"%s\"%s%s", cli_row_types[kind].name, empty ? "" : ",",
                         json + 1) < 0)
        text = NULL;
    rentbus_free(json);
    return text;
}
