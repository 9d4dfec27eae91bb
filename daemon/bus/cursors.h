/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The file that remembers how far consumers are: a row for each, written by a thread of its own
 * without waiting for the disk. What the last moments before a power cut brought may be missing
 * from it; after the end of the process alone nothing is. A file that is lost or damaged is begun
 * anew, and consumers then begin again where they were created or reset last.
 */
#ifndef RENTBUS_BUS_CURSORS_H
#define RENTBUS_BUS_CURSORS_H

#include "daemon/bus/consumer.h"

struct cursors;

/* How a consumer stood behind the event `at`. */
struct cursors_row {
    struct rentbus_text id;
    uint64_t generation;
    uint64_t at;
    uint64_t cursor;
    const struct consumer_trace *traces;
    size_t count;
};

/* Opens or creates the file at `path` for the ledger, and starts the thread. 0, or -errno. */
int cursors_open(const char *path, const char *ledger, struct cursors **cursors)
    __attribute__((warn_unused_result));
/* Waits for what was given to be saved. NULL-safe. */
void cursors_close(struct cursors **cursors);

/* Sees every row; borrowed for the call. 0 to go on; what else it returns is returned. Before the
 * first cursors_save(). */
typedef int cursors_visitor(void *context, const struct cursors_row *row);
int cursors_load(struct cursors *cursors, cursors_visitor *visit, void *context)
    __attribute__((warn_unused_result));

/* Nothing is being saved. */
bool cursors_idle(struct cursors *cursors);
/* Adds a row to what the next cursors_save() saves, or removes the consumer's. Only when idle.
 * -ENOMEM: it was not added. */
int cursors_put(struct cursors *cursors, const struct cursors_row *row)
    __attribute__((warn_unused_result));
int cursors_remove(struct cursors *cursors, struct rentbus_text id)
    __attribute__((warn_unused_result));
/* Begins to save. A failure is tried again with the next save, and told by cursors_error(). */
void cursors_save(struct cursors *cursors);
/* What the last save came to: 0, or -errno. */
int cursors_error(struct cursors *cursors);

#endif
