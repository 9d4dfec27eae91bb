/* SPDX-License-Identifier: MPL-2.0 */
/* An event as one line, and the options that choose events. */
#ifndef CLI_EVENT_LINE_H
#define CLI_EVENT_LINE_H

#include "cli/command_line.h"
#include "cli/output.h"

struct json_t;

/* The plain members of the data of an event, as in "reason=late  rental=r1"; to be given to free().
 * NULL when out of memory. */
char *cli_event_data_text(const struct json_t *data);

/* Prints and flushes: seq, time, type, subject and the plain members of its data; with --json, the
 * event. */
enum cli_exit cli_event_print(const struct cli *cli, const struct rentbus_event *event)
    __attribute__((warn_unused_result));

/* A table of events, of the schema `event`, for people; and a row of it. */
#define CLI_EVENT_COLUMN_COUNT 5
extern const struct cli_column cli_event_columns[CLI_EVENT_COLUMN_COUNT];
enum cli_exit cli_event_row(struct cli_table *table, const struct rentbus_event *event)
    __attribute__((warn_unused_result));

/* The types that --type names, borrowed from the line, each option with one or, between commas,
 * several; at most RENTBUS_IDS_MAX. */
enum cli_exit cli_event_types(const struct cli *cli, const struct cli_line *line,
                              struct rentbus_ids *types) __attribute__((warn_unused_result));

#endif
