/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/rental.h"
#include "cli/report.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"until", "TIME", "until when", "expires_at"},
    {"period", "DURATION", "for how much longer instead, as in P7D", "period"},
    {"override", "COMMENT", "over the rules that may be overridden, and why", "override"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

static const struct cli_rental_command command = {.op = RENTBUS_OP_rental_renew};

static enum cli_exit renew_run(struct cli *cli, const struct cli_line *line)
{
    if (cli_line_has(line, "until") && cli_line_has(line, "period"))
        return cli_report_usage(cli, "renew: --until or --period, not both");
    return cli_rental_run(cli, line);
}

const struct cli_verb cli_verb_renew = {
    .name = "renew",
    .summary = "Let somebody keep what was lent for longer",
    .usage = "RENTAL [--until TIME|--period DURATION] [--override COMMENT] [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .detail = &command,
    .notes = "With neither, for as long as its asset type says.",
    .run = renew_run,
};
