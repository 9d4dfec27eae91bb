/* SPDX-License-Identifier: MPL-2.0 */
/* A live screen of the bus. */
#include "cli/lambda_settings.h"
#include "cli/output.h"
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define INTERVAL_DEFAULT_MS 1000
/* Consumers that are looked at. */
#define ROWS_MAX 1000
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_HOME "\033[H"
#define LINE_END "\033[K\n"
#define SCREEN_END "\033[J"
#define ROWS_DEFAULT 24
#define COLUMNS_DEFAULT 80
/* Above the rows of consumers. */
#define HEAD_ROWS 3

struct top_row {
    char id[RENTBUS_ID_MAX + 1];
    char age[LAMBDA_AGE_SIZE];
    const char *state;
    uint64_t lag;
    uint64_t in_flight;
    uint64_t delayed;
    uint64_t parked;
    uint64_t workers;
    uint64_t acked;
    uint64_t failed;
};

struct top_sample {
    int64_t at; /* cli_now(); 0: there is none */
    uint64_t head;
    size_t count;
    struct top_row rows[ROWS_MAX];
};

struct top {
    struct cli *cli;
    struct top_sample samples[2];
    struct top_sample *now;
    struct top_sample *before;
};

static const struct cli_option options[] = {
    {"once", NULL, "show it once and end", NULL},
    {"interval", "SPAN", "how long between two looks; 1 s unless said", NULL},
};

/* ---- looking ---- */

static enum cli_exit row_add(void *context, const void *item)
{
    struct top *top = context;
    const struct rentbus_consumer_status *status = item;
    struct top_row *row = &top->now->rows[top->now->count++];
    *row = (struct top_row){.state = lambda_state(status),
                            .lag = status->lag,
                            .in_flight = status->in_flight,
                            .delayed = status->delayed,
                            .parked = status->parked,
                            .workers = status->workers,
                            .acked = status->acked,
                            .failed = status->failed};
    cli_text_clean(status->consumer.id, row->id, sizeof(row->id));
    lambda_age(status, cli_now(), row->age);
    return CLI_EXIT_OK;
}

static enum cli_exit top_look(struct top *top)
{
    struct rentbus_hello_result hello;
    struct rentbus_page_args args = {0};
    struct top_sample *sample = top->before;
    top->before = top->now;
    top->now = sample;
    sample->count = 0;
    enum cli_exit exit = cli_call(top->cli, RENTBUS_OP_hello, NULL, NULL, &hello);
    if (exit != CLI_EXIT_OK)
        return exit;
    sample->head = hello.head;
    sample->at = cli_now();
    return cli_pages_read(top->cli, RENTBUS_OP_consumer_list, &args, ROWS_MAX, row_add, top);
}

/* How many a second, "" when that is not known: a daemon that was started anew counts from 0. */
static const char *rate(const struct top *top, uint64_t now, uint64_t before, bool known, char *out,
                        size_t size)
{
    double seconds = (double)(top->now->at - top->before->at) / (double)RENTBUS_SECOND;
    out[0] = '\0';
    if (known && top->before->at > 0 && seconds > 0 && now >= before)
        snprintf(out, size, "%.0f", (double)(now - before) / seconds);
    return out;
}

static const struct top_row *row_before(const struct top *top, size_t index)
{
    const struct top_sample *before = top->before;
    const char *id = top->now->rows[index].id;
    if (before->at > 0 && index < before->count && strcmp(before->rows[index].id, id) == 0)
        return &before->rows[index];
    for (size_t i = 0; before->at > 0 && i < before->count; i++)
        if (strcmp(before->rows[i].id, id) == 0)
            return &before->rows[i];
    return NULL;
}

/* ---- showing ---- */

static void show_row(const struct top *top, size_t index, const char *end)
{
    const struct top_row *row = &top->now->rows[index];
    const struct top_row *before = row_before(top, index);
    char acked[32];
    char failed[32];
    rate(top, row->acked, before ? before->acked : 0, before != NULL, acked, sizeof(acked));
    rate(top, row->failed, before ? before->failed : 0, before != NULL, failed, sizeof(failed));
    printf("%-20.20s %-7s %8llu %6s %9llu %7llu %6llu %7s %8s %7llu%s", row->id, row->state,
           (unsigned long long)row->lag, row->age, (unsigned long long)row->in_flight,
           (unsigned long long)row->delayed, (unsigned long long)row->parked, acked, failed,
           (unsigned long long)row->workers, end);
}

