/* SPDX-License-Identifier: MPL-2.0 */
/* What takes events out of the parked ones: the words replay and drop. */
#include "cli/lambda.h"

#include "cli/content_id.h"
#include "cli/field.h"
#include "cli/output.h"
#include "cli/pages.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SHOWN_SIZE (4 * RENTBUS_ID_MAX + 1)
/* Events that one command may name, or means by `all`. */
#define SEQS_MAX 1000

struct seqs {
    uint64_t *items; /* rising, unless they come from the command line; owned */
    size_t count;
    size_t capacity;
};

struct unparking {
    struct cli *cli;
    const struct cli_line *line;
    enum rentbus_op op;
    const char *done; /* what has happened to the events, as people say it */
    struct rentbus_uuid base;
    struct seqs seqs; /* what is to be taken out */
    uint64_t taken;   /* how many of them were */
};

static enum cli_exit no_memory(const struct cli *cli)
{
    cli_report_failure(cli, -ENOMEM, NULL);
    return CLI_EXIT_INTERNAL;
}

static bool seqs_add(struct seqs *seqs, uint64_t seq)
{
    if (seqs->count == seqs->capacity) {
        size_t capacity = seqs->capacity ? 2 * seqs->capacity : SEQS_MAX;
        uint64_t *grown = realloc(seqs->items, capacity * sizeof(*grown));
        if (!grown)
            return false;
        seqs->items = grown;
        seqs->capacity = capacity;
    }
    seqs->items[seqs->count++] = seq;
    return true;
}

/* ---- which events ---- */

static enum cli_exit named_read(struct unparking *unparking)
{
    const struct cli_line *line = unparking->line;
    for (size_t i = 2; i < line->word_count; i++) {
        uint64_t seq;
        if (!cli_number_parse(rentbus_text(line->words[i]), &seq))
            return cli_report_usage(unparking->cli, "lambda %s: %s is no seq", line->words[0],
                                    line->words[i]);
        if (!seqs_add(&unparking->seqs, seq))
            return no_memory(unparking->cli);
    }
    return CLI_EXIT_OK;
}

struct reading {
    const struct cli *cli;
    struct seqs *seqs;
};

static enum cli_exit parked_note(void *context, const void *item)
{
    const struct reading *reading = context;
    const struct rentbus_parked *parked = item;
    return seqs_add(reading->seqs, parked->event.seq) ? CLI_EXIT_OK : no_memory(reading->cli);
}

static enum cli_exit parked_read(const struct unparking *unparking, struct seqs *seqs)
{
    struct reading reading = {unparking->cli, seqs};
    struct rentbus_parked_args args = {0};
    seqs->count = 0;
    RENTBUS_SET(&args, parked_args, id, rentbus_text(unparking->line->words[1]));
    return cli_pages_read(unparking->cli, RENTBUS_OP_consumer_parked, &args, UINT64_MAX,
                          parked_note, &reading);
}

/* ---- the commands ---- */

/* The arguments as JSON, to be given to free(); of no events, those that mean all. NULL when out of
 * memory. */
