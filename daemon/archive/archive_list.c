/* SPDX-License-Identifier: MPL-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/archive/archive_reader.h"
#include "daemon/archive/packed.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/uuid.h"

static_assert(RENTBUS_STATUS_FORGIVEN == 3, "ARCHIVE_FORGIVEN says so");

#define ARCHIVE_LIST(condition)                                                                    \
    "SELECT created_seq, id, body FROM rental WHERE " condition " AND closed_seq <= ?2 "
#define ARCHIVE_LIST_AFTER "created_seq > ?1 AND created_seq <= ?2"
#define ARCHIVE_LIST_ORDER "ORDER BY created_seq"

const char *const archive_list_sql[ARCHIVE_LISTS] = {
    [ARCHIVE_LIST_ALL] = ARCHIVE_LIST(ARCHIVE_LIST_AFTER) ARCHIVE_LIST_ORDER,
    /* A plus sign keeps SQLite from the index of that column: there is one that leaves fewer. */
    [ARCHIVE_LIST_STATUS] = ARCHIVE_LIST("+status = ?3 AND " ARCHIVE_LIST_AFTER) ARCHIVE_LIST_ORDER,
    [ARCHIVE_LIST_FORGIVEN] =
        ARCHIVE_LIST(ARCHIVE_FORGIVEN " AND " ARCHIVE_LIST_AFTER) ARCHIVE_LIST_ORDER,
    [ARCHIVE_LIST_ONE] = ARCHIVE_LIST("created_seq = ?1"),
};

bool archive_rental_uuid(struct rentbus_text id, struct rentbus_uuid *uuid)
{
    unsigned all = UINT8_MAX;

    if (!rentbus_uuid_parse(id, uuid))
        return false;
    /* Of what a UUID is written with, capital letters alone lack the bit. */
    for (size_t i = 0; i < RENTBUS_UUID_TEXT_SIZE; i++)
        all &= (unsigned char)id.data[i];
    return all & 0x20;
}

struct rentbus_text archive_column_rental_id(sqlite3_stmt *statement, int column,
                                             char text[RENTBUS_UUID_TEXT_SIZE + 1])
{
    bool blob = sqlite3_column_type(statement, column) == SQLITE_BLOB;
    struct rentbus_bytes stored = sqlite_column_bytes(statement, column);
    struct rentbus_uuid uuid;

    if (!blob || stored.length != sizeof(uuid.bytes))
        return (struct rentbus_text){(const char *)stored.data, stored.length};
    memcpy(uuid.bytes, stored.data, sizeof(uuid.bytes));
    rentbus_uuid_format(uuid, text);
    return (struct rentbus_text){text, RENTBUS_UUID_TEXT_SIZE};
}

/* Appends the rental that a row has, encoded. 1, or -errno. */
static int archive_encode_rental(struct rentbus_bytes body, struct rentbus_text id,
                                 struct rentbus_buffer *out)
{
    struct rentbus_rental rental;
    int r = packed_rental_read(body, id, &rental);

    if (r)
        return r;
    rentbus_encode(&rentbus_rental_schema, &rental, out);
    return out->failed ? -ENOMEM : 1;
}

/* Reads the rental that the statement finds, in which all but the last seq is bound. */
static int archive_get(sqlite3_stmt *statement, struct rentbus_text id, uint64_t as_of,
                       struct rentbus_buffer *out)
{
    int r = sqlite_bind_uint(statement, 2, archive_clamp(as_of));

    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1)
        r = archive_encode_rental(sqlite_column_bytes(statement, 0), id, out);
    return archive_query_end(statement, r);
}

static int archive_get_by_text(struct archive_reader *reader, struct rentbus_text id,
                               uint64_t as_of, struct rentbus_buffer *out)
{
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_RENTAL_OF_TEXT];
    int r = sqlite_bind_text(statement, 1, id);

    return r ? r : archive_get(statement, id, as_of, out);
}

