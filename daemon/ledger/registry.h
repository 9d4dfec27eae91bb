/* SPDX-License-Identifier: MPL-2.0 */
/* Things that are found by id, listed in the order in which they came, and never removed but by a
 * rollback, last first. */
#ifndef RENTBUS_LEDGER_REGISTRY_H
#define RENTBUS_LEDGER_REGISTRY_H

#include "daemon/ledger/table.h"

/* items[n - 1] has position n. Zeroed but for table.id_offset. */
struct ledger_registry {
    struct ledger_table table;
    struct ledger_key **items;
    size_t count;
    size_t capacity;
};

/* Makes room for one more thing. 0, or -ENOMEM. */
int ledger_registry_reserve(struct ledger_registry *registry, const struct ledger_memory *memory)
    __attribute__((warn_unused_result));
/* Makes room for `count` things in all. 0, or -ENOMEM. */
int ledger_registry_expect(struct ledger_registry *registry, size_t count,
                           const struct ledger_memory *memory) __attribute__((warn_unused_result));
/* Adds a thing; needs a ledger_registry_reserve() before. */
void ledger_registry_add(struct ledger_registry *registry, struct ledger_key *item);
/* The same for many of whose ids nothing is known: the things have their places at once, and are
 * found by id behind ledger_registry_settle(), before which nothing else is to be done. */
void ledger_registry_append(struct ledger_registry *registry, struct ledger_key *item);
/* 0; -EEXIST when two have the same id, and -ENOMEM: then it is good for its release alone. */
int ledger_registry_settle(struct ledger_registry *registry, const struct ledger_memory *memory)
    __attribute__((warn_unused_result));
/* Takes out the thing that was added last. */
void ledger_registry_pop(struct ledger_registry *registry);
void ledger_registry_release(struct ledger_registry *registry, const struct ledger_memory *memory);

#endif
