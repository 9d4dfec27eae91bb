/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Cases that histories have to come upon: meetings of rules that no single word of an event shows.
 */
#ifndef RENTBUS_MODEL_CASES_H
#define RENTBUS_MODEL_CASES_H

#include "tests/model/model.h"

/* CASE(name, how often it has to come in 20,000 commands, what it is) */
#define MODEL_CASES(CASE)                                                                          \
    CASE(LATE_FREE, 30, "a late checkout of a thing that is not out")                              \
    CASE(LATE_MISSED, 20, "a late checkout that closes a missed rental")                           \
    CASE(LATE_OTHERS, 20, "a late checkout of a thing that somebody took later")                   \
    CASE(LATE_OWN, 10, "a late checkout of a thing that its user took again later")                \
    CASE(LATE_STANDS, 20, "a late checkout that no block or limit may stand against")              \
    CASE(LATE_OVERRIDE, 10, "a late checkout with an override")                                    \
    CASE(LATE_ANYBODY, 20, "a late checkout for a return that named no user")                      \
    CASE(LATE_CHOICE, 20, "a late checkout with more than one return to answer")                   \
    CASE(LATE_TIE, 4, "a late checkout with two returns of one time")                              \
    CASE(LATE_BEGIN, 10, "a return at the very time of its late checkout")                         \
    CASE(LATE_END, 10, "a return at the very end of a late checkout")                              \
    CASE(LATE_MARKED, 20, "a late checkout behind which the thing is known to be back")            \
    CASE(LATE_MARK_KEPT, 3, "a late checkout of a thing that is back from somebody")               \
    CASE(LATE_GAP, 5, "a late checkout behind a gap")                                              \
    CASE(LATE_MISSED_GAP, 1, "a late checkout with all the events there can be")                   \
    CASE(NOT_LATE_USER, 10, "a return of somebody else that a checkout does not answer")           \
    CASE(NOT_LATE_TYPE, 5, "a return of a type that a checkout does not take")                     \
    CASE(NOT_LATE_BEFORE, 20, "a return before its checkout")                                      \
    CASE(NOT_LATE_END, 5, "a return behind the end of its checkout")                               \
    CASE(OUT_FIRST, 5, "a checkout of what is out already, with a return to answer")               \
    CASE(UNANSWERED_NONE, 50, "an unanswered return without an open rental")                       \
    CASE(UNANSWERED_TYPE, 50, "an unanswered return of a type that is not eligible")               \
    CASE(UNANSWERED_EXPIRED, 20, "an unanswered return of an expired rental")                      \
    CASE(UNANSWERED_FIFTH, 20, "a fifth unanswered return")                                        \
    CASE(DEVICE_FIRST, 10, "a device that scans for the first time")                               \
    CASE(DEVICE_NEXT, 100, "a scan that is the next of its device")                                \
    CASE(DEVICE_GAP, 50, "a scan behind a gap")                                                    \
    CASE(DEVICE_RESEND, 50, "a scan that came already")                                            \
    CASE(DEVICE_REJECTED, 50, "a rejected scan of a device")                                       \
    CASE(DEVICE_END, 1, "a scan with the greatest of numbers")                                     \
    CASE(HOLE_SHRUNK, 20, "a hole that shrinks")                                                   \
    CASE(HOLE_SPLIT, 20, "a hole that is split")                                                   \
    CASE(HOLE_FILLED, 20, "a hole that is filled")                                                 \
    CASE(DEVICE_IMPORT, 5, "an import of a device that left scans out")                            \
    CASE(DEVICE_IMPORT_MOST, 1, "an import of a device with as many holes as can be")              \
    CASE(DEVICE_IMPORT_MANY, 1, "an import of a device with more holes than can be")               \
    CASE(DEVICE_IMPORT_RESEND, 5, "a scan that came to another ledger already")                    \
    CASE(DEVICE_IMPORT_HOLE, 5, "a scan that did not come to another ledger")                      \
    CASE(DEVICE_TIME, 100, "a scan by a clock that was off")                                       \
    CASE(OVERRIDE_BLOCK, 10, "an overridden block")                                                \
    CASE(OVERRIDE_USER_LIMIT, 8, "an overridden limit of the user")                                \
    CASE(OVERRIDE_TYPE_LIMIT, 1, "an overridden limit of the type")                                \
    CASE(OVERRIDE_MANY, 1, "a checkout with several rules overridden")                             \
    CASE(OVERRIDE_MISSED, 5, "an overridden checkout that closes a missed rental")                 \
    CASE(OVERRIDE_RENEW_EXPIRED, 5, "an overridden end of a renewal")                              \
    CASE(OVERRIDE_RENEW_LIMIT, 5, "an overridden limit of renewals")                               \
    CASE(OVERRIDE_RENEW_BOTH, 2, "both rules of a renewal overridden")                             \
    CASE(OVERRIDE_RENEW_NOT, 2, "an override that does not make a renewal later")                  \
    CASE(OVERRIDE_REJECT, 10, "an overridden end under late_return reject")                        \
    CASE(OVERRIDE_FLAG, 3, "an overridden end under late_return flag")                             \
    CASE(OVERRIDE_GRACE, 5, "an overridden end under late_return forgive_within")                  \
    CASE(OVERRIDE_NOTHING, 50, "an override that nothing stands against")                          \
    CASE(OVERRIDE_VAIN, 20, "an override of what cannot be overridden")                            \
    CASE(OVERRIDE_EMPTY, 5, "an override that says nothing")                                       \
    CASE(IMPORT_REV, 20, "an import with its rev")                                                 \
    CASE(IMPORT_MARK, 5, "an import of a thing that is back")                                      \
    CASE(IMPORT_MARK_ASSET, 1, "an import that says what came back")                               \
    CASE(IMPORT_MARK_OUT, 2, "an import of a return of a thing that is out")                       \
    CASE(IMPORT_NO_REV, 1, "an import with a rev of 0")                                            \
    CASE(IMPORT_MANY, 1, "an import with more changes than can be counted")                        \
    CASE(IMPORT_OPEN, 5, "an open import that says how it ended")                                  \
    CASE(IMPORT_NOT_RETURNED, 1, "an import with a returned asset and no return")                  \
    CASE(IMPORT_ASSET_UNKNOWN, 1, "an import of the return of an unknown thing")

#define MODEL_CASE_ENUMERATOR(name, least, text) CASE_##name,
enum model_case { MODEL_CASES(MODEL_CASE_ENUMERATOR) CASE_COUNT };

struct model_case_row {
    size_t least;
    const char *text;
};
extern const struct model_case_row model_case_rows[CASE_COUNT];

/* Counts in `counts`, of CASE_COUNT, what the command is that comes to the decision in `state`. */
void model_cases_count(const struct model_state *state, const struct model_command *command,
                       const struct model_decision *decision, size_t *counts);

#endif
