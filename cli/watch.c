/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"
#include "cli/field.h"
#include "cli/report.h"
#include "cli/verbs.h"

#include <errno.h>
#include <time.h>

/* How long the daemon may be silent before the user is told that we are waiting for it. */
#define NOTICE_MS 3000

static const struct cli_option options[] = {
    {"since", "SEQ|TIME|now", "begin with what happened from then on; now unless said", NULL},
    {"type", "TYPE", "of this type only; may be repeated", NULL},
    {"count", "N", "end after so many", NULL},
    {"timeout", "SPAN", "end after this time: 0 without --count, else 75", NULL},
};

struct watching {
    struct cli *cli;
    struct rentbus_subscriber *subscriber;
    uint64_t left;    /* events to come */
    bool counted;     /* whether --count was given */
    int64_t deadline; /* on now_ms(), INT64_MAX: none */
    bool noticed;     /* the user was told that there is no daemon */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum cli_exit watch_failed(const struct watching *watching, int status)
{
    if (status < 0)
        cli_report_failure(watching->cli, status, NULL);
    else
        cli_report_fault(watching->cli, rentbus_subscriber_fault(watching->subscriber));
    return cli_exit_of_status(status);
}

static enum cli_exit watch_timed_out(const struct watching *watching)
{
    const struct cli *cli = watching->cli;
    if (!rentbus_subscriber_connected(watching->subscriber)) {
        cli_report(cli, "UNAVAILABLE", "no answer from %s: is rentbusd running?", cli_api(cli));
        return CLI_EXIT_UNAVAILABLE;
    }
    if (!watching->counted)
        return CLI_EXIT_OK;
    cli_report(cli, "TRY_AGAIN", "%llu events did not come in time",
               (unsigned long long)watching->left);
    return CLI_EXIT_TRY_AGAIN;
}

/* Once: silence may mean that nothing happens, or that nobody is there. */
static void watch_notice(struct watching *watching)
{
    if (watching->noticed || watching->cli->json ||
        rentbus_subscriber_connected(watching->subscriber))
        return;
    fprintf(stderr, "rentbus: no answer from %s yet: waiting for rentbusd\n",
            cli_api(watching->cli));
    watching->noticed = true;
}

static enum cli_exit watch_events(struct watching *watching)
{
    enum cli_exit exit = CLI_EXIT_OK;
    while (exit == CLI_EXIT_OK && watching->left > 0) {
        struct rentbus_event event;
        int64_t wait = watching->deadline - now_ms();
        if (wait > NOTICE_MS)
            wait = NOTICE_MS;
        int status =
            rentbus_subscriber_next(watching->subscriber, wait > 0 ? (int)wait : 0, &event);
        if (status == 1) {
            exit = cli_event_print(watching->cli, &event);
            watching->left--;
        } else if (status != 0) {
            exit = watch_failed(watching, status);
        } else if (wait <= 0) {
            return watch_timed_out(watching);
        } else if (wait == NOTICE_MS) {
            watch_notice(watching);
        }
    }
    return exit;
}

static enum cli_exit since_parse(const struct cli *cli, const char *since,
                                 struct rentbus_subscription *subscription)
{
    struct rentbus_text text = rentbus_text(since);
    if (!since || strcmp(since, "now") == 0)
        subscription->start = RENTBUS_START_NOW;
    else if (cli_number_parse(text, &subscription->seq))
        subscription->start = RENTBUS_START_SEQ;
    else if (rentbus_time_parse(text, &subscription->time))
        subscription->start = RENTBUS_START_TIME;
    else
        return cli_report_usage(cli, "--since: %s is no seq, no time and not now", since);
    return CLI_EXIT_OK;
}

/* The types as C strings, in `memory`. */
static void types_copy(const struct rentbus_ids *types, char memory[][RENTBUS_ID_MAX + 1],
                       const char **list)
{
    for (size_t i = 0; i < types->count; i++) {
        memcpy(memory[i], types->items[i].data, types->items[i].length);
        memory[i][types->items[i].length] = '\0';
        list[i] = memory[i];
    }
}

static enum cli_exit watch_open(struct watching *watching, struct rentbus_subscription wanted,
                                const struct rentbus_ids *types)
{
    char memory[RENTBUS_IDS_MAX][RENTBUS_ID_MAX + 1];
    const char *list[RENTBUS_IDS_MAX];
    struct cli *cli = watching->cli;
    types_copy(types, memory, list);
    wanted.types = list;
    wanted.type_count = types->count;
    int error = rentbus_subscriber_open(&cli->options, &wanted, &watching->subscriber);
    if (error == -EINVAL) {
        cli_report(cli, "CONFIGURATION", "%s or %s is no endpoint", cli_api(cli), cli_events(cli));
        return CLI_EXIT_CONFIGURATION;
    }
    return error ? watch_failed(watching, error) : CLI_EXIT_OK;
}

static enum cli_exit watch_run(struct cli *cli, const struct cli_line *line)
{
    struct watching watching = {.cli = cli,
                                .left = UINT64_MAX,
                                .counted = cli_line_has(line, "count"),
                                .deadline = INT64_MAX};
    struct rentbus_subscription wanted = {0};
    struct rentbus_ids types;
    uint32_t timeout = 0;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = since_parse(cli, cli_line_value(line, "since"), &wanted);
    if (exit == CLI_EXIT_OK)
        exit = cli_event_types(cli, line, &types);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "count", &watching.left);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "timeout", &timeout);
    if (exit == CLI_EXIT_OK)
        exit = watch_open(&watching, wanted, &types);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (cli_line_has(line, "timeout"))
        watching.deadline = now_ms() + timeout;
    exit = watch_events(&watching);
    rentbus_subscriber_close(&watching.subscriber);
    return exit;
}

const struct cli_verb cli_verb_watch = {
    .name = "watch",
    .summary = "Show events as they happen",
    .usage = "[--since SEQ|TIME|now] [--type TYPE]... [--count N] [--timeout SPAN]",
    .options = CLI_OPTIONS(options),
    .notes =
        "Each event comes once and in order, also over restarts of the daemon. Behind the verb,\n"
        "--timeout is that of the watch. Ends with 75 when --count events did not come within\n"
        "--timeout, and with 69 when the daemon did not answer.",
    .run = watch_run,
};
