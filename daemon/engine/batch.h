/* SPDX-License-Identifier: MPL-2.0 */
/* Events that will be committed together, and what waits until they are. Keeps its memory from one
 * use to the next. Not thread-safe. */
#ifndef RENTBUS_ENGINE_BATCH_H
#define RENTBUS_ENGINE_BATCH_H

#include "daemon/engine/chain.h"

/* What a client is still owed. */
enum waiting_kind {
    WAITING_REPLY,   /* `body` is the reply, to be sent as it is */
    WAITING_REQUEST, /* `body` is the request, to be served anew */
};

/* Bytes are borrowed, or point into the batch. */
struct waiting {
    enum waiting_kind kind;
    struct rentbus_uuid id;     /* of the request */
    struct rentbus_bytes route; /* how the reply finds its client */
    struct rentbus_bytes actor; /* of a WAITING_REQUEST */
    struct rentbus_bytes body;
};

/* What is known of an event beside its bytes. */
struct batch_note {
    enum rentbus_event_type type;
    size_t name_end;  /* in `names` of the batch */
    size_t hash_pair; /* in the event */
};

struct batch {
    uint64_t first_seq;
    size_t count;
    size_t sealed;                   /* of the events, from the first on */
    uint8_t hash[RENTBUS_HASH_SIZE]; /* of the last of these */
    size_t capacity;
    struct journal_entry *entries;
    struct batch_note *notes;
    struct rentbus_buffer names; /* of types that are not of rentbus itself */
    struct rentbus_buffer events;
    size_t waiting_count;
    struct rentbus_buffer waiting;
};

void batch_release(struct batch *batch);
void batch_clear(struct batch *batch);

/* Makes room for `more` entries. 0, or -ENOMEM. */
int batch_reserve(struct batch *batch, size_t more) __attribute__((warn_unused_result));
/* Notes the event that was last appended to the chain, and to `events`. Room must have been
 * reserved. 0, or -ENOMEM with nothing noted. */
int batch_add(struct batch *batch, const struct chain *chain, const struct ledger_event *event)
    __attribute__((warn_unused_result));
/* Drops the events from the one at `count` on, none of which is sealed, with their bytes, and bytes
 * that were not noted. */
void batch_truncate(struct batch *batch, size_t count);
/* Seals so many more events at most, the first of the batch behind the event that has `hash`. */
void batch_seal(struct batch *batch, const uint8_t hash[RENTBUS_HASH_SIZE], size_t most);
/* The event at `index`. */
struct rentbus_bytes batch_event(const struct batch *batch, size_t index);
/* The name of its type. */
struct rentbus_text batch_type_text(const struct batch *batch, size_t index);

/* Copies what a client waits for. 0, or -ENOMEM. */
int batch_wait(struct batch *batch, const struct waiting *waiting)
    __attribute__((warn_unused_result));
/* Reads the next waiting one: start with *position 0. False at the end. */
bool batch_next_waiting(const struct batch *batch, size_t *position, struct waiting *waiting);

#endif
