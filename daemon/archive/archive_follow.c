/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <string.h>

#include "daemon/archive/archive_state.h"
#include "daemon/archive/skim.h"

/* Ends the reading when all is taken that was asked for. */
#define ARCHIVE_ENOUGH 1

/* One archive_follow(). */
struct archive_following {
    struct archive_rows *rows;
    size_t count;    /* what it was asked for */
    uint64_t before; /* the last event of the transaction before */
    struct archive_position position;
    /* The command that the last event belongs to, not added yet; first_seq is the last event itself
     * when it has none. */
    bool has_command;
    struct archive_command_row command;
};

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

static int archive_take_rental(struct archive_rows *rows, uint64_t seq,
                               enum rentbus_event_type type, const struct mention_finding *found)
{
    struct rentbus_rental rental;
    struct rentbus_fault fault;

    if (rentbus_decode(&rentbus_rental_schema, found->rental, RENTBUS_LENIENT, &rental, &fault))
        return -EBADMSG;
    int r = tally_take_rental(rows->tally, type, &rental, found->asset_type);
    if (r)
        return r;
    /* A flagged rental may be opened again: it stays with the ledger, as open ones do. */
    bool over =
        rental.status == RENTBUS_STATUS_COMPLETED || rental.status == RENTBUS_STATUS_FORGIVEN;
    if (over || rental.rev > 1)
        archive_rows_add_rental(rows, &rental, seq, over);
    return 0;
}

/* Whether the event belongs to the command of the one before. */
static bool archive_goes_on(const struct archive_following *following,
                            const struct rentbus_event *event)
{
    return following->has_command && RENTBUS_HAS(event, event, command) &&
           memcmp(&following->command.id, &event->command, sizeof(event->command)) == 0;
}

static void archive_end_command(struct archive_following *following)
{
    following->command.last_seq = following->position.seq;
    if (following->has_command)
        archive_rows_add_command(following->rows, &following->command);
    following->has_command = false;
}

/* Ends the command before, and begins with the one of this event. */
static void archive_turn_to(struct archive_following *following, uint64_t seq,
                            const struct rentbus_event *event)
{
    archive_end_command(following);
    following->has_command = RENTBUS_HAS(event, event, command);
    following->command = (struct archive_command_row){.id = event->command, .first_seq = seq};
}

/* Takes the event that the reader stands before. */
static int archive_take(struct archive_following *following, uint64_t seq,
                        struct rentbus_cbor_reader *reader)
{
    struct mention_finding found;
    struct rentbus_event event;
    int r = skim_event(reader, &event, &found);
    if (r)
        return r;
    bool begins = !archive_goes_on(following, &event);
    if (begins && following->position.seq - following->before >= following->count)
        return ARCHIVE_ENOUGH;

    if (begins)
        archive_turn_to(following, seq, &event);
    enum rentbus_event_type type = rentbus_event_type_find(event.type);
    mention_rows_add_found(&following->rows->mentions, &found, following->command.first_seq);
    if (archive_is_of_rental(type))
        r = archive_take_rental(following->rows, seq, type, &found);
    if (r)
        return r;
    following->position.seq = seq;
    memcpy(following->position.hash, event.hash.data, sizeof(following->position.hash));
    return archive_rows_failed(following->rows) ? -ENOMEM : 0;
}

static int archive_take_block(void *context, uint64_t first_seq, size_t count,
                              struct rentbus_bytes events)
{
    struct archive_following *following = context;
    struct rentbus_cbor_reader reader = rentbus_cbor_reader(events);
    int r = 0;

    for (uint64_t seq = first_seq; r == 0 && seq < first_seq + count; seq++) {
        if (seq > following->before)
            r = archive_take(following, seq, &reader);
        else
            rentbus_cbor_skip(&reader);
    }
    if (r)
        return r;
    return reader.at == reader.end ? 0 : -EBADMSG;
}

static bool archive_can_be_rebuilt(struct journal_reader *journal)
{
    struct journal_head base = {0};

    return journal_reader_base(journal, &base) == 0 && base.seq == 0;
}

int archive_follow(struct archive *archive, struct journal_reader *journal, size_t count,
                   size_t *taken)
{
    uint64_t seq = archive->position.seq;
    struct archive_following following = {
        .rows = &archive->rows, .count = count, .before = seq, .position = archive->position};

    if (sqlite_moved(archive->db))
        return -ESTALE;
    *taken = 0;
    if (count == 0 || seq >= INT64_MAX)
        return 0;
    archive_rows_clear(&archive->rows);
    int r = journal_read_blocks(journal, seq + 1, INT64_MAX, archive_take_block, &following);
    if (r < 0 || following.position.seq == seq)
        return r;
    archive_end_command(&following);
    r = archive_write(archive, &following.position);
    if (r == -EBADMSG && archive_can_be_rebuilt(journal))
        sqlite_remove(archive->path);
    if (r)
        return r;
    *taken = (size_t)(following.position.seq - seq);
    archive->position = following.position;
    return 0;
}
