/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/spool.h"

#include "cli/spool_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Answered bytes that may stay in the file while there are as many that are not. */
#define SLACK_BYTES (UINT64_C(1) << 20)

/* Offsets are bytes of the file. */
struct cli_spool {
    struct cli_spool_file file;
    char device[RENTBUS_ID_MAX];
    size_t device_length;
    uint64_t sequence;
    uint64_t begin;  /* behind the head */
    uint64_t first;  /* of the first scan that is not answered */
    uint64_t read;   /* where cli_spool_next() is */
    uint64_t synced; /* what is on the disk */
    uint64_t count;
    uint64_t read_count;
    bool raised; /* the file does not say how far the sequence is */
};

struct rentbus_text cli_spool_device(const struct cli_spool *spool)
{
    return (struct rentbus_text){spool->device, spool->device_length};
}

uint64_t cli_spool_sequence(const struct cli_spool *spool)
{
    return spool->sequence;
}

uint64_t cli_spool_count(const struct cli_spool *spool)
{
    return spool->count;
}

void cli_spool_raise(struct cli_spool *spool, uint64_t sequence)
{
    if (sequence <= spool->sequence)
        return;
    spool->sequence = sequence;
    spool->raised = true;
}

static bool is_device(const struct cli_spool *spool, struct rentbus_text device)
{
    return device.length == spool->device_length &&
           memcmp(device.data, spool->device, device.length) == 0;
}

static void device_keep(struct cli_spool *spool, struct rentbus_text device)
{
    memcpy(spool->device, device.data, device.length);
    spool->device_length = device.length;
}

/* Takes the number of a scan, or of the head. */
static void number_take(struct cli_spool *spool, const struct cli_spool_line *line)
{
    if (line->sequence > spool->sequence && spool->device_length > 0 &&
        is_device(spool, line->device))
        spool->sequence = line->sequence;
}

/* ---- leaving what was answered out of the file ---- */

static int head_write(const struct cli_spool *spool, FILE *out)
{
    if (spool->device_length == 0)
        return 0;
    char *head = cli_spool_line_head(cli_spool_device(spool), spool->sequence);
    int written = head ? fprintf(out, "%s\n", head) : -1;
    int error = !head ? -ENOMEM : written < 0 ? -EIO : 0;
    free(head);
    return error;
}

/* Copies the lines from `first` on; `check`: those that are scans. */
static int lines_copy(struct cli_spool *spool, FILE *out, bool check)
{
    struct rentbus_text text;
    uint64_t at = spool->first;
    int status;
    while ((status = cli_spool_file_line(&spool->file, &at, spool->file.end, &text)) > 0) {
        struct cli_spool_line line;
        struct rentbus_fault fault;
        if (check && cli_spool_line_read(text, &line, &fault))
            continue;
        bool head = check && line.op == RENTBUS_OP_COUNT;
        if (check)
            cli_spool_line_release(&line);
        if (!head && (fwrite(text.data, 1, text.length, out) != text.length || putc('\n', out) < 0))
            return -EIO;
    }
    return status;
}

/* Writes the file anew from the first scan on that is not answered. */
static int spool_rewrite(struct cli_spool *spool, bool check)
{
    FILE *out;
    bool replaced;
    int error = cli_spool_file_renew(&spool->file, &out);
    if (error)
        return error;
    error = head_write(spool, out);
    uint64_t begin = error ? 0 : (uint64_t)ftello(out);
    if (error == 0)
        error = lines_copy(spool, out, check);
    error = cli_spool_file_replace(&spool->file, out, error, &replaced);
    if (!replaced)
        return error;
    spool->begin = spool->first = spool->read = begin;
    spool->synced = spool->file.end;
    spool->read_count = 0;
    spool->raised = false;
    return error;
}

int cli_spool_answered(struct cli_spool *spool)
{
    spool->first = spool->read;
    spool->count -= spool->read_count;
    spool->read_count = 0;
    uint64_t done = spool->first - spool->begin;
    uint64_t left = spool->file.end - spool->first;
    if (done > 0 && (left == 0 || (done > SLACK_BYTES && done > left)))
        return spool_rewrite(spool, false);
    return 0;
}

