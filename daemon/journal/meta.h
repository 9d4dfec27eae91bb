/* SPDX-License-Identifier: MPL-2.0 */
/* The table `meta(key, value)` that says what a database of ours is: its kind, its format and whose
 * ledger it holds. */
#ifndef RENTBUS_JOURNAL_META_H
#define RENTBUS_JOURNAL_META_H

#include "daemon/journal/sqlite.h"

struct meta_identity {
    const char *kind; /* "journal", "archive" */
    uint64_t format;
    const char *ledger;
};

enum meta_verdict {
    META_OURS,
    META_EMPTY,        /* a database without a table: nobody's yet */
    META_NOT_DATABASE, /* a file of another kind */
    META_OTHER_KIND,   /* a database of somebody else's, or of our other kind */
    META_OTHER_FORMAT,
    META_OTHER_LEDGER,
};

/* What the database is, judged against `wanted`, whose `ledger` may be NULL for any. 0, or
 * -errno. */
int meta_judge(sqlite3 *db, const struct meta_identity *wanted, enum meta_verdict *verdict)
    __attribute__((warn_unused_result));
/* Makes the table, within the caller's transaction. */
int meta_create(sqlite3 *db, const struct meta_identity *identity)
    __attribute__((warn_unused_result));

#endif
