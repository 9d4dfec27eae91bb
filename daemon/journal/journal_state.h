/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the journal's writer share. */
#ifndef RENTBUS_JOURNAL_JOURNAL_STATE_H
#define RENTBUS_JOURNAL_JOURNAL_STATE_H

#include "daemon/journal/journal.h"
#include "daemon/journal/sqlite.h"

/* What belongs to one opening of the file. */
struct journal_connection {
    sqlite3 *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *insert;
    sqlite3_stmt *commit;
};

struct journal {
    char *path;
    char *ledger;
    struct journal_connection connection;
    struct journal_head base; /* the last event that was let go of */
    struct journal_head head;
    bool failed;      /* an append or a trim failed: not to be used before a recovery */
    int log_frames;   /* in the log after the last commit */
    int log_due;      /* checkpoint at so many */
    int64_t log_size; /* bytes that the log is known to have, with or without frames in them */
};

/* Bounds the log after a commit when the follower cannot. */
void journal_bound_log(struct journal *journal);

#endif
