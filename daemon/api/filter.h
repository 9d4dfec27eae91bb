/* SPDX-License-Identifier: MPL-2.0 */
/* What rental.list asks of a rental, wherever the rental was found. Pure. */
#ifndef RENTBUS_API_FILTER_H
#define RENTBUS_API_FILTER_H

#include "sdk/protocol/schema.h"

/* Whether the arguments ask for more than user, asset and status, by which rentals are found. */
bool filter_looks(const struct rentbus_rental_list_args *args);
/* Whether only a rental that is still open or flagged can match. */
bool filter_is_hot(const struct rentbus_rental_list_args *args);
/* Whether the rental is all that the arguments ask for; `now`, in microseconds since 1970, is what
 * `expired` is measured against. Of a rental that is over, `expired` is neither true nor false. */
bool filter_matches(const struct rentbus_rental_list_args *args, int64_t now,
                    const struct rentbus_rental *rental);

#endif
