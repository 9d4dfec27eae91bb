/* SPDX-License-Identifier: MPL-2.0 */
/* JSON to structs, by way of CBOR: what is written here is checked and decoded like any message, so
 * that one set of rules holds for both. */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/uuid.h"

#include <errno.h>
#include <jansson.h>

/* ---- any value, by its type ---- */

static void put_json(struct rentbus_buffer *out, const json_t *json, size_t depth);

static void put_integer(struct rentbus_buffer *out, json_int_t value)
{
    if (value >= 0)
        rentbus_cbor_write_uint(out, (uint64_t)value);
    else
        rentbus_cbor_write_negative(out, (uint64_t)(-1 - value));
}

static void put_array(struct rentbus_buffer *out, const json_t *array, size_t depth)
{
    rentbus_cbor_write_array(out, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++)
        put_json(out, json_array_get(array, i), depth + 1);
}

static void put_pair(struct rentbus_buffer *out, struct rentbus_text key, const json_t *json,
                     size_t depth)
{
    rentbus_cbor_write_text(out, key.data, key.length);
    put_json(out, json, depth + 1);
}

/* Jansson's iterators ask for an object that may change; these do not change it. */
static json_t *unconst(const json_t *json)
{
    return json_incref((json_t *)(uintptr_t)json);
}

static struct rentbus_text iterator_key(void *iterator)
{
    return (struct rentbus_text){json_object_iter_key(iterator),
                                 json_object_iter_key_len(iterator)};
}

static bool key_less(struct rentbus_text a, struct rentbus_text b)
{
    return a.length != b.length ? a.length < b.length : memcmp(a.data, b.data, a.length) < 0;
}

/* The entry with the least key that is greater than `last`, in deterministic order. */
static void *next_entry(json_t *object, const struct rentbus_text *last)
{
    void *least = NULL;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        struct rentbus_text key = iterator_key(at);
        bool behind = !last || key_less(*last, key);
        if (behind && (!least || key_less(key, iterator_key(least))))
            least = at;
    }
    return least;
}

static void put_object(struct rentbus_buffer *out, const json_t *json, size_t depth)
{
    json_t *object = unconst(json);
    size_t count = json_object_size(object);
    rentbus_cbor_write_map(out, count);
    /* A larger map is refused by the check, and not worth the sorting. */
    bool sorted = count <= RENTBUS_CBOR_MAP_MAX;
    void *entry = sorted ? next_entry(object, NULL) : json_object_iter(object);
    while (entry) {
        struct rentbus_text key = iterator_key(entry);
        put_pair(out, key, json_object_iter_value(entry), depth);
        entry = sorted ? next_entry(object, &key) : json_object_iter_next(object, entry);
    }
    json_decref(object);
}

