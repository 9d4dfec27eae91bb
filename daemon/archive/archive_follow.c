/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <string.h>

#include "daemon/archive/archive_sql.h"
#include "daemon/archive/archive_state.h"
#include "sdk/protocol/cbor.h"

/* Ends the reading when all is taken that was asked for. */
#define ARCHIVE_ENOUGH 1

/* One archive_follow(). */
struct archive_following {
    struct archive *archive;
    size_t count; /* what it was asked for */
    struct archive_position position;
    /* The command that the last event belongs to, not written yet, and its first event; the last
     * event itself when it has none. */
    bool has_command;
    struct rentbus_uuid command;
    uint64_t first_seq;
    bool damaged; /* it was the archive that gave -EBADMSG, not the journal */
};

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

/* Whether events of the type change a rental that there is, or bring one that may be over, and say
 * how it is then in data.rental. */
static bool archive_is_of_rental(enum rentbus_event_type type)
{
    const struct rentbus_schema *data = rentbus_event_rows[type].data;

    return type != RENTBUS_EVENT_NONE && type != RENTBUS_RENTAL_CREATED_EVENT &&
           (data == &rentbus_rental_data_schema || data == &rentbus_complete_data_schema ||
            data == &rentbus_swapped_data_schema || data == &rentbus_renewed_data_schema ||
            data == &rentbus_judged_data_schema);
}

/* What is of use here in the data of an event of a rental. */
struct archive_rental_data {
    struct rentbus_bytes rental;
    struct rentbus_text asset_type;
};

static bool archive_is_named(struct rentbus_bytes name, const char *wanted)
{
    return name.length == strlen(wanted) && memcmp(name.data, wanted, name.length) == 0;
}

static struct rentbus_text archive_read_text(struct rentbus_bytes bytes)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(bytes);
    struct rentbus_cbor_item item = rentbus_cbor_read(&reader);

    if (item.type != RENTBUS_CBOR_TEXT)
        return (struct rentbus_text){0};
    return (struct rentbus_text){(const char *)item.bytes.data, item.bytes.length};
}

static struct archive_rental_data archive_find_rental(struct rentbus_bytes data)
{
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(data);
    struct rentbus_cbor_item map = rentbus_cbor_read(&reader);
    struct archive_rental_data found = {0};

    if (map.type != RENTBUS_CBOR_MAP)
        return found;
    for (uint64_t pair = 0; pair < map.number && reader.at < reader.end; pair++) {
        struct rentbus_bytes name = rentbus_cbor_read(&reader).bytes;
        struct rentbus_bytes value = rentbus_cbor_skip(&reader);
        if (archive_is_named(name, "rental"))
            found.rental = value;
        else if (archive_is_named(name, "asset_type"))
            found.asset_type = archive_read_text(value);
    }
    return found;
}

static int archive_take_rental(struct archive_following *following, uint64_t seq,
                               enum rentbus_event_type type, struct rentbus_bytes data)
{
    struct archive_rental_data found = archive_find_rental(data);
    struct rentbus_rental rental;
    struct rentbus_fault fault;

    if (rentbus_decode(&rentbus_rental_schema, found.rental, RENTBUS_LENIENT, &rental, &fault))
        return -EBADMSG;
    int r = tally_take_rental(following->archive->tally, type, &rental, found.asset_type);
    if (r)
        return r;
    /* A flagged rental may be opened again: it stays with the ledger, as open ones do. */
    bool over =
        rental.status == RENTBUS_STATUS_COMPLETED || rental.status == RENTBUS_STATUS_FORGIVEN;
    if (!over && rental.rev == 1)
        return 0;
    r = over ? archive_put_rental(following->archive, seq, &rental, found.rental)
             : archive_drop_rental(following->archive, &rental);
    following->damaged = r == -EBADMSG;
    return r;
}

/* Whether the event belongs to the command of the one before. */
static bool archive_goes_on(const struct archive_following *following,
                            const struct rentbus_event *event)
{
    return following->has_command && RENTBUS_HAS(event, event, command) &&
           memcmp(&following->command, &event->command, sizeof(event->command)) == 0;
}

