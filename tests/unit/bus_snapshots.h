/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Snapshots of the bus of a fixture, taken behind every commit and saving. At a start the bus is
 * opened from each of them, and compared with one that has replayed the whole journal: the
 * consumers, what they want and what is parked must be the same, and so must all that is to be done
 * where the file of cursors is as new as the snapshot. Where it is not, nothing that was to be done
 * at the end may be missing, and nothing may be there that is not for the other.
 */
#ifndef RENTBUS_TESTS_BUS_SNAPSHOTS_H
#define RENTBUS_TESTS_BUS_SNAPSHOTS_H

#include "sdk/protocol/types.h"

struct bus;
struct bus_fixture;
struct bus_snapshots;

struct bus_snapshots *bus_snapshots_create(void);
/* NULL-safe. */
void bus_snapshots_destroy(struct bus_snapshots **snapshots);
void bus_snapshots_take(struct bus_snapshots *snapshots, const struct bus *bus);
/* The same, of a bus that is going to be closed: how it stands is what is not to be lost. `killed`:
 * it does not go on from there. */
void bus_snapshots_end(struct bus_snapshots *snapshots, const struct bus *bus, bool killed);
/* With no bus open. *seq and *bytes are those of the newest snapshot that leads to the same as the
 * whole journal does, borrowed until the next call of a function. */
void bus_snapshots_compare(struct bus_snapshots *snapshots, struct bus_fixture *fixture,
                           uint64_t *seq, struct rentbus_bytes *bytes);

#endif
