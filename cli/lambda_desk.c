/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lambda.h"

#include "cli/field.h"
#include "cli/lambda_row.h"
#include "cli/lambda_settings.h"
#include "cli/output.h"
#include "cli/pages.h"
#include "cli/report.h"
#include "cli/send.h"
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_SIZE 16
#define NAME_SIZE (4 * RENTBUS_ID_MAX + 1)

/* The longest headings of both are equally long, so that the two make one table. */
static const struct cli_column definition_columns[] = {
    {"LAMBDA", "id"},
    {"TYPES", "types"},
    {"USER", "user_id"},
    {"ASSET TYPE", "asset_type"},
    {"LOCATION", "location_id"},
    {"LEASE MS", "lease_ms"},
    {"MAX ATTEMPTS", "max_attempts"},
    {"BACKOFF MS", "backoff_ms"},
    {"UP TO MS", "backoff_max_ms"},
};
static const struct cli_column status_columns[] = {
    {"CURSOR", "cursor"},
    {"LAG", "lag"},
    {"OLDEST SINCE", "oldest_at"},
    {"PAUSED", "paused"},
    {"STALLED", "stalled"},
    {"WORKERS", "workers"},
    {"IN FLIGHT", "in_flight"},
    {"DELAYED", "delayed"},
    {"PARKED", "parked"},
    {"ACKED", "acked"},
    {"FAILED", "failed"},
    {"ACKED/MIN", "acked_last_minute"},
    {"FAILED/MIN", "failed_last_minute"},
};
#define COUNT_OF(columns) (sizeof(columns) / sizeof((columns)[0]))

struct listing {
    struct cli *cli;
    struct cli_table *table;
};

static enum cli_exit list_item(void *context, const void *item)
{
    struct listing *listing = context;
    return lambda_row_add(listing->table, listing->cli, item);
}

enum cli_exit lambda_list(struct cli *cli, const struct cli_line *line)
{
    struct listing listing = {.cli = cli};
    struct rentbus_page_args args = {0};
    uint64_t limit = UINT64_MAX;
    enum cli_exit exit = cli_line_number(cli, line, "limit", &limit);
    if (exit == CLI_EXIT_OK)
        exit = lambda_row_table(cli, &listing.table);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = cli_pages_read(cli, RENTBUS_OP_consumer_list, &args, limit, list_item, &listing);
    exit = cli_exit_worse(exit, cli_table_finish(listing.table));
    cli_table_destroy(&listing.table);
    return exit;
}

enum cli_exit lambda_status(struct cli *cli, const char *name,
                            struct rentbus_consumer_status *status)
{
    struct rentbus_consumer_get_args args = {0};
    struct rentbus_consumer_result result;
    RENTBUS_SET(&args, consumer_get_args, id, rentbus_text(name));
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_consumer_get, NULL, &args, &result);
    if (exit == CLI_EXIT_OK)
        *status = result.consumer;
    return exit;
}

enum cli_exit lambda_show(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_consumer_status status;
    enum cli_exit exit = lambda_status(cli, line->words[1], &status);
    if (exit != CLI_EXIT_OK)
        return exit;
    if (cli->json)
        return cli_output_json(cli, &rentbus_consumer_status_schema, &status);
    exit = cli_output_record(cli, &rentbus_consumer_schema, definition_columns,
                             COUNT_OF(definition_columns), &status.consumer);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_record(cli, &rentbus_consumer_status_schema, status_columns,
                             COUNT_OF(status_columns), &status);
}

/* Sends what takes a consumer and perhaps a dry run. */
static enum cli_exit simple_send(struct cli *cli, const struct cli_line *line, enum rentbus_op op)
{
    struct rentbus_consumer_args args = {0};
    RENTBUS_SET(&args, consumer_args, id, rentbus_text(line->words[1]));
    enum cli_exit exit = cli_line_fill(cli, line, &rentbus_consumer_args_schema, &args);
    return exit == CLI_EXIT_OK ? cli_send(cli, line, op, &args, "lambda", args.id) : exit;
}

enum cli_exit lambda_pause(struct cli *cli, const struct cli_line *line)
{
    return simple_send(cli, line, RENTBUS_OP_consumer_pause);
}

enum cli_exit lambda_resume(struct cli *cli, const struct cli_line *line)
{
    return simple_send(cli, line, RENTBUS_OP_consumer_resume);
}

enum cli_exit lambda_reset(struct cli *cli, const struct cli_line *line)
{
    const struct rentbus_schema *schema = &rentbus_consumer_reset_args_schema;
    struct rentbus_consumer_reset_args args = {0};
    RENTBUS_SET(&args, consumer_reset_args, id, rentbus_text(line->words[1]));
    if (!cli_line_has(line, "from"))
        return cli_report_usage(cli, "lambda reset: --from is missing");
    enum cli_exit exit = cli_line_fill(cli, line, schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = lambda_from_fill(cli, line, schema, &args);
    return exit == CLI_EXIT_OK
               ? cli_send(cli, line, RENTBUS_OP_consumer_reset, &args, "lambda", args.id)
               : exit;
}

enum cli_exit lambda_skip(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_consumer_skip_args args = {0};
    uint64_t seq;
    if (!cli_number_parse(rentbus_text(line->words[2]), &seq))
        return cli_report_usage(cli, "lambda skip: %s is no seq", line->words[2]);
    RENTBUS_SET(&args, consumer_skip_args, id, rentbus_text(line->words[1]));
    RENTBUS_SET(&args, consumer_skip_args, seq, seq);
    enum cli_exit exit = cli_line_fill(cli, line, &rentbus_consumer_skip_args_schema, &args);
    return exit == CLI_EXIT_OK
               ? cli_send(cli, line, RENTBUS_OP_consumer_skip, &args, "lambda", args.id)
               : exit;
}

enum cli_exit lambda_confirm(const struct cli *cli, const struct cli_line *line, const char *what)
{
    char answer[ANSWER_SIZE];
    if (cli_line_has(line, "yes") || cli_line_has(line, "dry-run"))
        return CLI_EXIT_OK;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_report(cli, "USAGE", "this would %s: say --yes", what);
        return CLI_EXIT_REJECTED;
    }
    fprintf(stderr, "This will %s. Go on? [y/N] ", what);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return CLI_EXIT_OK;
    return CLI_EXIT_REJECTED;
}

enum cli_exit lambda_delete(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_consumer_status status;
    char name[NAME_SIZE];
    char what[NAME_SIZE + 128];
    enum cli_exit exit = lambda_status(cli, line->words[1], &status);
    if (exit != CLI_EXIT_OK)
        return exit;
    snprintf(what, sizeof(what), "delete %s with its cursor and %llu parked events",
             cli_text_clean(rentbus_text(line->words[1]), name, sizeof(name)),
             (unsigned long long)status.parked);
    exit = lambda_confirm(cli, line, what);
    return exit == CLI_EXIT_OK ? simple_send(cli, line, RENTBUS_OP_consumer_delete) : exit;
}
