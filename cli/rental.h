/* SPDX-License-Identifier: MPL-2.0 */
/* What the verbs renew, forgive, flag and unflag have in common: one rental, one command. */
#ifndef CLI_RENTAL_H
#define CLI_RENTAL_H

#include "cli/command_line.h"

/* The `detail` of such a verb. */
struct cli_rental_command {
    enum rentbus_op op;
    const char *needed; /* an option, or NULL */
};

enum cli_exit cli_rental_run(struct cli *cli, const struct cli_line *line);

#endif
