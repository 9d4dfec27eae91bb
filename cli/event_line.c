/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"

#include "cli/field.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_SIZE (4 * RENTBUS_TEXT_MAX + 1)

static void print_clean(const char *before, struct rentbus_text text)
{
    char clean[SHOWN_SIZE];
    printf("%s%s", before, cli_text_clean(text, clean, sizeof(clean)));
}

static void print_json_text(const char *before, const json_t *json)
{
    print_clean(before, (struct rentbus_text){json_string_value(json), json_string_length(json)});
}

/* Of an object, such as a rental, its id tells enough. */
static void print_member(const char *name, const json_t *member)
{
    const json_t *id = json_object_get(member, "id");
    print_clean("  ", rentbus_text(name));
    if (json_is_string(member))
        print_json_text("=", member);
    else if (json_is_string(id))
        print_json_text("=", id);
    else if (json_is_integer(member))
        printf("=%" JSON_INTEGER_FORMAT, json_integer_value(member));
    else if (json_is_boolean(member))
        printf("=%s", json_is_true(member) ? "yes" : "no");
    else
        fputs("=...", stdout);
}

static void print_data(const json_t *data)
{
    const char *name;
    const json_t *member;
    json_object_foreach((json_t *)(uintptr_t)data, name, member) print_member(name, member);
}

static enum cli_exit print_plain(const struct cli *cli, const struct rentbus_event *event)
{
    char time[RENTBUS_TIME_TEXT_SIZE];
    char *text = rentbus_to_json(&rentbus_event_schema, event);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    rentbus_free(text);
    if (!json) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    rentbus_time_format(event->time, time);
    printf("%llu  %s", (unsigned long long)event->seq, time);
    print_clean("  ", event->type);
    if (RENTBUS_HAS(event, event, subject))
        print_clean("  ", event->subject);
    print_data(json_object_get(json, "data"));
    putchar('\n');
    json_decref(json);
    return cli_output_flush();
}

enum cli_exit cli_event_print(const struct cli *cli, const struct rentbus_event *event)
{
    if (cli->json)
        return cli_output_json(cli, &rentbus_event_schema, event);
    return print_plain(cli, event);
}

enum cli_exit cli_event_types(const struct cli *cli, const struct cli_line *line,
                              struct rentbus_ids *types)
{
    const struct rentbus_schema *schema = &rentbus_events_read_args_schema;
    size_t index = rentbus_schema_find(schema, "types", 5);
    types->count = 0;
    for (size_t i = 0; i < line->given_count; i++) {
        struct rentbus_events_read_args args = {0};
        struct rentbus_fault fault;
        if (strcmp(line->given[i].option->name, "type") != 0)
            continue;
        int status =
            cli_field_set(schema, index, rentbus_text(line->given[i].value), &args, &fault);
        if (status == 0 && types->count + args.types.count > RENTBUS_IDS_MAX)
            status = cli_fault_set(&fault, RENTBUS_ERROR_INVALID_ARGUMENT, "types",
                                   "must be at most %d types", RENTBUS_IDS_MAX);
        if (status) {
            cli_report_fault(cli, &fault);
            return CLI_EXIT_BAD_DATA;
        }
        for (size_t t = 0; t < args.types.count; t++)
            types->items[types->count++] = args.types.items[t];
    }
    return CLI_EXIT_OK;
}
