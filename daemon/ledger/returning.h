/* SPDX-License-Identifier: MPL-2.0 */
/* The search for the rental that a return completes. The decision takes what it finds, and an
 * explanation tells of it. */
#ifndef RENTBUS_LEDGER_RETURNING_H
#define RENTBUS_LEDGER_RETURNING_H

#include "daemon/ledger/rules.h"

/* A return, what it names, and what was found. */
struct ledger_returning {
    const struct ledger_policy *policy;
    const struct ledger_scan *scan;
    const struct ledger_context *context;
    struct rentbus_text user_id;  /* given, or of the named rental; may be absent */
    struct rentbus_text asset_id; /* given, or of the named rental */
    struct rentbus_text subject;
    const struct ledger_user *user;   /* NULL: unknown, or not given */
    const struct ledger_asset *asset; /* NULL: unknown */
    struct ledger_rental *named;      /* by rental_id, when in memory */
    enum rentbus_status named_status; /* NONE when no rental is named */

    struct ledger_reasons reasons;       /* to reject it */
    bool matched;                        /* nothing stood against a search: what follows counts */
    const struct ledger_user *whose;     /* the user whose rentals it is about, or NULL */
    bool narrow;                         /* no rental but `only` may be completed */
    struct ledger_rental *only;          /* where it goes before all: may be NULL */
    const struct ledger_rental *found;   /* NULL: there are reasons */
    const struct ledger_rental *expired; /* the first that failed by expiry alone */
    bool flags;                          /* the one found is late, and to be flagged */
    bool overrides;                      /* the one found is late, and an override says: so what */
};

/* Looks up what the scan names and searches. False when it names a rental that nobody knows. */
bool ledger_returning_search(const struct ledger *ledger, const struct ledger_scan *scan,
                             const struct ledger_context *context,
                             struct ledger_returning *returning)
    __attribute__((warn_unused_result));
/* What the search made of an open rental of `whose`. */
enum rentbus_verdict ledger_returning_verdict(const struct ledger_returning *returning,
                                              const struct ledger_rental *rental);

#endif
