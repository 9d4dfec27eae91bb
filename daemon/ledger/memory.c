/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/memory.h"

#include <assert.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

/* 64 KiB with the heap's own header: small beside any ledger, and never more than
 * LEDGER_POOL_BLOCK_MAX of it is lost at the end. */
#define CHUNK_SIZE (65536 - 32)

struct ledger_chunk {
    struct ledger_chunk *next;
    uint8_t bytes[];
};

static void *heap_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size);
}

const struct ledger_memory ledger_memory_heap = {heap_resize, NULL};

static size_t pool_class(size_t size)
{
    assert(size > 0 && size <= LEDGER_POOL_BLOCK_MAX);
    return (size + LEDGER_POOL_STEP - 1) / LEDGER_POOL_STEP;
}

static bool pool_grow(struct ledger_pool *pool)
{
    struct ledger_chunk *chunk = pool->memory->resize(pool->memory->context, NULL, CHUNK_SIZE);

    if (!chunk)
        return false;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    pool->at = chunk->bytes;
    pool->end = (uint8_t *)chunk + CHUNK_SIZE;
    ASAN_POISON_MEMORY_REGION(pool->at, (size_t)(pool->end - pool->at));
    return true;
}

void *ledger_pool_take(struct ledger_pool *pool, size_t size)
{
    size_t class = pool_class(size);
    size_t rounded = class * LEDGER_POOL_STEP;
    void *block = pool->free[class];

    if (block) {
        ASAN_UNPOISON_MEMORY_REGION(block, rounded);
        pool->free[class] = *(void **)block;
        return block;
    }
    if ((size_t)(pool->end - pool->at) < rounded && !pool_grow(pool))
        return NULL;
    block = pool->at;
    pool->at += rounded;
    ASAN_UNPOISON_MEMORY_REGION(block, rounded);
    return block;
}

void ledger_pool_give(struct ledger_pool *pool, void *block, size_t size)
{
    size_t class = pool_class(size);

    if (!block)
        return;
    *(void **)block = pool->free[class];
    pool->free[class] = block;
    ASAN_POISON_MEMORY_REGION(block, class * LEDGER_POOL_STEP);
}

void ledger_pool_release(struct ledger_pool *pool)
{
    while (pool->chunks) {
        struct ledger_chunk *chunk = pool->chunks;

        pool->chunks = chunk->next;
        ASAN_UNPOISON_MEMORY_REGION(chunk, CHUNK_SIZE);
        pool->memory->resize(pool->memory->context, chunk, 0);
    }
    *pool = (struct ledger_pool){.memory = pool->memory};
}
