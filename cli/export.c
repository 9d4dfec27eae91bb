/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/pages.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/row.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option options[] = {
    {"output", "FILE", "write there; else to standard output", NULL},
};

struct exporting {
    struct cli *cli;
    FILE *file;
    struct cli_progress progress;
    uint64_t done;
    uint64_t total; /* 0: unknown */
    enum cli_row_kind kind;
    const struct rentbus_schema *schema; /* of what the list of this kind gives */
    bool incomplete;                     /* something could not be written */
};

static enum cli_exit skip_device(struct exporting *exporting, const struct rentbus_device *device)
{
    char id[RENTBUS_ID_MAX + 1];
    cli_progress_clear(&exporting->progress);
    cli_report(exporting->cli, "TOO_LARGE",
               "device %s: misses scans in more than %d places: it is not written",
               cli_text_clean(device->id, id, sizeof(id)), RENTBUS_HOLES_MAX);
    exporting->incomplete = true;
    return CLI_EXIT_OK;
}

static enum cli_exit export_item(void *context, const void *item)
{
    struct exporting *exporting = context;
    if (!cli_row_made_of(exporting->kind, item))
        return CLI_EXIT_OK;
    if (!cli_row_complete(exporting->kind, item))
        return skip_device(exporting, item);
    char *line = cli_row_format(exporting->kind, exporting->schema, item);
    if (!line) {
        cli_report_failure(exporting->cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    int written = fprintf(exporting->file, "%s\n", line);
    free(line);
    exporting->done++;
    cli_progress_show(&exporting->progress, exporting->done, exporting->total, exporting->done);
    return written < 0 ? CLI_EXIT_OUTPUT : CLI_EXIT_OK;
}

/* The field of an operation's result with the items, or with the one thing that there is. */
static const struct rentbus_field *things_field(enum rentbus_op list)
{
    const struct rentbus_field *field = rentbus_op_rows[list].result->fields;
    while (field->kind != RENTBUS_KIND_MAPS && field->kind != RENTBUS_KIND_MAP)
        field++;
    return field;
}

static enum cli_exit export_kind(struct exporting *exporting, enum cli_row_kind kind)
{
    union {
        struct rentbus_list_args list;
        struct rentbus_rental_list_args rentals;
    } args = {0};
    struct rentbus_policy_result policy;
    enum rentbus_op list = cli_row_types[kind].list;
    const struct rentbus_field *things = things_field(list);
    exporting->kind = kind;
    exporting->schema = things->schema;
    if (things->kind == RENTBUS_KIND_MAPS)
        return cli_pages_read(exporting->cli, list, &args, UINT64_MAX, export_item, exporting);
    enum cli_exit exit = cli_call(exporting->cli, list, NULL, NULL, &policy);
    return exit == CLI_EXIT_OK ? export_item(exporting, &policy.policy) : exit;
}

/* How many rows there will be, for whoever watches. */
static uint64_t rows_count(struct cli *cli)
{
    struct rentbus_stats_result stats;
    if (cli_connect(cli) != CLI_EXIT_OK || rentbus_stats(cli->client, NULL, NULL, &stats) != 0)
        return 0;
    return stats.asset_types + stats.locations + stats.users + stats.assets + stats.rentals +
           stats.devices;
}

static enum cli_exit export_all(struct cli *cli, FILE *file)
{
    struct exporting exporting = {.cli = cli, .file = file};
    enum cli_exit exit = CLI_EXIT_OK;
    /* Where the rows themselves go to a terminal, a bar would stand between them. */
    cli_progress_begin(&exporting.progress, cli->json || isatty(fileno(file)));
    if (exporting.progress.wanted)
        exporting.total = rows_count(cli);
    for (int i = 0; exit == CLI_EXIT_OK && i < CLI_ROW_KIND_COUNT; i++)
        exit = export_kind(&exporting, (enum cli_row_kind)i);
    cli_progress_clear(&exporting.progress);
    return exporting.incomplete ? cli_exit_worse(exit, CLI_EXIT_BAD_DATA) : exit;
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
    .notes =
        "One object a line with its kind: policy, asset_type, location, user, block, asset,\n"
        "device or rental. A device that misses scans in more than 100 places cannot be written:\n"
        "it is named, the rest is written, and the exit code is 65.",
    .run = export_run,
};
