/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A table of entries of one size, sorted by the bytes that they begin with, many to a row: what
 * SQLite takes for a row is shared by all in it.
 *
 *   (leaf INTEGER PRIMARY KEY, segment, first BLOB, entries BLOB), index on (segment, first)
 *
 * A row has the entries of its segment from `first` on, the key of its first entry, to before the
 * next row's; no key is in a segment twice.
 */
#ifndef RENTBUS_ARCHIVE_LEAF_H
#define RENTBUS_ARCHIVE_LEAF_H

#include "daemon/journal/sqlite.h"
#include "sdk/protocol/buffer.h"

/* The largest row: one fits into a page of 4,096 bytes, and two into one of 8,192. */
#define LEAF_SIZE_MAX 3900

#define LEAF_TABLE(name)                                                                           \
    "CREATE TABLE " name "(leaf INTEGER PRIMARY KEY, segment INTEGER NOT NULL, "                   \
    "first BLOB NOT NULL, entries BLOB NOT NULL);"                                                 \
    "CREATE UNIQUE INDEX " name "_first ON " name "(segment, first);"

/* The statements of a writer. */
enum leaf_change { LEAF_FIND, LEAF_NEXT, LEAF_UPDATE, LEAF_INSERT, LEAF_CHANGES };
#define LEAF_CHANGE_SQL(name)                                                                      \
    {                                                                                              \
        [LEAF_FIND] = "SELECT leaf, entries FROM " name " WHERE segment = ?1 AND first <= ?2 "     \
                      "ORDER BY first DESC LIMIT 1",                                               \
        [LEAF_NEXT] = "SELECT first FROM " name " WHERE segment = ?1 AND first > ?2 "              \
                      "ORDER BY first LIMIT 1",                                                    \
        [LEAF_UPDATE] = "UPDATE " name " SET entries = ?2 WHERE leaf = ?1",                        \
        [LEAF_INSERT] = "INSERT INTO " name "(segment, first, entries) VALUES(?1, ?2, ?3)",        \
    }

/* A key is compared by so many bytes first, as a number. */
#define LEAF_KEY_MIN 7

struct leaf_shape {
    size_t entry; /* bytes of an entry */
    size_t key;   /* and of its key, in front: LEAF_KEY_MIN of them at least */
    /* Adds what an entry of the same key says; NULL: nothing. */
    void (*combine)(uint8_t *entry, const uint8_t *other);
};

/* All zero before leaf_writer_prepare(). Belongs to one connection. */
struct leaf_writer {
    struct leaf_shape shape;
    sqlite3_stmt *changes[LEAF_CHANGES];
    struct rentbus_buffer before; /* the entries of the row at hand */
    struct rentbus_buffer merged; /* and of what becomes of it */
};

int leaf_writer_prepare(struct leaf_writer *writer, sqlite3 *db,
                        const char *const sql[LEAF_CHANGES], struct leaf_shape shape)
    __attribute__((warn_unused_result));
/* Before the connection is closed. */
void leaf_writer_release(struct leaf_writer *writer);
/* Adds entries in ascending order to a segment, within the caller's transaction. 0, or -errno. */
int leaf_write(struct leaf_writer *writer, uint64_t segment, struct rentbus_bytes entries)
    __attribute__((warn_unused_result));

/* How many of the entries come before the key, of which `length` bytes count. */
size_t leaf_count_before(const struct leaf_shape *shape, struct rentbus_bytes entries,
                         const uint8_t *key, size_t length);

/* Writes the lowest `size` bytes of a number, the highest of them first; and reads them. */
static inline void leaf_put_number(uint8_t *at, uint64_t number, size_t size)
{
    for (size_t i = size; i > 0; i--, number >>= 8)
        at[i - 1] = (uint8_t)number;
}

static inline uint64_t leaf_number(const uint8_t *at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++)
        number = number << 8 | at[i];
    return number;
}

#endif
