/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/field.h"

#include "cli/text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

/* What poll() and libzmq take as an int. */
#define MILLISECONDS_MAX (UINT64_C(24) * 86400 * 1000)

int cli_fault_set(struct rentbus_fault *fault, enum rentbus_error_code code, const char *field,
                  const char *format, ...)
{
    va_list list;
    *fault = (struct rentbus_fault){.code = code};
    snprintf(fault->field, sizeof(fault->field), "%s", field ? field : "");
    va_start(list, format);
    vsnprintf(fault->message, sizeof(fault->message), format, list);
    va_end(list);
    return (int)code;
}

bool cli_number_parse(struct rentbus_text text, uint64_t *number)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *number = sum;
    return text.length > 0;
}

/* Up to three digits behind the point, as milliseconds. */
static bool fraction_parse(struct rentbus_text text, uint64_t *milliseconds)
{
    static const uint64_t weights[] = {0, 100, 10, 1};
    if (text.length < 1 || text.length > 3 || !cli_number_parse(text, milliseconds))
        return false;
    *milliseconds *= weights[text.length];
    return true;
}

static bool seconds_parse(struct rentbus_text text, uint64_t *milliseconds)
{
    const char *point = memchr(text.data, '.', text.length);
    struct rentbus_text whole = {text.data, point ? (size_t)(point - text.data) : text.length};
    uint64_t seconds;
    uint64_t fraction = 0;
    if (point) {
        struct rentbus_text rest = {point + 1, text.length - whole.length - 1};
        if (!fraction_parse(rest, &fraction))
            return false;
    }
    if (!cli_number_parse(whole, &seconds) || seconds > MILLISECONDS_MAX)
        return false;
    *milliseconds = seconds * 1000 + fraction;
    return true;
}

bool cli_milliseconds_parse(struct rentbus_text text, uint32_t *milliseconds)
{
    int64_t seconds;
    uint64_t sum;
    if (text.length == 0)
        return false;
    if (rentbus_duration_parse(text, &seconds))
        sum = (uint64_t)seconds * 1000;
    else if (!seconds_parse(text, &sum))
        return false;
    if (sum > MILLISECONDS_MAX)
        return false;
    *milliseconds = (uint32_t)sum;
    return true;
}

static bool id_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    (void)field;
    *(struct rentbus_text *)at = text;
    return rentbus_id_valid(text);
}

static bool text_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    (void)field;
    *(struct rentbus_text *)at = text;
    return text.length <= RENTBUS_TEXT_MAX && rentbus_utf8_valid(text.data, text.length);
}

static bool qr_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    uint8_t id[RENTBUS_ID_MAX];
    int length = rentbus_base64_decode(text, id, sizeof(id));
    (void)field;
    *(struct rentbus_text *)at = text;
    return length > 0 && rentbus_id_valid((struct rentbus_text){(const char *)id, (size_t)length});
}

static bool is_list(const struct rentbus_field *field)
{
    return field->kind == RENTBUS_KIND_IDS || field->kind == RENTBUS_KIND_TYPES;
}

static bool item_valid(const struct rentbus_field *field, struct rentbus_text text)
{
    return field->kind == RENTBUS_KIND_TYPES ? rentbus_type_valid(text) : rentbus_id_valid(text);
}

static bool list_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    struct rentbus_ids *ids = at;
    ids->count = 0;
    while (text.length > 0) {
        const char *comma = memchr(text.data, ',', text.length);
        size_t length = comma ? (size_t)(comma - text.data) : text.length;
        struct rentbus_text id = {text.data, length};
        if (ids->count == RENTBUS_IDS_MAX || !item_valid(field, id) ||
            (comma && length + 1 == text.length))
            return false;
        ids->items[ids->count++] = id;
        text.data += length + (comma != NULL);
        text.length -= length + (comma != NULL);
    }
    return true;
}

static bool time_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    (void)field;
    return rentbus_time_parse(text, at);
}

static bool duration_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    (void)field;
    return rentbus_duration_parse(text, at);
}

static bool uint_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    (void)field;
    return cli_number_parse(text, at);
}

