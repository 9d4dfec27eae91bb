/* SPDX-License-Identifier: MPL-2.0 */
/* The changes that the ledger knows, each remembered until it is durable, so that it can be taken
 * back, last first. A record owns the references of the state that it remembers. */
#ifndef RENTBUS_LEDGER_UNDO_H
#define RENTBUS_LEDGER_UNDO_H

#include <stddef.h>
#include <stdint.h>

struct ledger;
struct ledger_asset;
struct ledger_asset_state;
struct ledger_asset_type;
struct ledger_asset_type_state;
struct ledger_device;
struct ledger_key;
struct ledger_label;
struct ledger_policy;
struct ledger_registry;
struct ledger_rental;
struct ledger_rental_state;
struct ledger_unanswered;
struct ledger_undo;
struct ledger_user;
struct ledger_user_state;

/* The most changes that one event makes. */
#define LEDGER_UNDO_EVENT_MAX 3

/* records[first] to records[end - 1], oldest first. */
struct ledger_undo_log {
    struct ledger_undo *records;
    size_t first;
    size_t end;
    size_t capacity;
};

/* Makes room for the changes of one event; the functions behind it need that and cannot fail.
 * 0, or -ENOMEM. */
int ledger_undo_reserve(struct ledger *ledger) __attribute__((warn_unused_result));

/* Adds a new thing to one of the ledger's registries, with room reserved there. */
void ledger_change_add(struct ledger *ledger, struct ledger_registry *registry,
                       struct ledger_key *thing);
/* Adds a new rental, with room reserved in table and sequence. */
void ledger_change_add_rental(struct ledger *ledger, struct ledger_rental *rental);
/* These take over the references of the new state. */
void ledger_change_label(struct ledger *ledger, struct ledger_label **place,
                         struct ledger_label *label);
void ledger_change_asset(struct ledger *ledger, struct ledger_asset *asset,
                         const struct ledger_asset_state *state);
/* Sets or clears the mark of an asset that a return scan of it completed a rental of the user. */
void ledger_change_mark(struct ledger *ledger, struct ledger_asset *asset,
                        struct ledger_user *returned_by);
void ledger_change_asset_type(struct ledger *ledger, struct ledger_asset_type *asset_type,
                              const struct ledger_asset_type_state *state);
void ledger_change_user(struct ledger *ledger, struct ledger_user *user,
                        const struct ledger_user_state *state);
void ledger_change_policy(struct ledger *ledger, const struct ledger_policy *policy);
/* Takes a scan of the device, with room reserved there. */
void ledger_change_device(struct ledger *ledger, struct ledger_device *device, uint64_t seq);
/* Puts `new` into the place of `old`, and owns both. Either may be NULL; where there was none, room
 * is reserved in the table. */
void ledger_change_unanswered(struct ledger *ledger, struct ledger_unanswered *old,
                              struct ledger_unanswered *new);
void ledger_change_rental(struct ledger *ledger, struct ledger_rental *rental,
                          const struct ledger_rental_state *state);

/* Forgets how to take back what happened up to seq. */
void ledger_undo_forget(struct ledger *ledger, uint64_t seq);
/* Takes back what happened beyond seq. */
void ledger_undo_beyond(struct ledger *ledger, uint64_t seq);
void ledger_undo_release(struct ledger *ledger);

#endif
