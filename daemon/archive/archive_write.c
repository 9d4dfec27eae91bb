/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>

#include "daemon/archive/archive_sql.h"
#include "daemon/archive/archive_state.h"

static int archive_bind_id(sqlite3_stmt *statement, int index, const struct archive_rental_row *row,
                           const uint8_t *bytes)
{
    if (row->has_uuid)
        return sqlite_bind_bytes(statement, index,
                                 (struct rentbus_bytes){row->uuid.bytes, RENTBUS_UUID_SIZE});
    return sqlite_bind_text(statement, index,
                            (struct rentbus_text){(const char *)bytes + row->id, row->id_length});
}

/* Binds the columns of a row, the first of them to `index`. */
static int archive_bind_rental(sqlite3_stmt *put, int index, const struct archive_rental_row *row,
                               const uint8_t *bytes)
{
    int r = sqlite_bind_uint(put, index, row->created_seq);

    if (r == 0)
        r = archive_bind_id(put, index + 1, row, bytes);
    if (r == 0)
        r = sqlite_bind_uint(put, index + 2, row->status);
    if (r == 0)
        r = sqlite_bind_uint(put, index + 3, row->seq);
    if (r == 0)
        r = sqlite_bind_bytes(put, index + 4,
                              (struct rentbus_bytes){bytes + row->body, row->body_length});
    return r;
}

static int archive_run_rentals(struct archive *archive, enum archive_change change,
                               const struct archive_rental_row *rows, size_t count)
{
    sqlite3_stmt *put = archive->changes[change];
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = archive_bind_rental(put, 1 + (int)i * ARCHIVE_RENTAL_COLUMNS, &rows[i],
                                archive->rows.bytes.data);
    return r ? r : sqlite_run(put);
}

/* SQLite keeps what it would take to undo a replacement: most rentals come for the first time, and
 * are spared that. Of those that failed at one some may be there already. */
static int archive_put_rentals_by(struct archive *archive, enum archive_change change,
                                  const struct archive_rental_row *rows, size_t count)
{
    int r = archive_run_rentals(archive, change, rows, count);
    if (r != -EEXIST)
        return r;

    r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = archive_run_rentals(archive, ARCHIVE_REPLACE_RENTAL, &rows[i], 1);
    return r;
}

static int archive_drop_rental(struct archive *archive, const struct archive_rental_row *row)
{
    sqlite3_stmt *drop = archive->changes[ARCHIVE_DROP_RENTAL];
    int r = sqlite_bind_uint(drop, 1, row->created_seq);

    return r ? r : sqlite_run(drop);
}

/* How many of the rows, up to `most`, stand in front that are to be put. */
static size_t archive_count_over(const struct archive_rental_row *rows, size_t most)
{
    size_t over = 0;

    while (over < most && rows[over].over)
        over++;
    return over;
}

/* Puts or drops the first of the rows, or puts some at once, which costs less for each. Returns how
 * many, or -errno. */
static int archive_put_some(struct archive *archive, const struct archive_rental_row *rows,
                            size_t count)
{
    bool many = count >= ARCHIVE_RENTALS_AT_ONCE &&
                archive_count_over(rows, ARCHIVE_RENTALS_AT_ONCE) == ARCHIVE_RENTALS_AT_ONCE;
    int r;

    if (many)
        r = archive_put_rentals_by(archive, ARCHIVE_PUT_RENTALS, rows, ARCHIVE_RENTALS_AT_ONCE);
    else if (rows->over)
        r = archive_put_rentals_by(archive, ARCHIVE_PUT_RENTAL, rows, 1);
    else
        r = archive_drop_rental(archive, rows);
    if (r)
        return r;
    return many ? ARCHIVE_RENTALS_AT_ONCE : 1;
}

static int archive_put_rentals(struct archive *archive)
{
    size_t count;
    const struct archive_rental_row *rows = archive_rows_rentals(&archive->rows, &count);

    for (size_t i = 0; i < count;) {
        int put = archive_put_some(archive, &rows[i], count - i);
        if (put < 0)
            return put;
        i += (size_t)put;
    }
    return 0;
}

