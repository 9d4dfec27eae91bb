/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The contract: every word, struct, event and operation of the protocol, in one table. The structs
 * and enums below, the codec (codec.h), the JSON mapping (json.h), the SDK's typed calls and the
 * daemon's dispatch expand from it; schema.cddl says the same for people, and a test compares them.
 *
 * The table has parts: words.h (words), rows.h, arguments.h, results.h and messages.h (structs),
 * and this file (events and operations). A row of a struct is FIELD(struct, need, kind, name,
 * extra): need and kind as in types.h; extra is the word set of a WORD, the struct of a MAP or
 * MAPS, and `none` for the rest. Rows are sorted as deterministic CBOR sorts keys: shorter names
 * first, then by bytes.
 */
#ifndef RENTBUS_SCHEMA_H
#define RENTBUS_SCHEMA_H

#include "sdk/protocol/rows.h"
#include "sdk/protocol/types.h"
#include "sdk/protocol/words.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RENTBUS_PROTOCOL_VERSION 1

/* ---- events: EVENT(type, struct of its data, outcome that it means for its command) ---- */

#define RENTBUS_EVENTS(EVENT)                                                                      \
    EVENT(HELLO_EVENT, hello_data, NONE)                                                           \
    EVENT(RENTAL_RETURN_EVENT, return_data, NONE)                                                  \
    EVENT(RENTAL_RETURN_COMPLETE_EVENT, complete_data, COMPLETED)                                  \
    EVENT(RENTAL_RETURN_REJECTED_EVENT, rejected_data, REJECTED)                                   \
    EVENT(RENTAL_ASSET_SWAPPED_EVENT, swapped_data, NONE)                                          \
    EVENT(RENTAL_CHECKOUT_EVENT, checkout_data, NONE)                                              \
    EVENT(RENTAL_CREATED_EVENT, rental_data, CREATED)                                              \
    EVENT(RENTAL_CHECKOUT_REJECTED_EVENT, rejected_data, REJECTED)                                 \
    EVENT(RENTAL_IMPORTED_EVENT, rental_data, CREATED)                                             \
    EVENT(RENTAL_RENEWED_EVENT, renewed_data, UPDATED)                                             \
    EVENT(RENTAL_FORGIVEN_EVENT, judged_data, UPDATED)                                             \
    EVENT(RENTAL_FLAGGED_EVENT, judged_data, UPDATED)                                              \
    EVENT(RENTAL_UNFLAGGED_EVENT, judged_data, UPDATED)                                            \
    EVENT(RENTAL_DUE_SOON_EVENT, rental_data, NONE)                                                \
    EVENT(RENTAL_EXPIRED_EVENT, rental_data, NONE)                                                 \
    EVENT(USER_CREATED_EVENT, user, CREATED)                                                       \
    EVENT(USER_UPDATED_EVENT, user, UPDATED)                                                       \
    EVENT(USER_BLOCKED_EVENT, user, UPDATED)                                                       \
    EVENT(USER_UNBLOCKED_EVENT, user, UPDATED)                                                     \
    EVENT(ASSET_CREATED_EVENT, asset, CREATED)                                                     \
    EVENT(ASSET_UPDATED_EVENT, asset, UPDATED)                                                     \
    EVENT(ASSET_TYPE_CREATED_EVENT, asset_type, CREATED)                                           \
    EVENT(ASSET_TYPE_UPDATED_EVENT, asset_type, UPDATED)                                           \
    EVENT(LOCATION_CREATED_EVENT, location, CREATED)                                               \
    EVENT(LOCATION_UPDATED_EVENT, location, UPDATED)                                               \
    EVENT(POLICY_UPDATED_EVENT, policy_data, UPDATED)                                              \
    EVENT(COMMAND_REJECTED_EVENT, refused_data, REJECTED)                                          \
    EVENT(CONSUMER_CREATED_EVENT, consumer_data, CREATED)                                          \
    EVENT(CONSUMER_UPDATED_EVENT, consumer_data, UPDATED)                                          \
    EVENT(CONSUMER_DELETED_EVENT, consumer_id_data, UPDATED)                                       \
    EVENT(CONSUMER_PAUSED_EVENT, consumer_id_data, UPDATED)                                        \
    EVENT(CONSUMER_RESUMED_EVENT, consumer_id_data, UPDATED)                                       \
    EVENT(CONSUMER_RESET_EVENT, reset_data, UPDATED)                                               \
    EVENT(CONSUMER_SKIPPED_EVENT, skipped_data, UPDATED)                                           \
    EVENT(CONSUMER_PARKED_EVENT, parked_data, NONE)                                                \
    EVENT(CONSUMER_REPLAYED_EVENT, seqs_data, UPDATED)                                             \
    EVENT(CONSUMER_DROPPED_EVENT, seqs_data, UPDATED)                                              \
    EVENT(CONSUMER_STALLED_EVENT, stalled_data, NONE)                                              \
    EVENT(DEVICE_GAP_EVENT, gap_data, NONE)                                                        \
    EVENT(DEVICE_IMPORTED_EVENT, device, CREATED)                                                  \
    EVENT(COMMAND_UNCHANGED_EVENT, unchanged_data, UNCHANGED)                                      \
    EVENT(JOURNAL_TRIMMED_EVENT, trimmed_data, NONE)

