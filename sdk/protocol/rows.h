/* SPDX-License-Identifier: MPL-2.0 */
/* The second part of the table of schema.h: the rows of things, and the list of all structs. */
#ifndef RENTBUS_ROWS_H
#define RENTBUS_ROWS_H

#include "sdk/protocol/arguments.h"
#include "sdk/protocol/messages.h"
#include "sdk/protocol/results.h"

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

/* A `block_reason` means that the user is blocked; `user_limit` is how many rentals the user may
 * have in progress, where that is not what the policy says. */
#define RENTBUS_USER(F, S)                                                                         \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TEXT, name, none)                                                               \
    F(S, OPTIONAL, UINT, user_limit, none)                                                         \
    F(S, OPTIONAL, TEXT, block_reason, none)

/* `rental_id` is the open rental that names the asset. */
#define RENTBUS_ASSET(F, S)                                                                        \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, REQUIRED, ID, asset_type, none)

/* No `renewal_period` in journals from before there was one: it is the loan period.
 * `eligible_asset_types`: what may come back for it. `user_limit`: how many of the type one user
 * may have out. `renewals_max`: how often a rental may be renewed, by `renewal_period` where the
 * renewal says nothing. `due_soon_lead`: how long before `expires_at` RENTAL_DUE_SOON_EVENT comes.
 * No limit, and no such event, where they are absent. */
#define RENTBUS_ASSET_TYPE(F, S)                                                                   \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, UINT, user_limit, none)                                                         \
    F(S, REQUIRED, DURATION, loan_period, none)                                                    \
    F(S, OPTIONAL, UINT, renewals_max, none)                                                       \
    F(S, OPTIONAL, DURATION, due_soon_lead, none)                                                  \
    F(S, OPTIONAL, DURATION, renewal_period, none)                                                 \
    F(S, REQUIRED, IDS, eligible_asset_types, none)

/* The rules that a ledger may choose. `version` is the seq of the event that set it, 0 before the
 * first. `late_return` is "reject", "flag" or "forgive_within:" and a duration. A rental may be
 * renewed until `renewal_grace` behind its `expires_at`. `user_limit`: rentals in progress of one
 * user; no limit when absent. */
#define RENTBUS_POLICY(F, S)                                                                       \
    F(S, REQUIRED, UINT, version, none)                                                            \
    F(S, REQUIRED, DURATION, max_skew, none)                                                       \
    F(S, OPTIONAL, UINT, user_limit, none)                                                         \
    F(S, REQUIRED, TEXT, late_return, none)                                                        \
    F(S, REQUIRED, WORD, return_match, return_match)                                               \
    F(S, REQUIRED, DURATION, renewal_grace, none)

#define RENTBUS_LOCATION(F, S)                                                                     \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TEXT, name, none)

/* Scans of a device that have not come: its sequence from `first` to `last`. */
#define RENTBUS_DEVICE_HOLE(F, S)                                                                  \
    F(S, REQUIRED, UINT, last, none)                                                               \
    F(S, REQUIRED, UINT, first, none)

/* `device_seq` is the greatest of its scans that came, `missing` how many before it did not;
 * `holes` are the oldest of those, at most RENTBUS_HOLES_MAX ranges. */
#define RENTBUS_DEVICE(F, S)                                                                       \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, MAPS, holes, device_hole)                                                       \
    F(S, REQUIRED, UINT, missing, none)                                                            \
    F(S, REQUIRED, UINT, device_seq, none)

/* A consumer: what it wants, and how its events are handed out. Without `types` all but those of
 * consumers; of each filter the events that are about that user, type of asset or location. Times
 * in milliseconds. A lease ends `lease_ms` after an event was handed out; what failed is tried
 * again after `backoff_ms`, twice as long each time up to `backoff_max_ms`, and is parked behind
 * `max_attempts`. */
#define RENTBUS_CONSUMER(F, S)                                                                     \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TYPES, types, none)                                                             \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, REQUIRED, UINT, lease_ms, none)                                                           \
    F(S, OPTIONAL, ID, asset_type, none)                                                           \
    F(S, REQUIRED, UINT, backoff_ms, none)                                                         \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, REQUIRED, UINT, max_attempts, none)                                                       \
    F(S, REQUIRED, UINT, backoff_max_ms, none)

