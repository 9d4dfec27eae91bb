/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The ledger's state in memory: users, assets, asset types, locations, devices, open rentals, and
 * closed rentals until the archive has taken them. It changes only through ledger_apply(), one
 * event after the other, so that replaying the journal gives the same ledger.
 *
 * Events may be applied before they are durable: the ledger remembers how to take back what lies
 * beyond the last ledger_durable(). Not thread-safe: one thread at a time.
 */
#ifndef RENTBUS_LEDGER_LEDGER_H
#define RENTBUS_LEDGER_LEDGER_H

#include "daemon/ledger/event.h"

struct ledger;

/* NULL when out of memory. */
struct ledger *ledger_create(void);
void ledger_destroy(struct ledger **ledger);

/* Applies the event with the next seq (ledger_head() + 1), and copies what it keeps. Returns 0,
 * -ENOMEM with the ledger unchanged, or -EBADMSG when the event cannot follow from this state (a
 * broken journal). Events that do not concern the ledger (HELLO_EVENT, refusals, unknown types with
 * type RENTBUS_EVENT_NONE) only move the head. */
int ledger_apply(struct ledger *ledger, const struct ledger_event *event, uint64_t seq)
    __attribute__((warn_unused_result));
/* The seq of the last applied event; 0 before the first. */
uint64_t ledger_head(const struct ledger *ledger);

/* All events up to seq are durable: forgets how to take them back. Cheap, also during replay. */
void ledger_durable(struct ledger *ledger, uint64_t seq);
/* Takes back every event beyond the last ledger_durable(), exactly; the head moves back with it.
 * Cannot fail. */
void ledger_rollback(struct ledger *ledger);
/* The same for the events beyond seq alone, and never for durable ones. */
void ledger_rollback_to(struct ledger *ledger, uint64_t seq);
/* The archive holds everything up to seq: COMPLETED and FORGIVEN rentals that became so at or
 * before it (and are durable) leave memory. FLAGGED ones stay: they may be opened again. */
void ledger_archived(struct ledger *ledger, uint64_t seq);

/* ---- reading: views borrow their texts from the ledger until its next change ---- */

/* The policy in force; the defaults, with version 0, before the first POLICY_UPDATED_EVENT. */
void ledger_policy_get(const struct ledger *ledger, struct rentbus_policy *policy);
/* Open and flagged rentals, and closed ones that have not left memory. */
bool ledger_rental_get(const struct ledger *ledger, struct rentbus_text id,
                       struct rentbus_rental *rental);
bool ledger_user_get(const struct ledger *ledger, struct rentbus_text id,
                     struct rentbus_user *user);
bool ledger_asset_get(const struct ledger *ledger, struct rentbus_text id,
                      struct rentbus_asset *asset);
/* A type that nobody put is not found, though it has defaults. */
bool ledger_asset_type_get(const struct ledger *ledger, struct rentbus_text id,
                           struct rentbus_asset_type *asset_type);
bool ledger_location_get(const struct ledger *ledger, struct rentbus_text id,
                         struct rentbus_location *location);

/* Numbers from first to last. */
struct ledger_range {
    uint64_t first;
    uint64_t last;
};

/* A device whose scans are numbered from 1 on. The ledger learns of it by its first such scan. */
struct ledger_device_view {
    struct rentbus_text id;
    uint64_t device_seq; /* the greatest that came */
    uint64_t missing;    /* how many before it did not */
    size_t hole_count;
    const struct ledger_range *holes; /* those, oldest first, borrowed */
};
bool ledger_device_get(const struct ledger *ledger, struct rentbus_text id,
                       struct ledger_device_view *device);

/* A visitor returns true to go on, false to stop behind this one. */
typedef bool ledger_rental_visitor(void *context, const struct rentbus_rental *rental);
typedef bool ledger_user_visitor(void *context, const struct rentbus_user *user);
typedef bool ledger_asset_visitor(void *context, const struct rentbus_asset *asset);
typedef bool ledger_asset_type_visitor(void *context, const struct rentbus_asset_type *asset_type);
typedef bool ledger_location_visitor(void *context, const struct rentbus_location *location);
typedef bool ledger_device_visitor(void *context, const struct ledger_device_view *device);

/* Absent texts and NONE match everything. `expired` is asked of open rentals only: others match
 * neither true nor false. */
struct ledger_rental_filter {
    struct rentbus_text user_id;
    struct rentbus_text asset_id;
    enum rentbus_status status;
    bool has_expired;
    bool expired;
    int64_t now; /* what `expired` is measured against */
};

/* Visits matching rentals in the order of created_seq, those with created_seq > after. With a user
 * it looks at that user's rentals in memory only. */
void ledger_rental_list(const struct ledger *ledger, const struct ledger_rental_filter *filter,
                        uint64_t after, ledger_rental_visitor *visit, void *context);

/* Visit in the order in which the ledger learned of them, from the position `after` (0: the first;
 * the n-th has position n). Things are never removed, so that a position stays true for ever.
 * Locations and asset types: those that were put. */
void ledger_user_list(const struct ledger *ledger, uint64_t after, ledger_user_visitor *visit,
                      void *context);
void ledger_asset_list(const struct ledger *ledger, uint64_t after, ledger_asset_visitor *visit,
                       void *context);
void ledger_asset_type_list(const struct ledger *ledger, uint64_t after,
                            ledger_asset_type_visitor *visit, void *context);
void ledger_location_list(const struct ledger *ledger, uint64_t after,
                          ledger_location_visitor *visit, void *context);
void ledger_device_list(const struct ledger *ledger, uint64_t after, ledger_device_visitor *visit,
                        void *context);

/* `rentals` counts every rental ever, `closed_in_memory` the COMPLETED and FORGIVEN ones that are
 * not yet archived. */
struct ledger_counts {
    uint64_t users;
    uint64_t assets;
    uint64_t asset_types;
    uint64_t locations;
    uint64_t devices;
    uint64_t rentals;
    uint64_t open;
    uint64_t flagged;
    uint64_t closed_in_memory;
};
struct ledger_counts ledger_counts(const struct ledger *ledger);
/* How many open rentals have expires_at < now. Looks at every open rental. */
uint64_t ledger_expired_count(const struct ledger *ledger, int64_t now);

/* A digest of all that the rules can see: users, assets with their open rental and last return,
 * asset types, locations, devices, the policy, unanswered returns, open and flagged rentals,
 * counts. Equal for equal state, whatever the order of memory and whatever closed rentals are still
 * held. */
uint64_t ledger_digest(const struct ledger *ledger);

#endif