static void show(const struct top *top, size_t rows, const char *end)
{
    char events[32];
    char time[RENTBUS_TIME_TEXT_SIZE];
    const struct top_sample *now = top->now;
    rate(top, now->head, top->before->head, true, events, sizeof(events));
    rentbus_time_format(now->at, time);
    printf("head %llu  %s%s%zu consumers  %.19sZ%s%s", (unsigned long long)now->head, events,
           events[0] ? " events/s  " : "", now->count, time, end, end);
    printf("%-20s %-7s %8s %6s %9s %7s %6s %7s %8s %7s%s", "LAMBDA", "STATE", "LAG", "OLDEST",
           "IN FLIGHT", "DELAYED", "PARKED", "ACKED/S", "FAILED/S", "WORKERS", end);
    for (size_t i = 0; i < now->count && i < rows; i++)
        show_row(top, i, end);
}

static enum cli_exit show_once(struct top *top)
{
    enum cli_exit exit = top_look(top);
    if (exit == CLI_EXIT_OK)
        show(top, SIZE_MAX, "\n");
    return exit == CLI_EXIT_OK ? cli_output_flush() : exit;
}

/* ---- the screen ---- */

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void show_screen(const struct top *top)
{
    struct winsize size = {.ws_row = ROWS_DEFAULT, .ws_col = COLUMNS_DEFAULT};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    size_t rows = size.ws_row > HEAD_ROWS + 1 ? (size_t)size.ws_row - HEAD_ROWS - 1 : 1;
    fputs(SCREEN_HOME, stdout);
    show(top, rows, LINE_END);
    fputs(SCREEN_END, stdout);
}

/* Waits for the next look. False when it is time to go. */
static bool wait_for_key(uint32_t interval_ms)
{
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = '\0';
    int ready = poll(&keys, 1, (int)interval_ms);
    if (ready == 1 && read(STDIN_FILENO, &key, 1) != 1)
        return false;
    return !stopped && key != 'q' && key != 'Q';
}

static enum cli_exit screen_loop(struct top *top, uint32_t interval_ms)
{
    enum cli_exit exit;
    do {
        exit = top_look(top);
        if (exit == CLI_EXIT_OK) {
            show_screen(top);
            exit = cli_output_flush();
        }
    } while (exit == CLI_EXIT_OK && wait_for_key(interval_ms));
    return exit;
}

/* Errors are reported behind the screen, where they stay. */
static enum cli_exit show_screens(struct top *top, uint32_t interval_ms)
{
    struct termios usual;
    struct sigaction action = {.sa_handler = stop};
    if (tcgetattr(STDIN_FILENO, &usual) != 0 || !isatty(STDOUT_FILENO))
        return cli_report_usage(top->cli, "top: this is no terminal: try --once");
    struct termios raw = usual;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs(SCREEN_ENTER, stdout);
    enum cli_exit exit = screen_loop(top, interval_ms);
    fputs(SCREEN_LEAVE, stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &usual);
    /* A signal may have ended the last look in its middle. */
    exit = stopped ? CLI_EXIT_OK : exit;
    return cli_exit_worse(exit, cli_output_flush());
}

static enum cli_exit top_run(struct cli *cli, const struct cli_line *line)
{
    uint32_t interval_ms = INTERVAL_DEFAULT_MS;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "interval", &interval_ms);
    if (exit != CLI_EXIT_OK)
        return exit;
    struct top *top = calloc(1, sizeof(*top));
    if (!top) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    top->cli = cli;
    top->now = &top->samples[0];
    top->before = &top->samples[1];
    exit = cli_line_has(line, "once") ? show_once(top) : show_screens(top, interval_ms);
    free(top);
    return exit;
}

const struct cli_verb cli_verb_top = {
    .name = "top",
    .summary = "Watch the bus: the head, and how far each lambda is",
    .usage = "[--once] [--interval SPAN]",
    .options = CLI_OPTIONS(options),
    .notes = "q ends it. Rates are those since the last look.",
    .run = top_run,
};