/* ---- operations: OP(name, on the wire, struct of its args, struct of its result, mode) ----
 * A COMMAND is journaled and takes the request's id as its idempotency key; a QUERY changes
 * nothing (admin.trim: nothing but how far back the journal goes); a READ is a query that can be
 * asked of the ledger as it was: `at` a time, or behind the event `at_seq`; a DELIVERY changes what
 * the workers of a consumer have in their hands, and is remembered without being journaled. The
 * SDK's typed call is rentbus_<name>(). */

#define RENTBUS_OPS(OP)                                                                            \
    OP(hello, "hello", empty, hello_result, QUERY)                                                 \
    OP(rental_return, "rental.return", return_args, command_result, COMMAND)                       \
    OP(rental_checkout, "rental.checkout", checkout_args, command_result, COMMAND)                 \
    OP(rental_renew, "rental.renew", renew_args, command_result, COMMAND)                          \
    OP(rental_forgive, "rental.forgive", reason_args, command_result, COMMAND)                     \
    OP(rental_flag, "rental.flag", reason_args, command_result, COMMAND)                           \
    OP(rental_unflag, "rental.unflag", unflag_args, command_result, COMMAND)                       \
    OP(rental_get, "rental.get", rental_get_args, rental_result, READ)                             \
    OP(rental_list, "rental.list", rental_list_args, rental_page, READ)                            \
    OP(user_put, "user.put", user_put_args, command_result, COMMAND)                               \
    OP(user_block, "user.block", user_block_args, command_result, COMMAND)                         \
    OP(user_unblock, "user.unblock", user_unblock_args, command_result, COMMAND)                   \
    OP(user_get, "user.get", id_args, user_result, READ)                                           \
    OP(user_list, "user.list", list_args, user_page, READ)                                         \
    OP(asset_put, "asset.put", asset_put_args, command_result, COMMAND)                            \
    OP(asset_get, "asset.get", id_args, asset_result, READ)                                        \
    OP(asset_list, "asset.list", list_args, asset_page, READ)                                      \
    OP(asset_type_put, "asset_type.put", asset_type_put_args, command_result, COMMAND)             \
    OP(asset_type_get, "asset_type.get", id_args, asset_type_result, READ)                         \
    OP(asset_type_list, "asset_type.list", list_args, asset_type_page, READ)                       \
    OP(location_put, "location.put", location_put_args, command_result, COMMAND)                   \
    OP(location_get, "location.get", id_args, location_result, READ)                               \
    OP(location_list, "location.list", list_args, location_page, READ)                             \
    OP(device_get, "device.get", id_args, device_result, READ)                                     \
    OP(device_list, "device.list", list_args, device_page, READ)                                   \
    OP(policy_put, "policy.put", policy_put_args, command_result, COMMAND)                         \
    OP(policy_get, "policy.get", at_args, policy_result, READ)                                     \
    OP(batch, "batch", batch_args, batch_result, BATCH)                                            \
    OP(command_get, "command.get", command_get_args, command_result, QUERY)                        \
    OP(events_read, "events.read", events_read_args, event_page, QUERY)                            \
    OP(publish, "publish", publish_args, command_result, COMMAND)                                  \
    OP(consumer_put, "consumer.put", consumer_put_args, command_result, COMMAND)                   \
    OP(consumer_get, "consumer.get", consumer_get_args, consumer_result, QUERY)                    \
    OP(consumer_list, "consumer.list", page_args, consumer_page, QUERY)                            \
    OP(consumer_delete, "consumer.delete", consumer_args, command_result, COMMAND)                 \
    OP(consumer_pause, "consumer.pause", consumer_args, command_result, COMMAND)                   \
    OP(consumer_resume, "consumer.resume", consumer_args, command_result, COMMAND)                 \
    OP(consumer_reset, "consumer.reset", consumer_reset_args, command_result, COMMAND)             \
    OP(consumer_skip, "consumer.skip", consumer_skip_args, command_result, COMMAND)                \
    OP(consumer_fetch, "consumer.fetch", fetch_args, fetch_result, DELIVERY)                       \
    OP(consumer_ack, "consumer.ack", ack_args, ack_result, DELIVERY)                               \
    OP(consumer_nack, "consumer.nack", nack_args, nack_result, DELIVERY)                           \
    OP(consumer_extend, "consumer.extend", extend_args, extend_result, DELIVERY)                   \
    OP(consumer_parked, "consumer.parked", parked_args, parked_page, QUERY)                        \
    OP(consumer_replay, "consumer.replay", consumer_parked_args, command_result, COMMAND)          \
    OP(consumer_drop, "consumer.drop", consumer_parked_args, command_result, COMMAND)              \
    OP(stats, "stats", stats_args, stats_result, READ)                                             \
    OP(explain, "explain", explain_args, explain_result, QUERY)                                    \
    OP(admin_import, "admin.import", import_args, command_result, COMMAND)                         \
    OP(admin_import_device, "admin.import_device", import_device_args, command_result, COMMAND)    \
    OP(admin_verify, "admin.verify", empty, verify_result, QUERY)                                  \
    OP(admin_trim, "admin.trim", trim_args, trim_result, QUERY)                                    \
    OP(admin_snapshot, "admin.snapshot", empty, snapshot_result, QUERY)

