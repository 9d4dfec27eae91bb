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
    uint32_t hash;
};

/* `place` is the index of an entry + 1, or 0. */
struct slot {
    uint32_t hash;
    uint32_t place;
};

/* `entries` is a ring of `capacity` (a power of two) and `front`, `back` count up for ever. `slots`
 * is twice as large. Ids are chosen by clients, so the hash is keyed: nobody can choose ids that
 * all land in one place. */
struct recent {
    struct entry *entries;
    struct slot *slots;
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

static size_t index_of(const struct recent *recent, uint64_t count)
{
    return count & (recent->capacity - 1);
}

static bool same(const struct rentbus_uuid *a, const struct rentbus_uuid *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static uint32_t hash_of(const struct recent *recent, const struct rentbus_uuid *command)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, command->bytes, sizeof command->bytes, recent->key);
    return (uint32_t)hash;
}

/* Puts an entry behind the others; there is room. */
static void push(struct recent *recent, struct entry entry)
{
    size_t mask = 2 * recent->capacity - 1;
    size_t index = index_of(recent, recent->back++);
    size_t slot = entry.hash & mask;
    while (recent->slots[slot].place)
        slot = (slot + 1) & mask;
    recent->slots[slot] = (struct slot){entry.hash, (uint32_t)index + 1};
    recent->entries[index] = entry;
}

/* Empties the slot of an entry and moves up those behind it that would no longer be found. */
static void drop(struct recent *recent, size_t index)
{
    size_t mask = 2 * recent->capacity - 1;
    size_t hole = recent->entries[index].hash & mask;
    while (recent->slots[hole].place != index + 1)
        hole = (hole + 1) & mask;
    for (size_t next = (hole + 1) & mask; recent->slots[next].place; next = (next + 1) & mask) {
        size_t home = recent->slots[next].hash & mask;
        if (((next - home) & mask) < ((next - hole) & mask))
            continue;
        recent->slots[hole] = recent->slots[next];
        hole = next;
    }
    recent->slots[hole].place = 0;
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
    larger.back = recent->front;
    while (larger.back < recent->back)
        push(&larger, recent->entries[index_of(recent, larger.back)]);
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
    size_t count = recent_count(recent);
    if (count > 0) {
        struct entry *last = &recent->entries[index_of(recent, recent->back - 1)];
        if (same(&last->command, &command)) {
            last->last_seq = last_seq;
            return 0;
        }
    }
    if (count == recent->capacity) {
        int status = grow(recent);
        if (status)
            return status;
    }
    push(recent, (struct entry){command, first_seq, last_seq, hash_of(recent, &command)});
    return 0;
}

bool recent_find(const struct recent *recent, struct rentbus_uuid command, uint64_t *first_seq,
                 uint64_t *last_seq)
{
    uint32_t hash = hash_of(recent, &command);
    size_t mask = 2 * recent->capacity - 1;
    if (!recent->capacity)
        return false;
    for (size_t slot = hash & mask; recent->slots[slot].place; slot = (slot + 1) & mask) {
        const struct entry *entry = &recent->entries[recent->slots[slot].place - 1];
        if (recent->slots[slot].hash != hash || !same(&entry->command, &command))
            continue;
        *first_seq = entry->first_seq;
        *last_seq = entry->last_seq;
        return true;
    }
    return false;
}

void recent_forget(struct recent *recent, uint64_t seq)
{
    for (; recent->front < recent->back; recent->front++) {
        size_t index = index_of(recent, recent->front);
        if (recent->entries[index].last_seq > seq)
            return;
        drop(recent, index);
    }
}

void recent_rollback(struct recent *recent, uint64_t seq)
{
    for (; recent->front < recent->back; recent->back--) {
        size_t index = index_of(recent, recent->back - 1);
        if (recent->entries[index].last_seq <= seq)
            return;
        drop(recent, index);
    }
}

size_t recent_count(const struct recent *recent)
{
    return recent->back - recent->front;
}
