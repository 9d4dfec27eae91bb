/* SPDX-License-Identifier: MPL-2.0 */
/* The base of a journal: the last event that it has let go of, so that what is left can be chained
 * to it. It stands in the table `meta`, where a journal that was never trimmed has none. */
#ifndef RENTBUS_JOURNAL_BASE_H
#define RENTBUS_JOURNAL_BASE_H

#include "daemon/journal/journal.h"
#include "daemon/journal/sqlite.h"

/* All zero when nothing was let go of. 0, or -errno (-EBADMSG for a base that is none). */
int base_read(sqlite3 *db, struct journal_head *base) __attribute__((warn_unused_result));
/* Within the caller's transaction. */
int base_write(sqlite3 *db, const struct journal_head *base) __attribute__((warn_unused_result));

#endif
