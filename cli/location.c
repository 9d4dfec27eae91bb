/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {{"LOCATION", "id"}, {"NAME", "name"}};

static const struct cli_option options[] = {
    {"name", "NAME", "of put: what people call the location", "name"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
    {"limit", "N", "of list: at most so many; all unless said", NULL},
    {"at", "SEQ|TIME", "of get and list: as it was behind that event, or at that time", NULL},
};

static const struct cli_thing_command commands[] = {
    {"put", RENTBUS_OP_location_put, NULL},
};

static const struct cli_thing thing = {
    .commands = CLI_COMMANDS(commands),
    .get = RENTBUS_OP_location_get,
    .list = RENTBUS_OP_location_list,
    .schema = &rentbus_location_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_location = {
    .name = "location",
    .summary = "Put, show or list locations",
    .usage = "put LOCATION [--name NAME] [--dry-run] [--id UUID]\nget LOCATION [--at "
             "SEQ|TIME]\nlist [--at SEQ|TIME] [--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .run = cli_thing_run,
};
