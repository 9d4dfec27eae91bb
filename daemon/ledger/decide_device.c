/* SPDX-License-Identifier: MPL-2.0 */
/* What the place of a scan in its device's sequence means. */
#include "daemon/ledger/devices.h"
#include "daemon/ledger/rules.h"

bool ledger_decide_resent(const struct ledger *ledger, const struct ledger_command *command,
                          struct ledger_decision *decision)
{
    const struct ledger_scan *scan = &command->args.scan;
    const struct ledger_device *device = ledger_find_device(ledger, scan->device_id);
    struct rentbus_unchanged_data *data;

    if (!device || !ledger_device_has(device, scan->device_seq))
        return false;
    data = ledger_decision_unchanged(decision, command->op, scan->device_id);
    RENTBUS_SET(data, unchanged_data, device_id, scan->device_id);
    RENTBUS_SET(data, unchanged_data, device_seq, scan->device_seq);
    return true;
}

void ledger_decide_gap(const struct ledger *ledger, const struct ledger_scan *scan,
                       struct ledger_decision *decision)
{
    const struct ledger_device *device = ledger_find_device(ledger, scan->device_id);
    uint64_t greatest = device ? device->seq : 0;
    struct rentbus_gap_data *data;

    if (!scan->device_id.data || scan->device_seq <= greatest || scan->device_seq - greatest == 1)
        return;
    data = &ledger_decision_add(decision, RENTBUS_DEVICE_GAP_EVENT, scan->device_id)->data.gap_data;
    data->has = 0;
    RENTBUS_SET(data, gap_data, device_id, scan->device_id);
    RENTBUS_SET(data, gap_data, first_missing, greatest + 1);
    RENTBUS_SET(data, gap_data, last_missing, scan->device_seq - 1);
}
