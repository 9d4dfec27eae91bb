/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/mention.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/archive/skim.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

struct mention_field {
    const char *name;
    enum mention_kind kind;
};

/* No two names in a map have the same length, which is their place in these tables. */
#define MENTION_FIELD(name, kind) [sizeof(name) - 1] = {name, kind}
#define MENTION_NAME_MAX 18

static const struct mention_field mention_data_fields[MENTION_NAME_MAX + 1] = {
    MENTION_FIELD("user_id", MENTION_USER),
    MENTION_FIELD("asset_id", MENTION_ASSET),
    MENTION_FIELD("rental_id", MENTION_RENTAL),
    MENTION_FIELD("previous_asset_id", MENTION_ASSET),
    MENTION_FIELD("conflict_rental_id", MENTION_RENTAL),
};
static const struct mention_field mention_rental_fields[MENTION_NAME_MAX + 1] = {
    MENTION_FIELD("id", MENTION_RENTAL),
    MENTION_FIELD("user_id", MENTION_USER),
    MENTION_FIELD("asset_id", MENTION_ASSET),
    MENTION_FIELD("returned_asset_id", MENTION_ASSET),
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

/* Takes the value of the name when it is one of the fields. */
static bool mention_take(struct mention_finding *finding,
                         const struct mention_field fields[MENTION_NAME_MAX + 1],
                         struct rentbus_text name, struct rentbus_cbor_reader *reader)
{
    const struct mention_field *field =
        name.length <= MENTION_NAME_MAX ? &fields[name.length] : NULL;

    if (!field || !field->name || !skim_is(name, field->name, name.length))
        return false;
    mention_add(finding, field->kind, skim_text(reader));
    return true;
}

/* How many pairs the map has that the reader stands before; what is no map is passed, and has none.
 */
static uint64_t mention_pairs(struct rentbus_cbor_reader *reader)
{
    struct rentbus_cbor_reader before = *reader;
    struct rentbus_cbor_item head = rentbus_cbor_read(reader);

    if (head.type == RENTBUS_CBOR_MAP)
        return head.number;
    *reader = before;
    rentbus_cbor_skip(reader);
    return 0;
}

static struct rentbus_bytes mention_pass_rental(struct rentbus_cbor_reader *reader,
                                                struct mention_finding *finding)
{
    const uint8_t *start = reader->at;

    for (uint64_t left = mention_pairs(reader); left > 0 && reader->at < reader->end; left--) {
        struct rentbus_text name = skim_text(reader);
        if (!mention_take(finding, mention_rental_fields, name, reader))
            skim_pass(reader);
    }
    return (struct rentbus_bytes){start, (size_t)(reader->at - start)};
}

void mention_pass(struct rentbus_cbor_reader *reader, struct mention_finding *finding)
{
    finding->count = 0;
    finding->id = finding->asset_type = (struct rentbus_text){0};
    finding->rental = (struct rentbus_bytes){0};
    for (uint64_t left = mention_pairs(reader); left > 0 && reader->at < reader->end; left--) {
        struct rentbus_text name = skim_text(reader);
        if (skim_is(name, "rental", strlen("rental")))
            finding->rental = mention_pass_rental(reader, finding);
        else if (skim_is(name, "asset_type", strlen("asset_type")))
            finding->asset_type = skim_text(reader);
        else if (skim_is(name, "id", strlen("id")))
            finding->id = skim_text(reader);
        else if (!mention_take(finding, mention_data_fields, name, reader))
            skim_pass(reader);
    }
}

void mention_judge(struct mention_finding *finding, struct rentbus_text type)
{
    if (!finding->id.data)
        return;
    if (rentbus_text_begins(type, "USER_"))
        mention_add(finding, MENTION_USER, finding->id);
    else if (rentbus_text_begins(type, "ASSET_") && !rentbus_text_begins(type, "ASSET_TYPE_"))
        mention_add(finding, MENTION_ASSET, finding->id);
}

static void mention_find(const struct rentbus_event *event, struct mention_finding *finding)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(event->data);

    mention_pass(&reader, finding);
    mention_judge(finding, event->type);
}

size_t mentions_of(const struct rentbus_event *event, struct mention mentions[MENTIONS_MAX])
{
    struct mention_finding finding;

    mention_find(event, &finding);
    memcpy(mentions, finding.mentions, finding.count * sizeof(*mentions));
    return finding.count;
}

bool mention_in(const struct rentbus_event *event, struct mention mention)
{
    struct mention_finding finding;

    mention_find(event, &finding);
    for (size_t i = 0; i < finding.count; i++)
        if (finding.mentions[i].kind == mention.kind &&
            rentbus_text_equal(finding.mentions[i].id, mention.id))
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

void mention_rows_add_found(struct mention_rows *rows, const struct mention_finding *finding,
                            uint64_t seq)
{
    for (size_t i = 0; i < finding->count; i++) {
        struct mention_row row = {seq, mention_key(finding->mentions[i])};
        if (!mention_rows_have(rows, &row))
            mention_rows_put(rows, &row);
    }
}

void mention_rows_add(struct mention_rows *rows, const struct rentbus_event *event, uint64_t seq)
{
    struct mention_finding finding;

    mention_find(event, &finding);
    mention_rows_add_found(rows, &finding, seq);
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
        mention_rows_pass(items, other, run, 0);
        mention_rows_pass(other, items, run, 1);
        mention_rows_pass(items, other, run, 2);
        memcpy(items, other, run * sizeof(*items));
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
