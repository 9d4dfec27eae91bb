/* SPDX-License-Identifier: MPL-2.0 */
/* The golden vectors, through our codec both ways. tests/golden/README.md says what they are. */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/json.h"
#include "sdk/protocol/text.h"
#include "tests/unit/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <jansson.h>

#include <cmocka.h>

#define SCHEMA_POINTER(S, ROWS) &rentbus_##S##_schema,
static const struct rentbus_schema *const schemas[] = {RENTBUS_SCHEMAS(SCHEMA_POINTER)};
#define SCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

/* Room for any struct of the table. */
#define STRUCT_MEMBER(S, ROWS) struct rentbus_##S S;
union any_struct {
    RENTBUS_SCHEMAS(STRUCT_MEMBER)
};

static json_t *vectors;

struct vector {
    const char *name;
    const char *cbor;
    const json_t *json;
    bool one_way;
    const struct rentbus_schema *schema;
};

static const struct rentbus_schema *schema_named(const char *name)
{
    for (size_t i = 0; i < SCHEMAS; i++) {
        if (strcmp(schemas[i]->name, name) == 0)
            return schemas[i];
    }
    return NULL;
}

static const char *schema_name(const json_t *vector)
{
    return json_string_value(json_object_get(vector, "schema"));
}

/* The heartbeat has no struct: it is checked in other languages alone. */
static int vectors_load(void)
{
    vectors =
        json_load_file(RENTBUS_TEST_DIR "/golden/messages.json", JSON_REJECT_DUPLICATES, NULL);
    for (size_t i = json_array_size(vectors); i-- > 0;) {
        if (strcmp(schema_name(json_array_get(vectors, i)), "heartbeat") == 0)
            json_array_remove(vectors, i);
    }
    return json_array_size(vectors) > 0 ? 0 : -1;
}

static struct vector vector_at(size_t index)
{
    const json_t *json = json_array_get(vectors, index);
    struct vector vector = {
        .name = json_string_value(json_object_get(json, "name")),
        .cbor = json_string_value(json_object_get(json, "cbor")),
        .json = json_object_get(json, "json"),
        .one_way = json_is_true(json_object_get(json, "one_way")),
        .schema = schema_named(schema_name(json)),
    };
    assert_non_null(vector.name);
    assert_non_null(vector.schema);
    return vector;
}

static void assert_cbor(const struct vector *vector, const void *value)
{
    struct rentbus_buffer out = {0};
    rentbus_encode(vector->schema, value, &out);
    if (!hex_equal(&out, vector->cbor))
        fail_msg("%s: other CBOR", vector->name);
    rentbus_buffer_release(&out);
}

static void from_cbor(const struct vector *vector)
{
    struct rentbus_bytes bytes = hex_read(vector->cbor);
    struct rentbus_buffer scratch = {0};
    struct rentbus_fault fault;
    union any_struct value;
    if (rentbus_decode_message(vector->schema, bytes, &rentbus_reply_limits, RENTBUS_STRICT,
                               &scratch, &value, &fault))
        fail_msg("%s: %s %s", vector->name, fault.field, fault.message);
    assert_cbor(vector, &value);
    json_t *json = rentbus_json_from(vector->schema, &value);
    if (!json_equal(json, vector->json))
        fail_msg("%s: other JSON: %s", vector->name, json_dumps(json, JSON_COMPACT));
    json_decref(json);
    rentbus_buffer_release(&scratch);
    hex_release(&bytes);
}

static void from_json(const struct vector *vector)
{
    struct rentbus_buffer scratch = {0};
    struct rentbus_fault fault;
    union any_struct value;
    if (rentbus_json_decode_object(vector->schema, vector->json, RENTBUS_STRICT, &scratch, &value,
                                   &fault))
        fail_msg("%s: %s %s", vector->name, fault.field, fault.message);
    assert_cbor(vector, &value);
    rentbus_buffer_release(&scratch);
}

static void bytes_decode_to_the_json_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        struct vector vector = vector_at(i);
        from_cbor(&vector);
    }
}

static void json_encodes_to_the_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        struct vector vector = vector_at(i);
        if (!vector.one_way)
            from_json(&vector);
    }
}

/* Whether a vector of the schema has this text at that place of its JSON. */
static bool covered(const struct rentbus_schema *schema, const char *key, const char *text)
{
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        struct vector vector = vector_at(i);
        const char *found = key ? json_string_value(json_object_get(vector.json, key)) : NULL;
        if (vector.schema == schema && (!key || (found && strcmp(found, text) == 0)))
            return true;
    }
    return false;
}

static void every_row_of_the_tables_has_a_vector(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        if (!covered(schemas[i], NULL, NULL))
            fail_msg("no vector of %s", schemas[i]->name);
    }
    for (size_t op = 0; op < RENTBUS_OP_COUNT; op++) {
        if (!covered(&rentbus_request_schema, "op", rentbus_op_rows[op].wire))
            fail_msg("no request of %s", rentbus_op_rows[op].wire);
    }
    for (size_t type = 1; type < rentbus_event_type_words.count; type++) {
        if (!covered(&rentbus_event_schema, "type", rentbus_event_rows[type].type))
            fail_msg("no event of %s", rentbus_event_rows[type].type);
    }
}

static int load_vectors(void **state)
{
    (void)state;
    return vectors_load();
}

static int release_vectors(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_decode_to_the_json_and_back),
        cmocka_unit_test(json_encodes_to_the_bytes),
        cmocka_unit_test(every_row_of_the_tables_has_a_vector),
    };
    return cmocka_run_group_tests(tests, load_vectors, release_vectors);
}
