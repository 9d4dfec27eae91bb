/* SPDX-License-Identifier: MPL-2.0 */
/* The rules that a ledger may choose, as the deciders read them. */
#ifndef RENTBUS_LEDGER_POLICY_H
#define RENTBUS_LEDGER_POLICY_H

#include "daemon/ledger/names.h"
#include "sdk/protocol/schema.h"

/* What becomes of a return that is too late for every rental that it fits. */
struct ledger_late_return {
    int64_t forgiven; /* seconds behind expires_at that still count as in time */
    bool flags;       /* FLAGGED instead of rejected */
};

struct ledger_policy {
    uint64_t version;
    uint64_t user_limit;             /* 0: none */
    int64_t max_skew;                /* microseconds */
    int64_t renewal_grace;           /* microseconds */
    struct ledger_name *late_return; /* a reference; NULL: the default */
    struct ledger_late_return late;  /* what it says */
    enum rentbus_return_match return_match;
};

/* Before the first POLICY_UPDATED_EVENT. */
extern const struct ledger_policy ledger_policy_default;

/* Reads "reject", "flag" or "forgive_within:" and a duration; false when it is none of them. */
bool ledger_late_return_parse(struct rentbus_text text, struct ledger_late_return *late);
/* The text is borrowed from the policy. */
void ledger_policy_view(const struct ledger_policy *policy, struct rentbus_policy *view);

#endif
