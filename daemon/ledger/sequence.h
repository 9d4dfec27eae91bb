/* SPDX-License-Identifier: MPL-2.0 */
/* Rentals in the order of created_seq: added at the end, found by binary search, removed anywhere
 * at little cost, since each knows its place. */
#ifndef RENTBUS_LEDGER_SEQUENCE_H
#define RENTBUS_LEDGER_SEQUENCE_H

#include "daemon/ledger/memory.h"

struct ledger_rental;

/* A removed rental leaves a hole (`rental` NULL) until holes are the greater part. */
struct ledger_sequence_entry {
    uint64_t created_seq;
    struct ledger_rental *rental;
};

struct ledger_sequence {
    struct ledger_sequence_entry *entries;
    size_t count; /* with the holes */
    size_t holes;
    size_t capacity;
};

/* Makes room for one more rental. 0, or -ENOMEM. */
int ledger_sequence_reserve(struct ledger_sequence *sequence, const struct ledger_memory *memory)
    __attribute__((warn_unused_result));
/* Makes room for `count` rentals in all. 0, or -ENOMEM. */
int ledger_sequence_expect(struct ledger_sequence *sequence, size_t count,
                           const struct ledger_memory *memory) __attribute__((warn_unused_result));
/* Adds a rental with a created_seq above all others; needs a ledger_sequence_reserve() before. */
void ledger_sequence_add(struct ledger_sequence *sequence, struct ledger_rental *rental);
/* Removes a rental that is in it. */
void ledger_sequence_remove(struct ledger_sequence *sequence, const struct ledger_rental *rental);
/* The index of the first entry with a created_seq > after, or `count`. */
size_t ledger_sequence_after(const struct ledger_sequence *sequence, uint64_t after);
void ledger_sequence_release(struct ledger_sequence *sequence, const struct ledger_memory *memory);

#endif
