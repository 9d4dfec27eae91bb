/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"

#include "cli/field.h"
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/send.h"
#include "cli/text.h"

/* The structs that a thing is changed and answered with. */
union thing_args {
    struct rentbus_user_put_args user;
    struct rentbus_user_block_args block;
    struct rentbus_user_unblock_args unblock;
    struct rentbus_asset_put_args asset;
    struct rentbus_asset_type_put_args asset_type;
    struct rentbus_location_put_args location;
};

union thing_result {
    struct rentbus_user_result user;
    struct rentbus_asset_result asset;
    struct rentbus_asset_type_result asset_type;
    struct rentbus_location_result location;
    struct rentbus_device_result device;
};

static const struct cli_thing *thing_of(const struct cli_line *line)
{
    return line->verb->detail;
}

static enum cli_exit thing_send(struct cli *cli, const struct cli_line *line,
                                const struct cli_thing_command *command)
{
    const struct rentbus_schema *schema = rentbus_op_rows[command->op].args;
    struct rentbus_text id = rentbus_text(line->words[1]);
    struct rentbus_fault fault;
    union thing_args args = {0};
    if (command->needed && !cli_line_has(line, command->needed))
        return cli_report_usage(cli, "%s %s: --%s is missing", line->verb->name, command->word,
                                command->needed);
    if (cli_field_set(schema, rentbus_schema_find(schema, "id", 2), id, &args, &fault)) {
        cli_report_fault(cli, &fault);
        return CLI_EXIT_BAD_DATA;
    }
    enum cli_exit exit = cli_line_fill(cli, line, schema, &args);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_send(cli, line, command->op, &args, line->verb->name, id);
}

static enum cli_exit thing_get(struct cli *cli, const struct cli_line *line)
{
    const struct cli_thing *thing = thing_of(line);
    struct rentbus_id_args args = {0};
    union thing_result result;
    RENTBUS_SET(&args, id_args, id, rentbus_text(line->words[1]));
    enum cli_exit exit = cli_line_at(cli, line, &rentbus_id_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, thing->get, NULL, &args, &result);
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
        exit = cli_line_at(cli, line, &rentbus_list_args_schema, &args);
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
} lookups[] = {
    {"get", 2, thing_get},
    {"list", 1, thing_list},
};

/* Whether an option is one of a lookup: --at of both, --limit of list. */
static bool option_looks(const struct cli_option *option, const char *word)
{
    return strcmp(option->name, "at") == 0 ||
           (strcmp(option->name, "limit") == 0 && strcmp(word, "list") == 0);
}

static bool option_fits(const struct cli_option *option, const struct cli_thing_command *command)
{
    const struct rentbus_schema *schema = rentbus_op_rows[command->op].args;
    if (!option->field)
        return strcmp(option->name, "id") == 0;
    return rentbus_schema_find(schema, option->field, strlen(option->field)) < schema->count;
}

/* The first word that an option goes with. */
static const char *option_home(const struct cli_thing *thing, const struct cli_option *option)
{
    for (size_t i = 0; i < thing->command_count; i++)
        if (option_fits(option, &thing->commands[i]))
            return thing->commands[i].word;
    return strcmp(option->name, "at") == 0 ? "get and list" : "list";
}

/* `command` is NULL for a lookup. */
static enum cli_exit option_check(const struct cli *cli, const struct cli_line *line,
                                  const struct cli_thing_command *command)
{
    for (size_t i = 0; i < line->given_count; i++) {
        const struct cli_option *option = line->given[i].option;
        if (command ? option_fits(option, command) : option_looks(option, line->words[0]))
            continue;
        return cli_report_usage(cli, "%s %s: --%s is for %s", line->verb->name, line->words[0],
                                option->name, option_home(thing_of(line), option));
    }
    return CLI_EXIT_OK;
}

static enum cli_exit word_unknown(const struct cli *cli, const struct cli_line *line)
{
    const struct cli_thing *thing = thing_of(line);
    const char *nearest = "list";
    size_t distance = SIZE_MAX;
    for (size_t i = 0; i < thing->command_count; i++)
        cli_text_nearer(line->words[0], thing->commands[i].word, &nearest, &distance);
    for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++)
        cli_text_nearer(line->words[0], lookups[i].word, &nearest, &distance);
    return cli_report_usage(cli, "%s: unknown word %s: did you mean %s?", line->verb->name,
                            line->words[0], nearest);
}

enum cli_exit cli_thing_run(struct cli *cli, const struct cli_line *line)
{
    const struct cli_thing *thing = thing_of(line);
    if (line->word_count == 0)
        return cli_report_usage(cli, "%s: %sget or list?", line->verb->name,
                                thing->command_count > 0 ? "put, " : "");
    for (size_t i = 0; i < thing->command_count; i++) {
        if (strcmp(line->words[0], thing->commands[i].word) != 0)
            continue;
        enum cli_exit exit = cli_line_words(cli, line, 2, 2);
        if (exit == CLI_EXIT_OK)
            exit = option_check(cli, line, &thing->commands[i]);
        return exit == CLI_EXIT_OK ? thing_send(cli, line, &thing->commands[i]) : exit;
    }
    for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
        if (strcmp(line->words[0], lookups[i].word) != 0)
            continue;
        enum cli_exit exit = cli_line_words(cli, line, lookups[i].words, lookups[i].words);
        if (exit == CLI_EXIT_OK)
            exit = option_check(cli, line, NULL);
        return exit == CLI_EXIT_OK ? lookups[i].run(cli, line) : exit;
    }
    return word_unknown(cli, line);
}
