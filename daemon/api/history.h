/* SPDX-License-Identifier: MPL-2.0 */
/* The history of a rental, a user or an asset: all events of the commands that mention it, and
 * events without a command that do. The archive knows of most; what it has not taken yet is looked
 * for in the journal. */
#ifndef RENTBUS_API_HISTORY_H
#define RENTBUS_API_HISTORY_H

#include "daemon/archive/mention.h"
#include "daemon/engine/engine.h"

/* What one reading looks at at most: commands that the archive names, and events that it does not
 * know of. */
#define HISTORY_COMMANDS_MAX 1024
#define HISTORY_EVENTS_MAX 50000

/* Visits events of the history from `from` to `to`, both included and durable, in the order of seq,
 * as journal_read() does. 0 with *next: everything before it was looked at, and that is all when it
 * is behind `to`; else read on from there. What the visitor returned to end the reading, or a
 * negative errno, with *next as it was. */
int history_read(struct engine *engine, struct mention thing, uint64_t from, uint64_t to,
                 journal_visitor *visit, void *context, uint64_t *next)
    __attribute__((warn_unused_result));

#endif
