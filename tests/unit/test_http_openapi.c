/* SPDX-License-Identifier: MPL-2.0 */
/* openapi.json says of every struct and every command what the protocol's table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bridge-http/body.h"
#include "bridge-http/handlers.h"
#include "bridge-http/openapi.h"
#include "bridge-http/routes.h"

static json_t *document;

static int document_setup(void **state)
{
    (void)state;
    document = json_loadb(http_openapi, http_openapi_length, JSON_REJECT_DUPLICATES, NULL);
    return document ? 0 : -1;
}

static int document_teardown(void **state)
{
    (void)state;
    json_decref(document);
    return 0;
}

static json_t *component(const char *kind, const char *name)
{
    return json_object_get(json_object_get(json_object_get(document, "components"), kind), name);
}

/* `named`: the path may give the id, so that the body need not. */
struct described {
    const char *name;
    const struct rentbus_schema *schema;
    bool named;
};

static const struct described described[] = {
    {"Rental", &rentbus_rental_schema, false},
    {"User", &rentbus_user_schema, false},
    {"Asset", &rentbus_asset_schema, false},
    {"AssetType", &rentbus_asset_type_schema, false},
    {"Location", &rentbus_location_schema, false},
    {"Device", &rentbus_device_schema, false},
    {"DeviceHole", &rentbus_device_hole_schema, false},
    {"Policy", &rentbus_policy_schema, false},
    {"CommandResult", &rentbus_command_result_schema, false},
    {"Preview", &rentbus_preview_schema, false},
    {"BatchResult", &rentbus_batch_result_schema, false},
    {"BatchReply", &rentbus_batch_reply_schema, false},
    {"Error", &rentbus_error_schema, false},
    {"Event", &rentbus_event_schema, false},
    {"EventPage", &rentbus_event_page_schema, false},
    {"Hello", &rentbus_hello_result_schema, false},
    {"RentalPage", &rentbus_rental_page_schema, false},
    {"UserPage", &rentbus_user_page_schema, false},
    {"AssetPage", &rentbus_asset_page_schema, false},
    {"AssetTypePage", &rentbus_asset_type_page_schema, false},
    {"LocationPage", &rentbus_location_page_schema, false},
    {"DevicePage", &rentbus_device_page_schema, false},
    {"Stats", &rentbus_stats_result_schema, false},
    {"DayReturns", &rentbus_day_returns_schema, false},
    {"LocationReturns", &rentbus_location_returns_schema, false},
    {"AssetTypeReturns", &rentbus_asset_type_returns_schema, false},
    {"Explanation", &rentbus_explain_result_schema, false},
    {"Candidate", &rentbus_candidate_schema, false},
    {"RentalReturn", &http_return_schema, false},
    {"Import", &rentbus_import_args_schema, false},
    {"Return", &rentbus_return_args_schema, false},
    {"Checkout", &rentbus_checkout_args_schema, false},
    {"Batch", &rentbus_batch_args_schema, false},
    {"BatchCommand", &rentbus_batch_command_schema, true},
    {"UserPut", &rentbus_user_put_args_schema, true},
    {"UserBlock", &rentbus_user_block_args_schema, true},
    {"UserUnblock", &rentbus_user_unblock_args_schema, true},
    {"AssetPut", &rentbus_asset_put_args_schema, true},
    {"AssetTypePut", &rentbus_asset_type_put_args_schema, true},
    {"LocationPut", &rentbus_location_put_args_schema, true},
    {"PolicyPut", &rentbus_policy_put_args_schema, false},
    {"RentalRenew", &rentbus_renew_args_schema, true},
    {"RentalJudge", &rentbus_reason_args_schema, true},
    {"RentalUnflag", &rentbus_unflag_args_schema, true},
    {"NewEvent", &rentbus_new_event_schema, false},
    {"Publish", &rentbus_publish_args_schema, false},
    {"Consumer", &rentbus_consumer_schema, false},
    {"ConsumerStatus", &rentbus_consumer_status_schema, false},
    {"ConsumerPage", &rentbus_consumer_page_schema, false},
    {"Failure", &rentbus_failure_schema, false},
    {"Parked", &rentbus_parked_schema, false},
    {"ParkedPage", &rentbus_parked_page_schema, false},
    {"SeqRef", &rentbus_seq_ref_schema, false},
    {"ConsumerPut", &rentbus_consumer_put_args_schema, true},
    {"ConsumerCommand", &rentbus_consumer_args_schema, true},
    {"ConsumerReset", &rentbus_consumer_reset_args_schema, true},
    {"ConsumerSkip", &rentbus_consumer_skip_args_schema, true},
    {"ConsumerParked", &rentbus_consumer_parked_args_schema, true},
};

static bool field_required(const struct described *row, const struct rentbus_field *field)
{
    bool is_id = strcmp(field->name, "id") == 0 || strcmp(field->name, "rental_id") == 0;
    return field->need != RENTBUS_NEED_OPTIONAL && !(row->named && is_id);
}

