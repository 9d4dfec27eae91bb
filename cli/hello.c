/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"ledger", "ledger"}, {"version", "version"}, {"protocol", "protocol"}, {"head", "head"},
    {"time", "time"},     {"you are", "actor"},   {"role", "role"},
};

static enum cli_exit hello_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_hello_result result;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, RENTBUS_OP_hello, NULL, NULL, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_record(cli, &rentbus_hello_result_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), &result);
}

const struct cli_verb cli_verb_hello = {
    .name = "hello",
    .summary = "Ask the daemon who it is and how far its journal goes",
    .usage = "",
    .run = hello_run,
};
