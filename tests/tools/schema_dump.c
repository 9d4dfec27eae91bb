/* SPDX-License-Identifier: MPL-2.0 */
/* Writes the tables of schema.h as one JSON object, for tests in other languages. */
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/schema.h"

#include <jansson.h>
#include <stdio.h>

#define SCHEMA_POINTER(S, ROWS) &rentbus_##S##_schema,
static const struct rentbus_schema *const schemas[] = {RENTBUS_SCHEMAS(SCHEMA_POINTER)};

#define WORDS_POINTER(set, P, WORDS) &rentbus_##set##_words,
static const struct rentbus_words *const word_sets[] = {RENTBUS_WORD_SETS(WORDS_POINTER)};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const kinds[] = {
    [RENTBUS_KIND_ID] = "ID",     [RENTBUS_KIND_TEXT] = "TEXT",
    [RENTBUS_KIND_QR] = "QR",     [RENTBUS_KIND_IDS] = "IDS",
    [RENTBUS_KIND_TIME] = "TIME", [RENTBUS_KIND_DURATION] = "DURATION",
    [RENTBUS_KIND_UINT] = "UINT", [RENTBUS_KIND_BOOL] = "BOOL",
    [RENTBUS_KIND_INT] = "INT",   [RENTBUS_KIND_WORD] = "WORD",
    [RENTBUS_KIND_UUID] = "UUID", [RENTBUS_KIND_HASH] = "HASH",
    [RENTBUS_KIND_MAP] = "MAP",   [RENTBUS_KIND_MAPS] = "MAPS",
    [RENTBUS_KIND_ANY] = "ANY",   [RENTBUS_KIND_TYPES] = "TYPES",
};

static const char *const needs[] = {
    [RENTBUS_NEED_REQUIRED] = "REQUIRED",
    [RENTBUS_NEED_OPTIONAL] = "OPTIONAL",
    [RENTBUS_NEED_NULLABLE] = "NULLABLE",
};

static json_t *dump_field(const struct rentbus_field *field)
{
    const char *extra = field->words ? field->words->name : NULL;
    if (field->schema)
        extra = field->schema->name;
    return json_pack("{s:s,s:s,s:s,s:s?}", "name", field->name, "kind", kinds[field->kind], "need",
                     needs[field->need], "extra", extra);
}

static json_t *dump_schemas(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT(schemas); i++) {
        json_t *fields = json_array();
        for (size_t j = 0; j < schemas[i]->count; j++)
            json_array_append_new(fields, dump_field(&schemas[i]->fields[j]));
        json_object_set_new(all, schemas[i]->name, fields);
    }
    return all;
}

static json_t *dump_words(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < COUNT(word_sets); i++) {
        json_t *words = json_array();
        for (size_t j = 1; j < word_sets[i]->count; j++)
            json_array_append_new(words, json_string(word_sets[i]->texts[j]));
        json_object_set_new(all, word_sets[i]->name, words);
    }
    return all;
}

static json_t *dump_events(void)
{
    json_t *all = json_object();
    for (size_t type = 1; type < rentbus_event_type_words.count; type++) {
        const struct rentbus_event_row *row = &rentbus_event_rows[type];
        const char *outcome = row->outcome ? rentbus_outcome_words.texts[row->outcome] : "NONE";
        json_object_set_new(all, row->type,
                            json_pack("{s:s,s:s}", "data", row->data->name, "outcome", outcome));
    }
    return all;
}

static const char *const modes[] = {
    [RENTBUS_MODE_QUERY] = "QUERY",     [RENTBUS_MODE_READ] = "READ",
    [RENTBUS_MODE_COMMAND] = "COMMAND", [RENTBUS_MODE_DELIVERY] = "DELIVERY",
    [RENTBUS_MODE_BATCH] = "BATCH",
};

static json_t *dump_ops(void)
{
    json_t *all = json_object();
    for (size_t op = 0; op < RENTBUS_OP_COUNT; op++) {
        const struct rentbus_op_row *row = &rentbus_op_rows[op];
        json_object_set_new(all, row->wire,
                            json_pack("{s:s,s:s,s:s}", "args", row->args->name, "result",
                                      row->result->name, "mode", modes[row->mode]));
    }
    return all;
}

static json_t *dump_limits(void)
{
    static const struct {
        const char *name;
        json_int_t limit;
    } limits[] = {
        {"id", RENTBUS_ID_MAX},
        {"text", RENTBUS_TEXT_MAX},
        {"qr", RENTBUS_QR_MAX},
        {"ids", RENTBUS_IDS_MAX},
        {"hash", RENTBUS_HASH_SIZE},
        {"depth", RENTBUS_CBOR_DEPTH_MAX},
        {"reply_depth", RENTBUS_CBOR_REPLY_DEPTH_MAX},
        {"batch", RENTBUS_BATCH_MAX},
        {"map", RENTBUS_CBOR_MAP_MAX},
        {"clock_offset_ms", RENTBUS_CLOCK_OFFSET_MAX_MS},
        {"holes", RENTBUS_HOLES_MAX},
        {"publish", RENTBUS_PUBLISH_MAX},
        {"type", RENTBUS_TYPE_MAX},
        {"event_data", RENTBUS_EVENT_DATA_MAX},
        {"hops", RENTBUS_HOPS_MAX},
    };
    json_t *all = json_pack("{s:I,s:I}", "request_bytes", (json_int_t)rentbus_request_limits.bytes,
                            "request_items", (json_int_t)rentbus_request_limits.items);
    for (size_t i = 0; i < COUNT(limits); i++)
        json_object_set_new(all, limits[i].name, json_integer(limits[i].limit));
    return all;
}

int main(void)
{
    json_t *dump = json_pack("{s:i,s:o,s:o,s:o,s:o,s:o}", "version", RENTBUS_PROTOCOL_VERSION,
                             "schemas", dump_schemas(), "words", dump_words(), "events",
                             dump_events(), "ops", dump_ops(), "limits", dump_limits());
    if (!dump)
        return 1;
    int error = json_dumpf(dump, stdout, JSON_INDENT(1));
    json_decref(dump);
    return error || puts("") < 0;
}
