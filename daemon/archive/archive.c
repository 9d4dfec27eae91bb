/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/archive/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/archive/archive_sql.h"
#include "daemon/journal/meta.h"
#include "sdk/protocol/cbor.h"
#include "sdk/protocol/text.h"

enum archive_change {
    ARCHIVE_BEGIN,
    ARCHIVE_COMMIT,
    ARCHIVE_PUT_RENTAL,
    ARCHIVE_DROP_RENTAL,
    ARCHIVE_PUT_COMMAND,
    ARCHIVE_PUT_SEQ,
    ARCHIVE_PUT_HASH,
    ARCHIVE_CHANGES,
};

static const char *const archive_change_sql[ARCHIVE_CHANGES] = {
    [ARCHIVE_BEGIN] = "BEGIN IMMEDIATE",
    [ARCHIVE_COMMIT] = "COMMIT",
    [ARCHIVE_PUT_RENTAL] = "INSERT OR REPLACE INTO rental(created_seq, id, user_id, asset_id, "
                           "status, closed_seq, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [ARCHIVE_DROP_RENTAL] = "DELETE FROM rental WHERE created_seq = ?1",
    [ARCHIVE_PUT_COMMAND] = "INSERT INTO command VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET "
                            "first_seq = min(first_seq, excluded.first_seq), "
                            "last_seq = max(last_seq, excluded.last_seq)",
    [ARCHIVE_PUT_SEQ] = "UPDATE meta SET value = ?1 WHERE key = 'seq'",
    [ARCHIVE_PUT_HASH] = "UPDATE meta SET value = ?1 WHERE key = 'hash'",
};

/* How far the archive has come. */
struct archive_position {
    uint64_t seq;
    uint8_t hash[RENTBUS_HASH_SIZE];
};

struct archive {
    char *path;
    char *ledger;
    sqlite3 *db;
    sqlite3_stmt *changes[ARCHIVE_CHANGES];
    struct archive_position position;
};

/* One archive_follow(). */
struct archive_following {
    struct archive *archive;
    struct archive_position position;
    /* The events of the command that the last event belongs to, not written yet. */
    bool has_command;
    struct rentbus_uuid command;
    uint64_t first_seq;
    bool damaged; /* it was the archive that gave -EBADMSG, not the journal */
};

static void archive_disconnect(struct archive *archive)
{
    for (size_t i = 0; i < ARCHIVE_CHANGES; i++)
        sqlite_finalize(&archive->changes[i]);
    sqlite_close(&archive->db);
}

void archive_close(struct archive **archive)
{
    if (!*archive)
        return;
    archive_disconnect(*archive);
    free((*archive)->path);
    free((*archive)->ledger);
    free(*archive);
    *archive = NULL;
}

uint64_t archive_seq(const struct archive *archive)
{
    return archive->position.seq;
}

static int archive_create(sqlite3 *db, const struct meta_identity *identity)
{
    int r = sqlite_use_wal(db);

    if (r == 0)
        r = sqlite_execute(db, "BEGIN IMMEDIATE");
    if (r == 0)
        r = meta_create(db, identity);
    if (r == 0)
        r = sqlite_execute(db, ARCHIVE_TABLES "COMMIT");
    return r;
}

static int archive_identify(const struct archive *archive)
{
    struct meta_identity identity = {ARCHIVE_KIND, ARCHIVE_FORMAT, archive->ledger};
    enum meta_verdict verdict;
    int r = meta_judge(archive->db, &identity, &verdict);

    if (r || verdict == META_OURS)
        return r;
    return verdict == META_EMPTY ? archive_create(archive->db, &identity) : -EBADMSG;
}

static int archive_load_position(sqlite3 *db, struct archive_position *position)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite_prepare(db,
                           "SELECT s.value, h.value FROM meta AS s, meta AS h "
                           "WHERE s.key = 'seq' AND h.key = 'hash'",
                           &statement);
    if (r == 0)
        r = sqlite_step(statement);
    if (r == 0)
        r = -EBADMSG;
    if (r == 1) {
        struct rentbus_bytes hash = sqlite_column_bytes(statement, 1);
        position->seq = (uint64_t)sqlite3_column_int64(statement, 0);
        r = hash.length == sizeof(position->hash) ? 0 : -EBADMSG;
        if (r == 0)
            memcpy(position->hash, hash.data, hash.length);
    }
    sqlite_finalize(&statement);
    return r;
}

static int archive_decode_event(struct rentbus_bytes bytes, struct rentbus_event *event)
{
    struct rentbus_fault fault;

    return rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, event, &fault) ? -EBADMSG
                                                                                        : 0;
}

