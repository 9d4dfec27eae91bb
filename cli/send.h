/* SPDX-License-Identifier: MPL-2.0 */
/* Sending one command: what the verbs that change something have in common. */
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include "cli/command_line.h"

/* Sends a command, `args` of the operation, under the command id of --id or a fresh one, and prints
 * what it came to. `what` and `id` are as in struct cli_answer. */
enum cli_exit cli_send(struct cli *cli, const struct cli_line *line, enum rentbus_op op,
                       const void *args, const char *what, struct rentbus_text id)
    __attribute__((warn_unused_result));

#endif
