/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ledger/hash.h"
#include "sdk/protocol/time.h"

#define TALLY_SLOTS_MIN 64
/* What share one doubling, as bits. */
#define TALLY_BUCKET_BITS 6
#define TALLY_BUCKETS (TALLY_BUCKET_EXACT + (62 - TALLY_BUCKET_BITS) * (1 << TALLY_BUCKET_BITS))

/* A row; its name lies behind it. */
struct tally_entry {
    uint64_t hash;
    int64_t day;
    uint64_t bucket;
    uint64_t count;
    enum tally_kind kind;
    size_t name_length;
    char name[];
};

/* Open addressing; at most half of the slots are taken. `slots` is a power of two, or 0. */
struct tally {
    struct tally_entry **table;
    size_t slots;
    size_t count;
};

struct tally *tally_create(void)
{
    return calloc(1, sizeof(struct tally));
}

void tally_clear(struct tally *tally)
{
    for (size_t i = 0; i < tally->slots; i++) {
        free(tally->table[i]);
        tally->table[i] = NULL;
    }
    tally->count = 0;
}

void tally_destroy(struct tally **tally)
{
    if (!*tally)
        return;
    tally_clear(*tally);
    free((*tally)->table);
    free(*tally);
    *tally = NULL;
}

static struct tally_row tally_row_of(const struct tally_entry *entry)
{
    struct rentbus_text name = {entry->name_length ? entry->name : NULL, entry->name_length};

    return (struct tally_row){entry->day, entry->kind, name, entry->bucket, entry->count};
}

static uint64_t tally_hash(const struct tally_row *row)
{
    const uint64_t numbers[] = {(uint64_t)row->day, row->kind, row->bucket};
    uint64_t hash = ledger_hash(0, numbers, sizeof(numbers));

    return row->name.length ? ledger_hash(hash, row->name.data, row->name.length) : hash;
}

static bool tally_same(const struct tally_entry *entry, uint64_t hash, const struct tally_row *row)
{
    return entry->hash == hash && entry->day == row->day && entry->kind == row->kind &&
           entry->bucket == row->bucket && entry->name_length == row->name.length &&
           (row->name.length == 0 || memcmp(entry->name, row->name.data, row->name.length) == 0);
}

/* The slot of the row, or the empty one where it belongs. */
static struct tally_entry **tally_slot(const struct tally *tally, uint64_t hash,
                                       const struct tally_row *row)
{
    size_t at = (size_t)hash & (tally->slots - 1);

    while (tally->table[at] && !tally_same(tally->table[at], hash, row))
        at = (at + 1) & (tally->slots - 1);
    return &tally->table[at];
}

static int tally_grow(struct tally *tally)
{
    size_t slots = tally->slots ? 2 * tally->slots : TALLY_SLOTS_MIN;
    struct tally grown = {calloc(slots, sizeof(struct tally_entry *)), slots, tally->count};
    if (!grown.table)
        return -ENOMEM;

    for (size_t i = 0; i < tally->slots; i++) {
        if (!tally->table[i])
            continue;
        struct tally_row row = tally_row_of(tally->table[i]);
        *tally_slot(&grown, tally->table[i]->hash, &row) = tally->table[i];
    }
    free(tally->table);
    *tally = grown;
    return 0;
}

/* Rows may come from a file. */
static bool tally_row_valid(const struct tally_row *row)
{
    bool named = row->kind == TALLY_LOCATION || row->kind == TALLY_TYPE;

    return row->kind >= TALLY_RETURN && row->kind <= TALLY_PERIOD && row->bucket < TALLY_BUCKETS &&
           named == (row->name.length > 0) && row->name.length <= RENTBUS_ID_MAX;
}

int tally_add(struct tally *tally, const struct tally_row *row)
{
    if (!tally_row_valid(row))
        return -EBADMSG;
    uint64_t hash = tally_hash(row);
    if (2 * (tally->count + 1) > tally->slots && tally_grow(tally))
        return -ENOMEM;
    struct tally_entry **slot = tally_slot(tally, hash, row);
    if (!*slot) {
        struct tally_entry *entry = malloc(sizeof(*entry) + row->name.length);
        if (!entry)
            return -ENOMEM;
        *entry = (struct tally_entry){hash, row->day, row->bucket, 0, row->kind, row->name.length};
        if (row->name.length)
            memcpy(entry->name, row->name.data, row->name.length);
        *slot = entry;
        tally->count++;
    }
    (*slot)->count += row->count;
    return 0;
}

size_t tally_rows(const struct tally *tally)
{
    return tally->count;
}

uint64_t tally_find(const struct tally *tally, const struct tally_row *row)
{
    if (tally->slots == 0)
        return 0;
    struct tally_entry **slot = tally_slot(tally, tally_hash(row), row);
    return *slot ? (*slot)->count : 0;
}

