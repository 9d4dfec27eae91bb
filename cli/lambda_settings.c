/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda_settings.h"

#include "cli/field.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUT_SCHEMA (&rentbus_consumer_put_args_schema)

static enum cli_exit field_set(const struct cli *cli, const struct rentbus_schema *schema,
                               const char *field, struct rentbus_text text, void *args)
{
    struct rentbus_fault fault;
    size_t index = rentbus_schema_find(schema, field, strlen(field));
    if (cli_field_set(schema, index, text, args, &fault) == 0)
        return CLI_EXIT_OK;
    cli_report_fault(cli, &fault);
    return CLI_EXIT_BAD_DATA;
}

enum cli_exit lambda_from_fill(const struct cli *cli, const struct cli_line *line,
                               const struct rentbus_schema *schema, void *args)
{
    const char *from = cli_line_value(line, "from");
    struct rentbus_text text = rentbus_text(from);
    uint64_t seq;
    int64_t time;
    if (!from)
        return CLI_EXIT_OK;
    if (rentbus_word_find(&rentbus_beginning_words, text))
        return field_set(cli, schema, "start", text, args);
    if (cli_number_parse(text, &seq))
        return field_set(cli, schema, "from_seq", text, args);
    if (rentbus_time_parse(text, &time))
        return field_set(cli, schema, "since", text, args);
    return cli_report_usage(cli, "--from: %s is not first, new, a seq or a time", from);
}

/* The types of each --on, which are one or, between commas, several. */
static enum cli_exit types_add(const struct cli *cli, const char *value, struct rentbus_ids *types)
{
    struct rentbus_consumer_put_args one = {0};
    enum cli_exit exit = field_set(cli, PUT_SCHEMA, "types", rentbus_text(value), &one);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (types->count + one.types.count > RENTBUS_IDS_MAX)
        return cli_report_usage(cli, "--on: at most %d types", RENTBUS_IDS_MAX);
    for (size_t i = 0; i < one.types.count; i++)
        types->items[types->count++] = one.types.items[i];
    return CLI_EXIT_OK;
}

static enum cli_exit where_add(const struct cli *cli, const char *value,
                               struct rentbus_consumer_put_args *put)
{
    static const char *const fields[] = {"user_id", "asset_type", "location_id"};
    const char *sign = strchr(value, '=');
    for (size_t i = 0; sign && i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strlen(fields[i]) == (size_t)(sign - value) &&
            strncmp(fields[i], value, (size_t)(sign - value)) == 0)
            return field_set(cli, PUT_SCHEMA, fields[i], rentbus_text(sign + 1), put);
    return cli_report_usage(
        cli, "--where: %s is not user_id=..., asset_type=... or location_id=...", value);
}

static enum cli_exit filter_read(const struct cli *cli, const struct cli_line *line,
                                 struct rentbus_consumer_put_args *put)
{
    enum cli_exit exit = CLI_EXIT_OK;
    put->types.count = 0;
    for (size_t i = 0; i < line->given_count && exit == CLI_EXIT_OK; i++) {
        const struct cli_given *given = &line->given[i];
        if (strcmp(given->option->name, "on") == 0)
            exit = types_add(cli, given->value, &put->types);
        else if (strcmp(given->option->name, "where") == 0)
            exit = where_add(cli, given->value, put);
    }
    if (put->types.count > 0)
        put->has |= RENTBUS_BIT(consumer_put_args, types);
    return exit;
}

/* Time spans of the consumer, which counts them in milliseconds. */
static enum cli_exit spans_read(const struct cli *cli, const struct cli_line *line,
                                struct rentbus_consumer_put_args *put)
{
    uint32_t lease = 0;
    uint32_t backoff = 0;
    uint32_t most = 0;
    enum cli_exit exit = cli_line_milliseconds(cli, line, "lease", &lease);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "backoff", &backoff);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "backoff-max", &most);
    if (cli_line_has(line, "lease"))
        RENTBUS_SET(put, consumer_put_args, lease_ms, lease);
    if (cli_line_has(line, "backoff"))
        RENTBUS_SET(put, consumer_put_args, backoff_ms, backoff);
    if (cli_line_has(line, "backoff-max"))
        RENTBUS_SET(put, consumer_put_args, backoff_max_ms, most);
    return exit;
}

static enum cli_exit limits_read(const struct cli *cli, const struct cli_line *line,
                                 struct lambda_settings *settings)
{
    enum cli_exit exit = cli_line_number(cli, line, "concurrency", &settings->concurrency);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_number(cli, line, "output-limit", &settings->output_max);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "timeout", &settings->timeout_ms);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_milliseconds(cli, line, "grace", &settings->grace_ms);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (settings->concurrency < 1 || settings->concurrency > LAMBDA_CONCURRENCY_MAX)
        return cli_report_usage(cli, "--concurrency: must be 1 to %d", LAMBDA_CONCURRENCY_MAX);
    if (settings->output_max > LAMBDA_OUTPUT_MAX)
        return cli_report_usage(cli, "--output-limit: must be at most %llu",
                                (unsigned long long)LAMBDA_OUTPUT_MAX);
    if (settings->timeout_ms == 0)
        return cli_report_usage(cli, "--timeout: must be more than nothing");
    if (settings->stream && settings->publish)
        return cli_report_usage(cli, "--stream or --publish, not both");
    return CLI_EXIT_OK;
}

