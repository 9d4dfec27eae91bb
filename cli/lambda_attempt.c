/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_attempt.h"

#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Room for a name and the longest value. */
#define VARIABLE_SIZE (RENTBUS_TEXT_MAX + 64)

#define VARIABLES_MAX 9

struct variables {
    char texts[VARIABLES_MAX][VARIABLE_SIZE];
    char *list[VARIABLES_MAX + LAMBDA_VARIABLES_MAX];
    size_t count;
};

static void variable_add(struct variables *variables, const char *name, struct rentbus_text value)
{
    char *text = variables->texts[variables->count];
    snprintf(text, VARIABLE_SIZE, "%s=%.*s", name, RENTBUS_TEXT_ARGS(value));
    variables->list[variables->count++] = text;
}

static void number_add(struct variables *variables, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    variable_add(variables, name, rentbus_text(text));
}

/* What is the same for all events. */
static void variables_common(struct variables *variables, const struct cli *cli,
                             const struct lambda_settings *settings)
{
    variable_add(variables, "RENTBUS_CONSUMER", settings->put.id);
    variable_add(variables, "RENTBUS_API", rentbus_text(cli_api(cli)));
    variable_add(variables, "RENTBUS_EVENTS", rentbus_text(cli_events(cli)));
    for (size_t i = 0; i < settings->variable_count; i++)
        variables->list[variables->count++] = settings->variables[i];
}

static void variables_fill(struct variables *variables, const struct cli *cli,
                           const struct lambda_settings *settings,
                           const struct rentbus_event *event, uint64_t number)
{
    char time[RENTBUS_TIME_TEXT_SIZE];
    variables->count = 0;
    rentbus_time_format(event->time, time);
    variable_add(variables, "RENTBUS_EVENT_TYPE", event->type);
    number_add(variables, "RENTBUS_EVENT_SEQ", event->seq);
    variable_add(variables, "RENTBUS_EVENT_ID", event->id);
    variable_add(variables, "RENTBUS_EVENT_TIME", rentbus_text(time));
    number_add(variables, "RENTBUS_EVENT_ATTEMPT", number);
    if (RENTBUS_HAS(event, event, subject))
        variable_add(variables, "RENTBUS_EVENT_SUBJECT", event->subject);
    variables_common(variables, cli, settings);
}

static int write_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0)
            return -errno;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* A file without a name that holds the event as a line of JSON: a handler that reads none of it
 * holds nobody up. Its descriptor, or a negative errno. */
static int event_file(const struct rentbus_event *event)
{
    char *json = rentbus_to_json(&rentbus_event_schema, event);
    if (!json)
        return -ENOMEM;
    int file = memfd_create("event", MFD_CLOEXEC);
    int error = file == -1 ? -errno : write_all(file, json, strlen(json));
    if (error == 0)
        error = write_all(file, "\n", 1);
    if (error == 0 && lseek(file, 0, SEEK_SET) == -1)
        error = -errno;
    rentbus_free(json);
    if (error == 0)
        return file;
    if (file != -1)
        close(file);
    return error;
}

void lambda_attempt_note(struct lambda_attempt *attempt, const struct rentbus_event *event,
                         uint64_t number, int64_t now)
{
    attempt->seq = event->seq;
    attempt->number = number;
    attempt->started = now;
    cli_text_clean(event->type, attempt->type, sizeof(attempt->type));
}

int lambda_attempt_start(struct lambda_attempt *attempt, const struct cli *cli,
                         const struct lambda_settings *settings, const struct rentbus_event *event,
                         uint64_t number, int64_t now)
{
    struct variables variables;
    lambda_attempt_note(attempt, event, number, now);
    variables_fill(&variables, cli, settings, event, number);
    char **environment = handler_environment(variables.list, variables.count);
    if (!environment)
        return -ENOMEM;
    attempt->handler.forward = !cli->json;
    attempt->handler.output_max = settings->output_max;
    int input = event_file(event);
    int error = input < 0 ? input : 0;
    if (error == 0)
        error =
            handler_start(&attempt->handler, settings->path, settings->command, environment, input);
    if (input >= 0)
        close(input);
    free(environment);
    return error;
}

int lambda_attempt_spawn(struct handler *handler, const struct cli *cli,
                         const struct lambda_settings *settings, int *input)
{
    struct variables variables = {.count = 0};
    int ends[2];
    *input = -1;
    variables_common(&variables, cli, settings);
    char **environment = handler_environment(variables.list, variables.count);
    if (!environment || pipe2(ends, O_CLOEXEC) != 0) {
        int error = environment ? -errno : -ENOMEM;
        free(environment);
        return error;
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    handler->forward = !cli->json;
    int error = handler_start(handler, settings->path, settings->command, environment, ends[0]);
    free(environment);
    close(ends[0]);
    *input = ends[1];
    return error;
}

const char *lambda_outcome_text(enum handler_outcome outcome)
{
    static const char *const texts[] = {"DONE", "LATER", "FAILED"};
    return texts[outcome];
}

/* Bytes that are no UTF-8 are shown as \xNN. */
static json_t *output_json(const struct handler *handler)
{
    size_t size = 4 * handler->text_length + 1;
    json_t *json = json_stringn(handler->text ? handler->text : "", handler->text_length);
    char *clean = json ? NULL : malloc(size);
    if (clean)
        json = json_string(cli_text_clean(
            (struct rentbus_text){handler->text, handler->text_length}, clean, size));
    free(clean);
    return json;
}

static enum cli_exit print_json(const struct cli *cli, struct rentbus_text name,
                                const struct lambda_attempt *attempt, enum handler_outcome outcome,
                                const char *error, int64_t now)
{
    json_t *json = json_pack("{s:s%, s:I, s:s, s:I, s:s, s:I}", "lambda", name.data, name.length,
                             "seq", (json_int_t)attempt->seq, "type", attempt->type, "attempt",
                             (json_int_t)attempt->number, "outcome", lambda_outcome_text(outcome),
                             "ms", (json_int_t)(now - attempt->started));
    int failed = !json;
    if (json && *error)
        failed = json_object_set_new(json, "error", json_string(error));
    if (!failed && attempt->handler.text_length > 0)
        failed = json_object_set_new(json, "output", output_json(&attempt->handler));
    char *text = failed ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (!text) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    puts(text);
    free(text);
    return cli_output_flush();
}

enum cli_exit lambda_attempt_print(const struct cli *cli, struct rentbus_text name,
                                   const struct lambda_attempt *attempt,
                                   enum handler_outcome outcome, const char *error, int64_t now)
{
    char clean[4 * RENTBUS_ID_MAX + 1];
    char shown[4 * HANDLER_ERROR_SIZE];
    if (cli->json)
        return print_json(cli, name, attempt, outcome, error, now);
    if (attempt->handler.text_length > 0)
        fwrite(attempt->handler.text, 1, attempt->handler.text_length, stdout);
    if (outcome != HANDLER_DONE)
        fprintf(stderr, "rentbus: %s: event %llu (%s), attempt %llu: %s: %s\n",
                cli_text_clean(name, clean, sizeof(clean)), (unsigned long long)attempt->seq,
                attempt->type, (unsigned long long)attempt->number,
                outcome == HANDLER_LATER ? "not now" : "failed",
                cli_text_clean(rentbus_text(error), shown, sizeof(shown)));
    return cli_output_flush();
}
