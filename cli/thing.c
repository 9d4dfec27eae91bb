/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"

#include "cli/field.h"
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/text.h"

/* The structs that a thing is put, asked for and answered with. */
union thing_args {
    struct rentbus_user user;
    struct rentbus_asset_put_args asset;
    struct rentbus_asset_type_put_args asset_type;
    struct rentbus_location location;
};

union thing_result {
    struct rentbus_user_result user;
    struct rentbus_asset_result asset;
    struct rentbus_asset_type_result asset_type;
    struct rentbus_location_result location;
};

static const struct cli_thing *thing_of(const struct cli_line *line)
{
    return line->verb->detail;
}

static enum cli_exit thing_put(struct cli *cli, const struct cli_line *line)
{
    const struct cli_thing *thing = thing_of(line);
    const struct rentbus_schema *schema = rentbus_op_rows[thing->put].args;
    struct rentbus_text id = rentbus_text(line->words[1]);
    struct rentbus_command_result result;
    struct rentbus_uuid command_id;
    struct rentbus_fault fault;
    union thing_args args = {0};
    if (thing->put_option && !cli_line_has(line, thing->put_option))
        return cli_report_usage(cli, "%s put: --%s is missing", line->verb->name,
                                thing->put_option);
    if (cli_field_set(schema, rentbus_schema_find(schema, "id", 2), id, &args, &fault)) {
        cli_report_fault(cli, &fault);
        return CLI_EXIT_BAD_DATA;
    }
    enum cli_exit exit = cli_line_fill(cli, line, schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_command_id(cli, cli_line_value(line, "id"), &command_id);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, thing->put, &command_id, &args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_result(cli, &command_id, &result, line->verb->name, id);
}

static enum cli_exit thing_get(struct cli *cli, const struct cli_line *line)
{
    const struct cli_thing *thing = thing_of(line);
    struct rentbus_id_args args = {0};
    union thing_result result;
    RENTBUS_SET(&args, id_args, id, rentbus_text(line->words[1]));
    enum cli_exit exit = cli_call(cli, thing->get, NULL, &args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    /* The one field of the result is the thing. */
    const char *value =
        (const char *)&result + rentbus_op_rows[thing->get].result->fields[0].offset;
    return cli_output_record(cli, thing->schema, thing->columns, thing->column_count, value);
}

static enum cli_exit thing_item(void *context, const void *item)
{
    return cli_table_add(context, item);
}

static enum cli_exit thing_list(struct cli *cli, const struct cli_line *line)
{
    const struct cli_thing *thing = thing_of(line);
    struct rentbus_list_args args = {0};
    struct cli_table *table;
    uint64_t limit = UINT64_MAX;
    enum cli_exit exit = cli_line_number(cli, line, "limit", &limit);
    if (exit == CLI_EXIT_OK)
        exit = cli_table_create(cli, thing->schema, thing->columns, thing->column_count, &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_pages_read(cli, thing->list, &args, limit, thing_item, table);
    exit = cli_exit_worse(exit, cli_table_finish(table));
    cli_table_destroy(&table);
    return exit;
}

static const struct {
    const char *word;
    size_t words; /* with itself */
    enum cli_exit (*run)(struct cli *cli, const struct cli_line *line);
} actions[] = {
    {"put", 2, thing_put},
    {"get", 2, thing_get},
    {"list", 1, thing_list},
};

static enum cli_exit option_check(const struct cli *cli, const struct cli_line *line,
                                  const char *action)
{
    for (size_t i = 0; i < line->given_count; i++) {
        const char *name = line->given[i].option->name;
        const char *home = strcmp(name, "limit") == 0 ? "list" : "put";
        if (strcmp(home, action) != 0)
            return cli_report_usage(cli, "%s %s: --%s is for %s", line->verb->name, action, name,
                                    home);
    }
    return CLI_EXIT_OK;
}

enum cli_exit cli_thing_run(struct cli *cli, const struct cli_line *line)
{
    const char *name = line->verb->name;
    const char *nearest = NULL;
    size_t distance = SIZE_MAX;
    if (line->word_count == 0)
        return cli_report_usage(cli, "%s: put, get or list?", name);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        cli_text_nearer(line->words[0], actions[i].word, &nearest, &distance);
        if (strcmp(line->words[0], actions[i].word) != 0)
            continue;
        enum cli_exit exit = cli_line_words(cli, line, actions[i].words, actions[i].words);
        if (exit == CLI_EXIT_OK)
            exit = option_check(cli, line, actions[i].word);
        return exit == CLI_EXIT_OK ? actions[i].run(cli, line) : exit;
    }
    return cli_report_usage(cli, "%s: unknown word %s: did you mean %s?", name, line->words[0],
                            nearest ? nearest : "list");
}
