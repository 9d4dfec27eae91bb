/* SPDX-License-Identifier: MPL-2.0 */
/* A ledger that goes through a snapshot. */
#ifndef RENTBUS_MODEL_REBORN_H
#define RENTBUS_MODEL_REBORN_H

#include "daemon/ledger/ledger.h"
#include "tests/model/check.h"

/* Replaces the ledger by what its snapshot is read as, which must have the same digest and the same
 * snapshot. False, and the ledger is as it was. Aborts when out of memory. */
bool reborn(struct ledger **ledger, struct check_report *report)
    __attribute__((warn_unused_result));

#endif
