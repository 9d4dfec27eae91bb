/* SPDX-License-Identifier: MPL-2.0 */
/* What the command line says of a lambda: its consumer, and how its handlers run. */
#ifndef CLI_LAMBDA_SETTINGS_H
#define CLI_LAMBDA_SETTINGS_H

#include "cli/command_line.h"

/* Handlers that run at the same time, at most. */
#define LAMBDA_CONCURRENCY_MAX 256
/* What a handler may print on a stream, in bytes: unless said, and at most. */
#define LAMBDA_OUTPUT_DEFAULT ((uint64_t)1 << 20)
#define LAMBDA_OUTPUT_MAX ((uint64_t)64 << 20)
/* How long a handler may take, and how long running ones are waited for at the end. */
#define LAMBDA_TIMEOUT_DEFAULT_MS 60000
#define LAMBDA_GRACE_DEFAULT_MS 10000
#define LAMBDA_VARIABLES_MAX 4

struct lambda_settings {
    struct rentbus_consumer_put_args put; /* texts borrowed from argv */
    char **command;                       /* borrowed from argv, NULL-terminated; NULL: none */
    char *path;                           /* of its program; owned */
    const char *worker;                   /* NULL: the SDK's default */
    uint64_t concurrency;
    uint32_t timeout_ms;
    uint32_t grace_ms;
    uint64_t output_max;
    bool stream;
    bool publish;
    char *const *variables; /* more of the handler's environment, "NAME=value"; borrowed */
    size_t variable_count;  /* LAMBDA_VARIABLES_MAX at most */
};

/* Reads and checks everything but the command. line->words[1] is the name. */
enum cli_exit lambda_settings_read(const struct cli *cli, const struct cli_line *line,
                                   struct lambda_settings *settings)
    __attribute__((warn_unused_result));
/* Takes the command behind the name and finds its program, as a shell would. */
enum cli_exit lambda_settings_command(const struct cli *cli, const struct cli_line *line,
                                      struct lambda_settings *settings)
    __attribute__((warn_unused_result));
void lambda_settings_release(struct lambda_settings *settings);

/* Sets `start`, `from_seq` or `since` of *args from --from, where it was given. */
enum cli_exit lambda_from_fill(const struct cli *cli, const struct cli_line *line,
                               const struct rentbus_schema *schema, void *args)
    __attribute__((warn_unused_result));

/* Where the program `name` is, looked for in `path` (as $PATH) unless it has a slash: to be given
 * to free(). NULL with *error: -ENOENT, -EACCES, -EISDIR or -ENOMEM. */
char *lambda_program_find(const char *name, const char *path, int *error);

/* "paused", "stalled", "behind" when not all has been looked at, else "idle". */
const char *lambda_state(const struct rentbus_consumer_status *status);
/* The age of the oldest event that is not done, as in "12s", "5m", "3h" or "2d"; "" when all is.
 * Returns `out`. */
#define LAMBDA_AGE_SIZE 24
char *lambda_age(const struct rentbus_consumer_status *status, int64_t now,
                 char out[LAMBDA_AGE_SIZE]);

#endif
