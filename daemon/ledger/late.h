/* SPDX-License-Identifier: MPL-2.0 */
/* Checkouts that come after their own return was scanned: they open a rental and close it at once.
 */
#ifndef RENTBUS_LEDGER_LATE_H
#define RENTBUS_LEDGER_LATE_H

#include "daemon/ledger/rules.h"

/* A rental as a checkout asks for it. */
struct ledger_loan {
    int64_t created_at;
    int64_t expires_at;
    struct rentbus_ids types;
};

/* The unanswered return of the asset that such a rental of the user would answer: the first by
 * occurred_at, then by seq. NULL when there is none. */
const struct ledger_unanswered_return *ledger_late_return(const struct ledger *ledger,
                                                          const struct ledger_user *user,
                                                          const struct ledger_asset *asset,
                                                          const struct ledger_loan *loan);
/* Completes the rental of the decision's last event, which creates it, by the return. */
void ledger_decide_late(const struct ledger *ledger, const struct ledger_asset *asset,
                        const struct ledger_unanswered_return *answered,
                        struct ledger_decision *decision);

#endif
