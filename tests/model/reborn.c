/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/model/reborn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ledger/snapshot.h"
#include "sdk/protocol/buffer.h"

static int take(void *context, const void *data, size_t size)
{
    rentbus_buffer_append(context, data, size);
    return 0;
}

/* A little at a time. */
static int give(void *context, void *data, size_t size, size_t *got)
{
    struct rentbus_bytes *left = context;
    size_t count = size < left->length ? size : left->length;
    if (count > 1000)
        count = 1000;
    if (count > 0)
        memcpy(data, left->data, count);
    left->data += count;
    left->length -= count;
    *got = count;
    return 0;
}

static int write(const struct ledger *ledger, struct rentbus_buffer *out)
{
    int status = ledger_snapshot_write(ledger, take, out);
    if (status == -ENOMEM || out->failed)
        abort();
    return status;
}

static int read(const struct rentbus_buffer *bytes, struct ledger **ledger)
{
    struct rentbus_bytes left = {bytes->data, bytes->length};
    int status = ledger_snapshot_read(give, &left, bytes->length, ledger);
    if (status == -ENOMEM)
        abort();
    return status;
}

static bool same(const struct rentbus_buffer *a, const struct rentbus_buffer *b)
{
    return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static bool check(const struct ledger *ledger, const struct ledger *again,
                  const struct rentbus_buffer *bytes, struct check_report *report)
{
    struct rentbus_buffer twice = {0};
    bool good = ledger_head(again) == ledger_head(ledger) &&
                ledger_digest(again) == ledger_digest(ledger) && write(again, &twice) == 0 &&
                same(bytes, &twice);
    rentbus_buffer_release(&twice);
    return good || check_fail(report, "a snapshot is read as another ledger");
}

bool reborn(struct ledger **ledger, struct check_report *report)
{
    struct rentbus_buffer bytes = {0};
    struct ledger *again = NULL;
    int status = write(*ledger, &bytes);
    if (status == 0)
        status = read(&bytes, &again);
    bool good = status == 0 ? check(*ledger, again, &bytes, report)
                            : check_fail(report, "a snapshot comes to %d", status);
    if (good) {
        struct ledger *old = *ledger;
        *ledger = again;
        again = old;
    }
    ledger_destroy(&again);
    rentbus_buffer_release(&bytes);
    return good;
}
