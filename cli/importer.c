/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/importer.h"

#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows go out by the hundred, so that the daemon commits them by the hundred. */
#define REFILL_BELOW (CLI_IMPORTER_IN_FLIGHT / 2)

/* A row on its way: what a report about it needs. */
struct slot {
    struct cli_importer *importer;
    struct slot *next; /* of the free ones */
    struct cli_place place;
    char key[RENTBUS_ID_MAX];
};

struct cli_importer {
    struct cli *cli;
    uint64_t head; /* of the journal before the import */
    uint64_t created;
    uint64_t already;
    uint64_t bad;
    enum cli_exit stopped; /* why the import cannot go on, CLI_EXIT_OK while it can */
    enum cli_row_kind kind;
    struct cli_progress progress;
    struct slot *free;
    struct slot slots[CLI_IMPORTER_IN_FLIGHT];
};

enum cli_exit cli_importer_create(struct cli *cli, struct cli_importer **importer)
{
    struct rentbus_hello_result hello;
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_hello, NULL, NULL, &hello);
    if (exit != CLI_EXIT_OK)
        return exit;
    struct cli_importer *created = calloc(1, sizeof(*created));
    if (!created) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    created->cli = cli;
    created->head = hello.head;
    for (size_t i = 0; i < CLI_IMPORTER_IN_FLIGHT; i++) {
        created->slots[i].importer = created;
        created->slots[i].next = created->free;
        created->free = &created->slots[i];
    }
    cli_progress_begin(&created->progress, cli->json);
    *importer = created;
    return CLI_EXIT_OK;
}

void cli_importer_destroy(struct cli_importer **importer)
{
    struct cli_importer *gone = *importer;
    if (!gone)
        return;
    /* Answers that still come would find their slots freed. */
    if (gone->stopped == CLI_EXIT_OK)
        gone->stopped = CLI_EXIT_INTERNAL;
    cli_release(gone->cli);
    free(gone);
    *importer = NULL;
}

static uint64_t rows_done(const struct cli_importer *importer)
{
    return importer->created + importer->already + importer->bad;
}

void cli_importer_bad(struct cli_importer *importer, const struct cli_place *place,
                      const struct rentbus_fault *fault)
{
    cli_progress_clear(&importer->progress);
    importer->cli->place = *place;
    cli_report_fault(importer->cli, fault);
    importer->cli->place = (struct cli_place){0};
    importer->bad++;
}

void cli_importer_progress(struct cli_importer *importer, uint64_t done, uint64_t total)
{
    cli_progress_show(&importer->progress, done, total, rows_done(importer));
}

static enum cli_exit stop(struct cli_importer *importer, int status,
                          const struct rentbus_fault *fault)
{
    if (importer->stopped != CLI_EXIT_OK)
        return importer->stopped;
    cli_progress_clear(&importer->progress);
    if (status > 0)
        cli_report_fault(importer->cli, fault);
    else
        cli_report_failure(importer->cli, status, NULL);
    return importer->stopped = cli_exit_of_status(status);
}

/* Whether the row is to blame, and not the state of the daemon. */
static bool is_bad_row(int status)
{
    enum cli_exit exit = cli_exit_of_status(status);
    return status > 0 && (exit == CLI_EXIT_BAD_DATA || exit == CLI_EXIT_NOT_FOUND);
}

static void row_answered(struct cli_importer *importer, const struct rentbus_command_result *result)
{
    bool changed = result->outcome != RENTBUS_OUTCOME_UNCHANGED && result->seq > importer->head;
    if (changed)
        importer->created++;
    else
        importer->already++;
}

static void slot_give(struct slot *slot)
{
    slot->next = slot->importer->free;
    slot->importer->free = slot;
}

static void row_completed(void *context, const struct rentbus_completion *completion)
{
    struct slot *slot = context;
    struct cli_importer *importer = slot->importer;
    slot_give(slot);
    if (importer->stopped != CLI_EXIT_OK)
        return;
    if (completion->status == 0)
        row_answered(importer, completion->result);
    else if (is_bad_row(completion->status))
        cli_importer_bad(importer, &slot->place, completion->fault);
    else
        stop(importer, completion->status, completion->fault);
}

