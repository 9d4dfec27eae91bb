/* SPDX-License-Identifier: MPL-2.0 */
/* The events of the journal that a lambda would get, read without its cursor. */
#ifndef CLI_LAMBDA_HISTORY_H
#define CLI_LAMBDA_HISTORY_H

#include "cli/event_pages.h"

/* Begins as LAMBDA_HISTORY(cli, filter). `pages` may be changed before each reading. */
struct lambda_history {
    struct cli_event_pages pages;
    int64_t until; /* events before this time */
    struct rentbus_consumer_put_args *filter;
    struct cli other; /* for what is asked while a page of events is in use */
    struct cli known; /* keeps what the filter borrows */
    cli_event_pages_each *each;
    void *context;
};
#define LAMBDA_HISTORY(program, wants)                                                             \
    {                                                                                              \
        .pages = CLI_EVENT_PAGES(program), .until = INT64_MAX, .filter = (wants),                  \
        .other = *(program), .known = *(program)                                                   \
    }

/* Takes the places of --since and --until, where the line has them; and, when it has neither --on
 * nor --where, the filter of the consumer line->words[1]. */
enum cli_exit lambda_history_choose(struct lambda_history *history, const struct cli_line *line)
    __attribute__((warn_unused_result));
/* Gets each event that the filter lets pass, borrowed for the time of the call. Anything but
 * CLI_EXIT_OK of it ends the reading; CLI_EXIT_REJECTED: it was over before the head. */
enum cli_exit lambda_history_read(struct lambda_history *history, cli_event_pages_each *each,
                                  void *context) __attribute__((warn_unused_result));
void lambda_history_close(struct lambda_history *history);

#endif
