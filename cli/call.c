/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/documents.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    CLI_OPTION_ID,
};

static enum cli_exit op_unknown(const struct cli *cli, const char *name)
{
    const char *nearest = NULL;
    size_t distance = CLI_TEXT_NEAR(name);
    for (size_t i = 0; i < RENTBUS_OP_COUNT; i++)
        cli_text_nearer(name, rentbus_op_rows[i].wire, &nearest, &distance);
    if (nearest)
        return cli_report_usage(cli, "unknown operation %s: did you mean %s?", name, nearest);
    return cli_report_usage(cli, "unknown operation %s", name);
}

/* With `args` and `result` of the operation's sizes. */
static enum cli_exit call_run_with(struct cli *cli, const struct cli_line *line, enum rentbus_op op,
                                   struct rentbus_text json, void *args, void *result)
{
    const struct rentbus_op_row *row = &rentbus_op_rows[op];
    struct rentbus_uuid command_id;
    struct rentbus_fault fault;
    void *storage = NULL;
    int status = rentbus_from_json(row->args, json.data, json.length, args, &storage, &fault);
    enum cli_exit exit = cli_exit_of_status(status);
    if (status > 0)
        cli_report_fault(cli, &fault);
    else if (status < 0)
        cli_report_failure(cli, status, NULL);
    if (exit == CLI_EXIT_OK)
        exit = cli_command_id(cli, cli_line_value(line, "id"), &command_id);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, op, &command_id, args, result);
    if (status == 0)
        rentbus_free(storage);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_output_json(cli, row->result, result);
    if (row->mode == RENTBUS_MODE_COMMAND)
        exit = cli_exit_worse(exit, cli_exit_of_result(result));
    else if (row->mode == RENTBUS_MODE_BATCH)
        exit = cli_exit_worse(exit, cli_exit_of_batch(result));
    return exit;
}

static enum cli_exit call_run(struct cli *cli, const struct cli_line *line)
{
    struct cli_documents *documents = NULL;
    struct rentbus_text json = rentbus_text("{}");
    enum cli_exit exit = cli_line_words(cli, line, 1, 2);
    if (exit != CLI_EXIT_OK)
        return exit;
    enum rentbus_op op = rentbus_op_find(rentbus_text(line->words[0]));
    if (op == RENTBUS_OP_COUNT)
        return op_unknown(cli, line->words[0]);
    if (line->word_count == 2 && strcmp(line->words[1], "-") != 0)
        json = rentbus_text(line->words[1]);
    else if (line->word_count == 2)
        exit = cli_documents_whole(cli, "-", &documents, &json);

    void *args = calloc(1, rentbus_op_rows[op].args->size);
    void *result = calloc(1, rentbus_op_rows[op].result->size);
    if (exit == CLI_EXIT_OK && args && result)
        exit = call_run_with(cli, line, op, json, args, result);
    else if (exit == CLI_EXIT_OK)
        exit = CLI_EXIT_INTERNAL;
    free(result);
    free(args);
    cli_documents_close(&documents);
    return exit;
}

const struct cli_verb cli_verb_call = {
    .name = "call",
    .summary = "Call any operation of the protocol, arguments and result as JSON",
    .usage = "OPERATION [JSON|-] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .notes = "As in: rentbus call rental.list '{\"user_id\":\"tpg_u0001\"}'",
    .run = call_run,
};
