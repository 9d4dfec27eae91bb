/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/spool_line.h"

#include "cli/field.h"
#include "cli/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

/* Every member that a line may have. */
struct members {
    uint64_t has;
    struct rentbus_uuid id;
    struct rentbus_text op;
    struct rentbus_bytes args;
    struct rentbus_text device;
    uint64_t sequence;
};

enum { MEMBER_ID, MEMBER_OP, MEMBER_ARGS, MEMBER_DEVICE, MEMBER_SEQUENCE };

#define MEMBER(name, place, kind, need)                                                            \
    {                                                                                              \
        name, sizeof(name) - 1, offsetof(struct members, place), RENTBUS_KIND_##kind,              \
            RENTBUS_NEED_##need, NULL, NULL                                                        \
    }

static const struct rentbus_field member_fields[] = {
    [MEMBER_ID] = MEMBER("id", id, UUID, OPTIONAL),
    [MEMBER_OP] = MEMBER("op", op, TEXT, OPTIONAL),
    [MEMBER_ARGS] = MEMBER("args", args, ANY, OPTIONAL),
    [MEMBER_DEVICE] = MEMBER("device_id", device, ID, OPTIONAL),
    [MEMBER_SEQUENCE] = MEMBER("device_seq", sequence, UINT, OPTIONAL),
};

static const struct rentbus_schema members_schema = {
    "line", member_fields, sizeof(member_fields) / sizeof(member_fields[0]),
    sizeof(struct members)};

#define HAS(members, member) (((members)->has >> (MEMBER_##member)) & 1)

static const struct rentbus_schema *args_schema(const struct cli_spool_line *line)
{
    return rentbus_op_rows[line->op].args;
}

/* Where a field of the arguments is, NULL when there is no such field or it is absent. */
static const void *args_field(const struct cli_spool_line *line, const char *name)
{
    const struct rentbus_schema *schema = args_schema(line);
    size_t index = rentbus_schema_find(schema, name, strlen(name));
    const char *args = (const char *)&line->args;
    if (index == schema->count || !(line->args.return_args.has >> index & 1))
        return NULL;
    return args + schema->fields[index].offset;
}

/* Sets a field unless it is there. */
static void args_default(struct cli_spool_line *line, const char *name, const void *value,
                         size_t size)
{
    const struct rentbus_schema *schema = args_schema(line);
    size_t index = rentbus_schema_find(schema, name, strlen(name));
    if (args_field(line, name))
        return;
    memcpy((char *)&line->args + schema->fields[index].offset, value, size);
    line->args.return_args.has |= UINT64_C(1) << index;
}

static int op_find(struct rentbus_text name, struct cli_spool_line *line,
                   struct rentbus_fault *fault)
{
    line->op = rentbus_op_find(name);
    if (line->op == RENTBUS_OP_rental_return || line->op == RENTBUS_OP_rental_checkout)
        return 0;
    return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "op", "%.*s is no scan",
                         RENTBUS_TEXT_ARGS(name));
}

/* The arguments of a line that has an `op` and `args`. */
static int scan_read(const struct members *members, struct cli_spool_line *line,
                     struct rentbus_fault *fault)
{
    int status = op_find(members->op, line, fault);
    if (status == 0)
        status = rentbus_from_cbor(args_schema(line), members->args.data, members->args.length,
                                   &line->args, &line->storage[1], fault);
    if (status)
        return status;
    const struct rentbus_text *device = args_field(line, "device_id");
    const uint64_t *sequence = args_field(line, "device_seq");
    line->device = device ? *device : (struct rentbus_text){0};
    line->sequence = sequence ? *sequence : 0;
    return 0;
}

static int members_read(const struct members *members, struct cli_spool_line *line,
                        struct rentbus_fault *fault)
{
    if (HAS(members, ID) && HAS(members, OP) && HAS(members, ARGS)) {
        line->id = members->id;
        return scan_read(members, line, fault);
    }
    if (!HAS(members, DEVICE) || !HAS(members, SEQUENCE))
        return cli_fault_set(fault, RENTBUS_ERROR_MALFORMED, NULL, "is no scan");
    line->op = RENTBUS_OP_COUNT;
    line->device = members->device;
    line->sequence = members->sequence;
    return 0;
}

int cli_spool_line_read(struct rentbus_text text, struct cli_spool_line *line,
                        struct rentbus_fault *fault)
{
    struct members members;
    *line = (struct cli_spool_line){.text = text};
    int status = rentbus_from_json(&members_schema, text.data, text.length, &members,
                                   &line->storage[0], fault);
    if (status)
        return status;
    status = members_read(&members, line, fault);
    if (status)
        cli_spool_line_release(line);
    return status;
}

void cli_spool_line_release(struct cli_spool_line *line)
{
    rentbus_free(line->storage[1]);
    rentbus_free(line->storage[0]);
    line->storage[0] = line->storage[1] = NULL;
}

static struct rentbus_text trimmed(struct rentbus_text text)
{
    while (text.length > 0 && strchr(" \t\r", text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && strchr(" \t", text.data[0]))
        text = (struct rentbus_text){text.data + 1, text.length - 1};
    return text;
}

/* The last of the words between blanks, taken off. */
static struct rentbus_text word_take(struct rentbus_text *text)
{
    size_t begin = text->length;
    while (begin > 0 && !strchr(" \t", text->data[begin - 1]))
        begin--;
    struct rentbus_text word = {text->data + begin, text->length - begin};
    *text = trimmed((struct rentbus_text){text->data, begin});
    return word;
}

static int qr_set(struct cli_spool_line *line, const char *name, struct rentbus_text qr,
                  struct rentbus_fault *fault)
{
    const struct rentbus_schema *schema = args_schema(line);
    return cli_field_set(schema, rentbus_schema_find(schema, name, strlen(name)), qr, &line->args,
                         fault);
}

static int codes_read(struct rentbus_text typed, struct cli_spool_line *line,
                      struct rentbus_fault *fault)
{
    int status = qr_set(line, "asset_qr_data", word_take(&typed), fault);
    if (status == 0 && typed.length > 0)
        status = qr_set(line, "user_qr_data", typed, fault);
    else if (status == 0 && line->op == RENTBUS_OP_rental_checkout)
        status = cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "user_qr_data", "is missing");
    return status;
}

