/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/snapshot.h"

#include "daemon/ledger/snapshot_reader.h"
#include "daemon/ledger/things.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the shortest record: no more can follow than there are bytes for. */
#define RECORD_MIN 2

/* ---- records ---- */

/* Adds what a maker returned, NULL being out of memory. */
static void add_thing(struct snapshot_reader *reader, struct ledger_registry *registry,
                      struct ledger_key *thing)
{
    if (thing)
        ledger_registry_append(registry, thing);
    else
        snapshot_fail(reader, -ENOMEM);
}

static void read_policy(struct snapshot_reader *reader)
{
    struct ledger_policy *policy = &reader->ledger->policy;
    struct rentbus_text late_return;

    policy->version = snapshot_get_number_to(reader, reader->ledger->head);
    policy->user_limit = snapshot_get_number(reader);
    policy->max_skew = snapshot_get_signed(reader);
    policy->renewal_grace = snapshot_get_signed(reader);
    policy->return_match = (enum rentbus_return_match)snapshot_get_number_to(
        reader, rentbus_return_match_words.count - 1);
    policy->late_return = snapshot_get_name(reader);
    late_return = ledger_name_text(policy->late_return);
    if (late_return.data)
        snapshot_require(reader, ledger_late_return_parse(late_return, &policy->late));
}

static void read_asset_type(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    uint64_t has = snapshot_get_number(reader);
    struct rentbus_text id = snapshot_get_id(reader);
    struct ledger_asset_type_state state = {.has_due_soon_lead = has & SNAPSHOT_LEAD};
    struct ledger_asset_type *asset_type;

    state.loan_period = snapshot_get_signed(reader);
    state.renewal_period = snapshot_get_signed(reader);
    state.eligible = snapshot_get_list(reader);
    if (has & SNAPSHOT_LEAD)
        state.due_soon_lead = snapshot_get_signed(reader);
    state.renewals = snapshot_get_limit(reader, has & SNAPSHOT_RENEWALS);
    state.user_limit = snapshot_get_limit(reader, has & SNAPSHOT_LIMITED);
    if (reader->status)
        return;
    asset_type = ledger_asset_type_create(ledger, id, &state);
    add_thing(reader, &ledger->asset_types, asset_type ? &asset_type->key : NULL);
}

static void read_location(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    uint64_t has = snapshot_get_number(reader);
    struct rentbus_text id = snapshot_get_id(reader);
    struct ledger_label *name = snapshot_get_label(reader, has & SNAPSHOT_NAMED);
    struct ledger_location *location;

    if (reader->status)
        return;
    location = ledger_location_create(ledger, id, name);
    add_thing(reader, &ledger->locations, location ? &location->key : NULL);
}

static void read_user(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    uint64_t has = snapshot_get_number(reader);
    struct rentbus_text id = snapshot_get_id(reader);
    struct ledger_user_state state = {.name = snapshot_get_label(reader, has & SNAPSHOT_NAMED)};
    struct ledger_user *user;

    state.block_reason = snapshot_get_label(reader, has & SNAPSHOT_BLOCKED);
    state.limit = snapshot_get_limit(reader, has & SNAPSHOT_LIMITED);
    if (reader->status)
        return;
    user = ledger_user_create(ledger, id, &state);
    add_thing(reader, &ledger->users, user ? &user->key : NULL);
}

static void read_asset(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    struct rentbus_text id = snapshot_get_id(reader);
    struct ledger_name *type = snapshot_get_some_name(reader);
    struct ledger_user *returned_by = snapshot_get_place(reader, &ledger->users);
    struct ledger_asset *asset;

    if (reader->status)
        return;
    asset = ledger_asset_create(ledger, id, type);
    if (asset)
        asset->state.returned_by = returned_by;
    add_thing(reader, &ledger->assets, asset ? &asset->key : NULL);
}

/* Holes lie behind each other, apart, and before the greatest that came. */
static void read_holes(struct snapshot_reader *reader, struct ledger_device *device, size_t count)
{
    const struct ledger_memory *memory = &reader->ledger->memory;
    uint64_t last = 0;

    if (count == 0 || reader->status)
        return;
    device->holes = memory->resize(memory->context, NULL, count * sizeof(*device->holes));
    if (!device->holes) {
        snapshot_fail(reader, -ENOMEM);
        return;
    }
    device->hole_capacity = count;
    for (size_t i = 0; i < count && snapshot_prepare(reader); i++) {
        uint64_t apart = snapshot_get_number_to(reader, device->seq - last);
        uint64_t first = last + apart;
        uint64_t more = snapshot_get_number_to(reader, device->seq - first);

        last = first + more;
        if (!snapshot_require(reader, apart > (i > 0) && last < device->seq))
            return;
        device->holes[device->hole_count++] = (struct ledger_range){first, last};
        device->missing += last - first + 1;
    }
}

