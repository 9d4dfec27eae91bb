/* SPDX-License-Identifier: MPL-2.0 */
/* Prints each completed return as it happens, and those that it missed since a seq: watch_returns
 * [SEQ] */
#include <inttypes.h>
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_return(const struct rentbus_event *event)
{
    struct rentbus_complete_data data;
    if (rentbus_event_data(event, &rentbus_complete_data_schema, &data) != 0)
        return;
    printf("%" PRIu64 ": %.*s of %.*s came back\n", event->seq, RENTBUS_TEXT_ARGS(data.rental.id),
           RENTBUS_TEXT_ARGS(data.rental.user_id));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *const types[] = {"RENTAL_RETURN_COMPLETE_EVENT"};
    struct rentbus_subscription subscription = {
        .start = argc > 1 ? RENTBUS_START_SEQ : RENTBUS_START_NOW,
        .seq = argc > 1 ? strtoull(argv[1], NULL, 10) : 0,
        .types = types,
        .type_count = 1,
    };
    struct rentbus_subscriber *subscriber = NULL;
    struct rentbus_event event;
    int got = rentbus_subscriber_open(NULL, &subscription, &subscriber);
    if (got == 0)
        got = rentbus_subscriber_next(subscriber, -1, &event);
    while (got == 1) {
        print_return(&event);
        got = rentbus_subscriber_next(subscriber, -1, &event);
    }
    fprintf(stderr, "%s\n",
            got < 0 ? strerror(-got) : rentbus_word_text(&rentbus_error_code_words, got));
    rentbus_subscriber_close(&subscriber);
    return 1;
}
