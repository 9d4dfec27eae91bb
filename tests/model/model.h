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
#define MODEL_EVENTS_MAX 4

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
    struct model_ids eligible;
    uint64_t renewals;
    uint64_t rev;
    uint64_t created_seq;
    uint64_t closed_seq; /* of the event that closed it; 0 while open */
};

/* A user or a location. */
struct model_named {
    struct model_text id;
    struct model_text name;
};

struct model_asset {
    struct model_text id;
    struct model_text asset_type;
    /* Whose rental the last return scan of this very asset completed, if nobody took it since. */
    struct model_text returned_by;
};

struct model_asset_type {
    struct model_text id;
    int64_t loan_period; /* seconds */
    struct model_ids eligible;
};

/* Everything stands in the order in which it came. */
struct model_state {
    uint64_t head;
    uint64_t rentals_ever;
    size_t user_count;
    size_t asset_count;
    size_t asset_type_count;
    size_t location_count;
    size_t rental_count;
    struct model_named users[MODEL_THINGS_MAX];
    struct model_asset assets[MODEL_THINGS_MAX];
    struct model_asset_type asset_types[MODEL_THINGS_MAX];
    struct model_named locations[MODEL_THINGS_MAX];
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
    struct model_number expires_at;
    struct model_number loan_period; /* seconds */
    struct model_ids eligible;
    struct model_rental import;
};

struct model_context {
    int64_t now;
    int64_t max_skew;
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
    enum rentbus_reason reason;
    enum rentbus_matched_by matched_by;
    enum rentbus_op op;
    bool has_rental;
    struct model_rental rental;
    struct model_named named;
    struct model_asset asset;
    struct model_asset_type asset_type;
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
    enum rentbus_reason reason;
    enum rentbus_matched_by matched_by;
    bool has_rental;
    struct model_rental rental;
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

void model_decide(const struct model_state *state, const struct model_command *command,
                  const struct model_context *context, struct model_decision *decision);
void model_outcome(const struct model_decision *decision, struct model_result *result);
/* Applies the event with the seq state->head + 1. */
void model_apply(struct model_state *state, const struct model_event *event);
/* Drops rentals that closed at or before seq. */
void model_archived(struct model_state *state, uint64_t seq);
void model_copy(struct model_state *to, const struct model_state *from);

/* NULL when there is none. */
const struct model_named *model_user(const struct model_state *state, const struct model_text *id);
const struct model_named *model_location(const struct model_state *state,
                                         const struct model_text *id);
const struct model_asset *model_asset(const struct model_state *state, const struct model_text *id);
const struct model_asset_type *model_asset_type(const struct model_state *state,
                                                const struct model_text *id);
const struct model_rental *model_rental(const struct model_state *state,
                                        const struct model_text *id);
/* The open rental that names the asset. */
const struct model_rental *model_out(const struct model_state *state,
                                     const struct model_text *asset_id);
bool model_matches(const struct model_rental *rental, const struct model_filter *filter);
size_t model_open_count(const struct model_state *state);
uint64_t model_expired_count(const struct model_state *state, int64_t now);

#endif
