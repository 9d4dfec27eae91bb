/* SPDX-License-Identifier: MPL-2.0 */
/* A daemon with a fresh ledger in a folder of its own, for a benchmark. Whatever fails ends the
 * program with a message. */
#ifndef RENTBUS_BENCH_RIG_H
#define RENTBUS_BENCH_RIG_H

#include <spawn.h>
#include <sys/types.h>

struct rig {
    char directory[32];
    char api[64];
    char events[64];
    char bare[64]; /* an endpoint for the yardstick */
    pid_t pid;
};

void rig_start(struct rig *rig, const char *program);
/* Stops the daemon and removes the folder. */
void rig_stop(struct rig *rig);
/* Removes a folder and all that is in it. */
void rig_remove(const char *directory);

/* Starts a program, which does not outlive this one; `actions` may be NULL. */
pid_t rig_spawn(const char *const arguments[], const posix_spawn_file_actions_t *actions);
/* Waits until it has ended, after a signal if that is not 0. */
void rig_end(pid_t pid, int signal);

/* Seconds of CPU that the daemon has had; and bytes of memory that it has. */
double rig_cpu(const struct rig *rig);
double rig_memory(const struct rig *rig);

#endif
