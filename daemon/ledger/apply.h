/* SPDX-License-Identifier: MPL-2.0 */
/* What events do to the ledger. Each handler checks that the event can follow, then takes all the
 * memory that it needs, then changes the ledger, which cannot fail. 0, -ENOMEM or -EBADMSG. */
#ifndef RENTBUS_LEDGER_APPLY_H
#define RENTBUS_LEDGER_APPLY_H

#include "daemon/ledger/ledger.h"

typedef int ledger_apply_handler(struct ledger *ledger, const struct ledger_event *event,
                                 uint64_t seq);

ledger_apply_handler ledger_apply_return;
ledger_apply_handler ledger_apply_return_rejected;
ledger_apply_handler ledger_apply_checkout;
ledger_apply_handler ledger_apply_device_imported;
ledger_apply_handler ledger_apply_rental_added;
ledger_apply_handler ledger_apply_complete;
ledger_apply_handler ledger_apply_swapped;
ledger_apply_handler ledger_apply_renewed;
ledger_apply_handler ledger_apply_judged;
ledger_apply_handler ledger_apply_due_soon;
ledger_apply_handler ledger_apply_expired;

#endif
