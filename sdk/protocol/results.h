/* SPDX-License-Identifier: MPL-2.0 */
/* The rows of results: a part of the table of schema.h. */
#ifndef RENTBUS_RESULTS_H
#define RENTBUS_RESULTS_H

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

/* Read on from `next_seq`; all is read when it is greater than `head`. Of a history whose beginning
 * may have been trimmed: `first_seq`, from which on it is complete. */
#define RENTBUS_EVENT_PAGE(F, S)                                                                   \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, MAPS, events, event)                                                            \
    F(S, REQUIRED, UINT, next_seq, none)                                                           \
    F(S, OPTIONAL, UINT, first_seq, none)

/* `rentals` counts every rental ever, `open` those in progress, `expired` those of them past their
 * time. `archived_seq` is how far the archive has followed, `snapshot_seq` the last event in the
 * newest snapshot (0: there is none), recorded at `snapshot_at`. The journal holds the events from
 * `first_seq` to `head`: earlier ones were trimmed. `journal_bytes`, `archive_bytes`: what the two
 * take on the disk. Counters since the start of the daemon: `requests`, `errors`, `commits`,
 * `snapshots` that were written, `trims` of the journal.
 * `consumer_status` has at most 100 of the `consumers`, those first that are furthest behind. */
#define RENTBUS_STATS_RESULT(F, S)                                                                 \
    F(S, REQUIRED, UINT, head, none)                                                               \
    F(S, REQUIRED, UINT, open, none)                                                               \
    F(S, OPTIONAL, UINT, trims, none)                                                              \
    F(S, REQUIRED, UINT, users, none)                                                              \
    F(S, REQUIRED, UINT, assets, none)                                                             \
    F(S, REQUIRED, UINT, errors, none)                                                             \
    F(S, REQUIRED, UINT, parked, none)                                                             \
    F(S, REQUIRED, UINT, commits, none)                                                            \
    F(S, REQUIRED, UINT, devices, none)                                                            \
    F(S, REQUIRED, UINT, expired, none)                                                            \
    F(S, REQUIRED, UINT, flagged, none)                                                            \
    F(S, REQUIRED, UINT, rentals, none)                                                            \
    F(S, REQUIRED, UINT, returns, none)                                                            \
    F(S, REQUIRED, UINT, stalled, none)                                                            \
    F(S, REQUIRED, UINT, requests, none)                                                           \
    F(S, REQUIRED, UINT, consumers, none)                                                          \
    F(S, REQUIRED, UINT, first_seq, none)                                                          \
    F(S, REQUIRED, UINT, locations, none)                                                          \
    F(S, OPTIONAL, UINT, snapshots, none)                                                          \
    F(S, REQUIRED, TIME, started_at, none)                                                         \
    F(S, REQUIRED, UINT, asset_types, none)                                                        \
    F(S, OPTIONAL, TIME, snapshot_at, none)                                                        \
    F(S, REQUIRED, UINT, archived_seq, none)                                                       \
    F(S, REQUIRED, UINT, missed_scans, none)                                                       \
    F(S, REQUIRED, UINT, snapshot_seq, none)                                                       \
    F(S, REQUIRED, UINT, archive_bytes, none)                                                      \
    F(S, REQUIRED, UINT, journal_bytes, none)                                                      \
    F(S, REQUIRED, MAPS, returns_by_day, day_returns)                                              \
    F(S, REQUIRED, MAPS, consumer_status, consumer_status)                                         \
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

/* `problem` names the first difference; absent when journal, ledger and archive agree. `events` are
 * those that were checked: from `first_seq` on, when the journal was trimmed. */
#define RENTBUS_VERIFY_RESULT(F, S)                                                                \
    F(S, REQUIRED, HASH, hash, none)                                                               \
    F(S, REQUIRED, UINT, events, none)                                                             \
    F(S, OPTIONAL, TEXT, problem, none)                                                            \
    F(S, REQUIRED, UINT, rentals, none)                                                            \
    F(S, REQUIRED, UINT, commands, none)                                                           \
    F(S, OPTIONAL, UINT, first_seq, none)

/* `seq` is that of the last event in the snapshot, `time` when it was recorded, `bytes` what the
 * file takes, and `took_ms` how long it took to write. */
#define RENTBUS_SNAPSHOT_RESULT(F, S)                                                              \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, REQUIRED, TIME, time, none)                                                               \
    F(S, REQUIRED, UINT, bytes, none)                                                              \
    F(S, REQUIRED, UINT, took_ms, none)

/* `first_seq` is that of the first event left, `events` how many went, and `bytes` what they took.
 * Of a dry run: what would be. */
#define RENTBUS_TRIM_RESULT(F, S)                                                                  \
    F(S, REQUIRED, UINT, bytes, none)                                                              \
    F(S, REQUIRED, UINT, events, none)                                                             \
    F(S, REQUIRED, UINT, first_seq, none)

#define RENTBUS_CONSUMER_RESULT(F, S) F(S, REQUIRED, MAP, consumer, consumer_status)

#define RENTBUS_CONSUMER_PAGE(F, S)                                                                \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, REQUIRED, MAPS, consumers, consumer_status)

/* `attempt` counts from 1. */
#define RENTBUS_DELIVERY(F, S)                                                                     \
    F(S, REQUIRED, MAP, event, event)                                                              \
    F(S, REQUIRED, UINT, lease, none)                                                              \
    F(S, REQUIRED, UINT, attempt, none)

#define RENTBUS_FETCH_RESULT(F, S) F(S, REQUIRED, MAPS, deliveries, delivery)

/* `seq` is that of the last event published. */
#define RENTBUS_ACK_RESULT(F, S)                                                                   \
    F(S, OPTIONAL, UINT, seq, none)                                                                \
    F(S, REQUIRED, UINT, acked, none)

/* When it is tried again, unless it is being parked. */
#define RENTBUS_NACK_RESULT(F, S)                                                                  \
    F(S, REQUIRED, BOOL, parked, none)                                                             \
    F(S, OPTIONAL, TIME, retry_at, none)

#define RENTBUS_EXTEND_RESULT(F, S) F(S, REQUIRED, TIME, until, none)

/* A parked event, with what was said of its attempts. */
#define RENTBUS_PARKED(F, S)                                                                       \
    F(S, REQUIRED, MAP, event, event)                                                              \
    F(S, REQUIRED, UINT, attempts, none)                                                           \
    F(S, REQUIRED, MAPS, failures, failure)                                                        \
    F(S, REQUIRED, TIME, parked_at, none)

#define RENTBUS_PARKED_PAGE(F, S)                                                                  \
    F(S, OPTIONAL, TEXT, cursor, none)                                                             \
    F(S, REQUIRED, MAPS, parked, parked)

#endif
