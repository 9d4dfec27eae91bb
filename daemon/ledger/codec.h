/* SPDX-License-Identifier: MPL-2.0 */
/* The bridge between ledger events and their `data` on the wire. */
#ifndef RENTBUS_LEDGER_CODEC_H
#define RENTBUS_LEDGER_CODEC_H

#include "daemon/ledger/event.h"

/* The struct in event->data that belongs to its type. */
const void *ledger_event_data(const struct ledger_event *event);

/* Reads the type, subject and data of an event of the wire; a type that is not the ledger's gives
 * RENTBUS_EVENT_NONE and no data. 0, or -EBADMSG. */
int ledger_event_decode(const struct rentbus_event *wire, struct ledger_event *event)
    __attribute__((warn_unused_result));

#endif
