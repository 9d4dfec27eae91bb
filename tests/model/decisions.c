/* SPDX-License-Identifier: MPL-2.0 */
/* The half of check.h that is about what is decided. */
#include <string.h>

#include "daemon/ledger/codec.h"
#include "sdk/protocol/text.h"
#include "tests/model/check.h"
#include "tests/model/log.h"

bool check_event(struct check_report *report, const struct ledger_event *expected,
                 const struct ledger_event *actual)
{
    const char *type = rentbus_word_text(&rentbus_event_type_words, (int)expected->type);
    if (expected->type != actual->type)
        return check_fail(report, "event: model %s, ledger %s", type,
                          rentbus_word_text(&rentbus_event_type_words, (int)actual->type));
    if (!expected->subject.data != !actual->subject.data ||
        !rentbus_text_equal(expected->subject, actual->subject))
        return check_fail(report, "subject of %s: model \"%.*s\", ledger \"%.*s\"", type,
                          RENTBUS_TEXT_ARGS(expected->subject), RENTBUS_TEXT_ARGS(actual->subject));
    if (expected->type == RENTBUS_EVENT_NONE)
        return true;
    return check_same(report, type, log_schema(expected), ledger_event_data(expected),
                      ledger_event_data(actual));
}

bool check_refusal(const struct model_decision *expected, int code,
                   const struct rentbus_fault *fault, struct check_report *report)
{
    if (code != (int)expected->error || (code > 0 && fault->code != expected->error))
        return check_fail(
            report, "ledger_decide: model %s %s, ledger %d (%s %s)",
            rentbus_word_text(&rentbus_error_code_words, (int)expected->error), expected->field,
            code, rentbus_word_text(&rentbus_error_code_words, (int)fault->code), fault->field);
    if (code > 0 && strcmp(fault->field, expected->field) != 0)
        return check_fail(report, "field of the error: model \"%s\", ledger \"%s\"",
                          expected->field, fault->field);
    if (code > 0 && fault->message[0] == '\0')
        return check_fail(report, "an error without a message");
    return true;
}

bool check_decision(const struct model_decision *expected, const struct ledger_decision *actual,
                    struct check_report *report)
{
    struct ledger_event view;
    for (size_t i = 0; i < expected->count && i < actual->count; i++) {
        view_event(&expected->events[i], &view);
        if (!check_event(report, &view, &actual->events[i]))
            return false;
    }
    if (expected->count != actual->count)
        return check_fail(report, "model decides %zu events, ledger %zu", expected->count,
                          actual->count);
    return true;
}

/* ---- what a return chose from ---- */

/* The candidates as they are visited. */
struct visit {
    struct check_report *report;
    const struct model_candidate *expected;
    size_t count;
    size_t next;
    bool failed;
};

static bool visit_candidate(void *context, const struct rentbus_rental *rental,
                            enum rentbus_verdict verdict)
{
    struct visit *visit = context;
    struct rentbus_rental expected;
    visit->failed = true;
    if (visit->next == visit->count)
        return check_fail(visit->report, "candidate %.*s (%s): the model has no more than %zu",
                          RENTBUS_TEXT_ARGS(rental->id),
                          rentbus_word_text(&rentbus_verdict_words, (int)verdict), visit->count);
    const struct model_candidate *candidate = &visit->expected[visit->next++];
    view_rental(candidate->rental, &expected);
    if (!check_same(visit->report, "a candidate", &rentbus_rental_schema, &expected, rental))
        return false;
    if (candidate->verdict != verdict)
        return check_fail(visit->report, "candidate %s: model %s, ledger %s",
                          candidate->rental->id.text,
                          rentbus_word_text(&rentbus_verdict_words, (int)candidate->verdict),
                          rentbus_word_text(&rentbus_verdict_words, (int)verdict));
    visit->failed = false;
    return true;
}

bool check_candidates(struct check_report *report, const struct ledger *ledger,
                      const struct ledger_scan *scan, const struct ledger_context *context,
                      const struct model_candidate *expected, size_t count)
{
    struct visit visit = {.report = report, .expected = expected, .count = count};
    ledger_candidates(ledger, scan, context, visit_candidate, &visit);
    if (visit.failed)
        return false;
    return visit.next == count ||
           check_fail(report, "the ledger visits %zu of %zu candidates", visit.next, count);
}
