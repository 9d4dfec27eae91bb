/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/log.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/ledger/codec.h"
#include "sdk/protocol/codec.h"
#include "sdk/protocol/text.h"

/* The type and the data of an event that is not the ledger's. */
#define FOREIGN_TYPE "SHOP_OPENED_EVENT"
static const uint8_t empty_map = 0xa0;

const struct rentbus_schema *log_schema(const struct ledger_event *event)
{
    return rentbus_event_rows[event->type].data;
}

static struct log_entry *entry_add(struct log *log)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? 2 * log->capacity : 64;
        log->entries = realloc(log->entries, log->capacity * sizeof log->entries[0]);
        if (!log->entries)
            abort();
    }
    struct log_entry *entry = &log->entries[log->count++];
    memset(entry, 0, sizeof *entry);
    return entry;
}

void log_append(struct log *log, const struct ledger_event *event)
{
    struct log_entry *entry = entry_add(log);
    if (event->subject.data) {
        entry->subject.given = true;
        memcpy(entry->subject.text, event->subject.data, event->subject.length);
    }
    if (event->type == RENTBUS_EVENT_NONE) {
        entry->type = FOREIGN_TYPE;
        rentbus_buffer_append(&entry->data, &empty_map, 1);
    } else {
        entry->type = rentbus_event_rows[event->type].type;
        rentbus_encode(log_schema(event), ledger_event_data(event), &entry->data);
    }
    if (entry->data.failed)
        abort();
}

bool log_read(const struct log_entry *entry, struct ledger_event *event)
{
    struct rentbus_event wire = {0};
    struct rentbus_bytes data = {entry->data.data, entry->data.length};
    RENTBUS_SET(&wire, event, type, rentbus_text(entry->type));
    RENTBUS_SET(&wire, event, data, data);
    if (entry->subject.given)
        RENTBUS_SET(&wire, event, subject, view_text(&entry->subject));
    return ledger_event_decode(&wire, event) == 0;
}

void log_cut(struct log *log, size_t count)
{
    while (log->count > count)
        rentbus_buffer_release(&log->entries[--log->count].data);
}

void log_release(struct log *log)
{
    log_cut(log, 0);
    free(log->entries);
    *log = (struct log){0};
}
