/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <string.h>

#include "daemon/archive/archive_reader.h"

static const struct leaf_shape archive_mention_shape = {ARCHIVE_MENTION_ENTRY,
                                                        ARCHIVE_MENTION_ENTRY, NULL};

/* Ends the visit of a segment: what follows is of other keys, or too much. */
#define ARCHIVE_VISITED 1

/* Visits what one leaf has, from the entry `least` on. 0 when there may be more. */
static int archive_visit_leaf(struct archive_visiting *visiting, uint64_t segment,
                              struct rentbus_bytes entries, const uint8_t *least, int *stopped)
{
    size_t at = leaf_count_before(&archive_mention_shape, entries, least, ARCHIVE_MENTION_ENTRY) *
                ARCHIVE_MENTION_ENTRY;

    if (entries.length % ARCHIVE_MENTION_ENTRY)
        return -EBADMSG;
    for (; at < entries.length; at += ARCHIVE_MENTION_ENTRY) {
        if (visiting->limit == 0 || memcmp(entries.data + at, least, ARCHIVE_MENTION_KEY) != 0)
            return ARCHIVE_VISITED;
        visiting->limit--;
        *stopped = visiting->visit(visiting->context,
                                   archive_key_of(segment, entries.data + at, visiting->bits).seq);
        if (*stopped)
            return ARCHIVE_VISITED;
    }
    return 0;
}

static int archive_visit_segment(struct archive_visiting *visiting, uint64_t segment)
{
    sqlite3_stmt *statement = visiting->reader->queries[visiting->query];
    bool within = visiting->from >> visiting->bits == segment;
    struct mention_row least = {within ? visiting->from : 0, visiting->key};
    uint8_t entry[ARCHIVE_MENTION_ENTRY];
    int stopped = 0;
    int row = 0;

    archive_put_key_entry(entry, &least, visiting->bits);
    int r = sqlite_bind_uint(statement, 1, segment);
    if (r == 0)
        r = sqlite_bind_bytes(statement, 2, (struct rentbus_bytes){entry, sizeof(entry)});
    while (r == 0 && (row = sqlite_step(statement)) == 1)
        r = archive_visit_leaf(visiting, segment, sqlite_column_bytes(statement, 0), entry,
                               &stopped);
    archive_query_end(statement, 0);
    if (r < 0 || row < 0)
        return r < 0 ? r : row;
    return stopped;
}

int archive_visit_keys(struct archive_visiting *visiting, uint64_t last)
{
    int r = 0;

    for (uint64_t segment = visiting->from >> visiting->bits;
         r == 0 && visiting->limit > 0 && segment <= last >> visiting->bits; segment++)
        r = archive_visit_segment(visiting, segment);
    return r;
}

int archive_mentions(struct archive_reader *reader, uint32_t key, uint64_t from, size_t limit,
                     uint64_t *seq, archive_mention_visitor *visit, void *context)
{
    uint64_t last = 0;
    int r = archive_snapshot(reader, &last);
    if (r)
        return r;

    *seq = last;
    struct archive_visiting visiting = {
        reader, ARCHIVE_QUERY_MENTIONS, MENTION_SEGMENT_BITS, key, from, limit, visit, context};
    return archive_snapshot_end(reader, archive_visit_keys(&visiting, last));
}

/* An entry as the table has it, which may be any. */
struct archive_mention {
    int64_t segment;
    int64_t key;
    int64_t seq;
};

static int archive_order(const struct archive_mention *mention, const struct mention_row *row)
{
    int64_t segment = (int64_t)(row->seq >> MENTION_SEGMENT_BITS);
    int64_t key = (int32_t)row->key;
    int64_t seq = (int64_t)row->seq;

    if (mention->segment != segment)
        return mention->segment < segment ? -1 : 1;
    if (mention->key != key)
        return mention->key < key ? -1 : 1;
    return (mention->seq > seq) - (mention->seq < seq);
}

/* One archive_compare_mentions(); rows before `next` are compared. */
struct archive_comparing {
    const struct mention_rows *rows;
    /* What is rightly not between them is left out. */
    int64_t base;
    int64_t head;
    size_t next;
    bool differs;
    struct archive_mention_difference difference;
};

static void archive_note(struct archive_comparing *comparing, bool extra, uint64_t seq)
{
    if (!comparing->differs || seq < comparing->difference.seq)
        comparing->difference = (struct archive_mention_difference){extra, seq};
    comparing->differs = true;
}

/* Passes the rows that come before the mention (NULL: all), and the one that is like it. */
static void archive_compare_mention(struct archive_comparing *comparing,
                                    const struct archive_mention *mention)
{
    const struct mention_rows *rows = comparing->rows;
    int order = 1;

    while (comparing->next < rows->count) {
        const struct mention_row *row = &rows->items[comparing->next];
        order = mention ? archive_order(mention, row) : 1;
        if (order < 0)
            break;
        comparing->next++;
        if (order == 0)
            return;
        archive_note(comparing, false, row->seq);
    }
    if (mention)
        archive_note(comparing, true, (uint64_t)mention->seq);
}

static int archive_compare_leaf(struct archive_comparing *comparing, int64_t segment,
                                struct rentbus_bytes entries)
{
    if (entries.length % ARCHIVE_MENTION_ENTRY)
        return -EBADMSG;
    for (size_t at = 0; at < entries.length; at += ARCHIVE_MENTION_ENTRY) {
        struct mention_row row = archive_mention_of((uint64_t)segment, entries.data + at);
        struct archive_mention mention = {segment, (int32_t)row.key, (int64_t)row.seq};
        bool between = mention.seq > comparing->base && mention.seq <= comparing->head;
        if (between || mention.seq >> MENTION_SEGMENT_BITS != segment)
            archive_compare_mention(comparing, &mention);
    }
    return 0;
}

int archive_compare_mentions(struct archive_reader *reader, int64_t from, int64_t to,
                             const struct mention_rows *rows, uint64_t base, uint64_t head,
                             struct archive_mention_difference *difference)
{
    struct archive_comparing comparing = {
        .rows = rows,
        .base = (int64_t)archive_clamp(base),
        .head = (int64_t)archive_clamp(head),
    };
    int row = 0;
    int r = archive_reader_refresh(reader);
    if (r)
        return r;

    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_SEGMENTS];
    r = archive_bind_int(statement, 1, from);
    if (r == 0)
        r = archive_bind_int(statement, 2, to);
    while (r == 0 && (row = sqlite_step(statement)) == 1)
        r = archive_compare_leaf(&comparing, sqlite3_column_int64(statement, 0),
                                 sqlite_column_bytes(statement, 1));
    r = archive_query_end(statement, r ? r : row);
    if (r)
        return r;
    archive_compare_mention(&comparing, NULL);
    if (comparing.differs)
        *difference = comparing.difference;
    return comparing.differs;
}