/* Writes the command whose events have ended, and begins with the one of this event. */
static int archive_turn_to(struct archive_following *following, uint64_t seq,
                           const struct rentbus_event *event)
{
    int r = archive_put_command(following);

    following->damaged = r == -EBADMSG;
    following->has_command = RENTBUS_HAS(event, event, command);
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

static int archive_take_event(struct archive_following *following, uint64_t seq,
                              const struct rentbus_event *event)
{
    enum rentbus_event_type type =
        (enum rentbus_event_type)rentbus_word_find(&rentbus_event_type_words, event->type);
    struct mention_rows *mentions = &following->archive->mentions;

    mention_rows_add(mentions, event, following->first_seq);
    if (mentions->failed)
        return -ENOMEM;
    return archive_is_of_rental(type) ? archive_take_rental(following, seq, type, event->data) : 0;
}

static int archive_take(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct archive_following *following = context;
    uint64_t taken = following->position.seq - following->archive->position.seq;
    struct rentbus_event event;
    int r = archive_decode_event(bytes, &event);
    if (r)
        return r;
    bool begins = !archive_goes_on(following, &event);
    if (begins && taken >= following->count)
        return ARCHIVE_ENOUGH;

    if (taken == 0)
        r = archive_begin(following);
    if (r == 0 && begins)
        r = archive_turn_to(following, seq, &event);
    if (r == 0)
        r = archive_take_event(following, seq, &event);
    if (r)
        return r;
    following->position.seq = seq;
    memcpy(following->position.hash, event.hash.data, sizeof(following->position.hash));
    return 0;
}

/* Writes rows from `first` on. The last one may fill more than one place of the statement, which
 * ignores what is there already. */
static int archive_put_some_mentions(struct archive *archive, size_t first)
{
    const struct mention_rows *rows = &archive->mentions;
    sqlite3_stmt *put = archive->changes[ARCHIVE_PUT_MENTIONS];
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARCHIVE_MENTIONS_AT_ONCE; i++) {
        size_t at = first + i < rows->count ? first + i : rows->count - 1;
        const struct mention_row *row = &rows->items[at];
        r = archive_bind_mention(put, (int)(3 * i + 1), row->seq >> MENTION_SEGMENT_BITS, row->key,
                                 row->seq);
    }
    return r ? r : sqlite_run(put);
}

/* In the order of the table, so that each of its pages is touched once. */
static int archive_put_mentions(struct archive *archive)
{
    int r = 0;

    mention_rows_sort(&archive->mentions);
    for (size_t i = 0; r == 0 && i < archive->mentions.count; i += ARCHIVE_MENTIONS_AT_ONCE)
        r = archive_put_some_mentions(archive, i);
    return r;
}

static int archive_add_tally(void *context, const struct tally_row *row)
{
    struct archive *archive = context;
    sqlite3_stmt *add = archive->changes[ARCHIVE_ADD_TALLY];
    int r = archive_bind_int(add, 1, row->day);

    if (r == 0)
        r = sqlite_bind_uint(add, 2, row->kind);
    if (r == 0)
        r = row->name.data ? sqlite_bind_text(add, 3, row->name)
                           : sqlite_bind_uint(add, 3, row->bucket);
    if (r == 0)
        r = sqlite_bind_uint(add, 4, row->count);
    return r ? r : sqlite_run(add);
}

static int archive_commit(struct archive_following *following)
{
    struct archive_position *position = &following->position;
    sqlite3_stmt **changes = following->archive->changes;
    int r = archive_put_command(following);

    if (r == 0)
        r = archive_put_mentions(following->archive);
    if (r == 0)
        r = tally_visit(following->archive->tally, archive_add_tally, following->archive);
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
    struct archive_following following = {
        .archive = archive, .count = count, .position = archive->position};
    uint64_t seq = archive->position.seq;

    if (sqlite_moved(archive->db))
        return -ESTALE;
    if (count == 0 || seq >= INT64_MAX) {
        *taken = 0;
        return 0;
    }
    mention_rows_clear(&archive->mentions);
    tally_clear(archive->tally);
    int r = journal_read(journal, seq + 1, INT64_MAX, archive_take, &following);
    if ((r == 0 || r == ARCHIVE_ENOUGH) && following.position.seq > seq)
        r = archive_commit(&following);
    if (r < 0) {
        sqlite_rollback(archive->db);
        if (following.damaged)
            sqlite_remove(archive->path);
        return r;
    }
    *taken = (size_t)(following.position.seq - seq);
    archive->position = following.position;
    return 0;
}
