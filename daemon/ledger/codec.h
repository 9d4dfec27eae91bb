/* SPDX-License-Identifier: MPL-2.0 */
/* The bridge between ledger events and their `data` on the wire. */
#ifndef RENTBUS_LEDGER_CODEC_H
#define RENTBUS_LEDGER_CODEC_H

#include "daemon/ledger/event.h"

/* The struct in event->data that belongs to its type; NULL of one that is not of rentbus itself. */
const void *ledger_event_data(const struct ledger_event *event);
/* The name of its type. */
struct rentbus_text ledger_event_type(const struct ledger_event *event);
/* Appends its data as it is on the wire. Returns where the rental in it stands. */
struct rentbus_encoded ledger_event_encode_data(const struct ledger_event *event,
                                                struct rentbus_buffer *out);

/* Reads the type, subject and data of an event of the wire; a type that is not one of rentbus
 * itself gives RENTBUS_EVENT_NONE, and its data as they are. 0, or -EBADMSG. */
int ledger_event_decode(const struct rentbus_event *wire, struct ledger_event *event)
    __attribute__((warn_unused_result));

#endif
