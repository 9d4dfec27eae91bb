/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/snapshot.h"

#include "daemon/ledger/snapshot_record.h"
#include "daemon/ledger/things.h"
#include "sdk/protocol/fold.h"

#include <errno.h>
#include <string.h>

#define BUFFER_SIZE (4 * SNAPSHOT_RECORD_MAX)
#define PLACES_MIN 64

/* Which number a thing has: its place among `items`, which begin at 1. Open addressing over the
 * hashes of the things; at most half of the slots are taken. */
struct places {
    struct ledger_key **items;
    uint32_t *slots; /* a place, or 0 */
    size_t slot_count;
    size_t count;
    size_t capacity; /* of `items`, when they are our own; 0 when they are borrowed */
};

struct writer {
    const struct ledger *ledger;
    struct ledger_memory memory;
    ledger_snapshot_sink *sink;
    void *context;
    int status;
    size_t length;
    struct places users;
    struct places assets;
    struct places names;
    struct places lists;
    uint8_t bytes[BUFFER_SIZE];
};

/* ---- places ---- */

static uint32_t *slot_of(const struct places *places, const struct ledger_key *thing)
{
    size_t mask = places->slot_count - 1;
    size_t at = thing->hash & mask;

    while (places->slots[at] && places->items[places->slots[at] - 1] != thing)
        at = (at + 1) & mask;
    return &places->slots[at];
}

