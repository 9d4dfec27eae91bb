/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"ASSET", "id"}, {"TYPE", "asset_type"}, {"OPEN RENTAL", "rental_id"}};

static const struct cli_option options[] = {
    {"type", "TYPE", "of put: its asset type", "asset_type"},
    {"id", "UUID", "the command's id, to repeat it safely", NULL},
    {"limit", "N", "of list: at most so many; all unless said", NULL},
};

static const struct cli_thing thing = {
    .put = RENTBUS_OP_asset_put,
    .get = RENTBUS_OP_asset_get,
    .list = RENTBUS_OP_asset_list,
    .schema = &rentbus_asset_schema,
    .columns = CLI_COLUMNS(columns),
    .put_option = "type",
};

const struct cli_verb cli_verb_asset = {
    .name = "asset",
    .summary = "Put, show or list assets",
    .usage = "put ASSET --type TYPE [--id UUID]\nget ASSET\nlist [--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .run = cli_thing_run,
};
