/* SPDX-License-Identifier: MPL-2.0 */
/* The ledger's things as the protocol's structs. Texts are borrowed from the ledger until its next
 * change; list items beyond a count are left as they are. */
#ifndef RENTBUS_LEDGER_VIEW_H
#define RENTBUS_LEDGER_VIEW_H

#include "daemon/ledger/state.h"

void ledger_rental_view(const struct ledger_rental *rental, struct rentbus_rental *view);
void ledger_user_view(const struct ledger_user *user, struct rentbus_user *view);
void ledger_asset_view(const struct ledger_asset *asset, struct rentbus_asset *view);
void ledger_asset_type_view(const struct ledger_asset_type *asset_type,
                            struct rentbus_asset_type *view);
void ledger_location_view(const struct ledger_location *location, struct rentbus_location *view);

/* Copies a rental with as many list items as it has. */
void ledger_rental_copy(const struct rentbus_rental *from, struct rentbus_rental *to);

#endif