/* Ends the reading with 1 when the event has the hash of the position, else with 2. */
static int archive_compare(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    const struct archive_position *position = context;
    struct rentbus_event event;
    int r = archive_decode_event(bytes, &event);

    (void)seq;
    if (r)
        return r;
    return memcmp(event.hash.data, position->hash, sizeof(position->hash)) == 0 ? 1 : 2;
}

/* Whether the journal has the archive's last event: 1, 0, or -errno of the journal. */
static int archive_agrees(struct archive *archive, struct journal_reader *journal)
{
    struct archive_position *position = &archive->position;

    if (position->seq == 0)
        return 1;
    int r = journal_read(journal, position->seq, position->seq, archive_compare, position);
    return r < 0 ? r : r == 1;
}

/* Opens the file, new or not. -EBADMSG when it is no archive of the ledger. */
static int archive_connect(struct archive *archive)
{
    int r = sqlite_open(archive->path, true, &archive->db);

    if (r == 0)
        r = archive_identify(archive);
    if (r == 0)
        r = sqlite_use_wal(archive->db);
    if (r == 0)
        r = sqlite_execute(archive->db,
                           "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4096; "
                           "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384");
    if (r == 0)
        r = archive_load_position(archive->db, &archive->position);
    for (size_t i = 0; r == 0 && i < ARCHIVE_CHANGES; i++)
        r = sqlite_prepare(archive->db, archive_change_sql[i], &archive->changes[i]);
    if (r)
        archive_disconnect(archive);
    return r;
}

static int archive_begin_anew(struct archive *archive)
{
    archive_disconnect(archive);
    int r = sqlite_remove(archive->path);
    return r ? r : archive_connect(archive);
}

int archive_open(const char *path, const char *ledger, struct journal_reader *journal,
                 struct archive **archive)
{
    struct archive *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return -ENOMEM;

    opened->path = strdup(path);
    opened->ledger = strdup(ledger);
    int r = opened->path && opened->ledger ? archive_connect(opened) : -ENOMEM;
    int agrees = r == 0 ? archive_agrees(opened, journal) : 1;
    if (r == -EBADMSG || agrees == 0)
        r = archive_begin_anew(opened);
    else if (agrees < 0)
        r = agrees;
    if (r) {
        archive_close(&opened);
        return r;
    }
    *archive = opened;
    return 0;
}

static int archive_put_rental(struct archive *archive, uint64_t seq,
                              const struct rentbus_rental *rental, struct rentbus_bytes body)
{
    sqlite3_stmt *put = archive->changes[ARCHIVE_PUT_RENTAL];
    int r = sqlite_bind_uint(put, 1, rental->created_seq);

    if (r == 0)
        r = sqlite_bind_text(put, 2, rental->id);
    if (r == 0)
        r = sqlite_bind_text(put, 3, rental->user_id);
    if (r == 0)
        r = sqlite_bind_text(put, 4, rental->asset_id);
    if (r == 0)
        r = sqlite_bind_uint(put, 5, rental->status);
    if (r == 0)
        r = sqlite_bind_uint(put, 6, seq);
    if (r == 0)
        r = sqlite_bind_bytes(put, 7, body);
    return r ? r : sqlite_run(put);
}

static int archive_drop_rental(struct archive *archive, const struct rentbus_rental *rental)
{
    sqlite3_stmt *drop = archive->changes[ARCHIVE_DROP_RENTAL];
    int r = sqlite_bind_uint(drop, 1, rental->created_seq);

    return r ? r : sqlite_run(drop);
}

static int archive_put_command(struct archive_following *following)
{
    if (!following->has_command)
        return 0;
    sqlite3_stmt *put = following->archive->changes[ARCHIVE_PUT_COMMAND];
    struct rentbus_bytes id = {following->command.bytes, sizeof(following->command.bytes)};
    int r = sqlite_bind_bytes(put, 1, id);
    if (r == 0)
        r = sqlite_bind_uint(put, 2, following->first_seq);
    if (r == 0)
        r = sqlite_bind_uint(put, 3, following->position.seq);
    following->has_command = false;
    return r ? r : sqlite_run(put);
}

/* Whether events of the type change a rental, and say how it is then in data.rental. */
static bool archive_is_of_rental(struct rentbus_text type)
{
    int found = rentbus_word_find(&rentbus_event_type_words, type);
    const struct rentbus_schema *data = rentbus_event_rows[found].data;

    return found != RENTBUS_EVENT_NONE &&
           (data == &rentbus_rental_data_schema || data == &rentbus_complete_data_schema ||
            data == &rentbus_swapped_data_schema || data == &rentbus_renewed_data_schema ||
            data == &rentbus_judged_data_schema);
}

