/* SPDX-License-Identifier: MPL-2.0 */
/* Makes and frees the ledger's things. What is made is in no table yet; what is freed is in none
 * any more. Makers return NULL when out of memory, with nothing kept. */
#ifndef RENTBUS_LEDGER_THINGS_H
#define RENTBUS_LEDGER_THINGS_H

#include "daemon/ledger/state.h"

/* A copy of the text. */
struct ledger_label *ledger_label_create(struct ledger *ledger, struct rentbus_text text);
/* Passes NULL over. */
void ledger_label_free(struct ledger *ledger, struct ledger_label *label);
/* Absent text for NULL. */
struct rentbus_text ledger_label_text(const struct ledger_label *label);
/* Whether a label says what is asked for: the text, or when none is given, nothing. */
bool ledger_label_is(const struct ledger_label *label, bool given, struct rentbus_text text);

/* Frees the labels, or gives the references back, that a state owns. */
void ledger_user_state_release(struct ledger *ledger, const struct ledger_user_state *state);
void ledger_rental_state_release(struct ledger *ledger, const struct ledger_rental_state *state);

/* The makers take over the labels or the references given, also when they fail. */
struct ledger_user *ledger_user_create(struct ledger *ledger, struct rentbus_text id,
                                       const struct ledger_user_state *state);
struct ledger_location *ledger_location_create(struct ledger *ledger, struct rentbus_text id,
                                               struct ledger_label *name);
struct ledger_asset *ledger_asset_create(struct ledger *ledger, struct rentbus_text id,
                                         struct ledger_name *type);
struct ledger_asset_type *ledger_asset_type_create(struct ledger *ledger, struct rentbus_text id,
                                                   const struct ledger_asset_type_state *state);
/* One that has not sent anything yet. */
struct ledger_device *ledger_device_create(struct ledger *ledger, struct rentbus_text id);
/* Frees a thing of that registry of the ledger, with what it refers to. */
void ledger_thing_free(struct ledger *ledger, const struct ledger_registry *registry,
                       struct ledger_key *thing);

/* When the first timer event is due of an open rental of the asset that ends then. */
int64_t ledger_due_at(const struct ledger *ledger, const struct ledger_asset *asset,
                      int64_t expires_at);
/* A rental as an event tells of it. The user and the assets that it names must be known:
 * -EBADMSG; -ENOMEM. */
int ledger_rental_create(struct ledger *ledger, const struct rentbus_rental *data, uint64_t seq,
                         struct ledger_rental **rental) __attribute__((warn_unused_result));
/* Passes NULL over. */
void ledger_rental_free(struct ledger *ledger, struct ledger_rental *rental);
/* Puts a rental into what its state asks for: the open ones of its user, its asset and the timers,
 * or the flagged or the closed ones; and takes it out again. */
void ledger_rental_link(struct ledger *ledger, struct ledger_rental *rental);
void ledger_rental_unlink(struct ledger *ledger, struct ledger_rental *rental);
/* Makes room for one more rental, in whatever state it will be. 0, or -ENOMEM. */
int ledger_rental_reserve(struct ledger *ledger) __attribute__((warn_unused_result));
/* Puts a rental that ledger_rental_link() has not seen into table, sequence and its user's
 * rentals; and takes it out again. */
void ledger_rental_enter(struct ledger *ledger, struct ledger_rental *rental);
void ledger_rental_leave(struct ledger *ledger, struct ledger_rental *rental);

#endif
