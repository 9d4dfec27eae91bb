/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The contract: every word, struct, event and operation of the protocol, in one table. The structs
 * and enums below, the codec (codec.h), the JSON mapping (json.h), the SDK's typed calls and the
 * daemon's dispatch expand from it; schema.cddl says the same for people, and a test compares them.
 *
 * A row of a struct is FIELD(struct, need, kind, name, extra): need and kind as in types.h; extra
 * is the word set of a WORD, the struct of a MAP or MAPS, and `none` for the rest. Rows are sorted
 * as deterministic CBOR sorts keys: shorter names first, then by bytes.
 */
#ifndef RENTBUS_SCHEMA_H
#define RENTBUS_SCHEMA_H

#include "sdk/protocol/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RENTBUS_PROTOCOL_VERSION 1

/* ---- words: WORD(enum prefix, text) ---- */

#define RENTBUS_STATUS_WORDS(WORD, P)                                                              \
    WORD(P, IN_PROGRESS)                                                                           \
    WORD(P, COMPLETED)                                                                             \
    WORD(P, FORGIVEN)                                                                              \
    WORD(P, FLAGGED)

#define RENTBUS_OUTCOME_WORDS(WORD, P)                                                             \
    WORD(P, CREATED)                                                                               \
    WORD(P, COMPLETED)                                                                             \
    WORD(P, UPDATED)                                                                               \
    WORD(P, UNCHANGED)                                                                             \
    WORD(P, ALREADY_OUT)                                                                           \
    WORD(P, REJECTED)

/* Why a scan had no effect. ALREADY_OUT belongs to the checkout of a thing that its user holds. */
#define RENTBUS_REASON_WORDS(WORD, P)                                                              \
    WORD(P, ASSET_UNKNOWN)                                                                         \
    WORD(P, USER_UNKNOWN)                                                                          \
    WORD(P, NO_OPEN_RENTAL)                                                                        \
    WORD(P, RENTAL_EXPIRED)                                                                        \
    WORD(P, ASSET_TYPE_NOT_ELIGIBLE)                                                               \
    WORD(P, ALREADY_RETURNED)                                                                      \
    WORD(P, CLOCK_SKEW)                                                                            \
    WORD(P, ALREADY_OUT)                                                                           \
    WORD(P, USER_LIMIT)                                                                            \
    WORD(P, USER_BLOCKED)

/* What chose the rental that a return completed. */
#define RENTBUS_MATCHED_BY_WORDS(WORD, P)                                                          \
    WORD(P, oldest)                                                                                \
    WORD(P, exact_asset)                                                                           \
    WORD(P, soonest_expiry)                                                                        \
    WORD(P, rental_id)                                                                             \
    WORD(P, last_holder)

/* What closed a rental: its return, or a checkout of its asset that shows that a return was missed.
 */
#define RENTBUS_CLOSED_BY_WORDS(WORD, P)                                                           \
    WORD(P, return_scan)                                                                           \
    WORD(P, missed_scan)

#define RENTBUS_ERROR_WORDS(WORD, P)                                                               \
    WORD(P, MALFORMED)                                                                             \
    WORD(P, INVALID_ARGUMENT)                                                                      \
    WORD(P, UNSUPPORTED_VERSION)                                                                   \
    WORD(P, UNKNOWN_OP)                                                                            \
    WORD(P, NOT_FOUND)                                                                             \
    WORD(P, CONFLICT)                                                                              \
    WORD(P, PRECONDITION_FAILED)                                                                   \
    WORD(P, UNAUTHENTICATED)                                                                       \
    WORD(P, PERMISSION_DENIED)                                                                     \
    WORD(P, TOO_LARGE)                                                                             \
    WORD(P, BUSY)                                                                                  \
    WORD(P, UNAVAILABLE)                                                                           \
    WORD(P, INTERNAL)

/* WORD SET(name, enum prefix, words) */
#define RENTBUS_WORD_SETS(SET)                                                                     \
    SET(status, STATUS, RENTBUS_STATUS_WORDS)                                                      \
    SET(outcome, OUTCOME, RENTBUS_OUTCOME_WORDS)                                                   \
    SET(reason, REASON, RENTBUS_REASON_WORDS)                                                      \
    SET(matched_by, MATCHED_BY, RENTBUS_MATCHED_BY_WORDS)                                          \
    SET(closed_by, CLOSED_BY, RENTBUS_CLOSED_BY_WORDS)                                             \
    SET(error_code, ERROR, RENTBUS_ERROR_WORDS)

