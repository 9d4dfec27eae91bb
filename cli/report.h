/* SPDX-License-Identifier: MPL-2.0 */
/* Errors, on standard error: a line for people, or with --json an object {"error": {"code",
 * "message", ?"field", …}} on a line. Codes are those of the protocol, and USAGE, CONFIGURATION,
 * OUTPUT, TRY_AGAIN and GONE. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/cli.h"

void cli_report(const struct cli *cli, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Names cli->place, too. */
void cli_report_fault(const struct cli *cli, const struct rentbus_fault *fault);
/* The daemon did not answer in time, or made no sense, or the program failed: a negative status of
 * a call. `command_id`, when not NULL, is what to try again with. */
void cli_report_failure(const struct cli *cli, int error, const struct rentbus_uuid *command_id);
/* A wrong command line; returns CLI_EXIT_USAGE. */
enum cli_exit cli_report_usage(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
