/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/mention.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/archive/skim.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

struct mention_field {
    const char *name;
    size_t length;
    enum mention_kind kind;
};

#define MENTION_FIELD(name, kind)                                                                  \
    {                                                                                              \
        name, sizeof(name) - 1, kind                                                               \
    }
#define MENTION_DATA_FIELDS                                                                        \
    MENTION_FIELD("user_id", MENTION_USER), MENTION_FIELD("asset_id", MENTION_ASSET),              \
        MENTION_FIELD("rental_id", MENTION_RENTAL),                                                \
        MENTION_FIELD("previous_asset_id", MENTION_ASSET),                                         \
        MENTION_FIELD("conflict_rental_id", MENTION_RENTAL)

static const struct mention_field mention_data_fields[] = {MENTION_DATA_FIELDS};
static const struct mention_field mention_user_fields[] = {MENTION_DATA_FIELDS,
                                                           MENTION_FIELD("id", MENTION_USER)};
static const struct mention_field mention_asset_fields[] = {MENTION_DATA_FIELDS,
                                                            MENTION_FIELD("id", MENTION_ASSET)};
static const struct mention_field mention_rental_fields[] = {
    MENTION_FIELD("id", MENTION_RENTAL),
    MENTION_FIELD("user_id", MENTION_USER),
    MENTION_FIELD("asset_id", MENTION_ASSET),
    MENTION_FIELD("returned_asset_id", MENTION_ASSET),
};

/* The fields of a map that count, and whether one named "rental" is a rental. */
struct mention_map {
    const struct mention_field *fields;
    size_t count;
    bool has_rental;
};

#define MENTION_MAP(fields, has_rental)                                                            \
    {                                                                                              \
        fields, sizeof(fields) / sizeof(*(fields)), has_rental                                     \
    }

static const struct mention_map mention_data = MENTION_MAP(mention_data_fields, true);
static const struct mention_map mention_user_data = MENTION_MAP(mention_user_fields, true);
static const struct mention_map mention_asset_data = MENTION_MAP(mention_asset_fields, true);
static const struct mention_map mention_rental = MENTION_MAP(mention_rental_fields, false);

struct mention_finding {
    struct mention *mentions;
    size_t count;
};

static void mention_add(struct mention_finding *finding, enum mention_kind kind,
                        struct rentbus_text id)
{
    if (id.length == 0 || id.length > RENTBUS_ID_MAX)
        return;
    for (size_t i = 0; i < finding->count; i++)
        if (finding->mentions[i].kind == kind && rentbus_text_equal(finding->mentions[i].id, id))
            return;
    if (finding->count < MENTIONS_MAX)
        finding->mentions[finding->count++] = (struct mention){kind, id};
}

static const struct mention_field *mention_find(const struct mention_map *map,
                                                struct rentbus_text name)
{
    for (size_t i = 0; i < map->count; i++)
        if (skim_is(name, map->fields[i].name, map->fields[i].length))
            return &map->fields[i];
    return NULL;
}

/* Walks once through the map that the reader stands before, or passes what is no map. */
static void mention_walk(struct mention_finding *finding, const struct mention_map *map,
                         struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_reader before = *reader;
    struct rentbus_cbor_item head = rentbus_cbor_read(reader);

    if (head.type != RENTBUS_CBOR_MAP) {
        *reader = before;
        rentbus_cbor_skip(reader);
        return;
    }
    for (uint64_t pair = 0; pair < head.number && reader->at < reader->end; pair++) {
        struct rentbus_text name = skim_text(reader);
        const struct mention_field *field = mention_find(map, name);
        if (field)
            mention_add(finding, field->kind, skim_text(reader));
        else if (map->has_rental && skim_is(name, "rental", strlen("rental")))
            mention_walk(finding, &mention_rental, reader);
        else
            rentbus_cbor_skip(reader);
    }
}

static const struct mention_map *mention_map_of(struct rentbus_text type)
{
    if (rentbus_text_begins(type, "USER_"))
        return &mention_user_data;
    if (rentbus_text_begins(type, "ASSET_") && !rentbus_text_begins(type, "ASSET_TYPE_"))
        return &mention_asset_data;
    return &mention_data;
}

size_t mentions_of(const struct rentbus_event *event, struct mention mentions[MENTIONS_MAX])
{
    struct mention_finding finding = {mentions, 0};
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(event->data);

    mention_walk(&finding, mention_map_of(event->type), &reader);
    return finding.count;
}

bool mention_in(const struct rentbus_event *event, struct mention mention)
{
    struct mention mentions[MENTIONS_MAX];
    size_t count = mentions_of(event, mentions);

    for (size_t i = 0; i < count; i++)
        if (mentions[i].kind == mention.kind && rentbus_text_equal(mentions[i].id, mention.id))
            return true;
    return false;
}

/* FNV-1a, its bits spread once more since ids differ in their last digits only. */
uint32_t mention_key(struct mention mention)
{
    uint64_t hash = (UINT64_C(0xcbf29ce484222325) ^ (uint8_t)mention.kind) * 0x100000001b3;

    for (size_t i = 0; i < mention.id.length; i++)
        hash = (hash ^ (uint8_t)mention.id.data[i]) * 0x100000001b3;
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(hash >> 32);
}

