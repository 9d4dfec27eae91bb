/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_row.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"users", "users"},
    {"assets", "assets"},
    {"asset types", "asset_types"},
    {"locations", "locations"},
    {"devices", "devices"},
    {"rentals", "rentals"},
    {"  open", "open"},
    {"  expired", "expired"},
    {"  flagged", "flagged"},
    {"returns", "returns"},
    {"missed scans", "missed_scans"},
    {"median loan period", "median_loan_period"},
    {"consumers", "consumers"},
    {"  stalled", "stalled"},
    {"  parked", "parked"},
    {"head", "head"},
    {"  kept from", "first_seq"},
    {"journal bytes", "journal_bytes"},
    {"archive bytes", "archive_bytes"},
    {"archived up to", "archived_seq"},
    {"snapshot up to", "snapshot_seq"},
    {"  of", "snapshot_at"},
    {"started", "started_at"},
    {"  requests", "requests"},
    {"  errors", "errors"},
    {"  commits", "commits"},
    {"  snapshots", "snapshots"},
    {"  trims", "trims"},
};

static const struct cli_column by_day[] = {{"DAY", "day"}, {"RETURNS", "returns"}};
static const struct cli_column by_location[] = {{"LOCATION", "location_id"},
                                                {"RETURNS", "returns"}};
static const struct cli_column by_asset_type[] = {{"ASSET TYPE", "asset_type"},
                                                  {"RETURNS", "returns"}};

static const struct cli_option options[] = {
    {"since", "TIME", "count returns from this day on; 30 days unless said", "since"},
    {"until", "TIME", "count returns before this day", "until"},
    CLI_OPTION_AT,
};

/* An item of any of the three lists. */
union returns_item {
    struct rentbus_day_returns day;
    struct rentbus_location_returns location;
    struct rentbus_asset_type_returns asset_type;
};

/* Ends a table whose list came to an end with `status`. */
static enum cli_exit table_end(const struct cli *cli, struct cli_table **table, int status,
                               enum cli_exit exit)
{
    exit = cli_exit_worse(exit, cli_table_finish(*table));
    cli_table_destroy(table);
    if (status < 0) {
        cli_report_failure(cli, status, NULL);
        exit = cli_exit_worse(exit, cli_exit_of_status(status));
    }
    return exit;
}

/* A table of a list that is not empty, under a blank line. */
static enum cli_exit returns_print(const struct cli *cli, const struct rentbus_schema *schema,
                                   const struct cli_column heading[2],
                                   const struct rentbus_list *list)
{
    union returns_item item;
    struct cli_table *table;
    size_t position = 0;
    int status = 0;
    if (list->count == 0)
        return CLI_EXIT_OK;
    enum cli_exit exit = cli_table_create(cli, schema, heading, 2, &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    putchar('\n');
    while (exit == CLI_EXIT_OK && (status = rentbus_list_next(list, schema, &position, &item)) > 0)
        exit = cli_table_add(table, &item);
    return table_end(cli, &table, status, exit);
}

/* The same for consumers. */
static enum cli_exit consumers_print(const struct cli *cli, const struct rentbus_list *list)
{
    struct rentbus_consumer_status item;
    struct cli_table *table;
    size_t position = 0;
    int status = 0;
    if (list->count == 0)
        return CLI_EXIT_OK;
    enum cli_exit exit = lambda_row_table(cli, &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    putchar('\n');
    while (exit == CLI_EXIT_OK && (status = rentbus_list_next(list, &rentbus_consumer_status_schema,
                                                              &position, &item)) > 0)
        exit = lambda_row_add(table, cli, &item);
    return table_end(cli, &table, status, exit);
}

static enum cli_exit stats_print(const struct cli *cli, const struct rentbus_stats_args *args,
                                 const struct rentbus_stats_result *result)
{
    enum cli_exit exit = cli_output_record(cli, &rentbus_stats_result_schema, columns,
                                           sizeof(columns) / sizeof(columns[0]), result);
    if (cli->json)
        return exit;
    if (!RENTBUS_HAS(args, stats_args, since))
        puts("\nReturns, missed scans and loan periods are those of 30 days: see --since.");
    if (exit == CLI_EXIT_OK)
        exit = returns_print(cli, &rentbus_day_returns_schema, by_day, &result->returns_by_day);
    if (exit == CLI_EXIT_OK)
        exit = returns_print(cli, &rentbus_location_returns_schema, by_location,
                             &result->returns_by_location);
    if (exit == CLI_EXIT_OK)
        exit = returns_print(cli, &rentbus_asset_type_returns_schema, by_asset_type,
                             &result->returns_by_asset_type);
    if (exit == CLI_EXIT_OK)
        exit = consumers_print(cli, &result->consumer_status);
    return exit;
}

static enum cli_exit stats_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_stats_args args = {0};
    struct rentbus_stats_result result;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_fill(cli, line, &rentbus_stats_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_at(cli, line, &rentbus_stats_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, RENTBUS_OP_stats, NULL, &args, &result);
    return exit == CLI_EXIT_OK ? stats_print(cli, &args, &result) : exit;
}

const struct cli_verb cli_verb_stats = {
    .name = "stats",
    .summary = "Show what the ledger holds, the returns by day, location and type, and consumers",
    .usage = "[--since TIME] [--until TIME] [--at SEQ|TIME]",
    .options = CLI_OPTIONS(options),
    .notes = "Days are those of UTC. The counts of requests are those since the daemon started.",
    .run = stats_run,
};
