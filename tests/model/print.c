/* SPDX-License-Identifier: MPL-2.0 */
/* A history for people: the half of history.h that writes. */
#include <inttypes.h>

#include "sdk/protocol/time.h"
#include "tests/model/history.h"

static void print_step_text(FILE *out, const char *name, const struct model_text *text)
{
    if (text->given)
        fprintf(out, " %s=\"%s\"", name, text->text);
}

static void print_step_time(FILE *out, const char *name, int64_t time)
{
    char text[RENTBUS_TIME_TEXT_SIZE];
    rentbus_time_format(time, text);
    fprintf(out, " %s=%s", name, text);
}

static void print_step_ids(FILE *out, const char *name, const struct model_ids *ids)
{
    if (!ids->given)
        return;
    fprintf(out, " %s=[", name);
    for (size_t i = 0; i < ids->count; i++)
        fprintf(out, "%s%s", i ? " " : "", ids->items[i].text);
    fputc(']', out);
}

static void print_step_period(FILE *out, const char *name, struct model_number period)
{
    if (period.given)
        fprintf(out, " %s=%" PRId64 "s", name, period.value);
}

static void print_step_number(FILE *out, const char *name, struct model_number number)
{
    if (number.given)
        fprintf(out, " %s=%" PRId64, name, number.value);
}

static void print_step_import(FILE *out, const struct model_command *command)
{
    const struct model_rental *import = &command->import;
    print_step_text(out, "id", &import->id);
    fprintf(out, " status=%s", rentbus_word_text(&rentbus_status_words, (int)import->status));
    print_step_text(out, "user", &import->user_id);
    print_step_text(out, "asset", &import->asset_id);
    print_step_time(out, "created", import->created_at);
    print_step_time(out, "expires", import->expires_at);
    if (import->returned_at.given)
        print_step_time(out, "returned", import->returned_at.value);
    print_step_text(out, "from", &import->created_at_location_id);
    print_step_text(out, "to", &import->returned_at_location_id);
    print_step_ids(out, "eligible", &import->eligible);
    print_step_text(out, "returned_asset", &import->returned_asset_id);
    print_step_text(out, "flag_reason", &import->flag_reason);
    print_step_number(out, "rev", command->import_rev);
    print_step_number(out, "renewals", command->import_renewals);
    if (import->closed_by != RENTBUS_CLOSED_BY_NONE)
        fprintf(out, " closed_by=%s",
                rentbus_word_text(&rentbus_closed_by_words, (int)import->closed_by));
}

/* What a command does not have, it does not print. */
static void print_step_args(FILE *out, const struct model_command *command)
{
    print_step_text(out, "id", &command->id);
    print_step_text(out, "name", &command->name);
    print_step_text(out, "type", &command->asset_type);
    print_step_text(out, "user", &command->user_id);
    print_step_text(out, "asset", &command->asset_id);
    print_step_text(out, "rental", &command->rental_id);
    print_step_text(out, "location", &command->location_id);
    if (command->op == RENTBUS_OP_rental_return || command->op == RENTBUS_OP_rental_checkout)
        print_step_time(out, "at", command->occurred_at);
    print_step_text(out, "device", &command->device_id);
    if (command->device_id.given)
        fprintf(out, " device_seq=%" PRIu64, command->device_seq);
    for (size_t i = 0; i < command->holes.count; i++)
        fprintf(out, " %" PRIu64 "-%" PRIu64, command->holes.items[i].first,
                command->holes.items[i].last);
    if (command->device_time.given)
        print_step_time(out, "device_time", command->device_time.value);
    print_step_text(out, "override", &command->override);
    if (command->expires_at.given)
        print_step_time(out, "expires", command->expires_at.value);
    print_step_text(out, "reason", &command->reason);
    print_step_period(out, "loan", command->loan_period);
    print_step_period(out, "period", command->period);
    print_step_period(out, "renewal_period", command->renewal_period);
    print_step_period(out, "lead", command->due_soon_lead);
    print_step_period(out, "skew", command->max_skew);
    print_step_period(out, "grace", command->renewal_grace);
    print_step_number(out, "user_limit", command->user_limit);
    print_step_number(out, "renewals_max", command->renewals_max);
    print_step_text(out, "late_return", &command->late_return);
    if (command->return_match != RENTBUS_RETURN_MATCH_NONE)
        fprintf(out, " match=%s",
                rentbus_word_text(&rentbus_return_match_words, (int)command->return_match));
    print_step_ids(out, "eligible", &command->eligible);
}

static void print_step_command(FILE *out, const struct history_step *step)
{
    fprintf(out, "%s%s", step->dry ? "(dry) " : "", rentbus_op_rows[step->command.op].wire);
    if (step->command.op == RENTBUS_OP_admin_import)
        print_step_import(out, &step->command);
    else
        print_step_args(out, &step->command);
    print_step_time(out, "now", step->now);
}

void history_print(FILE *out, const struct history_step *step)
{
    fprintf(out, "%4u  ", step->number);
    switch (step->kind) {
    case HISTORY_COMMAND:
        print_step_command(out, step);
        break;
    case HISTORY_HELLO:
        fputs("(the daemon starts)", out);
        break;
    case HISTORY_FOREIGN:
        fputs("(an event of another type)", out);
        break;
    case HISTORY_DURABLE:
        fprintf(out, "(all durable but the last %zu events)", step->back);
        break;
    case HISTORY_ROLLBACK:
        fputs("(rollback)", out);
        break;
    case HISTORY_ROLLBACK_TO:
        fprintf(out, "(rollback of the last %zu events)", step->back);
        break;
    case HISTORY_TIMERS:
        fputs("(timers)", out);
        print_step_time(out, "now", step->now);
        print_step_number(out, "decisions",
                          (struct model_number){step->back > 0, (int64_t)step->back});
        break;
    case HISTORY_ARCHIVE:
        fprintf(out, "(all durable events archived but the last %zu)", step->back);
        break;
    case HISTORY_REPLAY:
        fputs("(replay)", out);
        break;
    }
    fputc('\n', out);
}
