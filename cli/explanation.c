/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/explanation.h"

static const char *const reasons[] = {
    [RENTBUS_REASON_ASSET_UNKNOWN] = "nobody put such an asset",
    [RENTBUS_REASON_USER_UNKNOWN] = "nobody put such a user",
    [RENTBUS_REASON_NO_OPEN_RENTAL] = "there was no open rental that it could be about",
    [RENTBUS_REASON_RENTAL_EXPIRED] = "the rental was past its time",
    [RENTBUS_REASON_ASSET_TYPE_NOT_ELIGIBLE] = "no open rental takes an asset of this type back",
    [RENTBUS_REASON_ALREADY_RETURNED] = "the asset had come back already",
    [RENTBUS_REASON_CLOCK_SKEW] = "the scan was further in the future than the policy allows",
    [RENTBUS_REASON_ALREADY_OUT] = "the asset was out with this user already",
    [RENTBUS_REASON_USER_LIMIT] = "the user had as much out as a user may have",
    [RENTBUS_REASON_TYPE_LIMIT] = "the user had as many of this type out as a user may have",
    [RENTBUS_REASON_USER_BLOCKED] = "the user was blocked",
    [RENTBUS_REASON_RENTAL_CLOSED] = "the rental was closed already",
    [RENTBUS_REASON_RENEWAL_LIMIT] = "the rental had been renewed as often as it may be",
    [RENTBUS_REASON_NOT_LATER] = "it would not end later than it does",
    [RENTBUS_REASON_NOT_FLAGGED] = "the rental had no flag",
    [RENTBUS_REASON_ASSET_OUT] = "its asset was out on another rental",
};

static const char *const outcomes[] = {
    [RENTBUS_OUTCOME_CREATED] = "something new is in the ledger",
    [RENTBUS_OUTCOME_COMPLETED] = "a rental was completed",
    [RENTBUS_OUTCOME_UPDATED] = "something was changed",
    [RENTBUS_OUTCOME_UNCHANGED] = "everything was so already",
    [RENTBUS_OUTCOME_ALREADY_OUT] = "the asset was out with this user already",
    [RENTBUS_OUTCOME_REJECTED] = "a rule stood against it",
};

static const char *const verdicts[] = {
    [RENTBUS_VERDICT_chosen] = "chosen",
    [RENTBUS_VERDICT_behind] = "fits, but another one goes before it",
    [RENTBUS_VERDICT_expired] = "was past its time",
    [RENTBUS_VERDICT_not_eligible] = "takes no asset of this type back",
    [RENTBUS_VERDICT_not_named] = "is not the one that the return was about",
};

/* What a command does that begins with the event. */
static const struct {
    enum rentbus_event_type type;
    const char *words;
} events[] = {
    {RENTBUS_RENTAL_RETURN_EVENT, "return"},
    {RENTBUS_RENTAL_CHECKOUT_EVENT, "checkout"},
    {RENTBUS_RENTAL_IMPORTED_EVENT, "import"},
    {RENTBUS_RENTAL_RENEWED_EVENT, "renew"},
    {RENTBUS_RENTAL_FORGIVEN_EVENT, "forgive"},
    {RENTBUS_RENTAL_FLAGGED_EVENT, "flag"},
    {RENTBUS_RENTAL_UNFLAGGED_EVENT, "unflag"},
    {RENTBUS_USER_CREATED_EVENT, "user put"},
    {RENTBUS_USER_UPDATED_EVENT, "user put"},
    {RENTBUS_USER_BLOCKED_EVENT, "user block"},
    {RENTBUS_USER_UNBLOCKED_EVENT, "user unblock"},
    {RENTBUS_ASSET_CREATED_EVENT, "asset put"},
    {RENTBUS_ASSET_UPDATED_EVENT, "asset put"},
    {RENTBUS_ASSET_TYPE_CREATED_EVENT, "asset-type put"},
    {RENTBUS_ASSET_TYPE_UPDATED_EVENT, "asset-type put"},
    {RENTBUS_LOCATION_CREATED_EVENT, "location put"},
    {RENTBUS_LOCATION_UPDATED_EVENT, "location put"},
    {RENTBUS_POLICY_UPDATED_EVENT, "policy put"},
};

static const char *words_of(const char *const *words, size_t count, int value)
{
    bool known = value > 0 && (size_t)value < count && words[value];
    return known ? words[value] : "";
}

const char *cli_explanation_of_reason(struct rentbus_text reason)
{
    return words_of(reasons, sizeof(reasons) / sizeof(reasons[0]),
                    rentbus_word_find(&rentbus_reason_words, reason));
}

const char *cli_explanation_of_outcome(enum rentbus_outcome outcome)
{
    return words_of(outcomes, sizeof(outcomes) / sizeof(outcomes[0]), (int)outcome);
}

const char *cli_explanation_of_verdict(enum rentbus_verdict verdict)
{
    return words_of(verdicts, sizeof(verdicts) / sizeof(verdicts[0]), (int)verdict);
}

const char *cli_explanation_of_event(struct rentbus_text type)
{
    enum rentbus_event_type found = rentbus_event_type_find(type);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (events[i].type == found)
            return events[i].words;
    return NULL;
}
