/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/archive_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/archive/archive_sql.h"
#include "daemon/archive/packed.h"

int archive_rows_init(struct archive_rows *rows)
{
    *rows = (struct archive_rows){.tally = tally_create()};
    return rows->tally ? 0 : -ENOMEM;
}

void archive_rows_clear(struct archive_rows *rows)
{
    rentbus_buffer_clear(&rows->rentals);
    rentbus_buffer_clear(&rows->commands);
    rentbus_buffer_clear(&rows->bytes);
    mention_rows_clear(&rows->mentions);
    rentbus_buffer_clear(&rows->ids);
    mention_rows_clear(&rows->keys);
    tally_clear(rows->tally);
}

void archive_rows_release(struct archive_rows *rows)
{
    rentbus_buffer_release(&rows->rentals);
    rentbus_buffer_release(&rows->commands);
    rentbus_buffer_release(&rows->bytes);
    mention_rows_release(&rows->mentions);
    rentbus_buffer_release(&rows->ids);
    mention_rows_release(&rows->keys);
    tally_destroy(&rows->tally);
}

bool archive_rows_failed(const struct archive_rows *rows)
{
    return rows->rentals.failed || rows->commands.failed || rows->bytes.failed ||
           rows->mentions.failed || rows->ids.failed || rows->keys.failed;
}

void archive_rows_add_rental(struct archive_rows *rows, const struct rentbus_rental *rental,
                             uint64_t seq, bool over)
{
    struct archive_rental_row row = {
        .created_seq = rental->created_seq, .seq = seq, .over = over, .status = rental->status};

    if (over) {
        row.user_key = mention_key((struct mention){MENTION_USER, rental->user_id});
        row.asset_key = mention_key((struct mention){MENTION_ASSET, rental->asset_id});
        row.has_uuid = archive_rental_uuid(rental->id, &row.uuid);
        row.id = rows->bytes.length;
        row.id_length = row.has_uuid ? 0 : rental->id.length;
        rentbus_buffer_append(&rows->bytes, rental->id.data, row.id_length);
        row.body = rows->bytes.length;
        packed_rental_write(rental, &rows->bytes);
        row.body_length = rows->bytes.length - row.body;
    }
    rentbus_buffer_append(&rows->rentals, &row, sizeof(row));
}

void archive_rows_add_command(struct archive_rows *rows, const struct archive_command_row *command)
{
    rentbus_buffer_append(&rows->commands, command, sizeof(*command));
}

static int archive_rental_row_compare(const void *left, const void *right)
{
    const struct archive_rental_row *a = left;
    const struct archive_rental_row *b = right;

    if (a->created_seq != b->created_seq)
        return a->created_seq < b->created_seq ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static int archive_command_row_compare(const void *left, const void *right)
{
    const struct archive_command_row *a = left;
    const struct archive_command_row *b = right;

    return memcmp(&a->id, &b->id, sizeof(a->id));
}

/* What one client sends comes in order. */
static void archive_rows_sort_by(struct rentbus_buffer *rows, size_t size,
                                 int (*compare)(const void *, const void *))
{
    size_t count = rows->length / size;
    size_t at = 1;

    while (at < count && compare(rows->data + (at - 1) * size, rows->data + at * size) <= 0)
        at++;
    if (at < count)
        qsort(rows->data, count, size, compare);
}

static void archive_rows_leave_last(struct rentbus_buffer *rentals)
{
    struct archive_rental_row *rows = (struct archive_rental_row *)(void *)rentals->data;
    size_t count = rentals->length / sizeof(*rows);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || rows[i + 1].created_seq != rows[i].created_seq)
            rows[kept++] = rows[i];
    }
    rentals->length = kept * sizeof(*rows);
}

static int archive_id_compare(const void *left, const void *right)
{
    return memcmp(left, right, RENTBUS_UUID_SIZE);
}

/* What finds the rentals. */
static void archive_rows_index(struct archive_rows *rows)
{
    uint8_t entry[ARCHIVE_ID_ENTRY];
    size_t count;
    const struct archive_rental_row *rentals = archive_rows_rentals(rows, &count);

    for (size_t i = 0; i < count; i++) {
        const struct archive_rental_row *rental = &rentals[i];
        if (!rental->over)
            continue;
        mention_rows_put(&rows->keys, &(struct mention_row){rental->created_seq, rental->user_key});
        mention_rows_put(&rows->keys,
                         &(struct mention_row){rental->created_seq, rental->asset_key});
        if (!rental->has_uuid)
            continue;
        archive_put_id_entry(entry, rental->uuid, rental->created_seq);
        rentbus_buffer_append(&rows->ids, entry, sizeof(entry));
    }
    archive_rows_sort_by(&rows->ids, sizeof(entry), archive_id_compare);
    mention_rows_sort_within(&rows->keys, ARCHIVE_SEGMENT_BITS);
}

void archive_rows_sort(struct archive_rows *rows)
{
    archive_rows_sort_by(&rows->rentals, sizeof(struct archive_rental_row),
                         archive_rental_row_compare);
    archive_rows_leave_last(&rows->rentals);
    archive_rows_index(rows);
    archive_rows_sort_by(&rows->commands, sizeof(struct archive_command_row),
                         archive_command_row_compare);
    mention_rows_sort(&rows->mentions);
}

const struct archive_rental_row *archive_rows_rentals(const struct archive_rows *rows,
                                                      size_t *count)
{
    *count = rows->rentals.length / sizeof(struct archive_rental_row);
    return (const struct archive_rental_row *)(const void *)rows->rentals.data;
}

const struct archive_command_row *archive_rows_commands(const struct archive_rows *rows,
                                                        size_t *count)
{
    *count = rows->commands.length / sizeof(struct archive_command_row);
    return (const struct archive_command_row *)(const void *)rows->commands.data;
}