/* The arguments of either form, borrowed: those of an object with an `op`, or the object. */
static int object_args(json_t *object, struct cli_spool_line *line, json_t **args,
                       struct rentbus_fault *fault)
{
    const char *op = json_string_value(json_object_get(object, "op"));
    json_t *inner = json_object_get(object, "args");
    *args = object;
    if (!op || !json_is_object(inner))
        return 0;
    *args = inner;
    return op_find(rentbus_text(op), line, fault);
}

static int default_add(json_t *args, const char *name, struct rentbus_text text)
{
    if (text.length == 0 || json_object_get(args, name))
        return 0;
    return json_object_set_new(args, name, json_stringn(text.data, text.length));
}

/* What is needed and not said is added before the arguments are checked. */
static int object_read(struct rentbus_text typed, const struct cli_scan_defaults *defaults,
                       struct cli_spool_line *line, struct rentbus_fault *fault)
{
    char time[RENTBUS_TIME_TEXT_SIZE];
    json_t *args = NULL;
    json_t *object = json_loadb(typed.data, typed.length, JSON_REJECT_DUPLICATES, NULL);
    if (!object)
        return cli_fault_set(fault, RENTBUS_ERROR_MALFORMED, NULL, "is no JSON object");
    rentbus_time_format(defaults->timestamp, time);
    int status = object_args(object, line, &args, fault);
    if (status == 0 && (default_add(args, "timestamp", rentbus_text(time)) != 0 ||
                        default_add(args, "location_id", defaults->location) != 0))
        status = -ENOMEM;
    char *text = status == 0 ? json_dumps(args, JSON_COMPACT) : NULL;
    if (text)
        status = rentbus_from_json(args_schema(line), text, strlen(text), &line->args,
                                   &line->storage[0], fault);
    else if (status == 0)
        status = -ENOMEM;
    free(text);
    json_decref(object);
    return status;
}

static void defaults_apply(const struct cli_scan_defaults *defaults, struct cli_spool_line *line)
{
    args_default(line, "timestamp", &defaults->timestamp, sizeof(defaults->timestamp));
    if (defaults->location.length > 0)
        args_default(line, "location_id", &defaults->location, sizeof(defaults->location));
    if (defaults->has_clock_offset)
        args_default(line, "clock_offset_ms", &defaults->clock_offset_ms,
                     sizeof(defaults->clock_offset_ms));
    line->device = (struct rentbus_text){0};
    line->sequence = 0;
    if (defaults->device.length == 0 || args_field(line, "device_id") ||
        args_field(line, "device_seq"))
        return;
    line->device = defaults->device;
    line->sequence = defaults->sequence;
    args_default(line, "device_id", &defaults->device, sizeof(defaults->device));
    args_default(line, "device_seq", &defaults->sequence, sizeof(defaults->sequence));
}

int cli_spool_line_scan(struct rentbus_text typed, const struct cli_scan_defaults *defaults,
                        struct cli_spool_line *line, struct rentbus_fault *fault)
{
    int status;
    *line = (struct cli_spool_line){.op = defaults->op};
    typed = trimmed(typed);
    if (typed.length > 0 && typed.data[0] == '{')
        status = object_read(typed, defaults, line, fault);
    else
        status = codes_read(typed, line, fault);
    if (status == 0) {
        defaults_apply(defaults, line);
        status = cli_field_require(args_schema(line), &line->args, fault);
    }
    if (status)
        cli_spool_line_release(line);
    return status;
}

char *cli_spool_line_format(const struct cli_spool_line *line)
{
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    char *text = NULL;
    char *args = rentbus_to_json(args_schema(line), &line->args);
    rentbus_uuid_format(line->id, id);
    if (args && asprintf(&text, "{\"id\":\"%s\",\"op\":\"%s\",\"args\":%s}", id,
                         rentbus_op_rows[line->op].wire, args) < 0)
        text = NULL;
    rentbus_free(args);
    return text;
}

char *cli_spool_line_head(struct rentbus_text device, uint64_t sequence)
{
    struct members members = {
        .has = 1u << MEMBER_DEVICE | 1u << MEMBER_SEQUENCE, .device = device, .sequence = sequence};
    char *json = rentbus_to_json(&members_schema, &members);
    char *text = json ? strdup(json) : NULL;
    rentbus_free(json);
    return text;
}

char *cli_spool_line_name(const struct cli_spool_line *line, char name[4 * RENTBUS_ID_MAX + 1])
{
    uint8_t decoded[RENTBUS_ID_MAX];
    const struct rentbus_text *qr = args_field(line, "asset_qr_data");
    const struct rentbus_text *id = args_field(line, "asset_id");
    struct rentbus_text shown = {0};
    if (!id)
        id = args_field(line, "rental_id");
    int length = qr ? rentbus_base64_decode(*qr, decoded, sizeof(decoded)) : 0;
    if (length > 0)
        shown = (struct rentbus_text){(const char *)decoded, (size_t)length};
    else if (id)
        shown = *id;
    return cli_text_clean(shown, name, 4 * RENTBUS_ID_MAX + 1);
}
