/* SPDX-License-Identifier: MPL-2.0 */
/* How the reader of snapshots gets at numbers, texts and references, from bytes that may be any.
 * For the files snapshot*.c. What fails is remembered, and everything read behind it is without
 * meaning: zero, empty or NULL. */
#ifndef RENTBUS_LEDGER_SNAPSHOT_READER_H
#define RENTBUS_LEDGER_SNAPSHOT_READER_H

#include "daemon/ledger/snapshot.h"
#include "daemon/ledger/snapshot_record.h"
#include "daemon/ledger/state.h"

#define SNAPSHOT_READ_SIZE (16 * SNAPSHOT_RECORD_MAX)
/* So many records are read before a thing is looked for: what that needs from memory comes by then.
 */
#define SNAPSHOT_AHEAD 16

/* Names or lists, by their numbers from 1 on, with a reference to each. */
struct snapshot_shared {
    struct ledger_key **items;
    size_t count;
    size_t capacity;
};

/* `status`: 0 as long as all is well; then nothing that is read means anything. */
struct snapshot_reader {
    struct ledger *ledger;
    ledger_snapshot_source *source;
    void *context;
    int status;
    bool ended; /* the source has */
    const uint8_t *at;
    const uint8_t *end;
    struct snapshot_shared names;
    struct snapshot_shared lists;
    uint64_t most; /* of anything that there are records of */
    uint64_t numbers[SNAPSHOT_NUMBERS];
    struct ledger_rental *rentals[SNAPSHOT_AHEAD]; /* read, and not in the ledger yet */
    size_t rentals_read;
    size_t rentals_settled;
    struct ledger_rental **over; /* rentals that are not open */
    size_t over_count;
    uint8_t bytes[SNAPSHOT_READ_SIZE];
};

/* Notes what went wrong first; 0 is nothing. */
void snapshot_fail(struct snapshot_reader *reader, int status);
/* -EBADMSG unless it is `sound`. Whether all is well. */
bool snapshot_require(struct snapshot_reader *reader, bool sound);
/* To be called before each record. Whether all is well. */
bool snapshot_prepare(struct snapshot_reader *reader);

uint64_t snapshot_get_number(struct snapshot_reader *reader);
/* A greater one fails. */
uint64_t snapshot_get_number_to(struct snapshot_reader *reader, uint64_t most);
int64_t snapshot_get_signed(struct snapshot_reader *reader);
/* A time by what lies between it and another. */
int64_t snapshot_get_difference(struct snapshot_reader *reader, int64_t from);
/* Borrowed until the next snapshot_prepare(). A longer one fails; of an id, an empty one too. */
struct rentbus_text snapshot_get_text(struct snapshot_reader *reader, size_t most);
struct rentbus_text snapshot_get_id(struct snapshot_reader *reader);

/* A thing by its place; NULL for none. */
void *snapshot_get_place(struct snapshot_reader *reader, const struct ledger_registry *registry);
/* These give the caller a reference of its own. NULL for no name; the others fail then. */
struct ledger_name *snapshot_get_name(struct snapshot_reader *reader);
struct ledger_name *snapshot_get_some_name(struct snapshot_reader *reader);
struct ledger_type_list *snapshot_get_list(struct snapshot_reader *reader);
/* NULL, and nothing is read, when none is given. */
struct ledger_label *snapshot_get_label(struct snapshot_reader *reader, bool given);
struct ledger_limit snapshot_get_limit(struct snapshot_reader *reader, bool given);

#endif
