/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/snapshot_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "daemon/engine/job.h"
#include "daemon/engine/replay.h"
#include "daemon/ledger/codec.h"
#include "daemon/ledger/snapshot.h"
#include "sdk/protocol/cbor.h"

/* Below everything that a client waits for. */
#define NICENESS 10
/* How long the archive may take to come up to the snapshot, which holds nothing of what the archive
 * has to hold. */
#define PATIENCE_MS 600000
#define STEP_MS 20

struct snapshot_writer {
    struct snapshot_task task;
    struct job job;
    /* The job's while it runs. */
    struct snapshot_header header;
    uint64_t from_seqs[SNAPSHOTS_KEPT];
    struct snapshot_contents from; /* what it goes on from, and then what it has come to */
    uint8_t hash[RENTBUS_HASH_SIZE];
    struct rentbus_buffer bus;
    struct snapshot_output *output;
    struct rentbus_event wire;
    struct ledger_event event;
    struct snapshot_outcome outcome;
};

/* ---- replaying ---- */

static int replay_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct snapshot_writer *writer = context;
    if (job_cancelled(&writer->job))
        return -ECANCELED;
    int status = replay_decode(seq, bytes, &writer->wire, &writer->event);
    if (status == 0)
        status = chain_hash(writer->hash, bytes, writer->hash);
    if (status == 0 && memcmp(writer->hash, writer->wire.hash.data, sizeof writer->hash) != 0)
        status = -EBADMSG;
    if (status == 0)
        status = replay_apply(writer->from.ledger, &writer->event, seq, seq);
    if (status)
        return status;
    return tally_take(writer->from.tally, writer->event.type, ledger_event_data(&writer->event));
}

static int begin_anew(struct snapshot_writer *writer)
{
    snapshot_contents_release(&writer->from);
    writer->from.ledger = ledger_create();
    writer->from.tally = tally_create();
    return writer->from.ledger && writer->from.tally ? 0 : -ENOMEM;
}

static int begin(struct snapshot_writer *writer)
{
    const struct snapshot_task *task = &writer->task;
    struct snapshot_outcome *outcome = &writer->outcome;
    for (size_t i = 0; i < SNAPSHOTS_KEPT && writer->from_seqs[i]; i++) {
        uint64_t seq = writer->from_seqs[i];
        const char **why = &outcome->why[outcome->bad_count];
        int status =
            snapshot_file_load(task->directory, seq, task->ledger, true, &writer->from, why);
        if (status == 0)
            outcome->from = seq;
        if (status == 0 || status == -ENOMEM)
            return status;
        outcome->bad[outcome->bad_count++] = seq;
    }
    return begin_anew(writer);
}

static int replay(struct snapshot_writer *writer)
{
    struct journal_reader *journal = NULL;
    const struct journal_head *head = &writer->header.head;
    memcpy(writer->hash, writer->from.header.head.hash, sizeof writer->hash);
    int status = journal_reader_open(writer->task.journal_path, &journal);
    if (status == 0)
        status = journal_read(journal, ledger_head(writer->from.ledger) + 1, head->seq,
                              replay_event, writer);
    journal_reader_close(&journal);
    if (status)
        return status;
    bool there = ledger_head(writer->from.ledger) == head->seq &&
                 memcmp(writer->hash, head->hash, sizeof writer->hash) == 0;
    return there ? 0 : -EBADMSG;
}

static int wait_for_archive(struct snapshot_writer *writer)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
        if (archive_follower_seq(writer->task.follower) >= writer->header.head.seq)
            return 0;
        if (job_cancelled(&writer->job))
            return -ECANCELED;
        nanosleep(&step, NULL);
    }
    return -ETIMEDOUT;
}

/* ---- writing ---- */

static int write_bytes(void *context, const void *data, size_t size)
{
    struct snapshot_writer *writer = context;
    if (job_cancelled(&writer->job))
        return -ECANCELED;
    return snapshot_output_write(writer->output, data, size);
}

static int write_row(void *context, const struct tally_row *row)
{
    struct rentbus_buffer *out = context;
    if (row->day < 0)
        rentbus_cbor_write_negative(out, (uint64_t)(-1 - row->day));
    else
        rentbus_cbor_write_uint(out, (uint64_t)row->day);
    rentbus_cbor_write_uint(out, row->kind);
    rentbus_cbor_write_bytes(out, row->name.data, row->name.length);
    rentbus_cbor_write_uint(out, row->bucket);
    rentbus_cbor_write_uint(out, row->count);
    return out->failed ? -ENOMEM : 0;
}

