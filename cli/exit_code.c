/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/exit_code.h"

#include <errno.h>

#define EXIT_OF_MALFORMED CLI_EXIT_BAD_DATA
#define EXIT_OF_INVALID_ARGUMENT CLI_EXIT_BAD_DATA
#define EXIT_OF_UNSUPPORTED_VERSION CLI_EXIT_UNAVAILABLE
#define EXIT_OF_UNKNOWN_OP CLI_EXIT_UNAVAILABLE
#define EXIT_OF_NOT_FOUND CLI_EXIT_NOT_FOUND
#define EXIT_OF_CONFLICT CLI_EXIT_BAD_DATA
#define EXIT_OF_PRECONDITION_FAILED CLI_EXIT_BAD_DATA
#define EXIT_OF_UNAUTHENTICATED CLI_EXIT_DENIED
#define EXIT_OF_PERMISSION_DENIED CLI_EXIT_DENIED
#define EXIT_OF_TOO_LARGE CLI_EXIT_BAD_DATA
#define EXIT_OF_BUSY CLI_EXIT_TRY_AGAIN
#define EXIT_OF_UNAVAILABLE CLI_EXIT_UNAVAILABLE
#define EXIT_OF_INTERNAL CLI_EXIT_INTERNAL
#define EXIT_OF_TRIMMED CLI_EXIT_NOT_FOUND

/* Expanded from the protocol's words, so that a new word without a row does not compile. */
#define EXIT_ROW(P, word) [RENTBUS_ERROR_##word] = EXIT_OF_##word,
static const enum cli_exit exits[] = {RENTBUS_ERROR_WORDS(EXIT_ROW, P)};

enum cli_exit cli_exit_of_error(enum rentbus_error_code code)
{
    size_t index = (size_t)code;
    if (index == RENTBUS_ERROR_NONE || index >= sizeof(exits) / sizeof(exits[0]))
        return CLI_EXIT_INTERNAL;
    return exits[index];
}

enum cli_exit cli_exit_of_status(int status)
{
    if (status > 0)
        return cli_exit_of_error((enum rentbus_error_code)status);
    switch (status) {
    case 0:
        return CLI_EXIT_OK;
    case -ETIMEDOUT:
    case -EBADMSG:
        return CLI_EXIT_UNAVAILABLE;
    default:
        return CLI_EXIT_INTERNAL;
    }
}

enum cli_exit cli_exit_of_result(const struct rentbus_command_result *result)
{
    bool done = result->outcome != RENTBUS_OUTCOME_REJECTED ||
                (RENTBUS_HAS(result, command_result, reason) &&
                 (result->reason == RENTBUS_REASON_ALREADY_RETURNED ||
                  result->reason == RENTBUS_REASON_ALREADY_OUT));
    return done ? CLI_EXIT_OK : CLI_EXIT_REJECTED;
}

enum cli_exit cli_exit_of_batch(const struct rentbus_batch_result *result)
{
    enum cli_exit exit = result->applied ? CLI_EXIT_OK : CLI_EXIT_REJECTED;
    struct rentbus_batch_reply reply;
    size_t position = 0;
    int status;
    while ((status = rentbus_list_next(&result->replies, &rentbus_batch_reply_schema, &position,
                                       &reply)) > 0)
        exit = cli_exit_worse(exit, reply.ok ? cli_exit_of_result(&reply.result)
                                             : cli_exit_of_error(reply.error.code));
    return cli_exit_worse(exit, cli_exit_of_status(status));
}

enum cli_exit cli_exit_worse(enum cli_exit a, enum cli_exit b)
{
    return a > b ? a : b;
}
