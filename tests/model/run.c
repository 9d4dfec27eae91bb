/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ledger/codec.h"
#include "daemon/ledger/decide.h"
#include "sdk/protocol/text.h"
#include "tests/model/log.h"
#include "tests/model/reborn.h"

/* Every filter of every list, after so many steps. */
#define THOROUGH_EVERY 128

/* A timer that went off, and is not rolled back. */
struct told {
    uint64_t seq;
    enum rentbus_event_type type;
    struct model_text rental_id;
    int64_t expires_at;
};

/* An event that is not durable, and the digest of the ledger behind it; 0: not looked at. */
struct pending {
    struct model_event event;
    uint64_t digest;
};

struct run {
    struct ledger *ledger;
    struct ledger *shadow;
    struct model_state *now;
    struct model_state *durable;
    struct pending *pending; /* what lies between the two */
    size_t pending_count;
    size_t pending_capacity;
    struct log log;
    struct model_rental *archive;
    size_t archive_count;
    size_t archive_capacity;
    uint64_t archived_seq;
    struct told *told;
    size_t told_count;
    size_t told_capacity;
    uint64_t digest;
    struct coverage *coverage;
    FILE *trace;
};

static void *enough(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* An array with room for one more item. */
static void *room(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 16;
    return enough(realloc(items, *capacity * size));
}

struct run *run_create(struct coverage *coverage, FILE *trace)
{
    struct run *run = enough(calloc(1, sizeof *run));
    run->ledger = enough(ledger_create());
    run->shadow = enough(ledger_create());
    run->now = enough(calloc(1, sizeof *run->now));
    run->durable = enough(calloc(1, sizeof *run->durable));
    model_init(run->now);
    model_init(run->durable);
    run->digest = ledger_digest(run->ledger);
    run->coverage = coverage;
    run->trace = trace;
    return run;
}

void run_destroy(struct run **run)
{
    if (!*run)
        return;
    ledger_destroy(&(*run)->ledger);
    ledger_destroy(&(*run)->shadow);
    log_release(&(*run)->log);
    free((*run)->now);
    free((*run)->durable);
    free((*run)->pending);
    free((*run)->archive);
    free((*run)->told);
    free(*run);
    *run = NULL;
}

/* ---- events ---- */

static void trace_event(const struct run *run, const struct model_event *event)
{
    if (!run->trace)
        return;
    struct ledger_event view;
    view_event(event, &view);
    fprintf(run->trace, "        %" PRIu64 " %s ", run->now->head + 1,
            rentbus_word_text(&rentbus_event_type_words, (int)view.type));
    view_print(run->trace, log_schema(&view), ledger_event_data(&view));
    fputc('\n', run->trace);
}

static void remember_pending(struct run *run, const struct model_event *event)
{
    run->pending =
        room(run->pending, run->pending_count, &run->pending_capacity, sizeof run->pending[0]);
    run->pending[run->pending_count++] = (struct pending){.event = *event};
}

/* No timer goes off twice for one rental and one end. */
static bool remember_told(struct run *run, const struct model_event *event,
                          struct check_report *report)
{
    if (event->type != RENTBUS_RENTAL_DUE_SOON_EVENT && event->type != RENTBUS_RENTAL_EXPIRED_EVENT)
        return true;
    struct told now = {run->now->head + 1, event->type, event->rental.id, event->rental.expires_at};
    for (size_t i = 0; i < run->told_count; i++) {
        const struct told *then = &run->told[i];
        if (then->type == now.type && then->expires_at == now.expires_at &&
            model_text_equal(&then->rental_id, &now.rental_id))
            return check_fail(
                report, "rental %s: %s came twice, first with seq %" PRIu64, now.rental_id.text,
                rentbus_word_text(&rentbus_event_type_words, (int)now.type), then->seq);
    }
    run->told = room(run->told, run->told_count, &run->told_capacity, sizeof run->told[0]);
    run->told[run->told_count++] = now;
    return true;
}

static bool apply_event(struct run *run, const struct model_event *expected,
                        const struct ledger_event *actual, struct check_report *report)
{
    trace_event(run, expected);
    coverage_event(run->coverage, run->now, expected);
    if (!check_step(report, run->now, expected) || !remember_told(run, expected, report))
        return false;
    int result = ledger_apply(run->ledger, actual, run->now->head + 1);
    if (result != 0)
        return check_fail(report, "ledger_apply says %d", result);
    model_apply(run->now, expected);
    remember_pending(run, expected);
    return true;
}

static bool check_digest(struct run *run, bool effect, struct check_report *report)
{
    uint64_t digest = ledger_digest(run->ledger);
    if ((digest != run->digest) != effect)
        return check_fail(report, effect ? "the digest did not change, and the ledger did"
                                         : "the digest changed, and the ledger did not");
    run->digest = digest;
    if (run->pending_count > 0)
        run->pending[run->pending_count - 1].digest = digest;
    return true;
}

/* ---- commands ---- */

/* The rental that the command names, if only the archive has it. */
static const struct model_rental *archived_for(const struct run *run,
                                               const struct model_command *command)
{
    const struct model_text *id =
        command->op == RENTBUS_OP_admin_import ? &command->import.id : &command->rental_id;
    if (!id->given || model_rental(run->now, id))
        return NULL;
    for (size_t i = 0; i < run->archive_count; i++)
        if (model_text_equal(&run->archive[i].id, id))
            return &run->archive[i];
    return NULL;
}

static bool check_outcome(const struct run *run, const struct model_decision *expected,
                          const struct ledger_event *events, struct check_report *report)
{
    struct model_result result;
    struct rentbus_command_result view;
    struct rentbus_command_result actual;
    model_outcome(expected, &result);
    view_result(&result, run->now->head, &view);
    ledger_outcome(events, expected->count, run->now->head, &actual);
    return check_same(report, "the result", &rentbus_command_result_schema, &view, &actual);
}

/* Encodes what was decided and reads it back: the same events. */
static bool log_decision(struct run *run, const struct model_decision *expected,
                         const struct ledger_decision *actual, struct ledger_event *read,
                         struct check_report *report)
{
    struct ledger_event view;
    size_t first = run->log.count;
    for (size_t i = 0; i < actual->count; i++)
        log_append(&run->log, &actual->events[i]);
    for (size_t i = 0; i < actual->count; i++) {
        if (!log_read(&run->log.entries[first + i], &read[i]))
            return check_fail(report, "event %zu cannot be decoded", i + 1);
        view_event(&expected->events[i], &view);
        if (!check_event(report, &view, &read[i]))
            return false;
    }
    return true;
}

/* `read`, of LEDGER_DECISION_MAX, gets what was decided as the journal would have it. */
static bool take_decision(struct run *run, const struct model_decision *expected,
                          const struct ledger_decision *actual, struct ledger_event *read,
                          struct check_report *report)
{
    bool effect = false;
    for (size_t i = 0; i < expected->count; i++) {
        effect = effect || check_has_effect(run->now, &expected->events[i]);
        if (!apply_event(run, &expected->events[i], &actual->events[i], report))
            return false;
    }
    return log_decision(run, expected, actual, read, report) && check_digest(run, effect, report);
}

static bool take_command(struct run *run, const struct model_decision *expected,
                         const struct ledger_decision *actual, struct check_report *report)
{
    struct ledger_event read[LEDGER_DECISION_MAX];
    /* The outcome only then: the texts of a decision must outlive the application of its events. */
    return take_decision(run, expected, actual, read, report) &&
           check_outcome(run, expected, actual->events, report) &&
           check_outcome(run, expected, read, report);
}

static bool explain_both(struct run *run, const struct model_command *command,
                         const struct model_context *context, const struct ledger_scan *scan,
                         const struct ledger_context *ledger_context, struct check_report *report)
{
    static struct model_candidate candidates[MODEL_RENTALS_MAX];
    size_t count = model_candidates(run->now, command, context, candidates);
    for (size_t i = 0; i < count; i++)
        run->coverage->verdicts[candidates[i].verdict]++;
    return check_candidates(report, run->ledger, scan, ledger_context, candidates, count);
}

static bool decide_both(struct run *run, const struct history_step *step,
                        struct check_report *report)
{
    struct model_decision expected;
    const struct model_rental *archived = archived_for(run, &step->command);
    struct model_context context = {
        .now = step->now, .new_rental_id = step->new_rental_id, .archived = archived};
    model_decide(run->now, &step->command, &context, &expected);
    coverage_decision(run->coverage, run->now, &step->command, &expected);
    run->coverage->archived_named += archived != NULL;
    run->coverage->dry_runs += step->dry;

    struct rentbus_rental archived_view;
    struct ledger_command command;
    struct ledger_decision actual = {0};
    struct rentbus_fault fault = {0};
    if (archived)
        view_rental(archived, &archived_view);
    view_command(&step->command, &command);
    struct ledger_context ledger_context = {.now = step->now,
                                            .next_seq = ledger_head(run->ledger) + 1,
                                            .new_rental_id = view_text(&step->new_rental_id),
                                            .archived = archived ? &archived_view : NULL};
    int code = ledger_decide(run->ledger, &command, &ledger_context, &actual, &fault);
    if (!check_refusal(&expected, code, &fault, report))
        return false;
    if ((code > 0 || step->dry) && !check_digest(run, false, report))
        return false;
    if (code > 0)
        return true;
    if (!check_decision(&expected, &actual, report))
        return false;
    if (command.op == RENTBUS_OP_rental_return &&
        expected.events[0].type == RENTBUS_RENTAL_RETURN_EVENT &&
        !explain_both(run, &step->command, &context, &command.args.scan, &ledger_context, report))
        return false;
    if (step->dry)
        return check_outcome(run, &expected, actual.events, report);
    return take_command(run, &expected, &actual, report);
}

static bool run_command(struct run *run, const struct history_step *step,
                        struct check_report *report)
{
    /* The ledger must keep nothing of a command but copies: this one is gone behind it. */
    struct history_step *mortal = enough(malloc(sizeof *mortal));
    *mortal = *step;
    bool good = decide_both(run, mortal, report);
    free(mortal);
    return good;
}

/* ---- timers ---- */

/* Asked twice, since the ledger may learn from being asked. */
static bool decide_timers(struct run *run, const struct history_step *step,
                          const struct model_decision *expected, struct ledger_decision *actual,
                          struct check_report *report)
{
    struct ledger_context context = {.now = step->now, .next_seq = ledger_head(run->ledger) + 1};
    for (int times = 0; times < 2; times++) {
        *actual = (struct ledger_decision){0};
        ledger_decide_timers(run->ledger, &context, actual);
        if (!check_decision(expected, actual, report) || !check_digest(run, false, report))
            return false;
    }
    return true;
}

/* All that is due, or no more than `back` decisions. */
static bool run_timers(struct run *run, const struct history_step *step,
                       struct check_report *report)
{
    struct model_decision expected;
    struct ledger_decision actual;
    struct ledger_event read[LEDGER_DECISION_MAX];
    size_t left = step->back > 0 ? step->back : SIZE_MAX;
    do {
        model_decide_timers(run->now, step->now, &expected);
        if (!decide_timers(run, step, &expected, &actual, report) ||
            !take_decision(run, &expected, &actual, read, report))
            return false;
    } while (expected.count > 0 && --left > 0);
    return true;
}

/* ---- events that are not the ledger's ---- */

/* What the journal lets go of is none of the ledger's business either. */
static enum rentbus_event_type other_type(const struct history_step *step)
{
    if (step->kind == HISTORY_HELLO)
        return RENTBUS_HELLO_EVENT;
    return step->number % 2 ? RENTBUS_EVENT_NONE : RENTBUS_JOURNAL_TRIMMED_EVENT;
}

static bool run_other_event(struct run *run, const struct history_step *step,
                            struct check_report *report)
{
    struct model_event expected = {.type = other_type(step)};
    struct ledger_event event = {.type = expected.type};
    if (event.type == RENTBUS_JOURNAL_TRIMMED_EVENT) {
        struct rentbus_trimmed_data *data = &event.data.trimmed_data;
        RENTBUS_SET(data, trimmed_data, events, run->now->head);
        RENTBUS_SET(data, trimmed_data, first_seq, run->now->head + 1);
    }
    if (event.type == RENTBUS_HELLO_EVENT) {
        struct rentbus_hello_data *data = &event.data.hello_data;
        RENTBUS_SET(data, hello_data, head, run->now->head);
        RENTBUS_SET(data, hello_data, ledger, rentbus_text("main"));
        RENTBUS_SET(data, hello_data, version, rentbus_text("0.1.0"));
    }
    int result = ledger_apply(run->ledger, &event, run->now->head + 1);
    if (result != 0)
        return check_fail(report, "ledger_apply of another event says %d", result);
    run->coverage->events[expected.type]++;
    model_apply(run->now, &expected);
    remember_pending(run, &expected);
    log_append(&run->log, &event);
    struct ledger_event read;
    if (!log_read(&run->log.entries[run->log.count - 1], &read))
        return check_fail(report, "another event cannot be decoded");
    return check_event(report, &event, &read) && check_digest(run, false, report);
}

/* ---- durability ---- */

static bool replay(struct ledger *ledger, const struct log *log, uint64_t until,
                   struct check_report *report)
{
    for (uint64_t seq = ledger_head(ledger) + 1; seq <= until; seq++) {
        struct ledger_event event;
        if (!log_read(&log->entries[seq - 1], &event))
            return check_fail(report, "event %" PRIu64 " cannot be decoded", seq);
        int result = ledger_apply(ledger, &event, seq);
        if (result != 0)
            return check_fail(report, "replay of event %" PRIu64 " says %d", seq, result);
        if (seq % 3 == 0)
            ledger_durable(ledger, seq);
    }
    ledger_durable(ledger, until);
    return true;
}

static bool check_equal_digest(const struct ledger *a, const struct ledger *b, const char *what,
                               struct check_report *report)
{
    return ledger_digest(a) == ledger_digest(b) || check_fail(report, "digest: %s", what);
}

/* Whether the first `kept` events that are not durable end between the two of a late checkout: a
 * state that can be looked at, and that no command comes upon, since the journal takes all events
 * of a command at once. */
static bool within_late(const struct run *run, size_t kept)
{
    if (kept >= run->pending_count)
        return false;
    const struct model_event *next = &run->pending[kept].event;
    return next->type == RENTBUS_RENTAL_RETURN_COMPLETE_EVENT && next->rejected_seq.given;
}

static bool run_durable(struct run *run, size_t back, struct check_report *report)
{
    size_t count = back < run->pending_count ? run->pending_count - back : 0;
    for (size_t i = 0; i < count; i++)
        model_apply(run->durable, &run->pending[i].event);
    run->pending_count -= count;
    if (run->pending_count > 0)
        memmove(run->pending, run->pending + count, run->pending_count * sizeof run->pending[0]);
    run->coverage->durable_late += within_late(run, 0);
    ledger_durable(run->ledger, run->durable->head);
    if (!replay(run->shadow, &run->log, run->durable->head, report))
        return false;
    return run->pending_count > 0 ||
           check_equal_digest(run->ledger, run->shadow, "ledger and replay differ", report);
}

/* A command whose first events are durable is durable. */
static bool end_command(struct run *run, struct check_report *report)
{
    return !within_late(run, 0) || run_durable(run, run->pending_count - 1, report);
}

/* The model takes back all but the first `kept` events that are not durable. */
static void forget_pending(struct run *run, size_t kept)
{
    run->coverage->rolled_back += run->pending_count - kept;
    model_copy(run->now, run->durable);
    for (size_t i = 0; i < kept; i++)
        model_apply(run->now, &run->pending[i].event);
    run->pending_count = kept;
    log_cut(&run->log, run->now->head);
    while (run->told_count > 0 && run->told[run->told_count - 1].seq > run->now->head)
        run->told_count--;
}

static bool run_rollback(struct run *run, struct check_report *report)
{
    if (!end_command(run, report))
        return false;
    ledger_rollback(run->ledger);
    forget_pending(run, 0);
    run->digest = ledger_digest(run->ledger);
    return check_equal_digest(run->ledger, run->shadow, "rollback is not exact", report);
}

static bool rollback_to(struct run *run, size_t kept, struct check_report *report)
{
    run->coverage->rolled_back_to += run->pending_count - kept;
    ledger_rollback_to(run->ledger, run->durable->head + kept);
    forget_pending(run, kept);
    run->digest = ledger_digest(run->ledger);
    if (kept == 0)
        return check_equal_digest(run->ledger, run->shadow, "rollback is not exact", report);
    uint64_t digest = run->pending[kept - 1].digest;
    return digest == 0 || digest == run->digest ||
           check_fail(report, "digest: rollback to a seq is not exact");
}

/* The last `back` events are taken back, of those that are not durable. */
static bool run_rollback_to(struct run *run, size_t back, struct check_report *report)
{
    if (!end_command(run, report))
        return false;
    size_t kept = back < run->pending_count ? run->pending_count - back : 0;
    if (within_late(run, kept)) {
        run->coverage->cut_late++;
        if (!rollback_to(run, kept--, report) ||
            !check_state(report, run->ledger, run->now, HISTORY_START,
                         &(struct history_random){kept}, false))
            return false;
    }
    return rollback_to(run, kept, report);
}

struct history_view run_view(const struct run *run)
{
    size_t kept = run->pending_count;
    while (kept > 0 && !within_late(run, kept))
        kept--;
    return (struct history_view){.state = run->now,
                                 .archive = run->archive,
                                 .archive_count = run->archive_count,
                                 .behind_late = kept > 0 ? run->pending_count - kept : 0};
}

static void archive_closed(struct run *run, uint64_t seq)
{
    for (size_t i = 0; i < run->durable->rental_count; i++) {
        const struct model_rental *rental = &run->durable->rentals[i];
        if (!model_final(rental->status) || rental->closed_seq > seq)
            continue;
        run->archive =
            room(run->archive, run->archive_count, &run->archive_capacity, sizeof run->archive[0]);
        run->archive[run->archive_count++] = *rental;
    }
}

static bool run_archive(struct run *run, size_t back, struct check_report *report)
{
    uint64_t seq = run->durable->head > back ? run->durable->head - back : 0;
    if (seq < run->archived_seq)
        seq = run->archived_seq;
    archive_closed(run, seq);
    model_archived(run->now, seq);
    model_archived(run->durable, seq);
    ledger_archived(run->ledger, seq);
    ledger_archived(run->shadow, seq);
    run->archived_seq = seq;
    return check_digest(run, false, report);
}

/* A crash: a new ledger takes the place of the one that was. */
/* A snapshot of somewhere in between, or of all: of what the archive had not yet, or had. */
static bool replay_snapshot(struct run *run, unsigned choice, struct check_report *report)
{
    uint64_t until = run->durable->head;
    if (choice % 3 > 0)
        until = until * (choice % 16) / 16;
    if (!replay(run->ledger, &run->log, until, report))
        return false;
    if (choice % 4 < 2)
        ledger_archived(run->ledger, run->archived_seq < until ? run->archived_seq : until);
    run->coverage->snapshots++;
    return reborn(&run->ledger, report);
}

/* Every other restart is from a snapshot. */
static bool run_replay(struct run *run, unsigned number, struct check_report *report)
{
    if (!end_command(run, report))
        return false;
    run->coverage->replays++;
    forget_pending(run, 0);
    ledger_destroy(&run->ledger);
    run->ledger = enough(ledger_create());
    if ((number % 2 && !replay_snapshot(run, number / 2, report)) ||
        !replay(run->ledger, &run->log, run->durable->head, report))
        return false;
    ledger_archived(run->ledger, run->archived_seq);
    run->digest = ledger_digest(run->ledger);
    return check_equal_digest(run->ledger, run->shadow, "two replays differ", report) &&
           check_move(report, run->now, run->archive, run->archive_count,
                      (int64_t)run->coverage->replays);
}

bool run_step(struct run *run, const struct history_step *step, struct check_report *report)
{
    struct history_random random = {step->number};
    bool thorough = step->number % THOROUGH_EVERY == 0;
    bool good = true;
    if (run->trace)
        history_print(run->trace, step);
    switch (step->kind) {
    case HISTORY_COMMAND:
        good = run_command(run, step, report);
        break;
    case HISTORY_HELLO:
    case HISTORY_FOREIGN:
        good = run_other_event(run, step, report);
        break;
    case HISTORY_DURABLE:
        good = run_durable(run, step->back, report);
        break;
    case HISTORY_ROLLBACK:
        good = run_rollback(run, report);
        break;
    case HISTORY_ROLLBACK_TO:
        good = run_rollback_to(run, step->back, report);
        break;
    case HISTORY_TIMERS:
        good = run_timers(run, step, report);
        break;
    case HISTORY_ARCHIVE:
        good = run_archive(run, step->back, report);
        break;
    case HISTORY_REPLAY:
        good = run_replay(run, step->number, report);
        thorough = true;
        break;
    }
    return good && check_invariants(report, run->now) &&
           check_state(report, run->ledger, run->now, step->now, &random, thorough) &&
           (!(thorough || within_late(run, 0)) ||
            check_state(report, run->shadow, run->durable, step->now, &random, false));
}
