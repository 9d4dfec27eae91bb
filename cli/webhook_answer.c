/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/webhook_answer.h"

#include "cli/field.h"

#include <stdio.h>
#include <time.h>

enum ruling { RULING_DONE, RULING_LATER, RULING_GONE, RULING_REDIRECT };

/* Of any other status the attempt has failed. */
static const struct {
    long from;
    long to;
    enum ruling ruling;
} rulings[] = {
    {200, 299, RULING_DONE},  {300, 399, RULING_REDIRECT}, {408, 408, RULING_LATER},
    {410, 410, RULING_GONE},  {425, 425, RULING_LATER},    {429, 429, RULING_LATER},
    {500, 599, RULING_LATER},
};

/* Seconds since 1970 of the three forms that HTTP has for a time; -1: it is none. */
static int64_t date_parse(const char *text)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm when = {0};
        const char *end = strptime(text, forms[i], &when);
        if (end && *end == '\0')
            return timegm(&when);
    }
    return -1;
}

int64_t webhook_retry_after(const char *text, int64_t now)
{
    size_t digits = strspn(text, "0123456789");
    int64_t seconds = 0;
    uint64_t number;
    if (digits > 0 && text[digits] == '\0')
        /* More digits than a number has room for are very long. */
        seconds = cli_number_parse(rentbus_text(text), &number) && number < WEBHOOK_RETRY_AFTER_MAX
                      ? (int64_t)number
                      : WEBHOOK_RETRY_AFTER_MAX;
    else if (digits == 0)
        seconds = date_parse(text) - now;
    if (seconds <= 0)
        return RENTBUS_DELAY_DEFAULT;
    return 1000 * (seconds < WEBHOOK_RETRY_AFTER_MAX ? seconds : WEBHOOK_RETRY_AFTER_MAX);
}

static void verdict_set(struct webhook_verdict *verdict, enum handler_outcome outcome,
                        const char *what, const struct handler_tail *tail)
{
    verdict->outcome = outcome;
    handler_error(what, tail, verdict->error);
}

static void status_judge(const struct webhook_answer *answer, int64_t now,
                         struct webhook_verdict *verdict)
{
    char what[64];
    size_t row = 0;
    size_t count = sizeof(rulings) / sizeof(rulings[0]);
    while (row < count && (answer->status < rulings[row].from || answer->status > rulings[row].to))
        row++;
    snprintf(what, sizeof(what), "HTTP %ld", answer->status);
    verdict_set(verdict, HANDLER_FAILED, what, &answer->body);
    if (row == count)
        return;
    switch (rulings[row].ruling) {
    case RULING_DONE:
        verdict->outcome = HANDLER_DONE;
        verdict->error[0] = '\0';
        break;
    case RULING_LATER:
        verdict->outcome = HANDLER_LATER;
        verdict->delay_ms = webhook_retry_after(answer->retry_after, now);
        break;
    case RULING_GONE:
        verdict->gone = true;
        break;
    case RULING_REDIRECT:
        snprintf(what, sizeof(what), "HTTP %ld: redirects are not followed", answer->status);
        verdict_set(verdict, HANDLER_FAILED, what, &answer->body);
        break;
    }
}

void webhook_judge(const struct webhook_answer *answer, int64_t now,
                   struct webhook_verdict *verdict)
{
    struct handler_tail why = {0};
    verdict->gone = false;
    verdict->delay_ms = RENTBUS_DELAY_DEFAULT;
    if (answer->status > 0) {
        status_judge(answer, now, verdict);
        return;
    }
    handler_tail_add(&why, answer->failure, strlen(answer->failure));
    verdict_set(verdict, HANDLER_LATER, "no answer", &why);
}
