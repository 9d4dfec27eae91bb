/* SPDX-License-Identifier: MPL-2.0 */
/* Structs and CBOR items to JSON text, written straight into the buffer. */
#include "sdk/protocol/json.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"
#include "sdk/protocol/uuid.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* "-1.7976931348623157e+308.0" and its NUL. */
#define NUMBER_TEXT_SIZE 32
/* Digits that tell any double from all others. */
#define DOUBLE_DIGITS_MIN 15
#define DOUBLE_DIGITS_MAX 17

/* ---- JSON tokens ---- */

static void put(struct rentbus_buffer *out, const char *text)
{
    rentbus_buffer_append(out, text, strlen(text));
}

/* The escape of a byte that may not stand in a string as it is. */
static void put_escape(struct rentbus_buffer *out, char character)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char text[8];
    for (const char *pair = named; *pair; pair += 2) {
        if (*pair == character) {
            snprintf(text, sizeof(text), "\\%c", pair[1]);
            put(out, text);
            return;
        }
    }
    snprintf(text, sizeof(text), "\\u%04x", (unsigned)(uint8_t)character);
    put(out, text);
}

/* Text that needs no escapes, between quotes. */
static void put_plain(struct rentbus_buffer *out, const char *data, size_t length)
{
    uint8_t *room = rentbus_buffer_reserve(out, length + 2);
    if (!room)
        return;
    room[0] = '"';
    if (length > 0)
        memcpy(room + 1, data, length);
    room[length + 1] = '"';
    out->length += length + 2;
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Not zero when one of the bytes is zero. */
static uint64_t word_zero(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* Whether none of eight bytes needs an escape: a control character loses 0x20 by a borrow. */
static bool word_is_plain(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof(word));
    uint64_t control = (word - EACH_BYTE(' ')) & ~word & EACH_BYTE(0x80);
    return (control | word_zero(word ^ EACH_BYTE('"')) | word_zero(word ^ EACH_BYTE('\\'))) == 0;
}

/* How many bytes at its beginning need no escape. */
static size_t plain_length(const char *data, size_t length)
{
    size_t i = 0;
    while (length - i >= sizeof(uint64_t) && word_is_plain(data + i))
        i += sizeof(uint64_t);
    while (i < length && (uint8_t)data[i] >= 0x20 && data[i] != '"' && data[i] != '\\')
        i++;
    return i;
}

static void put_string(struct rentbus_buffer *out, const char *data, size_t length)
{
    size_t plain = plain_length(data, length);
    if (plain == length) {
        put_plain(out, data, length);
        return;
    }
    put(out, "\"");
    while (plain < length) {
        rentbus_buffer_append(out, data, plain);
        put_escape(out, data[plain]);
        data += plain + 1;
        length -= plain + 1;
        plain = plain_length(data, length);
    }
    rentbus_buffer_append(out, data, length);
    put(out, "\"");
}

static void put_base64(struct rentbus_buffer *out, struct rentbus_bytes bytes)
{
    put(out, "\"");
    char *room = (char *)rentbus_buffer_reserve(out, 4 * ((bytes.length + 2) / 3) + 1);
    if (room)
        out->length += rentbus_base64_encode(bytes.data, bytes.length, room);
    put(out, "\"");
}

/* JSON has no infinity and no NaN: null stands for them. */
static void put_double(struct rentbus_buffer *out, double value)
{
    if (!isfinite(value)) {
        put(out, "null");
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    for (int digits = DOUBLE_DIGITS_MIN; digits <= DOUBLE_DIGITS_MAX; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    /* The locale may have another sign for the point. */
    size_t plain = strspn(text, "-0123456789");
    if (text[plain] != '\0' && text[plain] != 'e')
        text[plain] = '.';
    put(out, text);
    if (text[plain] == '\0')
        put(out, ".0");
}

/* Integers beyond those of JSON readers with 64 bits become real numbers. */
static void put_uint(struct rentbus_buffer *out, uint64_t value)
{
    if (value > INT64_MAX) {
        put_double(out, (double)value);
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    size_t start = sizeof(text);
    do {
        text[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    rentbus_buffer_append(out, text + start, sizeof(text) - start);
}

static void put_negative(struct rentbus_buffer *out, uint64_t number)
{
    if (number > INT64_MAX) {
        put_double(out, -1.0 - (double)number);
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    snprintf(text, sizeof(text), "%" PRId64, -1 - (int64_t)number);
    put(out, text);
}

/* ---- any item, by its type ---- */

static void put_item(struct rentbus_buffer *out, struct rentbus_cbor_reader *reader);

static void put_array(struct rentbus_buffer *out, struct rentbus_cbor_reader *reader,
                      uint64_t count)
{
    put(out, "[");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            put(out, ",");
        put_item(out, reader);
    }
    put(out, "]");
}

static void put_map(struct rentbus_buffer *out, struct rentbus_cbor_reader *reader, uint64_t pairs)
{
    put(out, "{");
    for (uint64_t i = 0; i < pairs; i++) {
        if (i > 0)
            put(out, ",");
        put_item(out, reader);
        put(out, ":");
        put_item(out, reader);
    }
    put(out, "}");
}

/* Recurses no deeper than RENTBUS_CBOR_REPLY_DEPTH_MAX: the bytes are checked. */
static void put_item(struct rentbus_buffer *out, struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_item item = rentbus_cbor_read(reader);
    switch (item.type) {
    case RENTBUS_CBOR_UINT:
        put_uint(out, item.number);
        break;
    case RENTBUS_CBOR_NEGATIVE:
        put_negative(out, item.number);
        break;
    case RENTBUS_CBOR_BYTES:
        put_base64(out, item.bytes);
        break;
    case RENTBUS_CBOR_TEXT:
        put_string(out, (const char *)item.bytes.data, item.bytes.length);
        break;
    case RENTBUS_CBOR_ARRAY:
        put_array(out, reader, item.number);
        break;
    case RENTBUS_CBOR_MAP:
        put_map(out, reader, item.number);
        break;
    case RENTBUS_CBOR_TAG:
        put_item(out, reader);
        break;
    case RENTBUS_CBOR_BOOL:
        put(out, item.number ? "true" : "false");
        break;
    case RENTBUS_CBOR_FLOAT:
        put_double(out, item.real);
        break;
    case RENTBUS_CBOR_NULL:
    case RENTBUS_CBOR_SIMPLE:
    case RENTBUS_CBOR_END:
        put(out, "null");
        break;
    }
}

static void put_bytes_item(struct rentbus_buffer *out, struct rentbus_bytes item)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(item);
    put_item(out, &reader);
}

/* ---- fields, by their kind ---- */

/* Room for a struct of any schema. */
#define STRUCT_MEMBER(S, ROWS) struct rentbus_##S S;
union any_struct {
    RENTBUS_SCHEMAS(STRUCT_MEMBER)
};

typedef void put_function(struct rentbus_buffer *out, const struct rentbus_field *field,
                          const void *member);

static void put_text_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    (void)field;
    const struct rentbus_text *text = member;
    put_string(out, text->data, text->length);
}

static void put_ids_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                          const void *member)
{
    const struct rentbus_ids *ids = member;
    put(out, "[");
    for (size_t i = 0; i < ids->count; i++) {
        if (i > 0)
            put(out, ",");
        put_text_field(out, field, &ids->items[i]);
    }
    put(out, "]");
}

static void put_time_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    (void)field;
    char text[RENTBUS_TIME_TEXT_SIZE];
    put_string(out, text, rentbus_time_format(*(const int64_t *)member, text));
}

static void put_duration_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                               const void *member)
{
    (void)field;
    char text[RENTBUS_DURATION_TEXT_SIZE];
    put_string(out, text, rentbus_duration_format(*(const int64_t *)member, text));
}

static void put_uint_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    (void)field;
    put_uint(out, *(const uint64_t *)member);
}

