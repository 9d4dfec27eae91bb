/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/head.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

#include <errno.h>
#include <stdio.h>

/* One map on the way from the message to the field that is read. */
struct decoding {
    const struct decoding *parent;
    const char *name; /* of the field that holds this map; NULL of the outermost */
    enum rentbus_strictness strictness;
    struct rentbus_fault *fault;
};

/* ---- refusing ---- */

/* Longer than a path that is kept, so that rentbus_fault_set() makes the cut. */
#define UNCUT_PATH_SIZE (2 * RENTBUS_FIELD_PATH_SIZE)

/* Writes the path of the map, with a dot behind each name; returns its length. */
static size_t put_path(const struct decoding *decoding, char path[UNCUT_PATH_SIZE])
{
    if (!decoding->name)
        return 0;
    size_t length = put_path(decoding->parent, path);
    int added = snprintf(path + length, UNCUT_PATH_SIZE - length, "%s.", decoding->name);
    size_t room = UNCUT_PATH_SIZE - 1 - length;
    return length + ((size_t)added < room ? (size_t)added : room);
}

static int refuse(const struct decoding *decoding, struct rentbus_text name, const char *message)
{
    char path[UNCUT_PATH_SIZE];
    size_t length = put_path(decoding, path);
    snprintf(path + length, sizeof(path) - length, "%.*s", RENTBUS_TEXT_ARGS(name));
    return rentbus_fault_set(decoding->fault, RENTBUS_ERROR_INVALID_ARGUMENT, path, "%s", message);
}

static int refuse_field(const struct decoding *decoding, const struct rentbus_field *field,
                        const char *message)
{
    return refuse(decoding, (struct rentbus_text){field->name, field->name_length}, message);
}

/* For a map that is none. */
static int refuse_map(const struct decoding *decoding, const struct rentbus_schema *schema)
{
    if (decoding->name)
        return refuse(decoding->parent, rentbus_text(decoding->name), "is not a map");
    return rentbus_fault_set(decoding->fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL,
                             "%s is not a map", schema->name);
}

static int refuse_unknown(const struct decoding *decoding, const struct rentbus_schema *schema,
                          struct rentbus_text name)
{
    char message[RENTBUS_MESSAGE_SIZE];
    snprintf(message, sizeof(message), "is not a field of %s", schema->name);
    return refuse(decoding, name, message);
}

/* Lists the words that are allowed, when they fit. */
static int refuse_word(const struct decoding *decoding, const struct rentbus_field *field)
{
    char message[RENTBUS_MESSAGE_SIZE] = "is not one of";
    size_t length = strlen(message);
    for (size_t i = 1; i < field->words->count; i++) {
        int added = snprintf(message + length, sizeof(message) - length, "%s %s", i > 1 ? "," : "",
                             field->words->texts[i]);
        if ((size_t)added >= sizeof(message) - length)
            return refuse_field(decoding, field, "is not a known word");
        length += (size_t)added;
    }
    return refuse_field(decoding, field, message);
}

/* ---- one function for each kind; each reads one item that is not null ---- */

typedef int decode_function(const struct decoding *decoding, const struct rentbus_field *field,
                            struct rentbus_cbor_reader *reader, void *member);

/* What is wrong with an id, or NULL. */
static const char *id_problem(struct rentbus_text text)
{
    if (!text.data)
        return "is not text";
    if (text.length == 0 || text.length > RENTBUS_ID_MAX)
        return "is not an id of 1 to 128 bytes";
    return rentbus_id_valid(text) ? NULL : "has a control character";
}

static int decode_id(const struct decoding *decoding, const struct rentbus_field *field,
                     struct rentbus_cbor_reader *reader, void *member)
{
    struct rentbus_text text = rentbus_cbor_read_text(reader);
    const char *problem = id_problem(text);
    if (problem)
        return refuse_field(decoding, field, problem);
    *(struct rentbus_text *)member = text;
    return 0;
}

static int decode_text(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    struct rentbus_text text = rentbus_cbor_read_text(reader);
    if (!text.data)
        return refuse_field(decoding, field, "is not text");
    if (text.length > RENTBUS_TEXT_MAX)
        return refuse_field(decoding, field, "is longer than 1024 bytes");
    if (memchr(text.data, '\0', text.length))
        return refuse_field(decoding, field, "has a NUL character");
    *(struct rentbus_text *)member = text;
    return 0;
}

