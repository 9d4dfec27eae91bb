/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_pages.h"

#include "cli/event_line.h"
#include "cli/field.h"
#include "cli/report.h"

#define PAGE_EVENTS 500

static enum cli_exit page_walk(struct cli_event_pages *pages, const struct rentbus_event_page *page,
                               cli_event_pages_each *each, void *context)
{
    struct rentbus_event event;
    enum cli_exit exit = CLI_EXIT_OK;
    size_t position = 0;
    int status = 0;
    while (exit == CLI_EXIT_OK && pages->left > 0 &&
           (status = rentbus_list_next(&page->events, &rentbus_event_schema, &position, &event)) >
               0) {
        if (event.seq > pages->last)
            break;
        exit = each(context, &event);
        pages->left--;
    }
    if (status < 0) {
        cli_report_failure(pages->cli, status, NULL);
        exit = cli_exit_of_status(status);
    }
    return exit;
}

enum cli_exit cli_event_pages_read(struct cli_event_pages *pages, cli_event_pages_each *each,
                                   void *context)
{
    struct rentbus_event_page page;
    uint64_t next = 0;
    while (pages->left > 0 && next <= pages->last) {
        uint64_t limit = pages->left < PAGE_EVENTS ? pages->left : PAGE_EVENTS;
        RENTBUS_SET(&pages->args, events_read_args, limit, limit);
        enum cli_exit exit =
            cli_call(pages->cli, RENTBUS_OP_events_read, NULL, &pages->args, &page);
        if (exit == CLI_EXIT_OK)
            exit = page_walk(pages, &page, each, context);
        if (exit != CLI_EXIT_OK)
            return exit;
        if (page.head < pages->last)
            pages->last = page.head;
        if (next == 0 && RENTBUS_HAS(&page, event_page, first_seq))
            pages->first = page.first_seq;
        if (page.next_seq <= next)
            break;
        next = page.next_seq;
        RENTBUS_SET(&pages->args, events_read_args, from_seq, next);
        pages->args.has &= ~RENTBUS_BIT(events_read_args, since);
    }
    return CLI_EXIT_OK;
}

static enum cli_exit since_set(const struct cli *cli, const char *since,
                               struct rentbus_events_read_args *args)
{
    struct rentbus_fault fault;
    size_t index = rentbus_schema_find(&rentbus_events_read_args_schema, "since", 5);
    if (!cli_field_set(&rentbus_events_read_args_schema, index, rentbus_text(since), args, &fault))
        return CLI_EXIT_OK;
    cli_report_fault(cli, &fault);
    return CLI_EXIT_BAD_DATA;
}

static enum cli_exit begin_set(struct cli_event_pages *pages, const struct cli_line *line)
{
    uint64_t from = 1;
    const char *since = cli_line_value(line, "since");
    if (since && cli_line_has(line, "from"))
        return cli_report_usage(pages->cli, "%s: --from or --since, not both", line->verb->name);
    if (since)
        return since_set(pages->cli, since, &pages->args);
    enum cli_exit exit = cli_line_number(pages->cli, line, "from", &from);
    if (cli_line_has(line, "from"))
        RENTBUS_SET(&pages->args, events_read_args, from_seq, from > 0 ? from : 1);
    return exit;
}

enum cli_exit cli_event_pages_choose(struct cli_event_pages *pages, const struct cli_line *line)
{
    const struct cli *cli = pages->cli;
    enum cli_exit exit = begin_set(pages, line);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "to", &pages->last);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "limit", &pages->left);
    if (exit == CLI_EXIT_OK)
        exit = cli_event_types(cli, line, &pages->args.types);
    if (exit == CLI_EXIT_OK && pages->args.types.count > 0)
        pages->args.has |= RENTBUS_BIT(events_read_args, types);
    return exit;
}
