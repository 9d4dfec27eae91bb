/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A ledger as a stream of bytes, and back. Equal ledgers give equal bytes: they follow from what
 * the rules and the lists can see, with the order of lists, and from nothing of how it lies in
 * memory. The format is that of this version alone; who keeps the bytes notes which it was.
 *
 * The reader believes nothing: whatever bytes it is given, it comes to a ledger that is sound in
 * itself, or refuses. That they are the right bytes is for a checksum around them to prove.
 */
#ifndef RENTBUS_LEDGER_SNAPSHOT_H
#define RENTBUS_LEDGER_SNAPSHOT_H

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/memory.h"

#define LEDGER_SNAPSHOT_FORMAT 1

/* Takes the next bytes, borrowed for the call. 0; anything else ends the writing, and is returned.
 */
typedef int ledger_snapshot_sink(void *context, const void *data, size_t size);
/* Gives the next bytes, at most `size`, and how many in *got: 0 at the end alone. 0; anything else
 * ends the reading, and is returned. */
typedef int ledger_snapshot_source(void *context, void *data, size_t size, size_t *got);

/* Writes all of a ledger of which everything is durable. 0; -EBUSY when something is not; -ENOMEM;
 * or what the sink returned. Takes some 30 bytes of memory for each user and asset. */
int ledger_snapshot_write(const struct ledger *ledger, ledger_snapshot_sink *sink, void *context)
    __attribute__((warn_unused_result));
/* Reads a ledger of at most `limit` bytes, which bounds what is reserved in advance. 0 with
 * *ledger, of which everything is durable, and which ledger_archived() is to tell again what the
 * archive has; -EBADMSG when that is none; -ENOMEM; or what the source returned.
 */
int ledger_snapshot_read(ledger_snapshot_source *source, void *context, uint64_t limit,
                         struct ledger **ledger) __attribute__((warn_unused_result));
/* The same with a heap of the caller's. */
int ledger_snapshot_read_in(const struct ledger_memory *memory, ledger_snapshot_source *source,
                            void *context, uint64_t limit, struct ledger **ledger)
    __attribute__((warn_unused_result));

#endif
