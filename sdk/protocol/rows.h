/* SPDX-License-Identifier: MPL-2.0 */
/* The second part of the table of schema.h: the rows of things, arguments and results, and the list
 * of all structs. */
#ifndef RENTBUS_ROWS_H
#define RENTBUS_ROWS_H

#include "sdk/protocol/messages.h"

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

/* ---- arguments ---- */

#define RENTBUS_EMPTY(F, S)

/* The two scans. `timestamp` is the device's clock, which is `clock_offset_ms` ahead of the true
 * time (behind, when negative; at most RENTBUS_CLOCK_OFFSET_MAX_MS): the ledger keeps the true one.
 * `device_seq` numbers the scans of a device from 1 on: one that came already changes nothing, and
 * those that did not are reported. Both or neither. `override`: why the rules that may be
 * overridden shall not stand against it. */
#define RENTBUS_RETURN_ARGS(F, S)                                                                  \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, TEXT, override, none)                                                           \
    F(S, OPTIONAL, ID, device_id, none)                                                            \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, REQUIRED, TIME, timestamp, none)                                                          \
    F(S, OPTIONAL, UINT, device_seq, none)                                                         \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, OPTIONAL, QR, user_qr_data, none)                                                         \
    F(S, OPTIONAL, QR, asset_qr_data, none)                                                        \
    F(S, OPTIONAL, INT, clock_offset_ms, none)

#define RENTBUS_CHECKOUT_ARGS(F, S)                                                                \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, TEXT, override, none)                                                           \
    F(S, OPTIONAL, ID, device_id, none)                                                            \
    F(S, OPTIONAL, TIME, timestamp, none)                                                          \
    F(S, OPTIONAL, UINT, device_seq, none)                                                         \
    F(S, OPTIONAL, TIME, expires_at, none)                                                         \
    F(S, OPTIONAL, DURATION, loan_period, none)                                                    \
    F(S, REQUIRED, ID, location_id, none)                                                          \
    F(S, OPTIONAL, QR, user_qr_data, none)                                                         \
    F(S, OPTIONAL, QR, asset_qr_data, none)                                                        \
    F(S, OPTIONAL, INT, clock_offset_ms, none)                                                     \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)

#define RENTBUS_RENTAL_GET_ARGS(F, S)                                                              \
    F(S, OPTIONAL, TIME, at, none)                                                                 \
    F(S, OPTIONAL, UINT, at_seq, none)                                                             \
    F(S, REQUIRED, ID, rental_id, none)

/* Each that is given has to match. `expired` picks open rentals whose `expires_at` has passed
 * (true) or not (false). The times from `…_from` on, and before `…_until`. `eligible_asset_type`:
 * one of its eligible_asset_types. */
#define RENTBUS_RENTAL_LIST_ARGS(F, S)                                                             \
    F(S, OPTIONAL, TIME, at, none)                                                                 \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, UINT, at_seq, none)                                                             \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, OPTIONAL, WORD, status, status)                                                           \
    F(S, OPTIONAL, BOOL, expired, none)                                                            \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, UINT, renewals, none)                                                           \
    F(S, OPTIONAL, WORD, closed_by, closed_by)                                                     \
    F(S, OPTIONAL, TEXT, flag_reason, none)                                                        \
    F(S, OPTIONAL, TIME, created_from, none)                                                       \
    F(S, OPTIONAL, TIME, expires_from, none)                                                       \
    F(S, OPTIONAL, TIME, created_until, none)                                                      \
    F(S, OPTIONAL, TIME, expires_until, none)                                                      \
    F(S, OPTIONAL, TIME, returned_from, none)                                                      \
    F(S, OPTIONAL, TIME, returned_until, none)                                                     \
    F(S, OPTIONAL, ID, returned_asset_id, none)                                                    \
    F(S, OPTIONAL, ID, eligible_asset_type, none)                                                  \
    F(S, OPTIONAL, ID, created_at_location_id, none)                                               \
    F(S, OPTIONAL, ID, returned_at_location_id, none)

#define RENTBUS_ID_ARGS(F, S)                                                                      \
    F(S, OPTIONAL, TIME, at, none)                                                                 \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, UINT, at_seq, none)

