/* SPDX-License-Identifier: MPL-2.0 */
/* What the events of one transaction bring to the archive, gathered in memory, so that each table
 * is written once, in the order of its key. */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_ROWS_H
#define RENTBUS_ARCHIVE_ARCHIVE_ROWS_H

#include "daemon/archive/archive_entry.h"
#include "daemon/archive/mention.h"
#include "daemon/archive/tally.h"
#include "sdk/protocol/buffer.h"

/* A rental as an event left it. What of it is bytes lies in archive_rows.bytes. */
struct archive_rental_row {
    uint64_t created_seq;
    uint64_t seq; /* of the event */
    bool over;    /* not so: the archive lets go of it */
    enum rentbus_status status;
    uint32_t user_key;
    uint32_t asset_key;
    bool has_uuid; /* it is the id, of which nothing else is kept then */
    struct rentbus_uuid uuid;
    size_t id;
    size_t id_length;
    size_t body;
    size_t body_length;
};

/* All zero, but for the tally, when empty. */
struct archive_rows {
    struct rentbus_buffer rentals;  /* of struct archive_rental_row */
    struct rentbus_buffer commands; /* of struct archive_command_row */
    struct rentbus_buffer bytes;
    struct mention_rows mentions;
    struct rentbus_buffer ids; /* of struct archive_rental_row's UUIDs: entries of rental_id */
    struct mention_rows keys;  /* of users and assets of rentals: entries of rental_key */
    struct tally *tally;
};

/* 0, or -ENOMEM. */
int archive_rows_init(struct archive_rows *rows) __attribute__((warn_unused_result));
/* Empties it and keeps its memory. */
void archive_rows_clear(struct archive_rows *rows);
void archive_rows_release(struct archive_rows *rows);
/* Whether memory ran out since the last clear: something is missing. */
bool archive_rows_failed(const struct archive_rows *rows);

/* Adds a rental that is over since the event, or no longer is. */
void archive_rows_add_rental(struct archive_rows *rows, const struct rentbus_rental *rental,
                             uint64_t seq, bool over);
void archive_rows_add_command(struct archive_rows *rows, const struct archive_command_row *command);
/* Puts all into the order of the tables; of a rental its last row alone is left. `ids` and `keys`
 * are made from these. */
void archive_rows_sort(struct archive_rows *rows);

/* The rows, sorted, and how many there are. */
const struct archive_rental_row *archive_rows_rentals(const struct archive_rows *rows,
                                                      size_t *count);
const struct archive_command_row *archive_rows_commands(const struct archive_rows *rows,
                                                        size_t *count);

#endif