static int write_tally(struct snapshot_output *output, const struct tally *tally)
{
    struct rentbus_buffer bytes = {0};
    rentbus_cbor_write_array(&bytes, SNAPSHOT_TALLY_FIELDS * tally_rows(tally));
    int status = tally_visit(tally, write_row, &bytes);
    if (status == 0)
        status = snapshot_output_write(output, bytes.data, bytes.length);
    rentbus_buffer_release(&bytes);
    return status;
}

static int write_sections(struct snapshot_writer *writer)
{
    struct snapshot_output *output = writer->output;
    int status = snapshot_output_write(output, writer->bus.data, writer->bus.length);
    if (status == 0)
        status = snapshot_output_end_section(output);
    if (status == 0)
        status = ledger_snapshot_write(writer->from.ledger, write_bytes, writer);
    if (status == 0)
        status = snapshot_output_end_section(output);
    if (status == 0)
        status = write_tally(output, writer->from.tally);
    if (status == 0)
        status = snapshot_output_end_section(output);
    return status ? status : snapshot_output_finish(output);
}

/* Memory holds one ledger at a time: what was written is freed before it is read. */
static int check(struct snapshot_writer *writer)
{
    const char *why;
    snapshot_contents_release(&writer->from);
    int status = snapshot_file_read(snapshot_output_path(writer->output), writer->task.ledger,
                                    false, &writer->from, &why);
    if (status)
        return status;
    return ledger_digest(writer->from.ledger) == writer->header.digest ? 0 : -EBADMSG;
}

static int write_file(struct snapshot_writer *writer)
{
    writer->header.digest = ledger_digest(writer->from.ledger);
    int status = snapshot_output_create(writer->task.directory, &writer->header, &writer->output);
    if (status == 0)
        status = write_sections(writer);
    if (status == 0)
        status = check(writer);
    if (status == 0)
        status = job_cancelled(&writer->job) ? -ECANCELED : snapshot_output_publish(writer->output);
    snapshot_output_close(&writer->output);
    if (status == 0)
        snapshot_file_clean(writer->task.directory, writer->header.head.seq, writer->outcome.from);
    return status;
}

static void work(void *context)
{
    struct snapshot_writer *writer = context;
    setpriority(PRIO_PROCESS, 0, NICENESS);
    int status = begin(writer);
    if (status == 0)
        status = replay(writer);
    if (status == 0)
        status = wait_for_archive(writer);
    if (status == 0)
        status = write_file(writer);
    writer->outcome.status = status;
    writer->outcome.bytes = writer->from.bytes;
    ledger_destroy(&writer->from.ledger);
    tally_destroy(&writer->from.tally);
    rentbus_buffer_release(&writer->from.bus);
}

/* ---- the owner ---- */

struct snapshot_writer *snapshot_writer_create(const struct snapshot_task *task)
{
    struct snapshot_writer *writer = calloc(1, sizeof *writer);
    if (writer)
        writer->task = *task;
    return writer;
}

void snapshot_writer_destroy(struct snapshot_writer **writer)
{
    if (!*writer)
        return;
    job_stop(&(*writer)->job);
    rentbus_buffer_release(&(*writer)->bus);
    free(*writer);
    *writer = NULL;
}

int snapshot_writer_start(struct snapshot_writer *writer, const uint64_t from[SNAPSHOTS_KEPT],
                          const struct journal_head *head, struct rentbus_buffer *bus)
{
    rentbus_buffer_release(&writer->bus);
    writer->bus = *bus;
    *bus = (struct rentbus_buffer){0};
    memcpy(writer->from_seqs, from, sizeof writer->from_seqs);
    writer->outcome = (struct snapshot_outcome){0};
    writer->from = (struct snapshot_contents){0};
    writer->header = (struct snapshot_header){.head = *head};
    memcpy(writer->header.ledger, writer->task.ledger, strlen(writer->task.ledger));
    return job_start(&writer->job, writer->task.notify_fd, work, writer);
}

bool snapshot_writer_running(const struct snapshot_writer *writer)
{
    return writer->job.running;
}

bool snapshot_writer_take(struct snapshot_writer *writer, struct snapshot_outcome *outcome)
{
    if (!job_take(&writer->job))
        return false;
    rentbus_buffer_release(&writer->bus);
    *outcome = writer->outcome;
    return true;
}
