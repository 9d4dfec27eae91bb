/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"

#include "cli/preview.h"
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

/* What is not in the result goes in front of its members. */
static enum cli_exit answer_json(const struct cli *cli, const struct cli_answer *answer)
{
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    char *json = rentbus_to_json(&rentbus_command_result_schema, answer->result);
    if (!json)
        return no_memory(cli);
    putchar('{');
    if (cli->place.line)
        printf("\"line\":%llu,", (unsigned long long)cli->place.line);
    rentbus_uuid_format(answer->command_id, id);
    printf("\"command\":\"%s\",%s%s\n", id, answer->undone ? "\"applied\":false," : "", json + 1);
    rentbus_free(json);
    return cli_output_flush();
}

static void print_text(const char *before, struct rentbus_text text)
{
    char clean[4 * RENTBUS_TEXT_MAX + 1];
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
    } else if (rental->status == RENTBUS_STATUS_FLAGGED) {
        print_text(", flagged: ", rental->flag_reason);
    } else if (rental->status == RENTBUS_STATUS_FORGIVEN) {
        fputs(", forgiven", stdout);
    }
}

/* Every rule that stands against it. */
static void print_reasons(const struct rentbus_command_result *result)
{
    for (size_t i = 0; i < result->reasons.count; i++)
        print_text(i > 0 ? ", " : " ", result->reasons.items[i]);
    if (result->reasons.count == 0 && RENTBUS_HAS(result, command_result, reason))
        printf(" %s", rentbus_word_text(&rentbus_reason_words, (int)result->reason));
}

static void print_outcome(const struct cli *cli, const struct cli_answer *answer)
{
    const struct rentbus_command_result *result = answer->result;
    bool rejected = result->outcome == RENTBUS_OUTCOME_REJECTED;
    bool good = cli_exit_of_result(result) == CLI_EXIT_OK;
    if (RENTBUS_HAS(result, command_result, dry_run) && result->dry_run)
        fputs("DRY RUN would be ", stdout);
    else if (answer->undone && !rejected)
        fputs("NOT DONE would be ", stdout);
    printf("%s%s", cli->color ? (good ? COLOR_GOOD : COLOR_BAD) : "",
           rentbus_word_text(&rentbus_outcome_words, (int)result->outcome));
    if (rejected)
        print_reasons(result);
    if (cli->color)
        fputs(COLOR_END, stdout);
}

static enum cli_exit answer_plain(const struct cli *cli, const struct cli_answer *answer)
{
    const struct rentbus_command_result *result = answer->result;
    print_outcome(cli, answer);
    if (answer->what)
        printf(" %s", answer->what);
    if (answer->what && answer->id.length > 0)
        print_text(" ", answer->id);
    if (!answer->what && RENTBUS_HAS(result, command_result, rental))
        print_rental(&result->rental);
    if (RENTBUS_HAS(result, command_result, matched_by))
        printf(", matched by %s",
               rentbus_word_text(&rentbus_matched_by_words, (int)result->matched_by));
    putchar('\n');
    return cli_preview_print(cli, &result->events);
}

enum cli_exit cli_output_answer(const struct cli *cli, const struct cli_answer *answer)
{
    enum cli_exit exit = cli->json ? answer_json(cli, answer) : answer_plain(cli, answer);
    return cli_exit_worse(exit, cli_exit_of_result(answer->result));
}
