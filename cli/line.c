/* SPDX-License-Identifier: MPL-2.0 */
/* What verbs ask of their command line. */
#include "cli/command_line.h"
#include "cli/field.h"
#include "cli/report.h"

static const struct cli_given *given_find(const struct cli_line *line, const char *option)
{
    for (size_t i = line->given_count; i-- > 0;)
        if (strcmp(line->given[i].option->name, option) == 0)
            return &line->given[i];
    return NULL;
}

const char *cli_line_value(const struct cli_line *line, const char *option)
{
    const struct cli_given *given = given_find(line, option);
    return given ? given->value : NULL;
}

bool cli_line_has(const struct cli_line *line, const char *option)
{
    return given_find(line, option) != NULL;
}

static void set_value(const struct rentbus_schema *schema, size_t index, const void *value,
                      size_t size, void *args)
{
    memcpy((char *)args + schema->fields[index].offset, value, size);
    *(uint64_t *)args |= UINT64_C(1) << index;
}

static enum cli_exit set_text(const struct cli *cli, const struct rentbus_schema *schema,
                              size_t index, const char *text, void *args)
{
    struct rentbus_fault fault;
    bool now = schema->fields[index].kind == RENTBUS_KIND_TIME && strcmp(text, "now") == 0;
    if (now) {
        set_value(schema, index, &(int64_t){cli_now()}, sizeof(int64_t), args);
    } else if (cli_field_set(schema, index, rentbus_text(text), args, &fault)) {
        cli_report_fault(cli, &fault);
        return CLI_EXIT_BAD_DATA;
    }
    return CLI_EXIT_OK;
}

enum cli_exit cli_line_fill(const struct cli *cli, const struct cli_line *line,
                            const struct rentbus_schema *schema, void *args)
{
    enum cli_exit exit = CLI_EXIT_OK;
    for (size_t i = 0; exit == CLI_EXIT_OK && i < line->given_count; i++) {
        const struct cli_given *given = &line->given[i];
        if (!given->option->field)
            continue;
        size_t index =
            rentbus_schema_find(schema, given->option->field, strlen(given->option->field));
        if (index == schema->count)
            return cli_report_usage(cli, "--%s does not go with this", given->option->name);
        if (given->value)
            exit = set_text(cli, schema, index, given->value, args);
        else
            set_value(schema, index, &(bool){true}, sizeof(bool), args);
    }
    return exit;
}

enum cli_exit cli_line_at(const struct cli *cli, const struct cli_line *line,
                          const struct rentbus_schema *schema, void *args)
{
    const char *at = cli_line_value(line, "at");
    uint64_t seq;
    if (!at)
        return CLI_EXIT_OK;
    const char *field = cli_number_parse(rentbus_text(at), &seq) ? "at_seq" : "at";
    return set_text(cli, schema, rentbus_schema_find(schema, field, strlen(field)), at, args);
}

enum cli_exit cli_line_number(const struct cli *cli, const struct cli_line *line,
                              const char *option, uint64_t *out)
{
    const char *value = cli_line_value(line, option);
    if (!value || cli_number_parse(rentbus_text(value), out))
        return CLI_EXIT_OK;
    return cli_report_usage(cli, "--%s: %s is no whole number", option, value);
}

enum cli_exit cli_line_milliseconds(const struct cli *cli, const struct cli_line *line,
                                    const char *option, uint32_t *out)
{
    const char *value = cli_line_value(line, option);
    if (!value || cli_milliseconds_parse(rentbus_text(value), out))
        return CLI_EXIT_OK;
    return cli_report_usage(cli, "--%s: %s is no time span, as in 5, 0.5 or PT1M", option, value);
}

enum cli_exit cli_line_words(const struct cli *cli, const struct cli_line *line, size_t least,
                             size_t most)
{
    if (line->word_count < least)
        return cli_report_usage(cli, "%s: something is missing", line->verb->name);
    if (line->word_count > most)
        return cli_report_usage(cli, "%s: %s is too much", line->verb->name, line->words[most]);
    return CLI_EXIT_OK;
}