static enum cli_exit wait_for_some(struct cli_importer *importer)
{
    int status = rentbus_client_wait(importer->cli->client, -1);
    return status < 0 ? stop(importer, status, NULL) : importer->stopped;
}

static enum cli_exit wait_until_at_most(struct cli_importer *importer, size_t in_flight)
{
    while (importer->stopped == CLI_EXIT_OK &&
           rentbus_client_in_flight(importer->cli->client) > in_flight)
        if (wait_for_some(importer) != CLI_EXIT_OK)
            break;
    return importer->stopped;
}

enum cli_exit cli_importer_settle(struct cli_importer *importer)
{
    return wait_until_at_most(importer, 0);
}

static enum cli_exit make_way(struct cli_importer *importer, const struct cli_row *row)
{
    if (row->kind != importer->kind && cli_importer_settle(importer) != CLI_EXIT_OK)
        return importer->stopped;
    importer->kind = row->kind;
    if (!importer->free)
        return wait_until_at_most(importer, REFILL_BELOW);
    return importer->stopped;
}

/* Of two equal rows, the second is sent when the first is answered (-EALREADY): one id stands for
 * one request in flight. */
static int start(struct slot *slot, const struct cli_row *row,
                 const struct rentbus_uuid *command_id)
{
    struct cli_importer *importer = slot->importer;
    int status;
    do
        status = rentbus_call_start(importer->cli->client, cli_row_types[row->kind].put, command_id,
                                    &row->args, row_completed, slot);
    while (status == -EALREADY && wait_for_some(importer) == CLI_EXIT_OK);
    return status;
}

static void slot_take(struct slot *slot, const struct cli_place *place)
{
    slot->importer->free = slot->next;
    slot->place = *place;
    if (slot->place.key.length > sizeof(slot->key))
        slot->place.key.length = sizeof(slot->key);
    if (slot->place.key.length > 0)
        memcpy(slot->key, place->key.data, slot->place.key.length);
    slot->place.key.data = slot->key;
}

enum cli_exit cli_importer_send(struct cli_importer *importer, const struct cli_row *row,
                                const struct cli_place *place)
{
    struct rentbus_uuid command_id;
    int status = cli_row_command_id(row, &command_id);
    if (status)
        return stop(importer, status, NULL);
    if (make_way(importer, row) != CLI_EXIT_OK)
        return importer->stopped;
    struct slot *slot = importer->free;
    slot_take(slot, place);
    status = start(slot, row, &command_id);
    if (status == 0)
        return CLI_EXIT_OK;
    slot_give(slot);
    const struct rentbus_fault *fault = rentbus_client_fault(importer->cli->client);
    if (!is_bad_row(status))
        return stop(importer, status, fault);
    cli_importer_bad(importer, place, fault);
    return CLI_EXIT_OK;
}

static void print_summary(const struct cli_importer *importer)
{
    unsigned long long rows = rows_done(importer);
    unsigned long long created = importer->created;
    unsigned long long already = importer->already;
    unsigned long long bad = importer->bad;
    if (importer->cli->json)
        printf("{\"rows\":%llu,\"new\":%llu,\"already_there\":%llu,\"bad\":%llu}\n", rows, created,
               already, bad);
    else
        printf("%llu rows: %llu new, %llu already there, %llu bad\n", rows, created, already, bad);
}

enum cli_exit cli_importer_finish(struct cli_importer *importer, enum cli_exit exit)
{
    exit = cli_exit_worse(exit, cli_importer_settle(importer));
    cli_progress_clear(&importer->progress);
    print_summary(importer);
    if (importer->stopped != CLI_EXIT_OK && !importer->cli->json)
        fputs("rentbus: the import is not complete: run it again to go on\n", stderr);
    if (importer->bad > 0)
        exit = cli_exit_worse(exit, CLI_EXIT_BAD_DATA);
    return cli_exit_worse(exit, cli_output_flush());
}
