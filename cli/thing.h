/* SPDX-License-Identifier: MPL-2.0 */
/* What the verbs user, asset, asset-type, location and device have in common: get, list, and
 * commands such as put. */
#ifndef CLI_THING_H
#define CLI_THING_H

#include "cli/command_line.h"
#include "cli/output.h"

/* A word that changes a thing. Its options are those that name a field of the operation. */
struct cli_thing_command {
    const char *word;
    enum rentbus_op op;
    const char *needed; /* an option, or NULL */
};

/* The `detail` of such a verb. */
struct cli_thing {
    const struct cli_thing_command *commands;
    size_t command_count;
    enum rentbus_op get;
    enum rentbus_op list;
    const struct rentbus_schema *schema;
    const struct cli_column *columns; /* of a table and of a record */
    size_t column_count;
};

/* `.columns = CLI_COLUMNS(table)` sets both members, and so does CLI_COMMANDS. */
#define CLI_COLUMNS(table) (table), .column_count = sizeof(table) / sizeof((table)[0])
#define CLI_COMMANDS(table) (table), .command_count = sizeof(table) / sizeof((table)[0])

enum cli_exit cli_thing_run(struct cli *cli, const struct cli_line *line);

#endif
