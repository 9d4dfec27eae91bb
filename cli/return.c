/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/report.h"
#include "cli/scan_files.h"
#include "cli/send.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"asset", "ASSET", "what comes back", "asset_id"},
    {"user", "USER", "who brings it; else whoever holds it", "user_id"},
    {"rental", "RENTAL", "the one rental that it is about", "rental_id"},
    {"location", "LOCATION", "where", "location_id"},
    {"at", "TIME", "when, as in 2025-02-10T11:00:00Z; now unless said", "timestamp"},
    CLI_OPTIONS_SCAN,
    {"event", "FILE", "send the scans of a file instead; - is standard input", NULL},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

static enum cli_exit return_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_return_args args = {0};
    if (cli_line_has(line, "event"))
        return cli_scan_files_send(cli, line, RENTBUS_OP_rental_return);
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (!cli_line_has(line, "rental") && !cli_line_has(line, "asset"))
        return cli_report_usage(cli, "return: --asset or --rental is missing");
    if (!cli_line_has(line, "rental") && !cli_line_has(line, "location"))
        return cli_report_usage(cli, "return: --location is missing");
    RENTBUS_SET(&args, return_args, timestamp, cli_now());
    exit = cli_line_fill(cli, line, &rentbus_return_args_schema, &args);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_send(cli, line, RENTBUS_OP_rental_return, &args, NULL, (struct rentbus_text){0});
}

const struct cli_verb cli_verb_return = {
    .name = "return",
    .summary = "Take back what was lent",
    .usage = "--asset ASSET --location LOCATION [--user USER] [--at TIME] [OPTION...]\n"
             "--rental RENTAL [--location LOCATION] [--asset ASSET] [--user USER] [--at TIME] "
             "[OPTION...]\n"
             "--event FILE|- [FILE...] [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .notes =
        "A scan in a file is a JSON object, one over the whole file or one a line:\n"
        "  {\"timestamp\": \"2025-02-10T11:00:00Z\", \"location_id\": \"L1\",\n"
        "   \"user_qr_data\": \"dHBnX3UwMDAx\", \"asset_qr_data\": \"dHBnX2EwMDAwMQ==\"}\n"
        "with user_id, asset_id or rental_id where there is no QR data. \"Already returned\" ends\n"
        "with 0; of several scans, the greatest exit code counts.",
    .run = return_run,
};
