/* SPDX-License-Identifier: MPL-2.0 */
/* Search trees of one user's rentals (treaps, with the hash of the id as priority): everything in
 * logarithmic time, without memory of their own. */
#ifndef RENTBUS_LEDGER_TREE_H
#define RENTBUS_LEDGER_TREE_H

#include <stdbool.h>
#include <stdint.h>

struct ledger_rental;

enum ledger_order {
    LEDGER_BY_AGE, /* created_at, then id */
    LEDGER_BY_SEQ, /* created_seq */
    LEDGER_ORDERS
};

struct ledger_link {
    struct ledger_rental *left;
    struct ledger_rental *right;
};

void ledger_tree_insert(struct ledger_rental **root, enum ledger_order order,
                        struct ledger_rental *rental);
/* Removes a rental that is in it. */
void ledger_tree_remove(struct ledger_rental **root, enum ledger_order order,
                        struct ledger_rental *rental);

/* Returns true to go on. */
typedef bool ledger_tree_visitor(void *context, struct ledger_rental *rental);
/* Visits in order; false when a visitor stopped. */
bool ledger_tree_walk(struct ledger_rental *root, enum ledger_order order,
                      ledger_tree_visitor *visit, void *context);
/* The same LEDGER_BY_SEQ, from the first with created_seq > after. */
bool ledger_tree_walk_after(struct ledger_rental *root, uint64_t after, ledger_tree_visitor *visit,
                            void *context);

#endif
