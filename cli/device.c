/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/thing.h"
#include "cli/verbs.h"

static const struct cli_column columns[] = {
    {"DEVICE", "id"}, {"LAST SCAN", "device_seq"}, {"MISSING", "missing"}, {"HOLES", "holes"}};

static const struct cli_option options[] = {
    CLI_OPTION_AT,
    {"limit", "N", "of list: at most so many; all unless said", NULL},
};

static const struct cli_thing thing = {
    .get = RENTBUS_OP_device_get,
    .list = RENTBUS_OP_device_list,
    .schema = &rentbus_device_schema,
    .columns = CLI_COLUMNS(columns),
};

const struct cli_verb cli_verb_device = {
    .name = "device",
    .summary = "Show which scans of a device came, and which did not",
    .usage = "get DEVICE [--at SEQ|TIME]\nlist [--at SEQ|TIME] [--limit N]",
    .options = CLI_OPTIONS(options),
    .detail = &thing,
    .notes = "The holes are the oldest scans that did not come, by their numbers, as in 3-7.",
    .run = cli_thing_run,
};