/* ---- things ---- */

/* `rev` counts the changes of the rental, from 1. `created_seq` is the seq of the event that
 * brought the rental into the ledger: lists are in its order. */
#define RENTBUS_RENTAL(F, S)                                                                       \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, UINT, rev, none)                                                                \
    F(S, REQUIRED, WORD, status, status)                                                           \
    F(S, REQUIRED, ID, user_id, none)                                                              \
    F(S, REQUIRED, ID, asset_id, none)                                                             \
    F(S, REQUIRED, UINT, renewals, none)                                                           \
    F(S, OPTIONAL, WORD, closed_by, closed_by)                                                     \
    F(S, REQUIRED, TIME, created_at, none)                                                         \
    F(S, REQUIRED, TIME, expires_at, none)                                                         \
    F(S, REQUIRED, UINT, created_seq, none)                                                        \
    F(S, OPTIONAL, TEXT, flag_reason, none)                                                        \
    F(S, NULLABLE, TIME, returned_at, none)                                                        \
    F(S, OPTIONAL, ID, returned_asset_id, none)                                                    \
    F(S, REQUIRED, IDS, eligible_asset_types, none)                                                \
    F(S, REQUIRED, ID, created_at_location_id, none)                                               \
    F(S, NULLABLE, ID, returned_at_location_id, none)

#define RENTBUS_USER(F, S)                                                                         \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TEXT, name, none)

/* `rental_id` is the open rental that names the asset. */
#define RENTBUS_ASSET(F, S)                                                                        \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, REQUIRED, ID, asset_type, none)

#define RENTBUS_ASSET_TYPE(F, S)                                                                   \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, DURATION, loan_period, none)                                                    \
    F(S, REQUIRED, IDS, eligible_asset_types, none)

#define RENTBUS_LOCATION(F, S)                                                                     \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TEXT, name, none)

/* ---- arguments ---- */

#define RENTBUS_EMPTY(F, S)

#define RENTBUS_RETURN_ARGS(F, S)                                                                  \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, REQUIRED, TIME, timestamp, none)                                                          \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, OPTIONAL, QR, user_qr_data, none)                                                         \
    F(S, OPTIONAL, QR, asset_qr_data, none)

#define RENTBUS_CHECKOUT_ARGS(F, S)                                                                \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, TIME, timestamp, none)                                                          \
    F(S, OPTIONAL, TIME, expires_at, none)                                                         \
    F(S, OPTIONAL, DURATION, loan_period, none)                                                    \
    F(S, REQUIRED, ID, location_id, none)                                                          \
    F(S, OPTIONAL, QR, user_qr_data, none)                                                         \
    F(S, OPTIONAL, QR, asset_qr_data, none)                                                        \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)

#define RENTBUS_RENTAL_GET_ARGS(F, S) F(S, REQUIRED, ID, rental_id, none)

/* `expired` picks open rentals whose `expires_at` has passed (true) or not (false). */
#define RENTBUS_RENTAL_LIST_ARGS(F, S)                                                             \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, OPTIONAL, WORD, status, status)                                                           \
    F(S, OPTIONAL, BOOL, expired, none)                                                            \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)

#define RENTBUS_ID_ARGS(F, S) F(S, REQUIRED, ID, id, none)

#define RENTBUS_LIST_ARGS(F, S)                                                                    \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, TEXT, cursor, none)

#define RENTBUS_ASSET_PUT_ARGS(F, S)                                                               \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, ID, asset_type, none)

/* What is left out has its default: itself, and 7 days. */
#define RENTBUS_ASSET_TYPE_PUT_ARGS(F, S)                                                          \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, DURATION, loan_period, none)                                                    \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)

#define RENTBUS_COMMAND_GET_ARGS(F, S) F(S, REQUIRED, UUID, command_id, none)

