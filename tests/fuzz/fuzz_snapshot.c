/* SPDX-License-Identifier: MPL-2.0 */
/* Bytes that pass for a ledger: whatever they are read as is sound, and reads the same again. */
#include <stdlib.h>
#include <string.h>

#include "daemon/ledger/snapshot.h"
#include "sdk/protocol/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int append(void *context, const void *data, size_t size)
{
    rentbus_buffer_append(context, data, size);
    return 0;
}

static int give(void *context, void *data, size_t size, size_t *got)
{
    struct rentbus_bytes *left = context;
    size_t count = size < left->length ? size : left->length;

    if (count)
        memcpy(data, left->data, count);
    left->data += count;
    left->length -= count;
    *got = count;
    return 0;
}

static struct ledger *read_ledger(const uint8_t *data, size_t size)
{
    struct rentbus_bytes left = {data, size};
    struct ledger *ledger = NULL;

    return ledger_snapshot_read(give, &left, size, &ledger) ? NULL : ledger;
}

static void write_ledger(const struct ledger *ledger, struct rentbus_buffer *out)
{
    if (ledger_snapshot_write(ledger, append, out) || out->failed)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rentbus_buffer once = {0};
    struct rentbus_buffer twice = {0};
    struct ledger *ledger = read_ledger(data, size);
    struct ledger *again;

    if (!ledger)
        return 0;
    write_ledger(ledger, &once);
    again = read_ledger(once.data, once.length);
    if (!again || ledger_digest(again) != ledger_digest(ledger))
        abort();
    write_ledger(again, &twice);
    if (once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
        abort();
    ledger_destroy(&ledger);
    ledger_destroy(&again);
    rentbus_buffer_release(&once);
    rentbus_buffer_release(&twice);
    return 0;
}