static bool int_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    uint64_t number;
    bool negative = text.length > 0 && text.data[0] == '-';
    struct rentbus_text digits = {text.data + negative, text.length - negative};
    (void)field;
    if (!cli_number_parse(digits, &number) || number > INT64_MAX)
        return false;
    *(int64_t *)at = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool word_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    int word = rentbus_word_find(field->words, text);
    memcpy(at, &word, sizeof(word));
    return word != 0;
}

static bool uuid_read(struct rentbus_text text, const struct rentbus_field *field, void *at)
{
    (void)field;
    return rentbus_uuid_parse(text, at);
}

/* Kinds without a reader are not written on a command line or in a row. */
static const struct {
    bool (*read)(struct rentbus_text text, const struct rentbus_field *field, void *at);
    const char *rule;
} readers[] = {
    [RENTBUS_KIND_ID] = {id_read, "must be 1 to 128 bytes of UTF-8 without control characters"},
    [RENTBUS_KIND_TEXT] = {text_read, "must be at most 1024 bytes of UTF-8"},
    [RENTBUS_KIND_QR] = {qr_read, "must be the base64 of an id"},
    [RENTBUS_KIND_IDS] =
        {list_read, "must be at most 32 ids of 1 to 128 bytes of UTF-8 without control characters"},
    [RENTBUS_KIND_TYPES] = {list_read, "must be at most 32 types of 1 to 200 letters, digits, _, - "
                                       "and ."},
    [RENTBUS_KIND_TIME] = {time_read, "must be a time (RFC 3339), as in 2025-02-10T11:00:00Z"},
    [RENTBUS_KIND_DURATION] = {duration_read, "must be a duration (ISO 8601), as in P7D or PT90M"},
    [RENTBUS_KIND_UINT] = {uint_read, "must be a whole number"},
    [RENTBUS_KIND_INT] = {int_read, "must be a whole number, with or without a sign"},
    [RENTBUS_KIND_WORD] = {word_read, "must be one of"},
    [RENTBUS_KIND_UUID] = {uuid_read, "must be a UUID"},
    [RENTBUS_KIND_ANY] = {NULL, NULL},
};

static int fault_rule(const struct rentbus_field *field, struct rentbus_fault *fault)
{
    const char *rule = readers[field->kind].rule;
    cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, field->name, "%s",
                  rule ? rule : "must be left out");
    for (size_t i = 1; field->words && i < field->words->count; i++) {
        size_t used = strlen(fault->message);
        snprintf(fault->message + used, sizeof(fault->message) - used, "%s%s", i > 1 ? ", " : " ",
                 field->words->texts[i]);
    }
    return RENTBUS_ERROR_INVALID_ARGUMENT;
}

static void *field_at(const struct rentbus_field *field, void *value)
{
    return (char *)value + field->offset;
}

/* Every struct of the schema begins with `has`. */
static void field_present(size_t index, void *value)
{
    *(uint64_t *)value |= UINT64_C(1) << index;
}

int cli_field_set(const struct rentbus_schema *schema, size_t index, struct rentbus_text text,
                  void *value, struct rentbus_fault *fault)
{
    const struct rentbus_field *field = &schema->fields[index];
    if (!readers[field->kind].read ||
        !readers[field->kind].read(text, field, field_at(field, value)))
        return fault_rule(field, fault);
    field_present(index, value);
    return 0;
}

static struct rentbus_text json_text(const json_t *json)
{
    return (struct rentbus_text){json_string_value(json), json_string_length(json)};
}

static bool list_read_json(const json_t *json, const struct rentbus_field *field,
                           struct rentbus_ids *ids)
{
    size_t count = json_array_size(json);
    if (!json_is_array(json) || count > RENTBUS_IDS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(json, i);
        if (!json_is_string(item) || !item_valid(field, json_text(item)))
            return false;
        ids->items[i] = json_text(item);
    }
    ids->count = count;
    return true;
}

static bool uint_read_json(const json_t *json, uint64_t *number)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return false;
    *number = (uint64_t)json_integer_value(json);
    return true;
}

static bool int_read_json(const json_t *json, int64_t *number)
{
    *number = json_integer_value(json);
    return json_is_integer(json);
}

