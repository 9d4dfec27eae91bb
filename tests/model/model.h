/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A second reading of the ledger's rules, to hold the first one against: arrays, linear searches
 * and copies of everything. It shares the words and structs of the protocol with the ledger, and no
 * code. Where a rule costs the ledger an index, the model looks at every rental instead.
 *
 * Not thread-safe. Running out of the fixed sizes below, or of memory, aborts: it is a mistake in
 * the test that drives it.
 */
#ifndef RENTBUS_MODEL_MODEL_H
#define RENTBUS_MODEL_MODEL_H

#include "sdk/protocol/schema.h"

/* The longest id and its NUL. */
#define MODEL_TEXT_SIZE (RENTBUS_ID_MAX + 1)
/* Ids in one list of eligible types. */
#define MODEL_IDS_MAX 4
/* Users, assets, asset types and locations, each. */
#define MODEL_THINGS_MAX 32
/* Rentals in memory: a history without a single archiving must fit. */
#define MODEL_RENTALS_MAX 4096
/* Devices that scan, and the scans of one of them. */
#define MODEL_DEVICES_MAX 16
#define MODEL_DEVICE_SCANS_MAX 2048
/* One more than an import may bring. */
#define MODEL_IMPORT_HOLES_MAX (RENTBUS_HOLES_MAX + 1)
#define MODEL_DEVICE_HOLES_MAX (MODEL_DEVICE_SCANS_MAX + MODEL_IMPORT_HOLES_MAX)
/* Returns of one asset that wait for the checkout before them. */
#define MODEL_UNANSWERED_MAX 4
#define MODEL_EVENTS_MAX 6
#define MODEL_REASONS_MAX 4

struct model_text {
    bool given;
    char text[MODEL_TEXT_SIZE];
};

struct model_number {
    bool given;
    int64_t value;
};

struct model_ids {
    bool given;
    size_t count;
    struct model_text items[MODEL_IDS_MAX];
};

/* All the rules that stand against a command; the first is the reason. */
struct model_reasons {
    size_t count;
    enum rentbus_reason items[MODEL_REASONS_MAX];
};

struct model_rental {
    struct model_text id;
    struct model_text user_id;
    struct model_text asset_id;
    struct model_text created_at_location_id;
    struct model_text returned_at_location_id;
    struct model_text returned_asset_id;
    int64_t created_at;
    int64_t expires_at;
    struct model_number returned_at;
    enum rentbus_status status;
    enum rentbus_closed_by closed_by;
    struct model_text flag_reason;
    struct model_ids eligible;
    uint64_t renewals;
    uint64_t rev;
    uint64_t created_seq;
    uint64_t closed_seq; /* of the event that closed it; 0 while open */
    /* What was told of this rental and this expires_at. */
    bool told_due_soon;
    bool told_expired;
    /* Opened by a checkout that came behind its return: never the rental that its asset is out on.
     */
    bool came_late;
    /* By the lead of the asset type when the rental began or was renewed; absent: no lead. */
    struct model_number due_soon_at;
};

struct model_user {
    struct model_text id;
    struct model_text name;
    struct model_number user_limit;
    struct model_text block_reason; /* given: the user is blocked */
};

struct model_location {
    struct model_text id;
    struct model_text name;
};

struct model_asset {
    struct model_text id;
    struct model_text asset_type;
    /* Whose rental the last return scan of this very asset completed, if nobody took it since. */
    struct model_text returned_by;
};

/* A return that no rental was there for. */
struct model_unanswered {
    uint64_t seq; /* of its RENTAL_RETURN_REJECTED_EVENT */
    struct model_text asset_id;
    struct model_text user_id; /* absent: nobody said who */
    struct model_text location_id;
    int64_t occurred_at;
};

/* Scans that did not come, the first and the last of them included. */
struct model_hole {
    uint64_t first;
    uint64_t last;
};

struct model_holes {
    size_t count;
    struct model_hole items[MODEL_IMPORT_HOLES_MAX];
};

/* A device, and the numbers of its scans that came, in their order. Elsewhere those up to
 * `imported` came, but for those in `left_out`. */
