/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/heap.h"

#include <errno.h>
#include <stdlib.h>

#define CAPACITY_MIN 16

int heap_reserve(struct heap *heap, size_t count)
{
    size_t capacity = heap->capacity ? heap->capacity : CAPACITY_MIN;
    struct heap_entry *entries;

    if (count <= heap->capacity)
        return 0;
    while (capacity < count)
        capacity *= 2;
    entries = realloc(heap->entries, capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

static void put(struct heap *heap, uint32_t *places, size_t place, struct heap_entry entry)
{
    heap->entries[place] = entry;
    places[entry.slot] = (uint32_t)place;
}

/* Puts an entry where it belongs, `place` or above it, or below it. */
static void sift(struct heap *heap, uint32_t *places, size_t place, struct heap_entry entry)
{
    while (place > 0 && entry.key < heap->entries[(place - 1) / 2].key) {
        put(heap, places, place, heap->entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (size_t child = 2 * place + 1; child < heap->count; child = 2 * place + 1) {
        if (child + 1 < heap->count && heap->entries[child + 1].key < heap->entries[child].key)
            child++;
        if (entry.key <= heap->entries[child].key)
            break;
        put(heap, places, place, heap->entries[child]);
        place = child;
    }
    put(heap, places, place, entry);
}

void heap_add(struct heap *heap, uint32_t *places, int64_t key, uint32_t slot)
{
    sift(heap, places, heap->count++, (struct heap_entry){key, slot});
}

void heap_remove(struct heap *heap, uint32_t *places, uint32_t slot)
{
    size_t place = places[slot];
    struct heap_entry last = heap->entries[--heap->count];

    if (place < heap->count)
        sift(heap, places, place, last);
}

void heap_release(struct heap *heap)
{
    free(heap->entries);
    *heap = (struct heap){0};
}
