/* SPDX-License-Identifier: MPL-2.0 */
/* Where the ledger's memory comes from: a heap that tests can make fail, and a pool of small blocks
 * on top of it, so that rentals come and go without calls to the heap. Not thread-safe. */
#ifndef RENTBUS_LEDGER_MEMORY_H
#define RENTBUS_LEDGER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `resize` is realloc() with two promises: a NULL block is a new one, size 0 frees it and returns
 * NULL. NULL for any other size means out of memory, and the block is as it was. */
struct ledger_memory {
    void *(*resize)(void *context, void *block, size_t size);
    void *context;
};
extern const struct ledger_memory ledger_memory_heap;

/* The largest block in bytes: above an open rental, a list of RENTBUS_IDS_MAX types and a text of
 * RENTBUS_TEXT_MAX, each with what stands around it. */
#define LEDGER_POOL_BLOCK_MAX 2048
/* Blocks come in multiples of this, and are aligned to it. */
#define LEDGER_POOL_STEP 8
#define LEDGER_POOL_CLASSES (LEDGER_POOL_BLOCK_MAX / LEDGER_POOL_STEP + 1)

struct ledger_chunk;

/* Zeroed but for `memory`, which is borrowed. What was given back is used again for blocks of the
 * same size; the heap gets everything back at the end. */
struct ledger_pool {
    const struct ledger_memory *memory;
    struct ledger_chunk *chunks;
    uint8_t *at;
    uint8_t *end;
    void *free[LEDGER_POOL_CLASSES];
};

/* An uninitialized block of 1 to LEDGER_POOL_BLOCK_MAX bytes, or NULL when out of memory. */
void *ledger_pool_take(struct ledger_pool *pool, size_t size);
/* Takes back a block with the size it was taken with. A NULL block is passed over. */
void ledger_pool_give(struct ledger_pool *pool, void *block, size_t size);
/* Frees every block at once. */
void ledger_pool_release(struct ledger_pool *pool);

#endif
