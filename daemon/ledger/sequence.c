/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon/ledger/sequence.h"

#include "daemon/ledger/state.h"

#include <assert.h>
#include <errno.h>

#define CAPACITY_MIN 64

int ledger_sequence_expect(struct ledger_sequence *sequence, size_t count,
                           const struct ledger_memory *memory)
{
    struct ledger_sequence_entry *entries;

    if (count <= sequence->capacity)
        return 0;
    if (count > UINT32_MAX)
        return -ENOMEM;
    entries = memory->resize(memory->context, sequence->entries, count * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    sequence->entries = entries;
    sequence->capacity = count;
    return 0;
}

int ledger_sequence_reserve(struct ledger_sequence *sequence, const struct ledger_memory *memory)
{
    size_t capacity = sequence->capacity ? sequence->capacity * 2 : CAPACITY_MIN;

    if (sequence->count < sequence->capacity)
        return 0;
    return ledger_sequence_expect(sequence, capacity, memory);
}

static void sequence_place(struct ledger_sequence *sequence, size_t index,
                           struct ledger_rental *rental)
{
    sequence->entries[index] = (struct ledger_sequence_entry){rental->created_seq, rental};
    rental->place = (uint32_t)index;
}

void ledger_sequence_add(struct ledger_sequence *sequence, struct ledger_rental *rental)
{
    sequence_place(sequence, sequence->count++, rental);
}

size_t ledger_sequence_after(const struct ledger_sequence *sequence, uint64_t after)
{
    size_t low = 0;
    size_t high = sequence->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sequence->entries[middle].created_seq <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void sequence_compact(struct ledger_sequence *sequence)
{
    size_t kept = 0;

    for (size_t i = 0; i < sequence->count; i++)
        if (sequence->entries[i].rental)
            sequence_place(sequence, kept++, sequence->entries[i].rental);
    sequence->count = kept;
    sequence->holes = 0;
}

void ledger_sequence_remove(struct ledger_sequence *sequence, const struct ledger_rental *rental)
{
    size_t index = rental->place;

    assert(index < sequence->count && sequence->entries[index].rental == rental);
    if (index + 1 == sequence->count) {
        sequence->count--;
        return;
    }
    sequence->entries[index].rental = NULL;
    sequence->holes++;
    if (sequence->holes > sequence->count / 2)
        sequence_compact(sequence);
}

void ledger_sequence_release(struct ledger_sequence *sequence, const struct ledger_memory *memory)
{
    memory->resize(memory->context, sequence->entries, 0);
    *sequence = (struct ledger_sequence){0};
}
