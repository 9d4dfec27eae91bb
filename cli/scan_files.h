/* SPDX-License-Identifier: MPL-2.0 */
/* Sending scans: what the verbs return and checkout have in common. */
#ifndef CLI_SCAN_FILES_H
#define CLI_SCAN_FILES_H

#include "cli/command_line.h"

/* Sends every scan of the files that --event and the words name, JSON documents of the operation's
 * arguments. Goes on after a scan that is bad or rejected; ends with the worst exit code. */
enum cli_exit cli_scan_files_send(struct cli *cli, const struct cli_line *line, enum rentbus_op op)
    __attribute__((warn_unused_result));

#endif
