/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/event_line.h"
#include "cli/explanation.h"
#include "cli/field.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define LINE_SIZE (4 * RENTBUS_TEXT_MAX + 1)
#define CANDIDATE_COLUMN_COUNT 5

static const struct cli_option options[] = {
    {"rental", NULL, "it is a rental, even if a command has that id", NULL},
    {"command", NULL, "it is a command", NULL},
};

/* Texts of tables that are no fields stand under a field of the same kind. */
static const struct cli_column candidate_columns[CANDIDATE_COLUMN_COUNT] = {
    {"CANDIDATE", "id"},      {"ASSET", "asset_id"},      {"TAKEN AT", "created_at"},
    {"DUE AT", "expires_at"}, {"VERDICT", "flag_reason"},
};

static void print_text(const char *before, struct rentbus_text text)
{
    char clean[LINE_SIZE];
    printf("%s%s", before, cli_text_clean(text, clean, sizeof(clean)));
}

/* The event that the explained command began with: 1, 0 when there is none, or negative. */
static int asked_find(const struct rentbus_explain_result *result, struct rentbus_event *event)
{
    size_t position = 0;
    int status;
    while ((status = rentbus_list_next(&result->events, &rentbus_event_schema, &position, event)) >
           0)
        if (RENTBUS_HAS(event, event, command) &&
            memcmp(&event->command, &result->command, sizeof(event->command)) == 0)
            return 1;
    return status;
}

/* What was asked, by whom and when: the op, and what its first event holds. */
static int print_asked(const struct rentbus_explain_result *result)
{
    struct rentbus_event event;
    char time[RENTBUS_TIME_TEXT_SIZE];
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    if (!RENTBUS_HAS(result, explain_result, command))
        return 0;
    rentbus_uuid_format(result->command, id);
    printf("command  %s\n", id);
    int found = asked_find(result, &event);
    if (found <= 0)
        return found;
    char *text = rentbus_to_json(&rentbus_event_schema, &event);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    char *data = json ? cli_event_data_text(json_object_get(json, "data")) : NULL;
    const char *words = cli_explanation_of_event(event.type);
    printf("asked    %s%s%s\n", words ? words : "", words ? ": " : "", data ? data : "");
    rentbus_time_format(event.time, time);
    printf("when     %s", time);
    print_text(", by ", event.actor);
    putchar('\n');
    found = data ? 0 : -ENOMEM;
    free(data);
    json_decref(json);
    rentbus_free(text);
    return found;
}

static void print_outcome(const struct rentbus_explain_result *result)
{
    if (!RENTBUS_HAS(result, explain_result, outcome))
        return;
    printf("outcome  %s: %s\n", rentbus_word_text(&rentbus_outcome_words, (int)result->outcome),
           cli_explanation_of_outcome(result->outcome));
    for (size_t i = 0; i < result->reasons.count; i++) {
        print_text("reason   ", result->reasons.items[i]);
        printf(": %s\n", cli_explanation_of_reason(result->reasons.items[i]));
    }
}

static void print_policy(const struct rentbus_explain_result *result)
{
    static const char *const names[] = {"late_return", "return_match", "user_limit", "max_skew",
                                        "renewal_grace"};
    char text[CLI_FIELD_TEXT_SIZE];
    if (!RENTBUS_HAS(result, explain_result, policy))
        return;
    printf("policy   version %llu:", (unsigned long long)result->policy.version);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t field = rentbus_schema_find(&rentbus_policy_schema, names[i], strlen(names[i]));
        cli_field_text(&rentbus_policy_schema, field, &result->policy, text);
        if (text[0])
            printf(" %s=%s", names[i], text);
    }
    putchar('\n');
}

static enum cli_exit candidate_add(struct cli_table *table,
                                   const struct rentbus_candidate *candidate)
{
    char id[4 * RENTBUS_ID_MAX + 1];
    char asset[4 * RENTBUS_ID_MAX + 1];
    char taken[RENTBUS_TIME_TEXT_SIZE];
    char due[RENTBUS_TIME_TEXT_SIZE];
    const char *const texts[CANDIDATE_COLUMN_COUNT] = {
        cli_text_clean(candidate->rental.id, id, sizeof(id)),
        cli_text_clean(candidate->rental.asset_id, asset, sizeof(asset)), taken, due,
        cli_explanation_of_verdict(candidate->verdict)};
    rentbus_time_format(candidate->rental.created_at, taken);
    rentbus_time_format(candidate->rental.expires_at, due);
    return cli_table_add_texts(table, texts);
}

static enum cli_exit list_failed(const struct cli *cli, int status)
{
    if (status >= 0)
        return CLI_EXIT_OK;
    cli_report_failure(cli, status, NULL);
    return cli_exit_of_status(status);
}

