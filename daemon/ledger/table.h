/* SPDX-License-Identifier: MPL-2.0 */
/* A hash table of things that begin with a struct ledger_key and hold their id inline. It keeps
 * pointers and owns no thing; it reads, inserts and removes in constant time and only
 * ledger_table_reserve() can fail. */
#ifndef RENTBUS_LEDGER_TABLE_H
#define RENTBUS_LEDGER_TABLE_H

#include "daemon/ledger/memory.h"
#include "sdk/protocol/types.h"

struct ledger_key {
    uint32_t hash;
    uint16_t length; /* bytes of the id */
};

/* Packed: tables are a good part of what a rental takes. */
struct __attribute__((packed)) ledger_slot {
    struct ledger_key *item; /* NULL: free */
    uint32_t hash;
};

/* Zeroed but for `id_offset`: where the id begins in a thing. `capacity` is 0 or a power of two. */
struct ledger_table {
    struct ledger_slot *slots;
    size_t capacity;
    size_t count;
    size_t id_offset;
};

/* The thing with that id, whose hash is given, or NULL. */
void *ledger_table_find(const struct ledger_table *table, uint32_t hash, struct rentbus_text id);
/* Has the processor fetch what a look for that hash will need. */
void ledger_table_prefetch(const struct ledger_table *table, uint32_t hash);
/* Makes room for one more thing. 0, or -ENOMEM. */
int ledger_table_reserve(struct ledger_table *table, const struct ledger_memory *memory)
    __attribute__((warn_unused_result));
/* Makes room for `count` things in all. 0, or -ENOMEM. */
int ledger_table_expect(struct ledger_table *table, size_t count,
                        const struct ledger_memory *memory) __attribute__((warn_unused_result));
/* Adds a thing that is not in it; needs a ledger_table_reserve() before. */
void ledger_table_insert(struct ledger_table *table, struct ledger_key *item);
/* Adds things of whose ids nothing is known, in an order that the processor likes; needs room for
 * all before. 0; -EEXIST when two have the same id, and -ENOMEM: with some of them in it. */
int ledger_table_insert_all(struct ledger_table *table, struct ledger_key *const *items,
                            size_t count, const struct ledger_memory *memory)
    __attribute__((warn_unused_result));
/* Removes a thing that is in it. */
void ledger_table_remove(struct ledger_table *table, const struct ledger_key *item);
void ledger_table_release(struct ledger_table *table, const struct ledger_memory *memory);

#endif
