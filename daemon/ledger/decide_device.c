/* SPDX-License-Identifier: MPL-2.0 */
/* What the place of a scan in its device's sequence means, and the import of such sequences. */
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

static int check_import(const struct rentbus_import_device_args *args, uint64_t *missing,
                        struct rentbus_fault *fault)
{
    struct ledger_range holes[RENTBUS_HOLES_MAX];
    size_t count;

    if (args->device_seq == 0 || args->device_seq > INT64_MAX)
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "device_seq",
                                 "must be from 1 to 9223372036854775807");
    if (!ledger_holes_read(&args->holes, args->device_seq, holes, &count, missing))
        return rentbus_fault_set(fault, RENTBUS_ERROR_INVALID_ARGUMENT, "holes",
                                 "must be at most %d, from 1 on, ascending, apart from each other "
                                 "and before device_seq",
                                 RENTBUS_HOLES_MAX);
    return 0;
}

int ledger_decide_import_device(const struct ledger *ledger, const struct ledger_command *command,
                                const struct ledger_context *context,
                                struct ledger_decision *decision, struct rentbus_fault *fault)
{
    const struct rentbus_import_device_args *args = &command->args.admin_import_device;
    struct rentbus_unchanged_data *unchanged;
    struct rentbus_device *device;
    uint64_t missing;
    int error = check_import(args, &missing, fault);

    (void)context;
    if (error != 0)
        return error;
    if (ledger_find_device(ledger, args->id)) {
        unchanged = ledger_decision_unchanged(decision, command->op, args->id);
        RENTBUS_SET(unchanged, unchanged_data, device_id, args->id);
        RENTBUS_SET(unchanged, unchanged_data, device_seq, args->device_seq);
        return 0;
    }
    device = &ledger_decision_add(decision, RENTBUS_DEVICE_IMPORTED_EVENT, args->id)->data.device;
    device->has = 0;
    RENTBUS_SET(device, device, id, args->id);
    RENTBUS_SET(device, device, holes, args->holes);
    RENTBUS_SET(device, device, missing, missing);
    RENTBUS_SET(device, device, device_seq, args->device_seq);
    return 0;
}