#define RENTBUS_LIST_ARGS(F, S)                                                                    \
    F(S, OPTIONAL, TIME, at, none)                                                                 \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, UINT, at_seq, none)                                                             \
    F(S, OPTIONAL, TEXT, cursor, none)

#define RENTBUS_AT_ARGS(F, S)                                                                      \
    F(S, OPTIONAL, TIME, at, none)                                                                 \
    F(S, OPTIONAL, UINT, at_seq, none)

/* Of the returns from `since` to before `until`; both are taken to their whole days in UTC. The 30
 * days before `until`, or before now, when nothing is said. */
#define RENTBUS_STATS_ARGS(F, S)                                                                   \
    F(S, OPTIONAL, TIME, at, none)                                                                 \
    F(S, OPTIONAL, TIME, since, none)                                                              \
    F(S, OPTIONAL, TIME, until, none)                                                              \
    F(S, OPTIONAL, UINT, at_seq, none)

/* Exactly one of the two. */
#define RENTBUS_EXPLAIN_ARGS(F, S)                                                                 \
    F(S, OPTIONAL, ID, rental_id, none)                                                            \
    F(S, OPTIONAL, UUID, command_id, none)

#define RENTBUS_ASSET_PUT_ARGS(F, S)                                                               \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, REQUIRED, ID, asset_type, none)

/* What is left out has its default: `eligible_asset_types` itself, `loan_period` 7 days,
 * `renewal_period` the loan period. */
#define RENTBUS_ASSET_TYPE_PUT_ARGS(F, S)                                                          \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, UINT, user_limit, none)                                                         \
    F(S, OPTIONAL, DURATION, loan_period, none)                                                    \
    F(S, OPTIONAL, UINT, renewals_max, none)                                                       \
    F(S, OPTIONAL, DURATION, due_soon_lead, none)                                                  \
    F(S, OPTIONAL, DURATION, renewal_period, none)                                                 \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)

/* A put replaces: what is left out is absent from then on. A block stays. */
#define RENTBUS_USER_PUT_ARGS(F, S)                                                                \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TEXT, name, none)                                                               \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, UINT, user_limit, none)

#define RENTBUS_LOCATION_PUT_ARGS(F, S)                                                            \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TEXT, name, none)                                                               \
    F(S, OPTIONAL, BOOL, dry_run, none)

#define RENTBUS_USER_BLOCK_ARGS(F, S)                                                              \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, TEXT, reason, none)                                                             \
    F(S, OPTIONAL, BOOL, dry_run, none)

#define RENTBUS_USER_UNBLOCK_ARGS(F, S)                                                            \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, BOOL, dry_run, none)

/* `override` as for scans. To a date, or by a period from `expires_at` on; the renewal period of
 * the asset type when neither is given. */
#define RENTBUS_RENEW_ARGS(F, S)                                                                   \
    F(S, OPTIONAL, DURATION, period, none)                                                         \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, TEXT, override, none)                                                           \
    F(S, REQUIRED, ID, rental_id, none)                                                            \
    F(S, OPTIONAL, TIME, expires_at, none)

#define RENTBUS_REASON_ARGS(F, S)                                                                  \
    F(S, REQUIRED, TEXT, reason, none)                                                             \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, REQUIRED, ID, rental_id, none)

#define RENTBUS_UNFLAG_ARGS(F, S)                                                                  \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, REQUIRED, ID, rental_id, none)

/* What is left out stays as it is; a `user_limit` of 0 takes the limit away. */
#define RENTBUS_POLICY_PUT_ARGS(F, S)                                                              \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, DURATION, max_skew, none)                                                       \
    F(S, OPTIONAL, UINT, user_limit, none)                                                         \
    F(S, OPTIONAL, TEXT, late_return, none)                                                        \
    F(S, OPTIONAL, WORD, return_match, return_match)                                               \
    F(S, OPTIONAL, DURATION, renewal_grace, none)

/* At most 1,000. `atomic`: all of them, or none when one is rejected or refused. */
#define RENTBUS_BATCH_ARGS(F, S)                                                                   \
    F(S, OPTIONAL, BOOL, atomic, none)                                                             \
    F(S, REQUIRED, MAPS, commands, batch_command)

