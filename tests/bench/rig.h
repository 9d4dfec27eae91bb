/* SPDX-License-Identifier: MPL-2.0 */
/* A daemon with a fresh ledger in a folder of its own, for a benchmark. Whatever fails ends the
 * program with a message. */
#ifndef RENTBUS_BENCH_RIG_H
#define RENTBUS_BENCH_RIG_H

#include <netinet/in.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/types.h>

struct rig {
    char directory[32];
    char api[64];
    char events[64];
    char bare[64];   /* an endpoint for the yardstick */
    char ledger[64]; /* and one for a bare ledger */
    pid_t pid;
};

void rig_start(struct rig *rig, const char *program);
/* Starts the daemon once more, when it has ended. */
void rig_run(struct rig *rig, const char *program);
/* Stops the daemon and removes the folder. */
void rig_stop(struct rig *rig);
/* Removes a folder and all that is in it. */
void rig_remove(const char *directory);

/* Starts a program, which does not outlive this one; `actions` may be NULL. */
pid_t rig_spawn(const char *const arguments[], const posix_spawn_file_actions_t *actions);
/* Waits until it has ended, after a signal if that is not 0: its status, as of waitpid(). */
int rig_end(pid_t pid, int signal);
/* Lets a little time pass while the process is there. */
void rig_pause(pid_t pid);
/* Starts a program that says on standard error on which port of this machine it listens. */
pid_t rig_listen(const char *const arguments[], struct sockaddr_in *address);
/* The same, of the bridge for the daemon. */
pid_t rig_bridge(const struct rig *rig, const char *program, struct sockaddr_in *address);
/* Whether a program is there, on the PATH or else in the folder, and where. */
#define RIG_PATH_SIZE 512
bool rig_find(const char *name, const char *folder, char path[RIG_PATH_SIZE]);

/* Seconds of CPU that the daemon has had; and bytes of memory that it has. */
double rig_cpu(const struct rig *rig);
double rig_memory(const struct rig *rig);

#endif
