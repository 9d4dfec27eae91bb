/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/row.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    {"output", "FILE", "write there; else to standard output", NULL},
};

struct exporting {
    const struct cli *cli;
    FILE *file;
    enum cli_row_kind kind;
    const struct rentbus_schema *schema; /* of what the list of this kind gives */
};

static enum cli_exit export_item(void *context, const void *item)
{
    struct exporting *exporting = context;
    char *line = cli_row_format(exporting->kind, exporting->schema, item);
    if (!line) {
        cli_report_failure(exporting->cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    int written = fprintf(exporting->file, "%s\n", line);
    free(line);
    return written < 0 ? CLI_EXIT_OUTPUT : CLI_EXIT_OK;
}

static const struct rentbus_schema *listed_schema(enum rentbus_op list)
{
    const struct rentbus_schema *page = rentbus_op_rows[list].result;
    for (size_t i = 0; i < page->count; i++)
        if (page->fields[i].kind == RENTBUS_KIND_MAPS)
            return page->fields[i].schema;
    return NULL;
}

static enum cli_exit export_all(struct cli *cli, FILE *file)
{
    enum cli_exit exit = CLI_EXIT_OK;
    for (int i = 0; exit == CLI_EXIT_OK && i < CLI_ROW_KIND_COUNT; i++) {
        union {
            struct rentbus_list_args list;
            struct rentbus_rental_list_args rentals;
        } args = {0};
        enum rentbus_op list = cli_row_types[i].list;
        struct exporting exporting = {cli, file, (enum cli_row_kind)i, listed_schema(list)};
        exit = cli_pages_read(cli, list, &args, UINT64_MAX, export_item, &exporting);
    }
    return exit;
}

static enum cli_exit export_file(struct cli *cli, const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file) {
        cli_report(cli, "OUTPUT", "%s: %s", path, strerror(errno));
        return CLI_EXIT_OUTPUT;
    }
    enum cli_exit exit = export_all(cli, file);
    if (fclose(file) != 0 || exit == CLI_EXIT_OUTPUT) {
        cli_report(cli, "OUTPUT", "%s: %s", path, strerror(errno));
        return CLI_EXIT_OUTPUT;
    }
    return exit;
}

static enum cli_exit export_run(struct cli *cli, const struct cli_line *line)
{
    const char *path = cli_line_value(line, "output");
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit != CLI_EXIT_OK)
        return exit;
    return path && strcmp(path, "-") != 0 ? export_file(cli, path) : export_all(cli, stdout);
}

const struct cli_verb cli_verb_export = {
    .name = "export",
    .summary = "Write the ledger as JSON that import reads",
    .usage = "[--output FILE]",
    .options = CLI_OPTIONS(options),
    .notes = "One object a line with its kind: asset_type, location, user, asset or rental.",
    .run = export_run,
};