static enum cli_exit print_candidates(const struct cli *cli, const struct rentbus_list *candidates)
{
    struct rentbus_candidate candidate;
    struct cli_table *table;
    size_t position = 0;
    int status = 0;
    if (candidates->count == 0)
        return CLI_EXIT_OK;
    enum cli_exit exit = cli_table_create(cli, &rentbus_rental_schema, candidate_columns,
                                          CANDIDATE_COLUMN_COUNT, &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    putchar('\n');
    while (exit == CLI_EXIT_OK && (status = rentbus_list_next(candidates, &rentbus_candidate_schema,
                                                              &position, &candidate)) > 0)
        exit = candidate_add(table, &candidate);
    exit = cli_exit_worse(exit, cli_table_finish(table));
    cli_table_destroy(&table);
    return cli_exit_worse(exit, list_failed(cli, status));
}

static enum cli_exit print_events(const struct cli *cli, const struct rentbus_list *events)
{
    struct rentbus_event event;
    struct cli_table *table;
    size_t position = 0;
    int status = 0;
    enum cli_exit exit = cli_table_create(cli, &rentbus_event_schema, cli_event_columns,
                                          CLI_EVENT_COLUMN_COUNT, &table);
    if (exit != CLI_EXIT_OK)
        return exit;
    putchar('\n');
    while (exit == CLI_EXIT_OK &&
           (status = rentbus_list_next(events, &rentbus_event_schema, &position, &event)) > 0)
        exit = cli_event_row(table, &event);
    exit = cli_exit_worse(exit, cli_table_finish(table));
    cli_table_destroy(&table);
    return cli_exit_worse(exit, list_failed(cli, status));
}

static enum cli_exit explain_print(const struct cli *cli,
                                   const struct rentbus_explain_result *result)
{
    if (cli->json)
        return cli_output_json(cli, &rentbus_explain_result_schema, result);
    enum cli_exit exit = list_failed(cli, print_asked(result));
    print_outcome(result);
    print_policy(result);
    if (exit == CLI_EXIT_OK)
        exit = print_candidates(cli, &result->candidates);
    return exit == CLI_EXIT_OK ? print_events(cli, &result->events) : exit;
}

/* Whether the word may be a command, and whether it can be nothing else. */
static enum cli_exit explain_choose(const struct cli *cli, const struct cli_line *line,
                                    struct rentbus_explain_args *args, bool *command, bool *rental)
{
    struct rentbus_uuid id;
    bool uuid = rentbus_uuid_parse(rentbus_text(line->words[0]), &id);
    *command = cli_line_has(line, "command");
    *rental = cli_line_has(line, "rental");
    if (*command && *rental)
        return cli_report_usage(cli, "explain: --rental or --command, not both");
    if (*command && !uuid)
        return cli_report_usage(cli, "explain: %s is not a UUID", line->words[0]);
    *rental = *rental || !uuid;
    if (uuid)
        RENTBUS_SET(args, explain_args, command_id, id);
    return CLI_EXIT_OK;
}

/* A word that is the id of a command known to the daemon is that command, unless told otherwise.
 * An error of the first try is the error of the second. */
static enum cli_exit explain_ask(struct cli *cli, const struct cli_line *line,
                                 struct rentbus_explain_result *result)
{
    struct rentbus_explain_args args = {0};
    bool command;
    bool rental;
    enum cli_exit exit = explain_choose(cli, line, &args, &command, &rental);
    if (exit == CLI_EXIT_OK)
        exit = cli_connect(cli);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (!command && !rental) {
        int status = rentbus_call(cli->client, RENTBUS_OP_explain, NULL, &args, result);
        if (status == 0)
            return CLI_EXIT_OK;
        rental = status == RENTBUS_ERROR_NOT_FOUND;
    }
    if (rental) {
        args = (struct rentbus_explain_args){0};
        RENTBUS_SET(&args, explain_args, rental_id, rentbus_text(line->words[0]));
    }
    return cli_call(cli, RENTBUS_OP_explain, NULL, &args, result);
}

static enum cli_exit explain_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_explain_result result;
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit == CLI_EXIT_OK)
        exit = explain_ask(cli, line, &result);
    return exit == CLI_EXIT_OK ? explain_print(cli, &result) : exit;
}

const struct cli_verb cli_verb_explain = {
    .name = "explain",
    .summary = "Say why a command came to what it came to, or a rental to what it is",
    .usage = "RENTAL|COMMAND [--rental|--command]",
    .options = CLI_OPTIONS(options),
    .notes =
        "What was asked, what came of it and why, the policy that was in force, the rentals that "
        "a\n"
        "return had to choose from, and the events. Of a rental: the command that made it what\n"
        "it is, and all events about it.",
    .run = explain_run,
};
