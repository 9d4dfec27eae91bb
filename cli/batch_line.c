/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/batch_line.h"

#include "cli/content_id.h"
#include "cli/field.h"

#include <errno.h>
#include <stdlib.h>

/* struct rentbus_batch_command with an id that may be missing. */
struct line {
    uint64_t has;
    struct rentbus_uuid id;
    struct rentbus_text op;
    struct rentbus_bytes args;
};

enum { LINE_ID, LINE_OP, LINE_ARGS };

static const struct rentbus_field line_fields[] = {
    [LINE_ID] = {"id", 2, offsetof(struct line, id), RENTBUS_KIND_UUID, RENTBUS_NEED_OPTIONAL, NULL,
                 NULL},
    [LINE_OP] = {"op", 2, offsetof(struct line, op), RENTBUS_KIND_TEXT, RENTBUS_NEED_REQUIRED, NULL,
                 NULL},
    [LINE_ARGS] = {"args", 4, offsetof(struct line, args), RENTBUS_KIND_ANY, RENTBUS_NEED_REQUIRED,
                   NULL, NULL},
};

static const struct rentbus_schema line_schema = {
    "batch_line", line_fields, sizeof(line_fields) / sizeof(line_fields[0]), sizeof(struct line)};

static int op_find(struct rentbus_text name, enum rentbus_op *op, struct rentbus_fault *fault)
{
    *op = rentbus_op_find(name);
    if (*op == RENTBUS_OP_COUNT || rentbus_op_rows[*op].mode != RENTBUS_MODE_COMMAND)
        return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "op", "%.*s is no command",
                             RENTBUS_TEXT_ARGS(name));
    return 0;
}

static struct rentbus_uuid line_id(const struct line *line, uint64_t number,
                                   const struct rentbus_uuid *base)
{
    uint8_t digits[sizeof(number)];
    if (line->has & (UINT64_C(1) << LINE_ID))
        return line->id;
    for (size_t i = 0; i < sizeof(digits); i++)
        digits[i] = (uint8_t)(number >> (8 * i));
    return cli_content_id((struct rentbus_bytes){base->bytes, sizeof(base->bytes)},
                          (struct rentbus_bytes){digits, sizeof(digits)});
}

static void key_keep(const struct rentbus_schema *schema, const void *args,
                     struct cli_batch_command *command)
{
    const struct rentbus_text *id;
    size_t index = rentbus_schema_find(schema, "id", 2);
    command->key_length = 0;
    if (index == schema->count)
        return;
    id = (const void *)((const char *)args + schema->fields[index].offset);
    command->key_length = id->length;
    memcpy(command->key, id->data, id->length);
}

/* Every command has a field `dry_run`. */
static void dry_run_set(const struct rentbus_schema *schema, void *args)
{
    size_t index = rentbus_schema_find(schema, "dry_run", strlen("dry_run"));
    memcpy((char *)args + schema->fields[index].offset, &(bool){true}, sizeof(bool));
    *(uint64_t *)args |= UINT64_C(1) << index;
}

/* Checks the arguments, and encodes the command with them. `args` is zeroed memory for them. */
static int encode(const struct line *line, const struct cli_batch_rules *rules, void *args,
                  struct cli_batch_command *command, uint8_t **bytes, size_t *length,
                  struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = rentbus_op_rows[command->op].args;
    struct rentbus_batch_command message = {0};
    void *storage = NULL;
    uint8_t *encoded = NULL;
    size_t size;
    int status =
        rentbus_from_cbor(schema, line->args.data, line->args.length, args, &storage, fault);
    if (status)
        return status;
    key_keep(schema, args, command);
    if (rules->dry_run)
        dry_run_set(schema, args);
    status = rentbus_to_cbor(schema, args, &encoded, &size);
    if (status == 0) {
        RENTBUS_SET(&message, batch_command, id, command->id);
        RENTBUS_SET(&message, batch_command, op, line->op);
        RENTBUS_SET(&message, batch_command, args, ((struct rentbus_bytes){encoded, size}));
        status = rentbus_to_cbor(&rentbus_batch_command_schema, &message, bytes, length);
    }
    rentbus_free(encoded);
    rentbus_free(storage);
    return status;
}

int cli_batch_line_read(struct rentbus_text json, uint64_t number,
                        const struct cli_batch_rules *rules, struct cli_batch_command *command,
                        uint8_t **bytes, size_t *length, struct rentbus_fault *fault)
{
    struct line line;
    void *storage = NULL;
    int status = rentbus_from_json(&line_schema, json.data, json.length, &line, &storage, fault);
    if (status)
        return status;
    status = op_find(line.op, &command->op, fault);
    if (status == 0) {
        command->line = number;
        command->id = line_id(&line, number, &rules->base);
        void *args = calloc(1, rentbus_op_rows[command->op].args->size);
        status = args ? encode(&line, rules, args, command, bytes, length, fault) : -ENOMEM;
        free(args);
    }
    rentbus_free(storage);
    return status;
}