/* From a seq or from a time, the first event by default; `types` are exact types. */
#define RENTBUS_EVENTS_READ_ARGS(F, S)                                                             \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, TIME, since, none)                                                              \
    F(S, OPTIONAL, IDS, types, none)                                                               \
    F(S, OPTIONAL, UINT, from_seq, none)

/* A rental as another system knew it. An id that the ledger has already is left as it is. Without
 * eligible types, or with none, it has those of its asset type. */
#define RENTBUS_IMPORT_ARGS(F, S)                                                                  \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, WORD, status, status)                                                           \
    F(S, REQUIRED, ID, user_id, none)                                                              \
    F(S, REQUIRED, ID, asset_id, none)                                                             \
    F(S, REQUIRED, TIME, created_at, none)                                                         \
    F(S, REQUIRED, TIME, expires_at, none)                                                         \
    F(S, OPTIONAL, TIME, returned_at, none)                                                        \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)                                                \
    F(S, REQUIRED, ID, created_at_location_id, none)                                               \
    F(S, OPTIONAL, ID, returned_at_location_id, none)

/* ---- results ---- */

/* `seq` is the seq of the last event of the command. */
#define RENTBUS_COMMAND_RESULT(F, S)                                                               \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, OPTIONAL, WORD, reason, reason)                                                           \
    F(S, OPTIONAL, MAP, rental, rental)                                                            \
    F(S, REQUIRED, WORD, outcome, outcome)                                                         \
    F(S, OPTIONAL, WORD, matched_by, matched_by)

/* `head` is the seq of the last durable event. */
#define RENTBUS_HELLO_RESULT(F, S)                                                                 \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, TIME, time, none)                                                               \
    F(S, REQUIRED, TEXT, actor, none)                                                              \
    F(S, REQUIRED, ID, ledger, none)                                                               \
    F(S, REQUIRED, TEXT, version, none)                                                            \
    F(S, REQUIRED, UINT, protocol, none)

#define RENTBUS_RENTAL_RESULT(F, S) F(S, REQUIRED, MAP, rental, rental)
#define RENTBUS_USER_RESULT(F, S) F(S, REQUIRED, MAP, user, user)
#define RENTBUS_ASSET_RESULT(F, S) F(S, REQUIRED, MAP, asset, asset)
#define RENTBUS_ASSET_TYPE_RESULT(F, S) F(S, REQUIRED, MAP, asset_type, asset_type)
#define RENTBUS_LOCATION_RESULT(F, S) F(S, REQUIRED, MAP, location, location)

/* A `cursor` in a result means that there is more: give it back as it is. */
#define RENTBUS_RENTAL_PAGE(F, S)                                                                  \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, REQUIRED, MAPS, rentals, rental)

#define RENTBUS_USER_PAGE(F, S)                                                                    \
    F(S, REQUIRED, MAPS, users, user)                                                              \
    F(S, OPTIONAL, TEXT, cursor, none)

#define RENTBUS_ASSET_PAGE(F, S)                                                                   \
    F(S, REQUIRED, MAPS, assets, asset)                                                            \
    F(S, OPTIONAL, TEXT, cursor, none)

#define RENTBUS_ASSET_TYPE_PAGE(F, S)                                                              \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, REQUIRED, MAPS, asset_types, asset_type)

#define RENTBUS_LOCATION_PAGE(F, S)                                                                \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, REQUIRED, MAPS, locations, location)

/* Read on from `next_seq`; all is read when it is greater than `head`. */
#define RENTBUS_EVENT_PAGE(F, S)                                                                   \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, MAPS, events, event)                                                            \
    F(S, REQUIRED, UINT, next_seq, none)

/* `rentals` counts every rental ever, `open` those in progress, `expired` those of them past their
 * time. `archived_seq` is how far the archive has followed. Counters since the start of the daemon:
 * `requests`, `errors`, `commits`. */
