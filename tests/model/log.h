/* SPDX-License-Identifier: MPL-2.0 */
/* Events in their encoded form: what the journal would hold of them. */
#ifndef RENTBUS_MODEL_LOG_H
#define RENTBUS_MODEL_LOG_H

#include "sdk/protocol/buffer.h"
#include "tests/model/view.h"

struct log_entry {
    const char *type;
    struct model_text subject;
    struct rentbus_buffer data;
};

/* The event with seq n is entry n - 1. */
struct log {
    size_t count;
    size_t capacity;
    struct log_entry *entries;
};

/* Encodes the event behind the last one. Aborts when out of memory. */
void log_append(struct log *log, const struct ledger_event *event);
/* Reads it back; the event borrows from the entry. False when it cannot be read. */
bool log_read(const struct log_entry *entry, struct ledger_event *event);
/* Forgets all behind the first `count`. */
void log_cut(struct log *log, size_t count);
void log_release(struct log *log);

/* The descriptor of the event's data. */
const struct rentbus_schema *log_schema(const struct ledger_event *event);

#endif
