/* SPDX-License-Identifier: MPL-2.0 */
/* A ledger with a clock and a journal in memory, and commands in one line each. Ids are C strings;
 * NULL is an id that was not given. */
#ifndef RENTBUS_TEST_LEDGER_FIXTURE_H
#define RENTBUS_TEST_LEDGER_FIXTURE_H

#include "daemon/ledger/codec.h"
#include "daemon/ledger/decide.h"
#include "sdk/protocol/buffer.h"
#include "sdk/protocol/text.h"
#include "sdk/protocol/time.h"

#define NOW INT64_C(1739185200000000) /* 2025-02-10T11:00:00Z */
#define DAY RENTBUS_DAY

struct world_entry {
    enum rentbus_event_type type;
    size_t subject; /* offsets in `bytes` */
    size_t data;
    size_t end;
};

struct world {
    struct ledger *ledger;
    int64_t now;
    unsigned rentals; /* made, for the ids r1, r2, … of checkouts */
    char rental_id[16];
    const struct rentbus_rental *archived;
    struct ledger_decision decision; /* the last */
    struct rentbus_command_result result;
    struct rentbus_fault fault;
    struct world_entry *journal; /* entry n has seq n + 1 */
    size_t journal_capacity;
    struct rentbus_buffer bytes;
};

/* An empty ledger at NOW. */
struct world *world_create(void);
void world_destroy(struct world **world);

/* Decides, and when there are events, applies them, journals them and fills `result`. Returns what
 * ledger_decide() did. */
int world_run(struct world *world, const struct ledger_command *command);
/* Decides only. */
int world_decide(struct world *world, const struct ledger_command *command);
/* Decides what is due now, applies and journals it; `decision` holds it. How many events. */
size_t world_tick(struct world *world);

struct ledger_command world_scan(enum rentbus_op op, const char *user, const char *asset,
                                 const char *rental, int64_t occurred_at);
/* At NOW. */
struct ledger_command world_device_scan(enum rentbus_op op, const char *user, const char *asset,
                                        const char *device, uint64_t device_seq);
/* A return of ann's box1 by the device; it must be taken. */
enum rentbus_outcome world_device_return(struct world *world, const char *device, uint64_t seq);
/* "5: 2-3 4-4" for a device whose greatest is 5, with those holes. */
void world_device_is(const struct world *world, const char *device, const char *expected);
struct ledger_command world_import_command(const char *id, enum rentbus_status status,
                                           const char *user, const char *asset, const char *type,
                                           int64_t created_at, int64_t expires_at);
/* Of renew without more, forgive, flag and unflag, which takes no reason. */
struct ledger_command world_rental_command(enum rentbus_op op, const char *rental,
                                           const char *reason);
/* These must succeed. */
enum rentbus_outcome world_judge(struct world *world, enum rentbus_op op, const char *rental,
                                 const char *reason);
enum rentbus_outcome world_policy(struct world *world, const struct rentbus_policy_put_args *args);
void world_late_return(struct world *world, const char *late_return);
void world_return_match(struct world *world, enum rentbus_return_match return_match);
/* Unblocks when there is no reason. */
enum rentbus_outcome world_block(struct world *world, const char *user, const char *reason);
void world_user(struct world *world, const char *id);
void world_asset(struct world *world, const char *id, const char *type);
void world_asset_type(struct world *world, const char *id, int64_t loan_period, const char *type,
                      const char *other_type);
void world_location(struct world *world, const char *id, const char *name);
void world_import(struct world *world, const char *id, enum rentbus_status status, const char *user,
                  const char *asset, const char *type, int64_t created_at, int64_t expires_at);
enum rentbus_outcome world_checkout(struct world *world, const char *user, const char *asset,
                                    int64_t occurred_at);
enum rentbus_outcome world_return(struct world *world, const char *user, const char *asset,
                                  const char *rental, int64_t occurred_at);

/* A return that is rejected; the seq of the rejection. */
uint64_t world_lost_return(struct world *world, const char *user, const char *asset,
                           int64_t occurred_at);
struct ledger_command world_loan(const char *user, const char *asset, int64_t created_at,
                                 int64_t expires_at);
/* Whether a checkout from `created_at` to `expires_at` is completed at once. */
bool world_comes_late(struct world *world, const char *user, const char *asset, int64_t created_at,
                      int64_t expires_at);

/* Of the last result, or NONE. */
enum rentbus_reason world_reason(const struct world *world);
/* Whether the text says that. */
bool says(struct rentbus_text text, const char *string);
bool world_status_is(const struct world *world, const char *rental, enum rentbus_status status);
/* The id of the open rental that names the asset is that; NULL for none. */
bool world_out_on(const struct world *world, const char *asset, const char *rental);

/* Fails when the reasons of the result, with spaces between, are not those; "" for none. */
void world_reasons_are(const struct world *world, const char *reasons);

/* The first event of the last decision that is of that type, or NULL. */
const struct ledger_event *world_event(const struct world *world, enum rentbus_event_type type);
/* Fails when the types of the last decision's events, with spaces between, are not those. */
void world_events_are(const struct world *world, const char *types);

/* Decodes the journal's entries from seq `from` to `to` and applies them to another ledger. */
int world_replay(const struct world *world, uint64_t from, uint64_t to, struct ledger *into);
/* All that can be seen of a ledger: everything listed, in order, and the counts. */
void ledger_print(const struct ledger *ledger, struct rentbus_buffer *out);

#endif
