/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the writer and the reader of snapshots agree on. Numbers are little-endian groups of seven
 * bits, each but the last with its top bit set; what may be negative is folded: 0, -1, 1, -2, …
 * Texts are their length and their bytes.
 *
 * In this order: numbers (enum below), the policy, then as many records of each kind as the numbers
 * say. Users and assets are referred to by their place, from 1 on, 0 for none. Names and lists of
 * asset types are told where they come first: a reference one above those known so far is followed
 * by what it stands for.
 */
#ifndef RENTBUS_LEDGER_SNAPSHOT_RECORD_H
#define RENTBUS_LEDGER_SNAPSHOT_RECORD_H

#include <stdint.h>

enum snapshot_number {
    SNAPSHOT_HEAD,
    SNAPSHOT_RENTALS_EVER,
    SNAPSHOT_ASSET_TYPES,
    SNAPSHOT_LOCATIONS,
    SNAPSHOT_USERS,
    SNAPSHOT_ASSETS,
    SNAPSHOT_DEVICES,
    SNAPSHOT_RENTALS,
    SNAPSHOT_UNANSWERED,
    SNAPSHOT_NUMBERS
};

/* Bits that say what a record has. */
#define SNAPSHOT_NAMED 1 /* of users and locations */
#define SNAPSHOT_BLOCKED 2
#define SNAPSHOT_LIMITED 4 /* of users and asset types */

#define SNAPSHOT_LEAD 1 /* of asset types */
#define SNAPSHOT_RENEWALS 2

#define SNAPSHOT_TIMED 1    /* of rentals: has a due_at that is not LEDGER_NEVER */
#define SNAPSHOT_OVER 2     /* what an open rental has none of follows */
#define SNAPSHOT_RETURNED 4 /* has a returned_at */
#define SNAPSHOT_LATE 8

/* The longest record in bytes, but for the holes of a device: a list of RENTBUS_IDS_MAX new names,
 * and some texts of RENTBUS_TEXT_MAX. */
#define SNAPSHOT_RECORD_MAX 16384

#endif
