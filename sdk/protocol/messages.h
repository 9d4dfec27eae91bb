/* SPDX-License-Identifier: MPL-2.0 */
/* The rows of event data and of messages: a part of the table of schema.h. */
#ifndef RENTBUS_MESSAGES_H
#define RENTBUS_MESSAGES_H

/* ---- event data ---- */

#define RENTBUS_HELLO_DATA(F, S)                                                                   \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, ID, ledger, none)                                                               \
    F(S, REQUIRED, TEXT, version, none)

/* `occurred_at` is the true time; `device_time` what the clock of the device said, where that was
 * another. */
#define RENTBUS_RETURN_DATA(F, S)                                                                  \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, ID, device_id, none)                                                            \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, OPTIONAL, UINT, device_seq, none)                                                         \
    F(S, OPTIONAL, TIME, device_time, none)                                                        \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, REQUIRED, TIME, occurred_at, none)

/* `conflict_rental_id`: the open rental of another user that names the returned asset.
 * No `matched_by` when no return was matched (closed_by is missed_scan or late_checkout).
 * `asset_type` is that of the asset that came back. `override` is the comment of whoever overrode
 * the rules `overridden`. `rejected_seq`: the earlier RENTAL_RETURN_REJECTED_EVENT that this
 * answers. */
#define RENTBUS_COMPLETE_DATA(F, S)                                                                \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, TEXT, override, none)                                                           \
    F(S, OPTIONAL, ID, asset_type, none)                                                           \
    F(S, OPTIONAL, WORD, matched_by, matched_by)                                                   \
    F(S, OPTIONAL, IDS, overridden, none)                                                          \
    F(S, OPTIONAL, UINT, rejected_seq, none)                                                       \
    F(S, OPTIONAL, UINT, policy_version, none)                                                     \
    F(S, OPTIONAL, ID, conflict_rental_id, none)

/* `rental` is the one that the reason is about, where there is one. No `reasons` in journals from
 * before there were several: `reason` is the only one. */
#define RENTBUS_REJECTED_DATA(F, S)                                                                \
    F(S, REQUIRED, WORD, reason, reason)                                                           \
    F(S, OPTIONAL, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, IDS, reasons, none)                                                             \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, REQUIRED, TIME, occurred_at, none)                                                        \
    F(S, OPTIONAL, UINT, policy_version, none)

#define RENTBUS_SWAPPED_DATA(F, S)                                                                 \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, REQUIRED, ID, previous_asset_id, none)

#define RENTBUS_CHECKOUT_DATA(F, S)                                                                \
    F(S, REQUIRED, ID, user_id, none)                                                              \
    F(S, REQUIRED, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, ID, device_id, none)                                                            \
    F(S, OPTIONAL, UINT, device_seq, none)                                                         \
    F(S, OPTIONAL, TIME, expires_at, none)                                                         \
    F(S, OPTIONAL, TIME, device_time, none)                                                        \
    F(S, OPTIONAL, DURATION, loan_period, none)                                                    \
    F(S, REQUIRED, ID, location_id, none)                                                          \
    F(S, REQUIRED, TIME, occurred_at, none)                                                        \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)

/* `asset_type` is that of the asset that came back, of an imported rental that is over. */
#define RENTBUS_RENTAL_DATA(F, S)                                                                  \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, TEXT, override, none)                                                           \
    F(S, OPTIONAL, ID, asset_type, none)                                                           \
    F(S, OPTIONAL, IDS, overridden, none)                                                          \
    F(S, OPTIONAL, UINT, rejected_seq, none)                                                       \
    F(S, OPTIONAL, UINT, policy_version, none)

#define RENTBUS_RENEWED_DATA(F, S)                                                                 \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, TEXT, override, none)                                                           \
    F(S, OPTIONAL, IDS, overridden, none)                                                          \
    F(S, OPTIONAL, UINT, policy_version, none)                                                     \
    F(S, REQUIRED, TIME, previous_expires_at, none)

/* A rental that a person forgave, flagged or unflagged. */
#define RENTBUS_JUDGED_DATA(F, S)                                                                  \
    F(S, OPTIONAL, TEXT, reason, none)                                                             \
    F(S, REQUIRED, MAP, rental, rental)

#define RENTBUS_POLICY_DATA(F, S) F(S, REQUIRED, MAP, policy, policy)

