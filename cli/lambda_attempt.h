/* SPDX-License-Identifier: MPL-2.0 */
/* An event and the process that handles it: the start, and what is told of the end. */
#ifndef CLI_LAMBDA_ATTEMPT_H
#define CLI_LAMBDA_ATTEMPT_H

#include "cli/handler.h"
#include "cli/lambda_settings.h"

struct lambda_attempt {
    struct handler handler;
    uint64_t seq;
    uint64_t number; /* from 1 */
    int64_t started; /* on lambda_loop_now() */
    char type[RENTBUS_TYPE_MAX + 1];
};

/* Starts the handler with the event as JSON on its standard input and in its environment. 0, or a
 * negative errno. */
int lambda_attempt_start(struct lambda_attempt *attempt, const struct cli *cli,
                         const struct lambda_settings *settings, const struct rentbus_event *event,
                         uint64_t number, int64_t now) __attribute__((warn_unused_result));

/* Starts a handler that lives long. *input, the caller's, is where events go: it does not block. 0,
 * or a negative errno; *input is -1 or to be closed in both cases. */
int lambda_attempt_spawn(struct handler *handler, const struct cli *cli,
                         const struct lambda_settings *settings, int *input)
    __attribute__((warn_unused_result));

/* Notes what is told of an event. */
void lambda_attempt_note(struct lambda_attempt *attempt, const struct rentbus_event *event,
                         uint64_t number, int64_t now);

/* Tells of the end: with --json an object on standard output; else what the handler printed, and a
 * line on standard error when it failed. */
enum cli_exit lambda_attempt_print(const struct cli *cli, struct rentbus_text name,
                                   const struct lambda_attempt *attempt,
                                   enum handler_outcome outcome, const char *error, int64_t now)
    __attribute__((warn_unused_result));

/* "DONE", "LATER", "FAILED". */
const char *lambda_outcome_text(enum handler_outcome outcome);

#endif