enum cli_exit lambda_settings_read(const struct cli *cli, const struct cli_line *line,
                                   struct lambda_settings *settings)
{
    struct lambda_settings read = {.worker = cli_line_value(line, "worker"),
                                   .concurrency = 1,
                                   .timeout_ms = LAMBDA_TIMEOUT_DEFAULT_MS,
                                   .grace_ms = LAMBDA_GRACE_DEFAULT_MS,
                                   .output_max = LAMBDA_OUTPUT_DEFAULT,
                                   .stream = cli_line_has(line, "stream"),
                                   .publish = cli_line_has(line, "publish")};
    enum cli_exit exit = field_set(cli, PUT_SCHEMA, "id", rentbus_text(line->words[1]), &read.put);
    if (exit == CLI_EXIT_OK)
        exit = filter_read(cli, line, &read.put);
    if (exit == CLI_EXIT_OK)
        exit = lambda_from_fill(cli, line, PUT_SCHEMA, &read.put);
    if (exit == CLI_EXIT_OK)
        exit = spans_read(cli, line, &read.put);
    if (exit == CLI_EXIT_OK && cli_line_has(line, "max-attempts"))
        exit = field_set(cli, PUT_SCHEMA, "max_attempts",
                         rentbus_text(cli_line_value(line, "max-attempts")), &read.put);
    if (exit == CLI_EXIT_OK)
        exit = limits_read(cli, line, &read);
    if (exit == CLI_EXIT_OK)
        *settings = read;
    return exit;
}

/* 0 when it is a file that may be executed. */
static int program_check(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return -errno;
    if (S_ISDIR(about.st_mode))
        return -EISDIR;
    return access(path, X_OK) == 0 ? 0 : -errno;
}

char *lambda_program_find(const char *name, const char *path, int *error)
{
    char *found = NULL;
    *error = -ENOENT;
    if (strchr(name, '/')) {
        *error = program_check(name);
        found = *error ? NULL : strdup(name);
        *error = *error ? *error : -ENOMEM;
        return found;
    }
    while (*name && path && !found) {
        size_t length = strcspn(path, ":");
        char *candidate;
        if (asprintf(&candidate, "%.*s%s%s", (int)length, path, length ? "/" : "./", name) < 0) {
            *error = -ENOMEM;
            return NULL;
        }
        int status = program_check(candidate);
        if (status == 0)
            found = candidate;
        else
            free(candidate);
        /* As in a shell, one that may not be executed is told of when there is no other. */
        if (status == -EACCES)
            *error = status;
        path = path[length] ? path + length + 1 : NULL;
    }
    return found;
}

enum cli_exit lambda_settings_command(const struct cli *cli, const struct cli_line *line,
                                      struct lambda_settings *settings)
{
    int error;
    if (line->word_count < 3)
        return cli_report_usage(cli, "lambda %s: the command is missing: -- COMMAND...",
                                line->words[0]);
    settings->command = &line->words[2];
    settings->path = lambda_program_find(settings->command[0], getenv("PATH"), &error);
    if (settings->path)
        return CLI_EXIT_OK;
    cli_report(cli, "CONFIGURATION", "%s: %s", settings->command[0],
               error == -ENOENT   ? "there is no such program"
               : error == -EACCES ? "it may not be executed: chmod +x?"
                                  : strerror(-error));
    return CLI_EXIT_CONFIGURATION;
}

void lambda_settings_release(struct lambda_settings *settings)
{
    free(settings->path);
    settings->path = NULL;
}

const char *lambda_state(const struct rentbus_consumer_status *status)
{
    if (status->paused)
        return "paused";
    if (status->stalled)
        return "stalled";
    return status->lag > 0 ? "behind" : "idle";
}

char *lambda_age(const struct rentbus_consumer_status *status, int64_t now,
                 char out[LAMBDA_AGE_SIZE])
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t unit = 0;
    out[0] = '\0';
    if (!RENTBUS_HAS(status, consumer_status, oldest_at))
        return out;
    int64_t age = now > status->oldest_at ? (now - status->oldest_at) / RENTBUS_SECOND : 0;
    while (units[unit].seconds > 1 && age < 2 * units[unit].seconds)
        unit++;
    snprintf(out, LAMBDA_AGE_SIZE, "%lld%c", (long long)(age / units[unit].seconds),
             units[unit].letter);
    return out;
}
