/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"USER", "id"}, {"NAME", "name"}, {"LIMIT", "user_limit"}, {"BLOCKED", "block_reason"}};

static const struct cli_option options[] = {
    {"name", "NAME", "of put: what people call the user", "name"},
    CLI_OPTION_DRY_RUN,
    CLI_OPTION_ID,
    {"limit", "N", "of put: how much the user may have out; of list: at most so many",
     "user_limit"},
    {"reason", "TEXT", "of block: why", "reason"},
    {"at", "SEQ|TIME", "of get and list: as it was behind that event, or at that time", NULL},
};

static const struct cli_thing_command commands[] = {
    {"put", RENTBUS_OP_user_put, NULL},
    {"block", RENTBUS_OP_user_block, "reason"},
    {"unblock", RENTBUS_OP_user_unblock, NULL},
};

static const struct cli_thing thing = {
    .commands = CLI_COMMANDS(commands),
    .get = RENTBUS_OP_user_get,
    .list = RENTBUS_OP_user_list,
    .schema = &rentbus_user_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_user = {
    .name = "user",
    .summary = "Put, block, show or list users",
    .usage = "put USER [--name NAME] [--limit N] [--dry-run] [--id UUID]\n"
             "block USER --reason TEXT [--dry-run] [--id UUID]\n"
             "unblock USER [--dry-run] [--id UUID]\n"
             "get USER [--at SEQ|TIME]\n"
             "list [--at SEQ|TIME] [--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .notes = "A put replaces: a name or a limit that is left out is gone. A block stays.",
    .run = cli_thing_run,
};