static void read_device(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    struct rentbus_text id = snapshot_get_id(reader);
    uint64_t seq = snapshot_get_number(reader);
    uint64_t count = snapshot_get_number_to(reader, reader->most);
    struct ledger_device *device;

    if (reader->status)
        return;
    device = ledger_device_create(ledger, id);
    add_thing(reader, &ledger->devices, device ? &device->key : NULL);
    if (!device)
        return;
    device->seq = seq;
    read_holes(reader, device, count);
}

/* What follows of a rental that is not open. */
static void read_over(struct snapshot_reader *reader, struct ledger_rental *rental)
{
    struct ledger_rental_state *state = &rental->state;

    state->status = (uint8_t)snapshot_get_number_to(reader, rentbus_status_words.count - 1);
    state->closed_by = (uint8_t)snapshot_get_number_to(reader, rentbus_closed_by_words.count - 1);
    state->closed_seq = snapshot_get_number_to(reader, reader->ledger->head);
    state->returned_asset = snapshot_get_place(reader, &reader->ledger->assets);
    state->returned_location = snapshot_get_name(reader);
    state->flag_reason = snapshot_get_name(reader);
    if (state->has_returned_at)
        state->returned_at = snapshot_get_difference(reader, rental->created_at);
    snapshot_require(reader, state->status != RENTBUS_STATUS_NONE &&
                                 state->status != RENTBUS_STATUS_IN_PROGRESS);
}

static void read_fields(struct snapshot_reader *reader, struct ledger_rental *rental, uint64_t has)
{
    struct ledger_rental_state *state = &rental->state;

    rental->user = snapshot_get_place(reader, &reader->ledger->users);
    state->asset = snapshot_get_place(reader, &reader->ledger->assets);
    rental->created_location = snapshot_get_some_name(reader);
    rental->eligible = snapshot_get_list(reader);
    rental->created_at = snapshot_get_signed(reader);
    state->expires_at = snapshot_get_difference(reader, rental->created_at);
    state->due_at =
        has & SNAPSHOT_TIMED ? snapshot_get_difference(reader, state->expires_at) : LEDGER_NEVER;
    state->rev = (uint32_t)snapshot_get_number_to(reader, UINT32_MAX);
    state->renewals = (uint32_t)snapshot_get_number_to(reader, UINT32_MAX);
    state->status = RENTBUS_STATUS_IN_PROGRESS;
    state->has_returned_at = has & SNAPSHOT_RETURNED;
    state->late = has & SNAPSHOT_LATE;
    if (has & SNAPSHOT_OVER)
        read_over(reader, rental);
    snapshot_require(reader, rental->user && state->asset);
}

/* A thing is out on one rental at most. What is left behind after a failure goes with the ledger.
 */
static void settle_rental(struct snapshot_reader *reader, struct ledger_rental *rental)
{
    struct ledger *ledger = reader->ledger;
    bool open = ledger_rental_open(rental);
    bool taken = ledger_table_find(&ledger->rentals, rental->key.hash, ledger_rental_id(rental));

    if (!snapshot_require(reader,
                          !taken && !(open && !rental->state.late && rental->state.asset->rental)))
        return;
    ledger_rental_enter(ledger, rental);
    if (open)
        ledger_rental_link(ledger, rental);
    else
        reader->over[reader->over_count++] = rental;
}

/* All but the last `waiting`. */
static void settle_rentals(struct snapshot_reader *reader, size_t waiting)
{
    while (reader->rentals_read - reader->rentals_settled > waiting && reader->status == 0)
        settle_rental(reader, reader->rentals[reader->rentals_settled++ % SNAPSHOT_AHEAD]);
}

static void add_rental(struct snapshot_reader *reader, const struct ledger_rental *read,
                       struct rentbus_text id)
{
    struct ledger *ledger = reader->ledger;
    uint32_t hash = ledger_hash_text(ledger, id);
    struct ledger_rental *rental = ledger_pool_take(&ledger->pool, sizeof(*rental) + id.length);

