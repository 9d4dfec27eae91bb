/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_drill.h"

#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>

/* How much of the journal is looked through at first for each event that is wanted, and by how
 * much more each time that it was too little. */
#define SPAN_EVENTS 16
#define SPAN_GROWTH 8

/* The events that were read: all of them, or the last `wanted`. */
struct collecting {
    struct drill_events *events;
    const struct cli *cli;
    size_t wanted;
    size_t seen;
    bool last;
};

static void event_release(struct drill_event *event)
{
    rentbus_free(event->storage);
    free(event->line);
    *event = (struct drill_event){0};
}

void drill_events_release(struct drill_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        event_release(&events->items[i]);
    free(events->items);
    *events = (struct drill_events){0};
}

static int event_copy(struct drill_event *copy, const struct rentbus_event *event)
{
    struct rentbus_fault fault;
    struct drill_event made = {0};
    char *json = rentbus_to_json(&rentbus_event_schema, event);
    size_t length = json ? strlen(json) : 0;
    int error = json ? rentbus_from_json(&rentbus_event_schema, json, length, &made.event,
                                         &made.storage, &fault)
                     : -ENOMEM;
    made.line = error == 0 ? malloc(length + 1) : NULL;
    if (made.line) {
        memcpy(made.line, json, length);
        made.line[length] = '\n';
        made.line_length = length + 1;
        *copy = made;
    } else if (error == 0) {
        rentbus_free(made.storage);
        error = -ENOMEM;
    }
    rentbus_free(json);
    return error > 0 ? -EBADMSG : error;
}

static enum cli_exit event_take(void *context, const struct rentbus_event *event)
{
    struct collecting *collecting = context;
    struct drill_events *events = collecting->events;
    if (!collecting->last && collecting->seen == collecting->wanted)
        return CLI_EXIT_REJECTED;
    size_t place = collecting->seen++ % collecting->wanted;
    if (place < events->count)
        event_release(&events->items[place]);
    int error = event_copy(&events->items[place], event);
    if (error == 0 && place >= events->count)
        events->count = place + 1;
    if (error)
        cli_report_failure(collecting->cli, error, NULL);
    return error ? CLI_EXIT_INTERNAL : CLI_EXIT_OK;
}

/* The place of the oldest event becomes the first one. */
static int events_turn(struct drill_events *events, size_t oldest)
{
    struct drill_event *turned = malloc(events->count * sizeof(*turned));
    if (!turned)
        return -ENOMEM;
    for (size_t i = 0; i < events->count; i++)
        turned[i] = events->items[(oldest + i) % events->count];
    memcpy(events->items, turned, events->count * sizeof(*turned));
    free(turned);
    return 0;
}

static enum cli_exit pages_read(struct collecting *collecting, struct lambda_history *history)
{
    enum cli_exit exit = lambda_history_read(history, event_take, collecting);
    return exit == CLI_EXIT_REJECTED ? CLI_EXIT_OK : exit;
}

static enum cli_exit last_read(struct collecting *collecting, struct cli *cli,
                               struct lambda_history *history)
{
    struct rentbus_hello_result hello;
    struct cli_event_pages *pages = &history->pages;
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_hello, NULL, NULL, &hello);
    uint64_t head = exit == CLI_EXIT_OK && hello.head < pages->last ? hello.head : pages->last;
    uint64_t span = (uint64_t)collecting->wanted * SPAN_EVENTS;
    uint64_t from = 0;
    while (exit == CLI_EXIT_OK && from != 1 && collecting->events->count < collecting->wanted) {
        from = head > span ? head - span + 1 : 1;
        span *= SPAN_GROWTH;
        RENTBUS_SET(&pages->args, events_read_args, from_seq, from);
        collecting->seen = 0;
        exit = pages_read(collecting, history);
    }
    size_t count = collecting->events->count;
    if (exit == CLI_EXIT_OK && collecting->seen > count &&
        events_turn(collecting->events, collecting->seen % count)) {
        cli_report_failure(cli, -ENOMEM, NULL);
        exit = CLI_EXIT_INTERNAL;
    }
    return exit;
}

