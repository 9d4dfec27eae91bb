/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/documents.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/send.h"
#include "cli/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    {"subject", "ID", "what it is about: events of one subject stay in order", NULL},
    {"data", "JSON|-", "the data, an object; - reads it from standard input; {} unless said", NULL},
    {"cause", "SEQ", "the event that led to it", "cause"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
};

/* Text of a word as JSON has it, to be given to free(); NULL when it is no UTF-8 or out of memory.
 */
static char *quoted(const char *text)
{
    json_t *string = json_string(text);
    char *json = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    json_decref(string);
    return json;
}

/* Whether the text is one object and nothing else, so that it can stand in a greater one. */
static bool data_good(const struct cli *cli, struct rentbus_text data)
{
    json_error_t error;
    json_t *json = json_loadb(data.data, data.length, JSON_REJECT_DUPLICATES, &error);
    bool good = json_is_object(json);
    if (!json)
        cli_report(cli, "MALFORMED", "--data: line %d, column %d: %.150s", error.line, error.column,
                   error.text);
    else if (!good)
        cli_report(cli, "INVALID_ARGUMENT", "--data: must be a JSON object, as in {\"fee\": 3}");
    json_decref(json);
    return good;
}

/* The arguments of the operation as JSON, to be given to free(). */
static enum cli_exit publish_json(const struct cli *cli, const struct cli_line *line,
                                  struct rentbus_text data, char **json)
{
    const char *given = cli_line_value(line, "subject");
    char *type = quoted(line->words[0]);
    char *subject = given ? quoted(given) : NULL;
    enum cli_exit exit = CLI_EXIT_OK;
    if (!type || (given && !rentbus_id_valid(rentbus_text(given)))) {
        cli_report(cli, "INVALID_ARGUMENT", "%s",
                   type ? "--subject: must be an id" : "the type must be UTF-8");
        exit = CLI_EXIT_BAD_DATA;
    } else if (given && !subject) {
        cli_report_failure(cli, -ENOMEM, NULL);
        exit = CLI_EXIT_INTERNAL;
    } else if (asprintf(json, "{\"events\":[{\"type\":%s,\"data\":%.*s%s%s}]}", type,
                        RENTBUS_TEXT_ARGS(data), subject ? ",\"subject\":" : "",
                        subject ? subject : "") < 0) {
        cli_report_failure(cli, -ENOMEM, NULL);
        exit = CLI_EXIT_INTERNAL;
    }
    free(subject);
    free(type);
    return exit;
}

static enum cli_exit publish_send(struct cli *cli, const struct cli_line *line, const char *json)
{
    struct rentbus_publish_args args = {0};
    struct rentbus_fault fault;
    void *storage = NULL;
    int status = rentbus_from_json(&rentbus_publish_args_schema, json, strlen(json), &args,
                                   &storage, &fault);
    if (status > 0)
        cli_report_fault(cli, &fault);
    else if (status < 0)
        cli_report_failure(cli, status, NULL);
    if (status)
        return cli_exit_of_status(status);
    enum cli_exit exit = cli_line_fill(cli, line, &rentbus_publish_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit =
            cli_send(cli, line, RENTBUS_OP_publish, &args, "event", rentbus_text(line->words[0]));
    rentbus_free(storage);
    return exit;
}

static enum cli_exit publish_run(struct cli *cli, const struct cli_line *line)
{
    const char *given = cli_line_value(line, "data");
    struct rentbus_text data = rentbus_text(given ? given : "{}");
    struct cli_documents *documents = NULL;
    char *json = NULL;
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit == CLI_EXIT_OK && given && strcmp(given, "-") == 0)
        exit = cli_documents_whole(cli, "-", &documents, &data);
    if (exit == CLI_EXIT_OK && !data_good(cli, data))
        exit = CLI_EXIT_BAD_DATA;
    if (exit == CLI_EXIT_OK)
        exit = publish_json(cli, line, data, &json);
    if (exit == CLI_EXIT_OK)
        exit = publish_send(cli, line, json);
    free(json);
    cli_documents_close(&documents);
    return exit;
}

const struct cli_verb cli_verb_publish = {
    .name = "publish",
    .summary = "Put an event of your own on the bus",
    .usage = "TYPE [--subject ID] [--data JSON|-] [--cause SEQ] [--dry-run] [--id UUID]",
    .options = CLI_OPTIONS(options),
    .notes =
        "The type is letters, digits, _, - and ., and none of those that rentbus gives itself.",
    .run = publish_run,
};
