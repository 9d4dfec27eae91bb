/* SPDX-License-Identifier: MPL-2.0 */
/* Returns that found no rental, by asset: a checkout that comes late may be what they ended. A
 * table of its own, since few assets have any. */
#ifndef RENTBUS_LEDGER_UNANSWERED_H
#define RENTBUS_LEDGER_UNANSWERED_H

#include "daemon/ledger/names.h"

struct ledger_asset;
struct ledger_user;

/* Of one asset: beyond them the oldest by seq is forgotten. */
#define LEDGER_UNANSWERED_MAX 4

struct ledger_unanswered_return {
    uint64_t seq; /* of its RENTAL_RETURN_REJECTED_EVENT */
    int64_t occurred_at;
    struct ledger_user *user;     /* NULL: it named none */
    struct ledger_name *location; /* a reference; NULL: none */
};

/* At least one, by seq. Never changed, but replaced, so that a rollback puts the old one back. Its
 * key is over the address of the asset. */
struct ledger_unanswered {
    struct ledger_key key;
    size_t count;
    struct ledger_asset *asset;
    struct ledger_unanswered_return items[];
};

/* Those of the asset; NULL when there are none. */
struct ledger_unanswered *ledger_unanswered_find(const struct ledger *ledger,
                                                 const struct ledger_asset *asset);
/* What follows on `old`, or on none, with one more return of the asset, whose reference is taken
 * over, also on failure. Not in the table yet. NULL when out of memory. */
struct ledger_unanswered *ledger_unanswered_with(struct ledger *ledger,
                                                 const struct ledger_unanswered *old,
                                                 struct ledger_asset *asset,
                                                 const struct ledger_unanswered_return *more);
/* The return with that seq, or NULL; `unanswered` may be NULL. */
const struct ledger_unanswered_return *ledger_unanswered_of(
    const struct ledger_unanswered *unanswered, uint64_t seq);
/* What follows on `old` without the return with that seq, which is in it: NULL when that was the
 * last. 0, or -ENOMEM. */
int ledger_unanswered_without(struct ledger *ledger, const struct ledger_unanswered *old,
                              uint64_t seq, struct ledger_unanswered **rest)
    __attribute__((warn_unused_result));
/* Passes NULL over. */
void ledger_unanswered_free(struct ledger *ledger, struct ledger_unanswered *unanswered);
/* Puts `new` into the place of `old` in the table; either may be NULL. Where there was none, needs
 * room in the table. */
void ledger_unanswered_replace(struct ledger *ledger, struct ledger_unanswered *old,
                               struct ledger_unanswered *new);

#endif