struct lane_order {
    const struct drill_event *event;
    size_t index;
};

/* The daemon keeps events without a subject in order with others of their type. */
static int subject_compare(const struct rentbus_event *a, const struct rentbus_event *b)
{
    int has = RENTBUS_HAS(a, event, subject);
    struct rentbus_text x = has ? a->subject : a->type;
    struct rentbus_text y = RENTBUS_HAS(b, event, subject) ? b->subject : b->type;
    int order = has - RENTBUS_HAS(b, event, subject);
    if (order == 0)
        order = memcmp(x.data, y.data, x.length < y.length ? x.length : y.length);
    return order ? order : (x.length > y.length) - (x.length < y.length);
}

static int lane_compare(const void *left, const void *right)
{
    const struct lane_order *a = left;
    const struct lane_order *b = right;
    int order = subject_compare(&a->event->event, &b->event->event);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int lanes_find(struct drill_events *events)
{
    struct lane_order *order = malloc(events->count * sizeof(*order));
    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < events->count; i++)
        order[i] = (struct lane_order){&events->items[i], i};
    qsort(order, events->count, sizeof(*order), lane_compare);
    for (size_t i = 0; i < events->count; i++) {
        bool same =
            i > 0 && subject_compare(&order[i - 1].event->event, &order[i].event->event) == 0;
        events->items[order[i].index].lane =
            same ? events->items[order[i - 1].index].lane : order[i].index;
    }
    free(order);
    return 0;
}

static enum cli_exit numbers_read(const struct cli *cli, const struct cli_line *line,
                                  uint64_t *last, uint64_t *limit)
{
    enum cli_exit exit = cli_line_number(cli, line, "last", last);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "limit", limit);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (cli_line_has(line, "last") && cli_line_has(line, "since"))
        return cli_report_usage(cli, "lambda drill: --last or --since, not both");
    if (cli_line_has(line, "limit") && !cli_line_has(line, "since"))
        return cli_report_usage(cli, "lambda drill: --limit goes with --since");
    if (*last < 1 || *last > DRILL_EVENTS_MAX)
        return cli_report_usage(cli, "--last: must be 1 to %d", DRILL_EVENTS_MAX);
    if (*limit < 1 || (*limit > DRILL_EVENTS_MAX && cli_line_has(line, "limit")))
        return cli_report_usage(cli, "--limit: must be 1 to %d", DRILL_EVENTS_MAX);
    return CLI_EXIT_OK;
}

enum cli_exit drill_events_read(struct drill_events *events, struct cli *cli,
                                const struct cli_line *line, struct lambda_history *history)
{
    uint64_t last = DRILL_EVENTS_DEFAULT;
    uint64_t limit = DRILL_EVENTS_MAX + 1;
    struct collecting collecting = {events, cli, 0, 0, !cli_line_has(line, "since")};
    enum cli_exit exit = numbers_read(cli, line, &last, &limit);
    if (exit == CLI_EXIT_OK)
        exit = lambda_history_choose(history, line);
    if (exit != CLI_EXIT_OK)
        return exit;
    collecting.wanted = collecting.last ? last : limit;
    events->items = calloc(collecting.wanted, sizeof(*events->items));
    if (!events->items) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    exit =
        collecting.last ? last_read(&collecting, cli, history) : pages_read(&collecting, history);
    if (exit == CLI_EXIT_OK && events->count > DRILL_EVENTS_MAX)
        exit =
            cli_report_usage(cli, "more than %d events: say --limit or --last", DRILL_EVENTS_MAX);
    if (exit == CLI_EXIT_OK && events->count == 0) {
        cli_report(cli, "NOT_FOUND", "there are no such events");
        exit = CLI_EXIT_NOT_FOUND;
    }
    if (exit == CLI_EXIT_OK && lanes_find(events)) {
        cli_report_failure(cli, -ENOMEM, NULL);
        exit = CLI_EXIT_INTERNAL;
    }
    return exit;
}
