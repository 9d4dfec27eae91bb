/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"

#include "cli/field.h"
#include "cli/report.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>

#define TABLE_ROWS_SHOWN 1000

struct cli_table {
    const struct cli *cli;
    const struct rentbus_schema *schema;
    const struct cli_column *columns;
    size_t column_count;
    struct libscols_table *rows;
};

static enum cli_exit table_failed(const struct cli *cli, int error)
{
    cli_report_failure(cli, error, NULL);
    return CLI_EXIT_INTERNAL;
}

static const struct rentbus_field *column_field(const struct rentbus_schema *schema,
                                                const struct cli_column *column)
{
    size_t index = rentbus_schema_find(schema, column->field, strlen(column->field));
    return index == schema->count ? NULL : &schema->fields[index];
}

static struct libscols_table *table_new(bool headings)
{
    struct libscols_table *rows = scols_new_table();
    if (rows) {
        scols_table_enable_noheadings(rows, !headings);
        /* Ids are for copying: never cut to the width of the terminal. */
        scols_table_set_termforce(rows, SCOLS_TERMFORCE_NEVER);
    }
    return rows;
}

enum cli_exit cli_table_create(const struct cli *cli, const struct rentbus_schema *schema,
                               const struct cli_column *columns, size_t count,
                               struct cli_table **table)
{
    struct cli_table *made = calloc(1, sizeof(*made));
    if (!made)
        return table_failed(cli, -ENOMEM);
    *made = (struct cli_table){cli, schema, columns, count, table_new(true)};
    bool good = made->rows != NULL;
    for (size_t i = 0; good && i < count; i++) {
        const struct rentbus_field *field = column_field(schema, &columns[i]);
        bool right = field && (field->kind == RENTBUS_KIND_UINT || field->kind == RENTBUS_KIND_INT);
        good = field && scols_table_new_column(made->rows, columns[i].heading, 0,
                                               right ? SCOLS_FL_RIGHT : 0);
    }
    if (!good) {
        cli_table_destroy(&made);
        return table_failed(cli, -ENOMEM);
    }
    *table = made;
    return CLI_EXIT_OK;
}

void cli_table_destroy(struct cli_table **table)
{
    if (!*table)
        return;
    scols_unref_table((*table)->rows);
    free(*table);
    *table = NULL;
}

enum cli_exit cli_table_finish(struct cli_table *table)
{
    if (scols_table_get_nlines(table->rows) > 0 && scols_print_table(table->rows) < 0)
        return CLI_EXIT_OUTPUT;
    scols_table_remove_lines(table->rows);
    scols_table_enable_noheadings(table->rows, 1);
    return cli_output_flush();
}

/* Shows the rows when there are enough of them. */
static enum cli_exit table_ease(struct cli_table *table)
{
    if (scols_table_get_nlines(table->rows) < TABLE_ROWS_SHOWN)
        return CLI_EXIT_OK;
    return cli_table_finish(table);
}

enum cli_exit cli_table_add_texts(struct cli_table *table, const char *const *texts)
{
    struct libscols_line *line = scols_table_new_line(table->rows, NULL);
    if (!line)
        return table_failed(table->cli, -ENOMEM);
    for (size_t i = 0; i < table->column_count; i++)
        if (scols_line_set_data(line, i, texts[i]) != 0)
            return table_failed(table->cli, -ENOMEM);
    return table_ease(table);
}

enum cli_exit cli_table_add(struct cli_table *table, const void *value)
{
    char text[CLI_FIELD_TEXT_SIZE];
    if (table->cli->json)
        return cli_output_json(table->cli, table->schema, value);
    struct libscols_line *line = scols_table_new_line(table->rows, NULL);
    if (!line)
        return table_failed(table->cli, -ENOMEM);
    for (size_t i = 0; i < table->column_count; i++) {
        const char *field = table->columns[i].field;
        size_t index = rentbus_schema_find(table->schema, field, strlen(field));
        if (scols_line_set_data(line, i, cli_field_text(table->schema, index, value, text)) != 0)
            return table_failed(table->cli, -ENOMEM);
    }
    return table_ease(table);
}

enum cli_exit cli_output_record(const struct cli *cli, const struct rentbus_schema *schema,
                                const struct cli_column *columns, size_t count, const void *value)
{
    char text[CLI_FIELD_TEXT_SIZE];
    enum cli_exit exit = CLI_EXIT_OK;
    if (cli->json)
        return cli_output_json(cli, schema, value);
    struct libscols_table *rows = table_new(false);
    if (!rows || !scols_table_new_column(rows, "", 0, 0) || !scols_table_new_column(rows, "", 0, 0))
        exit = CLI_EXIT_INTERNAL;
    for (size_t i = 0; exit == CLI_EXIT_OK && i < count; i++) {
        size_t index = rentbus_schema_find(schema, columns[i].field, strlen(columns[i].field));
        if (!cli_field_text(schema, index, value, text)[0])
            continue;
        struct libscols_line *line = scols_table_new_line(rows, NULL);
        if (!line || scols_line_set_data(line, 0, columns[i].heading) ||
            scols_line_set_data(line, 1, text))
            exit = CLI_EXIT_INTERNAL;
    }
    if (exit == CLI_EXIT_OK && scols_print_table(rows) < 0)
        exit = CLI_EXIT_OUTPUT;
    else if (exit != CLI_EXIT_OK)
        cli_report_failure(cli, -ENOMEM, NULL);
    scols_unref_table(rows);
    return exit == CLI_EXIT_OK ? cli_output_flush() : exit;
}
