/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/leaf.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

int leaf_writer_prepare(struct leaf_writer *writer, sqlite3 *db,
                        const char *const sql[LEAF_CHANGES], struct leaf_shape shape)
{
    int r = shape.key < LEAF_KEY_MIN ? -EINVAL : 0;

    writer->shape = shape;
    for (size_t i = 0; r == 0 && i < LEAF_CHANGES; i++)
        r = sqlite_prepare(db, sql[i], &writer->changes[i]);
    return r;
}

void leaf_writer_release(struct leaf_writer *writer)
{
    for (size_t i = 0; i < LEAF_CHANGES; i++)
        sqlite_finalize(&writer->changes[i]);
    rentbus_buffer_release(&writer->before);
    rentbus_buffer_release(&writer->merged);
}

size_t leaf_count_before(const struct leaf_shape *shape, struct rentbus_bytes entries,
                         const uint8_t *key, size_t length)
{
    size_t low = 0;
    size_t high = entries.length / shape->entry;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(entries.data + middle * shape->entry, key, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A row to be written anew, and which of the entries given go to it. */
struct leaf_row {
    uint64_t segment;
    uint64_t leaf; /* 0: there is none yet */
    struct rentbus_bytes given;
};

static int leaf_bind_place(sqlite3_stmt *statement, uint64_t segment, const uint8_t *key,
                           size_t length)
{
    int r = sqlite_bind_uint(statement, 1, segment);

    return r ? r : sqlite_bind_bytes(statement, 2, (struct rentbus_bytes){key, length});
}

/* Reads the row that the first of the entries given belongs to. */
static int leaf_find(struct leaf_writer *writer, struct leaf_row *row)
{
    sqlite3_stmt *find = writer->changes[LEAF_FIND];
    int r = leaf_bind_place(find, row->segment, row->given.data, writer->shape.key);

    rentbus_buffer_clear(&writer->before);
    row->leaf = 0;
    if (r == 0 && !rentbus_buffer_reserve(&writer->before, LEAF_SIZE_MAX))
        r = -ENOMEM;
    if (r == 0)
        r = sqlite_step(find);
    if (r == 1) {
        struct rentbus_bytes entries = sqlite_column_bytes(find, 1);
        row->leaf = (uint64_t)sqlite3_column_int64(find, 0);
        rentbus_buffer_append(&writer->before, entries.data, entries.length);
        r = entries.length % writer->shape.entry ? -EBADMSG : 0;
    }
    sqlite3_reset(find);
    return r;
}

/* Leaves those of the entries given that come before the next row. */
static int leaf_bound(struct leaf_writer *writer, struct leaf_row *row)
{
    const struct leaf_shape *shape = &writer->shape;
    sqlite3_stmt *next = writer->changes[LEAF_NEXT];
    int r = leaf_bind_place(next, row->segment, row->given.data, shape->key);

    if (r == 0)
        r = sqlite_step(next);
    if (r == 1) {
        struct rentbus_bytes first = sqlite_column_bytes(next, 0);
        bool key = first.length == shape->key;
        r = key ? 0 : -EBADMSG;
        if (key)
            row->given.length =
                shape->entry * leaf_count_before(shape, row->given, first.data, shape->key);
    }
    sqlite3_reset(next);
    return r;
}

static uint64_t leaf_front(const uint8_t *key)
{
    uint32_t high;
    uint32_t low;

    memcpy(&high, key, sizeof(high));
    memcpy(&low, key + LEAF_KEY_MIN - sizeof(low), sizeof(low));
    return (uint64_t)be32toh(high) << 24 | (be32toh(low) & 0xffffff);
}

/* Below, at or above 0: how the key of the entry compares to the one that begins with `front`. */
static inline int leaf_compare(const struct leaf_shape *shape, const uint8_t *entry,
                               const uint8_t *key, uint64_t front)
{
    uint64_t of_entry = leaf_front(entry);

    if (of_entry != front)
        return of_entry < front ? -1 : 1;
    return memcmp(entry + LEAF_KEY_MIN, key + LEAF_KEY_MIN, shape->key - LEAF_KEY_MIN);
}

/* The entries that come before the key. Each step halves what is left without a branch, which would
 * be foretold wrongly every other time. */
static const uint8_t *leaf_pass(const struct leaf_shape *shape, const uint8_t *entries,
                                size_t length, const uint8_t *key)
{
    uint64_t front = leaf_front(key);

    for (size_t count = length / shape->entry; count > 0;) {
        size_t half = count / 2;
        const uint8_t *middle = entries + half * shape->entry;
        bool before = leaf_compare(shape, middle, key, front) < 0;
        entries = before ? middle + shape->entry : entries;
        count = before ? count - half - 1 : half;
    }
    return entries;
}

/* Adds an entry to those merged, for which there is room. */
static void leaf_append(struct leaf_writer *writer, const uint8_t *entry)
{
    const struct leaf_shape *shape = &writer->shape;
    struct rentbus_buffer *merged = &writer->merged;
    uint8_t *end = merged->data + merged->length;
    bool new = merged->length == 0 ||
               leaf_compare(shape, end - shape->entry, entry, leaf_front(entry)) != 0;

    if (new) {
        memcpy(end, entry, shape->entry);
        merged->length += shape->entry;
    } else if (shape->combine) {
        shape->combine(end - shape->entry, entry);
    }
}

/* Adds entries that are in order, and behind those merged. */
static const uint8_t *leaf_copy(struct leaf_writer *writer, const uint8_t *from, const uint8_t *end)
{
    memcpy(writer->merged.data + writer->merged.length, from, (size_t)(end - from));
    writer->merged.length += (size_t)(end - from);
    return end;
}

/* Few are new of those in a row: what is between them is copied at once. */
static int leaf_merge(struct leaf_writer *writer, const struct leaf_row *row)
{
    const struct leaf_shape *shape = &writer->shape;
    const uint8_t *old = writer->before.data;
    const uint8_t *end = old + writer->before.length;

    rentbus_buffer_clear(&writer->merged);
    if (writer->before.failed ||
        !rentbus_buffer_reserve(&writer->merged, writer->before.length + row->given.length))
        return -ENOMEM;
    for (size_t at = 0; at < row->given.length; at += shape->entry) {
        const uint8_t *new = row->given.data + at;
        const uint8_t *before = leaf_pass(shape, old, (size_t)(end - old), new);
        bool there = before < end && memcmp(before, new, shape->key) == 0;
        old = leaf_copy(writer, old, there ? before + shape->entry : before);
        leaf_append(writer, new);
    }
    leaf_copy(writer, old, end);
    return 0;
}

static int leaf_put(struct leaf_writer *writer, uint64_t segment, uint64_t leaf,
                    struct rentbus_bytes entries)
{
    sqlite3_stmt *put = writer->changes[leaf ? LEAF_UPDATE : LEAF_INSERT];
    int r = leaf ? sqlite_bind_uint(put, 1, leaf)
                 : leaf_bind_place(put, segment, entries.data, writer->shape.key);

    if (r == 0)
        r = sqlite_bind_bytes(put, leaf ? 2 : 3, entries);
    return r ? r : sqlite_run(put);
}

/* Entries to a row where there are so many in all. Where entries go to the end of all they go on
 * doing so, and rows are left full; else all get room for more. */
static size_t leaf_share(const struct leaf_writer *writer, const struct leaf_row *row)
{
    const struct leaf_shape *shape = &writer->shape;
    size_t most = LEAF_SIZE_MAX / shape->entry;
    size_t count = writer->merged.length / shape->entry;
    size_t rows = (count + most - 1) / most;
    size_t before = writer->before.length;
    bool behind = before == 0 || memcmp(writer->before.data + before - shape->entry,
                                        row->given.data, shape->key) < 0;

    return behind ? most : (count + rows - 1) / rows;
}

static int leaf_write_row(struct leaf_writer *writer, const struct leaf_row *row)
{
    size_t share = leaf_share(writer, row) * writer->shape.entry;
    uint64_t leaf = row->leaf;
    int r = 0;

    for (size_t at = 0; r == 0 && at < writer->merged.length; at += share) {
        size_t left = writer->merged.length - at;
        r = leaf_put(writer, row->segment, leaf,
                     (struct rentbus_bytes){writer->merged.data + at, left < share ? left : share});
        leaf = 0;
    }
    return r;
}

int leaf_write(struct leaf_writer *writer, uint64_t segment, struct rentbus_bytes entries)
{
    int r = 0;

    while (r == 0 && entries.length > 0) {
        struct leaf_row row = {.segment = segment, .given = entries};
        r = leaf_find(writer, &row);
        if (r == 0)
            r = leaf_bound(writer, &row);
        if (r == 0)
            r = leaf_merge(writer, &row);
        if (r == 0)
            r = leaf_write_row(writer, &row);
        entries.data += row.given.length;
        entries.length -= row.given.length;
    }
    return r;
}
