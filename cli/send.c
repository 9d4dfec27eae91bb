/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/send.h"

#include "cli/output.h"

enum cli_exit cli_send(struct cli *cli, const struct cli_line *line, enum rentbus_op op,
                       const void *args, const char *what, struct rentbus_text id)
{
    struct rentbus_command_result result;
    struct cli_answer answer = {.result = &result, .what = what, .id = id};
    enum cli_exit exit = cli_command_id(cli, cli_line_value(line, "id"), &answer.command_id);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, op, &answer.command_id, args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_answer(cli, &answer);
}
