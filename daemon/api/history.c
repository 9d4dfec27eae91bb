/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/api/history.h"

#include <errno.h>
#include <string.h>

#include "daemon/archive/archive.h"

/* Ends a reading of the journal that has seen enough. */
#define HISTORY_ENOUGH 1

/* The events of a command behind its first. */
#define HISTORY_REACH (LEDGER_DECISION_MAX - 1)
/* To read so many events is cheaper than to look for the next one. */
#define HISTORY_CLOSE 128

/* The events of one command, or one event without a command. */
struct group {
    size_t count;
    uint64_t first;
    bool has_command;
    struct rentbus_uuid command;
    bool mentioned;
    struct rentbus_buffer bytes;
    size_t ends[LEDGER_DECISION_MAX];
};

struct history {
    struct mention thing;
    uint64_t from;
    journal_visitor *visit;
    void *context;
    struct group group;
    /* Where the groups begin that are wanted; NULL: all are. */
    const uint64_t *wanted;
    const uint64_t *wanted_end;
    size_t seen;   /* events */
    int ended;     /* what the visitor returned */
    uint64_t next; /* everything before it was looked at */
};

static bool group_goes_on(const struct group *group, const struct rentbus_event *event)
{
    return group->count && group->count < LEDGER_DECISION_MAX && group->has_command &&
           RENTBUS_HAS(event, event, command) &&
           memcmp(&group->command, &event->command, sizeof group->command) == 0;
}

static void group_begin(struct group *group, const struct rentbus_event *event, uint64_t seq)
{
    rentbus_buffer_clear(&group->bytes);
    group->count = 0;
    group->first = seq;
    group->has_command = RENTBUS_HAS(event, event, command);
    group->command = event->command;
    group->mentioned = false;
}

static int group_add(struct group *group, struct rentbus_bytes bytes)
{
    rentbus_buffer_append(&group->bytes, bytes.data, bytes.length);
    group->ends[group->count++] = group->bytes.length;
    return group->bytes.failed ? -ENOMEM : 0;
}

/* Shows the events of the group that are wanted, when it is about the thing. */
static int show_group(struct history *history)
{
    struct group *group = &history->group;
    size_t start = 0;
    for (size_t i = 0; group->mentioned && history->ended == 0 && i < group->count; i++) {
        struct rentbus_bytes bytes = {group->bytes.data + start, group->ends[i] - start};
        if (group->first + i >= history->from)
            history->ended = history->visit(history->context, group->first + i, bytes);
        start = group->ends[i];
    }
    if (group->count)
        history->next = group->first + group->count;
    group->count = 0;
    return history->ended;
}

/* Whether a group begins at the seq that is wanted. */
static bool is_wanted(struct history *history, uint64_t seq)
{
    if (!history->wanted)
        return true;
    while (history->wanted < history->wanted_end && *history->wanted < seq)
        history->wanted++;
    return history->wanted < history->wanted_end && *history->wanted == seq;
}

static int take_event(void *context, uint64_t seq, struct rentbus_bytes bytes)
{
    struct history *history = context;
    struct group *group = &history->group;
    struct rentbus_event event;
    struct rentbus_fault fault;
    if (group->count == 0 && !is_wanted(history, seq))
        return 0;
    if (rentbus_decode(&rentbus_event_schema, bytes, RENTBUS_LENIENT, &event, &fault))
        return -EBADMSG;
    if (!group_goes_on(group, &event)) {
        bool enough = group->count && history->seen >= HISTORY_EVENTS_MAX;
        if (show_group(history) || enough)
            return HISTORY_ENOUGH;
        if (!is_wanted(history, seq))
            return 0;
        group_begin(group, &event, seq);
    }
    history->seen++;
    group->mentioned = group->mentioned || mention_in(&event, history->thing);
    return group_add(group, bytes);
}

/* Reads on from `from`, where a command begins or an event without one. 0, what the visitor
 * returned, or a negative errno. */
static int read_groups(struct history *history, struct journal_reader *journal, uint64_t from,
                       uint64_t to)
{
    history->group.count = 0;
    int status = from <= to ? journal_read(journal, from, to, take_event, history) : 0;
    return status < 0 ? status : show_group(history);
}

struct found {
    size_t count;
    uint64_t seqs[HISTORY_COMMANDS_MAX];
};

static int note_found(void *context, uint64_t seq)
{
    struct found *found = context;
    found->seqs[found->count++] = seq;
    return 0;
}

/* Where the archive knows of the thing, from `from` on, and up to where it knows. Without an
 * archive, until its follower has begun a new one, it knows of nothing. */
static int ask_archive(struct engine *engine, struct mention thing, uint64_t from,
                       struct found *found, uint64_t *known)
{
    found->count = 0;
    int status = archive_mentions(engine_archive(engine), mention_key(thing), from,
                                  HISTORY_COMMANDS_MAX, known, note_found, found);
    if (status != -ENOENT)
        return status;
    found->count = 0;
    *known = 0;
    return 0;
}

/* Reads the commands that the archive named; those that lie close to each other in one go. */
static int read_found(struct history *history, struct journal_reader *journal,
                      const struct found *found, uint64_t to)
{
    int status = 0;
    for (size_t i = 0, next; status == 0 && i < found->count && found->seqs[i] <= to; i = next) {
        next = i + 1;
        while (next < found->count && found->seqs[next] - found->seqs[next - 1] <= HISTORY_CLOSE)
            next++;
        uint64_t last = found->seqs[next - 1] + HISTORY_REACH;
        history->wanted = &found->seqs[i];
        history->wanted_end = &found->seqs[next];
        status = read_groups(history, journal, found->seqs[i], last < to ? last : to);
    }
    history->wanted = NULL;
    history->wanted_end = NULL;
    return status;
}

static int read_history(struct history *history, struct engine *engine, uint64_t to)
{
    struct journal_reader *journal = engine_journal(engine);
    uint64_t begin = history->from > HISTORY_REACH ? history->from - HISTORY_REACH : 1;
    /* No command lies on both sides of where the journal begins. */
    if (begin < engine_first(engine))
        begin = engine_first(engine);
    struct found found;
    uint64_t known = 0;
    int status = ask_archive(engine, history->thing, begin, &found, &known);
    if (status == 0)
        status = read_found(history, journal, &found, to);
    if (status || found.count == HISTORY_COMMANDS_MAX)
        return status;
    if (begin <= known)
        begin = known + 1;
    history->next = begin;
    return read_groups(history, journal, begin, to);
}

int history_read(struct engine *engine, struct mention thing, uint64_t from, uint64_t to,
                 journal_visitor *visit, void *context, uint64_t *next)
{
    struct history history = {
        .thing = thing, .from = from, .visit = visit, .context = context, .next = from};
    int status = from <= to ? read_history(&history, engine, to) : 0;
    rentbus_buffer_release(&history.group.bytes);
    if (status)
        return status;
    *next = history.next > from ? history.next : from;
    if (from <= to && *next > to)
        *next = to + 1; /* the archive may know of what is durable since */
    return 0;
}
