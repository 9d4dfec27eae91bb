/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/journal/journal.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/journal/base.h"
#include "daemon/journal/block.h"

/* Blocks read in one transaction: a reader that lingers keeps the log from being emptied. */
#define JOURNAL_READER_SLICE 8
/* What a block costs in the log beside its events: the rest of its last page, and the first page.
 */
#define JOURNAL_READER_BLOCK_COST (2 * BLOCK_FRAME_SIZE)
/* How often a checkpoint tries to follow a writer that goes on writing. */
#define JOURNAL_CHECKPOINT_ROUNDS 3
/* How long it asks for a lock when it wants to end. */
#define JOURNAL_CHECKPOINT_BUSY_MS 80

struct journal_reader {
    sqlite3 *db;
    sqlite3_stmt *last;
    sqlite3_stmt *slice;
    sqlite3_stmt *probe;
    size_t backlog;
};

struct journal_reading {
    uint64_t from;
    uint64_t to;
    uint64_t next; /* the seq that the next block must begin with; 0 before the first block */
    journal_block_visitor *visit;
    void *context;
};

static int journal_reader_prepare(struct journal_reader *reader)
{
    int r = sqlite_execute(reader->db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; "
                                       "PRAGMA query_only = 1");
    if (r == 0)
        r = sqlite_prepare(reader->db, BLOCK_LAST, &reader->last);
    if (r == 0)
        r = sqlite_prepare(reader->db,
                           "SELECT " BLOCK_COLUMNS " FROM block WHERE first_seq >= "
                           "(SELECT first_seq FROM block WHERE first_seq <= ?1 "
                           "ORDER BY first_seq DESC LIMIT 1) AND first_seq <= ?2 "
                           "ORDER BY first_seq LIMIT ?3",
                           &reader->slice);
    if (r == 0)
        r = sqlite_prepare(reader->db,
                           "SELECT first_seq, count, time FROM block WHERE first_seq <= ?1 "
                           "ORDER BY first_seq DESC LIMIT 1",
                           &reader->probe);
    return r;
}

int journal_reader_open(const char *path, struct journal_reader **reader)
{
    struct meta_identity identity = {BLOCK_KIND, BLOCK_FORMAT, NULL};
    enum meta_verdict verdict = META_OURS;
    struct journal_reader *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;

    int r = sqlite_open(path, false, &opened->db);
    if (r == 0)
        r = meta_judge(opened->db, &identity, &verdict);
    if (r == 0 && verdict != META_OURS)
        r = -EBADMSG;
    if (r == 0)
        r = journal_reader_prepare(opened);
    if (r) {
        journal_reader_close(&opened);
        return r;
    }
    *reader = opened;
    return 0;
}

void journal_reader_close(struct journal_reader **reader)
{
    if (!*reader)
        return;
    sqlite_finalize(&(*reader)->last);
    sqlite_finalize(&(*reader)->slice);
    sqlite_finalize(&(*reader)->probe);
    sqlite_close(&(*reader)->db);
    free(*reader);
    *reader = NULL;
}

int journal_reader_head(struct journal_reader *reader, struct journal_head *head)
{
    return block_head(reader->last, head);
}

int journal_reader_base(struct journal_reader *reader, struct journal_head *base)
{
    return base_read(reader->db, base);
}

/* What it means that the event `seq` is not there. */
static int journal_missing(struct journal_reader *reader, uint64_t seq)
{
    struct journal_head base = {0};
    int r = base_read(reader->db, &base);

    if (r)
        return r;
    return seq <= base.seq ? JOURNAL_TRIMMED : -EBADMSG;
}

struct journal_probe {
    uint64_t first_seq;
    uint64_t count;
    int64_t time; /* of the last event of the block */
};

/* The last block that begins at `seq` or before, without its events: 1; 0 when there is none. */
static int journal_probe_before(struct journal_reader *reader, uint64_t seq,
                                struct journal_probe *probe)
{
    int r = sqlite_bind_uint(reader->probe, 1, seq);

    if (r == 0)
        r = sqlite_step(reader->probe);
    if (r == 1) {
        probe->first_seq = (uint64_t)sqlite3_column_int64(reader->probe, 0);
        probe->count = (uint64_t)sqlite3_column_int64(reader->probe, 1);
        probe->time = sqlite3_column_int64(reader->probe, 2);
    }
    sqlite3_reset(reader->probe);
    return r;
}

/* The block that holds `seq`. */
static int journal_probe(struct journal_reader *reader, uint64_t seq, struct journal_probe *probe)
{
    int r = journal_probe_before(reader, seq, probe);

    if (r < 0)
        return r;
    bool holds = r == 1 && probe->first_seq <= seq && seq - probe->first_seq < probe->count;
    return holds ? 0 : journal_missing(reader, seq);
}