struct model_device {
    struct model_text id;
    uint64_t imported;
    struct model_holes left_out;
    size_t scan_count;
    uint64_t scans[MODEL_DEVICE_SCANS_MAX];
};

struct model_asset_type {
    struct model_text id;
    struct model_number user_limit;
    int64_t loan_period; /* seconds, as the other two */
    struct model_number renewals_max;
    struct model_number due_soon_lead;
    int64_t renewal_period;
    struct model_ids eligible;
};

struct model_policy {
    uint64_t version;
    int64_t max_skew; /* seconds */
    struct model_number user_limit;
    struct model_text late_return;
    enum rentbus_return_match return_match;
    int64_t renewal_grace; /* seconds */
};

/* Everything stands in the order in which it came. */
struct model_state {
    uint64_t head;
    uint64_t rentals_ever;
    struct model_policy policy;
    size_t user_count;
    size_t asset_count;
    size_t asset_type_count;
    size_t location_count;
    size_t unanswered_count;
    size_t device_count;
    size_t rental_count;
    struct model_user users[MODEL_THINGS_MAX];
    struct model_asset assets[MODEL_THINGS_MAX];
    struct model_asset_type asset_types[MODEL_THINGS_MAX];
    struct model_location locations[MODEL_THINGS_MAX];
    struct model_unanswered unanswered[MODEL_THINGS_MAX * MODEL_UNANSWERED_MAX];
    struct model_device devices[MODEL_DEVICES_MAX];
    struct model_rental rentals[MODEL_RENTALS_MAX];
};

/* One command; `op` says which members count. */
struct model_command {
    enum rentbus_op op;
    struct model_text id; /* of what is put */
    struct model_text name;
    struct model_text asset_type;
    struct model_text user_id;
    struct model_text asset_id;
    struct model_text rental_id;
    struct model_text location_id;
    int64_t occurred_at;
    struct model_text device_id;
    uint64_t device_seq; /* with a device_id */
    struct model_number device_time;
    struct model_holes holes; /* of the import of a device */
    struct model_text override;
    struct model_number expires_at;
    struct model_number loan_period; /* seconds, as all periods */
    struct model_ids eligible;
    struct model_text reason;
    struct model_number period;
    struct model_number user_limit;
    struct model_number renewals_max;
    struct model_number renewal_period;
    struct model_number due_soon_lead;
    struct model_number max_skew;
    struct model_number renewal_grace;
    struct model_text late_return;
    enum rentbus_return_match return_match; /* NONE: not given */
    struct model_rental import;             /* but for its two numbers, which may be absent */
    struct model_number import_rev;
    struct model_number import_renewals;
};

struct model_context {
    int64_t now;
    struct model_text new_rental_id;
    /* The rental that the command names, when only the archive has it; or NULL. */
    const struct model_rental *archived;
};

/* One event; `type` says which members count. */
struct model_event {
    enum rentbus_event_type type;
    struct model_text subject;
    struct model_text user_id;
    struct model_text asset_id;
    struct model_text rental_id;
    struct model_text location_id;
    struct model_text conflict_rental_id;
    struct model_text previous_asset_id;
    int64_t occurred_at;
    struct model_number expires_at;
    struct model_number loan_period;
    struct model_ids eligible;
    struct model_reasons reasons;
    struct model_text override;
    struct model_reasons overridden;
    struct model_number rejected_seq;
    struct model_text returned_type; /* of the asset that came back */
    struct model_text device_id;
    uint64_t device_seq; /* with a device_id */
    struct model_number device_time;
    struct model_hole missing; /* of a DEVICE_GAP_EVENT */
    struct model_holes holes;  /* of a DEVICE_IMPORTED_EVENT */
    struct model_number policy_version;
    enum rentbus_matched_by matched_by;
    enum rentbus_op op;
    struct model_text judged; /* why a person did it */
    int64_t previous_expires_at;
    bool has_rental;
    struct model_rental rental;
    struct model_user user;
    struct model_location location;
    struct model_asset asset;
    struct model_asset_type asset_type;
    struct model_policy policy;
};

/* Either an error with its field, or events. */
struct model_decision {
    enum rentbus_error_code error;
    const char *field;
    size_t count;
    struct model_event events[MODEL_EVENTS_MAX];
};

