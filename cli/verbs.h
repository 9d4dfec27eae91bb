/* SPDX-License-Identifier: MPL-2.0 */
/* The verbs: one file each, named as the verb. A new one is a row here. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/command_line.h"

/* In the order of help. */
#define CLI_VERBS(VERB)                                                                            \
    VERB(hello)                                                                                    \
    VERB(checkout)                                                                                 \
    VERB(return )                                                                                  \
    VERB(renew)                                                                                    \
    VERB(forgive)                                                                                  \
    VERB(flag)                                                                                     \
    VERB(unflag)                                                                                   \
    VERB(get)                                                                                      \
    VERB(list)                                                                                     \
    VERB(user)                                                                                     \
    VERB(asset)                                                                                    \
    VERB(asset_type)                                                                               \
    VERB(location)                                                                                 \
    VERB(device)                                                                                   \
    VERB(policy)                                                                                   \
    VERB(scan)                                                                                     \
    VERB(batch)                                                                                    \
    VERB(events)                                                                                   \
    VERB(history)                                                                                  \
    VERB(explain)                                                                                  \
    VERB(watch)                                                                                    \
    VERB(import)                                                                                   \
    VERB(export)                                                                                   \
    VERB(verify)                                                                                   \
    VERB(snapshot)                                                                                 \
    VERB(trim)                                                                                     \
    VERB(publish)                                                                                  \
    VERB(lambda)                                                                                   \
    VERB(top)                                                                                      \
    VERB(command)                                                                                  \
    VERB(stats)                                                                                    \
    VERB(bench)                                                                                    \
    VERB(call)                                                                                     \
    VERB(help)

#define CLI_VERB_DECLARE(name) extern const struct cli_verb cli_verb_##name;
CLI_VERBS(CLI_VERB_DECLARE)

#endif
