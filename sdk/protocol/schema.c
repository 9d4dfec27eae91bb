/* SPDX-License-Identifier: MPL-2.0 */
/* Expands the tables of schema.h into words, descriptors and rows. */
#include "sdk/protocol/schema.h"
#include "sdk/protocol/head.h"

/* ---- words ---- */

#define WORD_TEXT(P, word) #word,
#define WORD_SET(set, P, WORDS)                                                                    \
    static const char *const set##_texts[] = {"", WORDS(WORD_TEXT, P)};                            \
    const struct rentbus_words rentbus_##set##_words = {                                           \
        .name = #set,                                                                              \
        .texts = set##_texts,                                                                      \
        .count = sizeof(set##_texts) / sizeof(set##_texts[0]),                                     \
    };
RENTBUS_WORD_SETS(WORD_SET)

#define EVENT_TEXT(event, data, outcome) #event,
static const char *const event_type_texts[] = {"", RENTBUS_EVENTS(EVENT_TEXT)};
const struct rentbus_words rentbus_event_type_words = {
    .name = "event_type",
    .texts = event_type_texts,
    .count = sizeof(event_type_texts) / sizeof(event_type_texts[0]),
};

/* ---- structs ---- */

#define WORDS_OF_ID(extra) NULL
#define WORDS_OF_TEXT(extra) NULL
#define WORDS_OF_QR(extra) NULL
#define WORDS_OF_IDS(extra) NULL
#define WORDS_OF_TYPES(extra) NULL
#define WORDS_OF_TIME(extra) NULL
#define WORDS_OF_DURATION(extra) NULL
#define WORDS_OF_UINT(extra) NULL
#define WORDS_OF_INT(extra) NULL
#define WORDS_OF_BOOL(extra) NULL
#define WORDS_OF_WORD(extra) &rentbus_##extra##_words
#define WORDS_OF_UUID(extra) NULL
#define WORDS_OF_HASH(extra) NULL
#define WORDS_OF_MAP(extra) NULL
#define WORDS_OF_MAPS(extra) NULL
#define WORDS_OF_ANY(extra) NULL

#define SCHEMA_OF_ID(extra) NULL
#define SCHEMA_OF_TEXT(extra) NULL
#define SCHEMA_OF_QR(extra) NULL
#define SCHEMA_OF_IDS(extra) NULL
#define SCHEMA_OF_TYPES(extra) NULL
#define SCHEMA_OF_TIME(extra) NULL
#define SCHEMA_OF_DURATION(extra) NULL
#define SCHEMA_OF_UINT(extra) NULL
#define SCHEMA_OF_INT(extra) NULL
#define SCHEMA_OF_BOOL(extra) NULL
#define SCHEMA_OF_WORD(extra) NULL
#define SCHEMA_OF_UUID(extra) NULL
#define SCHEMA_OF_HASH(extra) NULL
#define SCHEMA_OF_MAP(extra) &rentbus_##extra##_schema
#define SCHEMA_OF_MAPS(extra) &rentbus_##extra##_schema
#define SCHEMA_OF_ANY(extra) NULL

#define SHORT_TEXT (RENTBUS_CBOR_MAJOR_TEXT << 5)
#define FIELD_ROW(S, field_need, field_kind, field, extra)                                         \
    {                                                                                              \
        .name = #field,                                                                            \
        .name_length = sizeof(#field) - 1,                                                         \
        .offset = offsetof(struct rentbus_##S, field),                                             \
        .kind = RENTBUS_KIND_##field_kind,                                                         \
        .need = RENTBUS_NEED_##field_need,                                                         \
        .words = WORDS_OF_##field_kind(extra),                                                     \
        .schema = SCHEMA_OF_##field_kind(extra),                                                   \
        .key = {SHORT_TEXT | (sizeof(#field) - 1), #field},                                        \
    },

/* The row behind the last keeps the table of a struct without fields from being empty. */
#define SCHEMA_TABLE(S, ROWS)                                                                      \
    _Static_assert((int)RENTBUS_FIELDS_OF_##S <= 64, "`has` has a bit for each field");            \
    static const struct rentbus_field S##_fields[] = {ROWS(FIELD_ROW, S){.name = NULL}};           \
    const struct rentbus_schema rentbus_##S##_schema = {                                           \
        .name = #S,                                                                                \
        .fields = S##_fields,                                                                      \
        .count = RENTBUS_FIELDS_OF_##S,                                                            \
        .size = sizeof(struct rentbus_##S),                                                        \
    };
RENTBUS_SCHEMAS(SCHEMA_TABLE)

/* ---- events and operations ---- */

#define EVENT_ROW(event, data_struct, ends)                                                        \
    {                                                                                              \
        .type = #event,                                                                            \
        .data = &rentbus_##data_struct##_schema,                                                   \
        .outcome = RENTBUS_OUTCOME_##ends,                                                         \
    },
const struct rentbus_event_row rentbus_event_rows[] = {{.type = ""}, RENTBUS_EVENTS(EVENT_ROW)};

#define OP_ROW(op, name, args_struct, result_struct, op_mode)                                      \
    {                                                                                              \
        .wire = name,                                                                              \
        .wire_length = sizeof(name) - 1,                                                           \
        .args = &rentbus_##args_struct##_schema,                                                   \
        .result = &rentbus_##result_struct##_schema,                                               \
        .mode = RENTBUS_MODE_##op_mode,                                                            \
    },
const struct rentbus_op_row rentbus_op_rows[RENTBUS_OP_COUNT] = {RENTBUS_OPS(OP_ROW)};
