/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The made-up ledger of `rentbus bench`. User, thing and rental number i have ids that follow from
 * i, so that who runs it again needs to remember nothing: open rental i is of thing i, and thing i
 * is always taken by user i % users. How large it is, and which things are out, stands in the
 * ledger itself: in the name of the user "bench-state".
 */
#ifndef CLI_BENCH_DATA_H
#define CLI_BENCH_DATA_H

#include "cli/cli.h"

#define BENCH_USERS_MAX 1000000
#define BENCH_ASSETS_MAX 10000000
#define BENCH_OPEN_MAX 1000000
#define BENCH_CLOSED_MAX 10000000
#define BENCH_ID_SIZE 40

/* The things that are out are those from number `first` on, `out` of them, the last one being
 * followed by number 0. */
struct bench_data {
    uint64_t users;
    uint64_t assets;
    uint64_t open; /* rentals when it was prepared */
    uint64_t closed;
    uint64_t first;
    uint64_t out;
};

void bench_user_id(uint64_t number, char id[BENCH_ID_SIZE]);
void bench_asset_id(uint64_t number, char id[BENCH_ID_SIZE]);
void bench_open_id(uint64_t number, char id[BENCH_ID_SIZE]);
void bench_closed_id(uint64_t number, char id[BENCH_ID_SIZE]);
void bench_location_id(uint64_t number, char id[BENCH_ID_SIZE]);

/* Reads "USERS,ASSETS,OPEN[,CLOSED]": 0, or INVALID_ARGUMENT with *fault. */
int bench_data_parse(const char *text, struct bench_data *data, struct rentbus_fault *fault)
    __attribute__((warn_unused_result));

/* What the ledger holds; when nothing was prepared, data->users is 0. */
enum cli_exit bench_data_load(struct cli *cli, struct bench_data *data)
    __attribute__((warn_unused_result));
/* Keeps which things are out. */
enum cli_exit bench_data_save(struct cli *cli, const struct bench_data *data)
    __attribute__((warn_unused_result));

/* Puts all of it into the ledger, going on where an earlier run with the same sizes was cut off.
 * Unless `anyway`, not into a ledger that holds other things. Prints a summary, and closes the
 * client. */
enum cli_exit bench_data_prepare(struct cli *cli, struct bench_data *data, bool anyway)
    __attribute__((warn_unused_result));

#endif
