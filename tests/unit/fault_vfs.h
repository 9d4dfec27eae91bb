/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A layer under SQLite that fails on demand: at the n-th write, at the n-th sync, when a disk of so
 * many bytes is full, or by a power cut that loses what was not synced. One for the process; it
 * sees every file that is opened while it is installed. Any thread may do I/O through it.
 */
#ifndef RENTBUS_TESTS_FAULT_VFS_H
#define RENTBUS_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

/* What fails. A number counts from the next such operation on, 1 being the very next; 0: never.
 * Only files whose path contains `path` count, all when it is NULL. */
struct fault_plan {
    const char *path;
    uint64_t write; /* fails half-way with an I/O error */
    uint64_t sync;  /* fails, and what it should have synced never reaches the disk */
    uint64_t cut;   /* of writes, syncs and truncations: with it the power goes */
    bool has_room;  /* the disk takes only `room` more bytes beyond the ends of its files */
    int64_t room;
    bool asleep;  /* syncs do nothing, as when a process ends before them */
    bool lasting; /* a failure of `write` or `sync` repeats until the next plan */
};

void fault_vfs_install(void);
/* Every file must be closed. */
void fault_vfs_uninstall(void);

/* Replaces the plan, and forgets what has fired. */
void fault_vfs_plan(struct fault_plan plan);
/* Whether anything has failed by the plan. */
bool fault_vfs_fired(void);
/* With every file closed after a power cut: takes back each write that was not synced, or some of
 * them by the seed, as a disk does that writes in its own order. */
void fault_vfs_lose_unsynced(uint64_t seed, bool all);

#endif
