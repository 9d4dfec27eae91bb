/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"
#include "cli/field.h"
#include "cli/report.h"
#include "cli/verbs.h"

#define PAGE_EVENTS 500

static const struct cli_option options[] = {
    {"from", "SEQ", "from this event on; from the first unless said", NULL},
    {"since", "TIME", "from the first event recorded at or after this time instead", NULL},
    {"to", "SEQ", "up to this event", NULL},
    {"type", "TYPE", "of this type only; may be repeated", NULL},
    {"limit", "N", "at most so many", NULL},
};

/* What is still to be read. `last` is the last seq wanted; once the first page has come, at most
 * the head as it then was, so that reading ends even while events are being written. */
struct reading {
    struct cli *cli;
    struct rentbus_events_read_args args;
    uint64_t last;
    uint64_t left;
};

static enum cli_exit print_page(struct reading *reading, const struct rentbus_event_page *page)
{
    struct rentbus_event event;
    enum cli_exit exit = CLI_EXIT_OK;
    size_t position = 0;
    int status = 0;
    while (exit == CLI_EXIT_OK && reading->left > 0 &&
           (status = rentbus_list_next(&page->events, &rentbus_event_schema, &position, &event)) >
               0) {
        if (event.seq > reading->last)
            break;
        exit = cli_event_print(reading->cli, &event);
        reading->left--;
    }
    if (status < 0) {
        cli_report_failure(reading->cli, status, NULL);
        exit = cli_exit_of_status(status);
    }
    return exit;
}

static enum cli_exit read_pages(struct reading *reading)
{
    struct rentbus_event_page page;
    uint64_t next = 0;
    do {
        uint64_t limit = reading->left < PAGE_EVENTS ? reading->left : PAGE_EVENTS;
        RENTBUS_SET(&reading->args, events_read_args, limit, limit);
        enum cli_exit exit =
            cli_call(reading->cli, RENTBUS_OP_events_read, NULL, &reading->args, &page);
        if (exit == CLI_EXIT_OK)
            exit = print_page(reading, &page);
        if (exit != CLI_EXIT_OK)
            return exit;
        if (page.head < reading->last)
            reading->last = page.head;
        if (page.next_seq <= next)
            break;
        next = page.next_seq;
        RENTBUS_SET(&reading->args, events_read_args, from_seq, next);
        reading->args.has &= ~RENTBUS_BIT(events_read_args, since);
    } while (reading->left > 0 && next <= reading->last);
    return CLI_EXIT_OK;
}

static enum cli_exit since_set(const struct cli *cli, const char *since,
                               struct rentbus_events_read_args *args)
{
    struct rentbus_fault fault;
    size_t index = rentbus_schema_find(&rentbus_events_read_args_schema, "since", 5);
    if (!since ||
        !cli_field_set(&rentbus_events_read_args_schema, index, rentbus_text(since), args, &fault))
        return CLI_EXIT_OK;
    cli_report_fault(cli, &fault);
    return CLI_EXIT_BAD_DATA;
}

static enum cli_exit events_run(struct cli *cli, const struct cli_line *line)
{
    struct reading reading = {.cli = cli, .last = UINT64_MAX, .left = UINT64_MAX};
    uint64_t from = 1;
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK && cli_line_has(line, "from") && cli_line_has(line, "since"))
        exit = cli_report_usage(cli, "events: --from or --since, not both");
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "from", &from);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "to", &reading.last);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "limit", &reading.left);
    if (exit == CLI_EXIT_OK)
        exit = cli_event_types(cli, line, &reading.args.types);
    if (exit == CLI_EXIT_OK)
        exit = since_set(cli, cli_line_value(line, "since"), &reading.args);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (reading.args.types.count > 0)
        reading.args.has |= RENTBUS_BIT(events_read_args, types);
    if (!cli_line_has(line, "since"))
        RENTBUS_SET(&reading.args, events_read_args, from_seq, from > 0 ? from : 1);
    return reading.left > 0 ? read_pages(&reading) : CLI_EXIT_OK;
}

const struct cli_verb cli_verb_events = {
    .name = "events",
    .summary = "Show what happened, up to now",
    .usage = "[--from SEQ|--since TIME] [--to SEQ] [--type TYPE]... [--limit N]",
    .options = CLI_OPTIONS(options),
    .run = events_run,
};