/* Where the rental was created: 1, 0, -errno. */
static int archive_find_uuid(struct archive_reader *reader, struct rentbus_bytes uuid,
                             uint64_t *created_seq)
{
    static const struct leaf_shape shape = {ARCHIVE_ID_ENTRY, RENTBUS_UUID_SIZE, NULL};
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_RENTAL_ID];
    int r = sqlite_bind_bytes(statement, 1, uuid);

    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1) {
        struct rentbus_bytes entries = sqlite_column_bytes(statement, 0);
        size_t at = leaf_count_before(&shape, entries, uuid.data, uuid.length) * shape.entry;
        bool there = at + shape.entry <= entries.length &&
                     memcmp(entries.data + at, uuid.data, uuid.length) == 0;
        if (there)
            *created_seq = leaf_number(entries.data + at + RENTBUS_UUID_SIZE, 6);
        r = entries.length % shape.entry ? -EBADMSG : there;
    }
    return archive_query_end(statement, r);
}

static int archive_get_by_uuid(struct archive_reader *reader, const struct rentbus_uuid *uuid,
                               struct rentbus_text id, uint64_t as_of, struct rentbus_buffer *out)
{
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_RENTAL_OF_UUID];
    struct rentbus_bytes bytes = {uuid->bytes, sizeof(uuid->bytes)};
    uint64_t created_seq = 0;
    int r = archive_find_uuid(reader, bytes, &created_seq);

    if (r != 1)
        return r;
    r = sqlite_bind_bytes(statement, 1, bytes);
    if (r == 0)
        r = sqlite_bind_uint(statement, 3, created_seq);
    return r ? r : archive_get(statement, id, as_of, out);
}

int archive_rental_get_as_of(struct archive_reader *reader, struct rentbus_text id, uint64_t as_of,
                             struct rentbus_buffer *out)
{
    struct rentbus_uuid uuid;
    int r = archive_reader_refresh(reader);

    if (r)
        return r;
    return archive_rental_uuid(id, &uuid) ? archive_get_by_uuid(reader, &uuid, id, as_of, out)
                                          : archive_get_by_text(reader, id, as_of, out);
}

int archive_rental_get(struct archive_reader *reader, struct rentbus_text id,
                       struct rentbus_buffer *out)
{
    return archive_rental_get_as_of(reader, id, UINT64_MAX, out);
}

/* One archive_rental_list(). */
struct archive_listing {
    struct archive_reader *reader;
    const struct archive_rental_filter *filter;
    uint64_t as_of;
    sqlite3_stmt *list;
    size_t limit; /* how many may still be visited */
    archive_rental_visitor *visit;
    void *context;
};

static int archive_list_bind(const struct archive_listing *listing, uint64_t after)
{
    int r = sqlite_bind_uint(listing->list, 1, after);

    return r ? r : sqlite_bind_uint(listing->list, 2, listing->as_of);
}

/* Different ids may have the same key. */
static bool archive_list_wants(const struct archive_rental_filter *filter,
                               const struct rentbus_rental *rental)
{
    return (filter->status == RENTBUS_STATUS_NONE || filter->status == rental->status) &&
           (!filter->user_id.data || rentbus_text_equal(filter->user_id, rental->user_id)) &&
           (!filter->asset_id.data || rentbus_text_equal(filter->asset_id, rental->asset_id));
}

static int archive_list_row(struct archive_listing *listing)
{
    struct rentbus_buffer *out = &listing->reader->listed;
    char text[RENTBUS_UUID_TEXT_SIZE + 1];
    struct rentbus_rental rental;
    uint64_t created_seq = (uint64_t)sqlite3_column_int64(listing->list, 0);
    struct rentbus_text id = archive_column_rental_id(listing->list, 1, text);
    int r = packed_rental_read(sqlite_column_bytes(listing->list, 2), id, &rental);

    if (r || !archive_list_wants(listing->filter, &rental))
        return r;
    rentbus_buffer_clear(out);
    rentbus_encode(&rentbus_rental_schema, &rental, out);
    if (out->failed)
        return -ENOMEM;
    listing->limit--;
    return listing->visit(listing->context, created_seq,
                          (struct rentbus_bytes){out->data, out->length});
}