static int decode_qr(const struct decoding *decoding, const struct rentbus_field *field,
                     struct rentbus_cbor_reader *reader, void *member)
{
    struct rentbus_text text = rentbus_cbor_read_text(reader);
    if (!text.data)
        return refuse_field(decoding, field, "is not text");
    uint8_t id[RENTBUS_ID_MAX];
    int length = rentbus_base64_decode(text, id, sizeof(id));
    if (text.length > RENTBUS_QR_MAX || length < 0 ||
        !rentbus_id_valid((struct rentbus_text){(const char *)id, (size_t)length}))
        return refuse_field(decoding, field, "is not base64 of an id");
    *(struct rentbus_text *)member = text;
    return 0;
}

/* What the texts of a list are, and what is said of others. */
struct texts_rule {
    bool (*valid)(struct rentbus_text text);
    const char *no_array;
    const char *too_many;
    const char *bad_item;
};

static int decode_texts(const struct decoding *decoding, const struct rentbus_field *field,
                        const struct texts_rule *rule, struct rentbus_cbor_reader *reader,
                        struct rentbus_ids *texts)
{
    uint64_t count;
    if (!rentbus_cbor_head_take(reader, RENTBUS_CBOR_MAJOR_ARRAY, &count))
        return refuse_field(decoding, field, rule->no_array);
    if (count > RENTBUS_IDS_MAX)
        return refuse_field(decoding, field, rule->too_many);
    for (texts->count = 0; texts->count < count; texts->count++) {
        struct rentbus_text text = rentbus_cbor_read_text(reader);
        if (!rule->valid(text))
            return refuse_field(decoding, field, rule->bad_item);
        texts->items[texts->count] = text;
    }
    return 0;
}

static int decode_ids(const struct decoding *decoding, const struct rentbus_field *field,
                      struct rentbus_cbor_reader *reader, void *member)
{
    static const struct texts_rule rule = {rentbus_id_valid, "is not an array of ids",
                                           "has more than 32 ids",
                                           "has an item that is not an id of 1 to 128 bytes"};
    return decode_texts(decoding, field, &rule, reader, member);
}

static int decode_types(const struct decoding *decoding, const struct rentbus_field *field,
                        struct rentbus_cbor_reader *reader, void *member)
{
    static const struct texts_rule rule = {
        rentbus_type_valid, "is not an array of types", "has more than 32 types",
        "has an item that is not a type of 1 to 200 letters, digits, _, - and ."};
    return decode_texts(decoding, field, &rule, reader, member);
}

static int decode_time(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    if (!rentbus_time_parse(rentbus_cbor_read_text(reader), member))
        return refuse_field(decoding, field, "is not an RFC 3339 time with a zone");
    return 0;
}

static int decode_duration(const struct decoding *decoding, const struct rentbus_field *field,
                           struct rentbus_cbor_reader *reader, void *member)
{
    if (!rentbus_duration_parse(rentbus_cbor_read_text(reader), member))
        return refuse_field(decoding, field,
                            "is not an ISO 8601 duration of weeks, days, hours, minutes and "
                            "seconds");
    return 0;
}

static int decode_uint(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    uint64_t number;
    bool negative = rentbus_cbor_head_take(reader, RENTBUS_CBOR_MAJOR_NEGATIVE, &number);
    if (!negative && !rentbus_cbor_head_take(reader, RENTBUS_CBOR_MAJOR_UINT, &number))
        return refuse_field(decoding, field, "is not an unsigned integer");
    if (negative || number > INT64_MAX)
        return refuse_field(decoding, field, "is out of range");
    *(uint64_t *)member = number;
    return 0;
}

static int decode_int(const struct decoding *decoding, const struct rentbus_field *field,
                      struct rentbus_cbor_reader *reader, void *member)
{
    struct rentbus_cbor_item item = rentbus_cbor_read(reader);
    if (item.type != RENTBUS_CBOR_UINT && item.type != RENTBUS_CBOR_NEGATIVE)
        return refuse_field(decoding, field, "is not an integer");
    if (item.number > INT64_MAX)
        return refuse_field(decoding, field, "is out of range");
    *(int64_t *)member =
        item.type == RENTBUS_CBOR_UINT ? (int64_t)item.number : -1 - (int64_t)item.number;
    return 0;
}

static int decode_bool(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    struct rentbus_cbor_item item = rentbus_cbor_read(reader);
    if (item.type != RENTBUS_CBOR_BOOL)
        return refuse_field(decoding, field, "is not true or false");
    *(bool *)member = item.number != 0;
    return 0;
}

