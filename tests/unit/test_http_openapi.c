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

static void every_word_is_one_of_those_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(described) / sizeof(described[0]); i++) {
        json_t *properties = json_object_get(component("schemas", described[i].name), "properties");
        for (size_t j = 0; j < described[i].schema->count; j++) {
            const struct rentbus_field *field = &described[i].schema->fields[j];
            json_t *words = json_object_get(json_object_get(properties, field->name), "enum");
            if (field->kind != RENTBUS_KIND_WORD)
                continue;
            if (json_array_size(words) != field->words->count - 1)
                fail_msg("%s.%s has other words", described[i].name, field->name);
            for (size_t word = 1; word < field->words->count; word++)
                assert_true(array_names(words, field->words->texts[word]));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_struct_has_the_fields_of_the_table),
        cmocka_unit_test(every_word_is_one_of_those_of_the_table),
        cmocka_unit_test(every_command_can_be_run_dry_and_sent_again),
    };
    return cmocka_run_group_tests(tests, document_setup, document_teardown);
}
