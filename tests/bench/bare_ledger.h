/* SPDX-License-Identifier: MPL-2.0 */
/* The least that a durable, chained command with two events can be on libzmq, libsodium and SQLite:
 * a ROUTER that hashes two records behind each other for each request, gives them to a thread that
 * inserts them as the journal would, and answers when they are on stable storage. It looks at no
 * request, decides nothing, knows nothing, and publishes nothing. */
#ifndef RENTBUS_BENCH_BARE_LEDGER_H
#define RENTBUS_BENCH_BARE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_LEDGER_RECORDS 2
/* Requests that it takes before it answers. */
#define BARE_LEDGER_IN_FLIGHT_MAX 1024
/* What a record ends with: BLAKE2b of the hash before it and of all that stands in front of it. */
#define BARE_LEDGER_HASH_SIZE 32

struct bare_ledger_settings {
    const char *endpoint;                /* where it is asked */
    char path[64];                       /* of its file, which must not be there */
    size_t reply_size;                   /* bytes */
    size_t records[BARE_LEDGER_RECORDS]; /* bytes of each, its hash among them */
};

struct bare_ledger;

/* The endpoint is borrowed. */
struct bare_ledger *bare_ledger_start(const struct bare_ledger_settings *settings);
/* What is in flight is given up. Leaves the file. */
void bare_ledger_stop(struct bare_ledger *ledger);

/* The following are to be called when no request is in flight. */

/* Whether one more thread reads all rows from here on again, and moves the log into the file when
 * much of it has been read, as an archive has to. */
void bare_ledger_follow(struct bare_ledger *ledger, bool follow);
/* Moves the log into the file, so that it is written from its front again. */
void bare_ledger_settle(struct bare_ledger *ledger);

#endif