static bool mention_rows_reserve(struct mention_rows *rows)
{
    if (rows->count < rows->capacity)
        return true;
    size_t capacity = rows->capacity ? 2 * rows->capacity : 64;
    struct mention_row *items = reallocarray(rows->items, capacity, sizeof(*items));
    if (!items) {
        rows->failed = true;
        return false;
    }
    rows->items = items;
    rows->capacity = capacity;
    return true;
}

void mention_rows_put(struct mention_rows *rows, const struct mention_row *row)
{
    if (mention_rows_reserve(rows))
        rows->items[rows->count++] = *row;
}

/* The events of a command mention much the same things: what it has already is not added again. */
static bool mention_rows_have(const struct mention_rows *rows, const struct mention_row *row)
{
    for (size_t i = rows->count; i > 0 && rows->items[i - 1].seq == row->seq; i--)
        if (rows->items[i - 1].key == row->key)
            return true;
    return false;
}

void mention_rows_add(struct mention_rows *rows, const struct rentbus_event *event, uint64_t seq)
{
    struct mention mentions[MENTIONS_MAX];
    size_t count = mentions_of(event, mentions);

    for (size_t i = 0; i < count; i++) {
        struct mention_row row = {seq, mention_key(mentions[i])};
        if (!mention_rows_have(rows, &row))
            mention_rows_put(rows, &row);
    }
}

static int mention_row_compare(const void *left, const void *right, void *context)
{
    const struct mention_row *a = left;
    const struct mention_row *b = right;
    const unsigned *bits = context;
    uint64_t a_segment = a->seq >> *bits;
    uint64_t b_segment = b->seq >> *bits;

    if (a_segment != b_segment)
        return a_segment < b_segment ? -1 : 1;
    if (a->key != b->key)
        return (int32_t)a->key < (int32_t)b->key ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

/* What rows are sorted by within a segment, as three digits of one pass each. */
#define MENTION_DIGIT_BITS 11
#define MENTION_DIGITS 3
#define MENTION_DIGIT_COUNT (1U << MENTION_DIGIT_BITS)

static uint32_t mention_row_digit(const struct mention_row *row, unsigned digit)
{
    uint32_t key = row->key ^ UINT32_C(0x80000000);

    return key >> (digit * MENTION_DIGIT_BITS) & (MENTION_DIGIT_COUNT - 1);
}

/* Sorts by one digit and leaves the order of rows that have the same. */
static void mention_rows_pass(const struct mention_row *from, struct mention_row *to, size_t count,
                              unsigned digit)
{
    size_t places[MENTION_DIGIT_COUNT] = {0};
    size_t place = 0;

    for (size_t i = 0; i < count; i++)
        places[mention_row_digit(&from[i], digit)]++;
    for (size_t i = 0; i < MENTION_DIGIT_COUNT; i++) {
        size_t rows = places[i];
        places[i] = place;
        place += rows;
    }
    for (size_t i = 0; i < count; i++)
        to[places[mention_row_digit(&from[i], digit)]++] = from[i];
}

/* How many rows from the first on are of its segment, in the order of seqs. */
static size_t mention_rows_run(const struct mention_row *rows, size_t count, unsigned bits)
{
    uint64_t segment = rows[0].seq >> bits;
    size_t run = 1;

    while (run < count && rows[run].seq >= rows[run - 1].seq && rows[run].seq >> bits == segment)
        run++;
    return run;
}

/* Rows come in the order of seqs: of each segment they need be sorted by key alone, and keep that
 * order. False when these do not, or when there is no memory for it. */
static bool mention_rows_sort_by_digits(struct mention_rows *rows, unsigned bits)
{
    struct mention_row *other = NULL;
    size_t run;

    for (size_t at = 0; at < rows->count; at += run) {
        struct mention_row *items = rows->items + at;
        run = mention_rows_run(items, rows->count - at, bits);
        bool last = at + run == rows->count;
        bool ordered = last || items[run].seq > items[run - 1].seq;
        if (ordered && !other)
            other = reallocarray(NULL, rows->count, sizeof(*other));
        if (!ordered || !other) {
            free(other);
            return false;
        }
        for (unsigned digit = 0; digit < MENTION_DIGITS; digit++) {
            mention_rows_pass(items, other, run, digit);
            memcpy(items, other, run * sizeof(*items));
        }
    }
    free(other);
    return true;
}

/* Below it, counting costs more than comparing. */
#define MENTION_DIGITS_MIN 1024

void mention_rows_sort_within(struct mention_rows *rows, unsigned bits)
{
    if (rows->count > MENTION_DIGITS_MIN && mention_rows_sort_by_digits(rows, bits))
        return;
    if (rows->count > 1)
        qsort_r(rows->items, rows->count, sizeof(*rows->items), mention_row_compare, &bits);
}

void mention_rows_sort(struct mention_rows *rows)
{
    mention_rows_sort_within(rows, MENTION_SEGMENT_BITS);
}

void mention_rows_clear(struct mention_rows *rows)
{
    rows->count = 0;
    rows->failed = false;
}

void mention_rows_release(struct mention_rows *rows)
{
    free(rows->items);
    *rows = (struct mention_rows){0};
}
