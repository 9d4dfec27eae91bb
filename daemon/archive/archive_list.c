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
    "SELECT created_seq, id, body FROM rental WHERE " condition                                    \
    "created_seq > ?1 AND created_seq <= ?6 AND closed_seq <= ?6 ORDER BY created_seq"
#define ARCHIVE_LIST_USER ARCHIVE_SEGMENT " = ?7 AND user_key = ?3 AND "
#define ARCHIVE_LIST_ASSET ARCHIVE_SEGMENT " = ?7 AND asset_key = ?4 AND "
/* A plus sign keeps SQLite from the index of that column: there is one that leaves fewer rows. */
#define ARCHIVE_LIST_STATUS "+status = ?5 AND "

const char *const archive_list_sql[ARCHIVE_LISTS] = {
    [0] = ARCHIVE_LIST(""),
    [ARCHIVE_LIST_BY_USER] = ARCHIVE_LIST(ARCHIVE_LIST_USER),
    [ARCHIVE_LIST_BY_ASSET] = ARCHIVE_LIST(ARCHIVE_LIST_ASSET),
    [ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_ASSET] =
        ARCHIVE_LIST("+user_key = ?3 AND " ARCHIVE_LIST_ASSET),
    [ARCHIVE_LIST_BY_STATUS] = ARCHIVE_LIST(ARCHIVE_LIST_STATUS),
    [ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_STATUS] =
        ARCHIVE_LIST(ARCHIVE_LIST_STATUS ARCHIVE_LIST_USER),
    [ARCHIVE_LIST_BY_ASSET | ARCHIVE_LIST_BY_STATUS] =
        ARCHIVE_LIST(ARCHIVE_LIST_STATUS ARCHIVE_LIST_ASSET),
    [ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_ASSET | ARCHIVE_LIST_BY_STATUS] =
        ARCHIVE_LIST("+user_key = ?3 AND " ARCHIVE_LIST_STATUS ARCHIVE_LIST_ASSET),
    [ARCHIVE_LIST_FORGIVEN] = ARCHIVE_LIST(ARCHIVE_FORGIVEN " AND "),
};

int archive_bind_rental_id(sqlite3_stmt *statement, int index, struct rentbus_text id,
                           struct rentbus_uuid *uuid)
{
    char text[RENTBUS_UUID_TEXT_SIZE + 1];

    if (!rentbus_uuid_parse(id, uuid))
        return sqlite_bind_text(statement, index, id);
    rentbus_uuid_format(*uuid, text);
    if (memcmp(text, id.data, RENTBUS_UUID_TEXT_SIZE) != 0)
        return sqlite_bind_text(statement, index, id);
    return sqlite_bind_bytes(statement, index,
                             (struct rentbus_bytes){uuid->bytes, sizeof(uuid->bytes)});
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

int archive_rental_get_as_of(struct archive_reader *reader, struct rentbus_text id, uint64_t as_of,
                             struct rentbus_buffer *out)
{
    struct rentbus_uuid uuid;
    int r = archive_reader_refresh(reader);
    if (r)
        return r;
    sqlite3_stmt *statement = reader->queries[ARCHIVE_QUERY_RENTAL];
    r = archive_bind_rental_id(statement, 1, id, &uuid);
    if (r == 0)
        r = sqlite_bind_uint(statement, 2, archive_clamp(as_of));
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 1)
        r = archive_encode_rental(sqlite_column_bytes(statement, 0), id, out);
    return archive_query_end(statement, r);
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
    sqlite3_stmt *list;
    size_t limit; /* how many may still be visited */
    archive_rental_visitor *visit;
    void *context;
};

static int archive_list_bind(struct archive_listing *listing, uint64_t after)
{
    const struct archive_rental_filter *filter = listing->filter;
    sqlite3_stmt *list = listing->list;
    struct mention user = {MENTION_USER, filter->user_id};
    struct mention asset = {MENTION_ASSET, filter->asset_id};
    int r = sqlite_bind_uint(list, 1, after);

    if (r == 0 && user.id.data)
        r = archive_bind_int(list, 3, (int32_t)mention_key(user));
    if (r == 0 && asset.id.data)
        r = archive_bind_int(list, 4, (int32_t)mention_key(asset));
    if (r == 0 && filter->status != RENTBUS_STATUS_NONE)
        r = sqlite_bind_uint(list, 5, filter->status);
    if (r == 0)
        r = sqlite_bind_uint(list, 6, filter->has_as_of ? archive_clamp(filter->as_of) : INT64_MAX);
    return r;
}

/* Different ids may have the same key. */
static bool archive_list_wants(const struct archive_rental_filter *filter,
                               const struct rentbus_rental *rental)
{
    return (!filter->user_id.data || rentbus_text_equal(filter->user_id, rental->user_id)) &&
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

/* Segment after segment, as of one moment. */
static int archive_list_segments(struct archive_listing *listing, uint64_t after)
{
    uint64_t last = 0;
    int r = archive_snapshot(listing->reader, &last);
    if (r)
        return r;
    if (listing->filter->has_as_of && listing->filter->as_of < last)
        last = listing->filter->as_of;
    for (uint64_t segment = ARCHIVE_SEGMENT_OF(after);
         r == 0 && listing->limit > 0 && segment <= ARCHIVE_SEGMENT_OF(last); segment++) {
        r = sqlite_bind_uint(listing->list, 7, segment);
        if (r == 0)
            r = archive_list_rows(listing);
    }
    return archive_snapshot_end(listing->reader, r);
}

int archive_rental_list(struct archive_reader *reader, const struct archive_rental_filter *filter,
                        uint64_t after, size_t limit, archive_rental_visitor *visit, void *context)
{
    size_t by = (filter->user_id.data ? ARCHIVE_LIST_BY_USER : 0) |
                (filter->asset_id.data ? ARCHIVE_LIST_BY_ASSET : 0) |
                (filter->status != RENTBUS_STATUS_NONE ? ARCHIVE_LIST_BY_STATUS : 0);
    bool segments = by & (ARCHIVE_LIST_BY_USER | ARCHIVE_LIST_BY_ASSET);
    int r = archive_reader_refresh(reader);
    if (r || after > INT64_MAX)
        return r;

    if (by == ARCHIVE_LIST_BY_STATUS && filter->status == RENTBUS_STATUS_FORGIVEN)
        by = ARCHIVE_LIST_FORGIVEN;
    struct archive_listing listing = {reader, filter, reader->lists[by], limit, visit, context};
    /* The statement of the forgiven knows its status. */
    r = archive_list_bind(&listing, after);
    if (r)
        return r;
    return segments ? archive_list_segments(&listing, after) : archive_list_rows(&listing);
}
