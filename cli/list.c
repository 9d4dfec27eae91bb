/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"RENTAL", "id"},
    {"STATUS", "status"},
    {"USER", "user_id"},
    {"ASSET", "asset_id"},
    {"TAKEN AT", "created_at"},
    {"DUE AT", "expires_at"},
    {"RETURNED AT", "returned_at"},
};

static const struct cli_option options[] = {
    {"user", "USER", "of this user", "user_id"},
    {"asset", "ASSET", "of this asset", "asset_id"},
    {"status", "STATUS", "IN_PROGRESS, COMPLETED, FORGIVEN or FLAGGED", "status"},
    {"expired", NULL, "open and past their time", NULL},
    {"not-expired", NULL, "open and not past their time", NULL},
    {"taken-from", "TIME", "taken at this time or later", "created_from"},
    {"taken-until", "TIME", "taken before this time", "created_until"},
    {"due-from", "TIME", "due at this time or later", "expires_from"},
    {"due-until", "TIME", "due before this time", "expires_until"},
    {"returned-from", "TIME", "returned at this time or later", "returned_from"},
    {"returned-until", "TIME", "returned before this time", "returned_until"},
    {"taken-location", "LOCATION", "taken there", "created_at_location_id"},
    {"returned-location", "LOCATION", "returned there", "returned_at_location_id"},
    {"returned-asset", "ASSET", "for which this asset came back", "returned_asset_id"},
    {"eligible-type", "TYPE", "for which this asset type may come back", "eligible_asset_type"},
    {"closed-by", "WORD", "return_scan, missed_scan, forgive, flag or late_checkout", "closed_by"},
    {"flag-reason", "TEXT", "flagged for this reason", "flag_reason"},
    {"renewals", "N", "renewed so often", "renewals"},
    CLI_OPTION_AT,
    {"limit", "N", "at most so many; all unless said", NULL},
};

static enum cli_exit list_item(void *context, const void *item)
{
    return cli_table_add(context, item);
}

static enum cli_exit list_print(struct cli *cli, struct rentbus_rental_list_args *args,
                                uint64_t limit)
{
    struct cli_table *table;
    enum cli_exit exit = cli_table_create(cli, &rentbus_rental_schema, columns,
                                          sizeof(columns) / sizeof(columns[0]), &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_pages_read(cli, RENTBUS_OP_rental_list, args, limit, list_item, table);
    exit = cli_exit_worse(exit, cli_table_finish(table));
    cli_table_destroy(&table);
    return exit;
}

static enum cli_exit list_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_rental_list_args args = {0};
    uint64_t limit = UINT64_MAX;
    bool expired = cli_line_has(line, "expired");
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_fill(cli, line, &rentbus_rental_list_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_at(cli, line, &rentbus_rental_list_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "limit", &limit);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (expired && cli_line_has(line, "not-expired"))
        return cli_report_usage(cli, "list: --expired or --not-expired, not both");
    if (expired || cli_line_has(line, "not-expired"))
        RENTBUS_SET(&args, rental_list_args, expired, expired);
    return list_print(cli, &args, limit);
}

const struct cli_verb cli_verb_list = {
    .name = "list",
    .summary = "List rentals, in the order in which the ledger met them",
    .usage = "[--user USER] [--asset ASSET] [--status STATUS] [--expired|--not-expired]"
             " [OPTION...] [--at SEQ|TIME] [--limit N]",
    .options = CLI_OPTIONS(options),
    .notes = "Of several, each has to match.",
    .run = list_run,
};
