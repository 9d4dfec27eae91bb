/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/bench/rig.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define CHILDREN_MAX 4

static pid_t children[CHILDREN_MAX];

static void kill_children(void)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (children[i] > 0)
            kill(children[i], SIGKILL);
}

static pid_t *child_find(pid_t pid)
{
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (children[i] == pid)
            return &children[i];
    load_fail("there is no room for a process");
}

pid_t rig_spawn(const char *const arguments[], const posix_spawn_file_actions_t *actions)
{
    static bool watching;
    pid_t *child = child_find(0);
    if (!watching)
        atexit(kill_children);
    watching = true;
    if (posix_spawnp(child, arguments[0], actions, NULL, (char *const *)(uintptr_t)arguments,
                     environ))
        load_fail("cannot start %s", arguments[0]);
    return *child;
}

void rig_end(pid_t pid, int signal)
{
    if (signal)
        kill(pid, signal);
    waitpid(pid, NULL, 0);
    *child_find(pid) = 0;
}

void rig_start(struct rig *rig, const char *program)
{
    char data[48];
    snprintf(rig->directory, sizeof rig->directory, "/tmp/rentbus-bench-XXXXXX");
    if (!mkdtemp(rig->directory))
        load_fail("cannot make %s", rig->directory);
    snprintf(rig->api, sizeof rig->api, "ipc://%s/api.sock", rig->directory);
    snprintf(rig->events, sizeof rig->events, "ipc://%s/events.sock", rig->directory);
    snprintf(rig->bare, sizeof rig->bare, "ipc://%s/bare.sock", rig->directory);
    snprintf(data, sizeof data, "%s/data", rig->directory);
    const char *arguments[] = {program,  "--data",   data,        "--api",
                               rig->api, "--events", rig->events, NULL};
    rig->pid = rig_spawn(arguments, NULL);
}

void rig_remove(const char *directory)
{
    const char *arguments[] = {"rm", "-rf", directory, NULL};
    rig_end(rig_spawn(arguments, NULL), 0);
}

void rig_stop(struct rig *rig)
{
    rig_end(rig->pid, SIGTERM);
    rig_remove(rig->directory);
}

double rig_cpu(const struct rig *rig)
{
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(rig->pid, &clock) || clock_gettime(clock, &spent))
        load_fail("the daemon has ended");
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

double rig_memory(const struct rig *rig)
{
    char path[48];
    char line[128] = "";
    snprintf(path, sizeof path, "/proc/%d/statm", (int)rig->pid);
    FILE *file = fopen(path, "re");
    char *pages = file && fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
    if (!pages)
        load_fail("cannot read %s", path);
    fclose(file);
    return strtod(pages, NULL) * (double)sysconf(_SC_PAGESIZE);
}
