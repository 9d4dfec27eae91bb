/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/upload.h"
#include "cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* How long the daemon is asked for the number of a device whose spool is new. */
#define DEVICE_ASK_MS 1000

static const struct cli_option options[] = {
    {"spool", "FILE", "keep scans there until the daemon has answered them", NULL},
    {"location", "LOCATION", "where, for scans that do not say", NULL},
    {"checkout", NULL, "scans are checkouts; else returns", NULL},
    {"device", "DEVICE", "number the scans as those of this device", NULL},
    {"clock-offset", "MS", "how far the clock here is ahead", "clock_offset_ms"},
    {"upload", NULL, "take no scans, only bring to the daemon what the file holds", NULL},
};

struct scanning {
    struct cli *cli;
    const char *path;
    struct cli_scan_defaults defaults;
    struct cli_spool *spool;
    struct cli_upload *upload;
    uint64_t line;         /* of the input */
    size_t length;         /* of what is in `input` */
    bool passing;          /* over the rest of a line that is too long */
    bool ended;            /* there are no more scans to come */
    enum cli_exit worst;   /* of scans that could not be read */
    enum cli_exit stopped; /* scans cannot be kept */
    char input[CLI_SPOOL_LINE_MAX];
};

/* ---- a scan ---- */

static void scan_bad(struct scanning *scanning, const struct rentbus_fault *fault)
{
    scanning->cli->place = (struct cli_place){.file = "-", .line = scanning->line};
    cli_report_fault(scanning->cli, fault);
    scanning->cli->place = (struct cli_place){0};
    scanning->worst = cli_exit_worse(scanning->worst, cli_exit_of_error(fault->code));
}

static void scanning_stop(struct scanning *scanning, int error)
{
    cli_report(scanning->cli, "OUTPUT", "%s: %s: the scan is not kept", scanning->path,
               strerror(-error));
    scanning->stopped = CLI_EXIT_OUTPUT;
}

/* What is said of a scan when it is on the disk. */
static void scan_shown(const struct cli *cli, const struct cli_spool_line *line, FILE *out)
{
    char name[4 * RENTBUS_ID_MAX + 1];
    char id[RENTBUS_UUID_TEXT_SIZE + 1];
    rentbus_uuid_format(line->id, id);
    if (cli->json)
        fprintf(out, "{\"kept\":\"%s\"", id);
    else
        fprintf(out, "kept %s", cli_spool_line_name(line, name));
    if (line->sequence > 0)
        fprintf(out, cli->json ? ",\"device_seq\":%llu" : " as %llu",
                (unsigned long long)line->sequence);
    fputs(cli->json ? "}\n" : "\n", out);
}

/* Puts a scan into the spool, and what is to be said of it into `out`. */
static void scan_take(struct scanning *scanning, struct rentbus_text typed, FILE *out)
{
    struct cli_spool_line line;
    struct rentbus_fault fault;
    scanning->defaults.timestamp = cli_now();
    scanning->defaults.device = cli_spool_device(scanning->spool);
    scanning->defaults.sequence = cli_spool_sequence(scanning->spool) + 1;
    int status = cli_spool_line_scan(typed, &scanning->defaults, &line, &fault);
    if (status > 0)
        scan_bad(scanning, &fault);
    if (status > 0)
        return;
    if (status == 0) {
        status = rentbus_client_command_id(scanning->cli->client, &line.id);
        if (status == 0)
            status = cli_spool_add(scanning->spool, &line);
        if (status == 0)
            scan_shown(scanning->cli, &line, out);
        cli_spool_line_release(&line);
    }
    if (status)
        scanning_stop(scanning, status);
}

/* ---- input ---- */

static void line_take(struct scanning *scanning, struct rentbus_text line, FILE *out)
{
    scanning->line++;
    if (scanning->passing) {
        struct rentbus_fault fault = {.code = RENTBUS_ERROR_TOO_LARGE};
        snprintf(fault.message, sizeof(fault.message), "longer than %u bytes", CLI_SPOOL_LINE_MAX);
        scan_bad(scanning, &fault);
    } else if (!cli_lines_blank(line)) {
        scan_take(scanning, line, out);
    }
    scanning->passing = false;
}

/* Takes every whole line of the input, and what is left at its end. */
static void lines_take(struct scanning *scanning, FILE *out)
{
    size_t at = 0;
    const char *end;
    while (scanning->stopped == CLI_EXIT_OK &&
           (end = memchr(scanning->input + at, '\n', scanning->length - at))) {
        size_t length = (size_t)(end - scanning->input) - at;
        line_take(scanning, (struct rentbus_text){scanning->input + at, length}, out);
        at += length + 1;
    }
    if (scanning->ended && scanning->stopped == CLI_EXIT_OK && at < scanning->length) {
        line_take(scanning, (struct rentbus_text){scanning->input + at, scanning->length - at},
                  out);
        at = scanning->length;
    }
    scanning->length -= at;
    memmove(scanning->input, scanning->input + at, scanning->length);
    if (scanning->length == sizeof(scanning->input)) {
        scanning->passing = true;
        scanning->length = 0;
    }
}

