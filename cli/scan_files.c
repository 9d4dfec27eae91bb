/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/scan_files.h"

#include "cli/documents.h"
#include "cli/report.h"
#include "cli/send.h"

/* The arguments of either operation. */
union scan_args {
    struct rentbus_return_args return_args;
    struct rentbus_checkout_args checkout_args;
};

/* A run over files. */
struct scans {
    struct cli *cli;
    const struct cli_line *line;
    enum rentbus_op op;
    uint64_t count;
    enum cli_exit worst;
};

static enum cli_exit send_document(struct scans *scans, struct rentbus_text json)
{
    union scan_args args = {0};
    struct rentbus_fault fault;
    void *storage = NULL;
    if (scans->count++ > 0 && cli_line_has(scans->line, "id"))
        return cli_report_usage(scans->cli, "--id is for one scan");
    int status = rentbus_from_json(rentbus_op_rows[scans->op].args, json.data, json.length, &args,
                                   &storage, &fault);
    if (status > 0)
        cli_report_fault(scans->cli, &fault);
    else if (status < 0)
        cli_report_failure(scans->cli, status, NULL);
    if (status != 0)
        return cli_exit_of_status(status);
    const struct rentbus_schema *schema = rentbus_op_rows[scans->op].args;
    enum cli_exit exit = cli_line_fill(scans->cli, scans->line, schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_send(scans->cli, scans->line, scans->op, &args, NULL, (struct rentbus_text){0});
    rentbus_free(storage);
    return exit;
}

/* Whether the next scan may fare better. */
static bool go_on(enum cli_exit exit)
{
    return exit == CLI_EXIT_OK || exit == CLI_EXIT_REJECTED || exit == CLI_EXIT_NOT_FOUND ||
           exit == CLI_EXIT_BAD_DATA;
}

static bool send_file(struct scans *scans, const char *path)
{
    struct cli_documents *documents = NULL;
    struct cli *cli = scans->cli;
    enum cli_exit exit = cli_documents_open(cli, path, &documents);
    scans->worst = cli_exit_worse(scans->worst, exit);
    if (exit != CLI_EXIT_OK)
        return true;
    cli->place.file = path;
    struct rentbus_text json;
    do {
        exit = cli_documents_next(cli, documents, &json, &cli->place.line);
        if (exit == CLI_EXIT_OK && json.data)
            exit = send_document(scans, json);
        scans->worst = cli_exit_worse(scans->worst, exit);
    } while (!cli_documents_ended(documents) && go_on(exit));
    cli->place = (struct cli_place){0};
    cli_documents_close(&documents);
    return go_on(exit);
}

enum cli_exit cli_scan_files_send(struct cli *cli, const struct cli_line *line, enum rentbus_op op)
{
    struct scans scans = {.cli = cli, .line = line, .op = op};
    bool more = true;
    for (size_t i = 0; i < line->given_count; i++) {
        const char *name = line->given[i].option->name;
        if (strcmp(name, "event") != 0 && strcmp(name, "id") != 0 && strcmp(name, "dry-run") != 0)
            return cli_report_usage(cli, "--%s and --event do not go together", name);
    }
    for (size_t i = 0; i < line->given_count && more; i++)
        if (strcmp(line->given[i].option->name, "event") == 0)
            more = send_file(&scans, line->given[i].value);
    for (size_t i = 0; i < line->word_count && more; i++)
        more = send_file(&scans, line->words[i]);
    return scans.worst;
}
