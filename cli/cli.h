/* SPDX-License-Identifier: MPL-2.0 */
/* What every verb works with: the options that stand for all verbs, and the one client. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/exit_code.h"

/* What errors are about: a place in a file, a row of a table, or neither. */
struct cli_place {
    const char *file;        /* NULL: none */
    uint64_t line;           /* 0: none */
    const char *table;       /* NULL: none */
    struct rentbus_text key; /* of the row; empty: none */
};

struct cli {
    struct rentbus_options options;
    bool json;
    bool color;                    /* standard output is a terminal that may have colour */
    struct cli_place place;        /* that reports name */
    struct rentbus_client *client; /* NULL until cli_connect() */
};

/* Closes the client. */
void cli_release(struct cli *cli);

/* The endpoints in use, borrowed from the options and the environment. */
const char *cli_api(const struct cli *cli);
const char *cli_events(const struct cli *cli);
/* How long a call may take with its retries. */
uint32_t cli_timeout_ms(const struct cli *cli);
/* The real clock, in microseconds since 1970. */
int64_t cli_now(void);

/* Opens the client unless it is open. What goes wrong is reported. */
enum cli_exit cli_connect(struct cli *cli) __attribute__((warn_unused_result));

/* Calls an operation, by rentbus_call(), and reports what goes wrong. `command_id` may be NULL for
 * a query. Texts of *result are borrowed until the next call. */
enum cli_exit cli_call(struct cli *cli, enum rentbus_op op, const struct rentbus_uuid *command_id,
                       const void *args, void *result) __attribute__((warn_unused_result));

/* Sees whether the daemon is there, and waits for all that comes then for up to an hour, unless the
 * user says for how long. */
enum cli_exit cli_be_patient(struct cli *cli) __attribute__((warn_unused_result));

/* The command id to use: the one given as text, else a fresh one. */
enum cli_exit cli_command_id(struct cli *cli, const char *given, struct rentbus_uuid *command_id)
    __attribute__((warn_unused_result));

#endif
