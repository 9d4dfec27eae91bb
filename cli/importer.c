/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/importer.h"

#include "cli/field.h"
#include "cli/output.h"
#include "cli/report.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* How long a request may take, unless --timeout says so, and when it is sent again. */
#define TIMEOUT_MS 60000
#define RETRY_MS 10000

/* A row on its way: what a report about it needs. */
struct row {
    struct rentbus_uuid id;
    struct cli_place place;
    char key[RENTBUS_ID_MAX];
};

/* The rows of one request. */
struct pack {
    struct cli_importer *importer;
    struct pack *next; /* of the free ones */
    size_t count;
    struct row rows[CLI_IMPORTER_PACK_ROWS];
};

/* Places of rows of the pack that is filled, by their ids; twice as many, so that one is free. */
#define PLACE_COUNT 512
static_assert(PLACE_COUNT >= 2 * CLI_IMPORTER_PACK_ROWS, "a search must end");

struct cli_importer {
    struct cli *cli;
    uint64_t head; /* of the journal before the import */
    uint64_t created;
    uint64_t already;
    uint64_t bad;
    enum cli_exit stopped; /* why the import cannot go on, CLI_EXIT_OK while it can */
    enum cli_row_kind kind;
    struct cli_progress progress;
    struct rentbus_batch_builder *builder;
    struct pack *filled; /* NULL: none */
    struct pack *free;
    uint16_t places[PLACE_COUNT]; /* number of a row from 1, 0: none */
    struct pack packs[CLI_IMPORTER_PACKS];
};

static enum cli_exit importer_new(struct cli *cli, uint64_t head, struct cli_importer **importer)
{
    struct cli_importer *created = calloc(1, sizeof(*created));
    int error = created ? rentbus_batch_open(cli->client, &created->builder) : -ENOMEM;
    if (error) {
        free(created);
        cli_report_failure(cli, error, NULL);
        return CLI_EXIT_INTERNAL;
    }
    created->cli = cli;
    created->head = head;
    for (size_t i = 0; i < CLI_IMPORTER_PACKS; i++) {
        created->packs[i].importer = created;
        created->packs[i].next = created->free;
        created->free = &created->packs[i];
    }
    cli_progress_begin(&created->progress, cli->json);
    *importer = created;
    return CLI_EXIT_OK;
}

/* A daemon that has answered, and now has much to do, gets the time for it. */
static enum cli_exit patience(struct cli *cli)
{
    cli_release(cli);
    cli->options.retry_ms = RETRY_MS;
    if (cli->options.timeout_ms == 0)
        cli->options.timeout_ms = TIMEOUT_MS;
    return cli_connect(cli);
}

enum cli_exit cli_importer_create(struct cli *cli, struct cli_importer **importer)
{
    struct rentbus_hello_result hello;
    enum cli_exit exit = cli_call(cli, RENTBUS_OP_hello, NULL, NULL, &hello);
    uint64_t head = hello.head;
    if (exit == CLI_EXIT_OK)
        exit = patience(cli);
    return exit == CLI_EXIT_OK ? importer_new(cli, head, importer) : exit;
}

