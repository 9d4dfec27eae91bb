/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/tree.h"

#include "daemon/ledger/state.h"

#include <string.h>

static bool before_by_age(const struct ledger_rental *a, const struct ledger_rental *b)
{
    size_t shorter = a->key.length < b->key.length ? a->key.length : b->key.length;
    int difference;

    if (a->created_at != b->created_at)
        return a->created_at < b->created_at;
    difference = memcmp(a->id, b->id, shorter);
    return difference != 0 ? difference < 0 : a->key.length < b->key.length;
}

static bool before_by_seq(const struct ledger_rental *a, const struct ledger_rental *b)
{
    return a->created_seq < b->created_seq;
}

static bool (*const before[LEDGER_ORDERS])(const struct ledger_rental *,
                                           const struct ledger_rental *) = {
    [LEDGER_BY_AGE] = before_by_age,
    [LEDGER_BY_SEQ] = before_by_seq,
};

/* Parts the tree `rest` into what is before and behind `rental`. */
static void tree_split(struct ledger_rental *rest, enum ledger_order order,
                       struct ledger_rental *rental)
{
    struct ledger_rental **left = &rental->links[order].left;
    struct ledger_rental **right = &rental->links[order].right;

    while (rest) {
        if (before[order](rest, rental)) {
            *left = rest;
            left = &rest->links[order].right;
            rest = *left;
        } else {
            *right = rest;
            right = &rest->links[order].left;
            rest = *right;
        }
    }
    *left = NULL;
    *right = NULL;
}

void ledger_tree_insert(struct ledger_rental **root, enum ledger_order order,
                        struct ledger_rental *rental)
{
    struct ledger_rental **at = root;
    struct ledger_rental *rest;

    while (*at && (*at)->key.hash >= rental->key.hash)
        at = before[order](rental, *at) ? &(*at)->links[order].left : &(*at)->links[order].right;
    rest = *at;
    *at = rental;
    tree_split(rest, order, rental);
}

void ledger_tree_remove(struct ledger_rental **root, enum ledger_order order,
                        struct ledger_rental *rental)
{
    struct ledger_rental *left = rental->links[order].left;
    struct ledger_rental *right = rental->links[order].right;
    struct ledger_rental **at = root;

    while (*at != rental)
        at = before[order](rental, *at) ? &(*at)->links[order].left : &(*at)->links[order].right;
    while (left && right) {
        if (left->key.hash >= right->key.hash) {
            *at = left;
            at = &left->links[order].right;
            left = *at;
        } else {
            *at = right;
            at = &right->links[order].left;
            right = *at;
        }
    }
    *at = left ? left : right;
}

bool ledger_tree_walk(struct ledger_rental *root, enum ledger_order order,
                      ledger_tree_visitor *visit, void *context)
{
    for (; root; root = root->links[order].right)
        if (!ledger_tree_walk(root->links[order].left, order, visit, context) ||
            !visit(context, root))
            return false;
    return true;
}

bool ledger_tree_walk_after(struct ledger_rental *root, uint64_t after, ledger_tree_visitor *visit,
                            void *context)
{
    for (; root; root = root->links[LEDGER_BY_SEQ].right)
        if (root->created_seq > after &&
            (!ledger_tree_walk_after(root->links[LEDGER_BY_SEQ].left, after, visit, context) ||
             !visit(context, root)))
            return false;
    return true;
}
