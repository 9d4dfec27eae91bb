/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/verbs.h"

#define VERB_ADDRESS(name) &cli_verb_##name,
const struct cli_verb *const cli_verbs[] = {CLI_VERBS(VERB_ADDRESS)};
const size_t cli_verb_count = sizeof(cli_verbs) / sizeof(cli_verbs[0]);

const struct cli_verb *cli_verb_find(const char *name)
{
    for (size_t i = 0; i < cli_verb_count; i++)
        if (strcmp(cli_verbs[i]->name, name) == 0)
            return cli_verbs[i];
    return NULL;
}