    if (!rental) {
        snapshot_fail(reader, -ENOMEM);
        return;
    }
    *rental = *read;
    rental->key = (struct ledger_key){hash, (uint16_t)id.length};
    memcpy(rental->id, id.data, id.length);
    ledger_table_prefetch(&ledger->rentals, hash);
    __builtin_prefetch(&rental->user->open, 1);
    __builtin_prefetch(&rental->state.asset->rental, 1);
    reader->rentals[reader->rentals_read++ % SNAPSHOT_AHEAD] = rental;
    settle_rentals(reader, SNAPSHOT_AHEAD - 1);
}

static const struct ledger_rental *last_rental(const struct snapshot_reader *reader)
{
    return reader->rentals[(reader->rentals_read - 1) % SNAPSHOT_AHEAD];
}

static void read_rental(struct snapshot_reader *reader)
{
    struct ledger_rental rental = {0};
    uint64_t head = reader->ledger->head;
    uint64_t before = reader->rentals_read ? last_rental(reader)->created_seq : 0;
    uint64_t has = snapshot_get_number(reader);
    struct rentbus_text id = snapshot_get_id(reader);

    rental.created_seq = before + snapshot_get_number_to(reader, head - before);
    snapshot_require(reader, rental.created_seq > before);
    read_fields(reader, &rental, has);
    if (reader->status == 0)
        add_rental(reader, &rental, id);
}

static void read_unanswered(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    struct ledger_asset *asset = snapshot_get_place(reader, &ledger->assets);
    uint64_t count = snapshot_get_number_to(reader, LEDGER_UNANSWERED_MAX);
    struct ledger_unanswered *all = NULL;

    if (!snapshot_require(reader, asset && count > 0 && !ledger_unanswered_find(ledger, asset)))
        return;
    for (uint64_t i = 0; i < count; i++) {
        struct ledger_unanswered_return item = {.seq =
                                                    snapshot_get_number_to(reader, ledger->head)};
        struct ledger_unanswered *with;

        item.occurred_at = snapshot_get_signed(reader);
        item.user = snapshot_get_place(reader, &ledger->users);
        item.location = snapshot_get_name(reader);
        if (!snapshot_require(reader, !all || item.seq > all->items[i - 1].seq))
            return;
        with = ledger_unanswered_with(ledger, all, asset, &item);
        ledger_unanswered_free(ledger, all);
        all = with;
        if (!all) {
            snapshot_fail(reader, -ENOMEM);
            return;
        }
    }
    ledger_unanswered_replace(ledger, NULL, all);
}

/* ---- all of it ---- */

static void read_numbers(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;

    for (size_t i = 0; i < SNAPSHOT_NUMBERS; i++)
        reader->numbers[i] = snapshot_get_number(reader);
    for (size_t i = SNAPSHOT_ASSET_TYPES; i < SNAPSHOT_NUMBERS; i++)
        snapshot_require(reader, reader->numbers[i] <= reader->most);
    ledger->head = ledger->durable = reader->numbers[SNAPSHOT_HEAD];
    ledger->rental_count = reader->numbers[SNAPSHOT_RENTALS_EVER];
    snapshot_require(reader, ledger->rental_count >= reader->numbers[SNAPSHOT_RENTALS]);
}

static int reserve(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;
    const struct ledger_memory *memory = &ledger->memory;
    const uint64_t *numbers = reader->numbers;
    uint64_t rentals = numbers[SNAPSHOT_RENTALS];

    if (ledger_registry_expect(&ledger->asset_types, numbers[SNAPSHOT_ASSET_TYPES], memory) < 0 ||
        ledger_registry_expect(&ledger->locations, numbers[SNAPSHOT_LOCATIONS], memory) < 0 ||
        ledger_registry_expect(&ledger->users, numbers[SNAPSHOT_USERS], memory) < 0 ||
        ledger_registry_expect(&ledger->assets, numbers[SNAPSHOT_ASSETS], memory) < 0 ||
        ledger_registry_expect(&ledger->devices, numbers[SNAPSHOT_DEVICES], memory) < 0 ||
        ledger_table_expect(&ledger->unanswered, numbers[SNAPSHOT_UNANSWERED], memory) < 0 ||
        ledger_table_expect(&ledger->rentals, rentals, memory) < 0 ||
        ledger_sequence_expect(&ledger->created, rentals, memory) < 0 ||
        ledger_timers_reserve(&ledger->timers, rentals, memory) < 0)
        return -ENOMEM;
    reader->over = memory->resize(memory->context, NULL, (rentals + 1) * sizeof(*reader->over));
    return reader->over ? 0 : -ENOMEM;
}

