/* SPDX-License-Identifier: MPL-2.0 */
/* The rules: what a command means for the ledger as it is. Pure: no clock, no I/O, no randomness.
 */
#ifndef RENTBUS_LEDGER_DECIDE_H
#define RENTBUS_LEDGER_DECIDE_H

#include "daemon/ledger/event.h"
#include "daemon/ledger/ledger.h"

/* The most events that one command makes: a late checkout that closes a missed rental and leaves a
 * gap makes five. */
#define LEDGER_DECISION_MAX 6

/* A loan without a period of its own or of its asset type: 7 days. */
#define LEDGER_LOAN_PERIOD_DEFAULT (INT64_C(7) * 86400)

struct ledger_context {
    int64_t now;                       /* microseconds since 1970 */
    uint64_t next_seq;                 /* the seq that the first event of the decision will have */
    struct rentbus_text new_rental_id; /* for a rental that the command may create */
    /* The closed rental that the command names (`rental_id`, or `id` of an import) when the ledger
     * no longer holds it and the archive does; or NULL. */
    const struct rentbus_rental *archived;
};

struct ledger_decision {
    size_t count;
    struct ledger_event events[LEDGER_DECISION_MAX];
};

/* Decides a well-formed command. 0 and at least one event in *decision; or an error code with
 * *fault, when the command cannot be taken and nothing is to be journaled: NOT_FOUND (a rental_id
 * nobody knows, a block of an unknown user, an import naming an unknown user or asset), CONFLICT
 * (an import of a second open rental of one asset), INVALID_ARGUMENT (fields that contradict each
 * other, an empty override). A scan with a device_seq that came already changes nothing. Texts of
 * the decision point into the command, the context and the ledger: use them before the next
 * ledger_apply() that is not of this decision. */
int ledger_decide(const struct ledger *ledger, const struct ledger_command *command,
                  const struct ledger_context *context, struct ledger_decision *decision,
                  struct rentbus_fault *fault) __attribute__((warn_unused_result));

/* Returns true to go on, false to stop behind this one. */
typedef bool ledger_candidate_visitor(void *context, const struct rentbus_rental *rental,
                                      enum rentbus_verdict verdict);
/* Visits the rentals that ledger_decide() would choose from for this return, as they are before it,
 * in the order in which it looks. Of a return that names a rental: that one, then the other open
 * ones of the user as not_named. Of one that names no user: the rental that holds the asset, then
 * the other open ones of its user as not_named. Else all open ones of the user. None of a return
 * that is rejected before there is anything to choose: what it names is unknown, it is too far in
 * the future, or its asset is back already. The views live until the visitor returns, their texts
 * until the next ledger_apply(). */
void ledger_candidates(const struct ledger *ledger, const struct ledger_scan *scan,
                       const struct ledger_context *context, ledger_candidate_visitor *visit,
                       void *visit_context);

/* The earliest time, in microseconds since 1970, at which a rental has something to be told of it:
 * INT64_MAX when none has. */
int64_t ledger_timer_next(const struct ledger *ledger);
/* Decides what is due at context->now: at most LEDGER_DECISION_MAX events in the order of their due
 * times (then of created_seq), none when nothing is due. Apply them and ask again for the rest.
 * RENTAL_DUE_SOON_EVENT is due `due_soon_lead` of the asset type before expires_at, and no more
 * when that has passed; RENTAL_EXPIRED_EVENT is due one microsecond behind expires_at. Each comes
 * once for a rental and an expires_at. The lead counts that the type has when the rental begins, or
 * is renewed. Texts as those of ledger_decide(). Not const: it may find that the moment to warn was
 * slept through, and need not find that again; what can be seen does not change. */
void ledger_decide_timers(struct ledger *ledger, const struct ledger_context *context,
                          struct ledger_decision *decision);

/* What the events of one command, in order, say to whoever sent it. `last_seq` is the seq of the
 * last of them. The result borrows the texts of the events. The same for a live decision and for
 * events read back from the journal. */
void ledger_outcome(const struct ledger_event *events, size_t count, uint64_t last_seq,
                    struct rentbus_command_result *result);

#endif