void cli_importer_destroy(struct cli_importer **importer)
{
    struct cli_importer *gone = *importer;
    if (!gone)
        return;
    /* Answers that still come would find their packs freed. */
    if (gone->stopped == CLI_EXIT_OK)
        gone->stopped = CLI_EXIT_INTERNAL;
    rentbus_batch_close(&gone->builder);
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

static void pack_give(struct pack *pack)
{
    pack->count = 0;
    pack->next = pack->importer->free;
    pack->importer->free = pack;
}

static void reply_take(struct cli_importer *importer, const struct row *row,
                       const struct rentbus_batch_reply *reply)
{
    struct rentbus_fault fault;
    char field[sizeof(fault.field)];
    if (reply->ok) {
        row_answered(importer, &reply->result);
        return;
    }
    snprintf(field, sizeof(field), "%.*s", RENTBUS_TEXT_ARGS(reply->error.field));
    int status = cli_fault_set(&fault, reply->error.code, field, "%.*s",
                               RENTBUS_TEXT_ARGS(reply->error.message));
    if (is_bad_row(status))
        cli_importer_bad(importer, &row->place, &fault);
    else
        stop(importer, status, &fault);
}

/* Replies stand in the order of the rows. */
static void replies_take(struct pack *pack, const struct rentbus_batch_result *result)
{
    struct cli_importer *importer = pack->importer;
    struct rentbus_batch_reply reply;
    size_t position = 0;
    for (size_t i = 0; i < pack->count && importer->stopped == CLI_EXIT_OK; i++) {
        const struct row *row = &pack->rows[i];
        if (rentbus_list_next(&result->replies, &rentbus_batch_reply_schema, &position, &reply) ==
                1 &&
            memcmp(&reply.id, &row->id, sizeof(reply.id)) == 0)
            reply_take(importer, row, &reply);
        else
            stop(importer, -EBADMSG, NULL);
    }
}

static void pack_completed(void *context, const struct rentbus_completion *completion)
{
    struct pack *pack = context;
    struct cli_importer *importer = pack->importer;
    if (importer->stopped == CLI_EXIT_OK && completion->status == 0)
        replies_take(pack, completion->result);
    else if (importer->stopped == CLI_EXIT_OK)
        stop(importer, completion->status, completion->fault);
    pack_give(pack);
}

static enum cli_exit wait_for_some(struct cli_importer *importer)
{
    int status = rentbus_client_wait(importer->cli->client, -1);
    return status < 0 ? stop(importer, status, NULL) : importer->stopped;
}

/* Sends the pack that is filled, if there is one. */
static enum cli_exit pack_send(struct cli_importer *importer)
{
    struct rentbus_batch_args args = {0};
    struct pack *pack = importer->filled;
    if (!pack || importer->stopped != CLI_EXIT_OK)
        return importer->stopped;
    RENTBUS_SET(&args, batch_args, commands, rentbus_batch_commands(importer->builder));
    int status = rentbus_call_start(importer->cli->client, RENTBUS_OP_batch, NULL, &args,
                                    pack_completed, pack);
    importer->filled = NULL;
    rentbus_batch_clear(importer->builder);
    memset(importer->places, 0, sizeof(importer->places));
    if (status == 0)
        return CLI_EXIT_OK;
    pack_give(pack);
    return stop(importer, status, rentbus_client_fault(importer->cli->client));
}

enum cli_exit cli_importer_settle(struct cli_importer *importer)
{
    enum cli_exit exit = pack_send(importer);
    while (exit == CLI_EXIT_OK && rentbus_client_in_flight(importer->cli->client) > 0)
        exit = wait_for_some(importer);
    return exit;
}

/* Where a row of that id is among the places, or would be. */
static uint16_t *place_find(struct cli_importer *importer, const struct rentbus_uuid *id)
{
    uint16_t at;
    memcpy(&at, id->bytes, sizeof(at));
    for (at %= PLACE_COUNT; importer->places[at]; at = (at + 1) % PLACE_COUNT)
        if (memcmp(&importer->filled->rows[importer->places[at] - 1].id, id, sizeof(*id)) == 0)
            break;
    return &importer->places[at];
}

/* Sees to it that a pack is there which has room for a row of that id. A request has an id once: an
 * equal row goes into the next. */
static enum cli_exit make_way(struct cli_importer *importer, const struct cli_row *row,
                              const struct rentbus_uuid *id)
{
    if (row->kind != importer->kind && cli_importer_settle(importer) != CLI_EXIT_OK)
        return importer->stopped;
    importer->kind = row->kind;
    if (importer->filled &&
        (importer->filled->count == CLI_IMPORTER_PACK_ROWS || *place_find(importer, id)) &&
        pack_send(importer) != CLI_EXIT_OK)
        return importer->stopped;
    while (!importer->filled && !importer->free)
        if (wait_for_some(importer) != CLI_EXIT_OK)
            return importer->stopped;
    if (!importer->filled) {
        importer->filled = importer->free;
        importer->free = importer->filled->next;
    }
    return importer->stopped;
}

static void row_keep(struct cli_importer *importer, const struct rentbus_uuid *id,
                     const struct cli_place *place)
{
    struct pack *pack = importer->filled;
    uint16_t *at = place_find(importer, id);
    struct row *row = &pack->rows[pack->count++];
    row->id = *id;
    row->place = *place;
    if (row->place.key.length > sizeof(row->key))
        row->place.key.length = sizeof(row->key);
    if (row->place.key.length > 0)
        memcpy(row->key, place->key.data, row->place.key.length);
    row->place.key.data = row->key;
    *at = (uint16_t)pack->count;
}

enum cli_exit cli_importer_send_as(struct cli_importer *importer, const struct rentbus_uuid *id,
                                   const struct cli_row *row, const struct cli_place *place)
{
    if (make_way(importer, row, id) != CLI_EXIT_OK)
        return importer->stopped;
    int status = rentbus_batch_add(importer->builder, cli_row_types[row->kind].put, id, &row->args);
    if (status == 0) {
        row_keep(importer, id, place);
        return CLI_EXIT_OK;
    }
    const struct rentbus_fault *fault = rentbus_client_fault(importer->cli->client);
    if (!is_bad_row(status))
        return stop(importer, status, fault);
    cli_importer_bad(importer, place, fault);
    return CLI_EXIT_OK;
}

enum cli_exit cli_importer_send(struct cli_importer *importer, const struct cli_row *row,
                                const struct cli_place *place)
{
    struct rentbus_uuid id;
    int status = cli_row_command_id(row, &id);
    if (status)
        return stop(importer, status, NULL);
    return cli_importer_send_as(importer, &id, row, place);
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