/* ---- expansions ---- */

#define RENTBUS_WORD_ENUMERATOR(P, word) RENTBUS_##P##_##word,
#define RENTBUS_WORD_ENUM(name, P, WORDS)                                                          \
    enum rentbus_##name{RENTBUS_##P##_NONE, WORDS(RENTBUS_WORD_ENUMERATOR, P)};                    \
    RENTBUS_EXPORT extern const struct rentbus_words rentbus_##name##_words;
RENTBUS_WORD_SETS(RENTBUS_WORD_ENUM)

#define RENTBUS_TYPE_ID(extra) struct rentbus_text
#define RENTBUS_TYPE_TEXT(extra) struct rentbus_text
#define RENTBUS_TYPE_QR(extra) struct rentbus_text
#define RENTBUS_TYPE_IDS(extra) struct rentbus_ids
#define RENTBUS_TYPE_TYPES(extra) struct rentbus_ids
#define RENTBUS_TYPE_TIME(extra) int64_t
#define RENTBUS_TYPE_DURATION(extra) int64_t
#define RENTBUS_TYPE_UINT(extra) uint64_t
#define RENTBUS_TYPE_INT(extra) int64_t
#define RENTBUS_TYPE_BOOL(extra) bool
#define RENTBUS_TYPE_WORD(extra) enum rentbus_##extra
#define RENTBUS_TYPE_UUID(extra) struct rentbus_uuid
#define RENTBUS_TYPE_HASH(extra) struct rentbus_bytes
#define RENTBUS_TYPE_MAP(extra) struct rentbus_##extra
#define RENTBUS_TYPE_MAPS(extra) struct rentbus_list
#define RENTBUS_TYPE_ANY(extra) struct rentbus_bytes