/* The seq of the last event, 0 when there is none. */
static int journal_reader_last(struct journal_reader *reader, uint64_t *seq)
{
    struct journal_probe probe;
    int r = journal_probe_before(reader, INT64_MAX, &probe);

    if (r >= 0)
        *seq = r == 1 ? probe.first_seq + probe.count - 1 : 0;
    return r < 0 ? r : 0;
}

/* Whether the block goes on where the last one ended; the first one must hold `from`. */
static bool journal_block_follows(const struct block *block, const struct journal_reading *reading)
{
    if (reading->next > 0)
        return block->first_seq == reading->next;
    return block->first_seq <= reading->from && reading->from - block->first_seq < block->count;
}

/* Reads the row that the statement stands on. */
static int journal_read_row(struct journal_reader *reader, struct journal_reading *reading)
{
    struct block block;
    int r = block_read(reader->slice, &block);

    if (r)
        return r;
    if (!journal_block_follows(&block, reading))
        return -EBADMSG;
    reader->backlog += block.events.length + JOURNAL_READER_BLOCK_COST;
    reading->next = block.first_seq + block.count;
    return reading->visit(reading->context, block.first_seq, block.count, block.events);
}

/* Reads some blocks, at least one; without a block to read there is a gap. */
static int journal_read_slice(struct journal_reader *reader, struct journal_reading *reading)
{
    sqlite3_stmt *slice = reader->slice;
    uint64_t before = reading->next;
    uint64_t from = before > 0 ? before : reading->from;
    int row = 0;
    int r = sqlite_bind_uint(slice, 1, from);

    if (r == 0)
        r = sqlite_bind_uint(slice, 2, reading->to);
    if (r == 0)
        r = sqlite_bind_uint(slice, 3, JOURNAL_READER_SLICE);
    while (r == 0 && (row = sqlite_step(slice)) == 1)
        r = journal_read_row(reader, reading);
    sqlite3_reset(slice);
    if (r || row < 0)
        return r ? r : row;
    return reading->next > before ? 0 : journal_missing(reader, from);
}

int journal_read_blocks(struct journal_reader *reader, uint64_t from, uint64_t to,
                        journal_block_visitor *visit, void *context)
{
    uint64_t last = 0;
    int r = journal_reader_last(reader, &last);
    struct journal_reading reading = {
        .from = from > 0 ? from : 1,
        .to = to < last ? to : last,
        .visit = visit,
        .context = context,
    };

    if (r || reading.from > reading.to)
        return r;
    while (r == 0 && reading.next <= reading.to)
        r = journal_read_slice(reader, &reading);
    return r;
}

/* One journal_read(). */
struct journal_visiting {
    uint64_t from;
    uint64_t to;
    journal_visitor *visit;
    void *context;
};

static int journal_visit_events(void *context, uint64_t first_seq, size_t count,
                                struct rentbus_bytes events)
{
    const struct journal_visiting *visiting = context;

    for (size_t i = 0; i < count; i++) {
        struct rentbus_bytes event;
        uint64_t seq = first_seq + i;
        int r = block_next(&events, &event);
        if (r == 0 && seq >= visiting->from && seq <= visiting->to)
            r = visiting->visit(visiting->context, seq, event);
        if (r)
            return r;
    }
    return events.length == 0 ? 0 : -EBADMSG;
}

int journal_read(struct journal_reader *reader, uint64_t from, uint64_t to, journal_visitor *visit,
                 void *context)
{
    struct journal_visiting visiting = {from, to, visit, context};

    return journal_read_blocks(reader, from, to, journal_visit_events, &visiting);
}

struct journal_seeking {
    int64_t time;
    uint64_t seq;
};

static int journal_seek_event(void *context, uint64_t seq, struct rentbus_bytes event)
{
    struct journal_seeking *seeking = context;
    struct journal_head head;
    int r = block_event_head(event, &head);

    if (r == 0 && head.time >= seeking->time) {
        seeking->seq = seq;
        return 1;
    }
    return r;
}

