/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/bus/map.h"

#include <errno.h>
#include <stdlib.h>

#define CAPACITY_MIN 16

/* Keys are seqs, which stand side by side, and hashes: the multiplier (2^64 over the golden ratio)
 * spreads the former. */
static size_t home(const struct map *map, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (map->capacity - 1);
}

/* Where the key is, or the free place where it belongs. */
static size_t find(const struct map *map, uint64_t key)
{
    size_t at = home(map, key);

    while (map->entries[at].value != MAP_NONE && map->entries[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

int map_reserve(struct map *map, size_t count)
{
    struct map grown = {.capacity = map->capacity ? map->capacity : CAPACITY_MIN};

    if (map->capacity && count <= map->capacity / 2)
        return 0;
    while (count > grown.capacity / 2)
        grown.capacity *= 2;
    grown.entries = calloc(grown.capacity, sizeof(*grown.entries));
    if (!grown.entries)
        return -ENOMEM;
    for (size_t i = 0; i < grown.capacity; i++)
        grown.entries[i].value = MAP_NONE;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].value != MAP_NONE)
            map_put(&grown, map->entries[i].key, map->entries[i].value);
    map_release(map);
    *map = grown;
    return 0;
}

uint32_t map_get(const struct map *map, uint64_t key)
{
    return map->count ? map->entries[find(map, key)].value : MAP_NONE;
}

void map_put(struct map *map, uint64_t key, uint32_t value)
{
    size_t at = find(map, key);

    map->count += map->entries[at].value == MAP_NONE;
    map->entries[at] = (struct map_entry){key, value};
}

/* Closes the gap: moves up what would not be found past it. */
void map_remove(struct map *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    size_t gap = map->count ? find(map, key) : 0;

    if (map->count == 0 || map->entries[gap].value == MAP_NONE)
        return;
    for (size_t at = (gap + 1) & mask; map->entries[at].value != MAP_NONE; at = (at + 1) & mask) {
        if (((at - home(map, map->entries[at].key)) & mask) < ((at - gap) & mask))
            continue;
        map->entries[gap] = map->entries[at];
        gap = at;
    }
    map->entries[gap].value = MAP_NONE;
    map->count--;
}

void map_release(struct map *map)
{
    free(map->entries);
    *map = (struct map){0};
}
