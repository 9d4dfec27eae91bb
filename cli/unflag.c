/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/rental.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

static const struct cli_rental_command command = {.op = RENTBUS_OP_rental_unflag};

const struct cli_verb cli_verb_unflag = {
    .name = "unflag",
    .summary = "Take the flag from a rental: open again, or completed if it came back",
    .usage = "RENTAL [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .detail = &command,
    .run = cli_rental_run,
};