static char *arguments_json(const uint64_t *seqs, size_t count)
{
    char *json = NULL;
    size_t size;
    FILE *out = open_memstream(&json, &size);
    if (!out)
        return NULL;
    fputs(count > 0 ? "{\"id\":\"-\",\"seqs\":[" : "{\"id\":\"-\",\"all\":true", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s{\"seq\":%llu}", i > 0 ? "," : "", (unsigned long long)seqs[i]);
    fputs(count > 0 ? "]}" : "}", out);
    if (fclose(out) == 0)
        return json;
    free(json);
    return NULL;
}

/* Calls with what the JSON says. A status as rentbus_call() returns it; nothing is reported. */
static int unpark_call(const struct unparking *unparking, const char *json,
                       const struct rentbus_uuid *id, struct rentbus_command_result *result,
                       struct rentbus_fault *fault)
{
    struct rentbus_consumer_parked_args args = {0};
    struct rentbus_client *client = unparking->cli->client;
    void *storage = NULL;
    int status = rentbus_from_json(&rentbus_consumer_parked_args_schema, json, strlen(json), &args,
                                   &storage, fault);
    if (status)
        return status;
    RENTBUS_SET(&args, consumer_parked_args, id, rentbus_text(unparking->line->words[1]));
    if (cli_line_has(unparking->line, "dry-run"))
        RENTBUS_SET(&args, consumer_parked_args, dry_run, true);
    status = rentbus_call(client, unparking->op, id, &args, result);
    if (status > 0)
        *fault = *rentbus_client_fault(client);
    rentbus_free(storage);
    return status;
}

/* One command. *gone: some of the events are not parked any more, and nothing was done. */
static enum cli_exit unpark_send(const struct unparking *unparking, const uint64_t *seqs,
                                 size_t count, const struct rentbus_uuid *id, bool quiet,
                                 bool *gone)
{
    struct rentbus_command_result result;
    struct rentbus_fault fault;
    struct cli *cli = unparking->cli;
    struct cli_answer answer = {*id, &result, "lambda", rentbus_text(unparking->line->words[1]),
                                false};
    enum cli_exit exit = cli_connect(cli);
    char *json = exit == CLI_EXIT_OK ? arguments_json(seqs, count) : NULL;
    if (!json)
        return exit == CLI_EXIT_OK ? no_memory(cli) : exit;
    int status = unpark_call(unparking, json, id, &result, &fault);
    free(json);
    bool missing = status == RENTBUS_ERROR_NOT_FOUND && strcmp(fault.field, "seqs") == 0;
    if (gone)
        *gone = missing;
    if (gone && missing)
        return CLI_EXIT_OK;
    if (status > 0)
        cli_report_fault(cli, &fault);
    else if (status < 0)
        cli_report_failure(cli, status, id);
    if (status)
        return cli_exit_of_status(status);
    return quiet ? CLI_EXIT_OK : cli_output_answer(cli, &answer);
}

/* Of events that somebody else has taken out meanwhile nothing is to be done. */
static enum cli_exit chunk_renew(struct unparking *unparking, uint64_t *seqs, size_t *count)
{
    struct seqs parked = {0};
    size_t kept = 0;
    size_t at = 0;
    enum cli_exit exit = parked_read(unparking, &parked);
    for (size_t i = 0; exit == CLI_EXIT_OK && i < *count; i++) {
        while (at < parked.count && parked.items[at] < seqs[i])
            at++;
        if (at < parked.count && parked.items[at] == seqs[i])
            seqs[kept++] = seqs[i];
    }
    free(parked.items);
    *count = kept;
    return exit;
}

static enum cli_exit chunk_send(struct unparking *unparking, uint64_t *seqs, size_t count)
{
    bool people = !unparking->cli->json && !cli_line_has(unparking->line, "dry-run");
    enum cli_exit exit = CLI_EXIT_OK;
    bool gone = true;
    while (exit == CLI_EXIT_OK && gone && count > 0) {
        struct rentbus_uuid id = cli_content_id(
            (struct rentbus_bytes){unparking->base.bytes, sizeof(unparking->base.bytes)},
            (struct rentbus_bytes){(const uint8_t *)seqs, count * sizeof(*seqs)});
        exit = unpark_send(unparking, seqs, count, &id, people, &gone);
        if (exit == CLI_EXIT_OK && gone)
            exit = chunk_renew(unparking, seqs, &count);
    }
    if (exit == CLI_EXIT_OK)
        unparking->taken += count;
    return exit;
}

/* More than one command may mean: each names its events, which are those that were parked when it
 * began, so that those that are parked anew meanwhile do not keep it going. */
static enum cli_exit chunks_send(struct unparking *unparking)
{
    struct cli_progress progress;
    struct cli *cli = unparking->cli;
    size_t total = unparking->seqs.count;
    enum cli_exit exit = CLI_EXIT_OK;
    cli_progress_begin(&progress, cli->json);
    for (size_t first = 0; first < total && exit == CLI_EXIT_OK; first += SEQS_MAX) {
        size_t count = total - first < SEQS_MAX ? total - first : SEQS_MAX;
        cli_progress_show(&progress, first, total, first);
        exit = chunk_send(unparking, unparking->seqs.items + first, count);
    }
    cli_progress_clear(&progress);
    if (cli_line_has(unparking->line, "dry-run"))
        return exit;
    printf(cli->json ? "{\"events\":%llu,\"of\":%zu}\n" : "%llu of %zu events %s\n",
           (unsigned long long)unparking->taken, total, unparking->done);
    return cli_exit_worse(exit, cli_output_flush());
}

/* ---- the words ---- */

static enum cli_exit unpark_confirm(const struct unparking *unparking, const char *verb,
                                    uint64_t parked)
{
    char name[SHOWN_SIZE];
    char what[SHOWN_SIZE + 128];
    bool all = cli_line_has(unparking->line, "all");
    snprintf(what, sizeof(what), "%s %llu of %llu parked events of %s", verb,
             (unsigned long long)(all ? parked : unparking->seqs.count), (unsigned long long)parked,
             cli_text_clean(rentbus_text(unparking->line->words[1]), name, sizeof(name)));
    return lambda_confirm(unparking->cli, unparking->line, what);
}

static enum cli_exit unpark_run(struct unparking *unparking, const char *verb)
{
    struct rentbus_consumer_status status = {0};
    struct cli *cli = unparking->cli;
    enum cli_exit exit = lambda_status(cli, unparking->line->words[1], &status);
    if (exit == CLI_EXIT_OK)
        exit = named_read(unparking);
    bool many = status.parked > SEQS_MAX && cli_line_has(unparking->line, "all");
    if (exit == CLI_EXIT_OK && many)
        exit = parked_read(unparking, &unparking->seqs);
    size_t count = unparking->seqs.count;
    if (exit == CLI_EXIT_OK)
        exit = unpark_confirm(unparking, verb, many ? count : status.parked);
    if (exit == CLI_EXIT_OK)
        exit = cli_command_id(cli, cli_line_value(unparking->line, "id"), &unparking->base);
    if (exit != CLI_EXIT_OK)
        return exit;
    return many ? chunks_send(unparking)
                : unpark_send(unparking, unparking->seqs.items, count, &unparking->base, false,
                              NULL);
}

/* `verb` is what is to happen to the events, and `done` what has. */
static enum cli_exit unpark(struct cli *cli, const struct cli_line *line, enum rentbus_op op,
                            const char *verb, const char *done)
{
    struct unparking unparking = {.cli = cli, .line = line, .op = op, .done = done};
    size_t named = line->word_count - 2;
    if ((named > 0) == cli_line_has(line, "all") || named > SEQS_MAX)
        return cli_report_usage(cli, "lambda %s: --all, or up to %d seqs", line->words[0],
                                SEQS_MAX);
    enum cli_exit exit = unpark_run(&unparking, verb);
    free(unparking.seqs.items);
    return exit;
}

enum cli_exit lambda_replay(struct cli *cli, const struct cli_line *line)
{
    return unpark(cli, line, RENTBUS_OP_consumer_replay, "handle again", "go to the handler again");
}

enum cli_exit lambda_drop(struct cli *cli, const struct cli_line *line)
{
    return unpark(cli, line, RENTBUS_OP_consumer_drop, "forget", "forgotten");
}