#define RENTBUS_STATS_RESULT(F, S)                                                                 \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, UINT, open, none)                                                               \
    F(S, REQUIRED, UINT, users, none)                                                              \
    F(S, REQUIRED, UINT, assets, none)                                                             \
    F(S, REQUIRED, UINT, errors, none)                                                             \
    F(S, REQUIRED, UINT, commits, none)                                                            \
    F(S, REQUIRED, UINT, expired, none)                                                            \
    F(S, REQUIRED, UINT, rentals, none)                                                            \
    F(S, REQUIRED, UINT, requests, none)                                                           \
    F(S, REQUIRED, UINT, locations, none)                                                          \
    F(S, REQUIRED, TIME, started_at, none)                                                         \
    F(S, REQUIRED, UINT, asset_types, none)                                                        \
    F(S, REQUIRED, UINT, archived_seq, none)

/* `problem` names the first difference; absent when journal, ledger and archive agree. */
#define RENTBUS_VERIFY_RESULT(F, S)                                                                \
    F(S, REQUIRED, HASH, hash, none)                                                               \
    F(S, REQUIRED, UINT, events, none)                                                             \
    F(S, OPTIONAL, TEXT, problem, none)                                                            \
    F(S, REQUIRED, UINT, rentals, none)                                                            \
    F(S, REQUIRED, UINT, commands, none)

/* ---- event data ---- */

#define RENTBUS_HELLO_DATA(F, S)                                                                   \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, ID, ledger, none)                                                               \
    F(S, REQUIRED, TEXT, version, none)

#define RENTBUS_RETURN_DATA(F, S)                                                                  \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, REQUIRED, TIME, occurred_at, none)

/* `conflict_rental_id`: the open rental of another user that names the returned asset.
 * No `matched_by` when no return was matched (closed_by is missed_scan). */
#define RENTBUS_COMPLETE_DATA(F, S)                                                                \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, WORD, matched_by, matched_by)                                                   \
    F(S, OPTIONAL, ID, conflict_rental_id, none)

/* `rental` is the one that the reason is about, where there is one. */
#define RENTBUS_REJECTED_DATA(F, S)                                                                \
    F(S, REQUIRED, WORD, reason, reason)                                                           \
    F(S, OPTIONAL, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, REQUIRED, TIME, occurred_at, none)

#define RENTBUS_SWAPPED_DATA(F, S)                                                                 \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, REQUIRED, ID, previous_asset_id, none)

#define RENTBUS_CHECKOUT_DATA(F, S)                                                                \
    F(S, REQUIRED, ID, user_id, none)                                                              \
    F(S, REQUIRED, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, TIME, expires_at, none)                                                         \
    F(S, OPTIONAL, DURATION, loan_period, none)                                                    \
    F(S, REQUIRED, ID, location_id, none)                                                          \
    F(S, REQUIRED, TIME, occurred_at, none)                                                        \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)

#define RENTBUS_RENTAL_DATA(F, S) F(S, REQUIRED, MAP, rental, rental)

/* A command that found everything as it asked for it: recorded so that its id is known for ever. */
#define RENTBUS_UNCHANGED_DATA(F, S)                                                               \
    F(S, REQUIRED, TEXT, op, none)                                                                 \
    F(S, OPTIONAL, MAP, rental, rental)

/* ---- messages ---- */

#define RENTBUS_REQUEST(F, S)                                                                      \
    F(S, REQUIRED, UINT, v, none)                                                                  \
    F(S, REQUIRED, UUID, id, none)                                                                 \
    F(S, REQUIRED, TEXT, op, none)                                                                 \
    F(S, REQUIRED, ANY, args, none)                                                                \
    F(S, OPTIONAL, TEXT, traceparent, none)

/* `id` is that of the request; all zero when the request was too broken to read one. */
#define RENTBUS_REPLY(F, S)                                                                        \
    F(S, REQUIRED, UINT, v, none)                                                                  \
    F(S, REQUIRED, UUID, id, none)                                                                 \
    F(S, REQUIRED, BOOL, ok, none)                                                                 \
    F(S, OPTIONAL, MAP, error, error)                                                              \
    F(S, OPTIONAL, ANY, result, none)

#define RENTBUS_ERROR(F, S)                                                                        \
    F(S, REQUIRED, WORD, code, error_code)                                                         \
    F(S, OPTIONAL, TEXT, field, none)                                                              \
    F(S, REQUIRED, TEXT, message, none)                                                            \
    F(S, OPTIONAL, UINT, retry_after_ms, none)

