/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

static enum cli_exit command_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_command_get_args args = {0};
    struct rentbus_command_result result;
    enum cli_exit exit = cli_line_words(cli, line, 2, 2);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (strcmp(line->words[0], "get") != 0)
        return cli_report_usage(cli, "command: unknown word %s: did you mean get?", line->words[0]);
    if (!rentbus_uuid_parse(rentbus_text(line->words[1]), &args.command_id))
        return cli_report_usage(cli, "%s is not a UUID", line->words[1]);
    args.has |= RENTBUS_BIT(command_get_args, command_id);
    exit = cli_call(cli, RENTBUS_OP_command_get, NULL, &args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    struct cli_answer answer = {.command_id = args.command_id, .result = &result};
    return cli_output_answer(cli, &answer);
}

const struct cli_verb cli_verb_command = {
    .name = "command",
    .summary = "Show what became of a command",
    .usage = "get COMMAND_ID",
    .notes = "The exit code is the one that the command itself ended with.",
    .run = command_run,
};
