/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/registry.h"

#include <errno.h>

#define CAPACITY_MIN 16

static int registry_resize(struct ledger_registry *registry, size_t capacity,
                           const struct ledger_memory *memory)
{
    struct ledger_key **items =
        memory->resize(memory->context, registry->items, capacity * sizeof(*items));

    if (!items)
        return -ENOMEM;
    registry->items = items;
    registry->capacity = capacity;
    return 0;
}

int ledger_registry_reserve(struct ledger_registry *registry, const struct ledger_memory *memory)
{
    size_t capacity = registry->capacity ? registry->capacity * 2 : CAPACITY_MIN;

    if (registry->count == registry->capacity && registry_resize(registry, capacity, memory) < 0)
        return -ENOMEM;
    return ledger_table_reserve(&registry->table, memory);
}

int ledger_registry_expect(struct ledger_registry *registry, size_t count,
                           const struct ledger_memory *memory)
{
    if (count > registry->capacity && registry_resize(registry, count, memory) < 0)
        return -ENOMEM;
    return ledger_table_expect(&registry->table, count, memory);
}

void ledger_registry_add(struct ledger_registry *registry, struct ledger_key *item)
{
    ledger_table_insert(&registry->table, item);
    registry->items[registry->count++] = item;
}

void ledger_registry_append(struct ledger_registry *registry, struct ledger_key *item)
{
    registry->items[registry->count++] = item;
}

int ledger_registry_settle(struct ledger_registry *registry, const struct ledger_memory *memory)
{
    size_t settled = registry->table.count;

    return ledger_table_insert_all(&registry->table, registry->items + settled,
                                   registry->count - settled, memory);
}

void ledger_registry_pop(struct ledger_registry *registry)
{
    ledger_table_remove(&registry->table, registry->items[--registry->count]);
}

void ledger_registry_release(struct ledger_registry *registry, const struct ledger_memory *memory)
{
    ledger_table_release(&registry->table, memory);
    memory->resize(memory->context, registry->items, 0);
    registry->items = NULL;
    registry->count = registry->capacity = 0;
}
