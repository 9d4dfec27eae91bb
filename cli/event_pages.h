/* SPDX-License-Identifier: MPL-2.0 */
/* Reading events of the journal, page by page, as the verbs events and history do. */
#ifndef CLI_EVENT_PAGES_H
#define CLI_EVENT_PAGES_H

#include "cli/command_line.h"

/* Gets each event, borrowed for the time of the call. Anything but CLI_EXIT_OK ends the reading. */
typedef enum cli_exit cli_event_pages_each(void *context, const struct rentbus_event *event);

/* What is to be read: `args` says which events; `last` is the last seq wanted, and `left` how many
 * events; `first` is found by reading. Begins as CLI_EVENT_PAGES(cli). */
struct cli_event_pages {
    struct cli *cli;
    struct rentbus_events_read_args args;
    uint64_t last;
    uint64_t left;
    uint64_t first; /* of a history whose beginning may be gone: from here on it is complete */
};
#define CLI_EVENT_PAGES(program)                                                                   \
    {                                                                                              \
        .cli = (program), .last = UINT64_MAX, .left = UINT64_MAX                                   \
    }

/* Sets what --from, --since, --to, --type and --limit say, where the verb has them. */
enum cli_exit cli_event_pages_choose(struct cli_event_pages *pages, const struct cli_line *line)
    __attribute__((warn_unused_result));

/* Reads up to the head as it is when the first page comes, so that reading ends even while events
 * are being written. */
enum cli_exit cli_event_pages_read(struct cli_event_pages *pages, cli_event_pages_each *each,
                                   void *context) __attribute__((warn_unused_result));

#endif
