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
/* Reads holes before `seq` as an import gives them: ascending, apart from each other, from 1 on, at
 * most RENTBUS_HOLES_MAX. Returns whether they are so, then with their number in *count, and in
 * *missing how many scans lie in them. */
bool ledger_holes_read(const struct rentbus_list *list, uint64_t seq,
                       struct ledger_range holes[RENTBUS_HOLES_MAX], size_t *count,
                       uint64_t *missing);
/* Takes all up to `seq` but the holes, of a device that has not sent anything yet. 0, or -ENOMEM.
 */
int ledger_device_import(struct ledger_device *device, uint64_t seq,
                         const struct ledger_range *holes, size_t count, uint64_t missing,
                         const struct ledger_memory *memory) __attribute__((warn_unused_result));
/* Frees the holes, not the device. */
void ledger_device_release(struct ledger_device *device, const struct ledger_memory *memory);

/* The texts and the holes are borrowed. */
void ledger_device_view(const struct ledger_device *device, struct ledger_device_view *view);

#endif
