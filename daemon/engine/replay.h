/* SPDX-License-Identifier: MPL-2.0 */
/* Events of the journal on their way into a ledger that is not the one in use. */
#ifndef RENTBUS_ENGINE_REPLAY_H
#define RENTBUS_ENGINE_REPLAY_H

#include "daemon/ledger/ledger.h"

/* Reads the event that the journal has at `seq`. Both borrow from the bytes. 0, or -EBADMSG. */
int replay_decode(uint64_t seq, struct rentbus_bytes bytes, struct rentbus_event *wire,
                  struct ledger_event *event) __attribute__((warn_unused_result));
/* Applies it for good. What closed up to `archived` leaves the ledger's memory. As ledger_apply().
 */
int replay_apply(struct ledger *ledger, const struct ledger_event *event, uint64_t seq,
                 uint64_t archived) __attribute__((warn_unused_result));

#endif
