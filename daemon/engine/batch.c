/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/protocol/text.h"

#define BATCH_CAPACITY_MIN 1024

/* Stands before each waiting one's route, actor and body in the buffer. */
struct waiting_head {
    enum waiting_kind kind;
    struct rentbus_uuid id;
    uint32_t route_length;
    uint32_t actor_length;
    uint32_t body_length;
};

void batch_release(struct batch *batch)
{
    free(batch->entries);
    free(batch->notes);
    rentbus_buffer_release(&batch->names);
    rentbus_buffer_release(&batch->events);
    rentbus_buffer_release(&batch->waiting);
    *batch = (struct batch){0};
}

void batch_clear(struct batch *batch)
{
    batch->first_seq = 0;
    batch->count = 0;
    batch->sealed = 0;
    batch->waiting_count = 0;
    rentbus_buffer_clear(&batch->names);
    rentbus_buffer_clear(&batch->events);
    rentbus_buffer_clear(&batch->waiting);
}

int batch_reserve(struct batch *batch, size_t more)
{
    if (batch->count + more <= batch->capacity)
        return 0;
    size_t capacity = batch->capacity ? 2 * batch->capacity : BATCH_CAPACITY_MIN;
    struct journal_entry *entries = realloc(batch->entries, capacity * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    batch->entries = entries;
    struct batch_note *notes = realloc(batch->notes, capacity * sizeof *notes);
    if (!notes)
        return -ENOMEM;
    batch->notes = notes;
    batch->capacity = capacity;
    return 0;
}

int batch_add(struct batch *batch, const struct chain *chain, const struct ledger_event *event)
{
    struct rentbus_buffer *names = &batch->names;
    const struct rentbus_text *name = &event->data.published.type;
    if (event->type == RENTBUS_EVENT_NONE)
        rentbus_buffer_append(names, name->data, name->length);
    if (names->failed) {
        names->failed = false;
        return -ENOMEM;
    }
    if (batch->count == 0)
        batch->first_seq = chain->head.seq;
    batch->notes[batch->count] = (struct batch_note){event->type, names->length, chain->hash_pair};
    batch->entries[batch->count++] = (struct journal_entry){chain->head.time, batch->events.length};
    return 0;
}

static size_t event_start(const struct batch *batch, size_t index)
{
    return index ? batch->entries[index - 1].end : 0;
}

void batch_truncate(struct batch *batch, size_t count)
{
    if (count > batch->count)
        return;
    assert(count >= batch->sealed);
    batch->count = count;
    batch->events.length = event_start(batch, count);
    batch->names.length = count ? batch->notes[count - 1].name_end : 0;
}

void batch_seal(struct batch *batch, const uint8_t hash[RENTBUS_HASH_SIZE], size_t most)
{
    size_t end = batch->count - batch->sealed > most ? batch->sealed + most : batch->count;
    if (batch->sealed == 0)
        memcpy(batch->hash, hash, sizeof batch->hash);
    while (batch->sealed < end) {
        size_t start = event_start(batch, batch->sealed);
        size_t length = batch->entries[batch->sealed].end - start;
        chain_seal(batch->hash, batch->events.data + start, length,
                   batch->notes[batch->sealed].hash_pair);
        batch->sealed++;
    }
}

struct rentbus_bytes batch_event(const struct batch *batch, size_t index)
{
    size_t start = event_start(batch, index);
    return (struct rentbus_bytes){batch->events.data + start, batch->entries[index].end - start};
}

struct rentbus_text batch_type_text(const struct batch *batch, size_t index)
{
    const struct batch_note *note = &batch->notes[index];
    if (note->type != RENTBUS_EVENT_NONE)
        return rentbus_text(rentbus_word_text(&rentbus_event_type_words, (int)note->type));
    size_t start = index ? note[-1].name_end : 0;
    return (struct rentbus_text){(const char *)batch->names.data + start, note->name_end - start};
}

int batch_wait(struct batch *batch, const struct waiting *waiting)
{
    struct rentbus_buffer *out = &batch->waiting;
    size_t start = out->length;
    struct waiting_head head = {waiting->kind, waiting->id, (uint32_t)waiting->route.length,
                                (uint32_t)waiting->actor.length, (uint32_t)waiting->body.length};
    rentbus_buffer_append(out, &head, sizeof head);
    rentbus_buffer_append(out, waiting->route.data, waiting->route.length);
    rentbus_buffer_append(out, waiting->actor.data, waiting->actor.length);
    rentbus_buffer_append(out, waiting->body.data, waiting->body.length);
    if (out->failed) {
        out->failed = false;
        out->length = start;
        return -ENOMEM;
    }
    batch->waiting_count++;
    return 0;
}

bool batch_next_waiting(const struct batch *batch, size_t *position, struct waiting *waiting)
{
    struct waiting_head head;
    if (*position >= batch->waiting.length)
        return false;
    const uint8_t *at = batch->waiting.data + *position;
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    waiting->kind = head.kind;
    waiting->id = head.id;
    waiting->route = (struct rentbus_bytes){at, head.route_length};
    waiting->actor = (struct rentbus_bytes){at + head.route_length, head.actor_length};
    waiting->body =
        (struct rentbus_bytes){at + head.route_length + head.actor_length, head.body_length};
    *position += sizeof head + head.route_length + head.actor_length + head.body_length;
    return true;
}
