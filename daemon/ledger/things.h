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

/* The makers take over the label or the references given, also when they fail. */
struct ledger_user *ledger_user_create(struct ledger *ledger, struct rentbus_text id,
                                       struct ledger_label *name);
struct ledger_location *ledger_location_create(struct ledger *ledger, struct rentbus_text id,
                                               struct ledger_label *name);
struct ledger_asset *ledger_asset_create(struct ledger *ledger, struct rentbus_text id,
                                         struct ledger_name *type);
struct ledger_asset_type *ledger_asset_type_create(struct ledger *ledger, struct rentbus_text id,
                                                   int64_t loan_period,
                                                   struct ledger_type_list *eligible);
/* Frees a thing of that registry of the ledger, with what it refers to. */
void ledger_thing_free(struct ledger *ledger, const struct ledger_registry *registry,
                       struct ledger_key *thing);

/* A rental as an event tells of it. The user and the assets that it names must be known:
 * -EBADMSG; -ENOMEM. */
int ledger_rental_create(struct ledger *ledger, const struct rentbus_rental *data, uint64_t seq,
                         struct ledger_rental **rental) __attribute__((warn_unused_result));
/* Passes NULL over. */
void ledger_rental_free(struct ledger *ledger, struct ledger_rental *rental);
/* Puts a rental into what its state asks for: the open ones of its user and its asset, or the
 * closed ones; and takes it out again. */
void ledger_rental_link(struct ledger *ledger, struct ledger_rental *rental);
void ledger_rental_unlink(struct ledger *ledger, struct ledger_rental *rental);
/* Puts a rental that ledger_rental_link() has not seen into table, sequence and its user's
 * rentals; and takes it out again. */
void ledger_rental_enter(struct ledger *ledger, struct ledger_rental *rental);
void ledger_rental_leave(struct ledger *ledger, struct ledger_rental *rental);

#endif
