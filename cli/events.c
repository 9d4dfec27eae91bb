/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"
#include "cli/event_pages.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
    {"from", "SEQ", "from this event on; from the first unless said", NULL},
    {"since", "TIME", "from the first event recorded at or after this time instead", NULL},
    {"to", "SEQ", "up to this event", NULL},
    {"type", "TYPE", "of this type only; may be repeated", NULL},
    {"limit", "N", "at most so many", NULL},
};

static enum cli_exit event_print(void *context, const struct rentbus_event *event)
{
    return cli_event_print(context, event);
}

static enum cli_exit events_run(struct cli *cli, const struct cli_line *line)
{
    struct cli_event_pages pages = CLI_EVENT_PAGES(cli);
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK)
        exit = cli_event_pages_choose(&pages, line);
    return exit == CLI_EXIT_OK ? cli_event_pages_read(&pages, event_print, cli) : exit;
}

const struct cli_verb cli_verb_events = {
    .name = "events",
    .summary = "Show what happened, up to now",
    .usage = "[--from SEQ|--since TIME] [--to SEQ] [--type TYPE]... [--limit N]",
    .options = CLI_OPTIONS(options),
    .run = events_run,
};