/* The bytes of `rental` in a map; none when it has no such field. */
static struct rentbus_bytes archive_find_rental(struct rentbus_bytes data)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(data);
    struct rentbus_cbor_item map = rentbus_cbor_read(&reader);

    if (map.type != RENTBUS_CBOR_MAP)
        return (struct rentbus_bytes){0};
    for (uint64_t pair = 0; pair < map.number && reader.at < reader.end; pair++) {
        struct rentbus_bytes name = rentbus_cbor_read(&reader).bytes;
        struct rentbus_bytes value = rentbus_cbor_skip(&reader);
        if (name.length == strlen("rental") && memcmp(name.data, "rental", name.length) == 0)
            return value;
    }
    return (struct rentbus_bytes){0};
}

static int archive_take_rental(struct archive_following *following, uint64_t seq,
                               struct rentbus_bytes data)
{
    struct rentbus_bytes body = archive_find_rental(data);
    struct rentbus_rental rental;
    struct rentbus_fault fault;

    if (rentbus_decode(&rentbus_rental_schema, body, RENTBUS_LENIENT, &rental, &fault))
        return -EBADMSG;
    /* A flagged rental may be opened again: it stays with the ledger, as open ones do. */
    bool over =
        rental.status == RENTBUS_STATUS_COMPLETED || rental.status == RENTBUS_STATUS_FORGIVEN;
    if (!over && rental.rev == 1)
        return 0;
    int r = over ? archive_put_rental(following->archive, seq, &rental, body)
                 : archive_drop_rental(following->archive, &rental);
    following->damaged = r == -EBADMSG;
    return r;
}

/* Writes the command whose events have ended, and begins with the one of this event. */
static int archive_take_command(struct archive_following *following, uint64_t seq,
                                const struct rentbus_event *event)
{
    bool has = RENTBUS_HAS(event, event, command);
    bool same = has && following->has_command &&
                memcmp(&following->command, &event->command, sizeof(event->command)) == 0;
    if (same)
        return 0;
    int r = archive_put_command(following);
    following->damaged = r == -EBADMSG;
    following->has_command = has;
    following->command = event->command;
    following->first_seq = seq;
    return r;
}

static int archive_begin(struct archive_following *following)
{
    int r = sqlite_run(following->archive->changes[ARCHIVE_BEGIN]);

    following->damaged = r == -EBADMSG;
    return r;
}

static int archive_take(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct archive_following *following = context;
    struct rentbus_event event;
    int r = archive_decode_event(bytes, &event);

    if (r == 0 && following->position.seq == following->archive->position.seq)
        r = archive_begin(following);
    if (r == 0)
        r = archive_take_command(following, seq, &event);
    if (r == 0 && archive_is_of_rental(event.type))
        r = archive_take_rental(following, seq, event.data);
    if (r)
        return r;
    following->position.seq = seq;
    memcpy(following->position.hash, event.hash.data, sizeof(following->position.hash));
    return 0;
}

static int archive_commit(struct archive_following *following)
{
    struct archive_position *position = &following->position;
    sqlite3_stmt **changes = following->archive->changes;
    int r = archive_put_command(following);

    if (r == 0)
        r = sqlite_bind_uint(changes[ARCHIVE_PUT_SEQ], 1, position->seq);
    if (r == 0)
        r = sqlite_run(changes[ARCHIVE_PUT_SEQ]);
    if (r == 0)
        r = sqlite_bind_bytes(changes[ARCHIVE_PUT_HASH], 1,
                              (struct rentbus_bytes){position->hash, sizeof(position->hash)});
    if (r == 0)
        r = sqlite_run(changes[ARCHIVE_PUT_HASH]);
    if (r == 0)
        r = sqlite_run(changes[ARCHIVE_COMMIT]);
    following->damaged = r == -EBADMSG;
    return r;
}

int archive_follow(struct archive *archive, struct journal_reader *journal, size_t count,
                   size_t *taken)
{
    struct archive_following following = {.archive = archive, .position = archive->position};
    uint64_t seq = archive->position.seq;

    if (sqlite_moved(archive->db))
        return -ESTALE;
    if (count == 0 || seq >= INT64_MAX) {
        *taken = 0;
        return 0;
    }
    uint64_t to = count < INT64_MAX - seq ? seq + count : INT64_MAX;
    int r = journal_read(journal, seq + 1, to, archive_take, &following);
    if (r == 0 && following.position.seq > seq)
        r = archive_commit(&following);
    if (r) {
        sqlite_rollback(archive->db);
        if (following.damaged)
            sqlite_remove(archive->path);
        return r;
    }
    *taken = (size_t)(following.position.seq - seq);
    archive->position = following.position;
    return 0;
}
