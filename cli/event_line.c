/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"

#include "cli/field.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_SIZE (4 * RENTBUS_TEXT_MAX + 1)

static void put_clean(FILE *out, const char *before, struct rentbus_text text)
{
    char clean[SHOWN_SIZE];
    fprintf(out, "%s%s", before, cli_text_clean(text, clean, sizeof(clean)));
}

static void put_json_text(FILE *out, const char *before, const json_t *json)
{
    put_clean(out, before,
              (struct rentbus_text){json_string_value(json), json_string_length(json)});
}

/* What is missing of a device, as in 3-7. False when it is something else. */
static bool put_hole(FILE *out, const char *before, const json_t *value)
{
    const json_t *first = json_object_get(value, "first");
    const json_t *last = json_object_get(value, "last");
    if (!json_is_integer(first) || !json_is_integer(last))
        return false;
    fprintf(out, "%s%" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT, before,
            json_integer_value(first), json_integer_value(last));
    return true;
}

/* Of an object, such as a rental or an event, its id or seq tells enough. */
static void put_one(FILE *out, const char *before, const json_t *value)
{
    const json_t *id = json_object_get(value, "id");
    const json_t *shown = id ? id : json_object_get(value, "seq");
    if (!shown)
        shown = value;
    if (json_is_string(shown))
        put_json_text(out, before, shown);
    else if (json_is_integer(shown))
        fprintf(out, "%s%" JSON_INTEGER_FORMAT, before, json_integer_value(shown));
    else if (json_is_real(shown))
        fprintf(out, "%s%.15g", before, json_real_value(shown));
    else if (json_is_boolean(shown))
        fprintf(out, "%s%s", before, json_is_true(shown) ? "yes" : "no");
    else if (!put_hole(out, before, shown))
        fprintf(out, "%s...", before);
}

static void put_value(FILE *out, const json_t *member)
{
    if (!json_is_array(member)) {
        put_one(out, "=", member);
        return;
    }
    fputc('=', out);
    for (size_t i = 0; i < json_array_size(member); i++)
        put_one(out, i > 0 ? "," : "", json_array_get(member, i));
}

static void put_members(FILE *out, const char *prefix, const json_t *object, unsigned depth)
{
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)object, name, member)
    {
        /* Of an object without an id, such as a policy, its members. */
        if (depth == 0 && json_is_object(member) && !json_object_get(member, "id")) {
            put_members(out, name, member, depth + 1);
            continue;
        }
        if (ftell(out) > 0)
            fputs("  ", out);
        put_clean(out, prefix, rentbus_text(*prefix ? "." : ""));
        put_clean(out, "", rentbus_text(name));
        put_value(out, member);
    }
}

char *cli_event_data_text(const json_t *data)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    put_members(out, "", data, 0);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* To be given to free(); NULL when out of memory. */
static char *data_text(const struct rentbus_event *event)
{
    char *text = rentbus_to_json(&rentbus_event_schema, event);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    rentbus_free(text);
    char *data = json ? cli_event_data_text(json_object_get(json, "data")) : NULL;
    json_decref(json);
    return data;
}

const struct cli_column cli_event_columns[CLI_EVENT_COLUMN_COUNT] = {
    {"SEQ", "seq"}, {"TIME", "time"}, {"EVENT", "type"}, {"SUBJECT", "subject"}, {"DATA", "data"}};

enum cli_exit cli_event_row(struct cli_table *table, const struct rentbus_event *event)
{
    char seq[24];
    char time[RENTBUS_TIME_TEXT_SIZE];
    char type[SHOWN_SIZE];
    char subject[SHOWN_SIZE];
    char *data = data_text(event);
    const char *const texts[CLI_EVENT_COLUMN_COUNT] = {
        seq, time, cli_text_clean(event->type, type, sizeof(type)),
        cli_text_clean(event->subject, subject, sizeof(subject)), data};
    snprintf(seq, sizeof(seq), "%llu", (unsigned long long)event->seq);
    rentbus_time_format(event->time, time);
    enum cli_exit exit = data ? cli_table_add_texts(table, texts) : CLI_EXIT_INTERNAL;
    free(data);
    return exit;
}

static enum cli_exit print_plain(const struct cli *cli, const struct rentbus_event *event)
{
    char time[RENTBUS_TIME_TEXT_SIZE];
    char *data = data_text(event);
    if (!data) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    rentbus_time_format(event->time, time);
    printf("%llu  %s", (unsigned long long)event->seq, time);
    put_clean(stdout, "  ", event->type);
    if (RENTBUS_HAS(event, event, subject))
        put_clean(stdout, "  ", event->subject);
    printf("%s%s\n", *data ? "  " : "", data);
    free(data);
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