static int by_closed_seq(const void *a, const void *b)
{
    uint64_t left = (*(struct ledger_rental *const *)a)->state.closed_seq;
    uint64_t right = (*(struct ledger_rental *const *)b)->state.closed_seq;

    return (left > right) - (left < right);
}

/* Linked in the order of their chains, each costs a step. */
static void link_over(struct snapshot_reader *reader)
{
    qsort(reader->over, reader->over_count, sizeof(*reader->over), by_closed_seq);
    for (size_t i = 0; i < reader->over_count; i++)
        ledger_rental_link(reader->ledger, reader->over[i]);
}

static void read_each(struct snapshot_reader *reader, enum snapshot_number kind,
                      void (*read)(struct snapshot_reader *reader))
{
    for (uint64_t i = 0; i < reader->numbers[kind] && snapshot_prepare(reader); i++)
        read(reader);
}

/* No two things of a kind have the same id. */
static void read_things(struct snapshot_reader *reader, enum snapshot_number kind,
                        void (*read)(struct snapshot_reader *reader),
                        struct ledger_registry *registry)
{
    int status;

    read_each(reader, kind, read);
    status = ledger_registry_settle(registry, &reader->ledger->memory);
    snapshot_fail(reader, status == -EEXIST ? -EBADMSG : status);
}

static int read_all(struct snapshot_reader *reader)
{
    struct ledger *ledger = reader->ledger;

    snapshot_prepare(reader);
    read_numbers(reader);
    if (reader->status == 0)
        snapshot_fail(reader, reserve(reader));
    if (reader->status)
        return reader->status;
    read_policy(reader);
    read_things(reader, SNAPSHOT_ASSET_TYPES, read_asset_type, &ledger->asset_types);
    read_things(reader, SNAPSHOT_LOCATIONS, read_location, &ledger->locations);
    read_things(reader, SNAPSHOT_USERS, read_user, &ledger->users);
    read_things(reader, SNAPSHOT_ASSETS, read_asset, &ledger->assets);
    read_things(reader, SNAPSHOT_DEVICES, read_device, &ledger->devices);
    read_each(reader, SNAPSHOT_RENTALS, read_rental);
    settle_rentals(reader, 0);
    read_each(reader, SNAPSHOT_UNANSWERED, read_unanswered);
    link_over(reader);
    snapshot_prepare(reader);
    snapshot_require(reader, reader->at == reader->end);
    return reader->status;
}

static void release_names(struct snapshot_reader *reader)
{
    for (size_t i = 0; i < reader->names.count; i++)
        ledger_name_release(reader->ledger, (struct ledger_name *)reader->names.items[i]);
    for (size_t i = 0; i < reader->lists.count; i++)
        ledger_type_list_release(reader->ledger, (struct ledger_type_list *)reader->lists.items[i]);
}

static int read_into(struct snapshot_reader *reader)
{
    int status = read_all(reader);
    struct ledger_memory memory = reader->ledger->memory;

    release_names(reader);
    memory.resize(memory.context, reader->names.items, 0);
    memory.resize(memory.context, reader->lists.items, 0);
    memory.resize(memory.context, reader->over, 0);
    return status;
}

int ledger_snapshot_read_in(const struct ledger_memory *memory, ledger_snapshot_source *source,
                            void *context, uint64_t limit, struct ledger **ledger)
{
    struct snapshot_reader *reader = memory->resize(memory->context, NULL, sizeof(*reader));
    int status;

    if (!reader)
        return -ENOMEM;
    memset(reader, 0, offsetof(struct snapshot_reader, bytes));
    reader->ledger = ledger_create_in(memory);
    reader->source = source;
    reader->context = context;
    reader->most = limit / RECORD_MIN;
    reader->at = reader->end = reader->bytes;
    status = reader->ledger ? read_into(reader) : -ENOMEM;
    if (status)
        ledger_destroy(&reader->ledger);
    else
        *ledger = reader->ledger;
    memory->resize(memory->context, reader, 0);
    return status;
}

int ledger_snapshot_read(ledger_snapshot_source *source, void *context, uint64_t limit,
                         struct ledger **ledger)
{
    return ledger_snapshot_read_in(&ledger_memory_heap, source, context, limit, ledger);
}
