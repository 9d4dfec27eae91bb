/* SPDX-License-Identifier: MPL-2.0 */
/* The commands that the archive has not taken yet, by id: a queue in the order of their seqs with a
 * hash index over it. Not thread-safe. */
#ifndef RENTBUS_ENGINE_RECENT_H
#define RENTBUS_ENGINE_RECENT_H

#include "sdk/protocol/types.h"

struct recent;

/* NULL when out of memory. */
struct recent *recent_create(void);
void recent_destroy(struct recent **recent);

/* Adds a command that is not in it, or moves the last seq of the one added last. 0, or -ENOMEM with
 * nothing added. */
int recent_add(struct recent *recent, struct rentbus_uuid command, uint64_t first_seq,
               uint64_t last_seq) __attribute__((warn_unused_result));
bool recent_find(const struct recent *recent, struct rentbus_uuid command, uint64_t *first_seq,
                 uint64_t *last_seq);
/* Forgets commands whose last event is at or before `seq`. */
void recent_forget(struct recent *recent, uint64_t seq);
/* Forgets commands whose last event is behind `seq`. */
void recent_rollback(struct recent *recent, uint64_t seq);
size_t recent_count(const struct recent *recent);

#endif
