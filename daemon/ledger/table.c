/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CAPACITY_MIN 16
/* Of ledger_table_insert_all(): things sorted at a time, by parts of the table that lie on few
 * pages, and how many of them the processor is to look ahead. */
#define RUN_MAX ((size_t)1 << 18)
#define PARTS 2048
#define AHEAD 16

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

void ledger_table_prefetch(const struct ledger_table *table, uint32_t hash)
{
    if (table->capacity > 0)
        __builtin_prefetch(&table->slots[hash & (table->capacity - 1)], 1);
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

/* Things in the order of the parts that they belong to. */
static void sort_run(const struct ledger_table *table, struct ledger_key *const *items,
                     size_t count, struct ledger_slot *sorted)
{
    const size_t mask = table->capacity - 1;
    const int shift = table->capacity > PARTS ? __builtin_ctzll(table->capacity / PARTS) : 0;
    size_t places[PARTS + 1] = {0};

    for (size_t i = 0; i < count; i++)
        places[((items[i]->hash & mask) >> shift) + 1]++;
    for (size_t part = 0; part < PARTS; part++)
        places[part + 1] += places[part];
    for (size_t i = 0; i < count; i++)
        sorted[places[(items[i]->hash & mask) >> shift]++] =
            (struct ledger_slot){items[i], items[i]->hash};
}

static bool same_id(const struct ledger_table *table, const struct ledger_key *a,
                    const struct ledger_key *b)
{
    return a->length == b->length && memcmp((const char *)a + table->id_offset,
                                            (const char *)b + table->id_offset, a->length) == 0;
}

/* Whether it went in: not beside one of its id. Looks at things of its hash alone. */
static bool table_add(struct ledger_table *table, struct ledger_slot slot)
{
    size_t mask = table->capacity - 1;
    size_t at = slot.hash & mask;

    for (; table->slots[at].item; at = (at + 1) & mask)
        if (table->slots[at].hash == slot.hash && same_id(table, table->slots[at].item, slot.item))
            return false;
    table->slots[at] = slot;
    table->count++;
    return true;
}

static int insert_run(struct ledger_table *table, const struct ledger_slot *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            ledger_table_prefetch(table, sorted[i + AHEAD].hash);
        if (!table_add(table, sorted[i]))
            return -EEXIST;
    }
    return 0;
}

int ledger_table_insert_all(struct ledger_table *table, struct ledger_key *const *items,
                            size_t count, const struct ledger_memory *memory)
{
    size_t most = count < RUN_MAX ? count : RUN_MAX;
    struct ledger_slot *sorted;
    int status = 0;

    if (count == 0)
        return 0;
    sorted = memory->resize(memory->context, NULL, most * sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (size_t done = 0; done < count && status == 0; done += most) {
        size_t run = count - done < most ? count - done : most;

        sort_run(table, items + done, run, sorted);
        status = insert_run(table, sorted, run);
    }
    memory->resize(memory->context, sorted, 0);
    return status;
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