#define RENTBUS_FIELD_INDEX(S, need, kind, name, extra) RENTBUS_FIELD_##S##_##name,
#define RENTBUS_FIELD_MEMBER(S, need, kind, name, extra) RENTBUS_TYPE_##kind(extra) name;
#define RENTBUS_SCHEMA_STRUCT(S, ROWS)                                                             \
    enum rentbus_field_of_##S{ROWS(RENTBUS_FIELD_INDEX, S) RENTBUS_FIELDS_OF_##S};                 \
    struct rentbus_##S {                                                                           \
        uint64_t has;                                                                              \
        ROWS(RENTBUS_FIELD_MEMBER, S)                                                              \
    };                                                                                             \
    RENTBUS_EXPORT extern const struct rentbus_schema rentbus_##S##_schema;
RENTBUS_SCHEMAS(RENTBUS_SCHEMA_STRUCT)

/* Whether a field is present: RENTBUS_HAS(&rental, rental, returned_at). */
#define RENTBUS_BIT(S, name) (UINT64_C(1) << RENTBUS_FIELD_##S##_##name)
#define RENTBUS_HAS(pointer, S, name) (((pointer)->has & RENTBUS_BIT(S, name)) != 0)
/* Sets a field and says that it is present: RENTBUS_SET(&rental, rental, rev, 1). */
#define RENTBUS_SET(pointer, S, name, value)                                                       \
    ((pointer)->name = (value), (pointer)->has |= RENTBUS_BIT(S, name))

#define RENTBUS_EVENT_ENUMERATOR(type, data, outcome) RENTBUS_##type,
enum rentbus_event_type { RENTBUS_EVENT_NONE, RENTBUS_EVENTS(RENTBUS_EVENT_ENUMERATOR) };
RENTBUS_EXPORT extern const struct rentbus_words rentbus_event_type_words;

struct rentbus_event_row {
    const char *type;
    const struct rentbus_schema *data;
    enum rentbus_outcome outcome; /* of the command that it ends, or NONE */
};
/* Indexed by enum rentbus_event_type; row 0 is empty. */
RENTBUS_EXPORT extern const struct rentbus_event_row rentbus_event_rows[];

#define RENTBUS_OP_ENUMERATOR(name, wire, args, result, mode) RENTBUS_OP_##name,
enum rentbus_op { RENTBUS_OPS(RENTBUS_OP_ENUMERATOR) RENTBUS_OP_COUNT };

enum rentbus_mode {
    RENTBUS_MODE_QUERY,
    RENTBUS_MODE_READ,
    RENTBUS_MODE_COMMAND,
    RENTBUS_MODE_DELIVERY,
    RENTBUS_MODE_BATCH
};

struct rentbus_op_row {
    const char *wire;
    size_t wire_length;
    const struct rentbus_schema *args;
    const struct rentbus_schema *result;
    enum rentbus_mode mode;
};
/* Indexed by enum rentbus_op. */
RENTBUS_EXPORT extern const struct rentbus_op_row rentbus_op_rows[RENTBUS_OP_COUNT];

/* ---- reading the table ---- */

/* The value of a word of a set, 0 when it is none of them; and the text of a value. */
RENTBUS_EXPORT int rentbus_word_find(const struct rentbus_words *words, struct rentbus_text text);
RENTBUS_EXPORT const char *rentbus_word_text(const struct rentbus_words *words, int value);
/* The type of that name; NONE when it is not of rentbus itself. */
RENTBUS_EXPORT enum rentbus_event_type rentbus_event_type_find(struct rentbus_text name);
/* The operation of that name, or RENTBUS_OP_COUNT. */
RENTBUS_EXPORT enum rentbus_op rentbus_op_find(struct rentbus_text wire);
/* The index of the field of that name, or schema->count. */
RENTBUS_EXPORT size_t rentbus_schema_find(const struct rentbus_schema *schema, const char *name,
                                          size_t length);
/* Decodes the next map of a list into *value: 1; 0 at its end; negative when it does not fit the
 * schema (-EBADMSG). Unknown fields are passed over. Start with *position 0. */
RENTBUS_EXPORT int rentbus_list_next(const struct rentbus_list *list,
                                     const struct rentbus_schema *schema, size_t *position,
                                     void *value) __attribute__((warn_unused_result));

#ifdef __cplusplus
}
#endif

#endif