/* Makes slots for `count` things, with those that there are in them. */
static int make_slots(struct places *places, size_t count, const struct ledger_memory *memory)
{
    size_t slot_count = PLACES_MIN;
    uint32_t *slots = NULL;

    while (slot_count < 2 * count)
        slot_count *= 2;
    if (count < UINT32_MAX)
        slots = memory->resize(memory->context, NULL, slot_count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memset(slots, 0, slot_count * sizeof(*slots));
    memory->resize(memory->context, places->slots, 0);
    places->slots = slots;
    places->slot_count = slot_count;
    for (size_t i = 0; i < places->count; i++)
        *slot_of(places, places->items[i]) = (uint32_t)(i + 1);
    return 0;
}

static int places_borrow(struct places *places, const struct ledger_registry *registry,
                         const struct ledger_memory *memory)
{
    places->items = registry->items;
    places->count = registry->count;
    return make_slots(places, registry->count, memory);
}

static int places_grow(struct places *places, const struct ledger_memory *memory)
{
    size_t capacity = places->capacity ? 2 * places->capacity : PLACES_MIN;
    struct ledger_key **items =
        memory->resize(memory->context, places->items, capacity * sizeof(*items));

    if (!items)
        return -ENOMEM;
    places->items = items;
    places->capacity = capacity;
    return make_slots(places, capacity, memory);
}

static void places_release(struct places *places, const struct ledger_memory *memory)
{
    if (places->capacity > 0)
        memory->resize(memory->context, places->items, 0);
    memory->resize(memory->context, places->slots, 0);
}

/* ---- bytes ---- */

static void flush(struct writer *writer)
{
    if (writer->status == 0 && writer->length > 0)
        writer->status = writer->sink(writer->context, writer->bytes, writer->length);
    writer->length = 0;
}

/* Between two records. */
static void make_room(struct writer *writer)
{
    if (writer->length > BUFFER_SIZE - SNAPSHOT_RECORD_MAX)
        flush(writer);
}

static void put_number(struct writer *writer, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        writer->bytes[writer->length++] = (uint8_t)(number | 0x80);
    writer->bytes[writer->length++] = (uint8_t)number;
}

static void put_signed(struct writer *writer, int64_t number)
{
    put_number(writer, rentbus_fold(number));
}

/* What lies between two times, which may be any. */
static void put_difference(struct writer *writer, int64_t number, int64_t from)
{
    put_signed(writer, (int64_t)((uint64_t)number - (uint64_t)from));
}

static void put_text(struct writer *writer, struct rentbus_text text)
{
    put_number(writer, text.length);
    if (text.length > 0)
        memcpy(writer->bytes + writer->length, text.data, text.length);
    writer->length += text.length;
}

static void put_id(struct writer *writer, const struct ledger_registry *registry,
                   const struct ledger_key *thing)
{
    const char *id = (const char *)thing + registry->table.id_offset;

    put_text(writer, (struct rentbus_text){id, thing->length});
}

static void put_place(struct writer *writer, const struct places *places, const void *thing)
{
    put_number(writer, thing ? *slot_of(places, thing) : 0);
}

/* Whether the thing is new, and has to be told. */
static bool put_shared(struct writer *writer, struct places *places, struct ledger_key *thing)
{
    uint32_t *slot;

    if (!thing || writer->status) {
        put_number(writer, 0);
        return false;
    }
    if (places->count == places->capacity && places_grow(places, &writer->memory) < 0) {
        writer->status = -ENOMEM;
        return false;
    }
    slot = slot_of(places, thing);
    if (*slot) {
        put_number(writer, *slot);
        return false;
    }
    places->items[places->count++] = thing;
    *slot = (uint32_t)places->count;
    put_number(writer, *slot);
    return true;
}

static void put_name(struct writer *writer, struct ledger_name *name)
{
    if (put_shared(writer, &writer->names, name ? &name->key : NULL))
        put_text(writer, ledger_name_text(name));
}

static void put_list(struct writer *writer, struct ledger_type_list *list)
{
    size_t count = ledger_type_list_count(list);

    if (!put_shared(writer, &writer->lists, &list->key))
        return;
    put_number(writer, count);
    for (size_t i = 0; i < count; i++)
        put_name(writer, list->items[i]);
}

/* ---- records ---- */

static void put_policy(struct writer *writer)
{
    const struct ledger_policy *policy = &writer->ledger->policy;

    put_number(writer, policy->version);
    put_number(writer, policy->user_limit);
    put_signed(writer, policy->max_skew);
    put_signed(writer, policy->renewal_grace);
    put_number(writer, policy->return_match);
    put_name(writer, policy->late_return);
}

static void put_asset_type(struct writer *writer, struct ledger_key *thing)
{
    const struct ledger_asset_type *asset_type = (const struct ledger_asset_type *)thing;
    const struct ledger_asset_type_state *state = &asset_type->state;

    put_number(writer, (state->has_due_soon_lead ? SNAPSHOT_LEAD : 0) |
                           (state->renewals.given ? SNAPSHOT_RENEWALS : 0) |
                           (state->user_limit.given ? SNAPSHOT_LIMITED : 0));
    put_id(writer, &writer->ledger->asset_types, thing);
    put_signed(writer, state->loan_period);
    put_signed(writer, state->renewal_period);
    put_list(writer, state->eligible);
    if (state->has_due_soon_lead)
        put_signed(writer, state->due_soon_lead);
    if (state->renewals.given)
        put_number(writer, state->renewals.most);
    if (state->user_limit.given)
        put_number(writer, state->user_limit.most);
}

static void put_location(struct writer *writer, struct ledger_key *thing)
{
    const struct ledger_location *location = (const struct ledger_location *)thing;

    put_number(writer, location->name ? SNAPSHOT_NAMED : 0);
    put_id(writer, &writer->ledger->locations, thing);
    if (location->name)
        put_text(writer, ledger_label_text(location->name));
}

static void put_user(struct writer *writer, struct ledger_key *thing)
{
    const struct ledger_user_state *state = &((const struct ledger_user *)thing)->state;

    put_number(writer, (state->name ? SNAPSHOT_NAMED : 0) |
                           (state->block_reason ? SNAPSHOT_BLOCKED : 0) |
                           (state->limit.given ? SNAPSHOT_LIMITED : 0));
    put_id(writer, &writer->ledger->users, thing);
    if (state->name)
        put_text(writer, ledger_label_text(state->name));
    if (state->block_reason)
        put_text(writer, ledger_label_text(state->block_reason));
    if (state->limit.given)
        put_number(writer, state->limit.most);
}

static void put_asset(struct writer *writer, struct ledger_key *thing)
{
    const struct ledger_asset *asset = (const struct ledger_asset *)thing;

    put_id(writer, &writer->ledger->assets, thing);
    put_name(writer, asset->state.type);
    put_place(writer, &writer->users, asset->state.returned_by);
}

static void put_device(struct writer *writer, struct ledger_key *thing)
{
    const struct ledger_device *device = (const struct ledger_device *)thing;
    uint64_t last = 0;

    put_id(writer, &writer->ledger->devices, thing);
    put_number(writer, device->seq);
    put_number(writer, device->hole_count);
    for (size_t i = 0; i < device->hole_count; i++) {
        const struct ledger_range *hole = &device->holes[i];

        make_room(writer);
        put_number(writer, hole->first - last);
        put_number(writer, hole->last - hole->first);
        last = hole->last;
    }
}

static void put_over(struct writer *writer, const struct ledger_rental *rental)
{
    const struct ledger_rental_state *state = &rental->state;

    put_number(writer, state->status);
    put_number(writer, state->closed_by);
    put_number(writer, state->closed_seq);
    put_place(writer, &writer->assets, state->returned_asset);
    put_name(writer, state->returned_location);
    put_name(writer, state->flag_reason);
    if (state->has_returned_at)
        put_difference(writer, state->returned_at, rental->created_at);
}

static void put_rental(struct writer *writer, const struct ledger_rental *rental, uint64_t before)
{
    const struct ledger_rental_state *state = &rental->state;
    bool open = ledger_rental_open(rental);

    put_number(writer, (state->due_at != LEDGER_NEVER ? SNAPSHOT_TIMED : 0) |
                           (open ? 0 : SNAPSHOT_OVER) |
                           (state->has_returned_at ? SNAPSHOT_RETURNED : 0) |
                           (state->late ? SNAPSHOT_LATE : 0));
    put_text(writer, ledger_rental_id(rental));
    put_number(writer, rental->created_seq - before);
    put_place(writer, &writer->users, rental->user);
    put_place(writer, &writer->assets, state->asset);
    put_name(writer, rental->created_location);
    put_list(writer, rental->eligible);
    put_signed(writer, rental->created_at);
    put_difference(writer, state->expires_at, rental->created_at);
    if (state->due_at != LEDGER_NEVER)
        put_difference(writer, state->due_at, state->expires_at);
    put_number(writer, state->rev);
    put_number(writer, state->renewals);
    if (!open)
        put_over(writer, rental);
}

static void put_unanswered(struct writer *writer, const struct ledger_unanswered *unanswered)
{
    put_place(writer, &writer->assets, unanswered->asset);
    put_number(writer, unanswered->count);
    for (size_t i = 0; i < unanswered->count; i++) {
        const struct ledger_unanswered_return *item = &unanswered->items[i];

        put_number(writer, item->seq);
        put_signed(writer, item->occurred_at);
        put_place(writer, &writer->users, item->user);
        put_name(writer, item->location);
    }
}

/* ---- all of it ---- */

static void put_registry(struct writer *writer, const struct ledger_registry *registry,
                         void (*put)(struct writer *writer, struct ledger_key *thing))
{
    for (size_t i = 0; i < registry->count && writer->status == 0; i++) {
        make_room(writer);
        put(writer, registry->items[i]);
    }
}

static void put_rentals(struct writer *writer)
{
    const struct ledger_sequence *created = &writer->ledger->created;
    uint64_t before = 0;

    for (size_t i = 0; i < created->count && writer->status == 0; i++) {
        const struct ledger_rental *rental = created->entries[i].rental;

        if (!rental)
            continue;
        make_room(writer);
        put_rental(writer, rental, before);
        before = rental->created_seq;
    }
}

/* In the order of the assets: that of their table is not the same twice. */
static void put_all_unanswered(struct writer *writer)
{
    const struct ledger *ledger = writer->ledger;
    size_t left = ledger->unanswered.count;

    for (size_t i = 0; i < ledger->assets.count && left > 0 && writer->status == 0; i++) {
        const struct ledger_unanswered *unanswered =
            ledger_unanswered_find(ledger, (const struct ledger_asset *)ledger->assets.items[i]);

        if (!unanswered)
            continue;
        make_room(writer);
        put_unanswered(writer, unanswered);
        left--;
    }
}

static void put_numbers(struct writer *writer)
{
    const struct ledger *ledger = writer->ledger;
    const uint64_t numbers[SNAPSHOT_NUMBERS] = {
        [SNAPSHOT_HEAD] = ledger->head,
        [SNAPSHOT_RENTALS_EVER] = ledger->rental_count,
        [SNAPSHOT_ASSET_TYPES] = ledger->asset_types.count,
        [SNAPSHOT_LOCATIONS] = ledger->locations.count,
        [SNAPSHOT_USERS] = ledger->users.count,
        [SNAPSHOT_ASSETS] = ledger->assets.count,
        [SNAPSHOT_DEVICES] = ledger->devices.count,
        [SNAPSHOT_RENTALS] = ledger->rentals.count,
        [SNAPSHOT_UNANSWERED] = ledger->unanswered.count,
    };

    for (size_t i = 0; i < SNAPSHOT_NUMBERS; i++)
        put_number(writer, numbers[i]);
}

static int write_all(struct writer *writer)
{
    const struct ledger *ledger = writer->ledger;

    if (places_borrow(&writer->users, &ledger->users, &writer->memory) < 0 ||
        places_borrow(&writer->assets, &ledger->assets, &writer->memory) < 0)
        return -ENOMEM;
    put_numbers(writer);
    put_policy(writer);
    put_registry(writer, &ledger->asset_types, put_asset_type);
    put_registry(writer, &ledger->locations, put_location);
    put_registry(writer, &ledger->users, put_user);
    put_registry(writer, &ledger->assets, put_asset);
    put_registry(writer, &ledger->devices, put_device);
    put_rentals(writer);
    put_all_unanswered(writer);
    flush(writer);
    return writer->status;
}

int ledger_snapshot_write(const struct ledger *ledger, ledger_snapshot_sink *sink, void *context)
{
    struct ledger_memory memory = ledger->memory;
    struct writer *writer;
    int status;

    if (ledger->durable != ledger->head)
        return -EBUSY;
    writer = memory.resize(memory.context, NULL, sizeof(*writer));
    if (!writer)
        return -ENOMEM;
    memset(writer, 0, offsetof(struct writer, bytes));
    writer->ledger = ledger;
    writer->memory = memory;
    writer->sink = sink;
    writer->context = context;
    status = write_all(writer);
    places_release(&writer->users, &memory);
    places_release(&writer->assets, &memory);
    places_release(&writer->names, &memory);
    places_release(&writer->lists, &memory);
    memory.resize(memory.context, writer, 0);
    return status;
}