int cli_field_set_json(const struct rentbus_schema *schema, size_t index, const struct json_t *json,
                       void *value, struct rentbus_fault *fault)
{
    const struct rentbus_field *field = &schema->fields[index];
    bool good;
    if (json_is_null(json))
        return 0;
    if (is_list(field))
        good = list_read_json(json, field, field_at(field, value));
    else if (field->kind == RENTBUS_KIND_UINT)
        good = uint_read_json(json, field_at(field, value));
    else if (field->kind == RENTBUS_KIND_INT)
        good = int_read_json(json, field_at(field, value));
    else if (json_is_string(json))
        return cli_field_set(schema, index, json_text(json), value, fault);
    else
        good = false;
    if (!good)
        return fault_rule(field, fault);
    field_present(index, value);
    return 0;
}

int cli_field_require(const struct rentbus_schema *schema, const void *value,
                      struct rentbus_fault *fault)
{
    uint64_t has = *(const uint64_t *)value;
    for (size_t i = 0; i < schema->count; i++)
        if (schema->fields[i].need == RENTBUS_NEED_REQUIRED && !(has & (UINT64_C(1) << i)))
            return cli_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, schema->fields[i].name,
                                 "is missing");
    return 0;
}

static void ids_text(const struct rentbus_ids *ids, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < ids->count && used + 1 < size; i++) {
        if (i > 0)
            out[used++] = ',';
        cli_text_clean(ids->items[i], out + used, size - used);
        used += strlen(out + used);
    }
}

/* Holes in the sequence of a device, as in "3-7,9". */
static void holes_text(const struct rentbus_list *holes, char *out, size_t size)
{
    struct rentbus_device_hole hole;
    size_t position = 0;
    size_t used = 0;
    while (used < size &&
           rentbus_list_next(holes, &rentbus_device_hole_schema, &position, &hole) > 0) {
        used += (size_t)snprintf(out + used, size - used, "%s%llu", used > 0 ? "," : "",
                                 (unsigned long long)hole.first);
        if (hole.last > hole.first && used < size)
            used +=
                (size_t)snprintf(out + used, size - used, "-%llu", (unsigned long long)hole.last);
    }
}

static void scalar_text(const struct rentbus_field *field, const void *at, char *out, size_t size)
{
    const struct rentbus_bytes *bytes = at;
    int word;
    switch (field->kind) {
    case RENTBUS_KIND_TIME:
        rentbus_time_format(*(const int64_t *)at, out);
        break;
    case RENTBUS_KIND_DURATION:
        rentbus_duration_format(*(const int64_t *)at, out);
        break;
    case RENTBUS_KIND_UINT:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case RENTBUS_KIND_INT:
        snprintf(out, size, "%lld", (long long)*(const int64_t *)at);
        break;
    case RENTBUS_KIND_BOOL:
        snprintf(out, size, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case RENTBUS_KIND_WORD:
        memcpy(&word, at, sizeof(word));
        snprintf(out, size, "%s", rentbus_word_text(field->words, word));
        break;
    case RENTBUS_KIND_UUID:
        rentbus_uuid_format(*(const struct rentbus_uuid *)at, out);
        break;
    case RENTBUS_KIND_HASH:
        if (bytes->length <= RENTBUS_HASH_SIZE)
            rentbus_base64_encode(bytes->data, bytes->length, out);
        break;
    default:
        break;
    }
}

char *cli_field_text(const struct rentbus_schema *schema, size_t index, const void *value,
                     char out[CLI_FIELD_TEXT_SIZE])
{
    const struct rentbus_field *field = &schema->fields[index];
    const void *at = (const char *)value + field->offset;
    out[0] = '\0';
    if (!(*(const uint64_t *)value & (UINT64_C(1) << index)))
        return out;
    if (field->kind == RENTBUS_KIND_ID || field->kind == RENTBUS_KIND_TEXT ||
        field->kind == RENTBUS_KIND_QR)
        cli_text_clean(*(const struct rentbus_text *)at, out, CLI_FIELD_TEXT_SIZE);
    else if (is_list(field))
        ids_text(at, out, CLI_FIELD_TEXT_SIZE);
    else if (field->schema == &rentbus_device_hole_schema)
        holes_text(at, out, CLI_FIELD_TEXT_SIZE);
    else
        scalar_text(field, at, out, CLI_FIELD_TEXT_SIZE);
    return out;
}
