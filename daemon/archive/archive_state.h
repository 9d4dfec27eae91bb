/* SPDX-License-Identifier: MPL-2.0 */
/* An open archive, for the files that write it: archive.c opens it, archive_follow.c has it follow
 * the journal, archive_write.c writes what that brings. */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_STATE_H
#define RENTBUS_ARCHIVE_ARCHIVE_STATE_H

#include "daemon/archive/archive.h"
#include "daemon/archive/archive_rows.h"
#include "daemon/journal/sqlite.h"

#define ARCHIVE_RENTAL_COLUMNS 5
#define ARCHIVE_RENTALS_AT_ONCE 16

/* The statements of the writer. */
enum archive_change {
    ARCHIVE_BEGIN,
    ARCHIVE_COMMIT,
    ARCHIVE_PUT_RENTALS, /* ARCHIVE_RENTALS_AT_ONCE of them */
    ARCHIVE_PUT_RENTAL,
    ARCHIVE_REPLACE_RENTAL,
    ARCHIVE_DROP_RENTAL,
    ARCHIVE_ADD_TALLY,
    ARCHIVE_PUT_SEQ,
    ARCHIVE_PUT_HASH,
    ARCHIVE_CHANGES,
};

/* How far the archive has come. */
struct archive_position {
    uint64_t seq;
    uint8_t hash[RENTBUS_HASH_SIZE];
};

struct archive {
    char *path;
    char *ledger;
    sqlite3 *db;
    sqlite3_stmt *changes[ARCHIVE_CHANGES];
    struct leaf_writer ids;
    struct leaf_writer keys;
    struct leaf_writer commands;
    struct leaf_writer mentions;
    struct archive_position position;
    int log_frames; /* in the log after the last commit */
    /* Of the transaction under way; the memory is kept between them. */
    struct archive_rows rows;
    struct rentbus_buffer entries;
};

/* Writes archive->rows and the position in one transaction: all of it or, with -errno, nothing. */
int archive_write(struct archive *archive, const struct archive_position *position)
    __attribute__((warn_unused_result));
#endif