int tally_visit(const struct tally *tally, tally_visitor *visit, void *context)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < tally->slots; i++) {
        if (!tally->table[i])
            continue;
        struct tally_row row = tally_row_of(tally->table[i]);
        r = visit(context, &row);
    }
    return r;
}

int64_t tally_day(int64_t time)
{
    int64_t day = time / RENTBUS_DAY;

    return time % RENTBUS_DAY < 0 ? day - 1 : day;
}

/* What the rental counts as; 0 for nothing. */
/* Of an imported rental that came back and was flagged or forgiven, journals from before the type
 * was noted do not count the return: their counts have to stay what they are. */
static enum tally_kind tally_kind_of(enum rentbus_event_type type,
                                     const struct rentbus_rental *rental, bool typed)
{
    enum rentbus_closed_by closed_by =
        RENTBUS_HAS(rental, rental, closed_by) ? rental->closed_by : RENTBUS_CLOSED_BY_NONE;
    bool imported = type == RENTBUS_RENTAL_IMPORTED_EVENT;
    bool completed = rental->status == RENTBUS_STATUS_COMPLETED;
    bool over = type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT || (imported && (completed || typed));

    if (!over || !RENTBUS_HAS(rental, rental, returned_at))
        return 0;
    if (closed_by == RENTBUS_CLOSED_BY_missed_scan)
        return TALLY_MISSED;
    bool returned = closed_by == RENTBUS_CLOSED_BY_return_scan ||
                    closed_by == RENTBUS_CLOSED_BY_late_checkout ||
                    (imported && completed && closed_by == RENTBUS_CLOSED_BY_NONE);
    return returned ? TALLY_RETURN : 0;
}

/* Whole seconds; a return before the checkout counts as one at once. */
static uint64_t tally_period(const struct rentbus_rental *rental)
{
    if (rental->returned_at <= rental->created_at)
        return 0;
    return ((uint64_t)rental->returned_at - (uint64_t)rental->created_at) /
           (uint64_t)RENTBUS_SECOND;
}

static uint64_t tally_bucket_of(uint64_t seconds)
{
    if (seconds < TALLY_BUCKET_EXACT)
        return seconds;
    unsigned shift = 63 - (unsigned)__builtin_clzll(seconds) - TALLY_BUCKET_BITS;
    return ((uint64_t)shift << TALLY_BUCKET_BITS) + (seconds >> shift);
}

int64_t tally_bucket_middle(uint64_t bucket)
{
    if (bucket < TALLY_BUCKET_EXACT)
        return (int64_t)bucket;
    uint64_t shift = (bucket >> TALLY_BUCKET_BITS) - 1;
    uint64_t number = bucket - (shift << TALLY_BUCKET_BITS);
    return (int64_t)((number << shift) + (UINT64_C(1) << shift >> 1));
}

static int tally_take_return(struct tally *tally, const struct rentbus_rental *rental,
                             struct rentbus_text asset_type)
{
    int64_t day = tally_day(rental->returned_at);
    struct tally_row whole = {day, TALLY_RETURN, {0}, 0, 1};
    struct tally_row period = {day, TALLY_PERIOD, {0}, tally_bucket_of(tally_period(rental)), 1};
    struct tally_row location = {day, TALLY_LOCATION, rental->returned_at_location_id, 0, 1};
    struct tally_row type = {day, TALLY_TYPE, asset_type, 0, 1};

    int r = tally_add(tally, &whole);
    if (r == 0)
        r = tally_add(tally, &period);
    if (r == 0 && RENTBUS_HAS(rental, rental, returned_at_location_id))
        r = tally_add(tally, &location);
    if (r == 0 && asset_type.data)
        r = tally_add(tally, &type);
    return r;
}

int tally_take_rental(struct tally *tally, enum rentbus_event_type type,
                      const struct rentbus_rental *rental, struct rentbus_text asset_type)
{
    enum tally_kind kind = tally_kind_of(type, rental, asset_type.data != NULL);

    if (kind == TALLY_RETURN)
        return tally_take_return(tally, rental, asset_type);
    if (kind == TALLY_MISSED)
        return tally_add(
            tally, &(struct tally_row){tally_day(rental->returned_at), TALLY_MISSED, {0}, 0, 1});
    return 0;
}

int tally_take(struct tally *tally, enum rentbus_event_type type, const void *data)
{
    if (type == RENTBUS_RENTAL_IMPORTED_EVENT) {
        const struct rentbus_rental_data *imported = data;
        bool typed = RENTBUS_HAS(imported, rental_data, asset_type);
        return tally_take_rental(tally, type, &imported->rental,
                                 typed ? imported->asset_type : (struct rentbus_text){0});
    }
    if (type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT) {
        const struct rentbus_complete_data *complete = data;
        bool known = RENTBUS_HAS(complete, complete_data, asset_type);
        return tally_take_rental(tally, type, &complete->rental,
                                 known ? complete->asset_type : (struct rentbus_text){0});
    }
    return 0;
}
