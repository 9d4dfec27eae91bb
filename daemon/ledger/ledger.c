/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/ledger.h"

#include "daemon/ledger/devices.h"
#include "daemon/ledger/things.h"

#include <stddef.h>

static struct ledger_registry registry_of(size_t id_offset)
{
    return (struct ledger_registry){.table.id_offset = id_offset};
}

struct ledger *ledger_create_in(const struct ledger_memory *memory)
{
    struct ledger *ledger = memory->resize(memory->context, NULL, sizeof(*ledger));

    if (!ledger)
        return NULL;
    *ledger = (struct ledger){
        .memory = *memory,
        /* Where the ledger lies differs from run to run, so that nobody can prepare ids that
         * collide; nothing that can be seen depends on it. */
        .seed = ledger_mix((uintptr_t)ledger, UINT64_C(0xa0761d6478bd642f)),
        .policy = ledger_policy_default,
        .names.id_offset = offsetof(struct ledger_name, id),
        .type_lists.id_offset = offsetof(struct ledger_type_list, items),
        .rentals.id_offset = offsetof(struct ledger_rental, id),
        .unanswered.id_offset = offsetof(struct ledger_unanswered, asset),
        .users = registry_of(offsetof(struct ledger_user, id)),
        .assets = registry_of(offsetof(struct ledger_asset, id)),
        .asset_types = registry_of(offsetof(struct ledger_asset_type, id)),
        .locations = registry_of(offsetof(struct ledger_location, id)),
        .devices = registry_of(offsetof(struct ledger_device, id)),
    };
    ledger->pool.memory = &ledger->memory;
    return ledger;
}

struct ledger *ledger_create(void)
{
    return ledger_create_in(&ledger_memory_heap);
}

static void devices_release(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->devices.count; i++)
        ledger_device_release((struct ledger_device *)ledger->devices.items[i], &ledger->memory);
    ledger_registry_release(&ledger->devices, &ledger->memory);
}

void ledger_destroy(struct ledger **ledger)
{
    struct ledger *old = *ledger;
    struct ledger_memory memory;

    *ledger = NULL;
    if (!old)
        return;
    memory = old->memory;
    ledger_undo_release(old);
    ledger_table_release(&old->names, &memory);
    ledger_table_release(&old->type_lists, &memory);
    ledger_table_release(&old->rentals, &memory);
    ledger_table_release(&old->unanswered, &memory);
    ledger_registry_release(&old->users, &memory);
    ledger_registry_release(&old->assets, &memory);
    ledger_registry_release(&old->asset_types, &memory);
    ledger_registry_release(&old->locations, &memory);
    devices_release(old);
    ledger_sequence_release(&old->created, &memory);
    ledger_timers_release(&old->timers, &memory);
    ledger_pool_release(&old->pool);
    memory.resize(memory.context, old, 0);
}

uint64_t ledger_head(const struct ledger *ledger)
{
    return ledger->head;
}

/* Closed rentals that are both durable and archived leave memory. */
static void ledger_purge(struct ledger *ledger)
{
    uint64_t limit = ledger->archived < ledger->durable ? ledger->archived : ledger->durable;

    while (ledger->closed.first && ledger->closed.first->state.closed_seq <= limit) {
        struct ledger_rental *rental = ledger->closed.first;

        ledger_rental_unlink(ledger, rental);
        ledger_rental_leave(ledger, rental);
        ledger_rental_free(ledger, rental);
    }
}

void ledger_durable(struct ledger *ledger, uint64_t seq)
{
    if (seq > ledger->head)
        seq = ledger->head;
    if (seq <= ledger->durable)
        return;
    ledger->durable = seq;
    ledger_undo_forget(ledger, seq);
    ledger_purge(ledger);
}

void ledger_rollback(struct ledger *ledger)
{
    ledger_rollback_to(ledger, ledger->durable);
}

void ledger_rollback_to(struct ledger *ledger, uint64_t seq)
{
    if (seq < ledger->durable)
        seq = ledger->durable;
    if (seq >= ledger->head)
        return;
    ledger_undo_beyond(ledger, seq);
    ledger->head = seq;
}

void ledger_archived(struct ledger *ledger, uint64_t seq)
{
    if (seq <= ledger->archived)
        return;
    ledger->archived = seq;
    ledger_purge(ledger);
}

static void *find(const struct ledger *ledger, const struct ledger_table *table,
                  struct rentbus_text id)
{
    return id.data ? ledger_table_find(table, ledger_hash_text(ledger, id), id) : NULL;
}

struct ledger_user *ledger_find_user(const struct ledger *ledger, struct rentbus_text id)
{
    return find(ledger, &ledger->users.table, id);
}

struct ledger_asset *ledger_find_asset(const struct ledger *ledger, struct rentbus_text id)
{
    return find(ledger, &ledger->assets.table, id);
}

struct ledger_asset_type *ledger_find_asset_type(const struct ledger *ledger,
                                                 struct rentbus_text id)
{
    return find(ledger, &ledger->asset_types.table, id);
}

struct ledger_location *ledger_find_location(const struct ledger *ledger, struct rentbus_text id)
{
    return find(ledger, &ledger->locations.table, id);
}

struct ledger_device *ledger_find_device(const struct ledger *ledger, struct rentbus_text id)
{
    return find(ledger, &ledger->devices.table, id);
}

struct ledger_rental *ledger_find_rental(const struct ledger *ledger, struct rentbus_text id)
{
    return find(ledger, &ledger->rentals, id);
}

struct ledger_counts ledger_counts(const struct ledger *ledger)
{
    return (struct ledger_counts){
        .users = ledger->users.count,
        .assets = ledger->assets.count,
        .asset_types = ledger->asset_types.count,
        .locations = ledger->locations.count,
        .devices = ledger->devices.count,
        .rentals = ledger->rental_count,
        .open = ledger->open_count,
        .flagged = ledger->flagged.count,
        .closed_in_memory = ledger->closed.count,
    };
}