/* How it stands: every event up to `cursor` is done; `lag` is what the ledger's head is ahead of
 * it. `in_flight` events are in the hands of workers, `delayed` ones wait for another attempt;
 * `oldest_at` is the time of the oldest that is not done. Counters since the start of the daemon:
 * `acked`, `failed` (attempts); and what of both was in the last minute, to 5 seconds. `stalled`:
 * it has work, and nobody has asked for it for long. */
#define RENTBUS_CONSUMER_STATUS(F, S)                                                              \
    F(S, REQUIRED, UINT, lag, none)                                                                \
    F(S, REQUIRED, UINT, acked, none)                                                              \
    F(S, REQUIRED, UINT, cursor, none)                                                             \
    F(S, REQUIRED, UINT, failed, none)                                                             \
    F(S, REQUIRED, UINT, parked, none)                                                             \
    F(S, REQUIRED, BOOL, paused, none)                                                             \
    F(S, REQUIRED, UINT, delayed, none)                                                            \
    F(S, REQUIRED, BOOL, stalled, none)                                                            \
    F(S, REQUIRED, UINT, workers, none)                                                            \
    F(S, REQUIRED, MAP, consumer, consumer)                                                        \
    F(S, REQUIRED, UINT, in_flight, none)                                                          \
    F(S, OPTIONAL, TIME, oldest_at, none)                                                          \
    F(S, REQUIRED, UINT, acked_last_minute, none)                                                  \
    F(S, REQUIRED, UINT, failed_last_minute, none)

/* An attempt that came to nothing. */
#define RENTBUS_FAILURE(F, S)                                                                      \
    F(S, REQUIRED, TIME, at, none)                                                                 \
    F(S, REQUIRED, TEXT, error, none)

/* An event in the hands of a worker: its number, and that of the lease. */
#define RENTBUS_LEASE_REF(F, S)                                                                    \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, REQUIRED, UINT, lease, none)

#define RENTBUS_SEQ_REF(F, S) F(S, REQUIRED, UINT, seq, none)

/* An event to publish. The type is 1 to RENTBUS_TYPE_MAX bytes of letters, digits, `_`, `-` and
 * `.`, and neither begins with RENTAL_ or CONSUMER_ nor is one of rentbus itself; `data` is a map
 * of at most RENTBUS_EVENT_DATA_MAX bytes. */
#define RENTBUS_NEW_EVENT(F, S)                                                                    \
    F(S, REQUIRED, ANY, data, none)                                                                \
    F(S, REQUIRED, TEXT, type, none)                                                               \
    F(S, OPTIONAL, ID, subject, none)