/* A command, not a scan, that a rule stood against. */
#define RENTBUS_REFUSED_DATA(F, S)                                                                 \
    F(S, REQUIRED, TEXT, op, none)                                                                 \
    F(S, REQUIRED, WORD, reason, reason)                                                           \
    F(S, OPTIONAL, MAP, rental, rental)                                                            \
    F(S, REQUIRED, IDS, reasons, none)                                                             \
    F(S, OPTIONAL, UINT, policy_version, none)

/* A device went on with its sequence, and scans of it have not come. */
#define RENTBUS_GAP_DATA(F, S)                                                                     \
    F(S, REQUIRED, ID, device_id, none)                                                            \
    F(S, REQUIRED, UINT, last_missing, none)                                                       \
    F(S, REQUIRED, UINT, first_missing, none)

/* A command that found everything as it asked for it: recorded so that its id is known for ever. */
#define RENTBUS_UNCHANGED_DATA(F, S)                                                               \
    F(S, REQUIRED, TEXT, op, none)                                                                 \
    F(S, OPTIONAL, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, ID, device_id, none)                                                            \
    F(S, OPTIONAL, UINT, device_seq, none)

/* `cursor`: everything up to there is done, or is none of its business. */
#define RENTBUS_CONSUMER_DATA(F, S)                                                                \
    F(S, REQUIRED, UINT, cursor, none)                                                             \
    F(S, REQUIRED, MAP, consumer, consumer)

#define RENTBUS_CONSUMER_ID_DATA(F, S) F(S, REQUIRED, ID, consumer_id, none)

#define RENTBUS_RESET_DATA(F, S)                                                                   \
    F(S, REQUIRED, UINT, cursor, none)                                                             \
    F(S, REQUIRED, ID, consumer_id, none)

#define RENTBUS_SKIPPED_DATA(F, S)                                                                 \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, REQUIRED, ID, consumer_id, none)

/* The event `seq` failed as often as it may: the consumer goes on without it. */
#define RENTBUS_PARKED_DATA(F, S)                                                                  \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, REQUIRED, UINT, attempts, none)                                                           \
    F(S, REQUIRED, MAPS, failures, failure)                                                        \
    F(S, REQUIRED, ID, consumer_id, none)

/* Parked events that are to be handled again, or to be forgotten. */
#define RENTBUS_SEQS_DATA(F, S)                                                                    \
    F(S, REQUIRED, MAPS, seqs, seq_ref)                                                            \
    F(S, REQUIRED, ID, consumer_id, none)

/* The consumer has work, and nobody has asked for it for long. */
#define RENTBUS_STALLED_DATA(F, S)                                                                 \
    F(S, REQUIRED, UINT, lag, none)                                                                \
    F(S, REQUIRED, UINT, cursor, none)                                                             \
    F(S, OPTIONAL, TIME, oldest_at, none)                                                          \
    F(S, REQUIRED, ID, consumer_id, none)

/* The journal lets go of its events before `first_seq`, of which there were so many. */
#define RENTBUS_TRIMMED_DATA(F, S)                                                                 \
    F(S, REQUIRED, UINT, events, none)                                                             \
    F(S, REQUIRED, UINT, first_seq, none)

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

/* A CloudEvents 1.0 event. Of one that a handler published: `cause` is the seq of the event that it
 * handled, `hops` how many such steps lie behind it, and `consumer` whose acknowledgement brought
 * it. `hash` is BLAKE2b-256 of the previous event's hash (32 zero bytes before
 * the first) and this event's deterministic CBOR without `hash`. */
#define RENTBUS_EVENT(F, S)                                                                        \
    F(S, REQUIRED, TEXT, id, none)                                                                 \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, REQUIRED, ANY, data, none)                                                                \
    F(S, REQUIRED, HASH, hash, none)                                                               \
    F(S, OPTIONAL, UINT, hops, none)                                                               \
    F(S, REQUIRED, TIME, time, none)                                                               \
    F(S, REQUIRED, TEXT, type, none)                                                               \
    F(S, REQUIRED, TEXT, actor, none)                                                              \
    F(S, OPTIONAL, UINT, cause, none)                                                              \
    F(S, REQUIRED, TEXT, source, none)                                                             \
    F(S, OPTIONAL, UUID, command, none)                                                            \
    F(S, OPTIONAL, ID, subject, none)                                                              \
    F(S, OPTIONAL, ID, consumer, none)                                                             \
    F(S, REQUIRED, TEXT, specversion, none)                                                        \
    F(S, OPTIONAL, TEXT, traceparent, none)

#endif
