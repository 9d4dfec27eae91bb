/* SPDX-License-Identifier: MPL-2.0 */
/* The first part of the table of schema.h: the closed sets of words. */
#ifndef RENTBUS_WORDS_H
#define RENTBUS_WORDS_H

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

/* Why a command had no effect. ALREADY_OUT belongs to the checkout of a thing that its user holds.
 * NOT_LATER: a renewal that would not end later than the rental does. ASSET_OUT: a rental cannot be
 * opened again since its asset is out on another one. */
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
    WORD(P, TYPE_LIMIT)                                                                            \
    WORD(P, USER_BLOCKED)                                                                          \
    WORD(P, RENTAL_CLOSED)                                                                         \
    WORD(P, RENEWAL_LIMIT)                                                                         \
    WORD(P, NOT_LATER)                                                                             \
    WORD(P, NOT_FLAGGED)                                                                           \
    WORD(P, ASSET_OUT)

/* What chose the rental that a return completed. */
#define RENTBUS_MATCHED_BY_WORDS(WORD, P)                                                          \
    WORD(P, oldest)                                                                                \
    WORD(P, exact_asset)                                                                           \
    WORD(P, soonest_expiry)                                                                        \
    WORD(P, rental_id)                                                                             \
    WORD(P, last_holder)

/* What closed a rental: its return; a checkout of its asset that shows that a return was missed; a
 * person; or its own checkout, which came after its return had been scanned. */
#define RENTBUS_CLOSED_BY_WORDS(WORD, P)                                                           \
    WORD(P, return_scan)                                                                           \
    WORD(P, missed_scan)                                                                           \
    WORD(P, forgive)                                                                               \
    WORD(P, flag)                                                                                  \
    WORD(P, late_checkout)

/* What a return made of a rental that it could have completed. behind: it fits, and another one
 * goes before it. not_named: the return names another rental, or was of an asset that another
 * holds. */
#define RENTBUS_VERDICT_WORDS(WORD, P)                                                             \
    WORD(P, chosen)                                                                                \
    WORD(P, behind)                                                                                \
    WORD(P, expired)                                                                               \
    WORD(P, not_eligible)                                                                          \
    WORD(P, not_named)

/* Where a consumer begins: with the first event there is, or with the next one. */
#define RENTBUS_BEGINNING_WORDS(WORD, P)                                                           \
    WORD(P, first)                                                                                 \
    WORD(P, new)

/* What a principal may do: read; scan at its own locations; run the desk; keep its own consumers;
 * everything. */
#define RENTBUS_ROLE_WORDS(WORD, P)                                                                \
    WORD(P, reader)                                                                                \
    WORD(P, kiosk)                                                                                 \
    WORD(P, clerk)                                                                                 \
    WORD(P, lambda)                                                                                \
    WORD(P, admin)

/* Policy: which of the rentals that a return fits it completes. */
#define RENTBUS_RETURN_MATCH_WORDS(WORD, P)                                                        \
    WORD(P, oldest)                                                                                \
    WORD(P, exact_asset_first)                                                                     \
    WORD(P, soonest_expiry)

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
    WORD(P, INTERNAL)                                                                              \
    WORD(P, TRIMMED)

/* WORD SET(name, enum prefix, words) */
#define RENTBUS_WORD_SETS(SET)                                                                     \
    SET(status, STATUS, RENTBUS_STATUS_WORDS)                                                      \
    SET(outcome, OUTCOME, RENTBUS_OUTCOME_WORDS)                                                   \
    SET(reason, REASON, RENTBUS_REASON_WORDS)                                                      \
    SET(matched_by, MATCHED_BY, RENTBUS_MATCHED_BY_WORDS)                                          \
    SET(closed_by, CLOSED_BY, RENTBUS_CLOSED_BY_WORDS)                                             \
    SET(return_match, RETURN_MATCH, RENTBUS_RETURN_MATCH_WORDS)                                    \
    SET(verdict, VERDICT, RENTBUS_VERDICT_WORDS)                                                   \
    SET(beginning, BEGINNING, RENTBUS_BEGINNING_WORDS)                                             \
    SET(role, ROLE, RENTBUS_ROLE_WORDS)                                                            \
    SET(error_code, ERROR, RENTBUS_ERROR_WORDS)

#endif
