/* SPDX-License-Identifier: MPL-2.0 */
/* What the benchmarks ask for: things and rentals by their number, as load_request() wants it. */
#ifndef RENTBUS_BENCH_REQUESTS_H
#define RENTBUS_BENCH_REQUESTS_H

#include "tests/bench/load.h"

#define REQUESTS_USERS 1000

/* The user who borrows thing number `index`, and the thing. */
void requests_name_user(size_t index, char text[32]);
void requests_name_asset(size_t index, char text[32]);

/* The context of all of these is a size_t, the number of the first thing; NULL: 0. */
load_request requests_put_user;
load_request requests_put_asset;
load_request requests_check_out;
load_request requests_give_back;
/* What there is to ask with no context at all. */
load_request requests_hello;
/* The context is the id of a rental. */
load_request requests_get_rental;

#endif