#define RENTBUS_BATCH_COMMAND(F, S)                                                                \
    F(S, REQUIRED, UUID, id, none)                                                                 \
    F(S, REQUIRED, TEXT, op, none)                                                                 \
    F(S, REQUIRED, ANY, args, none)

#define RENTBUS_COMMAND_GET_ARGS(F, S) F(S, REQUIRED, UUID, command_id, none)

/* From a seq or from a time, the first event by default; `types` are exact types. With one of
 * `rental_id`, `user_id` and `asset_id`: its history alone. */
#define RENTBUS_EVENTS_READ_ARGS(F, S)                                                             \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, TIME, since, none)                                                              \
    F(S, OPTIONAL, IDS, types, none)                                                               \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, UINT, from_seq, none)                                                           \
    F(S, OPTIONAL, ID, rental_id, none)

/* A rental as another system knew it. An id that the ledger has already is left as it is. Without
 * eligible types, or with none, it has those of its asset type. */
#define RENTBUS_IMPORT_ARGS(F, S)                                                                  \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, UINT, rev, none)                                                                \
    F(S, REQUIRED, WORD, status, status)                                                           \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, REQUIRED, ID, user_id, none)                                                              \
    F(S, REQUIRED, ID, asset_id, none)                                                             \
    F(S, OPTIONAL, UINT, renewals, none)                                                           \
    F(S, OPTIONAL, WORD, closed_by, closed_by)                                                     \
    F(S, REQUIRED, TIME, created_at, none)                                                         \
    F(S, REQUIRED, TIME, expires_at, none)                                                         \
    F(S, OPTIONAL, TEXT, flag_reason, none)                                                        \
    F(S, OPTIONAL, TIME, returned_at, none)                                                        \
    F(S, OPTIONAL, ID, returned_asset_id, none)                                                    \
    F(S, OPTIONAL, IDS, eligible_asset_types, none)                                                \
    F(S, REQUIRED, ID, created_at_location_id, none)                                               \
    F(S, OPTIONAL, ID, returned_at_location_id, none)

/* ---- results ---- */

/* `seq` is the seq of the last event of the command, and of a dry run the last event there is.
 * `reason` is the first of `reasons`, all the rules that stand against the command. Of a dry run,
 * `events` are what would have been recorded. */
#define RENTBUS_COMMAND_RESULT(F, S)                                                               \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, OPTIONAL, MAPS, events, preview)                                                          \
    F(S, OPTIONAL, WORD, reason, reason)                                                           \
    F(S, OPTIONAL, MAP, rental, rental)                                                            \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, REQUIRED, WORD, outcome, outcome)                                                         \
    F(S, OPTIONAL, IDS, reasons, none)                                                             \
    F(S, OPTIONAL, WORD, matched_by, matched_by)

/* An event as it would be. */
#define RENTBUS_PREVIEW(F, S)                                                                      \
    F(S, REQUIRED, ANY, data, none)                                                                \
    F(S, REQUIRED, TEXT, type, none)                                                               \
    F(S, OPTIONAL, ID, subject, none)

#define RENTBUS_POLICY_RESULT(F, S) F(S, REQUIRED, MAP, policy, policy)

/* What a command of a batch would have been answered alone. */
#define RENTBUS_BATCH_REPLY(F, S)                                                                  \
    F(S, REQUIRED, UUID, id, none)                                                                 \
    F(S, REQUIRED, BOOL, ok, none)                                                                 \
    F(S, OPTIONAL, MAP, error, error)                                                              \
    F(S, OPTIONAL, MAP, result, command_result)

/* `applied` is false when an atomic batch came to nothing; the replies say why. */
#define RENTBUS_BATCH_RESULT(F, S)                                                                 \
    F(S, REQUIRED, BOOL, applied, none)                                                            \
    F(S, REQUIRED, MAPS, replies, batch_reply)

/* `head` is the seq of the last durable event. */
#define RENTBUS_HELLO_RESULT(F, S)                                                                 \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, WORD, role, role)                                                               \
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
#define RENTBUS_DEVICE_RESULT(F, S) F(S, REQUIRED, MAP, device, device)

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