static void put_json(struct rentbus_buffer *out, const json_t *json, size_t depth)
{
    /* One level more than the check lets pass: what is below does not matter. */
    if (depth > RENTBUS_CBOR_DEPTH_MAX + 1) {
        rentbus_cbor_write_null(out);
        return;
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        put_object(out, json, depth);
        break;
    case JSON_ARRAY:
        put_array(out, json, depth);
        break;
    case JSON_STRING:
        rentbus_cbor_write_text(out, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        put_integer(out, json_integer_value(json));
        break;
    case JSON_REAL:
        rentbus_cbor_write_double(out, json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        rentbus_cbor_write_bool(out, json_is_true(json));
        break;
    case JSON_NULL:
        rentbus_cbor_write_null(out);
        break;
    }
}

/* ---- objects of a schema ---- */

static void put_struct(struct rentbus_buffer *out, const struct rentbus_schema *schema,
                       const json_t *object, size_t depth);

static struct rentbus_text string_text(const json_t *json)
{
    return (struct rentbus_text){json_string_value(json), json_string_length(json)};
}

/* The bytes of a UUID or a hash in its text form; 0 when the text is none. */
static size_t string_bytes(enum rentbus_kind kind, const json_t *json,
                           uint8_t out[RENTBUS_HASH_SIZE])
{
    if (!json_is_string(json))
        return 0;
    if (kind == RENTBUS_KIND_HASH) {
        int length = rentbus_base64_decode(string_text(json), out, RENTBUS_HASH_SIZE);
        return length > 0 ? (size_t)length : 0;
    }
    struct rentbus_uuid uuid;
    if (!rentbus_uuid_parse(string_text(json), &uuid))
        return 0;
    memcpy(out, uuid.bytes, RENTBUS_UUID_SIZE);
    return RENTBUS_UUID_SIZE;
}

static void put_structs(struct rentbus_buffer *out, const struct rentbus_schema *schema,
                        const json_t *array, size_t depth)
{
    rentbus_cbor_write_array(out, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (json_is_object(item))
            put_struct(out, schema, item, depth + 1);
        else
            put_json(out, item, depth + 1);
    }
}

/* The schema of a value that is an object: of a MAP, and of the data of an event of a known type.
 */
static const struct rentbus_schema *value_schema(const struct rentbus_schema *schema, size_t index,
                                                 const json_t *object)
{
    if (schema->fields[index].kind == RENTBUS_KIND_MAP)
        return schema->fields[index].schema;
    bool data = (schema == &rentbus_event_schema && index == RENTBUS_FIELD_event_data) ||
                (schema == &rentbus_preview_schema && index == RENTBUS_FIELD_preview_data);
    if (!data)
        return NULL;
    const json_t *type = json_object_get(object, "type");
    if (!json_is_string(type))
        return NULL;
    return rentbus_event_rows[rentbus_event_type_find(string_text(type))].data;
}

/* A value of another type than its field's is written as it is, for the decoder to refuse. */
static void put_field(struct rentbus_buffer *out, const struct rentbus_schema *schema, size_t index,
                      const json_t *object, const json_t *value, size_t depth)
{
    const struct rentbus_field *field = &schema->fields[index];
    uint8_t bytes[RENTBUS_HASH_SIZE];
    size_t length = 0;
    if (field->kind == RENTBUS_KIND_UUID || field->kind == RENTBUS_KIND_HASH)
        length = string_bytes(field->kind, value, bytes);
    const struct rentbus_schema *inner = value_schema(schema, index, object);
    if (length > 0)
        rentbus_cbor_write_bytes(out, bytes, length);
    else if (inner && json_is_object(value))
        put_struct(out, inner, value, depth + 1);
    else if (field->kind == RENTBUS_KIND_MAPS && json_is_array(value))
        put_structs(out, field->schema, value, depth + 1);
    else
        put_json(out, value, depth + 1);
}

/* Fields of the schema that are null count as absent, and are left out. */
static size_t put_known(struct rentbus_buffer *out, const struct rentbus_schema *schema,
                        const json_t *object, size_t depth)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const struct rentbus_field *field = &schema->fields[i];
        const json_t *value = json_object_getn(object, field->name, field->name_length);
        if (!value || json_is_null(value))
            continue;
        count++;
        if (out) {
            rentbus_cbor_write_text(out, field->name, field->name_length);
            put_field(out, schema, i, object, value, depth);
        }
    }
    return count;
}

static size_t put_unknown(struct rentbus_buffer *out, const struct rentbus_schema *schema,
                          const json_t *json, size_t depth)
{
    json_t *object = unconst(json);
    size_t count = 0;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        struct rentbus_text key = iterator_key(at);
        if (rentbus_schema_find(schema, key.data, key.length) < schema->count)
            continue;
        count++;
        if (out)
            put_pair(out, key, json_object_iter_value(at), depth);
    }
    json_decref(object);
    return count;
}

static void put_struct(struct rentbus_buffer *out, const struct rentbus_schema *schema,
                       const json_t *object, size_t depth)
{
    size_t pairs =
        put_known(NULL, schema, object, depth) + put_unknown(NULL, schema, object, depth);
    rentbus_cbor_write_map(out, pairs);
    put_known(out, schema, object, depth);
    put_unknown(out, schema, object, depth);
}

int rentbus_json_decode_object(const struct rentbus_schema *schema, const struct json_t *object,
                               enum rentbus_strictness strictness, struct rentbus_buffer *scratch,
                               void *value, struct rentbus_fault *fault)
{
    if (!json_is_object(object))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, NULL,
                                 "%s is not a JSON object", schema->name);
    rentbus_buffer_clear(scratch);
    put_struct(scratch, schema, object, 1);
    if (scratch->failed)
        return -ENOMEM;
    struct rentbus_bytes bytes = {scratch->data, scratch->length};
    return rentbus_decode_message(schema, bytes, &rentbus_request_limits, strictness, scratch,
                                  value, fault);
}

static int refuse_json(const json_error_t *error, struct rentbus_fault *fault)
{
    if (json_error_code(error) == json_error_out_of_memory)
        return -ENOMEM;
    return rentbus_fault_set(fault, RENTBUS_ERROR_MALFORMED, NULL, "line %d, column %d: %s",
                             error->line, error->column, error->text);
}

int rentbus_json_decode(const struct rentbus_schema *schema, struct rentbus_text json,
                        enum rentbus_strictness strictness, struct rentbus_buffer *scratch,
                        void *value, struct rentbus_fault *fault)
{
    if (json.length > rentbus_request_limits.bytes)
        return rentbus_fault_set(fault, RENTBUS_ERROR_TOO_LARGE, NULL,
                                 "the JSON is longer than %zu bytes", rentbus_request_limits.bytes);
    json_error_t error;
    json_t *parsed = json_loadb(json.data ? json.data : "", json.length,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!parsed)
        return refuse_json(&error, fault);
    int result = rentbus_json_decode_object(schema, parsed, strictness, scratch, value, fault);
    json_decref(parsed);
    return result;
}
