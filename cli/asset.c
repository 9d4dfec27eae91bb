/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"ASSET", "id"}, {"TYPE", "asset_type"}, {"OPEN RENTAL", "rental_id"}};

static const struct cli_option options[] = {
    {"type", "TYPE", "of put: its asset type", "asset_type"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
    {"limit", "N", "of list: at most so many; all unless said", NULL},
    {"at", "SEQ|TIME", "of get and list: as it was behind that event, or at that time", NULL},
};

static const struct cli_thing_command commands[] = {
    {"put", RENTBUS_OP_asset_put, "type"},
};

static const struct cli_thing thing = {
    .commands = CLI_COMMANDS(commands),
    .get = RENTBUS_OP_asset_get,
    .list = RENTBUS_OP_asset_list,
    .schema = &rentbus_asset_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_asset = {
    .name = "asset",
    .summary = "Put, show or list assets",
    .usage = "put ASSET --type TYPE [--dry-run] [--id UUID]\nget ASSET [--at SEQ|TIME]\nlist [--at "
             "SEQ|TIME] [--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .run = cli_thing_run,
};