/* SCHEMA(struct, rows); a struct stands behind those that it holds */
#define RENTBUS_SCHEMAS(SCHEMA)                                                                    \
    SCHEMA(rental, RENTBUS_RENTAL)                                                                 \
    SCHEMA(user, RENTBUS_USER)                                                                     \
    SCHEMA(asset, RENTBUS_ASSET)                                                                   \
    SCHEMA(asset_type, RENTBUS_ASSET_TYPE)                                                         \
    SCHEMA(location, RENTBUS_LOCATION)                                                             \
    SCHEMA(device_hole, RENTBUS_DEVICE_HOLE)                                                       \
    SCHEMA(device, RENTBUS_DEVICE)                                                                 \
    SCHEMA(consumer, RENTBUS_CONSUMER)                                                             \
    SCHEMA(consumer_status, RENTBUS_CONSUMER_STATUS)                                               \
    SCHEMA(failure, RENTBUS_FAILURE)                                                               \
    SCHEMA(lease_ref, RENTBUS_LEASE_REF)                                                           \
    SCHEMA(seq_ref, RENTBUS_SEQ_REF)                                                               \
    SCHEMA(new_event, RENTBUS_NEW_EVENT)                                                           \
    SCHEMA(policy, RENTBUS_POLICY)                                                                 \
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
    SCHEMA(at_args, RENTBUS_AT_ARGS)                                                               \
    SCHEMA(stats_args, RENTBUS_STATS_ARGS)                                                         \
    SCHEMA(explain_args, RENTBUS_EXPLAIN_ARGS)                                                     \
    SCHEMA(asset_put_args, RENTBUS_ASSET_PUT_ARGS)                                                 \
    SCHEMA(asset_type_put_args, RENTBUS_ASSET_TYPE_PUT_ARGS)                                       \
    SCHEMA(user_put_args, RENTBUS_USER_PUT_ARGS)                                                   \
    SCHEMA(location_put_args, RENTBUS_LOCATION_PUT_ARGS)                                           \
    SCHEMA(user_block_args, RENTBUS_USER_BLOCK_ARGS)                                               \
    SCHEMA(user_unblock_args, RENTBUS_USER_UNBLOCK_ARGS)                                           \
    SCHEMA(renew_args, RENTBUS_RENEW_ARGS)                                                         \
    SCHEMA(reason_args, RENTBUS_REASON_ARGS)                                                       \
    SCHEMA(unflag_args, RENTBUS_UNFLAG_ARGS)                                                       \
    SCHEMA(policy_put_args, RENTBUS_POLICY_PUT_ARGS)                                               \
    SCHEMA(batch_command, RENTBUS_BATCH_COMMAND)                                                   \
    SCHEMA(batch_args, RENTBUS_BATCH_ARGS)                                                         \
    SCHEMA(command_get_args, RENTBUS_COMMAND_GET_ARGS)                                             \
    SCHEMA(events_read_args, RENTBUS_EVENTS_READ_ARGS)                                             \
    SCHEMA(import_args, RENTBUS_IMPORT_ARGS)                                                       \
    SCHEMA(import_device_args, RENTBUS_IMPORT_DEVICE_ARGS)                                         \
    SCHEMA(consumer_put_args, RENTBUS_CONSUMER_PUT_ARGS)                                           \
    SCHEMA(consumer_get_args, RENTBUS_CONSUMER_GET_ARGS)                                           \
    SCHEMA(page_args, RENTBUS_PAGE_ARGS)                                                           \
    SCHEMA(consumer_args, RENTBUS_CONSUMER_ARGS)                                                   \
    SCHEMA(consumer_reset_args, RENTBUS_CONSUMER_RESET_ARGS)                                       \
    SCHEMA(consumer_skip_args, RENTBUS_CONSUMER_SKIP_ARGS)                                         \
    SCHEMA(parked_args, RENTBUS_PARKED_ARGS)                                                       \
    SCHEMA(consumer_parked_args, RENTBUS_CONSUMER_PARKED_ARGS)                                     \
    SCHEMA(fetch_args, RENTBUS_FETCH_ARGS)                                                         \
    SCHEMA(ack_args, RENTBUS_ACK_ARGS)                                                             \
    SCHEMA(nack_args, RENTBUS_NACK_ARGS)                                                           \
    SCHEMA(extend_args, RENTBUS_EXTEND_ARGS)                                                       \
    SCHEMA(publish_args, RENTBUS_PUBLISH_ARGS)                                                     \
    SCHEMA(trim_args, RENTBUS_TRIM_ARGS)                                                           \
    SCHEMA(preview, RENTBUS_PREVIEW)                                                               \
    SCHEMA(command_result, RENTBUS_COMMAND_RESULT)                                                 \
    SCHEMA(batch_reply, RENTBUS_BATCH_REPLY)                                                       \
    SCHEMA(batch_result, RENTBUS_BATCH_RESULT)                                                     \
    SCHEMA(policy_result, RENTBUS_POLICY_RESULT)                                                   \
    SCHEMA(hello_result, RENTBUS_HELLO_RESULT)                                                     \
    SCHEMA(rental_result, RENTBUS_RENTAL_RESULT)                                                   \
    SCHEMA(user_result, RENTBUS_USER_RESULT)                                                       \
    SCHEMA(asset_result, RENTBUS_ASSET_RESULT)                                                     \
    SCHEMA(asset_type_result, RENTBUS_ASSET_TYPE_RESULT)                                           \
    SCHEMA(location_result, RENTBUS_LOCATION_RESULT)                                               \
    SCHEMA(device_result, RENTBUS_DEVICE_RESULT)                                                   \
    SCHEMA(rental_page, RENTBUS_RENTAL_PAGE)                                                       \
    SCHEMA(user_page, RENTBUS_USER_PAGE)                                                           \
    SCHEMA(asset_page, RENTBUS_ASSET_PAGE)                                                         \
    SCHEMA(asset_type_page, RENTBUS_ASSET_TYPE_PAGE)                                               \
    SCHEMA(location_page, RENTBUS_LOCATION_PAGE)                                                   \
    SCHEMA(device_page, RENTBUS_DEVICE_PAGE)                                                       \
    SCHEMA(event_page, RENTBUS_EVENT_PAGE)                                                         \
    SCHEMA(day_returns, RENTBUS_DAY_RETURNS)                                                       \
    SCHEMA(location_returns, RENTBUS_LOCATION_RETURNS)                                             \
    SCHEMA(asset_type_returns, RENTBUS_ASSET_TYPE_RETURNS)                                         \
    SCHEMA(candidate, RENTBUS_CANDIDATE)                                                           \
    SCHEMA(explain_result, RENTBUS_EXPLAIN_RESULT)                                                 \
    SCHEMA(consumer_result, RENTBUS_CONSUMER_RESULT)                                               \
    SCHEMA(consumer_page, RENTBUS_CONSUMER_PAGE)                                                   \
    SCHEMA(delivery, RENTBUS_DELIVERY)                                                             \
    SCHEMA(fetch_result, RENTBUS_FETCH_RESULT)                                                     \
    SCHEMA(ack_result, RENTBUS_ACK_RESULT)                                                         \
    SCHEMA(nack_result, RENTBUS_NACK_RESULT)                                                       \
    SCHEMA(extend_result, RENTBUS_EXTEND_RESULT)                                                   \
    SCHEMA(parked, RENTBUS_PARKED)                                                                 \
    SCHEMA(parked_page, RENTBUS_PARKED_PAGE)                                                       \
    SCHEMA(stats_result, RENTBUS_STATS_RESULT)                                                     \
    SCHEMA(verify_result, RENTBUS_VERIFY_RESULT)                                                   \
    SCHEMA(snapshot_result, RENTBUS_SNAPSHOT_RESULT)                                               \
    SCHEMA(trim_result, RENTBUS_TRIM_RESULT)                                                       \
    SCHEMA(hello_data, RENTBUS_HELLO_DATA)                                                         \
    SCHEMA(return_data, RENTBUS_RETURN_DATA)                                                       \
    SCHEMA(complete_data, RENTBUS_COMPLETE_DATA)                                                   \
    SCHEMA(rejected_data, RENTBUS_REJECTED_DATA)                                                   \
    SCHEMA(swapped_data, RENTBUS_SWAPPED_DATA)                                                     \
    SCHEMA(checkout_data, RENTBUS_CHECKOUT_DATA)                                                   \
    SCHEMA(rental_data, RENTBUS_RENTAL_DATA)                                                       \
    SCHEMA(renewed_data, RENTBUS_RENEWED_DATA)                                                     \
    SCHEMA(judged_data, RENTBUS_JUDGED_DATA)                                                       \
    SCHEMA(policy_data, RENTBUS_POLICY_DATA)                                                       \
    SCHEMA(refused_data, RENTBUS_REFUSED_DATA)                                                     \
    SCHEMA(gap_data, RENTBUS_GAP_DATA)                                                             \
    SCHEMA(consumer_data, RENTBUS_CONSUMER_DATA)                                                   \
    SCHEMA(consumer_id_data, RENTBUS_CONSUMER_ID_DATA)                                             \
    SCHEMA(reset_data, RENTBUS_RESET_DATA)                                                         \
    SCHEMA(skipped_data, RENTBUS_SKIPPED_DATA)                                                     \
    SCHEMA(parked_data, RENTBUS_PARKED_DATA)                                                       \
    SCHEMA(seqs_data, RENTBUS_SEQS_DATA)                                                           \
    SCHEMA(stalled_data, RENTBUS_STALLED_DATA)                                                     \
    SCHEMA(unchanged_data, RENTBUS_UNCHANGED_DATA)                                                 \
    SCHEMA(trimmed_data, RENTBUS_TRIMMED_DATA)

#endif
