/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/rental.h"

#include "cli/field.h"
#include "cli/report.h"
#include "cli/send.h"

union rental_args {
    struct rentbus_renew_args renew;
    struct rentbus_reason_args reason;
    struct rentbus_unflag_args unflag;
};

enum cli_exit cli_rental_run(struct cli *cli, const struct cli_line *line)
{
    const struct cli_rental_command *command = line->verb->detail;
    const struct rentbus_schema *schema = rentbus_op_rows[command->op].args;
    size_t rental = rentbus_schema_find(schema, "rental_id", strlen("rental_id"));
    union rental_args args = {0};
    struct rentbus_fault fault;
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (command->needed && !cli_line_has(line, command->needed))
        return cli_report_usage(cli, "%s: --%s is missing", line->verb->name, command->needed);
    if (cli_field_set(schema, rental, rentbus_text(line->words[0]), &args, &fault)) {
        cli_report_fault(cli, &fault);
        return CLI_EXIT_BAD_DATA;
    }
    exit = cli_line_fill(cli, line, schema, &args);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_send(cli, line, command->op, &args, NULL, (struct rentbus_text){0});
}