struct model_result {
    enum rentbus_outcome outcome;
    struct model_reasons reasons;
    enum rentbus_matched_by matched_by;
    bool has_rental;
    struct model_rental rental;
};

/* A rental that a return may end, and what the return makes of it. */
struct model_candidate {
    const struct model_rental *rental;
    enum rentbus_verdict verdict;
};

struct model_filter {
    struct model_text user_id;
    struct model_text asset_id;
    enum rentbus_status status;
    bool has_expired;
    bool expired;
    int64_t now;
};

bool model_text_equal(const struct model_text *a, const struct model_text *b);
struct model_text model_text(const char *text);

/* A state without anything in it, and with the policy that counts before another is put. */
void model_init(struct model_state *state);
void model_decide(const struct model_state *state, const struct model_command *command,
                  const struct model_context *context, struct model_decision *decision);
/* What is due at `now`: MODEL_EVENTS_MAX events at most, in the order in which they became due. */
void model_decide_timers(const struct model_state *state, int64_t now,
                         struct model_decision *decision);
/* When the first rental has something to be told of it, INT64_MAX when none has. `now`: warnings
 * that were slept through by then do not count; INT64_MIN: all count. */
int64_t model_timer_next(const struct model_state *state, int64_t now);
/* What the return chooses from, of MODEL_RENTALS_MAX; returns how many they are. */
size_t model_candidates(const struct model_state *state, const struct model_command *command,
                        const struct model_context *context, struct model_candidate *candidates);
void model_outcome(const struct model_decision *decision, struct model_result *result);
/* Applies the event with the seq state->head + 1. */
void model_apply(struct model_state *state, const struct model_event *event);
/* Drops rentals that were completed or forgiven at or before seq: a flagged one may open again. */
void model_archived(struct model_state *state, uint64_t seq);
void model_copy(struct model_state *to, const struct model_state *from);

/* NULL when there is none. */
const struct model_user *model_user(const struct model_state *state, const struct model_text *id);
const struct model_location *model_location(const struct model_state *state,
                                            const struct model_text *id);
const struct model_asset *model_asset(const struct model_state *state, const struct model_text *id);
const struct model_asset_type *model_asset_type(const struct model_state *state,
                                                const struct model_text *id);
const struct model_rental *model_rental(const struct model_state *state,
                                        const struct model_text *id);
const struct model_device *model_device(const struct model_state *state,
                                        const struct model_text *id);
/* Whether the scan of that number came. */
bool model_device_came(const struct model_device *device, uint64_t device_seq);
/* The greatest number that came; 0 when `device` is NULL. */
uint64_t model_device_last(const struct model_device *device);
/* How many scans before that did not come, and in which holes, the oldest first: returns how many
 * holes there are, of MODEL_DEVICE_HOLES_MAX. */
uint64_t model_device_missing(const struct model_device *device);
size_t model_device_holes(const struct model_device *device, struct model_hole *holes);
/* How many returns of the asset are unanswered. */
size_t model_unanswered_count(const struct model_state *state, const struct model_text *asset_id);
/* Whether the event is a return that is unanswered from then on. */
bool model_is_unanswered(const struct model_state *state, const struct model_event *event);
/* The open rental that names the asset, and that it is out on. */
const struct model_rental *model_out(const struct model_state *state,
                                     const struct model_text *asset_id);
bool model_matches(const struct model_rental *rental, const struct model_filter *filter);
/* Of status COMPLETED or FORGIVEN: nothing leads out of these two. */
bool model_final(enum rentbus_status status);

/* The drawn state machine: every way in which the status of a rental may change. */
struct model_move {
    enum rentbus_status from; /* NONE: the rental was not there */
    enum rentbus_event_type event;
    enum rentbus_status to;
    bool same_rev; /* the event tells of the rental and does not change it */
};
extern const struct model_move model_moves[];
extern const size_t model_move_count;
/* The move, or NULL when there is none. */
const struct model_move *model_move_find(enum rentbus_status from, enum rentbus_event_type event,
                                         enum rentbus_status to);

size_t model_status_count(const struct model_state *state, enum rentbus_status status);
uint64_t model_expired_count(const struct model_state *state, int64_t now);

#endif