/* Scans that came together are on the disk together, and only then said to be kept. */
static void input_keep(struct scanning *scanning)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        scanning_stop(scanning, -ENOMEM);
        return;
    }
    lines_take(scanning, out);
    int error = fclose(out) == 0 ? cli_spool_sync(scanning->spool) : -ENOMEM;
    if (error) {
        scanning_stop(scanning, error);
    } else {
        fputs(text, stdout);
        if (cli_output_flush() != CLI_EXIT_OK)
            scanning->stopped = CLI_EXIT_OUTPUT;
    }
    free(text);
}

static void input_read(struct scanning *scanning)
{
    ssize_t length = read(STDIN_FILENO, scanning->input + scanning->length,
                          sizeof(scanning->input) - scanning->length);
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    scanning->ended = length <= 0;
    if (scanning->ended)
        cli_upload_again(scanning->upload);
    if (length > 0)
        scanning->length += (size_t)length;
    input_keep(scanning);
}

/* ---- the loop ---- */

/* Whether there is nothing more to do, or nothing more that can be done. */
static bool scanning_done(const struct scanning *scanning)
{
    if (scanning->stopped != CLI_EXIT_OK || cli_upload_broken(scanning->upload) != CLI_EXIT_OK)
        return true;
    return scanning->ended && (cli_upload_idle(scanning->upload) ||
                               cli_upload_failed(scanning->upload) != CLI_EXIT_OK);
}

static void scanning_step(struct scanning *scanning)
{
    struct pollfd fds[] = {
        {.fd = rentbus_client_fd(scanning->cli->client), .events = POLLIN},
        {.fd = scanning->ended ? -1 : STDIN_FILENO, .events = POLLIN},
    };
    int ready = poll(fds, sizeof(fds) / sizeof(fds[0]), cli_upload_wait_ms(scanning->upload));
    if (ready > 0 && fds[0].revents && rentbus_client_process(scanning->cli->client) < 0)
        scanning->stopped = CLI_EXIT_INTERNAL;
    if (ready > 0 && fds[1].revents)
        input_read(scanning);
    cli_upload_go(scanning->upload);
}

static enum cli_exit scanning_finish(const struct scanning *scanning)
{
    uint64_t left = cli_spool_count(scanning->spool);
    enum cli_exit exit = cli_exit_worse(scanning->worst, cli_upload_worst(scanning->upload));
    exit = cli_exit_worse(exit, scanning->stopped);
    exit = cli_exit_worse(exit, cli_upload_broken(scanning->upload));
    if (left > 0)
        exit = cli_exit_worse(exit, cli_upload_failed(scanning->upload));
    if (left > 0 && !scanning->cli->json)
        fprintf(stderr, "rentbus: %llu scans are kept in %s\n", (unsigned long long)left,
                scanning->path);
    return exit;
}

/* ---- beginning ---- */

/* How far the daemon knows a device whose spool is new; 0 where nobody answers soon. */
static uint64_t device_known(const struct cli *cli, struct rentbus_text device)
{
    struct rentbus_options quick = cli->options;
    struct rentbus_client *client;
    struct rentbus_id_args args = {0};
    struct rentbus_device_result result = {0};
    if (quick.timeout_ms == 0 || quick.timeout_ms > DEVICE_ASK_MS)
        quick.timeout_ms = DEVICE_ASK_MS;
    if (rentbus_client_open(&quick, &client) != 0)
        return 0;
    RENTBUS_SET(&args, id_args, id, device);
    uint64_t known =
        rentbus_device_get(client, NULL, &args, &result) == 0 ? result.device.device_seq : 0;
    rentbus_client_close(&client);
    return known;
}

static enum cli_exit device_begin(struct scanning *scanning, const char *device)
{
    struct rentbus_text id = rentbus_text(device);
    struct cli *cli = scanning->cli;
    if (!device)
        return CLI_EXIT_OK;
    if (!rentbus_id_valid(id))
        return cli_report_usage(cli, "--device: %s is no id", device);
    int error = cli_spool_set_device(scanning->spool, id);
    if (error == -EINVAL) {
        struct rentbus_text other = cli_spool_device(scanning->spool);
        cli_report(cli, "INVALID_ARGUMENT", "%s is the spool of the device %.*s", scanning->path,
                   RENTBUS_TEXT_ARGS(other));
        return CLI_EXIT_BAD_DATA;
    }
    if (error) {
        cli_report(cli, "OUTPUT", "%s: %s", scanning->path, strerror(-error));
        return CLI_EXIT_OUTPUT;
    }
    if (cli_spool_sequence(scanning->spool) == 0)
        cli_spool_raise(scanning->spool, device_known(cli, id));
    return CLI_EXIT_OK;
}

