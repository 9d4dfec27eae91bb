/* SPDX-License-Identifier: MPL-2.0 */
/* What the verbs user, asset, asset-type and location have in common: put, get and list. */
#ifndef CLI_THING_H
#define CLI_THING_H

#include "cli/command_line.h"
#include "cli/output.h"

/* The `detail` of such a verb. */
struct cli_thing {
    enum rentbus_op put;
    enum rentbus_op get;
    enum rentbus_op list;
    const struct rentbus_schema *schema;
    const struct cli_column *columns; /* of a table and of a record */
    size_t column_count;
    const char *put_option; /* that put needs, or NULL */
};

/* `.columns = CLI_COLUMNS(table)` sets both members. */
#define CLI_COLUMNS(table) (table), .column_count = sizeof(table) / sizeof((table)[0])

enum cli_exit cli_thing_run(struct cli *cli, const struct cli_line *line);

#endif
