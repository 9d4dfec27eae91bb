/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"TYPE", "id"}, {"LOAN PERIOD", "loan_period"}, {"ELIGIBLE", "eligible_asset_types"}};

static const struct cli_option options[] = {
    {"period", "DURATION", "of put: how long it is lent, as in P7D", "loan_period"},
    {"eligible", "TYPE,TYPE", "of put: the types that may come back for it",
     "eligible_asset_types"},
    {"id", "UUID", "the command's id, to repeat it safely", NULL},
    {"limit", "N", "of list: at most so many; all unless said", NULL},
};

static const struct cli_thing thing = {
    .put = RENTBUS_OP_asset_type_put,
    .get = RENTBUS_OP_asset_type_get,
    .list = RENTBUS_OP_asset_type_list,
    .schema = &rentbus_asset_type_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_asset_type = {
    .name = "asset-type",
    .summary = "Put, show or list asset types",
    .usage = "put TYPE [--period DURATION] [--eligible TYPE,TYPE] [--id UUID]\nget TYPE\nlist "
             "[--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .run = cli_thing_run,
};
