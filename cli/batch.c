/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/batch_line.h"
#include "cli/field.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/verbs.h"

#include <errno.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    {"atomic", NULL, "all of them, or none when one is rejected or refused", NULL},
    CLI_OPTION_DRY_RUN,
    {"id", "UUID", "what the ids of lines without one follow from, to repeat it safely", NULL},
};

/* The commands that go into the next request. */
struct batch {
    struct cli *cli;
    bool atomic;
    struct cli_batch_rules rules;
    struct cli_batch_command *commands; /* room for RENTBUS_BATCH_MAX */
    size_t count;
    uint8_t *bytes; /* the commands in CBOR */
    size_t length;
    size_t size;
    enum cli_exit worst;
};

static void batch_bad(struct batch *batch, int status, const struct rentbus_fault *fault)
{
    if (status > 0)
        cli_report_fault(batch->cli, fault);
    else
        cli_report_failure(batch->cli, status, NULL);
    batch->worst = cli_exit_worse(batch->worst, cli_exit_of_status(status));
}

static int bytes_append(struct batch *batch, const uint8_t *bytes, size_t length)
{
    size_t size = batch->size ? batch->size : CLI_LINES_MAX;
    while (size - batch->length < length)
        size *= 2;
    if (size > batch->size) {
        uint8_t *grown = realloc(batch->bytes, size);
        if (!grown)
            return -ENOMEM;
        batch->bytes = grown;
        batch->size = size;
    }
    memcpy(batch->bytes + batch->length, bytes, length);
    batch->length += length;
    return 0;
}

static void batch_add(struct batch *batch, struct rentbus_text json)
{
    struct rentbus_fault fault;
    uint8_t *bytes = NULL;
    size_t length;
    int status = cli_batch_line_read(json, batch->cli->place.line, &batch->rules,
                                     &batch->commands[batch->count], &bytes, &length, &fault);
    if (status == 0)
        status = bytes_append(batch, bytes, length);
    rentbus_free(bytes);
    if (status)
        batch_bad(batch, status, &fault);
    else
        batch->count++;
}

static void fault_of_error(const struct rentbus_error *error, struct rentbus_fault *fault)
{
    char field[sizeof(fault->field)];
    snprintf(field, sizeof(field), "%.*s", RENTBUS_TEXT_ARGS(error->field));
    cli_fault_set(fault, error->code, field, "%.*s", RENTBUS_TEXT_ARGS(error->message));
}

/* What an operation is about, for cli_output_answer(): "asset-type" of "asset_type.put", NULL of
 * what is about rentals. */
static const char *op_thing(enum rentbus_op op, char thing[static 32])
{
    const char *wire = rentbus_op_rows[op].wire;
    if (strncmp(wire, "rental.", 7) == 0 || strncmp(wire, "admin.", 6) == 0)
        return NULL;
    snprintf(thing, 32, "%.*s", (int)strcspn(wire, "."), wire);
    for (char *at = thing; *at; at++)
        if (*at == '_')
            *at = '-';
    return thing;
}

static void reply_print(struct batch *batch, const struct cli_batch_command *command,
                        const struct rentbus_batch_reply *reply, bool applied)
{
    char thing[32];
    struct rentbus_fault fault;
    batch->cli->place.line = command->line;
    if (!reply->ok) {
        fault_of_error(&reply->error, &fault);
        batch_bad(batch, (int)fault.code, &fault);
        return;
    }
    struct cli_answer answer = {.command_id = command->id,
                                .result = &reply->result,
                                .what = op_thing(command->op, thing),
                                .id = {command->key, command->key_length},
                                .undone = !applied};
    batch->worst = cli_exit_worse(batch->worst, cli_output_answer(batch->cli, &answer));
}

/* Replies stand in the order of the commands. */
static void replies_print(struct batch *batch, const struct rentbus_batch_result *result)
{
    struct rentbus_batch_reply reply;
    size_t position = 0;
    size_t count = 0;
    while (count < batch->count &&
           rentbus_list_next(&result->replies, &rentbus_batch_reply_schema, &position, &reply) >
               0 &&
           memcmp(&reply.id, &batch->commands[count].id, sizeof(reply.id)) == 0)
        reply_print(batch, &batch->commands[count++], &reply, result->applied);
    batch->worst = cli_exit_worse(batch->worst, cli_exit_of_batch(result));
    if (count < batch->count)
        batch_bad(batch, -EBADMSG, NULL);
}

/* Whether to go on with the next commands. */
static bool batch_send(struct batch *batch)
{
    struct rentbus_batch_args args = {0};
    struct rentbus_batch_result result;
    struct cli *cli = batch->cli;
    struct rentbus_list commands = {batch->bytes, batch->length, batch->count};
    if (batch->count == 0)
        return true;
    RENTBUS_SET(&args, batch_args, atomic, batch->atomic);
    RENTBUS_SET(&args, batch_args, commands, commands);
    cli->place.line = 0;
    int status = rentbus_call(cli->client, RENTBUS_OP_batch, NULL, &args, &result);
    if (status == 0)
        replies_print(batch, &result);
    else if (status > 0)
        batch_bad(batch, status, rentbus_client_fault(cli->client));
    else
        cli_report_failure(cli, status, &batch->rules.base);
    batch->worst = cli_exit_worse(batch->worst, cli_exit_of_status(status));
    batch->count = 0;
    batch->length = 0;
    return status == 0;
}

