/* SPDX-License-Identifier: MPL-2.0 */
/* Prints a line for each event: its seq, type and subject. Goes on until it is killed, or until an
 * error, which it prints: sdk_watch API EVENTS now|time|SEQ [TYPE]… (time: of the year 2000) */
#include <inttypes.h>
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR_2000 (INT64_C(946684800) * RENTBUS_SECOND)

static void print_event(const struct rentbus_event *event)
{
    struct rentbus_text subject = {0};
    if (RENTBUS_HAS(event, event, subject))
        subject = event->subject;
    printf("%" PRIu64 " %.*s %.*s\n", event->seq, RENTBUS_TEXT_ARGS(event->type),
           RENTBUS_TEXT_ARGS(subject));
    fflush(stdout);
}

static struct rentbus_subscription begin(const char *word)
{
    struct rentbus_subscription subscription = {.start = RENTBUS_START_SEQ};
    if (strcmp(word, "now") == 0)
        subscription.start = RENTBUS_START_NOW;
    else if (strcmp(word, "time") == 0)
        subscription.start = RENTBUS_START_TIME;
    subscription.seq = strtoull(word, NULL, 10);
    subscription.time = YEAR_2000;
    return subscription;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    const struct rentbus_options options = {.api = argv[1], .events = argv[2], .retry_ms = 200};
    struct rentbus_subscription subscription = begin(argv[3]);
    subscription.types = (const char *const *)argv + 4;
    subscription.type_count = (size_t)(argc - 4);
    struct rentbus_subscriber *subscriber = NULL;
    struct rentbus_event event;
    int got = rentbus_subscriber_open(&options, &subscription, &subscriber);
    if (got)
        return 2;
    while (!rentbus_subscriber_connected(subscriber) && got == 0)
        got = rentbus_subscriber_next(subscriber, 10, &event);
    puts("ready");
    fflush(stdout);
    for (; got >= 0 && got <= 1; got = rentbus_subscriber_next(subscriber, -1, &event)) {
        if (got == 1)
            print_event(&event);
    }
    printf("error %d\n", got);
    rentbus_subscriber_close(&subscriber);
    return 1;
}