static enum cli_exit spool_begin(struct scanning *scanning)
{
    uint64_t aside;
    int error = cli_spool_open(scanning->path, &scanning->spool, &aside);
    if (error == -EWOULDBLOCK) {
        cli_report(scanning->cli, "TRY_AGAIN", "%s is in use by another process", scanning->path);
        return CLI_EXIT_TRY_AGAIN;
    }
    if (error) {
        cli_report(scanning->cli, "OUTPUT", "%s: %s", scanning->path, strerror(-error));
        return CLI_EXIT_OUTPUT;
    }
    if (aside > 0)
        cli_report(scanning->cli, "MALFORMED",
                   "%s: %llu lines that are torn or no scans are set aside in %s.torn",
                   scanning->path, (unsigned long long)aside, scanning->path);
    return CLI_EXIT_OK;
}

static enum cli_exit scanning_run(struct scanning *scanning, const struct cli_line *line)
{
    struct cli *cli = scanning->cli;
    enum cli_exit exit = cli_connect(cli);
    if (exit == CLI_EXIT_OK)
        exit = spool_begin(scanning);
    if (exit != CLI_EXIT_OK)
        return exit;
    exit = device_begin(scanning, cli_line_value(line, "device"));
    if (exit == CLI_EXIT_OK)
        exit = cli_upload_create(cli, scanning->spool, scanning->path, &scanning->upload);
    if (exit == CLI_EXIT_OK) {
        cli_upload_go(scanning->upload);
        while (!scanning_done(scanning))
            scanning_step(scanning);
        exit = scanning_finish(scanning);
    }
    cli_upload_destroy(&scanning->upload);
    cli_spool_close(&scanning->spool);
    return exit;
}

static enum cli_exit scan_options(struct scanning *scanning, const struct cli_line *line)
{
    struct rentbus_return_args args = {0};
    struct cli *cli = scanning->cli;
    const char *location = cli_line_value(line, "location");
    enum cli_exit exit = cli_line_words(cli, line, 0, 0);
    if (exit == CLI_EXIT_OK && !scanning->path)
        exit = cli_report_usage(cli, "scan: --spool is missing");
    if (exit == CLI_EXIT_OK && location && !rentbus_id_valid(rentbus_text(location)))
        exit = cli_report_usage(cli, "--location: %s is no id", location);
    if (exit == CLI_EXIT_OK)
        exit = cli_line_fill(cli, line, &rentbus_return_args_schema, &args);
    scanning->defaults = (struct cli_scan_defaults){
        .op =
            cli_line_has(line, "checkout") ? RENTBUS_OP_rental_checkout : RENTBUS_OP_rental_return,
        .location = rentbus_text(location),
        .has_clock_offset = RENTBUS_HAS(&args, return_args, clock_offset_ms),
        .clock_offset_ms = args.clock_offset_ms,
    };
    scanning->ended = cli_line_has(line, "upload");
    return exit;
}

static enum cli_exit scan_run(struct cli *cli, const struct cli_line *line)
{
    struct scanning *scanning = calloc(1, sizeof(*scanning));
    if (!scanning) {
        cli_report_failure(cli, -ENOMEM, NULL);
        return CLI_EXIT_INTERNAL;
    }
    scanning->cli = cli;
    scanning->path = cli_line_value(line, "spool");
    enum cli_exit exit = scan_options(scanning, line);
    if (exit == CLI_EXIT_OK)
        exit = scanning_run(scanning, line);
    free(scanning);
    return exit;
}

const struct cli_verb cli_verb_scan = {
    .name = "scan",
    .summary = "Take scans from standard input, also while the daemon is away",
    .usage = "--spool FILE [--location LOCATION] [--checkout] [--device DEVICE]"
             " [--clock-offset MS]\n"
             "--spool FILE --upload",
    .options = CLI_OPTIONS(options),
    .notes =
        "A line is what a scanner types: the QR data of an asset, or of a user and an asset with\n"
        "a blank between them; or a JSON object as for return --event; or with --checkout as for\n"
        "checkout --event; or {\"op\": \"rental.checkout\", \"args\": {...}} for either. Each scan "
        "is\n"
        "on the disk before it is said to be kept, and goes to the daemon in order whenever that\n"
        "is there. What was answered leaves FILE; what was rejected is in FILE.rejected, too. A\n"
        "line that was torn by a crash goes to FILE.torn.",
    .run = scan_run,
};