static bool array_names(const json_t *array, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach(array, index, item)
    {
        if (strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

static void every_struct_has_the_fields_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        const struct rentbus_schema *schema = described[i].schema;
        json_t *object = component("schemas", described[i].name);
        json_t *properties = json_object_get(object, "properties");
        json_t *required = json_object_get(object, "required");
        size_t needed = 0;
        if (json_object_size(properties) != schema->count)
            fail_msg("%s has %zu fields", described[i].name, schema->count);
        for (size_t j = 0; j < schema->count; j++) {
            const char *name = schema->fields[j].name;
            bool must = field_required(&described[i], &schema->fields[j]);
            needed += must;
            if (!json_object_get(properties, name) || array_names(required, name) != must)
                fail_msg("%s.%s is not described as it is", described[i].name, name);
        }
        assert_int_equal(json_array_size(required), needed);
    }
}

static bool text_is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Whether a schema of the document can be that of a field of this kind. */
static bool kind_fits(enum rentbus_kind kind, const json_t *schema)
{
    static const struct {
        const char *key;
        const char *text;
    } marks[] = {
        [RENTBUS_KIND_QR] = {"contentEncoding", "base64"},
        [RENTBUS_KIND_TIME] = {"format", "date-time"},
        [RENTBUS_KIND_DURATION] = {"format", "duration"},
        [RENTBUS_KIND_UINT] = {"type", "integer"},
        [RENTBUS_KIND_INT] = {"type", "integer"},
        [RENTBUS_KIND_BOOL] = {"type", "boolean"},
        [RENTBUS_KIND_UUID] = {"format", "uuid"},
        [RENTBUS_KIND_HASH] = {"contentEncoding", "base64"},
        [RENTBUS_KIND_IDS] = {"type", "array"},
        [RENTBUS_KIND_TYPES] = {"type", "array"},
        [RENTBUS_KIND_MAPS] = {"type", "array"},
        [RENTBUS_KIND_WORD] = {"type", "string"},
        [RENTBUS_KIND_MAP] = {NULL, NULL},
    };
    bool known = (size_t)kind < sizeof(marks) / sizeof(marks[0]) && marks[kind].key;
    if (kind == RENTBUS_KIND_MAP)
        return json_object_get(schema, "$ref") != NULL;
    if (kind == RENTBUS_KIND_UINT && json_number_value(json_object_get(schema, "minimum")) < 0)
        return false;
    return !known || text_is(json_object_get(schema, marks[kind].key), marks[kind].text);
}

static void every_field_is_of_the_kind_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        json_t *properties = json_object_get(component("schemas", described[i].name), "properties");
        for (size_t j = 0; j < described[i].schema->count; j++) {
            const struct rentbus_field *field = &described[i].schema->fields[j];
            if (!kind_fits(field->kind, json_object_get(properties, field->name)))
                fail_msg("%s.%s is of another kind", described[i].name, field->name);
        }
    }
}

static bool words_fit(const struct rentbus_words *words, const json_t *array)
{
    bool fit = json_array_size(array) == words->count - 1;
    for (size_t word = 1; fit && word < words->count; word++)
        fit = array_names(array, words->texts[word]);
    return fit;
}

static void every_word_is_one_of_those_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        json_t *properties = json_object_get(component("schemas", described[i].name), "properties");
        for (size_t j = 0; j < described[i].schema->count; j++) {
            const struct rentbus_field *field = &described[i].schema->fields[j];
            json_t *words = json_object_get(json_object_get(properties, field->name), "enum");
            if (field->kind == RENTBUS_KIND_WORD && !words_fit(field->words, words))
                fail_msg("%s.%s has other words", described[i].name, field->name);
        }
    }
}

static json_t *operation_of(const struct http_route *route)
{
    json_t *methods = json_object_get(json_object_get(document, "paths"), route->pattern);
    char method[8] = "";
    for (size_t i = 0; i < sizeof(method) - 1 && route->method[i]; i++)
        method[i] = (char)(route->method[i] | 0x20);
    return json_object_get(methods, method);
}

static bool refers(const json_t *value, const char *target)
{
    const char *text = json_string_value(json_object_get(value, "$ref"));
    return text && strcmp(text, target) == 0;
}

static bool parameter_given(const json_t *operation, const char *target)
{
    size_t index;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), index, parameter)
    {
        if (refers(parameter, target))
            return true;
    }
    return false;
}

static void every_command_can_be_run_dry_and_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < http_route_count; i++) {
        const struct http_route *route = &http_routes[i];
        bool command = route->op != RENTBUS_OP_COUNT &&
                       rentbus_op_rows[route->op].mode == RENTBUS_MODE_COMMAND;
        const json_t *operation = operation_of(route);
        const json_t *responses = json_object_get(operation, "responses");
        bool dry = parameter_given(operation, "#/components/parameters/DryRun") &&
                   refers(json_object_get(responses, "200"), "#/components/responses/DryRun");
        bool again = parameter_given(operation, "#/components/parameters/IdempotencyKey") &&
                     refers(json_object_get(responses, "202"), "#/components/responses/Accepted");
        if (dry != command || again != command)
            fail_msg("%s %s", route->method, route->pattern);
    }
}

