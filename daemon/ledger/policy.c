/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/policy.h"

#include "daemon/ledger/state.h"
#include "sdk/protocol/time.h"

#define LATE_REJECT "reject"
#define LATE_FLAG "flag"
#define LATE_FORGIVE "forgive_within:"

const struct ledger_policy ledger_policy_default = {
    .max_skew = 300 * RENTBUS_SECOND,
    .return_match = RENTBUS_RETURN_MATCH_oldest,
};

bool ledger_late_return_parse(struct rentbus_text text, struct ledger_late_return *late)
{
    const size_t prefix = sizeof(LATE_FORGIVE) - 1;
    struct ledger_late_return parsed = {0};

    if (text.length > prefix && memcmp(text.data, LATE_FORGIVE, prefix) == 0) {
        struct rentbus_text duration = {text.data + prefix, text.length - prefix};

        if (!rentbus_duration_parse(duration, &parsed.forgiven))
            return false;
    } else if (rentbus_text_equal(text, rentbus_text(LATE_FLAG))) {
        parsed.flags = true;
    } else if (!rentbus_text_equal(text, rentbus_text(LATE_REJECT))) {
        return false;
    }
    *late = parsed;
    return true;
}

void ledger_policy_view(const struct ledger_policy *policy, struct rentbus_policy *view)
{
    view->has = 0;
    RENTBUS_SET(view, policy, version, policy->version);
    RENTBUS_SET(view, policy, max_skew, policy->max_skew / RENTBUS_SECOND);
    RENTBUS_SET(view, policy, renewal_grace, policy->renewal_grace / RENTBUS_SECOND);
    RENTBUS_SET(view, policy, return_match, policy->return_match);
    RENTBUS_SET(view, policy, late_return,
                policy->late_return ? ledger_name_text(policy->late_return)
                                    : rentbus_text(LATE_REJECT));
    if (policy->user_limit > 0)
        RENTBUS_SET(view, policy, user_limit, policy->user_limit);
}

void ledger_policy_get(const struct ledger *ledger, struct rentbus_policy *policy)
{
    ledger_policy_view(&ledger->policy, policy);
}