static int decode_word(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    int value = rentbus_word_find(field->words, rentbus_cbor_read_text(reader));
    if (value == 0)
        return refuse_word(decoding, field);
    memcpy(member, &value, sizeof(value));
    return 0;
}

/* Those of a byte string of that length, or NULL. */
static const uint8_t *take_bytes(struct rentbus_cbor_reader *reader, size_t length)
{
    uint64_t number;
    if (!rentbus_cbor_head_take(reader, RENTBUS_CBOR_MAJOR_BYTES, &number) || number != length ||
        number > (size_t)(reader->end - reader->at))
        return NULL;
    const uint8_t *bytes = reader->at;
    reader->at += length;
    return bytes;
}

static int decode_uuid(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    const uint8_t *uuid = take_bytes(reader, RENTBUS_UUID_SIZE);
    if (!uuid)
        return refuse_field(decoding, field, "is not a UUID of 16 bytes");
    memcpy(member, uuid, RENTBUS_UUID_SIZE);
    return 0;
}

static int decode_hash(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    const uint8_t *hash = take_bytes(reader, RENTBUS_HASH_SIZE);
    if (!hash)
        return refuse_field(decoding, field, "is not a hash of 32 bytes");
    *(struct rentbus_bytes *)member = (struct rentbus_bytes){hash, RENTBUS_HASH_SIZE};
    return 0;
}

static int decode_fields(const struct decoding *decoding, const struct rentbus_schema *schema,
                         struct rentbus_cbor_reader *reader, void *value);

static int decode_map(const struct decoding *decoding, const struct rentbus_field *field,
                      struct rentbus_cbor_reader *reader, void *member)
{
    struct decoding inner = {decoding, field->name, decoding->strictness, decoding->fault};
    return decode_fields(&inner, field->schema, reader, member);
}

/* The maps are passed over here, and decoded one by one by rentbus_list_next(). */
static int decode_maps(const struct decoding *decoding, const struct rentbus_field *field,
                       struct rentbus_cbor_reader *reader, void *member)
{
    struct rentbus_cbor_item array = rentbus_cbor_read(reader);
    if (array.type != RENTBUS_CBOR_ARRAY)
        return refuse_field(decoding, field, "is not an array of maps");
    struct rentbus_list list = {reader->at, 0, array.number};
    for (size_t i = 0; i < list.count; i++) {
        struct rentbus_cbor_reader peek = *reader;
        if (rentbus_cbor_read(&peek).type != RENTBUS_CBOR_MAP)
            return refuse_field(decoding, field, "has an item that is not a map");
        rentbus_cbor_skip(reader);
    }
    list.length = (size_t)(reader->at - list.data);
    *(struct rentbus_list *)member = list;
    return 0;
}

static int decode_any(const struct decoding *decoding, const struct rentbus_field *field,
                      struct rentbus_cbor_reader *reader, void *member)
{
    (void)decoding;
    (void)field;
    *(struct rentbus_bytes *)member = rentbus_cbor_skip(reader);
    return 0;
}

static decode_function *const decode_functions[] = {
    [RENTBUS_KIND_ID] = decode_id,     [RENTBUS_KIND_TEXT] = decode_text,
    [RENTBUS_KIND_QR] = decode_qr,     [RENTBUS_KIND_IDS] = decode_ids,
    [RENTBUS_KIND_TIME] = decode_time, [RENTBUS_KIND_DURATION] = decode_duration,
    [RENTBUS_KIND_UINT] = decode_uint, [RENTBUS_KIND_BOOL] = decode_bool,
    [RENTBUS_KIND_INT] = decode_int,   [RENTBUS_KIND_WORD] = decode_word,
    [RENTBUS_KIND_UUID] = decode_uuid, [RENTBUS_KIND_HASH] = decode_hash,
    [RENTBUS_KIND_MAP] = decode_map,   [RENTBUS_KIND_MAPS] = decode_maps,
    [RENTBUS_KIND_ANY] = decode_any,   [RENTBUS_KIND_TYPES] = decode_types,
};

/* ---- maps ---- */

/* The index of the field whose key is next, where the next of a sorted map stands: at `start` or
 * behind. It is taken then; else schema->count. */
static size_t take_key(const struct rentbus_schema *schema, size_t start,
                       struct rentbus_cbor_reader *reader)
{
    size_t left = (size_t)(reader->end - reader->at);
    size_t i = start;
    for (; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        if (field->name_length < left && reader->at[0] == field->key.head &&
            rentbus_cbor_same(reader->at + 1, field->key.text, field->name_length)) {
            reader->at += 1 + field->name_length;
            break;
        }
    }
    return i;
}

