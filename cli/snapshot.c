/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"up to", "seq"},
    {"of", "time"},
    {"bytes", "bytes"},
    {"took ms", "took_ms"},
};

static enum cli_exit snapshot_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_snapshot_result result;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_be_patient(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    /* Asked once, not again and again: it replays the journal. */
    cli->options.retry_ms = cli->options.timeout_ms;
    exit = cli_call(cli, RENTBUS_OP_admin_snapshot, NULL, NULL, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_record(cli, &rentbus_snapshot_result_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), &result);
}

const struct cli_verb cli_verb_snapshot = {
    .name = "snapshot",
    .summary = "Write the state down, for a quick start",
    .usage = "",
    .notes =
        "The daemon starts from its newest snapshot, and replays what came behind it. It writes\n"
        "one by itself now and then (snapshot_every in rentbusd.conf). Waits up to an hour unless\n"
        "--timeout says otherwise.",
    .run = snapshot_run,
};