/* A CloudEvents 1.0 event. `hash` is BLAKE2b-256 of the previous event's hash (32 zero bytes before
 * the first) and this event's deterministic CBOR without `hash`. */
#define RENTBUS_EVENT(F, S)                                                                        \
    F(S, REQUIRED, TEXT, id, none)                                                                 \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, REQUIRED, ANY, data, none)                                                                \
    F(S, REQUIRED, HASH, hash, none)                                                               \
    F(S, REQUIRED, TIME, time, none)                                                               \
    F(S, REQUIRED, TEXT, type, none)                                                               \
    F(S, REQUIRED, TEXT, actor, none)                                                              \
    F(S, REQUIRED, TEXT, source, none)                                                             \
    F(S, OPTIONAL, UUID, command, none)                                                            \
    F(S, OPTIONAL, ID, subject, none)                                                              \
    F(S, REQUIRED, TEXT, specversion, none)                                                        \
    F(S, OPTIONAL, TEXT, traceparent, none)

/* SCHEMA(struct, rows); a struct stands behind those that it holds */
#define RENTBUS_SCHEMAS(SCHEMA)                                                                    \
    SCHEMA(rental, RENTBUS_RENTAL)                                                                 \
    SCHEMA(user, RENTBUS_USER)                                                                     \
    SCHEMA(asset, RENTBUS_ASSET)                                                                   \
    SCHEMA(asset_type, RENTBUS_ASSET_TYPE)                                                         \
    SCHEMA(location, RENTBUS_LOCATION)                                                             \
    SCHEMA(error, RENTBUS_ERROR)                                                                   \
    SCHEMA(event, RENTBUS_EVENT)                                                                   \
    SCHEMA(request, RENTBUS_REQUEST)                                                               \
    SCHEMA(reply, RENTBUS_REPLY)                                                                   \
    SCHEMA(empty, RENTBUS_EMPTY)                                                                   \
    SCHEMA(return_args, RENTBUS_RETURN_ARGS)                                                       \
    SCHEMA(checkout_args, RENTBUS_CHECKOUT_ARGS)                                                   \
    SCHEMA(rental_get_args, RENTBUS_RENTAL_GET_ARGS)                                               \
    SCHEMA(rental_list_args, RENTBUS_RENTAL_LIST_ARGS)                                             \
    SCHEMA(id_args, RENTBUS_ID_ARGS)                                                               \
    SCHEMA(list_args, RENTBUS_LIST_ARGS)                                                           \
    SCHEMA(asset_put_args, RENTBUS_ASSET_PUT_ARGS)                                                 \
    SCHEMA(asset_type_put_args, RENTBUS_ASSET_TYPE_PUT_ARGS)                                       \
    SCHEMA(command_get_args, RENTBUS_COMMAND_GET_ARGS)                                             \
    SCHEMA(events_read_args, RENTBUS_EVENTS_READ_ARGS)                                             \
    SCHEMA(import_args, RENTBUS_IMPORT_ARGS)                                                       \
    SCHEMA(command_result, RENTBUS_COMMAND_RESULT)                                                 \
    SCHEMA(hello_result, RENTBUS_HELLO_RESULT)                                                     \
    SCHEMA(rental_result, RENTBUS_RENTAL_RESULT)                                                   \
    SCHEMA(user_result, RENTBUS_USER_RESULT)                                                       \
    SCHEMA(asset_result, RENTBUS_ASSET_RESULT)                                                     \
    SCHEMA(asset_type_result, RENTBUS_ASSET_TYPE_RESULT)                                           \
    SCHEMA(location_result, RENTBUS_LOCATION_RESULT)                                               \
    SCHEMA(rental_page, RENTBUS_RENTAL_PAGE)                                                       \
    SCHEMA(user_page, RENTBUS_USER_PAGE)                                                           \
    SCHEMA(asset_page, RENTBUS_ASSET_PAGE)                                                         \
    SCHEMA(asset_type_page, RENTBUS_ASSET_TYPE_PAGE)                                               \
    SCHEMA(location_page, RENTBUS_LOCATION_PAGE)                                                   \
    SCHEMA(event_page, RENTBUS_EVENT_PAGE)                                                         \
    SCHEMA(stats_result, RENTBUS_STATS_RESULT)                                                     \
    SCHEMA(verify_result, RENTBUS_VERIFY_RESULT)                                                   \
    SCHEMA(hello_data, RENTBUS_HELLO_DATA)                                                         \
    SCHEMA(return_data, RENTBUS_RETURN_DATA)                                                       \
    SCHEMA(complete_data, RENTBUS_COMPLETE_DATA)                                                   \
    SCHEMA(rejected_data, RENTBUS_REJECTED_DATA)                                                   \
    SCHEMA(swapped_data, RENTBUS_SWAPPED_DATA)                                                     \
    SCHEMA(checkout_data, RENTBUS_CHECKOUT_DATA)                                                   \
    SCHEMA(rental_data, RENTBUS_RENTAL_DATA)                                                       \
    SCHEMA(unchanged_data, RENTBUS_UNCHANGED_DATA)

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
    EVENT(USER_CREATED_EVENT, user, CREATED)                                                       \
    EVENT(USER_UPDATED_EVENT, user, UPDATED)                                                       \
    EVENT(ASSET_CREATED_EVENT, asset, CREATED)                                                     \
    EVENT(ASSET_UPDATED_EVENT, asset, UPDATED)                                                     \
    EVENT(ASSET_TYPE_CREATED_EVENT, asset_type, CREATED)                                           \
    EVENT(ASSET_TYPE_UPDATED_EVENT, asset_type, UPDATED)                                           \
    EVENT(LOCATION_CREATED_EVENT, location, CREATED)                                               \
    EVENT(LOCATION_UPDATED_EVENT, location, UPDATED)                                               \
    EVENT(COMMAND_UNCHANGED_EVENT, unchanged_data, UNCHANGED)

