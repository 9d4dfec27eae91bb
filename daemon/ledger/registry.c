/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/registry.h"

#include <errno.h>

#define CAPACITY_MIN 16

int ledger_registry_reserve(struct ledger_registry *registry, const struct ledger_memory *memory)
{
    if (registry->count == registry->capacity) {
        size_t capacity = registry->capacity ? registry->capacity * 2 : CAPACITY_MIN;
        struct ledger_key **items =
            memory->resize(memory->context, registry->items, capacity * sizeof(*items));

        if (!items)
            return -ENOMEM;
        registry->items = items;
        registry->capacity = capacity;
    }
    return ledger_table_reserve(&registry->table, memory);
}

void ledger_registry_add(struct ledger_registry *registry, struct ledger_key *item)
{
    ledger_table_insert(&registry->table, item);
    registry->items[registry->count++] = item;
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
