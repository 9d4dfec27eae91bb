/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/upload.h"

#include "cli/field.h"
#include "cli/output.h"
#include "cli/rejected.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Scans in one request: so many that a long spool goes fast, so few that answers come soon. */
#define BATCH_SCANS 200
/* How long the daemon is left alone after it said that it could not. */
#define PAUSE_MS 1000

struct cli_upload {
    struct cli *cli;
    struct cli_spool *spool;
    const char *path;
    struct cli_rejected *rejected;
    struct rentbus_batch_builder *builder;
    size_t limit; /* of the next request */
    size_t count; /* of the one on its way */
    bool flying;
    bool asking;      /* how far the daemon knows the device */
    int64_t pause_ms; /* until then, on now_ms() */
    int told;         /* the status of a failure that was reported, 0: none */
    enum cli_exit failed;
    enum cli_exit broken;
    enum cli_exit worst;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void upload_break(struct cli_upload *upload, int error)
{
    if (upload->broken != CLI_EXIT_OK)
        return;
    cli_report(upload->cli, "OUTPUT", "%s: %s", upload->path, strerror(-error));
    upload->broken = error == -ENOMEM ? CLI_EXIT_INTERNAL : CLI_EXIT_OUTPUT;
}

enum cli_exit cli_upload_create(struct cli *cli, struct cli_spool *spool, const char *path,
                                struct cli_upload **upload)
{
    struct cli_upload *made = calloc(1, sizeof(*made));
    int error = made ? 0 : -ENOMEM;
    if (made) {
        *made = (struct cli_upload){.cli = cli, .spool = spool, .path = path, .limit = BATCH_SCANS};
        error = cli_rejected_open(path, &made->rejected);
    }
    if (error == 0)
        error = rentbus_batch_open(cli->client, &made->builder);
    if (error == 0) {
        *upload = made;
        return CLI_EXIT_OK;
    }
    cli_report(cli, "OUTPUT", "%s.rejected: %s", path, strerror(-error));
    cli_upload_destroy(&made);
    return CLI_EXIT_OUTPUT;
}

void cli_upload_destroy(struct cli_upload **upload)
{
    struct cli_upload *gone = *upload;
    if (!gone)
        return;
    rentbus_batch_close(&gone->builder);
    /* Calls on their way complete now, and do nothing more. */
    gone->broken = cli_exit_worse(gone->broken, CLI_EXIT_INTERNAL);
    cli_release(gone->cli);
    cli_rejected_close(&gone->rejected);
    free(gone);
    *upload = NULL;
}

/* ---- answers ---- */

static void device_answered(void *context, const struct rentbus_completion *completion)
{
    struct cli_upload *upload = context;
    const struct rentbus_device_result *result = completion->result;
    upload->asking = false;
    if (completion->status == 0 && upload->broken == CLI_EXIT_OK)
        cli_spool_raise(upload->spool, result->device.device_seq);
}

/* The file of the device was lost, or another program counts for it: goes on behind what the daemon
 * knows. */
static void device_ask(struct cli_upload *upload)
{
    struct rentbus_id_args args = {0};
    RENTBUS_SET(&args, id_args, id, cli_spool_device(upload->spool));
    if (!upload->asking && rentbus_call_start(upload->cli->client, RENTBUS_OP_device_get, NULL,
                                              &args, device_answered, upload) == 0)
        upload->asking = true;
}

static int scan_refused(struct cli_upload *upload, const struct cli_spool_line *line,
                        const struct rentbus_fault *fault)
{
    char name[4 * RENTBUS_ID_MAX + 1];
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    rentbus_uuid_format(line->id, id);
    cli_spool_line_name(line, name);
    struct rentbus_text key = rentbus_text(upload->cli->json ? id : name);
    upload->cli->place = (struct cli_place){.table = "scan", .key = key};
    cli_report_fault(upload->cli, fault);
    upload->cli->place = (struct cli_place){0};
    upload->worst = cli_exit_worse(upload->worst, cli_exit_of_error(fault->code));
    return cli_rejected_add(upload->rejected, line->id, line->text, NULL, fault);
}

/* A number that came before was that of another scan, or the answer would be the first one. */
static int scan_doubled(struct cli_upload *upload, const struct cli_spool_line *line)
{
    struct rentbus_fault fault;
    cli_fault_set(&fault, RENTBUS_ERROR_CONFLICT, "device_seq",
                  "%llu came from this device before: the scan was not taken",
                  (unsigned long long)line->sequence);
    device_ask(upload);
    return scan_refused(upload, line, &fault);
}

static int scan_answered(struct cli_upload *upload, const struct cli_spool_line *line,
                         const struct rentbus_command_result *result)
{
    char name[4 * RENTBUS_ID_MAX + 1];
    struct cli_answer answer = {.command_id = line->id, .result = result};
    if (result->outcome == RENTBUS_OUTCOME_UNCHANGED && line->sequence > 0)
        return scan_doubled(upload, line);
    if (!upload->cli->json)
        printf("%s: ", cli_spool_line_name(line, name));
    upload->worst = cli_exit_worse(upload->worst, cli_output_answer(upload->cli, &answer));
    if (result->outcome != RENTBUS_OUTCOME_REJECTED)
        return 0;
    return cli_rejected_add(upload->rejected, line->id, line->text, result, NULL);
}

/* Whether the daemon may take it when it is asked again. */
static bool is_passing(enum rentbus_error_code code)
{
    enum cli_exit exit = cli_exit_of_error(code);
    return exit == CLI_EXIT_UNAVAILABLE || exit == CLI_EXIT_TRY_AGAIN || exit == CLI_EXIT_INTERNAL;
}

/* 1: the scan is done with; 0: it is to be sent again; or a negative errno. */
static int reply_take(struct cli_upload *upload, const struct cli_spool_line *line,
                      const struct rentbus_batch_reply *reply)
{
    struct rentbus_fault fault;
    char field[sizeof(fault.field)];
    int error;
    if (memcmp(&reply->id, &line->id, sizeof(line->id)) != 0)
        return -EBADMSG;
    if (!reply->ok && is_passing(reply->error.code))
        return 0;
    if (reply->ok) {
        error = scan_answered(upload, line, &reply->result);
    } else {
        snprintf(field, sizeof(field), "%.*s", RENTBUS_TEXT_ARGS(reply->error.field));
        cli_fault_set(&fault, reply->error.code, field, "%.*s",
                      RENTBUS_TEXT_ARGS(reply->error.message));
        error = scan_refused(upload, line, &fault);
    }
    return error ? error : 1;
}

/* The oldest scans are done with. */
static void scans_remove(struct cli_upload *upload, size_t count)
{
    struct cli_spool_line line;
    int status = 1;
    int error = cli_rejected_sync(upload->rejected);
    cli_spool_rewind(upload->spool);
    for (size_t i = 0; error == 0 && i < count && status == 1; i++)
        if ((status = cli_spool_next(upload->spool, &line)) == 1)
            cli_spool_line_release(&line);
    if (error == 0 && status < 0)
        error = status;
    if (error == 0)
        error = cli_spool_answered(upload->spool);
    if (error)
        upload_break(upload, error);
}

static int replies_take(struct cli_upload *upload, const struct rentbus_batch_result *result,
                        size_t *done)
{
    struct rentbus_batch_reply reply;
    struct cli_spool_line line;
    size_t position = 0;
    int status = 1;
    cli_spool_rewind(upload->spool);
    for (*done = 0; status == 1 && *done < upload->count;) {
        status =
            rentbus_list_next(&result->replies, &rentbus_batch_reply_schema, &position, &reply);
        if (status == 1)
            status = cli_spool_next(upload->spool, &line);
        else
            status = -EBADMSG;
        if (status != 1)
            return status;
        status = reply_take(upload, &line, &reply);
        cli_spool_line_release(&line);
        *done += status == 1;
    }
    return status;
}

/* ---- failures ---- */

static void failure_tell(struct cli_upload *upload, int status, const struct rentbus_fault *fault)
{
    if (upload->told == status)
        return;
    upload->told = status;
    if (status > 0)
        cli_report_fault(upload->cli, fault);
    else
        cli_report_failure(upload->cli, status, NULL);
    if (!upload->cli->json)
        fprintf(stderr, "rentbus: scans are kept in %s until then\n", upload->path);
}

/* A request that is refused as a whole is sent scan by scan, until the one is found that is to
 * blame. */
static void request_refused(struct cli_upload *upload, const struct rentbus_fault *fault)
{
    struct cli_spool_line line;
    if (upload->count > 1) {
        upload->limit = 1;
        return;
    }
    cli_spool_rewind(upload->spool);
    int status = cli_spool_next(upload->spool, &line);
    if (status == 1) {
        status = scan_refused(upload, &line, fault);
        cli_spool_line_release(&line);
    }
    if (status < 0)
        upload_break(upload, status);
    else
        scans_remove(upload, 1);
}

static void request_failed(struct cli_upload *upload, int status, const struct rentbus_fault *fault)
{
    enum cli_exit exit = cli_exit_of_status(status);
    if (status > 0 && exit == CLI_EXIT_BAD_DATA) {
        request_refused(upload, fault);
        return;
    }
    upload->failed = exit;
    if (status != -ETIMEDOUT)
        upload->pause_ms = now_ms() + PAUSE_MS;
    failure_tell(upload, status, fault);
}

static void request_served(struct cli_upload *upload, const struct rentbus_batch_result *result)
{
    size_t done;
    if (upload->told && !upload->cli->json)
        fprintf(stderr, "rentbus: %s answers again\n", cli_api(upload->cli));
    upload->told = 0;
    upload->failed = CLI_EXIT_OK;
    upload->limit = BATCH_SCANS;
    int status = replies_take(upload, result, &done);
    if (done > 0)
        scans_remove(upload, done);
    if (status < 0)
        upload_break(upload, status);
    if (status == 0 && done < upload->count) {
        upload->failed = CLI_EXIT_TRY_AGAIN;
        upload->pause_ms = now_ms() + PAUSE_MS;
    }
}

void cli_upload_again(struct cli_upload *upload)
{
    upload->failed = CLI_EXIT_OK;
    upload->pause_ms = 0;
}

static void request_completed(void *context, const struct rentbus_completion *completion)
{
    struct cli_upload *upload = context;
    upload->flying = false;
    if (upload->broken != CLI_EXIT_OK)
        return;
    if (completion->status == 0)
        request_served(upload, completion->result);
    else
        request_failed(upload, completion->status, completion->fault);
}

/* ---- sending ---- */

/* Collects the oldest scans: 0; an error code when the first of them cannot be collected; or a
 * negative errno. */
static int request_fill(struct cli_upload *upload)
{
    struct cli_spool_line line;
    int status = 0;
    rentbus_batch_clear(upload->builder);
    cli_spool_rewind(upload->spool);
    for (upload->count = 0; upload->count < upload->limit; upload->count++) {
        status = cli_spool_next(upload->spool, &line);
        if (status != 1)
            break;
        status = rentbus_batch_add(upload->builder, line.op, &line.id, &line.args);
        cli_spool_line_release(&line);
        if (status)
            break;
    }
    return status > 0 && upload->count > 0 ? 0 : status;
}

void cli_upload_go(struct cli_upload *upload)
{
    struct rentbus_batch_args args = {0};
    if (upload->flying || upload->broken != CLI_EXIT_OK || cli_spool_count(upload->spool) == 0 ||
        (upload->pause_ms && now_ms() < upload->pause_ms))
        return;
    upload->pause_ms = 0;
    int status = request_fill(upload);
    if (status == 0 && upload->count == 0)
        return;
    RENTBUS_SET(&args, batch_args, commands, rentbus_batch_commands(upload->builder));
    if (status == 0)
        status = rentbus_call_start(upload->cli->client, RENTBUS_OP_batch, NULL, &args,
                                    request_completed, upload);
    if (status < 0)
        upload_break(upload, status);
    else if (status > 0)
        request_failed(upload, status, rentbus_client_fault(upload->cli->client));
    else
        upload->flying = true;
}

int cli_upload_wait_ms(const struct cli_upload *upload)
{
    int64_t wait = upload->pause_ms - now_ms();
    if (upload->flying || upload->pause_ms == 0)
        return -1;
    return wait > 0 ? (int)wait : 0;
}

bool cli_upload_idle(const struct cli_upload *upload)
{
    return !upload->flying && !upload->asking && cli_spool_count(upload->spool) == 0;
}

enum cli_exit cli_upload_failed(const struct cli_upload *upload)
{
    return upload->failed;
}

enum cli_exit cli_upload_broken(const struct cli_upload *upload)
{
    return upload->broken;
}

enum cli_exit cli_upload_worst(const struct cli_upload *upload)
{
    return upload->worst;
}
