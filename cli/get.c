/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/output.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"rental", "id"},
    {"status", "status"},
    {"user", "user_id"},
    {"asset", "asset_id"},
    {"taken at", "created_at"},
    {"  location", "created_at_location_id"},
    {"due at", "expires_at"},
    {"eligible types", "eligible_asset_types"},
    {"returned at", "returned_at"},
    {"  location", "returned_at_location_id"},
    {"  asset", "returned_asset_id"},
    {"closed by", "closed_by"},
    {"flag reason", "flag_reason"},
    {"renewals", "renewals"},
    {"revision", "rev"},
};

static const struct cli_option options[] = {CLI_OPTION_AT};

static enum cli_exit get_run(struct cli *cli, const struct cli_line *line)
{
    struct rentbus_rental_get_args args = {0};
    struct rentbus_rental_result result;
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit != CLI_EXIT_OK)
        return exit;
    RENTBUS_SET(&args, rental_get_args, rental_id, rentbus_text(line->words[0]));
    exit = cli_line_at(cli, line, &rentbus_rental_get_args_schema, &args);
    if (exit == CLI_EXIT_OK)
        exit = cli_call(cli, RENTBUS_OP_rental_get, NULL, &args, &result);
    if (exit != CLI_EXIT_OK)
        return exit;
    return cli_output_record(cli, &rentbus_rental_schema, columns,
                             sizeof(columns) / sizeof(columns[0]), &result.rental);
}

const struct cli_verb cli_verb_get = {
    .name = "get",
    .summary = "Show a rental",
    .usage = "RENTAL_ID [--at SEQ|TIME]",
    .options = CLI_OPTIONS(options),
    .run = get_run,
};
