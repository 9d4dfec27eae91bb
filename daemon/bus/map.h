/* SPDX-License-Identifier: MPL-2.0 */
/* Numbers to slots: a hash table with open addressing. Not thread-safe. */
#ifndef RENTBUS_BUS_MAP_H
#define RENTBUS_BUS_MAP_H

#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX

struct map_entry {
    uint64_t key;
    uint32_t value; /* MAP_NONE: nothing is here */
};

/* Zeroed at first. */
struct map {
    struct map_entry *entries;
    size_t capacity; /* 0, or a power of two */
    size_t count;
};

/* Makes room for `count` keys in all. 0, or -ENOMEM. */
int map_reserve(struct map *map, size_t count) __attribute__((warn_unused_result));
/* MAP_NONE when the key is not there. */
uint32_t map_get(const struct map *map, uint64_t key);
/* Adds or replaces; needs a map_reserve() before. The value is not MAP_NONE. */
void map_put(struct map *map, uint64_t key, uint32_t value);
void map_remove(struct map *map, uint64_t key);
void map_release(struct map *map);

#endif
