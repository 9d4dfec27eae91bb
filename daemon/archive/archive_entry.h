/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The entries of the archive's leaf tables (leaf.h). Numbers have their highest byte first, so that
 * the bytes are in the order of the numbers.
 *
 *   command     id (16), seq of the first event (6), how many events follow it (2); of one segment,
 * 0 mention     key as a signed number, its sign turned (4), seq within the segment (3); the
 * segment is the seq >> MENTION_SEGMENT_BITS rental_key  the same for the user and the asset of a
 * closed rental and its created_seq, in segments of ARCHIVE_SEGMENT_BITS rental_id   id of a rental
 * that is a UUID (16), its created_seq (6); of one segment, 0
 *
 * A rental may have left the archive, or come with another user or asset: its entries stay, and say
 * no more than where to look.
 */
#ifndef RENTBUS_ARCHIVE_ARCHIVE_ENTRY_H
#define RENTBUS_ARCHIVE_ARCHIVE_ENTRY_H

#include <string.h>

#include "daemon/archive/leaf.h"
#include "daemon/archive/mention.h"

#define ARCHIVE_COMMAND_ENTRY 24
#define ARCHIVE_COMMAND_KEY 16
#define ARCHIVE_COMMAND_SEGMENT 0
#define ARCHIVE_MENTION_ENTRY 7
#define ARCHIVE_MENTION_KEY 4
#define ARCHIVE_ID_ENTRY 22
#define ARCHIVE_ID_SEGMENT 0
/* What closes is mostly young, and goes to few rows however many there are. */
#define ARCHIVE_SEGMENT_BITS 20

struct archive_command_row {
    struct rentbus_uuid id;
    uint64_t first_seq;
    uint64_t last_seq;
};

static inline void archive_put_command_entry(uint8_t entry[ARCHIVE_COMMAND_ENTRY],
                                             const struct archive_command_row *row)
{
    memcpy(entry, row->id.bytes, ARCHIVE_COMMAND_KEY);
    leaf_put_number(entry + 16, row->first_seq, 6);
    leaf_put_number(entry + 22, row->last_seq - row->first_seq, 2);
}

static inline struct archive_command_row archive_command_of(const uint8_t *entry)
{
    struct archive_command_row row = {.first_seq = leaf_number(entry + 16, 6)};

    memcpy(row.id.bytes, entry, ARCHIVE_COMMAND_KEY);
    row.last_seq = row.first_seq + leaf_number(entry + 22, 2);
    return row;
}

static inline void archive_put_key_entry(uint8_t entry[ARCHIVE_MENTION_ENTRY],
                                         const struct mention_row *row, unsigned bits)
{
    leaf_put_number(entry, row->key ^ UINT32_C(0x80000000), 4);
    leaf_put_number(entry + 4, row->seq & ((UINT64_C(1) << bits) - 1), 3);
}

static inline void archive_put_mention_entry(uint8_t entry[ARCHIVE_MENTION_ENTRY],
                                             const struct mention_row *row)
{
    archive_put_key_entry(entry, row, MENTION_SEGMENT_BITS);
}

static inline struct mention_row archive_key_of(uint64_t segment, const uint8_t *entry,
                                                unsigned bits)
{
    return (struct mention_row){segment << bits | leaf_number(entry + 4, 3),
                                (uint32_t)leaf_number(entry, 4) ^ UINT32_C(0x80000000)};
}

static inline struct mention_row archive_mention_of(uint64_t segment, const uint8_t *entry)
{
    return archive_key_of(segment, entry, MENTION_SEGMENT_BITS);
}

static inline void archive_put_id_entry(uint8_t entry[ARCHIVE_ID_ENTRY], struct rentbus_uuid id,
                                        uint64_t created_seq)
{
    memcpy(entry, id.bytes, RENTBUS_UUID_SIZE);
    leaf_put_number(entry + RENTBUS_UUID_SIZE, created_seq, 6);
}

#endif
