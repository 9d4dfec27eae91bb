/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {{"USER", "id"}, {"NAME", "name"}};

static const struct cli_option options[] = {
    {"name", "NAME", "of put: what people call the user", "name"},
    {"id", "UUID", "the command's id, to repeat it safely", NULL},
    {"limit", "N", "of list: at most so many; all unless said", NULL},
};

static const struct cli_thing thing = {
    .put = RENTBUS_OP_user_put,
    .get = RENTBUS_OP_user_get,
    .list = RENTBUS_OP_user_list,
    .schema = &rentbus_user_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_user = {
    .name = "user",
    .summary = "Put, show or list users",
    .usage = "put USER [--name NAME] [--id UUID]\nget USER\nlist [--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .run = cli_thing_run,
};
