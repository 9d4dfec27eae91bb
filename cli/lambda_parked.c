/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda.h"

#include "cli/field.h"
#include "cli/output.h"
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/send.h"
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_SIZE (4 * RENTBUS_ID_MAX + 1)
#define ERROR_SIZE 161
#define SEQS_MAX 1000

static const struct cli_column parked_columns[] = {
    {"SEQ", "attempts"},      {"EVENT", "event"},         {"SUBJECT", "event"},
    {"ATTEMPTS", "attempts"}, {"PARKED AT", "parked_at"}, {"ERROR", "failures"},
};
#define PARKED_COLUMN_COUNT (sizeof(parked_columns) / sizeof(parked_columns[0]))

/* The last line of the text with something on it, where programs say what was wrong. */
static struct rentbus_text last_line(struct rentbus_text text)
{
    while (text.length > 0 && strchr(" \t\r\n", text.data[text.length - 1]))
        text.length--;
    const char *end = memrchr(text.data ? text.data : "", '\n', text.length);
    if (!end)
        return text;
    size_t skipped = (size_t)(end + 1 - text.data);
    return (struct rentbus_text){text.data + skipped, text.length - skipped};
}

static enum cli_exit parked_row(struct cli_table *table, const struct rentbus_parked *parked)
{
    char seq[24];
    char attempts[24];
    char type[SHOWN_SIZE];
    char subject[SHOWN_SIZE];
    char time[RENTBUS_TIME_TEXT_SIZE];
    char error[ERROR_SIZE] = "";
    struct rentbus_failure failure;
    size_t position = 0;
    while (rentbus_list_next(&parked->failures, &rentbus_failure_schema, &position, &failure) == 1)
        cli_text_clean(last_line(failure.error), error, sizeof(error));
    snprintf(seq, sizeof(seq), "%llu", (unsigned long long)parked->event.seq);
    snprintf(attempts, sizeof(attempts), "%llu", (unsigned long long)parked->attempts);
    rentbus_time_format(parked->parked_at, time);
    const char *const texts[] = {seq,
                                 cli_text_clean(parked->event.type, type, sizeof(type)),
                                 cli_text_clean(parked->event.subject, subject, sizeof(subject)),
                                 attempts,
                                 time,
                                 error};
    return cli_table_add_texts(table, texts);
}

struct listing {
    struct cli *cli;
    struct cli_table *table;
};

static enum cli_exit parked_item(void *context, const void *item)
{
    struct listing *listing = context;
    return listing->cli->json ? cli_table_add(listing->table, item)
                              : parked_row(listing->table, item);
}

enum cli_exit lambda_parked(struct cli *cli, const struct cli_line *line)
{
    struct listing listing = {.cli = cli};
    struct rentbus_parked_args args = {0};
    uint64_t limit = UINT64_MAX;
    RENTBUS_SET(&args, parked_args, id, rentbus_text(line->words[1]));
    enum cli_exit exit = cli_line_number(cli, line, "limit", &limit);
    if (exit == CLI_EXIT_OK)
        exit = cli_table_create(cli, &rentbus_parked_schema, parked_columns, PARKED_COLUMN_COUNT,
                                &listing.table);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_pages_read(cli, RENTBUS_OP_consumer_parked, &args, limit, parked_item, &listing);
    exit = cli_exit_worse(exit, cli_table_finish(listing.table));
    cli_table_destroy(&listing.table);
    return exit;
}

/* The arguments with the seqs that stand behind the name, as JSON: to be given to free(). */
static enum cli_exit seqs_json(const struct cli *cli, const struct cli_line *line, char **json)
{
    size_t size;
    FILE *out = open_memstream(json, &size);
    enum cli_exit exit = CLI_EXIT_OK;
    if (!out) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    fputs("{\"id\":\"-\",\"seqs\":[", out);
    for (size_t i = 2; i < line->word_count && exit == CLI_EXIT_OK; i++) {
        uint64_t seq;
        if (!cli_number_parse(rentbus_text(line->words[i]), &seq))
            exit = cli_report_usage(cli, "lambda %s: %s is no seq", line->words[0], line->words[i]);
        fprintf(out, "%s{\"seq\":%s}", i > 2 ? "," : "", line->words[i]);
    }
    fputs("]}", out);
    if (fclose(out) != 0 && exit == CLI_EXIT_OK)
        exit = CLI_EXIT_INTERNAL;
    return exit;
}

static enum cli_exit parked_send(struct cli *cli, const struct cli_line *line, enum rentbus_op op,
                                 const char *json)
{
    struct rentbus_consumer_parked_args args = {0};
    struct rentbus_fault fault;
    void *storage = NULL;
    int status = json ? rentbus_from_json(&rentbus_consumer_parked_args_schema, json, strlen(json),
                                          &args, &storage, &fault)
                      : 0;
    if (status > 0)
        cli_report_fault(cli, &fault);
    else if (status < 0)
        cli_report_failure(cli, status, NULL);
    if (status)
        return cli_exit_of_status(status);
    RENTBUS_SET(&args, consumer_parked_args, id, rentbus_text(line->words[1]));
    enum cli_exit exit = cli_line_fill(cli, line, &rentbus_consumer_parked_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_send(cli, line, op, &args, "lambda", args.id);
    rentbus_free(storage);
    return exit;
}

/* `verb` is what happens to the events. */
static enum cli_exit parked_change(struct cli *cli, const struct cli_line *line, enum rentbus_op op,
                                   const char *verb)
{
    struct rentbus_consumer_status status;
    char name[SHOWN_SIZE];
    char what[SHOWN_SIZE + 128];
    char *json = NULL;
    size_t named = line->word_count - 2;
    if ((named > 0) == cli_line_has(line, "all") || named > SEQS_MAX)
        return cli_report_usage(cli, "lambda %s: --all, or up to %d seqs", line->words[0],
                                SEQS_MAX);
    enum cli_exit exit = lambda_status(cli, line->words[1], &status);
    if (exit == CLI_EXIT_OK && named > 0)
        exit = seqs_json(cli, line, &json);
    snprintf(what, sizeof(what), "%s %llu of %llu parked events of %s", verb,
             (unsigned long long)(named > 0 ? named : status.parked),
             (unsigned long long)status.parked,
             cli_text_clean(rentbus_text(line->words[1]), name, sizeof(name)));
    if (exit == CLI_EXIT_OK)
        exit = lambda_confirm(cli, line, what);
    if (exit == CLI_EXIT_OK)
        exit = parked_send(cli, line, op, json);
    free(json);
    return exit;
}

enum cli_exit lambda_replay(struct cli *cli, const struct cli_line *line)
{
    return parked_change(cli, line, RENTBUS_OP_consumer_replay, "handle again");
}

enum cli_exit lambda_drop(struct cli *cli, const struct cli_line *line)
{
    return parked_change(cli, line, RENTBUS_OP_consumer_drop, "forget");
}
