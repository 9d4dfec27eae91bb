/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/journal/block.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>
#include <xxhash.h>

#include "sdk/protocol/cbor.h"

/* What sums are keyed by, so that a block is not taken for another one. */
struct block_place {
    uint64_t first_seq;
    uint64_t time;
};

static struct block_place block_place(const struct block *block)
{
    return (struct block_place){htole64(block->first_seq), htole64((uint64_t)block->time)};
}

int64_t block_sum(const struct block *block)
{
    struct block_place place = block_place(block);

    return (int64_t)XXH3_64bits_withSeed(block->events.data, block->events.length,
                                         XXH3_64bits(&place, sizeof(place)));
}

/* The checksum that BLOCK_FORMAT_SIPHASH has: SipHash-2-4. */
static int64_t block_siphash(const struct block *block)
{
    struct block_place place = block_place(block);
    uint8_t digest[crypto_shorthash_BYTES];
    uint64_t sum;

    static_assert(sizeof(place) == crypto_shorthash_KEYBYTES, "the key is the place");
    static_assert(sizeof(digest) == sizeof(sum), "the digest is a number");
    crypto_shorthash(digest, block->events.data, block->events.length, (const uint8_t *)&place);
    memcpy(&sum, digest, sizeof(sum));
    return (int64_t)le64toh(sum);
}

int block_read(sqlite3_stmt *row, struct block *block)
{
    struct block read = {
        .first_seq = (uint64_t)sqlite3_column_int64(row, 0),
        .count = (size_t)sqlite3_column_int64(row, 1),
        .time = sqlite3_column_int64(row, 2),
        .events = sqlite_column_bytes(row, 4),
    };

    /* An empty blob is what SQLite gives when it has no memory for a full one. */
    if (!read.events.data)
        return sqlite3_errcode(sqlite3_db_handle(row)) == SQLITE_NOMEM ? -ENOMEM : -EBADMSG;
    int64_t sum = sqlite3_column_int64(row, 3);
    bool placed = read.first_seq > 0 && read.count > 0 && read.count <= JOURNAL_BLOCK_EVENTS;
    if (!placed || (sum != block_sum(&read) && sum != block_siphash(&read)))
        return -EBADMSG;
    *block = read;
    return 0;
}

int block_next(struct rentbus_bytes *events, struct rentbus_bytes *event)
{
    if (events->length == 0)
        return -EBADMSG;
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(*events);
    *event = rentbus_cbor_skip(&reader);
    events->data += event->length;
    events->length -= event->length;
    return 0;
}

int block_event_head(struct rentbus_bytes bytes, struct journal_head *head)
{
    struct rentbus_event event;
    struct rentbus_fault fault;

    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault))
        return -EBADMSG;
    head->seq = event.seq;
    head->time = event.time;
    memcpy(head->hash, event.hash.data, sizeof(head->hash));
    return 0;
}

int block_last_event(const struct block *block, struct journal_head *head)
{
    struct rentbus_bytes left = block->events;
    struct rentbus_bytes event = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < block->count; i++)
        r = block_next(&left, &event);
    if (r == 0)
        r = left.length == 0 ? block_event_head(event, head) : -EBADMSG;
    if (r == 0 && head->seq != block->first_seq + block->count - 1)
        r = -EBADMSG;
    return r;
}

int block_head(sqlite3_stmt *last, struct journal_head *head)
{
    struct journal_head found = {0};
    struct block block;
    int row = sqlite_step(last);
    int r = row < 0 ? row : 0;

    if (row == 1)
        r = block_read(last, &block);
    if (row == 1 && r == 0)
        r = block_last_event(&block, &found);
    sqlite3_reset(last);
    if (r == 0)
        *head = found;
    return r;
}
