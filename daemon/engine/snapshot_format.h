/* SPDX-License-Identifier: MPL-2.0 */
/* What the writer and the reader of a snapshot's file agree on. */
#ifndef RENTBUS_ENGINE_SNAPSHOT_FORMAT_H
#define RENTBUS_ENGINE_SNAPSHOT_FORMAT_H

#include "daemon/engine/snapshot_file.h"

#define SNAPSHOT_FILE_PREFIX "snapshot-"
#define SNAPSHOT_FILE_PART "snapshot.part"
#define SNAPSHOT_MAGIC "rentbus snapshot"
#define SNAPSHOT_MAGIC_SIZE (sizeof SNAPSHOT_MAGIC - 1)
#define SNAPSHOT_PIECE_MAX (64 << 10)
#define SNAPSHOT_TRAILER_SIZE (8 + RENTBUS_HASH_SIZE)

/* Where what stands in the header; numbers are little endian, the name ends with zeros. */
enum snapshot_offset {
    SNAPSHOT_AT_FORMAT = SNAPSHOT_MAGIC_SIZE,
    SNAPSHOT_AT_SEQ = SNAPSHOT_AT_FORMAT + 8,
    SNAPSHOT_AT_TIME = SNAPSHOT_AT_SEQ + 8,
    SNAPSHOT_AT_DIGEST = SNAPSHOT_AT_TIME + 8,
    SNAPSHOT_AT_HASH = SNAPSHOT_AT_DIGEST + 8,
    SNAPSHOT_AT_LEDGER = SNAPSHOT_AT_HASH + RENTBUS_HASH_SIZE,
    SNAPSHOT_HEADER_SIZE = SNAPSHOT_AT_LEDGER + CHAIN_LEDGER_MAX,
};

static inline void snapshot_put_number(uint8_t *bytes, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}

static inline uint64_t snapshot_take_number(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number |= (uint64_t)bytes[i] << 8 * i;
    return number;
}

/* The path of the snapshot of that seq. 0, or -ENAMETOOLONG. */
int snapshot_file_path(const char *directory, uint64_t seq, char *path, size_t size)
    __attribute__((warn_unused_result));

#endif