/* Visits what the list has with the parameters that are bound. */
static int archive_list_rows(struct archive_listing *listing)
{
    int row = 0;
    int r = 0;

    while (r == 0 && listing->limit > 0 && (row = sqlite_step(listing->list)) == 1)
        r = archive_list_row(listing);
    sqlite3_reset(listing->list);
    return r || row > 0 ? r : row;
}

/* Ends the walk: what is wanted is visited. */
#define ARCHIVE_LISTED 1

/* A walk through the rentals under a key, and what the visitor of the list ended with. */
struct archive_walk {
    struct archive_listing *listing;
    int ended;
};

/* Visits the rental created at the seq, if it is there. */
static int archive_walk_to(void *context, uint64_t created_seq)
{
    struct archive_walk *walk = context;
    struct archive_listing *listing = walk->listing;

    if (listing->limit == 0 || created_seq > listing->as_of)
        return ARCHIVE_LISTED;
    int r = sqlite_bind_uint(listing->list, 1, created_seq);
    walk->ended = r ? r : archive_list_rows(listing);
    return walk->ended ? ARCHIVE_LISTED : 0;
}

/* By the key of the asset, of which there are fewer rentals, or else of the user; as of one moment.
 */
static int archive_list_by_key(struct archive_listing *listing, uint64_t after)
{
    const struct archive_rental_filter *filter = listing->filter;
    struct mention thing = filter->asset_id.data ? (struct mention){MENTION_ASSET, filter->asset_id}
                                                 : (struct mention){MENTION_USER, filter->user_id};
    struct archive_walk walk = {listing, 0};
    struct archive_visiting visiting = {.reader = listing->reader,
                                        .query = ARCHIVE_QUERY_RENTAL_KEYS,
                                        .bits = ARCHIVE_SEGMENT_BITS,
                                        .key = mention_key(thing),
                                        .from = after + 1,
                                        .limit = SIZE_MAX,
                                        .visit = archive_walk_to,
                                        .context = &walk};
    uint64_t last = 0;
    int r = archive_snapshot(listing->reader, &last);
    if (r)
        return r;
    r = archive_visit_keys(&visiting, listing->as_of < last ? listing->as_of : last);
    return archive_snapshot_end(listing->reader, r < 0 ? r : walk.ended);
}

int archive_rental_list(struct archive_reader *reader, const struct archive_rental_filter *filter,
                        uint64_t after, size_t limit, archive_rental_visitor *visit, void *context)
{
    static const enum archive_list lists[] = {
        [RENTBUS_STATUS_NONE] = ARCHIVE_LIST_ALL,
        [RENTBUS_STATUS_IN_PROGRESS] = ARCHIVE_LIST_STATUS,
        [RENTBUS_STATUS_COMPLETED] = ARCHIVE_LIST_STATUS,
        [RENTBUS_STATUS_FORGIVEN] = ARCHIVE_LIST_FORGIVEN,
        [RENTBUS_STATUS_FLAGGED] = ARCHIVE_LIST_STATUS,
    };
    bool by_key = filter->user_id.data || filter->asset_id.data;
    enum archive_list list = by_key ? ARCHIVE_LIST_ONE : lists[filter->status];
    int r = archive_reader_refresh(reader);
    if (r || after >= INT64_MAX)
        return r;

    struct archive_listing listing = {.reader = reader,
                                      .filter = filter,
                                      .as_of = filter->has_as_of ? archive_clamp(filter->as_of)
                                                                 : INT64_MAX,
                                      .list = reader->lists[list],
                                      .limit = limit,
                                      .visit = visit,
                                      .context = context};
    r = archive_list_bind(&listing, after);
    if (r == 0 && list == ARCHIVE_LIST_STATUS)
        r = sqlite_bind_uint(listing.list, 3, filter->status);
    if (r)
        return r;
    return by_key ? archive_list_by_key(&listing, after) : archive_list_rows(&listing);
}
