/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/replay.h"

#include <errno.h>

#include "daemon/ledger/codec.h"

int replay_decode(uint64_t seq, struct rentbus_bytes bytes, struct rentbus_event *wire,
                  struct ledger_event *event)
{
    struct rentbus_fault fault;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, wire, &fault) ||
        wire->seq != seq)
        return -EBADMSG;
    return ledger_event_decode(wire, event);
}

int replay_apply(struct ledger *ledger, const struct ledger_event *event, uint64_t seq,
                 uint64_t archived)
{
    int status = ledger_apply(ledger, event, seq);
    if (status)
        return status;
    ledger_durable(ledger, seq);
    ledger_archived(ledger, archived);
    return 0;
}
