/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/rental.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"reason", "TEXT", "why", "reason"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

static const struct cli_rental_command command = {
    .op = RENTBUS_OP_rental_flag,
    .needed = "reason",
};

const struct cli_verb cli_verb_flag = {
    .name = "flag",
    .summary = "Mark an open rental for somebody to look at",
    .usage = "RENTAL --reason TEXT [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .detail = &command,
    .run = cli_rental_run,
};
