/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"problem", "problem"}, {"events", "events"},     {"hash", "hash"},
    {"rentals", "rentals"}, {"commands", "commands"},
};

static enum cli_exit verify_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_verify_result result;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_be_patient(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    /* Asked once, not again and again: it replays the journal. */
    cli->options.retry_ms = cli->options.timeout_ms;
    exit = cli_call(cli, RENTBUS_OP_admin_verify, NULL, NULL, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_output_record(cli, &rentbus_verify_result_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), &result);
    bool agrees = !RENTBUS_HAS(&result, verify_result, problem);
    if (!cli->json && agrees)
        puts("Journal, ledger and archive agree.");
    return agrees ? exit : cli_exit_worse(exit, CLI_EXIT_BAD_DATA);
}

const struct cli_verb cli_verb_verify = {
    .name = "verify",
    .summary = "Check that journal, ledger and archive agree",
    .usage = "",
    .notes = "Ends with 65 and names the first difference when they do not. Waits up to an hour\n"
             "unless --timeout says otherwise.",
    .run = verify_run,
};
