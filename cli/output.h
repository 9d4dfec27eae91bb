/* SPDX-License-Identifier: MPL-2.0 */
/* Results, on standard output: JSON lines, tables and sentences. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/cli.h"

/* A struct as one line of JSON, flushed. */
enum cli_exit cli_output_json(const struct cli *cli, const struct rentbus_schema *schema,
                              const void *value) __attribute__((warn_unused_result));
/* Flushes standard output; CLI_EXIT_OUTPUT when it cannot be written, which cli_main() reports. */
enum cli_exit cli_output_flush(void) __attribute__((warn_unused_result));

/* What a command came to. */
struct cli_answer {
    struct rentbus_uuid command_id;
    const struct rentbus_command_result *result;
    const char *what;       /* the kind of thing that it was about; NULL: a rental */
    struct rentbus_text id; /* of that thing, where it has one */
    bool undone;            /* it was in a batch that came to nothing */
};

/* Prints it; of a dry run, also the events that would be. JSON: the result and `command`, its id,
 * with the `line` of cli->place where there is one, and `applied` false when it was undone. Returns
 * the exit code that the result calls for. */
enum cli_exit cli_output_answer(const struct cli *cli, const struct cli_answer *answer)
    __attribute__((warn_unused_result));

/* A column of a table, or a row of a record: a field of the schema and its heading. */
struct cli_column {
    const char *heading;
    const char *field;
};

/* The present fields of one struct, a line each; with --json, the struct. */
enum cli_exit cli_output_record(const struct cli *cli, const struct rentbus_schema *schema,
                                const struct cli_column *columns, size_t count, const void *value)
    __attribute__((warn_unused_result));

/* Rows of a table, shown a thousand at a time, so that any number of them takes little memory. */
struct cli_table;
enum cli_exit cli_table_create(const struct cli *cli, const struct rentbus_schema *schema,
                               const struct cli_column *columns, size_t count,
                               struct cli_table **table) __attribute__((warn_unused_result));
/* NULL-safe. What was added and not yet shown is lost. */
void cli_table_destroy(struct cli_table **table);
/* Adds a row; with --json, prints it. */
enum cli_exit cli_table_add(struct cli_table *table, const void *value)
    __attribute__((warn_unused_result));
/* Adds a row of other texts than those of the fields, one for each column; not for JSON. */
enum cli_exit cli_table_add_texts(struct cli_table *table, const char *const *texts)
    __attribute__((warn_unused_result));
/* Shows what was added. */
enum cli_exit cli_table_finish(struct cli_table *table) __attribute__((warn_unused_result));

#endif
