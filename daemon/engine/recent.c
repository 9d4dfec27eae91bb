/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/engine/recent.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define RECENT_CAPACITY_MIN 1024

struct entry {
    struct rentbus_uuid command;
    uint64_t first_seq;
    uint64_t last_seq;
};

/* `entries` is a ring of `capacity` (a power of two) and `front`, `back` count up for ever. `slots`
 * is twice as large; a slot holds an entry's count + 1, or 0. Ids are chosen by clients, so the
 * hash is keyed: nobody can choose ids that all land in one place. */
struct recent {
    struct entry *entries;
    uint64_t *slots;
    size_t capacity;
    uint64_t front;
    uint64_t back;
    uint8_t key[crypto_shorthash_KEYBYTES];
};

struct recent *recent_create(void)
{
    struct recent *recent = calloc(1, sizeof *recent);
    if (recent)
        crypto_shorthash_keygen(recent->key);
    return recent;
}

void recent_destroy(struct recent **recent)
{
    if (!*recent)
        return;
    free((*recent)->entries);
    free((*recent)->slots);
    free(*recent);
    *recent = NULL;
}

static struct entry *entry_at(const struct recent *recent, uint64_t count)
{
    return &recent->entries[count & (recent->capacity - 1)];
}

static size_t home_of(const struct recent *recent, const struct rentbus_uuid *command)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, command->bytes, sizeof command->bytes, recent->key);
    return hash & (2 * recent->capacity - 1);
}

/* The slot that holds the command, or the empty one where it belongs. */
static size_t slot_of(const struct recent *recent, const struct rentbus_uuid *command)
{
    size_t mask = 2 * recent->capacity - 1;
    size_t slot = home_of(recent, command);
    while (recent->slots[slot]) {
        const struct entry *entry = entry_at(recent, recent->slots[slot] - 1);
        if (memcmp(&entry->command, command, sizeof *command) == 0)
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Empties the slot and moves up those behind it that would no longer be found. */
static void slot_clear(struct recent *recent, size_t slot)
{
    size_t mask = 2 * recent->capacity - 1;
    size_t hole = slot;
    for (size_t next = (hole + 1) & mask; recent->slots[next]; next = (next + 1) & mask) {
        size_t home = home_of(recent, &entry_at(recent, recent->slots[next] - 1)->command);
        if (((next - home) & mask) < ((next - hole) & mask))
            continue;
        recent->slots[hole] = recent->slots[next];
        hole = next;
    }
    recent->slots[hole] = 0;
}

static int grow(struct recent *recent)
{
    struct recent larger = *recent;
    larger.capacity = recent->capacity ? 2 * recent->capacity : RECENT_CAPACITY_MIN;
    larger.entries = malloc(larger.capacity * sizeof *larger.entries);
    larger.slots = calloc(2 * larger.capacity, sizeof *larger.slots);
    if (!larger.entries || !larger.slots) {
        free(larger.entries);
        free(larger.slots);
        return -ENOMEM;
    }
    for (uint64_t count = recent->front; count < recent->back; count++) {
        *entry_at(&larger, count) = *entry_at(recent, count);
        larger.slots[slot_of(&larger, &entry_at(recent, count)->command)] = count + 1;
    }
    free(recent->entries);
    free(recent->slots);
    recent->entries = larger.entries;
    recent->slots = larger.slots;
    recent->capacity = larger.capacity;
    return 0;
}

int recent_add(struct recent *recent, struct rentbus_uuid command, uint64_t first_seq,
               uint64_t last_seq)
{
    if (recent->back - recent->front == recent->capacity) {
        int status = grow(recent);
        if (status)
            return status;
    }
    size_t slot = slot_of(recent, &command);
    if (recent->slots[slot]) {
        entry_at(recent, recent->slots[slot] - 1)->last_seq = last_seq;
        return 0;
    }
    *entry_at(recent, recent->back) = (struct entry){command, first_seq, last_seq};
    recent->slots[slot] = ++recent->back;
    return 0;
}

bool recent_find(const struct recent *recent, struct rentbus_uuid command, uint64_t *first_seq,
                 uint64_t *last_seq)
{
    if (!recent->capacity)
        return false;
    uint64_t found = recent->slots[slot_of(recent, &command)];
    if (!found)
        return false;
    const struct entry *entry = entry_at(recent, found - 1);
    *first_seq = entry->first_seq;
    *last_seq = entry->last_seq;
    return true;
}

void recent_forget(struct recent *recent, uint64_t seq)
{
    while (recent->front < recent->back && entry_at(recent, recent->front)->last_seq <= seq) {
        slot_clear(recent, slot_of(recent, &entry_at(recent, recent->front)->command));
        recent->front++;
    }
}

void recent_rollback(struct recent *recent, uint64_t seq)
{
    while (recent->front < recent->back && entry_at(recent, recent->back - 1)->last_seq > seq) {
        slot_clear(recent, slot_of(recent, &entry_at(recent, recent->back - 1)->command));
        recent->back--;
    }
}

size_t recent_count(const struct recent *recent)
{
    return recent->back - recent->front;
}
