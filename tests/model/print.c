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

static void print_step_import(FILE *out, const struct model_rental *import)
{
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
}

static void print_step_scan(FILE *out, const struct model_command *command)
{
    print_step_text(out, "user", &command->user_id);
    print_step_text(out, "asset", &command->asset_id);
    print_step_text(out, "rental", &command->rental_id);
    print_step_text(out, "location", &command->location_id);
    print_step_time(out, "at", command->occurred_at);
    if (command->expires_at.given)
        print_step_time(out, "expires", command->expires_at.value);
}

static void print_step_put(FILE *out, const struct model_command *command)
{
    print_step_text(out, "id", &command->id);
    print_step_text(out, "name", &command->name);
    print_step_text(out, "type", &command->asset_type);
}

static void print_step_command(FILE *out, const struct history_step *step)
{
    const struct model_command *command = &step->command;
    fprintf(out, "%s", rentbus_op_rows[command->op].wire);
    if (command->op == RENTBUS_OP_admin_import) {
        print_step_import(out, &command->import);
        return;
    }
    if (command->op == RENTBUS_OP_rental_return || command->op == RENTBUS_OP_rental_checkout)
        print_step_scan(out, command);
    else
        print_step_put(out, command);
    if (command->loan_period.given)
        fprintf(out, " loan=%" PRId64 "s", command->loan_period.value);
    print_step_ids(out, "eligible", &command->eligible);
    print_step_time(out, "now", step->now);
    fprintf(out, " skew=%" PRId64 "s", step->max_skew / RENTBUS_SECOND);
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
    case HISTORY_ARCHIVE:
        fprintf(out, "(all durable events archived but the last %zu)", step->back);
        break;
    case HISTORY_REPLAY:
        fputs("(replay)", out);
        break;
    }
    fputc('\n', out);
}
