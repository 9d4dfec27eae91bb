/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/unanswered.h"

#include "daemon/ledger/state.h"

#include <errno.h>

static size_t unanswered_size(size_t count)
{
    return sizeof(struct ledger_unanswered) + count * sizeof(struct ledger_unanswered_return);
}

static uint32_t asset_hash(const struct ledger *ledger, const struct ledger_asset *asset)
{
    return (uint32_t)ledger_hash(ledger->seed, &asset, sizeof(asset));
}

struct ledger_unanswered *ledger_unanswered_find(const struct ledger *ledger,
                                                 const struct ledger_asset *asset)
{
    struct rentbus_text bytes = {(const char *)&asset, sizeof(asset)};

    return ledger_table_find(&ledger->unanswered, asset_hash(ledger, asset), bytes);
}

/* Without items, but with room for them. */
static struct ledger_unanswered *unanswered_create(struct ledger *ledger,
                                                   struct ledger_asset *asset, size_t room)
{
    struct ledger_unanswered *made = ledger_pool_take(&ledger->pool, unanswered_size(room));

    if (!made)
        return NULL;
    made->key = (struct ledger_key){asset_hash(ledger, asset), sizeof(asset)};
    made->count = 0;
    made->asset = asset;
    return made;
}

static void unanswered_copy(struct ledger_unanswered *to,
                            const struct ledger_unanswered_return *item)
{
    ledger_name_retain(item->location);
    to->items[to->count++] = *item;
}

struct ledger_unanswered *ledger_unanswered_with(struct ledger *ledger,
                                                 const struct ledger_unanswered *old,
                                                 struct ledger_asset *asset,
                                                 const struct ledger_unanswered_return *more)
{
    size_t count = old ? old->count : 0;
    size_t first = count == LEDGER_UNANSWERED_MAX ? 1 : 0;
    struct ledger_unanswered *made = unanswered_create(ledger, asset, count - first + 1);

    if (!made) {
        ledger_name_release(ledger, more->location);
        return NULL;
    }
    for (size_t i = first; i < count; i++)
        unanswered_copy(made, &old->items[i]);
    made->items[made->count++] = *more;
    return made;
}

const struct ledger_unanswered_return *ledger_unanswered_of(
    const struct ledger_unanswered *unanswered, uint64_t seq)
{
    size_t count = unanswered ? unanswered->count : 0;

    for (size_t i = 0; i < count; i++)
        if (unanswered->items[i].seq == seq)
            return &unanswered->items[i];
    return NULL;
}

int ledger_unanswered_without(struct ledger *ledger, const struct ledger_unanswered *old,
                              uint64_t seq, struct ledger_unanswered **rest)
{
    struct ledger_unanswered *made = NULL;

    if (old->count > 1) {
        made = unanswered_create(ledger, old->asset, old->count - 1);
        if (!made)
            return -ENOMEM;
        for (size_t i = 0; i < old->count; i++)
            if (old->items[i].seq != seq)
                unanswered_copy(made, &old->items[i]);
    }
    *rest = made;
    return 0;
}

void ledger_unanswered_free(struct ledger *ledger, struct ledger_unanswered *unanswered)
{
    if (!unanswered)
        return;
    for (size_t i = 0; i < unanswered->count; i++)
        ledger_name_release(ledger, unanswered->items[i].location);
    ledger_pool_give(&ledger->pool, unanswered, unanswered_size(unanswered->count));
}

void ledger_unanswered_replace(struct ledger *ledger, struct ledger_unanswered *old,
                               struct ledger_unanswered *new)
{
    if (old)
        ledger_table_remove(&ledger->unanswered, &old->key);
    if (new)
        ledger_table_insert(&ledger->unanswered, &new->key);
}
