/* SPDX-License-Identifier: MPL-2.0 */
/* What the tables of schema.h promise, and the rest of the protocol relies on. */
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SCHEMA_POINTER(S, ROWS) &rentbus_##S##_schema,
static const struct rentbus_schema *const schemas[] = {RENTBUS_SCHEMAS(SCHEMA_POINTER)};
#define SCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

#define WORDS_POINTER(set, P, WORDS) &rentbus_##set##_words,
static const struct rentbus_words *const word_sets[] = {RENTBUS_WORD_SETS(WORDS_POINTER)};
#define WORD_SETS (sizeof(word_sets) / sizeof(word_sets[0]))

/* The bytes that a field of each kind takes in a struct. */
static const size_t kind_sizes[] = {
    [RENTBUS_KIND_ID] = sizeof(struct rentbus_text),
    [RENTBUS_KIND_TEXT] = sizeof(struct rentbus_text),
    [RENTBUS_KIND_QR] = sizeof(struct rentbus_text),
    [RENTBUS_KIND_IDS] = sizeof(struct rentbus_ids),
    [RENTBUS_KIND_TYPES] = sizeof(struct rentbus_ids),
    [RENTBUS_KIND_TIME] = sizeof(int64_t),
    [RENTBUS_KIND_DURATION] = sizeof(int64_t),
    [RENTBUS_KIND_UINT] = sizeof(uint64_t),
    [RENTBUS_KIND_INT] = sizeof(int64_t),
    [RENTBUS_KIND_BOOL] = sizeof(bool),
    [RENTBUS_KIND_WORD] = sizeof(int),
    [RENTBUS_KIND_UUID] = sizeof(struct rentbus_uuid),
    [RENTBUS_KIND_HASH] = sizeof(struct rentbus_bytes),
    [RENTBUS_KIND_MAP] = 0,
    [RENTBUS_KIND_MAPS] = sizeof(struct rentbus_list),
    [RENTBUS_KIND_ANY] = sizeof(struct rentbus_bytes),
};

static void fields_stand_in_deterministic_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        for (size_t j = 1; j < schemas[i]->count; j++) {
            const struct rentbus_field *a = &schemas[i]->fields[j - 1];
            const struct rentbus_field *b = &schemas[i]->fields[j];
            if (a->name_length > b->name_length ||
                (a->name_length == b->name_length && strcmp(a->name, b->name) >= 0))
                fail_msg("%s: %s stands before %s", schemas[i]->name, a->name, b->name);
        }
    }
}

static void names_stand_there_as_they_are_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct rentbus_field *field = &schemas[i]->fields[j];
            assert_int_equal(field->key.head, 0x60 + field->name_length);
            assert_in_range(field->name_length, 1, sizeof(field->key.text));
            assert_memory_equal(field->key.text, field->name, field->name_length);
        }
    }
}

static void fields_lie_within_their_struct(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        size_t end = sizeof(uint64_t);
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct rentbus_field *field = &schemas[i]->fields[j];
            size_t size =
                field->kind == RENTBUS_KIND_MAP ? field->schema->size : kind_sizes[field->kind];
            assert_int_equal(field->name_length, strlen(field->name));
            assert_true(field->offset >= end);
            end = field->offset + size;
        }
        assert_true(end <= schemas[i]->size);
    }
}

static void words_and_structs_are_where_their_kind_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        for (size_t j = 0; j < schemas[i]->count; j++) {
            const struct rentbus_field *field = &schemas[i]->fields[j];
            bool map = field->kind == RENTBUS_KIND_MAP || field->kind == RENTBUS_KIND_MAPS;
            assert_true((field->words != NULL) == (field->kind == RENTBUS_KIND_WORD));
            assert_true((field->schema != NULL) == map);
        }
    }
}

static void names_of_structs_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(schemas[i]->name, schemas[j]->name);
    }
}

static void words_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORD_SETS; i++) {
        assert_string_equal(word_sets[i]->texts[0], "");
        for (size_t j = 1; j < word_sets[i]->count; j++)
            assert_int_equal(rentbus_word_find(word_sets[i], rentbus_text(word_sets[i]->texts[j])),
                             j);
    }
}

