/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda.h"

#include "cli/output.h"
#include "cli/pages.h"
#include "cli/text.h"

#include <stdio.h>

#define SHOWN_SIZE (4 * RENTBUS_ID_MAX + 1)
#define ERROR_SIZE 161

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
