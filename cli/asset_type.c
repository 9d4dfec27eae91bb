/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {{"TYPE", "id"},
                                            {"LOAN PERIOD", "loan_period"},
                                            {"LIMIT", "user_limit"},
                                            {"RENEWALS", "renewals_max"},
                                            {"RENEWED FOR", "renewal_period"},
                                            {"DUE SOON", "due_soon_lead"},
                                            {"ELIGIBLE", "eligible_asset_types"}};

static const struct cli_option options[] = {
    {"period", "DURATION", "of put: how long it is lent, as in P7D", "loan_period"},
    {"eligible", "TYPE,TYPE", "of put: the types that may come back for it",
     "eligible_asset_types"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
    {"limit", "N", "of put: how many a user may have out; of list: at most so many", "user_limit"},
    {"renewals", "N", "of put: how often a rental may be renewed", "renewals_max"},
    {"renewal-period", "DURATION", "of put: for how long; as long as it is lent unless said",
     "renewal_period"},
    {"due-soon", "DURATION", "of put: how long before its time a rental is due soon",
     "due_soon_lead"},
    {"at", "SEQ|TIME", "of get and list: as it was behind that event, or at that time", NULL},
};

static const struct cli_thing_command commands[] = {
    {"put", RENTBUS_OP_asset_type_put, NULL},
};

static const struct cli_thing thing = {
    .commands = CLI_COMMANDS(commands),
    .get = RENTBUS_OP_asset_type_get,
    .list = RENTBUS_OP_asset_type_list,
    .schema = &rentbus_asset_type_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_asset_type = {
    .name = "asset-type",
    .summary = "Put, show or list asset types",
    .usage = "put TYPE [--period DURATION] [--eligible TYPE,TYPE] [--limit N] [--renewals N]"
             " [--renewal-period DURATION] [--due-soon DURATION] [--dry-run] [--id UUID]\n"
             "get TYPE [--at SEQ|TIME]\n"
             "list [--at SEQ|TIME] [--limit N]",
    .notes = "A put replaces: what is left out has its default, and a limit is gone.",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .run = cli_thing_run,
};
