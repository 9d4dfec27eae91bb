/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/packed.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sdk/protocol/fold.h"

/* Bytes of the longest number. */
#define PACKED_NUMBER_MAX 10

/* The order of a file that may outlive this version: a new field goes to the end. */
static const uint8_t packed_fields[] = {
    RENTBUS_FIELD_rental_rev,
    RENTBUS_FIELD_rental_status,
    RENTBUS_FIELD_rental_user_id,
    RENTBUS_FIELD_rental_asset_id,
    RENTBUS_FIELD_rental_renewals,
    RENTBUS_FIELD_rental_closed_by,
    RENTBUS_FIELD_rental_created_at,
    RENTBUS_FIELD_rental_expires_at,
    RENTBUS_FIELD_rental_created_seq,
    RENTBUS_FIELD_rental_flag_reason,
    RENTBUS_FIELD_rental_returned_at,
    RENTBUS_FIELD_rental_returned_asset_id,
    RENTBUS_FIELD_rental_eligible_asset_types,
    RENTBUS_FIELD_rental_created_at_location_id,
    RENTBUS_FIELD_rental_returned_at_location_id,
};
#define PACKED_FIELDS (sizeof(packed_fields) / sizeof(*packed_fields))
/* All but the id. */
static_assert(PACKED_FIELDS == RENTBUS_FIELDS_OF_rental - 1, "every field is packed");

/* ---- writing ---- */

/* Returns the place behind it. */
static inline uint8_t *packed_put_number(uint8_t *at, uint64_t number)
{
    for (; number > 0x7f; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

static inline void packed_write_number(uint64_t number, struct rentbus_buffer *out)
{
    uint8_t *room = rentbus_buffer_reserve(out, PACKED_NUMBER_MAX);

    if (room)
        out->length += (size_t)(packed_put_number(room, number) - room);
}

static void packed_write_text(const struct rentbus_text *text, struct rentbus_buffer *out)
{
    uint8_t *room = rentbus_buffer_reserve(out, PACKED_NUMBER_MAX + text->length);

    if (!room)
        return;
    uint8_t *at = packed_put_number(room, text->length);
    if (text->length > 0)
        memcpy(at, text->data, text->length);
    out->length += (size_t)(at - room) + text->length;
}

static void packed_write_ids(const struct rentbus_ids *ids, struct rentbus_buffer *out)
{
    packed_write_number(ids->count, out);
    for (size_t i = 0; i < ids->count; i++)
        packed_write_text(&ids->items[i], out);
}

static void packed_write_value(const struct rentbus_field *field, const void *member,
                               struct rentbus_buffer *out)
{
    switch (field->kind) {
    case RENTBUS_KIND_UINT:
        packed_write_number(*(const uint64_t *)member, out);
        break;
    case RENTBUS_KIND_WORD:
        packed_write_number(*(const unsigned *)member, out);
        break;
    case RENTBUS_KIND_TIME:
        packed_write_number(rentbus_fold(*(const int64_t *)member), out);
        break;
    case RENTBUS_KIND_IDS:
        packed_write_ids(member, out);
        break;
    default:
        packed_write_text(member, out);
    }
}

void packed_rental_write(const struct rentbus_rental *rental, struct rentbus_buffer *out)
{
    const struct rentbus_field *fields = rentbus_rental_schema.fields;
    uint64_t present = 0;

    for (size_t i = 0; i < PACKED_FIELDS; i++)
        present |= (rental->has >> packed_fields[i] & 1) << i;
    packed_write_number(present, out);
    for (size_t i = 0; i < PACKED_FIELDS; i++) {
        const struct rentbus_field *field = &fields[packed_fields[i]];
        if (present >> i & 1)
            packed_write_value(field, (const char *)rental + field->offset, out);
    }
}

/* ---- reading ---- */

static int packed_read_number(struct rentbus_bytes *bytes, uint64_t *number)
{
    uint64_t read = 0;

    for (size_t i = 0; i < bytes->length && i < PACKED_NUMBER_MAX; i++) {
        read |= (uint64_t)(bytes->data[i] & 0x7f) << (7 * i);
        if (bytes->data[i] > 0x7f)
            continue;
        *bytes = (struct rentbus_bytes){bytes->data + i + 1, bytes->length - i - 1};
        *number = read;
        return 0;
    }
    return -EBADMSG;
}

static int packed_read_text(struct rentbus_bytes *bytes, struct rentbus_text *text)
{
    uint64_t length;
    int r = packed_read_number(bytes, &length);

    if (r || length > bytes->length)
        return -EBADMSG;
    *text = (struct rentbus_text){(const char *)bytes->data, length};
    *bytes = (struct rentbus_bytes){bytes->data + length, bytes->length - length};
    return 0;
}

static int packed_read_ids(struct rentbus_bytes *bytes, struct rentbus_ids *ids)
{
    uint64_t count;
    int r = packed_read_number(bytes, &count);

    if (r || count > RENTBUS_IDS_MAX)
        return -EBADMSG;
    for (ids->count = 0; r == 0 && ids->count < count; ids->count++)
        r = packed_read_text(bytes, &ids->items[ids->count]);
    return r;
}

static int packed_read_scalar(const struct rentbus_field *field, struct rentbus_bytes *bytes,
                              void *member)
{
    uint64_t number;
    int r = packed_read_number(bytes, &number);

    if (r)
        return r;
    if (field->kind == RENTBUS_KIND_UINT)
        *(uint64_t *)member = number;
    else if (field->kind == RENTBUS_KIND_TIME)
        *(int64_t *)member = rentbus_unfold(number);
    else if (number > 0 && number < field->words->count)
        *(unsigned *)member = (unsigned)number;
    else
        r = -EBADMSG;
    return r;
}

static int packed_read_value(const struct rentbus_field *field, struct rentbus_bytes *bytes,
                             void *member)
{
    switch (field->kind) {
    case RENTBUS_KIND_UINT:
    case RENTBUS_KIND_WORD:
    case RENTBUS_KIND_TIME:
        return packed_read_scalar(field, bytes, member);
    case RENTBUS_KIND_IDS:
        return packed_read_ids(bytes, member);
    default:
        return packed_read_text(bytes, member);
    }
}

int packed_rental_read(struct rentbus_bytes packed, struct rentbus_text id,
                       struct rentbus_rental *rental)
{
    const struct rentbus_field *fields = rentbus_rental_schema.fields;
    uint64_t present;
    int r = packed_read_number(&packed, &present);

    rental->has = 0;
    RENTBUS_SET(rental, rental, id, id);
    if (r || present >> PACKED_FIELDS)
        return -EBADMSG;
    for (size_t i = 0; r == 0 && i < PACKED_FIELDS; i++) {
        const struct rentbus_field *field = &fields[packed_fields[i]];
        if (present >> i & 1) {
            r = packed_read_value(field, &packed, (char *)rental + field->offset);
            rental->has |= UINT64_C(1) << packed_fields[i];
        } else if (field->need == RENTBUS_NEED_REQUIRED) {
            r = -EBADMSG;
        }
    }
    return r || packed.length > 0 ? -EBADMSG : 0;
}