/* ---- queries ---- */

/* The schema that a parameter in the query has, or NULL when the operation has none of this name.
 */
static json_t *query_schema(const json_t *operation, const char *name, size_t length)
{
    static const char prefix[] = "#/components/parameters/";
    size_t index;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), index, parameter)
    {
        const char *target = json_string_value(json_object_get(parameter, "$ref"));
        if (target)
            parameter = component("parameters", target + sizeof(prefix) - 1);
        const char *found = json_string_value(json_object_get(parameter, "name"));
        if (text_is(json_object_get(parameter, "in"), "query") && strlen(found) == length &&
            memcmp(found, name, length) == 0)
            return json_object_get(parameter, "schema");
    }
    return NULL;
}

static size_t queries_count(const json_t *operation)
{
    size_t count = 0;
    size_t index;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), index, parameter)
    {
        const char *target = json_string_value(json_object_get(parameter, "$ref"));
        count += text_is(json_object_get(parameter, "in"), "query") ||
                 (target && strncmp(strrchr(target, '/'), "/At", 3) == 0);
    }
    return count;
}

/* What may be asked in the query of a route. */
static const struct rentbus_schema *route_query(const struct http_route *route)
{
    if (route->handle == http_list_of_user)
        return &rentbus_at_args_schema;
    if (route->handle == http_read || route->handle == http_read_on ||
        route->handle == http_get_events)
        return rentbus_op_rows[route->op].args;
    return NULL;
}

/* Whether the path says it, or says what excludes it. */
static bool path_says(const struct http_route *route, const struct rentbus_schema *schema,
                      size_t index)
{
    const char *brace = strchr(route->pattern, '{');
    if (!brace || route->handle == http_list_of_user)
        return false;
    struct rentbus_text name = {brace + 1, strcspn(brace, "}") - 1};
    const char *field = schema->fields[index].name;
    bool thing = strcmp(field, "rental_id") == 0 || strcmp(field, "user_id") == 0 ||
                 strcmp(field, "asset_id") == 0 || strcmp(field, "command_id") == 0;
    bool one_of_many = route->op == RENTBUS_OP_events_read || route->op == RENTBUS_OP_explain;
    return http_path_field(schema, name) == index || (one_of_many && thing);
}

static void every_query_has_the_parameters_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < http_route_count; i++) {
        const struct rentbus_schema *schema = route_query(&http_routes[i]);
        const json_t *operation = operation_of(&http_routes[i]);
        size_t expected = 0;
        for (size_t j = 0; schema && j < schema->count; j++) {
            const struct rentbus_field *field = &schema->fields[j];
            if (path_says(&http_routes[i], schema, j))
                continue;
            size_t plural = field->kind == RENTBUS_KIND_IDS || field->kind == RENTBUS_KIND_TYPES;
            json_t *found = query_schema(operation, field->name, field->name_length - plural);
            bool words = field->kind != RENTBUS_KIND_WORD ||
                         words_fit(field->words, json_object_get(found, "enum"));
            if (!found || !kind_fits(field->kind, found) || !words)
                fail_msg("%s: %s", http_routes[i].pattern, field->name);
            expected++;
        }
        if (schema && queries_count(operation) != expected)
            fail_msg("%s has %zu parameters", http_routes[i].pattern, expected);
    }
}

/* A new read has `at` and a new handler is thought of here. */
static void every_read_can_be_asked_of_the_past(void **state)
{
    (void)state;
    for (size_t i = 0; i < http_route_count; i++) {
        const struct http_route *route = &http_routes[i];
        if (route->op == RENTBUS_OP_COUNT || rentbus_op_rows[route->op].mode != RENTBUS_MODE_READ)
            continue;
        if (!query_schema(operation_of(route), "at", 2) ||
            !query_schema(operation_of(route), "at_seq", 6))
            fail_msg("%s %s", route->method, route->pattern);
    }
}

static void every_braces_name_a_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < http_route_count; i++) {
        const char *brace = strchr(http_routes[i].pattern, '{');
        struct rentbus_text name = {brace ? brace + 1 : "", brace ? strcspn(brace, "}") - 1 : 0};
        const struct rentbus_schema *schema =
            brace ? rentbus_op_rows[http_routes[i].op].args : NULL;
        if (schema && http_path_field(schema, name) == schema->count)
            fail_msg("%s", http_routes[i].pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_struct_has_the_fields_of_the_table),
        cmocka_unit_test(every_field_is_of_the_kind_of_the_table),
        cmocka_unit_test(every_word_is_one_of_those_of_the_table),
        cmocka_unit_test(every_command_can_be_run_dry_and_sent_again),
        cmocka_unit_test(every_query_has_the_parameters_of_the_table),
        cmocka_unit_test(every_read_can_be_asked_of_the_past),
        cmocka_unit_test(every_braces_name_a_field),
    };
    return cmocka_run_group_tests(tests, document_setup, document_teardown);
}