/* ---- operations: OP(name, on the wire, struct of its args, struct of its result, mode) ----
 * A COMMAND is journaled and takes the request's id as its idempotency key; a QUERY changes
 * nothing. The SDK's typed call is rentbus_<name>(). */

#define RENTBUS_OPS(OP)                                                                            \
    OP(hello, "hello", empty, hello_result, QUERY)                                                 \
    OP(rental_return, "rental.return", return_args, command_result, COMMAND)                       \
    OP(rental_checkout, "rental.checkout", checkout_args, command_result, COMMAND)                 \
    OP(rental_get, "rental.get", rental_get_args, rental_result, QUERY)                            \
    OP(rental_list, "rental.list", rental_list_args, rental_page, QUERY)                           \
    OP(user_put, "user.put", user, command_result, COMMAND)                                        \
    OP(user_get, "user.get", id_args, user_result, QUERY)                                          \
    OP(user_list, "user.list", list_args, user_page, QUERY)                                        \
    OP(asset_put, "asset.put", asset_put_args, command_result, COMMAND)                            \
    OP(asset_get, "asset.get", id_args, asset_result, QUERY)                                       \
    OP(asset_list, "asset.list", list_args, asset_page, QUERY)                                     \
    OP(asset_type_put, "asset_type.put", asset_type_put_args, command_result, COMMAND)             \
    OP(asset_type_get, "asset_type.get", id_args, asset_type_result, QUERY)                        \
    OP(asset_type_list, "asset_type.list", list_args, asset_type_page, QUERY)                      \
    OP(location_put, "location.put", location, command_result, COMMAND)                            \
    OP(location_get, "location.get", id_args, location_result, QUERY)                              \
    OP(location_list, "location.list", list_args, location_page, QUERY)                            \
    OP(command_get, "command.get", command_get_args, command_result, QUERY)                        \
    OP(events_read, "events.read", events_read_args, event_page, QUERY)                            \
    OP(stats, "stats", empty, stats_result, QUERY)                                                 \
    OP(admin_import, "admin.import", import_args, command_result, COMMAND)                         \
    OP(admin_verify, "admin.verify", empty, verify_result, QUERY)

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
#define RENTBUS_TYPE_TIME(extra) int64_t
#define RENTBUS_TYPE_DURATION(extra) int64_t
#define RENTBUS_TYPE_UINT(extra) uint64_t
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

enum rentbus_mode { RENTBUS_MODE_QUERY, RENTBUS_MODE_COMMAND };

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
