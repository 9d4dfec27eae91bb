/* SPDX-License-Identifier: MPL-2.0 */
/* What the command line's exit code says. One place maps errors and results to it. Pure. */
#ifndef CLI_EXIT_CODE_H
#define CLI_EXIT_CODE_H

#include <rentbus/rentbus.h>

/* Codes from 65 on are those of <sysexits.h>. */
enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_REJECTED = 1,       /* a rule said no */
    CLI_EXIT_USAGE = 2,          /* the command line is wrong */
    CLI_EXIT_NOT_HELD = 3,       /* a handler did not hold in a drill */
    CLI_EXIT_NOT_FOUND = 4,      /* no such thing */
    CLI_EXIT_GONE = 5,           /* the endpoint of a webhook wants no more events */
    CLI_EXIT_BAD_DATA = 65,      /* a value, a file or a row that cannot be taken */
    CLI_EXIT_UNAVAILABLE = 69,   /* no daemon that can answer */
    CLI_EXIT_INTERNAL = 70,      /* a fault of the program or of the daemon */
    CLI_EXIT_OUTPUT = 74,        /* the output could not be written */
    CLI_EXIT_TRY_AGAIN = 75,     /* busy, or not in time */
    CLI_EXIT_DENIED = 77,        /* not allowed */
    CLI_EXIT_CONFIGURATION = 78, /* an endpoint that is none */
};

/* For an error that the daemon, or the check of the arguments, answered with. */
enum cli_exit cli_exit_of_error(enum rentbus_error_code code);
/* For a status as rentbus_call() returns it: 0, negative errno, or an error code. */
enum cli_exit cli_exit_of_status(int status);
/* For a command that was served. That a thing was returned already, or is out already with the same
 * user, is what was asked for. */
enum cli_exit cli_exit_of_result(const struct rentbus_command_result *result);
/* For a batch that was served: the worst of its replies, and at least CLI_EXIT_REJECTED when it
 * came to nothing. */
enum cli_exit cli_exit_of_batch(const struct rentbus_batch_result *result);
/* Of two, the one that a run of both ends with: the greater. */
enum cli_exit cli_exit_worse(enum cli_exit a, enum cli_exit b);

#endif
