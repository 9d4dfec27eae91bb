/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CAPACITY_MIN 16

/* Linear probing stays short up to three quarters. */
static bool table_full(const struct ledger_table *table)
{
    return (table->count + 1) * 4 > table->capacity * 3;
}

void *ledger_table_find(const struct ledger_table *table, uint32_t hash, struct rentbus_text id)
{
    size_t mask = table->capacity - 1;

    if (table->capacity == 0)
        return NULL;
    for (size_t at = hash & mask; table->slots[at].item; at = (at + 1) & mask) {
        struct ledger_key *item = table->slots[at].item;

        if (table->slots[at].hash == hash && item->length == id.length &&
            memcmp((const char *)item + table->id_offset, id.data, id.length) == 0)
            return item;
    }
    return NULL;
}

static void slots_insert(struct ledger_slot *slots, size_t capacity, struct ledger_slot slot)
{
    size_t mask = capacity - 1;
    size_t at = slot.hash & mask;

    while (slots[at].item)
        at = (at + 1) & mask;
    slots[at] = slot;
}

static int table_resize(struct ledger_table *table, size_t capacity,
                        const struct ledger_memory *memory)
{
    struct ledger_slot *slots = memory->resize(memory->context, NULL, capacity * sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    memset(slots, 0, capacity * sizeof(*slots));
    for (size_t at = 0; at < table->capacity; at++)
        if (table->slots[at].item)
            slots_insert(slots, capacity, table->slots[at]);
    memory->resize(memory->context, table->slots, 0);
    table->slots = slots;
    table->capacity = capacity;
    return 0;
}

int ledger_table_reserve(struct ledger_table *table, const struct ledger_memory *memory)
{
    if (!table_full(table))
        return 0;
    return table_resize(table, table->capacity ? table->capacity * 2 : CAPACITY_MIN, memory);
}

int ledger_table_expect(struct ledger_table *table, size_t count,
                        const struct ledger_memory *memory)
{
    size_t capacity = table->capacity ? table->capacity : CAPACITY_MIN;

    while (count * 4 > capacity * 3)
        capacity *= 2;
    return capacity > table->capacity ? table_resize(table, capacity, memory) : 0;
}

void ledger_table_insert(struct ledger_table *table, struct ledger_key *item)
{
    assert(!table_full(table));
    slots_insert(table->slots, table->capacity, (struct ledger_slot){item, item->hash});
    table->count++;
}

void ledger_table_remove(struct ledger_table *table, const struct ledger_key *item)
{
    size_t mask = table->capacity - 1;
    size_t hole = item->hash & mask;

    while (table->slots[hole].item != item)
        hole = (hole + 1) & mask;
    /* A thing behind the hole moves into it, unless its own probe begins behind the hole. */
    for (size_t at = (hole + 1) & mask; table->slots[at].item; at = (at + 1) & mask) {
        size_t home = table->slots[at].hash & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole].item = NULL;
    table->count--;
}

void ledger_table_release(struct ledger_table *table, const struct ledger_memory *memory)
{
    memory->resize(memory->context, table->slots, 0);
    *table = (struct ledger_table){.id_offset = table->id_offset};
}
