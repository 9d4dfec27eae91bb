/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/rental.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"reason", "TEXT", "why", "reason"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

static const struct cli_rental_command command = {
    .op = RENTBUS_OP_rental_forgive,
    .needed = "reason",
};

const struct cli_verb cli_verb_forgive = {
    .name = "forgive",
    .summary = "Close a rental that is open or flagged, and ask for nothing",
    .usage = "RENTAL --reason TEXT [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .detail = &command,
    .run = cli_rental_run,
};