static void put_int_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                          const void *member)
{
    (void)field;
    int64_t value = *(const int64_t *)member;
    if (value >= 0)
        put_uint(out, (uint64_t)value);
    else
        put_negative(out, (uint64_t)(-1 - value));
}

static void put_bool_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    (void)field;
    put(out, *(const bool *)member ? "true" : "false");
}

static void put_word_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    int value;
    memcpy(&value, member, sizeof(value));
    const char *text = rentbus_word_text(field->words, value);
    put_string(out, text, strlen(text));
}

static void put_uuid_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    (void)field;
    char text[RENTBUS_UUID_TEXT_SIZE + 1];
    rentbus_uuid_format(*(const struct rentbus_uuid *)member, text);
    put_string(out, text, RENTBUS_UUID_TEXT_SIZE);
}

static void put_hash_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    (void)field;
    put_base64(out, *(const struct rentbus_bytes *)member);
}

static void put_map_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                          const void *member)
{
    rentbus_json_encode(field->schema, member, out);
}

static void put_maps_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                           const void *member)
{
    const struct rentbus_list *list = member;
    union any_struct value;
    size_t position = 0;
    put(out, "[");
    for (size_t start = 0; start < list->length; start = position) {
        if (start > 0)
            put(out, ",");
        struct rentbus_cbor_reader reader = {list->data + start, list->data + list->length};
        if (rentbus_list_next(list, field->schema, &position, &value) > 0) {
            rentbus_json_encode(field->schema, &value, out);
        } else {
            put_item(out, &reader);
            position = (size_t)(reader.at - list->data);
        }
    }
    put(out, "]");
}

