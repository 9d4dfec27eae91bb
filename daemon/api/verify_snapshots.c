/* SPDX-License-Identifier: MPL-2.0 */
/* The part of a verification that is about the snapshots. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/api/verify.h"

#define VERIFY_SNAPSHOT_TRIES 5

int verify_find_snapshots(struct verification *work)
{
    uint64_t seq = work->head;
    for (size_t i = 0; i < SNAPSHOTS_KEPT; i++) {
        int status = snapshot_file_newest(work->directory, seq, &seq);
        if (status)
            return status;
        work->snapshots[i] = seq;
        seq -= seq > 0;
    }
    return 0;
}

static void note_bad(struct verification *work, uint64_t seq, const char *why)
{
    for (size_t i = 0; i < work->bad_count; i++)
        if (work->bad[i] == seq)
            return;
    if (work->bad_count == SNAPSHOTS_KEPT)
        return;
    work->bad[work->bad_count] = seq;
    work->why[work->bad_count++] = why;
}

/* 0; 1 when there is none that is good; -errno: -ENOENT when a newer one has taken its place. */
static int load(struct verification *work, uint64_t seq, struct snapshot_contents *contents)
{
    const char *why;
    int status = snapshot_file_load(work->directory, seq, work->name, true, contents, &why);
    if (status == 0 || status == -ENOMEM || status == -ENOENT)
        return status;
    note_bad(work, seq, why);
    return 1;
}

static int check_row(void *context, const struct tally_row *row)
{
    const struct verification *work = context;
    return tally_find(work->tally, row) != row->count;
}

static const char *compare(struct verification *work, const struct snapshot_contents *contents)
{
    if (memcmp(contents->header.head.hash, work->hash, sizeof work->hash) != 0)
        return "it is of another journal";
    if (ledger_digest(contents->ledger) != ledger_digest(work->ledger))
        return "it holds another ledger than the journal";
    if (tally_visit(contents->tally, check_row, work))
        return "it counts other returns than the journal";
    return NULL;
}

int verify_snapshot(struct verification *work, uint64_t seq)
{
    struct snapshot_contents contents = {0};
    if (seq != work->snapshots[0] && seq != work->snapshots[1])
        return 0;
    int status = load(work, seq, &contents);
    if (status)
        return status == 1 || status == -ENOENT ? 0 : status;
    const char *why = compare(work, &contents);
    if (why)
        note_bad(work, seq, why);
    snapshot_contents_release(&contents);
    return 0;
}

int verify_snapshots_are_good(struct verification *work)
{
    char name[SNAPSHOT_FILE_NAME_SIZE];
    if (work->bad_count == 0)
        return 0;
    bool another = work->bad_count == 1 && work->snapshots[1] != 0;
    snapshot_file_name(work->bad[0], name);
    snprintf(work->problem, sizeof work->problem, "%s is no good: %s; %s", name, work->why[0],
             another          ? "a start goes on from the other one"
             : work->base.seq ? "no start can go on from one"
                              : "a start has to replay the journal");
    return VERIFY_DIFFERS;
}

/* ---- a trimmed journal ---- */

/* 0; 1 when there is none that is good; -errno, as load(). */
static int load_oldest(struct verification *work, struct snapshot_contents *contents)
{
    int status = verify_find_snapshots(work);
    int found = 1;
    for (size_t i = SNAPSHOTS_KEPT; i > 0 && status == 0 && found == 1; i--)
        if (work->snapshots[i - 1] >= work->base.seq)
            found = load(work, work->snapshots[i - 1], contents);
    return status ? status : found;
}

int verify_begin_with_snapshot(struct verification *work)
{
    struct snapshot_contents contents = {0};
    int status = -ENOENT;
    for (int i = 0; status == -ENOENT && i < VERIFY_SNAPSHOT_TRIES; i++)
        status = load_oldest(work, &contents);
    if (status == 1)
        return work->bad_count ? verify_snapshots_are_good(work)
                               : verify_differs(work, "there is no snapshot, as there has to be",
                                                work->base.seq);
    if (status)
        return status;
    work->ledger = contents.ledger;
    work->tally = contents.tally;
    contents.ledger = NULL;
    contents.tally = NULL;
    memcpy(work->hash, work->base.hash, sizeof work->hash);
    uint64_t seq = contents.header.head.seq;
    status = journal_read(work->journal, work->base.seq + 1, seq, verify_old_event, work);
    if (status == 0 && memcmp(contents.header.head.hash, work->hash, sizeof work->hash) != 0)
        status = verify_differs(work, "the snapshot is of another journal", seq);
    snapshot_contents_release(&contents);
    return status;
}