#define RENTBUS_DEVICE_PAGE(F, S)                                                                  \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, REQUIRED, MAPS, devices, device)

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
    F(S, REQUIRED, UINT, devices, none)                                                            \
    F(S, REQUIRED, UINT, expired, none)                                                            \
    F(S, REQUIRED, UINT, flagged, none)                                                            \
    F(S, REQUIRED, UINT, rentals, none)                                                            \
    F(S, REQUIRED, UINT, returns, none)                                                            \
    F(S, REQUIRED, UINT, requests, none)                                                           \
    F(S, REQUIRED, UINT, locations, none)                                                          \
    F(S, REQUIRED, TIME, started_at, none)                                                         \
    F(S, REQUIRED, UINT, asset_types, none)                                                        \
    F(S, REQUIRED, UINT, archived_seq, none)                                                       \
    F(S, REQUIRED, UINT, missed_scans, none)                                                       \
    F(S, REQUIRED, MAPS, returns_by_day, day_returns)                                              \
    F(S, OPTIONAL, DURATION, median_loan_period, none)                                             \
    F(S, REQUIRED, MAPS, returns_by_location, location_returns)                                    \
    F(S, REQUIRED, MAPS, returns_by_asset_type, asset_type_returns)

/* Returns of one day in UTC, "2025-02-10"; at one location; of things of one type. */
#define RENTBUS_DAY_RETURNS(F, S)                                                                  \
    F(S, REQUIRED, TEXT, day, none)                                                                \
    F(S, REQUIRED, UINT, returns, none)

#define RENTBUS_LOCATION_RETURNS(F, S)                                                             \
    F(S, REQUIRED, UINT, returns, none)                                                            \
    F(S, REQUIRED, ID, location_id, none)

#define RENTBUS_ASSET_TYPE_RETURNS(F, S)                                                           \
    F(S, REQUIRED, UINT, returns, none)                                                            \
    F(S, REQUIRED, ID, asset_type, none)

/* A rental that a return could have completed, as it was before, and what became of that. */
#define RENTBUS_CANDIDATE(F, S)                                                                    \
    F(S, REQUIRED, MAP, rental, rental)                                                            \
    F(S, REQUIRED, WORD, verdict, verdict)

/* `events`: of a command, its own; of a rental, all that are about it. `command` is the one that is
 * explained: of a rental, the one that closed it, or opened it as long as it is open. `policy` is
 * what was in force, `reasons` what stood against the command, and `candidates` what a return had
 * to choose from, in the order in which it looked. */
#define RENTBUS_EXPLAIN_RESULT(F, S)                                                               \
    F(S, REQUIRED, MAPS, events, event)                                                            \
    F(S, OPTIONAL, MAP, policy, policy)                                                            \
    F(S, OPTIONAL, UUID, command, none)                                                            \
    F(S, OPTIONAL, WORD, outcome, outcome)                                                         \
    F(S, OPTIONAL, IDS, reasons, none)                                                             \
    F(S, REQUIRED, MAPS, candidates, candidate)

/* `problem` names the first difference; absent when journal, ledger and archive agree. */
#define RENTBUS_VERIFY_RESULT(F, S)                                                                \
    F(S, REQUIRED, HASH, hash, none)                                                               \
    F(S, REQUIRED, UINT, events, none)                                                             \
    F(S, OPTIONAL, TEXT, problem, none)                                                            \
    F(S, REQUIRED, UINT, rentals, none)                                                            \
    F(S, REQUIRED, UINT, commands, none)

/* SCHEMA(struct, rows); a struct stands behind those that it holds */
#define RENTBUS_SCHEMAS(SCHEMA)                                                                    \
    SCHEMA(rental, RENTBUS_RENTAL)                                                                 \
    SCHEMA(user, RENTBUS_USER)                                                                     \
    SCHEMA(asset, RENTBUS_ASSET)                                                                   \
    SCHEMA(asset_type, RENTBUS_ASSET_TYPE)                                                         \
    SCHEMA(location, RENTBUS_LOCATION)                                                             \
    SCHEMA(device_hole, RENTBUS_DEVICE_HOLE)                                                       \
    SCHEMA(device, RENTBUS_DEVICE)                                                                 \
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
    SCHEMA(stats_result, RENTBUS_STATS_RESULT)                                                     \
    SCHEMA(verify_result, RENTBUS_VERIFY_RESULT)                                                   \
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
    SCHEMA(unchanged_data, RENTBUS_UNCHANGED_DATA)

#endif
