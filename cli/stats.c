/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"users", "users"},         {"assets", "assets"},       {"asset types", "asset_types"},
    {"locations", "locations"}, {"rentals", "rentals"},     {"  open", "open"},
    {"  expired", "expired"},   {"head", "head"},           {"archived up to", "archived_seq"},
    {"started", "started_at"},  {"  requests", "requests"}, {"  errors", "errors"},
    {"  commits", "commits"},
};

static enum cli_exit stats_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_stats_result result;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, RENTBUS_OP_stats, NULL, NULL, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_record(cli, &rentbus_stats_result_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), &result);
}

const struct cli_verb cli_verb_stats = {
    .name = "stats",
    .summary = "Show what the ledger holds and what the daemon has done",
    .usage = "",
    .run = stats_run,
};
