/* SPDX-License-Identifier: MPL-2.0 */
/* What the ledger is made of. For the files of this folder and for tests. */
#ifndef RENTBUS_LEDGER_STATE_H
#define RENTBUS_LEDGER_STATE_H

#include "daemon/ledger/hash.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/names.h"
#include "daemon/ledger/policy.h"
#include "daemon/ledger/registry.h"
#include "daemon/ledger/sequence.h"
#include "daemon/ledger/timers.h"
#include "daemon/ledger/tree.h"
#include "daemon/ledger/unanswered.h"
#include "daemon/ledger/undo.h"
#include "sdk/protocol/text.h"

/* A text that only one thing has, such as a user's name. */
struct ledger_label {
    uint16_t length;
    char data[];
};

/* A number that somebody may have set. */
struct ledger_limit {
    uint64_t most;
    bool given;
};

/* What changes of a user by events of its own. It owns the labels. */
struct ledger_user_state {
    struct ledger_label *name;         /* NULL: none */
    struct ledger_label *block_reason; /* NULL: not blocked */
    struct ledger_limit limit;         /* rentals in progress, instead of the policy's */
};

struct ledger_user {
    struct ledger_key key;
    uint32_t open_count;
    struct ledger_rental *open;    /* root, LEDGER_BY_AGE: the rentals in progress */
    struct ledger_rental *rentals; /* root, LEDGER_BY_SEQ: all that are in memory */
    struct ledger_user_state state;
    char id[];
};

/* What changes of an asset by events of its own. */
struct ledger_asset_state {
    struct ledger_name *type; /* a reference */
    /* Whose rental the last return scan of this very asset completed, if nobody took it since. */
    struct ledger_user *returned_by;
};

struct ledger_asset {
    struct ledger_key key;
    struct ledger_rental *rental; /* the open rental that names it: there is at most one */
    struct ledger_asset_state state;
    char id[];
};

/* Periods in seconds. */
struct ledger_asset_type_state {
    int64_t loan_period;
    int64_t renewal_period;
    int64_t due_soon_lead; /* with has_due_soon_lead */
    bool has_due_soon_lead;
    struct ledger_limit user_limit;    /* of the type, in progress, for one user */
    struct ledger_limit renewals;      /* of one rental */
    struct ledger_type_list *eligible; /* a reference */
};

struct ledger_asset_type {
    struct ledger_key key;
    struct ledger_asset_type_state state;
    char id[];
};

struct ledger_location {
    struct ledger_key key;
    struct ledger_label *name; /* NULL: none */
    char id[];
};

/* It owns the holes: oldest first, none next to another. Their memory does not shrink, since a
 * rollback may need it again. */
struct ledger_device {
    struct ledger_key key;
    uint64_t seq; /* the greatest that came; 0 before the first */
    uint64_t missing;
    struct ledger_range *holes;
    size_t hole_count;
    size_t hole_capacity;
    char id[];
};

/* What changes of a rental. Times in microseconds since 1970. */
struct ledger_rental_state {
    struct ledger_asset *asset;
    struct ledger_asset *returned_asset;   /* NULL: none */
    struct ledger_name *returned_location; /* a reference; NULL: none */
    struct ledger_name *flag_reason;       /* a reference; NULL: none */
    int64_t expires_at;
    /* When the next timer event of it is due: to warn, when not behind expires_at; else that it has
     * expired. LEDGER_NEVER when both have been. Of use while it is open, kept while it is flagged.
     */
    int64_t due_at;
    int64_t returned_at; /* with has_returned_at */
    uint64_t closed_seq; /* of the event that gave it its status; 0 while open */
    uint32_t rev;
    uint32_t renewals;
    uint8_t status;    /* enum rentbus_status */
    uint8_t closed_by; /* enum rentbus_closed_by */
    bool has_returned_at;
    bool late; /* its asset came back before its checkout came: it never holds the asset */
};

#define LEDGER_NEVER INT64_MAX

/* The links BY_AGE of a closed or flagged rental chain it to those before and after it. */
struct ledger_rental {
    struct ledger_key key;
    struct ledger_link links[LEDGER_ORDERS];
    struct ledger_user *user;
    struct ledger_name *created_location; /* a reference */
    struct ledger_type_list *eligible;    /* a reference */
    int64_t created_at;
    uint64_t created_seq;
    struct ledger_rental_state state;
    uint32_t place; /* in the sequence */
    uint32_t timer; /* in the timers, with a due_at and while open */
    char id[];
};

/* In the order of closed_seq. */
struct ledger_chain {
    struct ledger_rental *first;
    struct ledger_rental *last;
    uint64_t count;
};

struct ledger {
    struct ledger_memory memory;
    struct ledger_pool pool;
    uint64_t seed; /* of the hashes: what others cannot know, and nobody can see */
    uint64_t head;
    uint64_t durable;
    uint64_t archived;
    struct ledger_policy policy;
    struct ledger_table names;
    struct ledger_table type_lists;
    struct ledger_registry users;
    struct ledger_registry assets;
    struct ledger_registry asset_types;
    struct ledger_registry locations;
    struct ledger_registry devices;
    struct ledger_table unanswered; /* by asset */
    struct ledger_table rentals;
    struct ledger_sequence created;
    struct ledger_timers timers;
    struct ledger_chain closed; /* COMPLETED and FORGIVEN, until the archive has them */
    struct ledger_chain flagged;
    uint64_t rental_count; /* ever */
    uint64_t open_count;
    struct ledger_undo_log undo;
};

/* ledger_create() with a heap of the caller's. */
struct ledger *ledger_create_in(const struct ledger_memory *memory);

static inline uint32_t ledger_hash_text(const struct ledger *ledger, struct rentbus_text text)
{
    return (uint32_t)ledger_hash(ledger->seed, text.data, text.length);
}

/* By id: the thing, or NULL, also for an absent id. */
struct ledger_user *ledger_find_user(const struct ledger *ledger, struct rentbus_text id);
struct ledger_asset *ledger_find_asset(const struct ledger *ledger, struct rentbus_text id);
struct ledger_asset_type *ledger_find_asset_type(const struct ledger *ledger,
                                                 struct rentbus_text id);
struct ledger_location *ledger_find_location(const struct ledger *ledger, struct rentbus_text id);
struct ledger_device *ledger_find_device(const struct ledger *ledger, struct rentbus_text id);
struct ledger_rental *ledger_find_rental(const struct ledger *ledger, struct rentbus_text id);

static inline struct rentbus_text ledger_user_id(const struct ledger_user *user)
{
    return (struct rentbus_text){user->id, user->key.length};
}

static inline struct rentbus_text ledger_asset_id(const struct ledger_asset *asset)
{
    return (struct rentbus_text){asset->id, asset->key.length};
}

static inline struct rentbus_text ledger_rental_id(const struct ledger_rental *rental)
{
    return (struct rentbus_text){rental->id, rental->key.length};
}

static inline bool ledger_rental_open(const struct ledger_rental *rental)
{
    return rental->state.status == RENTBUS_STATUS_IN_PROGRESS;
}

#endif