int journal_seek(struct journal_reader *reader, int64_t time, uint64_t *seq)
{
    struct journal_head base = {0};
    uint64_t last = 0;
    int r = base_read(reader->db, &base);
    if (r == 0)
        r = journal_reader_last(reader, &last);
    if (r == 0 && base.seq > 0 && time <= base.time)
        return JOURNAL_TRIMMED;
    /* All events before `low` are earlier; `high` begins the first block known to end late enough.
     */
    uint64_t low = base.seq + 1;
    uint64_t high = last + 1;

    while (r == 0 && low < high) {
        struct journal_probe probe;
        r = journal_probe(reader, low + (high - low) / 2, &probe);
        if (r == 0 && probe.time >= time)
            high = probe.first_seq;
        else if (r == 0)
            low = probe.first_seq + probe.count;
    }
    if (r)
        return r;
    struct journal_seeking seeking = {.time = time, .seq = last + 1};
    if (low <= last)
        r = journal_read(reader, low, last, journal_seek_event, &seeking);
    if (r < 0)
        return r;
    *seq = seeking.seq;
    return 0;
}

int journal_trim_end(struct journal_reader *reader, uint64_t through, uint64_t *seq)
{
    uint64_t next = through < INT64_MAX ? through + 1 : INT64_MAX;
    struct journal_head base = {0};
    struct journal_probe probe = {0};
    int r = base_read(reader->db, &base);

    if (r == 0)
        r = journal_probe_before(reader, next, &probe);
    if (r < 0)
        return r;
    /* The block that holds the next event, or the last one, is the first that stays. */
    *seq = r == 1 && probe.first_seq - 1 > base.seq ? probe.first_seq - 1 : base.seq;
    return 0;
}

/* Adds up some rows from *from on, and moves it behind them; *more says whether there were any. */
static int journal_measure_some(sqlite3_stmt *statement, uint64_t *from, uint64_t end, bool *more,
                                struct journal_trimmed *trimmed)
{
    int r = sqlite_bind_uint(statement, 1, *from);

    if (r == 0)
        r = sqlite_bind_uint(statement, 2, end);
    if (r == 0)
        r = sqlite_step(statement);
    *more = r == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL;
    if (*more) {
        *from = (uint64_t)sqlite3_column_int64(statement, 0) + 1;
        trimmed->events += (uint64_t)sqlite3_column_int64(statement, 1);
        trimmed->bytes += (uint64_t)sqlite3_column_int64(statement, 2);
    }
    sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int journal_trim_measure(struct journal_reader *reader, uint64_t through,
                         struct journal_trimmed *trimmed)
{
    sqlite3_stmt *statement = NULL;
    struct journal_trimmed sum = {0};
    uint64_t from = 0;
    uint64_t end = 0;
    bool more = true;
    int r = journal_trim_end(reader, through, &end);

    if (r == 0)
        r = sqlite_prepare(reader->db,
                           "SELECT max(first_seq), sum(count), sum(bytes) FROM (SELECT first_seq, "
                           "count, length(events) AS bytes FROM block WHERE first_seq >= ?1 AND "
                           "first_seq <= ?2 ORDER BY first_seq LIMIT 4096)",
                           &statement);
    while (r == 0 && more)
        r = journal_measure_some(statement, &from, end, &more, &sum);
    sqlite_finalize(&statement);
    if (r == 0)
        *trimmed = sum;
    return r;
}

size_t journal_reader_backlog(const struct journal_reader *reader)
{
    return reader->backlog;
}

/* `left` is how many frames of the log are not in the file yet. */
static int journal_checkpoint_once(struct journal_reader *reader, int mode, int *log, int *left)
{
    int done = 0;
    int result = sqlite3_wal_checkpoint_v2(reader->db, "main", mode, log, &done);

    /* Busy: as much as could be done was done. */
    if ((result & 0xff) == SQLITE_BUSY)
        result = SQLITE_OK;
    *left = *log > done ? *log - done : 0;
    return sqlite_errno(reader->db, result);
}

int journal_checkpoint(struct journal_reader *reader)
{
    int log = 0;
    int left = 1;
    int r = 0;

    for (int i = 0; r == 0 && left > 0 && i < JOURNAL_CHECKPOINT_ROUNDS; i++)
        r = journal_checkpoint_once(reader, SQLITE_CHECKPOINT_PASSIVE, &log, &left);
    /* A writer that never pauses always leaves a rest, and only without a rest does the log begin
     * again at its front: take the rest while the writer waits. */
    if (r == 0 && left > 0 && log >= BLOCK_LOG_FRAMES / 2) {
        sqlite3_busy_timeout(reader->db, JOURNAL_CHECKPOINT_BUSY_MS);
        r = journal_checkpoint_once(reader, SQLITE_CHECKPOINT_FULL, &log, &left);
        sqlite3_busy_timeout(reader->db, SQLITE_BUSY_MS);
    }
    if (r == 0)
        reader->backlog = (size_t)left * BLOCK_FRAME_SIZE;
    return r;
}
