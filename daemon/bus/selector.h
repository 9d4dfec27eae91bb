/* SPDX-License-Identifier: MPL-2.0 */
/* What consumers ask of events. Pure. */
#ifndef RENTBUS_BUS_SELECTOR_H
#define RENTBUS_BUS_SELECTOR_H

#include "daemon/ledger/ledger.h"

/* What an event is about; texts point into the event or the ledger, and may be absent.
 *   user         data.user_id, or that of data.rental, or data.id of USER_ events
 *   asset type   data.asset_type, or what the ledger knows of data.asset_id or that of data.rental,
 *                or data.id of ASSET_TYPE_ events
 *   location     data.location_id, or where data.rental came back, or else where it began, or
 * data.id of LOCATION_ events */
struct selector_keys {
    struct rentbus_text type;
    uint64_t subject; /* a hash, of the type where there is no subject */
    uint64_t hops;
    uint64_t cause;               /* 0: none */
    struct rentbus_text consumer; /* whose acknowledgement brought it */
    int64_t time;
    struct rentbus_bytes data;
    bool has_details; /* the three below have been looked for */
    struct rentbus_text user_id;
    struct rentbus_text asset_type;
    struct rentbus_text location_id;
};

/* The value of a key of a durable event, whose keys are in deterministic order; no bytes when it
 * has none of that name. Much faster than to decode the event. */
struct rentbus_bytes selector_find(struct rentbus_bytes event, struct rentbus_text name);
/* Reads the envelope of an event. 0, or -EBADMSG. */
int selector_read(struct rentbus_bytes bytes, struct selector_keys *keys)
    __attribute__((warn_unused_result));
/* Whether the consumer wants it. Looks for the details when they are asked for first. */
bool selector_matches(const struct rentbus_consumer *consumer, const struct ledger *ledger,
                      struct selector_keys *keys);

#endif
