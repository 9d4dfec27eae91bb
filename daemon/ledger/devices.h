/* SPDX-License-Identifier: MPL-2.0 */
/* Which scans of a device came: all up to the greatest, but for the holes. */
#ifndef RENTBUS_LEDGER_DEVICES_H
#define RENTBUS_LEDGER_DEVICES_H

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/memory.h"

struct ledger_device;

/* Whether that one came. */
bool ledger_device_has(const struct ledger_device *device, uint64_t seq);
/* Makes room for what a scan that has not come may need. 0, or -ENOMEM. */
int ledger_device_reserve(struct ledger_device *device, uint64_t seq,
                          const struct ledger_memory *memory) __attribute__((warn_unused_result));
/* Takes a scan that has not come; needs a ledger_device_reserve() before. */
void ledger_device_take(struct ledger_device *device, uint64_t seq);
/* The opposite of the last ledger_device_take(), before which `greatest` was the greatest. */
void ledger_device_untake(struct ledger_device *device, uint64_t seq, uint64_t greatest);
/* Frees the holes, not the device. */
void ledger_device_release(struct ledger_device *device, const struct ledger_memory *memory);

/* The texts and the holes are borrowed. */
void ledger_device_view(const struct ledger_device *device, struct ledger_device_view *view);

#endif
