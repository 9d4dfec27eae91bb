/* SPDX-License-Identifier: MPL-2.0 */
/* A client and a subscriber within a poll loop: shows events, and puts a location for each line of
 * stdin: poll */
#include <inttypes.h>
#include <poll.h>
#include <rentbus/rentbus.h>
#include <stdio.h>
#include <string.h>

static void show_outcome(void *context, const struct rentbus_completion *completion)
{
    const struct rentbus_command_result *result = completion->result;
    (void)context;
    if (completion->status == 0)
        printf("put: %s\n", rentbus_word_text(&rentbus_outcome_words, (int)result->outcome));
    else
        printf("put: error %d\n", completion->status);
}

static int put_location(struct rentbus_client *client, char *line)
{
    struct rentbus_location_put_args args = {0};
    line[strcspn(line, "\n")] = '\0';
    RENTBUS_SET(&args, location_put_args, id, rentbus_text(line));
    return rentbus_call_start(client, RENTBUS_OP_location_put, NULL, &args, show_outcome, NULL);
}

/* All that there is: it may be more than one, and it may be none. */
static int show_events(struct rentbus_subscriber *subscriber)
{
    struct rentbus_event event;
    int got;
    while ((got = rentbus_subscriber_next(subscriber, 0, &event)) == 1)
        printf("%" PRIu64 " %.*s\n", event.seq, RENTBUS_TEXT_ARGS(event.type));
    return got;
}

static int run(struct rentbus_client *client, struct rentbus_subscriber *subscriber)
{
    struct pollfd fds[] = {
        {.fd = 0, .events = POLLIN},
        {.fd = rentbus_client_fd(client), .events = POLLIN},
        {.fd = rentbus_subscriber_fd(subscriber), .events = POLLIN},
    };
    char line[RENTBUS_ID_MAX + 2];
    int status = 0;
    while (status == 0 && poll(fds, 3, -1) > 0) {
        if (fds[0].revents && !fgets(line, sizeof(line), stdin))
            return 0;
        if (fds[0].revents)
            status = put_location(client, line);
        if (fds[1].revents && rentbus_client_process(client) < 0)
            return -1;
        if (fds[2].revents && status == 0)
            status = show_events(subscriber);
        fflush(stdout);
    }
    return status;
}

int main(void)
{
    const struct rentbus_subscription subscription = {.start = RENTBUS_START_SEQ, .seq = 1};
    struct rentbus_client *client = NULL;
    struct rentbus_subscriber *subscriber = NULL;
    /* So that what stdio has read already cannot be missed by poll(). */
    setvbuf(stdin, NULL, _IONBF, 0);
    int status = rentbus_client_open(NULL, &client);
    if (status == 0)
        status = rentbus_subscriber_open(NULL, &subscription, &subscriber);
    if (status == 0)
        status = run(client, subscriber);
    rentbus_subscriber_close(&subscriber);
    rentbus_client_close(&client);
    return status == 0 ? 0 : 1;
}
