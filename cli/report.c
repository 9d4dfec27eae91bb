/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/report.h"

#include "cli/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest text in a report, escapes included; what is longer is cut. */
#define REPORT_TEXT_SIZE 1024

/* Texts of a report, cleaned for terminal and JSON. */
struct report {
    const char *code;
    const char *field;
    char message[REPORT_TEXT_SIZE];
    char file[REPORT_TEXT_SIZE];
    char key[REPORT_TEXT_SIZE];
    const struct cli_place *place;
};

static const struct cli_place no_place;

static void report_member(json_t *error, const char *name, const char *text)
{
    if (text && *text)
        json_object_set_new(error, name, json_string(text));
}

static void report_json(const struct report *report)
{
    json_t *error = json_object();
    json_t *line = json_pack("{s:o}", "error", error);
    report_member(error, "code", report->code);
    report_member(error, "message", report->message);
    report_member(error, "field", report->field);
    report_member(error, "file", report->file);
    if (report->place->line)
        json_object_set_new(error, "line", json_integer((json_int_t)report->place->line));
    report_member(error, "table", report->place->table);
    report_member(error, "key", report->key);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    fprintf(stderr, "%s\n", text ? text : "{\"error\":{\"code\":\"INTERNAL\"}}");
    free(text);
    json_decref(line);
}

static void report_plain(const struct report *report)
{
    fputs("rentbus: ", stderr);
    if (report->file[0])
        fprintf(stderr, "%s:%s", report->file, report->place->line ? "" : " ");
    if (report->place->line)
        fprintf(stderr, "%llu: ", (unsigned long long)report->place->line);
    if (report->place->table)
        fprintf(stderr, "%s %s: ", report->place->table, report->key);
    if (report->field && *report->field)
        fprintf(stderr, "%s: ", report->field);
    fprintf(stderr, "%s\n", report->message);
}

static void report_write(const struct cli *cli, struct report *report)
{
    const struct cli_place *place = report->place;
    cli_text_clean(rentbus_text(place->file), report->file, sizeof(report->file));
    cli_text_clean(place->key, report->key, sizeof(report->key));
    if (cli->json)
        report_json(report);
    else
        report_plain(report);
}

static void __attribute__((format(printf, 3, 0)))
report_words(const struct cli *cli, const char *code, const char *format, va_list list)
{
    char words[REPORT_TEXT_SIZE];
    struct report report = {.code = code, .place = &no_place};
    vsnprintf(words, sizeof(words), format, list);
    cli_text_clean(rentbus_text(words), report.message, sizeof(report.message));
    report_write(cli, &report);
}

void cli_report(const struct cli *cli, const char *code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    report_words(cli, code, format, list);
    va_end(list);
}

enum cli_exit cli_report_usage(const struct cli *cli, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    report_words(cli, "USAGE", format, list);
    va_end(list);
    return CLI_EXIT_USAGE;
}

void cli_report_fault(const struct cli *cli, const struct rentbus_fault *fault)
{
    const char *code = rentbus_word_text(&rentbus_error_code_words, (int)fault->code);
    struct report report = {.code = code, .field = fault->field, .place = &cli->place};
    char words[REPORT_TEXT_SIZE];
    /* People see the code where the words alone would not tell what kind of error it is. */
    if (cli->json || fault->code == RENTBUS_ERROR_INVALID_ARGUMENT)
        snprintf(words, sizeof(words), "%s", fault->message);
    else
        snprintf(words, sizeof(words), "%s (%s)", fault->message, code);
    cli_text_clean(rentbus_text(words), report.message, sizeof(report.message));
    report_write(cli, &report);
}

void cli_report_failure(const struct cli *cli, int error, const struct rentbus_uuid *command_id)
{
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    uint32_t timeout = cli_timeout_ms(cli);
    if (error == -EBADMSG) {
        cli_report(cli, "UNAVAILABLE", "an answer from %s that makes no sense", cli_api(cli));
    } else if (error != -ETIMEDOUT) {
        cli_report(cli, "INTERNAL", "%s", strerror(-error));
    } else if (command_id) {
        rentbus_uuid_format(*command_id, id);
        cli_report(cli, "UNAVAILABLE",
                   "no answer from %s within %g s: is rentbusd running? To ask what became of it, "
                   "repeat the command with --id %s",
                   cli_api(cli), timeout / 1000.0, id);
    } else {
        cli_report(cli, "UNAVAILABLE", "no answer from %s within %g s: is rentbusd running?",
                   cli_api(cli), timeout / 1000.0);
    }
}
