/* SPDX-License-Identifier: MPL-2.0 */
/* What an endpoint answered, and what that means for the event. Pure. */
#ifndef CLI_WEBHOOK_ANSWER_H
#define CLI_WEBHOOK_ANSWER_H

#include "cli/handler.h"

/* The longest wait that an endpoint may ask for, in seconds; what is longer is cut to it. */
#define WEBHOOK_RETRY_AFTER_MAX 3600
/* Room for a Retry-After with its NUL; what is longer is none. */
#define WEBHOOK_RETRY_AFTER_SIZE 64

struct webhook_answer {
    long status;                                /* of HTTP; 0: there was no answer */
    const char *failure;                        /* then: why not; borrowed */
    char retry_after[WEBHOOK_RETRY_AFTER_SIZE]; /* as it was sent; "": not */
    struct handler_tail body;                   /* its first bytes */
};

struct webhook_verdict {
    enum handler_outcome outcome;
    bool gone;        /* the endpoint wants no more events */
    int64_t delay_ms; /* until the next attempt, or RENTBUS_DELAY_DEFAULT */
    char error[HANDLER_ERROR_SIZE];
};

/* `now` is in seconds since 1970. */
void webhook_judge(const struct webhook_answer *answer, int64_t now,
                   struct webhook_verdict *verdict);

/* The wait in milliseconds that a Retry-After asks for, as seconds or as any date of HTTP;
 * RENTBUS_DELAY_DEFAULT when it is neither, or asks for none: an endpoint makes the wait longer,
 * never shorter. */
int64_t webhook_retry_after(const char *text, int64_t now);

#endif
