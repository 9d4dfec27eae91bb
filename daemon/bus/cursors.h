/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The file that remembers how far consumers are: a row for each, written by a thread of its own
 * without waiting for the disk. What the last moments before a power cut brought may be missing
 * from it; after the end of the process alone nothing is. A file that is lost or damaged is begun
 * anew; consumers of which nothing is known then begin again where they were created or reset last.
 */
#ifndef RENTBUS_BUS_CURSORS_H
#define RENTBUS_BUS_CURSORS_H

#include "daemon/bus/consumer.h"

struct cursors;

/* How a consumer stood behind the event `at`: everything up to `seen` was done, or none of its
 * business, but for what is in `traces`. */
struct cursors_row {
    struct rentbus_text id;
    uint64_t generation;
    uint64_t at;
    uint64_t seen;
    const struct consumer_trace *traces;
    size_t count;
};

/* Sees a row; borrowed for the call. 0 to go on; what else it returns is returned. */
typedef int cursors_visitor(void *context, const struct cursors_row *row);
/* Opens or creates the file at `path` for the ledger, visits its rows, as far as they are sound,
 * and starts the thread. 0, or -errno. */
int cursors_open(const char *path, const char *ledger, cursors_visitor *visit, void *context,
                 struct cursors **cursors) __attribute__((warn_unused_result));
/* Waits for what is being saved. NULL-safe. */
void cursors_close(struct cursors **cursors);

/* Nothing is being saved. */
bool cursors_idle(struct cursors *cursors);
/* Adds a row to what the next cursors_save() saves, or removes the consumer's. Only when idle.
 * -ENOMEM: it was not added. */
int cursors_put(struct cursors *cursors, const struct cursors_row *row)
    __attribute__((warn_unused_result));
int cursors_remove(struct cursors *cursors, struct rentbus_text id)
    __attribute__((warn_unused_result));
/* Begins to save. */
void cursors_save(struct cursors *cursors);
/* Waits until it is done; what it came to: 0, or -errno, and then nothing was saved, and everything
 * has to be added again. */
int cursors_finish(struct cursors *cursors);

#endif