static void too_many(struct batch *batch)
{
    struct rentbus_fault fault;
    batch_bad(batch,
              cli_fault_set(&fault, RENTBUS_ERROR_TOO_LARGE, NULL,
                            "an atomic batch has at most %d commands", RENTBUS_BATCH_MAX),
              &fault);
}

static void too_long(struct batch *batch)
{
    struct rentbus_fault fault;
    batch_bad(
        batch,
        cli_fault_set(&fault, RENTBUS_ERROR_TOO_LARGE, NULL, "longer than %u bytes", CLI_LINES_MAX),
        &fault);
}

/* Takes a line that was read with that status. Whether to go on. */
static bool line_take(struct batch *batch, int status, struct rentbus_text line)
{
    if (status == -EFBIG) {
        too_long(batch);
        return true;
    }
    if (cli_lines_blank(line))
        return true;
    if (batch->count == RENTBUS_BATCH_MAX && batch->atomic) {
        too_many(batch);
        return false;
    }
    uint64_t number = batch->cli->place.line;
    if (batch->count == RENTBUS_BATCH_MAX && !batch_send(batch))
        return false;
    batch->cli->place.line = number;
    batch_add(batch, line);
    return true;
}

/* An atomic batch of which a line cannot be taken is not sent. */
static void batch_finish(struct batch *batch)
{
    if (!batch->atomic || batch->worst == CLI_EXIT_OK)
        batch_send(batch);
    else if (!batch->cli->json)
        fputs("rentbus: nothing was done: the batch is atomic\n", stderr);
}

static void batch_read(struct batch *batch, struct cli_lines *lines, const char *path)
{
    struct rentbus_text line = {0};
    bool go_on = true;
    int status = 0;
    while (go_on && ((status = cli_lines_next(lines, &line)) > 0 || status == -EFBIG)) {
        batch->cli->place = (struct cli_place){.file = path, .line = lines->number};
        go_on = line_take(batch, status, line);
    }
    if (status < 0 && status != -EFBIG) {
        cli_report(batch->cli, "INVALID_ARGUMENT", "%s: %s", path, strerror(-status));
        batch->worst = cli_exit_worse(batch->worst, CLI_EXIT_BAD_DATA);
    }
    if (go_on || batch->atomic)
        batch_finish(batch);
}

static enum cli_exit batch_file(struct batch *batch, const char *path)
{
    struct cli_lines lines = {0};
    int status = cli_lines_open(&lines, path);
    if (status) {
        cli_report(batch->cli, "INVALID_ARGUMENT", "%s: %s", path, strerror(-status));
        return CLI_EXIT_BAD_DATA;
    }
    batch->commands = calloc(RENTBUS_BATCH_MAX, sizeof(*batch->commands));
    if (batch->commands)
        batch_read(batch, &lines, path);
    else
        batch_bad(batch, -ENOMEM, NULL);
    cli_lines_close(&lines);
    free(batch->commands);
    free(batch->bytes);
    batch->cli->place = (struct cli_place){0};
    return batch->worst;
}

static enum cli_exit batch_run(struct cli *cli, const struct cli_line *line)
{
    struct batch batch = {.cli = cli,
                          .atomic = cli_line_has(line, "atomic"),
                          .rules.dry_run = cli_line_has(line, "dry-run")};
    enum cli_exit exit = cli_line_words(cli, line, 1, 1);
    if (exit == CLI_EXIT_OK)
        exit = cli_command_id(cli, cli_line_value(line, "id"), &batch.rules.base);
    if (exit == CLI_EXIT_OK)
        exit = cli_connect(cli);
    return exit == CLI_EXIT_OK ? batch_file(&batch, line->words[0]) : exit;
}

const struct cli_verb cli_verb_batch = {
    .name = "batch",
    .summary = "Send many commands at once",
    .usage = "[--atomic] [--dry-run] [--id UUID] FILE|-",
    .options = CLI_OPTIONS(options),
    .notes = "FILE has an object a line, with an id, a UUID, if wanted:\n"
             "  {\"op\": \"user.put\", \"args\": {\"id\": \"u1\", \"name\": \"Ada\"}}\n"
             "Each line is answered by one line, on standard error when it is refused. A line that "
             "is bad or rejected does not keep the\n"
             "others from being done, unless the batch is atomic: then it may have 1000 commands,\n"
             "and otherwise goes out by the 1000. The greatest exit code counts; an atomic batch\n"
             "that came to nothing never ends with 0.",
    .run = batch_run,
};
