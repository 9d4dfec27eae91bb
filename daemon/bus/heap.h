/* SPDX-License-Identifier: MPL-2.0 */
/* The smallest of many numbers, each of which belongs to a slot that can be taken out of the
 * middle. Not thread-safe. */
#ifndef RENTBUS_BUS_HEAP_H
#define RENTBUS_BUS_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_entry {
    int64_t key;
    uint32_t slot;
};

/* `places` are the caller's: where each slot stands. Zeroed at first. */
struct heap {
    struct heap_entry *entries;
    size_t count;
    size_t capacity;
};

/* Makes room for `count` entries in all. 0, or -ENOMEM. */
int heap_reserve(struct heap *heap, size_t count) __attribute__((warn_unused_result));
/* Needs a heap_reserve() before. */
void heap_add(struct heap *heap, uint32_t *places, int64_t key, uint32_t slot);
/* Takes out a slot that is in it. */
void heap_remove(struct heap *heap, uint32_t *places, uint32_t slot);
void heap_release(struct heap *heap);

#endif
