/* SPDX-License-Identifier: MPL-2.0 */
/* The rows of arguments: a part of the table of schema.h. */
#ifndef RENTBUS_ARGUMENTS_H
#define RENTBUS_ARGUMENTS_H

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
    F(S, OPTIONAL, TYPES, types, none)                                                             \
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

/* A device as another ledger knew it: every scan up to `device_seq` came, but for those in the
 * holes, which are ascending, apart from each other, and before `device_seq`. At most
 * RENTBUS_HOLES_MAX. A device that the ledger has already is left as it is. */
#define RENTBUS_IMPORT_DEVICE_ARGS(F, S)                                                           \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, MAPS, holes, device_hole)                                                       \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, REQUIRED, UINT, device_seq, none)

/* Made, or changed: then its cursor stays. At most one of `start`, `since` and `from_seq` says
 * where a new one begins; at what comes from now on by default. The rest has its defaults: leases
 * of 30 s, 8 attempts, backoff from 1 s to 5 min. */
#define RENTBUS_CONSUMER_PUT_ARGS(F, S)                                                            \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TIME, since, none)                                                              \
    F(S, OPTIONAL, WORD, start, beginning)                                                         \
    F(S, OPTIONAL, TYPES, types, none)                                                             \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, ID, user_id, none)                                                              \
    F(S, OPTIONAL, UINT, from_seq, none)                                                           \
    F(S, OPTIONAL, UINT, lease_ms, none)                                                           \
    F(S, OPTIONAL, ID, asset_type, none)                                                           \
    F(S, OPTIONAL, UINT, backoff_ms, none)                                                         \
    F(S, OPTIONAL, ID, location_id, none)                                                          \
    F(S, OPTIONAL, UINT, max_attempts, none)                                                       \
    F(S, OPTIONAL, UINT, backoff_max_ms, none)

#define RENTBUS_CONSUMER_GET_ARGS(F, S) F(S, REQUIRED, ID, id, none)

#define RENTBUS_PAGE_ARGS(F, S)                                                                    \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, TEXT, cursor, none)

/* Consumer, by id. */
#define RENTBUS_CONSUMER_ARGS(F, S)                                                                \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, BOOL, dry_run, none)

/* Exactly one of the three. Attempts are forgotten, parked events stay. */
#define RENTBUS_CONSUMER_RESET_ARGS(F, S)                                                          \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, TIME, since, none)                                                              \
    F(S, OPTIONAL, WORD, start, beginning)                                                         \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, UINT, from_seq, none)

/* The event counts as done, whatever its state. */
#define RENTBUS_CONSUMER_SKIP_ARGS(F, S)                                                           \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, OPTIONAL, BOOL, dry_run, none)

/* Parked events: those of `seqs` (at most 1,000), or `all`, which are the oldest 1,000 when there
 * are more: to be asked for again until none is left. */
#define RENTBUS_CONSUMER_PARKED_ARGS(F, S)                                                         \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, BOOL, all, none)                                                                \
    F(S, OPTIONAL, MAPS, seqs, seq_ref)                                                            \
    F(S, OPTIONAL, BOOL, dry_run, none)

#define RENTBUS_PARKED_ARGS(F, S)                                                                  \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, OPTIONAL, UINT, limit, none)                                                              \
    F(S, OPTIONAL, TEXT, cursor, none)

/* At most `credit` events (at most 1,000), waiting `wait_ms` (at most 60,000) for the first. A
 * `worker` is one of the consumer's; a newer `incarnation` of it (a UUIDv7) takes over what the
 * older one had in its hands, and the older one is refused from then on. */
#define RENTBUS_FETCH_ARGS(F, S)                                                                   \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, UINT, credit, none)                                                             \
    F(S, REQUIRED, ID, worker, none)                                                               \
    F(S, OPTIONAL, UINT, wait_ms, none)                                                            \
    F(S, REQUIRED, UUID, incarnation, none)

/* All of them, or none. With `publish` (at most RENTBUS_PUBLISH_MAX) these events are recorded, and
 * the acknowledgement with them; the request's id is then its idempotency key. */
#define RENTBUS_ACK_ARGS(F, S)                                                                     \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, MAPS, acks, lease_ref)                                                          \
    F(S, REQUIRED, ID, worker, none)                                                               \
    F(S, OPTIONAL, MAPS, publish, new_event)                                                       \
    F(S, REQUIRED, UUID, incarnation, none)

/* The attempt failed. `delay_ms` instead of the backoff; `fatal` parks at once. Or there was none:
 * `untried`, which stands without these, gives back what was not begun; it does not count. */
#define RENTBUS_NACK_ARGS(F, S)                                                                    \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, UINT, seq, none)                                                                \
    F(S, OPTIONAL, TEXT, error, none)                                                              \
    F(S, OPTIONAL, BOOL, fatal, none)                                                              \
    F(S, REQUIRED, UINT, lease, none)                                                              \
    F(S, REQUIRED, ID, worker, none)                                                               \
    F(S, OPTIONAL, BOOL, untried, none)                                                            \
    F(S, OPTIONAL, UINT, delay_ms, none)                                                           \
    F(S, REQUIRED, UUID, incarnation, none)

/* The leases end `lease_ms` from now, or as long from now as those of the consumer last. */
#define RENTBUS_EXTEND_ARGS(F, S)                                                                  \
    F(S, REQUIRED, ID, id, none)                                                                   \
    F(S, REQUIRED, MAPS, leases, lease_ref)                                                        \
    F(S, REQUIRED, ID, worker, none)                                                               \
    F(S, OPTIONAL, UINT, lease_ms, none)                                                           \
    F(S, REQUIRED, UUID, incarnation, none)

/* At most RENTBUS_PUBLISH_MAX. `cause`: the seq of the event that led to them. */
#define RENTBUS_PUBLISH_ARGS(F, S)                                                                 \
    F(S, OPTIONAL, UINT, cause, none)                                                              \
    F(S, REQUIRED, MAPS, events, new_event)                                                        \
    F(S, OPTIONAL, BOOL, dry_run, none)

/* What the journal may let go of: the events before a seq, or those that are older than a period.
 * Exactly one of the two. */
#define RENTBUS_TRIM_ARGS(F, S)                                                                    \
    F(S, OPTIONAL, BOOL, dry_run, none)                                                            \
    F(S, OPTIONAL, UINT, before_seq, none)                                                         \
    F(S, OPTIONAL, DURATION, older_than, none)

#endif
