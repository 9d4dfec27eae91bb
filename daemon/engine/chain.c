/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/chain.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ledger/codec.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

/* An encoded event is, in the order of its keys: the map's head, what stands before `hash`, the
 * pair of `hash`, what stands behind it. The head of a map of at most 23 pairs is one byte. */
#define CHAIN_MAP_HEAD 0xa0
#define CHAIN_HASH_KEY "\x64hash\x58\x20"
#define CHAIN_HASH_KEY_SIZE (sizeof CHAIN_HASH_KEY - 1)
#define CHAIN_HASH_PAIR_SIZE (CHAIN_HASH_KEY_SIZE + RENTBUS_HASH_SIZE)
/* A dash and 20 digits behind the ledger. */
#define CHAIN_ID_SIZE (CHAIN_LEDGER_MAX + 21)

void chain_init(struct chain *chain, const char *ledger, const struct journal_head *head)
{
    snprintf(chain->ledger, sizeof chain->ledger, "%s", ledger);
    snprintf(chain->source, sizeof chain->source, "/rentbus/%s", chain->ledger);
    chain->ledger_length = strlen(chain->ledger);
    chain->head = chain_head_of(head);
}

struct chain_head chain_head_of(const struct journal_head *head)
{
    return (struct chain_head){head->seq, head->time};
}

/* "<ledger>-<seq>", written from its end. */
static struct rentbus_text event_id(const struct chain *chain, uint64_t seq, char id[CHAIN_ID_SIZE])
{
    char *end = id + CHAIN_ID_SIZE;
    char *at = end;
    do {
        *--at = (char)('0' + seq % 10);
        seq /= 10;
    } while (seq > 0);
    *--at = '-';
    at -= chain->ledger_length;
    memcpy(at, chain->ledger, chain->ledger_length);
    return (struct rentbus_text){at, (size_t)(end - at)};
}

/* Hashes the event as if it had no `hash`: one pair fewer in its head, and the pair left out. */
static void hash_without_pair(const uint8_t previous[RENTBUS_HASH_SIZE], struct rentbus_bytes event,
                              size_t pair, uint8_t hash[RENTBUS_HASH_SIZE])
{
    uint8_t head = event.data[0] - 1;
    size_t behind = pair + CHAIN_HASH_PAIR_SIZE;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, RENTBUS_HASH_SIZE);
    crypto_generichash_update(&state, previous, RENTBUS_HASH_SIZE);
    crypto_generichash_update(&state, &head, 1);
    crypto_generichash_update(&state, event.data + 1, pair - 1);
    crypto_generichash_update(&state, event.data + behind, event.length - behind);
    crypto_generichash_final(&state, hash, RENTBUS_HASH_SIZE);
}

static void fill_envelope(const struct chain *chain, const struct chain_origin *origin,
                          const struct ledger_event *event, struct rentbus_event *wire)
{
    wire->has = 0;
    RENTBUS_SET(wire, event, type, ledger_event_type(event));
    RENTBUS_SET(wire, event, actor, origin->actor);
    RENTBUS_SET(wire, event, source, rentbus_text(chain->source));
    RENTBUS_SET(wire, event, specversion, rentbus_text("1.0"));
    if (origin->has_command)
        RENTBUS_SET(wire, event, command, origin->command);
    if (origin->traceparent.data)
        RENTBUS_SET(wire, event, traceparent, origin->traceparent);
    if (event->subject.data)
        RENTBUS_SET(wire, event, subject, event->subject);
    if (origin->hops)
        RENTBUS_SET(wire, event, hops, origin->hops);
    if (origin->cause)
        RENTBUS_SET(wire, event, cause, origin->cause);
    if (origin->consumer.data)
        RENTBUS_SET(wire, event, consumer, origin->consumer);
}

int chain_append(struct chain *chain, const struct chain_origin *origin,
                 const struct ledger_event *event, int64_t now, struct rentbus_buffer *out)
{
    const struct rentbus_schema *schema = &rentbus_event_schema;
    struct rentbus_event wire;
    struct chain_head head = chain->head;
    char id[CHAIN_ID_SIZE];
    size_t start = out->length;

    head.seq++;
    head.time = now > head.time ? now : head.time;
    fill_envelope(chain, origin, event, &wire);
    RENTBUS_SET(&wire, event, id, event_id(chain, head.seq, id));
    RENTBUS_SET(&wire, event, seq, head.seq);
    RENTBUS_SET(&wire, event, time, head.time);

    rentbus_cbor_write_map(out, 0);
    size_t pairs = rentbus_encode_fields(schema, &wire, 0, RENTBUS_FIELD_event_data, out);
    rentbus_cbor_write_text(out, "data", 4);
    struct rentbus_encoded rental = ledger_event_encode_data(event, out);
    size_t pair = out->length - start;
    rentbus_buffer_append(out, CHAIN_HASH_KEY, CHAIN_HASH_KEY_SIZE);
    rentbus_buffer_append(out, (uint8_t[RENTBUS_HASH_SIZE]){0}, RENTBUS_HASH_SIZE);
    pairs +=
        2 + rentbus_encode_fields(schema, &wire, RENTBUS_FIELD_event_hash + 1, schema->count, out);
    if (out->failed) {
        out->length = start;
        out->failed = false;
        return -ENOMEM;
    }
    out->data[start] = CHAIN_MAP_HEAD | (uint8_t)pairs;
    chain->head = head;
    chain->hash_pair = pair;
    chain->rental = rental;
    return 0;
}

void chain_seal(uint8_t hash[RENTBUS_HASH_SIZE], uint8_t *event, size_t length, size_t hash_pair)
{
    hash_without_pair(hash, (struct rentbus_bytes){event, length}, hash_pair, hash);
    memcpy(event + hash_pair + CHAIN_HASH_KEY_SIZE, hash, RENTBUS_HASH_SIZE);
}

int chain_hash(const uint8_t previous[RENTBUS_HASH_SIZE], struct rentbus_bytes event,
               uint8_t hash[RENTBUS_HASH_SIZE])
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(event);
    struct rentbus_cbor_item head = rentbus_cbor_read(&reader);
    if (head.type != RENTBUS_CBOR_MAP || head.number > 23)
        return -EBADMSG;
    for (uint64_t i = 0; i < head.number; i++) {
        const uint8_t *pair = reader.at;
        struct rentbus_cbor_item key = rentbus_cbor_read(&reader);
        struct rentbus_bytes value = rentbus_cbor_skip(&reader);
        if (key.type != RENTBUS_CBOR_TEXT || key.bytes.length != 4 ||
            memcmp(key.bytes.data, "hash", 4) != 0)
            continue;
        if (value.length != RENTBUS_HASH_SIZE + 2)
            return -EBADMSG;
        hash_without_pair(previous, event, (size_t)(pair - event.data), hash);
        return 0;
    }
    return -EBADMSG;
}
