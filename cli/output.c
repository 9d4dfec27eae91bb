/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"

#include "cli/field.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>

#define COLOR_GOOD "\033[32m"
#define COLOR_BAD "\033[31m"
#define COLOR_END "\033[0m"

enum cli_exit cli_output_flush(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? CLI_EXIT_OK : CLI_EXIT_OUTPUT;
}

static enum cli_exit no_memory(const struct cli *cli)
{
    cli_report_failure(cli, -ENOMEM, NULL);
    return CLI_EXIT_INTERNAL;
}

enum cli_exit cli_output_json(const struct cli *cli, const struct rentbus_schema *schema,
                              const void *value)
{
    char *json = rentbus_to_json(schema, value);
    if (!json)
        return no_memory(cli);
    puts(json);
    rentbus_free(json);
    return cli_output_flush();
}

/* The id of the command goes in front of the members of its result. */
static enum cli_exit result_json(const struct cli *cli, const struct rentbus_uuid *command_id,
                                 const struct rentbus_command_result *result)
{
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    char *json = rentbus_to_json(&rentbus_command_result_schema, result);
    if (!json)
        return no_memory(cli);
    rentbus_uuid_format(*command_id, id);
    printf("{\"command\":\"%s\",%s\n", id, json + 1);
    rentbus_free(json);
    return cli_output_flush();
}

static void print_text(const char *before, struct rentbus_text text)
{
    char clean[4 * RENTBUS_ID_MAX + 1];
    printf("%s%s", before, cli_text_clean(text, clean, sizeof(clean)));
}

static void print_rental(const struct rentbus_rental *rental)
{
    print_text(" rental ", rental->id);
    print_text(" (user ", rental->user_id);
    print_text(", asset ", rental->asset_id);
    putchar(')');
    if (rental->status == RENTBUS_STATUS_IN_PROGRESS) {
        char time[RENTBUS_TIME_TEXT_SIZE];
        rentbus_time_format(rental->expires_at, time);
        printf(", due %s", time);
    }
}

static void result_plain(const struct cli *cli, const struct rentbus_command_result *result,
                         const char *what, struct rentbus_text id)
{
    bool good = cli_exit_of_result(result) == CLI_EXIT_OK;
    printf("%s%s", cli->color ? (good ? COLOR_GOOD : COLOR_BAD) : "",
           rentbus_word_text(&rentbus_outcome_words, (int)result->outcome));
    if (RENTBUS_HAS(result, command_result, reason) && result->outcome == RENTBUS_OUTCOME_REJECTED)
        printf(" %s", rentbus_word_text(&rentbus_reason_words, (int)result->reason));
    if (cli->color)
        fputs(COLOR_END, stdout);
    if (what) {
        printf(" %s", what);
        print_text(" ", id);
    } else if (RENTBUS_HAS(result, command_result, rental)) {
        print_rental(&result->rental);
    }
    if (RENTBUS_HAS(result, command_result, matched_by))
        printf(", matched by %s",
               rentbus_word_text(&rentbus_matched_by_words, (int)result->matched_by));
    putchar('\n');
}

enum cli_exit cli_output_result(const struct cli *cli, const struct rentbus_uuid *command_id,
                                const struct rentbus_command_result *result, const char *what,
                                struct rentbus_text id)
{
    enum cli_exit exit;
    if (cli->json) {
        exit = result_json(cli, command_id, result);
    } else {
        result_plain(cli, result, what, id);
        exit = cli_output_flush();
    }
    return cli_exit_worse(exit, cli_exit_of_result(result));
}