int cli_spool_set_device(struct cli_spool *spool, struct rentbus_text device)
{
    if (is_device(spool, device))
        return 0;
    if (spool->device_length > 0)
        return -EINVAL;
    device_keep(spool, device);
    int error = spool_rewrite(spool, false);
    if (error)
        spool->device_length = 0;
    return error;
}

/* ---- opening ---- */

/* Reads the file through, counts its scans, and sets aside what is none. */
static int spool_scan(struct cli_spool *spool, uint64_t *aside)
{
    struct rentbus_text text;
    uint64_t at = 0;
    uint64_t begin = 0;
    int status;
    *aside = 0;
    while ((status = cli_spool_file_line(&spool->file, &at, spool->file.end, &text)) > 0) {
        struct cli_spool_line line;
        struct rentbus_fault fault;
        status = cli_spool_line_read(text, &line, &fault);
        if (status < 0)
            return status;
        if (status > 0 && (status = cli_spool_file_aside(&spool->file, begin, at)) < 0)
            return status;
        *aside += (uint64_t)status;
        bool first = begin == 0;
        begin = at;
        if (status)
            continue;
        if (first && line.op == RENTBUS_OP_COUNT)
            spool->begin = spool->first = spool->read = at;
        if (line.op == RENTBUS_OP_COUNT && spool->device_length == 0)
            device_keep(spool, line.device);
        number_take(spool, &line);
        spool->count += line.op != RENTBUS_OP_COUNT;
        cli_spool_line_release(&line);
    }
    if (status == 0 && at < spool->file.end) {
        status = cli_spool_file_aside(&spool->file, at, spool->file.end);
        *aside += 1;
    }
    return status < 0 ? status : 0;
}

static int spool_load(struct cli_spool *spool, uint64_t *aside)
{
    int error = spool_scan(spool, aside);
    if (error)
        return error;
    spool->synced = spool->file.end;
    return *aside > 0 ? spool_rewrite(spool, true) : 0;
}

int cli_spool_open(const char *path, struct cli_spool **spool, uint64_t *aside)
{
    struct cli_spool *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;
    int error = cli_spool_file_open(&opened->file, path);
    if (error == 0) {
        error = spool_load(opened, aside);
        if (error)
            cli_spool_file_close(&opened->file);
    }
    if (error) {
        free(opened);
        return error;
    }
    *spool = opened;
    return 0;
}

void cli_spool_close(struct cli_spool **spool)
{
    struct cli_spool *gone = *spool;
    if (!gone)
        return;
    /* What could not be taken out is sent again, which is harmless. */
    int error = gone->first > gone->begin || gone->raised ? spool_rewrite(gone, false) : 0;
    (void)error;
    cli_spool_file_close(&gone->file);
    free(gone);
    *spool = NULL;
}

/* ---- adding and reading ---- */

int cli_spool_add(struct cli_spool *spool, const struct cli_spool_line *line)
{
    char *text = cli_spool_line_format(line);
    if (!text)
        return -ENOMEM;
    int error = cli_spool_file_append(&spool->file, rentbus_text(text));
    free(text);
    if (error)
        return error;
    number_take(spool, line);
    spool->count++;
    return 0;
}

int cli_spool_sync(struct cli_spool *spool)
{
    if (spool->synced == spool->file.end)
        return 0;
    if (fdatasync(spool->file.fd) != 0)
        return -errno;
    spool->synced = spool->file.end;
    return 0;
}

void cli_spool_rewind(struct cli_spool *spool)
{
    spool->read = spool->first;
    spool->read_count = 0;
}

int cli_spool_next(struct cli_spool *spool, struct cli_spool_line *line)
{
    struct rentbus_text text;
    struct rentbus_fault fault;
    int status;
    while ((status = cli_spool_file_line(&spool->file, &spool->read, spool->synced, &text)) > 0) {
        status = cli_spool_line_read(text, line, &fault);
        if (status)
            return status < 0 ? status : -EBADMSG;
        if (line->op != RENTBUS_OP_COUNT) {
            spool->read_count++;
            return 1;
        }
        cli_spool_line_release(line);
    }
    return status;
}