static void enumerators_match_their_words(void **state)
{
    (void)state;
    assert_string_equal(rentbus_word_text(&rentbus_reason_words, RENTBUS_REASON_CLOCK_SKEW),
                        "CLOCK_SKEW");
    assert_string_equal(rentbus_word_text(&rentbus_matched_by_words, RENTBUS_MATCHED_BY_oldest),
                        "oldest");
    assert_string_equal(rentbus_word_text(&rentbus_error_code_words, RENTBUS_ERROR_TRIMMED),
                        "TRIMMED");
    assert_int_equal(rentbus_error_code_words.count, RENTBUS_ERROR_TRIMMED + 1);
}

static void event_types_of_rentbus_are_found(void **state)
{
    (void)state;
    for (size_t type = 1; type < rentbus_event_type_words.count; type++) {
        const char *text = rentbus_word_text(&rentbus_event_type_words, (int)type);
        assert_int_equal(rentbus_event_type_find(rentbus_text(text)), type);
    }
    static const char *const unknown[] = {"", "_EVENT", "MY_EVENT", "RENTAL_RETURN", "EVENT"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(rentbus_event_type_find(rentbus_text(unknown[i])), RENTBUS_EVENT_NONE);
    assert_int_equal(rentbus_event_type_find((struct rentbus_text){NULL, 0}), RENTBUS_EVENT_NONE);
}

static void event_rows_match_their_types(void **state)
{
    (void)state;
    assert_null(rentbus_event_rows[0].data);
    for (size_t type = 1; type < rentbus_event_type_words.count; type++) {
        assert_string_equal(rentbus_event_rows[type].type, rentbus_event_type_words.texts[type]);
        assert_non_null(rentbus_event_rows[type].data);
    }
    const struct rentbus_event_row *row = &rentbus_event_rows[RENTBUS_RENTAL_RETURN_COMPLETE_EVENT];
    assert_ptr_equal(row->data, &rentbus_complete_data_schema);
    assert_int_equal(row->outcome, RENTBUS_OUTCOME_COMPLETED);
    assert_int_equal(rentbus_event_rows[RENTBUS_HELLO_EVENT].outcome, RENTBUS_OUTCOME_NONE);
}

static bool has_field(const struct rentbus_schema *schema, const char *name)
{
    return rentbus_schema_find(schema, name, strlen(name)) < schema->count;
}

static void operation_rows_are_whole(void **state)
{
    (void)state;
    for (int op = 0; op < RENTBUS_OP_COUNT; op++) {
        const struct rentbus_op_row *row = &rentbus_op_rows[op];
        assert_int_equal(row->wire_length, strlen(row->wire));
        assert_non_null(row->args);
        assert_non_null(row->result);
        /* What is journaled has the result of a command, and can be tried without effect; so can
         * what cannot be taken back. */
        bool tried = row->mode == RENTBUS_MODE_COMMAND || op == RENTBUS_OP_admin_trim;
        assert_true(row->mode != RENTBUS_MODE_COMMAND ||
                    row->result == &rentbus_command_result_schema);
        assert_true(has_field(row->args, "dry_run") == tried);
        assert_true(has_field(row->args, "at") == (row->mode == RENTBUS_MODE_READ));
        assert_true(has_field(row->args, "at_seq") == (row->mode == RENTBUS_MODE_READ));
    }
    assert_int_equal(rentbus_op_rows[RENTBUS_OP_rental_return].mode, RENTBUS_MODE_COMMAND);
    assert_int_equal(rentbus_op_rows[RENTBUS_OP_rental_get].mode, RENTBUS_MODE_READ);
    assert_int_equal(rentbus_op_rows[RENTBUS_OP_events_read].mode, RENTBUS_MODE_QUERY);
    assert_int_equal(rentbus_op_rows[RENTBUS_OP_publish].mode, RENTBUS_MODE_COMMAND);
    assert_int_equal(rentbus_op_rows[RENTBUS_OP_consumer_ack].mode, RENTBUS_MODE_DELIVERY);
    assert_int_equal(rentbus_op_rows[RENTBUS_OP_batch].mode, RENTBUS_MODE_BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_in_deterministic_order),
        cmocka_unit_test(names_stand_there_as_they_are_encoded),
        cmocka_unit_test(fields_lie_within_their_struct),
        cmocka_unit_test(words_and_structs_are_where_their_kind_says),
        cmocka_unit_test(names_of_structs_are_unique),
        cmocka_unit_test(words_go_both_ways),
        cmocka_unit_test(enumerators_match_their_words),
        cmocka_unit_test(event_types_of_rentbus_are_found),
        cmocka_unit_test(event_rows_match_their_types),
        cmocka_unit_test(operation_rows_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
