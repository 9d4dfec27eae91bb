/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/snapshot_reader.h"

#include "daemon/ledger/things.h"
#include "sdk/protocol/fold.h"

#include <errno.h>
#include <string.h>

#define SHARED_MIN 64

void snapshot_fail(struct snapshot_reader *reader, int status)
{
    if (reader->status == 0)
        reader->status = status;
}

bool snapshot_require(struct snapshot_reader *reader, bool sound)
{
    if (!sound)
        snapshot_fail(reader, -EBADMSG);
    return reader->status == 0;
}

/* ---- bytes ---- */

static void fill(struct snapshot_reader *reader)
{
    size_t length = (size_t)(reader->end - reader->at);

    memmove(reader->bytes, reader->at, length);
    while (!reader->ended && reader->status == 0 && length < SNAPSHOT_READ_SIZE) {
        size_t got = 0;
        int status = reader->source(reader->context, reader->bytes + length,
                                    SNAPSHOT_READ_SIZE - length, &got);

        if (status)
            snapshot_fail(reader, status);
        reader->ended = got == 0;
        length += got;
    }
    reader->at = reader->bytes;
    reader->end = reader->bytes + length;
}

bool snapshot_prepare(struct snapshot_reader *reader)
{
    if (reader->end - reader->at < SNAPSHOT_RECORD_MAX && !reader->ended)
        fill(reader);
    return reader->status == 0;
}

uint64_t snapshot_get_number(struct snapshot_reader *reader)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;

        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return number;
    }
    snapshot_fail(reader, -EBADMSG);
    return 0;
}

uint64_t snapshot_get_number_to(struct snapshot_reader *reader, uint64_t most)
{
    uint64_t number = snapshot_get_number(reader);

    return snapshot_require(reader, number <= most) ? number : 0;
}

int64_t snapshot_get_signed(struct snapshot_reader *reader)
{
    return rentbus_unfold(snapshot_get_number(reader));
}

int64_t snapshot_get_difference(struct snapshot_reader *reader, int64_t from)
{
    return (int64_t)((uint64_t)snapshot_get_signed(reader) + (uint64_t)from);
}

struct rentbus_text snapshot_get_text(struct snapshot_reader *reader, size_t most)
{
    struct rentbus_text text = {"", snapshot_get_number_to(reader, most)};

    if (!snapshot_require(reader, text.length <= (size_t)(reader->end - reader->at)))
        return (struct rentbus_text){"", 0};
    text.data = (const char *)reader->at;
    reader->at += text.length;
    return text;
}

struct rentbus_text snapshot_get_id(struct snapshot_reader *reader)
{
    struct rentbus_text id = snapshot_get_text(reader, RENTBUS_ID_MAX);

    snapshot_require(reader, id.length > 0);
    return id;
}

/* ---- what is referred to ---- */

void *snapshot_get_place(struct snapshot_reader *reader, const struct ledger_registry *registry)
{
    uint64_t place = snapshot_get_number_to(reader, registry->count);

    return place > 0 ? registry->items[place - 1] : NULL;
}

/* Room for one more. */
static bool shared_reserve(struct snapshot_reader *reader, struct snapshot_shared *shared)
{
    const struct ledger_memory *memory = &reader->ledger->memory;
    size_t capacity = shared->capacity ? 2 * shared->capacity : SHARED_MIN;
    struct ledger_key **items;

    if (shared->count < shared->capacity)
        return true;
    items = memory->resize(memory->context, shared->items, capacity * sizeof(*items));
    if (!items) {
        snapshot_fail(reader, -ENOMEM);
        return false;
    }
    shared->items = items;
    shared->capacity = capacity;
    return true;
}

/* NULL for none; `new`: it is told next, and there is room for it. */
static void *get_shared(struct snapshot_reader *reader, struct snapshot_shared *shared, bool *new)
{
    uint64_t number = snapshot_get_number_to(reader, shared->count + 1);

    *new = reader->status == 0 && number == shared->count + 1 && shared_reserve(reader, shared);
    return number > 0 && number <= shared->count ? shared->items[number - 1] : NULL;
}

static void *add_shared(struct snapshot_reader *reader, struct snapshot_shared *shared, void *made)
{
    if (!made)
        snapshot_fail(reader, -ENOMEM);
    else
        shared->items[shared->count++] = made;
    return made;
}

/* Without a reference of its own. */
static struct ledger_name *find_name(struct snapshot_reader *reader)
{
    bool new;
    struct ledger_name *name = get_shared(reader, &reader->names, &new);

    if (!new)
        return name;
    struct rentbus_text text = snapshot_get_text(reader, RENTBUS_TEXT_MAX);
    if (reader->status)
        return NULL;
    return add_shared(reader, &reader->names, ledger_name_intern(reader->ledger, text));
}

struct ledger_name *snapshot_get_name(struct snapshot_reader *reader)
{
    return ledger_name_retain(find_name(reader));
}

struct ledger_name *snapshot_get_some_name(struct snapshot_reader *reader)
{
    struct ledger_name *name = snapshot_get_name(reader);

    snapshot_require(reader, name != NULL);
    return name;
}

static void *get_new_list(struct snapshot_reader *reader)
{
    struct rentbus_ids types = {.count = snapshot_get_number_to(reader, RENTBUS_IDS_MAX)};

    for (size_t i = 0; i < types.count && reader->status == 0; i++) {
        const struct ledger_name *name = find_name(reader);
        if (snapshot_require(reader, name != NULL))
            types.items[i] = ledger_name_text(name);
    }
    if (reader->status)
        return NULL;
    return add_shared(reader, &reader->lists, ledger_type_list_intern(reader->ledger, &types));
}

struct ledger_type_list *snapshot_get_list(struct snapshot_reader *reader)
{
    bool new;
    struct ledger_type_list *list = get_shared(reader, &reader->lists, &new);

    if (new)
        list = get_new_list(reader);
    if (!snapshot_require(reader, list != NULL))
        return NULL;
    return ledger_type_list_retain(list);
}

struct ledger_label *snapshot_get_label(struct snapshot_reader *reader, bool given)
{
    struct ledger_label *label = NULL;

    if (!given)
        return NULL;
    struct rentbus_text text = snapshot_get_text(reader, RENTBUS_TEXT_MAX);
    if (reader->status == 0) {
        label = ledger_label_create(reader->ledger, text);
        if (!label)
            snapshot_fail(reader, -ENOMEM);
    }
    return label;
}

struct ledger_limit snapshot_get_limit(struct snapshot_reader *reader, bool given)
{
    return (struct ledger_limit){given ? snapshot_get_number(reader) : 0, given};
}