static void put_any_field(struct rentbus_buffer *out, const struct rentbus_field *field,
                          const void *member)
{
    (void)field;
    put_bytes_item(out, *(const struct rentbus_bytes *)member);
}

static put_function *const put_functions[] = {
    [RENTBUS_KIND_ID] = put_text_field,   [RENTBUS_KIND_TEXT] = put_text_field,
    [RENTBUS_KIND_QR] = put_text_field,   [RENTBUS_KIND_IDS] = put_ids_field,
    [RENTBUS_KIND_TIME] = put_time_field, [RENTBUS_KIND_DURATION] = put_duration_field,
    [RENTBUS_KIND_UINT] = put_uint_field, [RENTBUS_KIND_BOOL] = put_bool_field,
    [RENTBUS_KIND_INT] = put_int_field,   [RENTBUS_KIND_WORD] = put_word_field,
    [RENTBUS_KIND_UUID] = put_uuid_field, [RENTBUS_KIND_HASH] = put_hash_field,
    [RENTBUS_KIND_MAP] = put_map_field,   [RENTBUS_KIND_MAPS] = put_maps_field,
    [RENTBUS_KIND_ANY] = put_any_field,   [RENTBUS_KIND_TYPES] = put_ids_field,
};

/* The data of an event of a known type, in the forms of its struct. Data that holds more than this
 * version knows is written by its types, so that nothing of it is lost. */
static void put_event_data(struct rentbus_buffer *out, struct rentbus_text type_text,
                           struct rentbus_bytes item)
{
    enum rentbus_event_type type = rentbus_event_type_find(type_text);
    const struct rentbus_schema *schema = rentbus_event_rows[type].data;
    union any_struct data;
    struct rentbus_fault fault;
    if (schema && rentbus_decode(schema, item, RENTBUS_STRICT, &data, &fault) == 0)
        rentbus_json_encode(schema, &data, out);
    else
        put_bytes_item(out, item);
}

/* The type that says what the data is, where the field is that of an event; else NULL. */
static const struct rentbus_text *event_type_of(const struct rentbus_schema *schema, size_t index,
                                                const void *value)
{
    if (schema == &rentbus_event_schema && index == RENTBUS_FIELD_event_data)
        return &((const struct rentbus_event *)value)->type;
    if (schema == &rentbus_preview_schema && index == RENTBUS_FIELD_preview_data)
        return &((const struct rentbus_preview *)value)->type;
    return NULL;
}

static void put_value(struct rentbus_buffer *out, const struct rentbus_schema *schema, size_t index,
                      const void *value)
{
    const struct rentbus_field *field = &schema->fields[index];
    const void *member = (const char *)value + field->offset;
    bool present = *(const uint64_t *)value >> index & 1;
    const struct rentbus_text *type = event_type_of(schema, index, value);
    if (!present)
        put(out, "null");
    else if (type)
        put_event_data(out, *type, *(const struct rentbus_bytes *)member);
    else
        put_functions[field->kind](out, field, member);
}

/* What stands before a value. */
static void put_name(struct rentbus_buffer *out, char separator, const struct rentbus_field *field)
{
    uint8_t *room = rentbus_buffer_reserve(out, field->name_length + 4);
    if (!room)
        return;
    room[0] = (uint8_t)separator;
    room[1] = '"';
    memcpy(room + 2, field->name, field->name_length);
    room[field->name_length + 2] = '"';
    room[field->name_length + 3] = ':';
    out->length += field->name_length + 4;
}

void rentbus_json_encode(const struct rentbus_schema *schema, const void *value,
                         struct rentbus_buffer *out)
{
    /* Every struct of the table begins with its presence bits. */
    uint64_t has = *(const uint64_t *)value;
    char separator = '{';
    for (size_t i = 0; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        if (!(has >> i & 1) && field->need != RENTBUS_NEED_NULLABLE)
            continue;
        put_name(out, separator, field);
        put_value(out, schema, i, value);
        separator = ',';
    }
    put(out, separator == '{' ? "{}" : "}");
}

/* ---- JSON values: the text, read back ---- */

static struct json_t *load(struct rentbus_buffer *text)
{
    struct json_t *json = NULL;
    if (!text->failed)
        json = json_loadb((const char *)text->data, text->length, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                          NULL);
    rentbus_buffer_release(text);
    return json;
}

struct json_t *rentbus_json_from(const struct rentbus_schema *schema, const void *value)
{
    struct rentbus_buffer text = {0};
    rentbus_json_encode(schema, value, &text);
    return load(&text);
}

struct json_t *rentbus_json_from_cbor(struct rentbus_bytes item)
{
    struct rentbus_buffer text = {0};
    put_bytes_item(&text, item);
    return load(&text);
}
