/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which things an event is about: the rentals, users and assets that its data names. The archive
 * keeps a row for each, and whoever reads a history by those rows asks the same questions of the
 * events themselves, since rows hold hashes alone. Pure; texts point into the event's data.
 *
 *   a rental  data.rental.id, data.rental_id, data.conflict_rental_id
 *   a user    data.user_id, data.rental.user_id; of USER_… events data.id
 *   an asset  data.asset_id, data.rental.asset_id, data.rental.returned_asset_id,
 *             data.previous_asset_id; of ASSET_… events, but not ASSET_TYPE_…, data.id
 *
 * The history of a thing is all events of the commands of which one event mentions it, and events
 * without a command that do.
 */
#ifndef RENTBUS_ARCHIVE_MENTION_H
#define RENTBUS_ARCHIVE_MENTION_H

#include "sdk/protocol/cbor.h"
#include "sdk/protocol/schema.h"

enum mention_kind { MENTION_RENTAL = 'r', MENTION_USER = 'u', MENTION_ASSET = 'a' };

struct mention {
    enum mention_kind kind;
    struct rentbus_text id;
};

/* What the fields above come to at most. */
#define MENTIONS_MAX 10

/* What one pass over the data of an event finds. */
struct mention_finding {
    struct mention mentions[MENTIONS_MAX]; /* each once */
    size_t count;
    struct rentbus_text id;         /* data.id, which counts or not by the type of the event */
    struct rentbus_bytes rental;    /* data.rental, encoded; absent where there is none */
    struct rentbus_text asset_type; /* data.asset_type, likewise */
};

/* Passes over the data that the reader stands before, whatever it is. */
void mention_pass(struct rentbus_cbor_reader *reader, struct mention_finding *finding);
/* Adds data.id to the mentions where events of the type mention it. */
void mention_judge(struct mention_finding *finding, struct rentbus_text type);

/* Writes the mentions of an event, each once, and returns how many. `event` as decoded from its
 * wire form: `type` and `data` count. Data that is no map, and ids that are not text, mention
 * nothing. */
size_t mentions_of(const struct rentbus_event *event, struct mention mentions[MENTIONS_MAX]);
/* Whether the event itself mentions it. */
bool mention_in(const struct rentbus_event *event, struct mention mention);

/* 32 bits of a hash of kind and id, the same on every machine. Different things may have the same.
 */
uint32_t mention_key(struct mention mention);

/* Mentions as the archive has rows of them: one for each key of a command, `seq` that of its first
 * event (of an event without a command its own). */
struct mention_row {
    uint64_t seq;
    uint32_t key;
};
/* All zero when empty. `failed`: out of memory, and what was added since is lost. */
struct mention_rows {
    struct mention_row *items;
    size_t count;
    size_t capacity;
    bool failed;
};

/* Adds what the event mentions, as of the command that begins at `seq`: what that has already is
 * not added again, as long as the events come in order. */
void mention_rows_add(struct mention_rows *rows, const struct rentbus_event *event, uint64_t seq);
/* The same of what was found. */
void mention_rows_add_found(struct mention_rows *rows, const struct mention_finding *finding,
                            uint64_t seq);
void mention_rows_put(struct mention_rows *rows, const struct mention_row *row);
/* Puts the rows into the order of the archive's table: by segment, key (as a signed number) and
 * seq. */
void mention_rows_sort(struct mention_rows *rows);
/* The same with segments of 2^bits seqs. Faster when they are put in the order of seqs. */
void mention_rows_sort_within(struct mention_rows *rows, unsigned bits);
/* Empties it and keeps its memory. */
void mention_rows_clear(struct mention_rows *rows);
/* Frees what it owns; the struct itself is the caller's. */
void mention_rows_release(struct mention_rows *rows);

/* Rows lie in segments of so many seqs: only the last one is written to. */
#define MENTION_SEGMENT_BITS 18

#endif
