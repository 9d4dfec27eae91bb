/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A closed rental as the archive stores it: a third of its size as CBOR. Its id is not part of it.
 * Pure.
 *
 *   packed = fields, value…     in the order of the table in packed.c
 *   fields = number             bit i: the i-th field of the table is present
 *   number = LEB128             seven bits a byte, the lowest first
 *   value  = number             UINT; WORD (its place among the words); TIME (zigzag)
 *          / number, bytes      ID, TEXT
 *          / number, (number, bytes)…   IDS
 */
#ifndef RENTBUS_ARCHIVE_PACKED_H
#define RENTBUS_ARCHIVE_PACKED_H

#include "sdk/protocol/buffer.h"
#include "sdk/protocol/schema.h"

/* Appends the rental to `out`; out of memory shows in out->failed. */
void packed_rental_write(const struct rentbus_rental *rental, struct rentbus_buffer *out);
/* Reads it back with the id that it is stored under; texts point into `packed`. 0, or -EBADMSG when
 * the bytes are none. */
int packed_rental_read(struct rentbus_bytes packed, struct rentbus_text id,
                       struct rentbus_rental *rental) __attribute__((warn_unused_result));

#endif
