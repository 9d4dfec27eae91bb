/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/row.h"

#include "cli/field.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>

const struct cli_row_type cli_row_types[CLI_ROW_KIND_COUNT] = {
    [CLI_ROW_ASSET_TYPE] = {"asset_type", NULL, RENTBUS_OP_asset_type_put,
                            RENTBUS_OP_asset_type_list},
    [CLI_ROW_LOCATION] = {"location", NULL, RENTBUS_OP_location_put, RENTBUS_OP_location_list},
    [CLI_ROW_USER] = {"user", "users", RENTBUS_OP_user_put, RENTBUS_OP_user_list},
    [CLI_ROW_ASSET] = {"asset", "assets", RENTBUS_OP_asset_put, RENTBUS_OP_asset_list},
    [CLI_ROW_RENTAL] = {"rental", "rentals", RENTBUS_OP_admin_import, RENTBUS_OP_rental_list},
};

const struct rentbus_schema *cli_row_schema(const struct cli_row *row)
{
    return rentbus_op_rows[cli_row_types[row->kind].put].args;
}

/* Every kind of row has a field `id`. */
struct rentbus_text cli_row_id(const struct cli_row *row)
{
    const struct rentbus_schema *schema = cli_row_schema(row);
    size_t index = rentbus_schema_find(schema, "id", 2);
    const char *args = (const char *)&row->args;
    if (!(*(const uint64_t *)(const void *)args & (UINT64_C(1) << index)))
        return (struct rentbus_text){0};
    return *(const struct rentbus_text *)(const void *)(args + schema->fields[index].offset);
}

void cli_row_release(struct cli_row *row)
{
    json_decref(row->texts);
    row->texts = NULL;
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
    return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "kind",
                         "must be user, asset, asset_type, location or rental");
}

static int member_set(struct cli_row *row, const char *name, const json_t *member,
                      struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = cli_row_schema(row);
    size_t index = rentbus_schema_find(schema, name, strlen(name));
    if (index == schema->count)
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, name,
                             "is no member of this kind");
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
    crypto_generichash_state state;
    uint8_t *cbor;
    size_t length;
    int error = rentbus_to_cbor(op->args, &row->args, &cbor, &length);
    if (error)
        return error;
    crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)op->wire, op->wire_length + 1);
    crypto_generichash_update(&state, cbor, length);
    rentbus_free(cbor);
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(command_id->bytes, hash, sizeof(command_id->bytes));
    command_id->bytes[6] = (uint8_t)(0x80 | (command_id->bytes[6] & 0x0f));
    command_id->bytes[8] = (uint8_t)(0x80 | (command_id->bytes[8] & 0x3f));
    return 0;
}

char *cli_row_format(enum cli_row_kind kind, const struct rentbus_schema *schema, const void *thing)
{
    const struct rentbus_schema *taken = rentbus_op_rows[cli_row_types[kind].put].args;
    char *text = rentbus_to_json(schema, thing);
    json_t *all = text ? json_loads(text, 0, NULL) : NULL;
    json_t *row = json_pack("{s:s}", "kind", cli_row_types[kind].name);
    int error = 0;
    rentbus_free(text);
    for (size_t i = 0; all && row && i < taken->count; i++) {
        json_t *member = json_object_get(all, taken->fields[i].name);
        if (member && !json_is_null(member))
            error |= json_object_set(row, taken->fields[i].name, member);
    }
    text = all && row && !error ? json_dumps(row, JSON_COMPACT) : NULL;
    json_decref(row);
    json_decref(all);
    return text;
}
