/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Events in their wire form, each chained to the one before it by a hash. An event is appended with
 * zeros for a hash and sealed later, by whoever has the time: no decision asks for a hash, and all
 * hashes together cost a quarter of deciding. A chain belongs to one thread.
 */
#ifndef RENTBUS_ENGINE_CHAIN_H
#define RENTBUS_ENGINE_CHAIN_H

#include "daemon/journal/journal.h"
#include "daemon/ledger/codec.h"

/* Longest ledger name, in bytes: it stands in every event's id and source. */
#define CHAIN_LEDGER_MAX 64

/* Where an event comes from. Texts are borrowed for the call. */
struct chain_origin {
    bool has_command;
    struct rentbus_uuid command;
    struct rentbus_text actor;
    struct rentbus_text traceparent; /* may be absent */
    uint64_t hops;                   /* 0: none */
    uint64_t cause;                  /* 0: none */
    struct rentbus_text consumer;    /* may be absent */
};

struct chain_head {
    uint64_t seq;
    int64_t time;
};

struct chain {
    char ledger[CHAIN_LEDGER_MAX + 1];
    size_t ledger_length;
    char source[CHAIN_LEDGER_MAX + 16]; /* "/rentbus/<ledger>" */
    struct chain_head head;             /* the last event of the chain */
    size_t hash_pair;                   /* in it: where the pair of `hash` is */
    struct rentbus_encoded rental;      /* in it, where it was appended to */
};

/* `ledger` is an id of at most CHAIN_LEDGER_MAX bytes; the chain goes on behind `head`. */
void chain_init(struct chain *chain, const char *ledger, const struct journal_head *head);
struct chain_head chain_head_of(const struct journal_head *head);

/* Appends the next event to `out`, not sealed, and moves the head; the event's time is `now`, or
 * that of the event before it if that is later. 0; or -ENOMEM, and neither chain nor `out` have
 * moved. */
int chain_append(struct chain *chain, const struct chain_origin *origin,
                 const struct ledger_event *event, int64_t now, struct rentbus_buffer *out)
    __attribute__((warn_unused_result));

/* Seals an event that was appended: `hash` is that of the event before it, and becomes its own. */
void chain_seal(uint8_t hash[RENTBUS_HASH_SIZE], uint8_t *event, size_t length, size_t hash_pair);

/* The hash that an event on the wire should have behind `previous`. 0, or -EBADMSG when the bytes
 * are no event. */
int chain_hash(const uint8_t previous[RENTBUS_HASH_SIZE], struct rentbus_bytes event,
               uint8_t hash[RENTBUS_HASH_SIZE]) __attribute__((warn_unused_result));

#endif