static int archive_write_entries(struct archive *archive, struct leaf_writer *writer,
                                 uint64_t segment)
{
    const struct rentbus_buffer *entries = &archive->entries;

    if (entries->failed)
        return -ENOMEM;
    return leaf_write(writer, segment, (struct rentbus_bytes){entries->data, entries->length});
}

static int archive_put_commands(struct archive *archive)
{
    size_t count;
    const struct archive_command_row *rows = archive_rows_commands(&archive->rows, &count);
    uint8_t entry[ARCHIVE_COMMAND_ENTRY];

    rentbus_buffer_clear(&archive->entries);
    for (size_t i = 0; i < count; i++) {
        archive_put_command_entry(entry, &rows[i]);
        rentbus_buffer_append(&archive->entries, entry, sizeof(entry));
    }
    return archive_write_entries(archive, &archive->commands, ARCHIVE_COMMAND_SEGMENT);
}

/* Writes those of one segment, from the row *next on, which it moves behind them. */
static int archive_put_segment(struct archive *archive, struct leaf_writer *writer,
                               const struct mention_rows *rows, unsigned bits, size_t *next)
{
    uint64_t segment = rows->items[*next].seq >> bits;
    uint8_t entry[ARCHIVE_MENTION_ENTRY];

    rentbus_buffer_clear(&archive->entries);
    while (*next < rows->count && rows->items[*next].seq >> bits == segment) {
        archive_put_key_entry(entry, &rows->items[(*next)++], bits);
        rentbus_buffer_append(&archive->entries, entry, sizeof(entry));
    }
    return archive_write_entries(archive, writer, segment);
}

static int archive_put_keys(struct archive *archive, struct leaf_writer *writer,
                            const struct mention_rows *rows, unsigned bits)
{
    size_t next = 0;
    int r = 0;

    while (r == 0 && next < rows->count)
        r = archive_put_segment(archive, writer, rows, bits, &next);
    return r;
}

static int archive_add_tally(void *context, const struct tally_row *row)
{
    struct archive *archive = context;
    sqlite3_stmt *add = archive->changes[ARCHIVE_ADD_TALLY];
    int r = archive_bind_int(add, 1, row->day);

    if (r == 0)
        r = sqlite_bind_uint(add, 2, row->kind);
    if (r == 0)
        r = row->name.data ? sqlite_bind_text(add, 3, row->name)
                           : sqlite_bind_uint(add, 3, row->bucket);
    if (r == 0)
        r = sqlite_bind_uint(add, 4, row->count);
    return r ? r : sqlite_run(add);
}

static int archive_put_position(struct archive *archive, const struct archive_position *position)
{
    sqlite3_stmt **changes = archive->changes;
    int r = sqlite_bind_uint(changes[ARCHIVE_PUT_SEQ], 1, position->seq);

    if (r == 0)
        r = sqlite_run(changes[ARCHIVE_PUT_SEQ]);
    if (r == 0)
        r = sqlite_bind_bytes(changes[ARCHIVE_PUT_HASH], 1,
                              (struct rentbus_bytes){position->hash, sizeof(position->hash)});
    return r ? r : sqlite_run(changes[ARCHIVE_PUT_HASH]);
}

int archive_write(struct archive *archive, const struct archive_position *position)
{
    struct archive_rows *rows = &archive->rows;
    archive_rows_sort(rows);
    int r = archive_rows_failed(rows) ? -ENOMEM : sqlite_run(archive->changes[ARCHIVE_BEGIN]);

    if (r == 0)
        r = archive_put_rentals(archive);
    if (r == 0)
        r = leaf_write(&archive->ids, ARCHIVE_ID_SEGMENT,
                       (struct rentbus_bytes){rows->ids.data, rows->ids.length});
    if (r == 0)
        r = archive_put_keys(archive, &archive->keys, &rows->keys, ARCHIVE_SEGMENT_BITS);
    if (r == 0)
        r = archive_put_commands(archive);
    if (r == 0)
        r = archive_put_keys(archive, &archive->mentions, &rows->mentions, MENTION_SEGMENT_BITS);
    if (r == 0)
        r = tally_visit(rows->tally, archive_add_tally, archive);
    if (r == 0)
        r = archive_put_position(archive, position);
    if (r == 0)
        r = sqlite_run(archive->changes[ARCHIVE_COMMIT]);
    if (r)
        sqlite_rollback(archive->db);
    return r;
}