/* Null and undefined. */
static bool take_null(struct rentbus_cbor_reader *reader)
{
    if (reader->at == reader->end || (*reader->at != 0xf6 && *reader->at != 0xf7))
        return false;
    reader->at++;
    return true;
}

static int require_fields(const struct decoding *decoding, const struct rentbus_schema *schema,
                          uint64_t has)
{
    uint64_t all = schema->count > 0 ? UINT64_MAX >> (64 - schema->count) : 0;
    for (uint64_t missing = all & ~has; missing != 0; missing &= missing - 1) {
        const struct rentbus_field *field = &schema->fields[__builtin_ctzll(missing)];
        if (field->need == RENTBUS_NEED_REQUIRED)
            return refuse_field(decoding, field, "is required");
    }
    return 0;
}

static int decode_fields(const struct decoding *decoding, const struct rentbus_schema *schema,
                         struct rentbus_cbor_reader *reader, void *value)
{
    uint64_t pairs;
    if (!rentbus_cbor_head_take(reader, RENTBUS_CBOR_MAJOR_MAP, &pairs))
        return refuse_map(decoding, schema);
    uint64_t has = 0;
    size_t next = 0;
    for (uint64_t pair = 0; pair < pairs; pair++) {
        size_t found = take_key(schema, next, reader);
        if (found == schema->count) {
            struct rentbus_text name = rentbus_cbor_read_text(reader);
            found = rentbus_schema_find(schema, name.data, name.length);
            if (found == schema->count && decoding->strictness == RENTBUS_STRICT)
                return refuse_unknown(decoding, schema, name);
        }
        if (found == schema->count) {
            rentbus_cbor_skip(reader);
            continue;
        }
        next = found + 1;
        if (take_null(reader))
            continue;
        const struct rentbus_field *field = &schema->fields[found];
        int refused =
            decode_functions[field->kind](decoding, field, reader, (char *)value + field->offset);
        if (refused)
            return refused;
        has |= UINT64_C(1) << found;
    }
    *(uint64_t *)value = has;
    return require_fields(decoding, schema, has);
}

int rentbus_decode_next(const struct rentbus_schema *schema, struct rentbus_cbor_reader *checked,
                        enum rentbus_strictness strictness, void *value,
                        struct rentbus_fault *fault)
{
    memset(value, 0, schema->size);
    struct decoding decoding = {.strictness = strictness, .fault = fault};
    return decode_fields(&decoding, schema, checked, value);
}

int rentbus_decode(const struct rentbus_schema *schema, struct rentbus_bytes checked,
                   enum rentbus_strictness strictness, void *value, struct rentbus_fault *fault)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(checked);
    return rentbus_decode_next(schema, &reader, strictness, value, fault);
}

static int refuse_bytes(enum rentbus_cbor_check check, struct rentbus_fault *fault)
{
    enum rentbus_error_code code =
        check == RENTBUS_CBOR_TOO_LARGE ? RENTBUS_ERROR_TOO_LARGE : RENTBUS_ERROR_MALFORMED;
    return rentbus_fault_set(fault, code, NULL, "the message %s", rentbus_cbor_check_text(check));
}

int rentbus_decode_message(const struct rentbus_schema *schema, struct rentbus_bytes bytes,
                           const struct rentbus_cbor_limits *limits,
                           enum rentbus_strictness strictness, struct rentbus_buffer *scratch,
                           void *value, struct rentbus_fault *fault)
{
    enum rentbus_cbor_check check = rentbus_cbor_check(bytes, limits);
    if (check == RENTBUS_CBOR_INDEFINITE) {
        rentbus_buffer_clear(scratch);
        int error = rentbus_cbor_normalize(bytes, scratch);
        if (error)
            return error;
        bytes = (struct rentbus_bytes){scratch->data, scratch->length};
    } else if (check != RENTBUS_CBOR_OK) {
        return refuse_bytes(check, fault);
    }
    return rentbus_decode(schema, bytes, strictness, value, fault);
}

int rentbus_list_next(const struct rentbus_list *list, const struct rentbus_schema *schema,
                      size_t *position, void *value)
{
    if (*position >= list->length)
        return 0;
    struct rentbus_cbor_reader reader = {list->data + *position, list->data + list->length};
    struct rentbus_fault fault;
    if (rentbus_decode_next(schema, &reader, RENTBUS_LENIENT, value, &fault))
        return -EBADMSG;
    *position = (size_t)(reader.at - list->data);
    return 1;
}
