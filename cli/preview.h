/* SPDX-License-Identifier: MPL-2.0 */
/* The events of a dry run, as a table for people. */
#ifndef CLI_PREVIEW_H
#define CLI_PREVIEW_H

#include "cli/cli.h"

/* Prints and flushes; nothing when there are none. `events` are of the schema `preview`. */
enum cli_exit cli_preview_print(const struct cli *cli, const struct rentbus_list *events)
    __attribute__((warn_unused_result));

#endif
