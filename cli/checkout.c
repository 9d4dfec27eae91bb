/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/report.h"
#include "cli/scan_files.h"
#include "cli/send.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"user", "USER", "who takes it", "user_id"},
    {"asset", "ASSET", "what is taken", "asset_id"},
    {"location", "LOCATION", "where", "location_id"},
    {"at", "TIME", "when, as in 2025-02-10T11:00:00Z; now unless said", "timestamp"},
    {"expires", "TIME", "until when; else as its asset type says", "expires_at"},
    {"period", "DURATION", "for how long instead, as in P7D", "loan_period"},
    {"eligible", "TYPE,TYPE", "the asset types that may come back for it", "eligible_asset_types"},
    CLI_OPTIONS_SCAN,
    {"event", "FILE", "send the scans of a file instead; - is standard input", NULL},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

static enum cli_exit checkout_run(struct cli *cli, const struct cli_line *line)
{
    static const char *const needed[] = {"user", "asset", "location"};
    struct rentbus_checkout_args args = {0};
    if (cli_line_has(line, "event"))
        return cli_scan_files_send(cli, line, RENTBUS_OP_rental_checkout);
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit != CLI_EXIT_OK)
        return exit;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!cli_line_has(line, needed[i]))
            return cli_report_usage(cli, "checkout: --%s is missing", needed[i]);
    if (cli_line_has(line, "expires") && cli_line_has(line, "period"))
        return cli_report_usage(cli, "checkout: --expires or --period, not both");
    RENTBUS_SET(&args, checkout_args, timestamp, cli_now());
    exit = cli_line_fill(cli, line, &rentbus_checkout_args_schema, &args);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_send(cli, line, RENTBUS_OP_rental_checkout, &args, NULL, (struct rentbus_text){0});
}

const struct cli_verb cli_verb_checkout = {
    .name = "checkout",
    .summary = "Lend something to somebody",
    .usage = "--user USER --asset ASSET --location LOCATION [--at TIME]"
             " [--expires TIME|--period DURATION] [--eligible TYPE,TYPE] [OPTION...]\n"
             "--event FILE|- [FILE...] [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .notes =
        "A scan in a file is a JSON object, one over the whole file or one a line, with\n"
        "location_id, user_id or user_qr_data, asset_id or asset_qr_data, timestamp, and if\n"
        "wanted expires_at or loan_period, and eligible_asset_types. What its user has already\n"
        "(ALREADY_OUT) ends with 0.",
    .run = checkout_run,
};
